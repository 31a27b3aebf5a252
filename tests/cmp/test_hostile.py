"""A peer that means harm: whatever it sends, we go on or raise a ProtocolError, and nothing else.

Some of it is protected rightly: a CA, too, may be broken or bought.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import codec
from support.answering import (
    CA,
    DEVICE,
    OTHER_CA,
    Talk,
    by_secret,
    by_signature,
    error,
    fresh_nonce,
    granted,
    issued,
    order,
    say,
)
from support.hierarchy import issue
from support.requester import Secret, pbm_parameters

from runner.asn1.cmp import CertifiedKeyPair, CertRepMessage, PKIMessage
from runner.asn1.der import tlv
from runner.asn1.structures import Chosen, decode, encode
from runner.asn1.x509 import Extension
from runner.cmp.dialogue import Done, Offered, Rejected, Send, Wait
from runner.cmp.message import MAX_MESSAGE, read_message
from runner.errors import ProtocolError
from runner.pki.opening import PrivateKeyDecrypter

ACTIONS = Offered | Done | Rejected | Wait
patient = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
KNOWN = ["2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.30", "2.5.29.35", "2.5.29.37", "1.2.3"]
extensions = st.lists(
    st.builds(
        Extension,
        extn_id=st.sampled_from(KNOWN),
        critical=st.booleans(),
        extn_value=st.binary(max_size=12) | codec.elements,
    ),
    max_size=4,
).map(tuple)


@patient
@given(data=st.data(), kind=st.sampled_from(["ir", "cr", "kur", "p10cr", "rr"]))
def test_any_content_that_the_ca_itself_protects(data, kind):
    talk = Talk(order=order(kind), parties=by_secret(CA))
    body = data.draw(st.sampled_from([talk.reply, "error"]))
    content = data.draw(codec.contents[body])
    try:
        action = talk.hears(body, content, extra_certs=())
    except ProtocolError:
        return
    assert isinstance(action, ACTIONS)
    if isinstance(action, Offered):
        assert action.problem
        assert talk.decides(action.problem) == Send()


@patient
@given(data=st.data())
def test_any_header_that_the_ca_itself_protects(data):
    talk = Talk(parties=by_secret(CA))
    other = data.draw(codec.headers)
    names = data.draw(st.sets(st.sampled_from(["sender", "recipient", "recip_kid", "free_text", "general_info"])))
    changes = {name: getattr(other, name) for name in names}
    action = talk.hears("ip", granted(issued()), **changes)
    assert isinstance(action, Offered)
    talk.decides(action.problem)
    assert talk.request.header.recipient == changes.get("sender", talk.request.header.recipient)


@patient
@given(data=st.data(), anchors=st.booleans())
def test_any_certificate_that_the_ca_itself_offers(data, anchors):
    fields = data.draw(
        st.fixed_dictionaries(
            {},
            optional={
                "extensions": extensions,
                "serial_number": codec.integers,
                "subject": codec.sequences,
                "issuer": codec.sequences,
                "subject_public_key_info": codec.sequences | codec.spoiled(CA.public_key_info),
                "issuer_unique_id": codec.octets,
            },
        )
    )
    certificate = data.draw(st.just(issued(**fields)) | codec.spoiled(issued(**fields)))
    talk = Talk(parties=by_secret(*((CA,) if anchors else ())))
    try:
        offered = talk.hears("ip", granted(certificate))
    except ProtocolError:
        return
    assert talk.decides(offered.problem) == Send()
    assert talk.request.body.name == "certConf"


@patient
@given(data=st.data())
def test_any_certificates_that_come_along(data):
    """Unprotected, so anybody's: what they are must not even matter to a good answer."""
    fields = st.fixed_dictionaries(
        {}, optional={"extensions": extensions, "subject": codec.sequences, "subject_public_key_info": codec.sequences}
    )
    made = st.builds(lambda fields: issued(OTHER_CA, **fields), fields)
    like_the_ca = st.builds(
        lambda found: issued(OTHER_CA, subject=CA.certificate.subject.public_bytes(), extensions=found), extensions
    )
    along = data.draw(st.lists(codec.sequences | made | like_the_ca, max_size=6))
    for talk in (Talk(parties=by_secret(CA)), Talk(order=order("cr"), parties=by_signature(CA), by=CA)):
        offered = talk.offered(extra_certs=(*along, CA.der))
        assert offered.problem is None
        assert offered.path == (offered.certificate, CA.ours)


@patient
@given(data=st.data())
def test_a_signed_answer_that_is_spoiled(data):
    talk = Talk(order=order("cr"), parties=by_signature(CA), by=CA)
    octets = say("cp", granted(issued()), request=talk.request, by=CA, extra_certs=(DEVICE.der, CA.der))
    protected = octets[: octets.index(decode(PKIMessage, octets).protection)]
    at = data.draw(st.integers(0, len(protected) - 1))
    spoiled = bytearray(octets)
    spoiled[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(ProtocolError):
        talk.gets(bytes(spoiled))


SIGNED = say("cp", granted(issued()), request=Talk().request, by=CA, extra_certs=(DEVICE.der, CA.der))


@patient
@given(codec.spoiled(SIGNED))
def test_an_answer_in_pieces(octets):
    """Only what stands behind the protection, extraCerts, may be touched."""
    talk = Talk(order=order("cr"), parties=by_signature(CA), by=CA)
    try:
        talk.gets(octets)
    except ProtocolError:
        return
    assert read_message(octets).protected == read_message(SIGNED).protected


@pytest.mark.parametrize("kind", ["ir", "cr"])
@given(st.binary(max_size=300) | codec.elements)
def test_any_octets(kind, octets):
    with pytest.raises(ProtocolError):
        Talk(order=order(kind)).gets(octets)


OPENER = PrivateKeyDecrypter(rsa.generate_private_key(65537, 2048))


@patient
@given(codec.elements | codec.sequences)
def test_any_certificate_that_comes_encrypted(sealed):
    talk = Talk(parties=by_secret(CA, opener=OPENER))
    (response,) = granted(issued()).response
    pair = CertifiedKeyPair(cert_or_enc_cert=Chosen("encryptedCert", sealed))
    with pytest.raises(ProtocolError):
        talk.hears("ip", CertRepMessage(response=(replace(response, certified_key_pair=pair),)))


# Made to cost.


def seconds(talk: Talk, octets: bytes) -> float:
    began = time.process_time()
    with suppress(ProtocolError):
        talk.gets(octets)
    return time.process_time() - began


def signing_talk() -> Talk:
    return Talk(order=order("cr"), parties=by_signature(CA), by=CA)


def test_thirty_two_cas_that_certify_each_other_cost_no_time():
    keys = [issue("Crowd", ca=True, identifiers=False) for _ in range(6)]
    links = [issue("Crowd", above, ca=True, key=below.key, identifiers=False) for above in keys for below in keys]
    talk = signing_talk()
    signer = issue("server", keys[0], identifiers=False)
    octets = say(
        "cp", granted(issued()), request=talk.request, by=signer, extra_certs=(signer.der, *(h.der for h in links[:31]))
    )
    assert seconds(talk, octets) < 1


def test_a_megabyte_of_anything_costs_no_time():
    talk = signing_talk()
    request = talk.request
    large = b"\x0c" + bytes(MAX_MESSAGE // 2)
    bombs = [
        say("cp", granted(issued()), request=request, by=CA, free_text=("x" * 500_000,)),
        say("cp", granted(tlv(0x30, large)), request=request, by=CA),
        say("cp", granted(issued()), request=request, by=CA, sender=tlv(0xA4, tlv(0x30, large))),
        say("cp", granted(issued()), request=request, by=CA, extra_certs=(tlv(0x30, large), CA.der)),
        say("error", error("rejection", "x" * 900_000), request=request, by=None),
    ]
    for octets in bombs:
        assert seconds(signing_talk_like(talk), octets) < 1


def signing_talk_like(talk: Talk) -> Talk:
    other = signing_talk()
    other.dialogue = talk.dialogue
    return other


def test_the_most_iterations_that_are_accepted_are_paid_once():
    """A hundred thousand hashes for a message; the key of a salt that returns is kept."""
    slow = Secret(b"3078", b"insta", pbm_parameters(count=100_000))
    talk = Talk()
    content = granted(None, "waiting")
    first = seconds(talk, say("ip", content, request=talk.request, by=slow))
    talk.polls()
    second = seconds(talk, say("ip", content, request=talk.request, by=slow))
    assert second < first / 3


def test_more_iterations_than_accepted_cost_nothing():
    talk = Talk()
    header = Secret(b"3078", b"insta", pbm_parameters(count=1 << 2000)).header["protection_alg"]
    octets = say("ip", granted(issued()), request=talk.request, protection_alg=header)
    assert seconds(talk, octets) < 0.05


def test_nested_messages_are_not_opened():
    talk = Talk()
    inner = talk.dialogue.request
    for _ in range(200):
        inner = encode(replace(decode(PKIMessage, inner), body=_nested(inner)))
    assert seconds(talk, inner) < 1


def _nested(octets: bytes) -> Chosen:
    return Chosen("nested", tlv(0x30, octets))


def test_nonces_of_the_peer_are_new_every_time():
    """The helper of these tests, judged by itself."""
    assert fresh_nonce() != fresh_nonce()
