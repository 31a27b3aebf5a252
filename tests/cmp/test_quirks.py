"""What servers do otherwise and what needs no tolerance, since nothing is given away by taking it.

Each is a habit of a real server (docs/profiles.md tells of whom); what proves an answer stays as it is.
"""

from __future__ import annotations

import pytest
from support import answering as a
from support.hierarchy import CERT_SIGN, SIGN, authority, entity, root

from runner.asn1.algorithms import DER_NULL
from runner.asn1.cmp import PKIHeader, PKIMessage
from runner.asn1.der import elements, open_sequence, tlv
from runner.asn1.structures import decode, encode
from runner.cmp.dialogue import Offered, Rejected
from runner.errors import ProtocolError
from runner.pki.names import directory_name, parse_name


def signed_talk(**more):
    return a.Talk(parties=a.by_signature(a.CA), by=a.CA, **more)


def test_the_signer_is_in_ca_pubs_alone():
    """RSA Keon sends no extraCerts; its caPubs are the chain, the signer of the message included."""
    issuer = authority("Signing CA", a.CA, usages=CERT_SIGN | SIGN)
    talk = signed_talk()
    offered = talk.hears("ip", a.granted(a.issued(), ca_pubs=(a.CA.der, issuer.der)), by=issuer, extra_certs=())
    assert isinstance(offered, Offered)
    with pytest.raises(ProtocolError, match="no certificate at hand"):
        signed_talk().hears("ip", a.granted(a.issued()), by=issuer, extra_certs=())


def test_nobody_is_believed_because_he_is_in_ca_pubs():
    stranger = root("Strange CA", usages=CERT_SIGN | SIGN)
    with pytest.raises(ProtocolError):
        signed_talk().hears("ip", a.granted(a.issued(), ca_pubs=(stranger.der,)), by=stranger, extra_certs=())
    device = entity("a device like ours", a.CA)
    with pytest.raises(ProtocolError):
        signed_talk().hears("ip", a.granted(a.issued(), ca_pubs=(device.der,)), by=device, extra_certs=())


@pytest.mark.parametrize(
    "header",
    [
        {"message_time": None},
        {"recipient": directory_name(parse_name("CN=fooSubject").der)},
        {"recipient": directory_name(b"\x30\x00"), "sender": directory_name(b"\x30\x00")},
        {"sender_kid": None},
        {"sender_kid": a.REFERENCE[::-1]},
        {"free_text": ("be patient", "")},
    ],
    ids=["no messageTime", "recipient", "nobody", "no senderKID", "another senderKID", "freeText"],
)
@pytest.mark.parametrize("by", ["secret", a.CA], ids=["mac", "signature"])
def test_what_the_header_says_beside_the_marks(header, by):
    talk = signed_talk() if by is a.CA else a.Talk()
    offered = talk.offered(by=by, **header)
    assert isinstance(offered, Offered)
    assert offered.problem is None


def test_extra_certs_that_are_double_unrelated_or_none_at_all():
    other = entity("unrelated", a.OTHER_CA)
    along = (other.der, b"\x30\x03\x02\x01\x00", a.OTHER_CA.der, a.CA.der, a.CA.der)
    assert isinstance(signed_talk().offered(extra_certs=along), Offered)


def test_an_empty_general_info_is_none():
    talk = a.Talk()
    header = encode(talk.request.header)
    start, stop = open_sequence(header)
    assert decode(PKIHeader, tlv(0x30, header[start:stop] + bytes.fromhex("a8023000"))).general_info == ()


@pytest.mark.parametrize("value", [DER_NULL, None])
def test_implicit_confirm_with_and_without_null(value):
    item = type(a.IMPLICIT)(info_type=a.IMPLICIT.info_type, info_value=value)
    talk = a.Talk(parties=a.by_secret(a.CA, implicit_confirm=True))
    talk.offered(general_info=(item,))
    assert talk.dialogue.confirmed


@pytest.mark.parametrize("tag", [0x13, 0x16, 0x0C], ids=["PrintableString", "IA5String", "UTF8String"])
def test_a_status_string_in_other_characters(tag):
    octets = a.say("error", a.error("rejection", "not for you"), request=a.Talk().request, by=None)
    said = octets.replace(b"\x0c\x0bnot for you", bytes((tag,)) + b"\x0bnot for you")
    message = decode(PKIMessage, said)
    assert message.body.value.pki_status_info.status_string == ("not for you",)


def test_an_error_in_another_version_is_told():
    talk = a.Talk()
    assert isinstance(talk.hears("error", a.error(), pvno=1), Rejected)


def test_octets_behind_each_other_are_one_message():
    talk = a.Talk()
    octets = a.say("ip", a.granted(a.issued()), request=talk.request)
    start, stop = open_sequence(octets)
    assert len(elements(octets, start, stop, 4)) == 3
    with pytest.raises(ProtocolError):
        talk.gets(octets + b"\x00")
