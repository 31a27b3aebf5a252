"""Challenge and response within a transaction (RFC 9810 §5.2.8.3): popdecc, popdecr, then the certificate.

The challenges are made here, by `cryptography` and hashlib; `openssl`'s own CMP knows none.
"""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from support.ambient import CountingEntropy
from support.answering import CA, Talk, by_secret, error, granted, issued, order
from support.recipients import key_of

from runner.asn1.algorithms import AlgorithmIdentifier
from runner.asn1.cms import DATA
from runner.asn1.infotypes import POPO_DEC_KEY_CHALL, POPO_DEC_KEY_RESP, Challenge, Rand
from runner.asn1.structures import encode
from runner.cmp.dialogue import Challenged, GivenUp, Offered, Rejected, Send, State
from runner.errors import Claimed, Malformed, Mismatch, ProtocolError, Unauthentic
from runner.pki.envelopes import recipient_of_request, seal_envelope
from runner.pki.names import directory_name, parse_name
from runner.pki.opening import PrivateKeyDecrypter, cannot_open

NUMBER = 0x0102030405060708
SHA256 = AlgorithmIdentifier(algorithm="2.16.840.1.101.3.4.2.1")
SENDER = directory_name(CA.certificate.subject.public_bytes())
WITNESS = hashlib.sha256(bytes.fromhex("02080102030405060708")).digest()


def talk(kind="rsa", pvno=2, **more):
    opener = PrivateKeyDecrypter(key_of(kind))
    wanted = order(proof="challenge", public_key_info=opener.public_key_info)
    return Talk(order=wanted, parties=by_secret(CA, pvno=pvno, opener=opener), **more)


def rand(sender=SENDER, number=NUMBER):
    return encode(Rand(integer=number, sender=sender))


def version_2(content, witness=WITNESS, kind="rsa"):
    sealed = key_of(kind).public_key().encrypt(content, PKCS1v15())
    return POPO_DEC_KEY_CHALL.encode((Challenge(owf=SHA256, witness=witness, challenge=sealed),))


def version_3(content, witness=WITNESS, kind="rsa", number=0):
    public = PrivateKeyDecrypter(key_of(kind, number)).public_key_info
    sealed = seal_envelope(DATA, content, recipient_of_request(public, 0), CountingEntropy())
    return POPO_DEC_KEY_CHALL.encode((Challenge(owf=SHA256, witness=witness, challenge=b"", encrypted_rand=sealed),))


@pytest.mark.parametrize(
    ("kind", "pvno"), [("rsa", 2), ("rsa", 3), ("p256", 3), ("x25519", 3), ("x448", 3), ("ml-kem-768", 3)]
)
def test_the_number_goes_back_and_the_certificate_comes(kind, pvno):
    one = talk(kind, pvno)
    assert one.request.body.value[0].popo.value == b"\x81\x01\x01"
    action = one.hears("popdecc", version_2(rand()) if pvno == 2 else version_3(rand(), kind=kind))
    assert action == Challenged((NUMBER,))
    theirs = one.dialogue.peer_nonce
    assert one.proves(action) == Send()
    second = one.request
    assert (second.body.name, POPO_DEC_KEY_RESP.decode(second.body.value)) == ("popdecr", (NUMBER,))
    assert second.header.transaction_id == one.dialogue.transaction_id
    assert second.header.recip_nonce == theirs
    assert second.header.pvno == pvno
    assert one.dialogue.state is State.PROVING
    assert isinstance(one.hears("ip", granted(issued())), Offered)


BAD = {
    "no number": b"\x30\x03\x02\x01\x05",
    "a letter": b"Dear Sir, decrypt this",
    "another sender": rand(directory_name(parse_name("CN=mallory").der)),
    "another number": rand(number=NUMBER + 1),
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
@pytest.mark.parametrize("pvno", [2, 3])
def test_whatever_does_not_fit_is_one_and_the_same_silence(content, pvno):
    """Decryption-oracle rule: nothing tells one failure from another, and nothing is sent (RFC 9810 §8.1)."""
    one = talk(pvno=pvno)
    before = one.dialogue.request
    action = one.hears("popdecc", version_2(content) if pvno == 2 else version_3(content))
    assert isinstance(action, GivenUp)
    told = cannot_open()
    assert (type(action.problem), action.problem.what, action.problem.why) == (ProtocolError, told.what, told.why)
    assert one.dialogue.request == before


def test_what_is_for_another_key_is_the_same_silence():
    one = talk("p256", 3)
    action = one.hears("popdecc", version_3(rand(), kind="p256", number=1))
    assert (action.problem.what, action.problem.why) == (cannot_open().what, cannot_open().why)


@pytest.mark.parametrize("by", [None, CA])
def test_protection_comes_first(by):
    """Whoever is not the CA gets nothing decrypted, whatever he sends."""
    one = talk()
    one.parties = by_secret(opener=one.parties.opener)
    with pytest.raises(Unauthentic):
        one.hears("popdecc", version_2(b"not even looked at"), by=by)


def test_a_challenge_that_nobody_asked_for():
    plain = Talk(parties=by_secret(CA, opener=PrivateKeyDecrypter(key_of("rsa"))))
    with pytest.raises(Mismatch, match="body is popdecc"):
        plain.hears("popdecc", version_2(rand()))


def test_there_is_no_second_challenge():
    """A peer could keep asking, and us decrypting."""
    one = talk()
    one.proves(one.hears("popdecc", version_2(rand())))
    with pytest.raises(Mismatch, match="popdecc"):
        one.hears("popdecc", version_2(rand()))


def test_a_challenge_of_the_other_version():
    with pytest.raises(Mismatch, match="another protocol version"):
        talk(pvno=2).hears("popdecc", version_3(rand()))
    with pytest.raises(Mismatch, match="another protocol version"):
        talk(pvno=3).hears("popdecc", version_2(rand()))


def test_several_challenges_or_none():
    two = POPO_DEC_KEY_CHALL.encode(POPO_DEC_KEY_CHALL.decode(version_2(rand())) * 2)
    for content in (two, b"\x30\x00"):
        with pytest.raises(Mismatch, match="one request"):
            talk().hears("popdecc", content)
    with pytest.raises(Malformed):
        talk().hears("popdecc", b"\x30\x03\x02\x01\x05")


def test_a_no_after_the_answer_and_an_unauthentic_one():
    one = talk()
    one.proves(one.hears("popdecc", version_2(rand())))
    with pytest.raises(Claimed):
        one.hears("error", error(), by=None)
    assert isinstance(one.hears("error", error()), Rejected)
