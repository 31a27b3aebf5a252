"""User IDs and passwords as cryptlib writes them become octets.

Both ends are ours: the texts were made by a small program of our own, written after the published source of cryptlib's
encoder (encodePKIUserValue), with the checksum of each of three generations of its releases. No cryptlib ran.
"""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.pki.user_values import user_value

WRITTEN = [
    ("5SJUE-N4ELX-VHRCE", "112233445566778880"),
    ("WD37P-QN6R7-TELLA-M75J5", "f3d6b99c7f6245280beed1b0"),
    ("6WJUE-N4ELX-VHRCE", "112233445566778880"),
    ("6937P-QN6R7-TELLA-M75J5", "f3d6b99c7f6245280beed1b0"),
    ("C6JUE-N4ELX-VHRCE", "112233445566778880"),
    ("CZ37P-QN6R7-TELLA-M75J5", "f3d6b99c7f6245280beed1b0"),
    ("S9999-99999-99999", "ffffffffffffffffe0"),
    ("8V999-99999-99999-99999", "fffffffffffffffffffffff0"),
]


@pytest.mark.parametrize(("text", "octets"), WRITTEN)
def test_what_is_written_as_cryptlib_does_is_read(text, octets):
    assert user_value(text).hex() == user_value(text.lower()).hex() == octets


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "groups of five"),
        ("C6JUEN4ELXVHRCE", "groups of five"),
        ("C6JUE-N4ELX", "groups of five"),
        ("C6JUE-N4ELX-VHRCE-", "groups of five"),
        ("C6JUE-N4ELX-VHRCE\n", "groups of five"),
        ("C6JUE-N4ELX-VHRC\u212a", "groups of five"),
        ("C6JUE-N4ELX-VHRCE-AAAAA-AAAAA", "groups of five"),
        ("C6JUE-N4ELX-VHR0E", "look alike"),
        ("C6JUE-N4ELI-VHRCE", "look alike"),
        ("C6JUE-N4ELX-VHRCF", "checksum"),
        ("6CJUE-N4ELX-VHRCE", "checksum"),
    ],
)
def test_what_it_never_wrote_is_refused_without_a_word_of_it(text, why):
    with pytest.raises(ValueError, match=why) as caught:
        user_value(text)
    assert not text or text.strip() not in str(caught.value)


@given(st.text())
def test_any_text_is_read_or_refused(text):
    with suppress(ValueError):
        assert len(user_value(text)) in (9, 12)
