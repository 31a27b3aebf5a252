"""CMP over TCP, octet by octet: examples of the specifications, every frame there and back, any octets at all."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import Delayed, NotCmp, TransportError, Unanswered
from runner.transports import frames
from runner.transports.frames import Frame, decode_frame, encode_frame, message_in, poll_frame

NOW = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)
PEER = "tcp://ca.example:829"


@pytest.mark.parametrize(
    ("frame", "octets"),
    [
        (Frame(frames.PKI_REQ, b"\x30" * 300, old=True), "0000012d 00" + "30" * 300),
        (Frame(frames.POLL_REQ, b"\x00\x00\x00\x2a", old=True), "00000005 02 0000002a"),
        (Frame(frames.PKI_REQ, b"\x30" * 300), "0000012f 0a 00 00" + "30" * 300),
        (Frame(frames.FIN_REP, b"\x00", closing=True), "00000004 0a 01 03 00"),
    ],
)
def test_the_examples_of_both_styles(frame, octets):
    assert encode_frame(frame) == bytes.fromhex(octets)


@given(st.integers(0, 6), st.binary(max_size=50), st.booleans(), st.booleans())
def test_a_frame_comes_back_as_it_went(kind, value, old, closing):
    frame = Frame(kind, value, old, closing or old)
    octets = encode_frame(frame)
    assert int.from_bytes(octets[:4], "big") == len(octets) - 4
    assert decode_frame(octets[4:]) == frame


@given(st.binary(max_size=40))
def test_any_octets_are_a_message_or_an_error_with_words(body):
    try:
        answer = message_in(decode_frame(body), PEER, NOW)
    except (ValueError, TransportError) as error:
        words = str(error) + getattr(error, "why", "")
    else:
        words = "an answer"
        assert answer in body
    assert words
    assert words.isprintable()


@pytest.mark.parametrize(
    ("body", "words"),
    [(b"", "empty"), (b"\x07\x00\x00", "not known"), (b"\x0a\x00", "too short"), (b"\x0a", "too short")],
)
def test_what_is_no_frame_says_why(body, words):
    with pytest.raises(ValueError, match=words):
        decode_frame(body)


def test_a_later_version_is_read_like_version_10():
    assert decode_frame(b"\x0b\xff\x05\x30\x00") == Frame(frames.PKI_REP, b"\x30\x00", closing=True)


@pytest.mark.parametrize(
    ("frame", "seconds"),
    [
        (Frame(frames.POLL_REP, bytes.fromhex("0000002a 0000001e")), 30),
        (Frame(frames.POLL_REP, bytes.fromhex("0000002a") + int(NOW.timestamp() + 90).to_bytes(4, "big")), 90),
        (
            Frame(frames.POLL_REP, bytes.fromhex("0000002a") + int(NOW.timestamp() + 45).to_bytes(4, "big"), old=True),
            45,
        ),
        (Frame(frames.POLL_REP, bytes.fromhex("0000002a 00000001"), old=True), 1),
        (Frame(frames.POLL_REP, bytes.fromhex("0000002a 00ffffff")), 86_400),
    ],
)
def test_a_poll_reply_is_a_delay_with_a_reference(frame, seconds):
    with pytest.raises(Delayed) as caught:
        message_in(frame, PEER, NOW)
    assert caught.value.seconds == seconds
    asked = poll_frame(caught.value.reference)
    assert (asked.kind, asked.value, asked.old) == (frames.POLL_REQ, b"\x00\x00\x00\x2a", frame.old)


@pytest.mark.parametrize("reference", ["", "v10:", "v10:00", "v11:0000002a", "old:0000002a00", "v10:x"])
def test_a_reference_that_is_none_is_refused(reference):
    with pytest.raises(ValueError):
        poll_frame(reference)


@pytest.mark.parametrize(
    ("frame", "kind", "cause"),
    [
        (Frame(frames.FIN_REP, b"\x00"), Unanswered, "empty"),
        (Frame(frames.ERROR_REP, b"\x01\x01\x00\x01\x0bno"), NotCmp, "frame-version"),
        (Frame(frames.ERROR_REP, b"\x02\x02\x00\x00who?"), NotCmp, "poll-unknown"),
        (Frame(frames.ERROR_REP, b"\x03\x00\x00\x00down"), Unanswered, "peer-error"),
        (Frame(frames.ERROR_REP, b"down", old=True), Unanswered, "peer-error"),
        (Frame(frames.POLL_REP, b"\x00"), NotCmp, "not-framed"),
        (Frame(9, b"\x00"), NotCmp, "not-framed"),
        (Frame(frames.PARTIAL_REP, b"\x00" * 8), NotCmp, "not-framed"),
    ],
)
def test_what_is_no_answer_has_a_cause(frame, kind, cause):
    with pytest.raises(kind) as caught:
        message_in(frame, PEER, NOW)
    assert caught.value.cause == cause


def test_the_message_of_a_partial_reply_is_taken():
    frame = Frame(frames.PARTIAL_REP, b"\x00\x00\x00\x01\x00\x00\x00\x05\x30\x00", old=True)
    assert message_in(frame, PEER, NOW) == b"\x30\x00"


def test_an_error_shows_no_control_characters():
    with pytest.raises(Unanswered) as caught:
        message_in(Frame(frames.ERROR_REP, b"\x03\x00\x00\x00\x1b[2Jgone"), PEER, NOW)
    assert "gone" in caught.value.why
    assert caught.value.why.isprintable()
