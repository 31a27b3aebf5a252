"""Whatever octets come, an answer goes back, and nothing is issued for what was not asked rightly."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import requester as peer
from support.ambient import CountingEntropy, FixedClock

from runner.asn1.cmp import PKIMessage
from runner.asn1.der import tlv
from runner.asn1.structures import decode
from runner.lab.authority import open_lab


@pytest.fixture(scope="module")
def lab():
    return open_lab(None, FixedClock(), CountingEntropy())


@pytest.fixture(scope="module")
def request_octets(lab):
    newcomer = peer.newcomer_to(lab)
    return newcomer.message("ir", (peer.cert_req(peer.new_key()),))


def refused(lab, octets):
    answer = decode(PKIMessage, lab.respond(octets))
    assert answer.body.name == "error"
    assert answer.protection is not None
    assert list(lab._office.ledger.certificates()) == []
    return answer


elements = st.recursive(
    st.builds(tlv, st.sampled_from([0x02, 0x03, 0x04, 0x05, 0x06, 0x18, 0x80, 0x81]), st.binary(max_size=20)),
    lambda inner: st.builds(
        lambda tag, parts: tlv(tag, b"".join(parts)),
        st.sampled_from([0x30, 0x31, *range(0xA0, 0xBB)]),
        st.lists(inner, max_size=5),
    ),
    max_leaves=30,
)


@settings(max_examples=150)
@given(octets=st.one_of(st.binary(max_size=200), elements))
def test_any_octets(lab, octets):
    refused(lab, octets)


@settings(max_examples=150)
@given(data=st.data())
def test_a_request_with_a_bit_flipped(lab, request_octets, data):
    bit = data.draw(st.integers(0, len(request_octets) * 8 - 1))
    spoiled = bytearray(request_octets)
    spoiled[bit // 8] ^= 1 << bit % 8
    refused(lab, bytes(spoiled))


@settings(max_examples=50)
@given(data=st.data())
def test_a_request_cut_short_or_drawn_out(lab, request_octets, data):
    cut = data.draw(st.integers(0, len(request_octets) - 1))
    refused(lab, request_octets[:cut])
    refused(lab, request_octets + data.draw(st.binary(min_size=1, max_size=5)))


def test_recorded_messages_of_others_are_answered(lab, vectors):
    """Requests and answers of other implementations: well-formed mostly, and none of them ours."""
    files = sorted((vectors / "openssl-msgs").glob("*.der"))
    assert files
    for file in files:
        refused(lab, file.read_bytes())
