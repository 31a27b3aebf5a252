"""What an HTTP answer means: a table of statuses, types and bodies, and properties of the words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runner.errors import NotCmp, TransportError, Unanswered
from runner.transports.answers import HttpAnswer, cmp_body, missing_octets, seconds_to_wait
from runner.transports.words import short

NOW = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)
CMP = b"\x30\x82\x01\x00" + bytes(256)
PAGE = b"<!DOCTYPE html><html><head><TITLE lang='en'>\n Log   in </TITLE></head></html>"


def answer(status=200, content_type="", body=b"", *, location="", retry_after=""):
    return HttpAnswer(status, content_type, location, retry_after, body)


def judged(given_answer):
    return cmp_body(given_answer, peer="http://ca.example/pkix/", now=NOW)


@pytest.mark.parametrize("status", [200, 201, 400, 403, 404, 429, 500, 503])
@pytest.mark.parametrize(
    "content_type",
    [
        "application/pkixcmp",
        "Application/PKIXCMP; x=y",
        "application/x-pkixcmp",
        "application/octet-stream",
        "",
        "text/html",
    ],
)
def test_a_message_is_returned_whatever_its_status(status, content_type):
    assert judged(answer(status, content_type, CMP)) == CMP


@pytest.mark.parametrize("content_type", ["application/pkixcmp", "application/x-pkixcmp"])
def test_what_calls_itself_cmp_is_left_to_the_core(content_type):
    assert judged(answer(200, content_type, b"no DER at all")) == b"no DER at all"


def test_a_short_message_is_one_too():
    assert judged(answer(200, "", b"\x30\x02\x05\x00")) == b"\x30\x02\x05\x00"


@pytest.mark.parametrize(
    ("given_answer", "kind", "words"),
    [
        (answer(200, "text/html", PAGE), NotCmp, ["not CMP (HTTP status 200)", "web page titled “Log in”", "`url:`"]),
        (answer(200, "", PAGE), NotCmp, ["web page titled “Log in”"]),
        (answer(200, "text/html", b"<p>hello"), NotCmp, ["is a web page"]),
        (answer(200, "text/html", b"<title>never ends"), NotCmp, ["is a web page"]),
        (answer(200, "text/html", b"<titl>x</title>"), NotCmp, ["is a web page"]),
        (answer(200, "text/plain", b"0 errors\n"), NotCmp, ["media type text/plain"]),
        (answer(200, "application/octet-stream", b"hello"), NotCmp, ["media type application/octet-stream"]),
        (answer(200, "", b"hello"), NotCmp, ["no media type"]),
        (answer(200, "text/\x1b[31mred", b"hello"), NotCmp, ["media type text/ [31mred"]),
        (answer(200, "application/pkixcmp"), Unanswered, ["answered with nothing (HTTP status 200)"]),
        (answer(204), Unanswered, ["answered with nothing (HTTP status 204)"]),
        (answer(400, "text/plain", b"bad"), NotCmp, ["HTTP status 400", "finds fault"]),
        (answer(401), NotCmp, ["HTTP status 401", "user name", "http: {credential: …}"]),
        (answer(403, "text/html", PAGE), NotCmp, ["HTTP status 403", "needs credentials", "“Log in”"]),
        (answer(404, "text/html", PAGE), NotCmp, ["HTTP status 404", "check the path in `url:`"]),
        (answer(405), NotCmp, ["HTTP status 405", "takes no POST"]),
        (answer(407), NotCmp, ["HTTP status 407", "proxy"]),
        (answer(410), NotCmp, ["HTTP status 410", "any more"]),
        (answer(413), NotCmp, ["HTTP status 413", "too large"]),
        (answer(415), NotCmp, ["HTTP status 415", "application/pkixcmp"]),
        (answer(418), NotCmp, ["HTTP status 418", "does not take CMP here"]),
        (answer(501), NotCmp, ["HTTP status 501"]),
        (answer(505), NotCmp, ["HTTP status 505"]),
        (answer(777), NotCmp, ["HTTP status 777"]),
        (answer(408), Unanswered, ["busy (HTTP status 408)"]),
        (answer(500, "text/html", PAGE), Unanswered, ["in trouble", "HTTP status 500", "“Log in”"]),
        (answer(502), Unanswered, ["HTTP status 502", "no body"]),
        (answer(504), Unanswered, ["HTTP status 504"]),
        (answer(599), Unanswered, ["HTTP status 599"]),
    ],
)
def test_anything_else_is_an_error_with_words(given_answer, kind, words):
    with pytest.raises(kind) as caught:
        judged(given_answer)
    said = f"{caught.value.what} | {caught.value.why} | {caught.value.next_step}"
    assert all(word in said for word in words), said
    assert "http://ca.example/pkix/" in caught.value.what
    assert caught.value.next_step


@pytest.mark.parametrize(
    ("location", "named"),
    [
        ("https://sso.example/login?SAMLRequest=hunter2#x", "it names https://sso.example/login; "),
        ("https://joe:hunter2@ca.example/", "it names https://ca.example/; "),
        ("/elsewhere\x1b[2J\u202e", "it names /elsewhere [2J; "),
        ("https://[hunter2/", "a redirect is never followed"),
        ("", "a redirect is never followed"),
        ("/" + "a" * 500, "it names /" + "a" * 78 + "…; "),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_named_and_not_followed(status, location, named):
    with pytest.raises(NotCmp) as caught:
        judged(answer(status, "application/pkixcmp", CMP, location=location))
    assert f"HTTP status {status}" in caught.value.what
    assert caught.value.why.startswith(named)
    assert "hunter2" not in caught.value.why


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_peer_says_when_to_come_back(status):
    with pytest.raises(Unanswered) as caught:
        judged(answer(status, retry_after="7"))
    assert caught.value.retry_after == 7.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        (" 120 ", 120.0),
        ("86400", 3600.0),
        ("9" * 400, 3600.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        ("Mon, 04 May 2026 12:01:30 -0000", 90.0),
        ("Mon, 04 May 2026 11:59:00 GMT", 0.0),
        ("Mon, 04 May 2099 12:00:00 GMT", 3600.0),
        ("Mon, 04 May 99999 12:00:00 GMT", None),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date_within_bounds(text, seconds):
    assert seconds_to_wait(text, NOW) == seconds


@given(st.text())
@example("Mon, 04 May 2026 12:00:00 +99999999999999999999")
@example("Fri, 31 Dec 9999 23:59:59 -2359")
def test_no_retry_after_is_too_odd(text):
    wait = seconds_to_wait(text, NOW)
    assert wait is None or 0.0 <= wait <= 3600.0


@given(st.text())
def test_a_short_piece_is_printable_and_short(text):
    piece = short(text)
    assert piece.isprintable()
    assert len(piece) <= 80


@given(
    status=st.integers(200, 999),
    content_type=st.text(),
    body=st.one_of(st.binary(), st.binary().map(lambda octets: b"<title>" + octets + b"</title>")),
    location=st.text(),
)
def test_every_answer_is_octets_or_an_error_in_printable_words(status, content_type, body, location):
    try:
        found, words = judged(answer(status, content_type, body, location=location)), ""
    except TransportError as error:
        found, words = body, error.what + error.why + error.next_step
    assert found == body
    assert words.isprintable()


@pytest.mark.parametrize("content", [0, 1, 127, 128, 255, 256, 65536])
def test_a_cut_message_is_known_by_its_length(content):
    size = content.to_bytes(3, "big").lstrip(b"\0")
    length = bytes([content]) if content < 128 else bytes([0x80 | len(size)]) + size
    whole = b"\x30" + length + bytes(content)
    cuts = {1, 2, 3, 4, len(whole) // 2, len(whole) - 1} & set(range(1, len(whole)))
    assert all(missing_octets(whole[:cut]) > 0 for cut in cuts)
    assert missing_octets(whole[:-1]) == 1
    assert missing_octets(whole) == 0
    assert missing_octets(whole + b"more") == 0


@pytest.mark.parametrize("body", [b"", b"<html>", b"\x31\x7f", b"\x30\x80\x05\x00\x00\x00"])
def test_what_is_no_der_of_known_length_lacks_nothing(body):
    assert missing_octets(body) == 0
