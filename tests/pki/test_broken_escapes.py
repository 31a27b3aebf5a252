"""A percent sign that begins no escape is told of, at its place: a guess would be another passphrase or path."""

from __future__ import annotations

import pytest

from runner.pki.keyurls import BadKeyUrl, parse_key_url


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("generate://pkcs8s:p%2@ec:p256/out/web", 20),
        ("generate://pkcs8s:100%@ec:p256/out/web", 22),
        ("generate://pkcs8@ec:p256/out/100%", 33),
        ("file://se%cret/op.prv", 10),
        ("file://se%zz/op.prv", 10),
        ("file://secret/a%2", 16),
        ("file:a%b", 7),
        ("file:///%g0", 9),
    ],
)
def test_a_broken_escape_has_its_place_and_the_way_out(text, position):
    with pytest.raises(BadKeyUrl) as caught:
        parse_key_url(text)
    assert (caught.value.position, caught.value.next_step) == (position, "a percent sign itself is written %25")
    assert "two hexadecimal digits" in str(caught.value)
    assert "se" not in str(caught.value).split("percent sign")[0]


@pytest.mark.parametrize("text", ["a%2.prv", "file:a%25", "file://p%40%2F/op.prv", "generate://pkcs8s:%25@ec:p256/x"])
def test_whole_escapes_and_bare_paths_are_taken(text):
    assert parse_key_url(text)
