"""Answers out of octets: the same reading in whatever pieces they come, and h11 as the judge of what is HTTP."""

from __future__ import annotations

import weakref
from itertools import pairwise

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.transports import http_answer
from runner.transports.http_answer import LONGEST_HEAD, AnswerReader, BrokenAnswerError, TooLargeError

LIMIT = 200


def read(octets, *, cuts=(), limit=LIMIT):
    """(status, body, keeps) of an answer that is all there is; `cuts` are the places where one piece ends."""
    answer = AnswerReader(limit)
    places = [0, *sorted(min(cut, len(octets)) for cut in cuts), len(octets)]
    for begin, end in pairwise(places):
        if begin < end:
            answer.feed(octets[begin:end])
    if not answer.complete:
        answer.end()
    return answer.status, answer.body, answer.keeps


def by_h11(octets):
    """The same by h11: (status, body), or None where it does not take it for an answer."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="POST", target="/", headers=[("Host", "x")]))
    connection.send(h11.EndOfMessage())
    try:
        connection.receive_data(octets)
        connection.receive_data(b"")
        status, body = None, b""
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
    except h11.RemoteProtocolError:
        return None
    return status, body


VERSIONS = st.sampled_from([b"HTTP/1.1", b"HTTP/1.0"])
STATUSES = st.sampled_from([b"200 OK", b"204 No Content", b"304 Not Modified", b"404 Nope", b"500", b"299 \xff"])
LENGTHS = [b"Content-Length: %d" % n for n in (0, 5, 7, LIMIT)]
FIELDS = st.lists(
    st.sampled_from(
        [
            *LENGTHS,
            b"Content-Length: 5, 5",
            b"Content-Length: 5, 6",
            b"Content-Length: +5",
            b"Content-Length:",
            b"Transfer-Encoding: chunked",
            b"Transfer-Encoding: gzip, chunked",
            b"Transfer-Encoding: Chunked",
            b"Connection: close",
            b"Connection: keep-alive",
            b"Content-Type: application/pkixcmp",
            b"X-Folded: a\r\n b",
            b"Bad Name: x",
            b"Bad: a\x01b",
            b"NoColon",
            b"Space : x",
            b"Empty:",
        ]
    ),
    max_size=4,
)
BODIES = st.sampled_from(
    [
        b"",
        b"hello",
        b"hello!!",
        b"5\r\nhello\r\n0\r\n\r\n",
        b"5;x=y\r\nhello\r\n0\r\nTrailer: x\r\n\r\n",
        b"5\r\nhello\r\n2\r\n!!\r\n0\r\n\r\n",
        b"5\r\nhello!\r\n0\r\n\r\n",
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhel",
        b"0\r\n\r\n",
    ]
)
INTERIM = st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early\r\nX: y\r\n\r\n"])


@given(INTERIM, VERSIONS, STATUSES, FIELDS, BODIES, st.lists(st.integers(0, 200), max_size=4))
def test_h11_reads_the_same_or_refuses_and_so_do_we(interim, version, status, fields, body, cuts):
    octets = interim + b"\r\n".join([version + b" " + status, *fields, b"", b""]) + body
    judged = by_h11(octets)
    try:
        found = read(octets, cuts=cuts)
    except BrokenAnswerError:
        found = None
    if judged is None:
        assert found is None
    else:
        assert found is not None
        assert found[:2] == judged


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=3))
def test_noise_is_never_an_answer_and_never_a_surprise(noise, cuts):
    with pytest.raises(BrokenAnswerError):
        read(b"HTTP/1.1 2" + noise.replace(b"\n", b" "), cuts=cuts)


@pytest.mark.parametrize(
    ("octets", "keeps"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nx", False),
        (b"HTTP/1.1 200 OK\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", False),
    ],
)
def test_a_connection_is_kept_only_where_nobody_can_read_the_end_of_the_answer_elsewhere(octets, keeps):
    assert read(octets)[2] is keeps


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * LONGEST_HEAD,
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * LONGEST_HEAD,
        b"HTTP/1.1 102 Wait\r\n\r\n" * LONGEST_HEAD,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * (LONGEST_HEAD + 2),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * LONGEST_HEAD,
    ],
)
def test_what_stands_around_the_body_has_its_limit(octets):
    answer = AnswerReader(LIMIT)
    with pytest.raises(BrokenAnswerError):
        answer.feed(octets)


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 201\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n" + b"x" * 100 + b"\r\n65\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 201,
    ],
)
def test_a_body_that_is_too_large_is_refused_as_soon_as_that_is_known(octets):
    answer = AnswerReader(LIMIT)
    with pytest.raises(TooLargeError):
        answer.feed(octets)


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_an_answer_that_was_read_goes_without_a_collection_of_garbage(octets):
    answer = AnswerReader(LIMIT)
    answer.feed(octets)
    assert answer.complete
    gone = weakref.ref(answer)
    del answer
    assert gone() is None


def test_a_head_that_comes_again_is_not_read_again(monkeypatch):
    heads, real = [], http_answer._body
    monkeypatch.setattr(http_answer, "_body", lambda *said: (heads.append(said), real(*said))[1])
    for body in (b"one", b"two"):
        assert read(b"HTTP/1.1 200 OK\r\nX-Once: 1\r\nContent-Length: 3\r\n\r\n" + body) == (200, body, True)
    assert len(heads) == 1
