"""The bodies that are rarely met: what was encoded is decoded; nested messages of RFC 2510 and of RFC 4210."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import codec

from runner.asn1.bodies import CONTENTS, RevAnnContent, nested_content, nested_in
from runner.asn1.cmp import PKIMessage
from runner.asn1.crmf import CertId
from runner.asn1.der import tlv
from runner.asn1.infotypes import CAKeyUpdAnnContent, Challenge, RootCaKeyUpdateContent
from runner.asn1.structures import Chosen, codec_of, decode, encode
from runner.errors import Malformed

VALUES = {
    "popdecc": codec.some(
        st.builds(Challenge, owf=codec.maybe(codec.algorithms), witness=codec.octets, challenge=codec.octets)
    ),
    "popdecr": codec.some(codec.integers),
    "ckuann": st.builds(
        Chosen,
        st.just("cAKeyUpdAnnV2"),
        st.builds(
            CAKeyUpdAnnContent, old_with_new=codec.sequences, new_with_old=codec.sequences, new_with_new=codec.sequences
        ),
    )
    | st.builds(
        Chosen,
        st.just("cAKeyUpdAnnV3"),
        st.builds(
            RootCaKeyUpdateContent,
            new_with_new=codec.sequences,
            new_with_old=codec.maybe(codec.sequences),
            old_with_new=codec.maybe(codec.sequences),
        ),
    ),
    "cann": codec.sequences,
    "rann": st.builds(
        RevAnnContent,
        status=codec.integers,
        cert_id=st.builds(CertId, issuer=codec.elements, serial_number=codec.integers),
        will_be_revoked_at=codec.times,
        bad_since_date=codec.times,
        crl_details=codec.some(codec.extensions),
    ),
    "crlann": codec.some(codec.sequences),
}


@pytest.mark.parametrize("kind", CONTENTS)
@given(data=st.data())
def test_what_was_encoded_is_decoded(kind, data):
    value = data.draw(VALUES[kind])
    octets = codec_of(CONTENTS[kind]).encode(value)
    assert codec_of(CONTENTS[kind]).decode(octets) == value
    message = PKIMessage(header=data.draw(codec.headers), body=Chosen(kind, octets))
    assert decode(PKIMessage, encode(message)) == message


@given(st.lists(codec.messages("ir").map(encode), min_size=1, max_size=3))
def test_nested_messages_come_out_as_they_went_in(messages):
    assert nested_in(nested_content(tuple(messages))) == tuple(messages)


@given(codec.messages("ir").map(encode))
def test_rfc_2510_nests_one_message(message):
    assert nested_in(message) == (message,)


@pytest.mark.parametrize("content", [tlv(0x30, b""), tlv(0x30, b"\x02\x01\x05"), b"\x05\x00"])
def test_what_is_no_message_is_malformed(content):
    with pytest.raises(Malformed):
        nested_in(content)
