"""Whatever a stranger sends, nothing is decrypted; and whatever the CA sends, one failure looks like another.

RFC 9810 §8.1, at the level of transactions: what the pieces do is in tests/pki.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from support.ambient import CountingEntropy
from support.answering import CA, OTHER_CA, Talk, by_secret, granted, issued, order
from support.recipients import key_of, pkcs8_der

from runner.asn1.algorithms import AlgorithmIdentifier
from runner.asn1.archive import ENCRYPTED_KEY, EncryptedValue
from runner.asn1.cmp import CertifiedKeyPair
from runner.asn1.cms import DATA, SIGNED_DATA
from runner.asn1.primitives import OCTET_STRING
from runner.asn1.structures import Chosen
from runner.cmp.dialogue import Offered
from runner.errors import ProtocolError, Unauthentic
from runner.pki.encrypted_values import seal_encrypted_value
from runner.pki.envelopes import recipient_of_request, seal_envelope
from runner.pki.opening import PrivateKeyDecrypter, cannot_open
from runner.pki.servers import Tolerance


class Watched:
    """A private key that remembers whether it was ever used."""

    def __init__(self, kind):
        self._key = PrivateKeyDecrypter(key_of(kind))
        self.public_key_info = self._key.public_key_info
        self.used = 0

    def decrypt(self, algorithm, ciphertext):
        self.used += 1
        return self._key.decrypt(algorithm, ciphertext)

    def agree(self, public_key_info):
        self.used += 1
        return self._key.agree(public_key_info)

    def decapsulate(self, ciphertext):
        self.used += 1
        return self._key.decapsulate(ciphertext)


def enveloped(content, opener, content_type=DATA):
    envelope = seal_envelope(content_type, content, recipient_of_request(opener.public_key_info, 0), CountingEntropy())
    return ENCRYPTED_KEY.encode(Chosen("envelopedData", envelope))


def with_certificate(encrypted):
    """An ip whose certificate comes encrypted."""
    content = granted(issued())
    pair = CertifiedKeyPair(cert_or_enc_cert=Chosen("encryptedCert", encrypted))
    return replace(content, response=(replace(content.response[0], certified_key_pair=pair),))


def with_key(encrypted):
    """An ip with a private key that the CA made."""
    content = granted(issued())
    pair = replace(content.response[0].certified_key_pair, private_key=encrypted)
    return replace(content, response=(replace(content.response[0], certified_key_pair=pair),))


def asking(opener, *, pvno=3, made_by_ca=(), **more):
    wanted = order(proof="none" if made_by_ca else "encryption", public_key_info=opener.public_key_info)
    parties = by_secret(CA, pvno=pvno, opener=opener, key_opener=opener, **more)
    return Talk(order=replace(wanted, made_by_ca=made_by_ca), parties=parties)


@pytest.mark.parametrize("kind", ["rsa", "p256", "x25519", "ml-kem-768"])
@pytest.mark.parametrize("by", [None, OTHER_CA], ids=["nobody", "another CA"])
@pytest.mark.parametrize("what", ["certificate", "key"])
def test_protection_is_judged_before_anything_is_decrypted(kind, by, what):
    opener = Watched(kind)
    talk = asking(opener, made_by_ca=("rsa",) if what == "key" else ())
    sealed = enveloped(b"anything", opener)
    with pytest.raises(Unauthentic):
        talk.hears("ip", with_certificate(sealed) if what == "certificate" else with_key(sealed), by=by)
    assert opener.used == 0


def test_a_private_key_that_nobody_asked_for_is_left_alone():
    opener = Watched("rsa")
    parties = by_secret(CA, key_opener=opener)
    talk = Talk(parties=parties)
    offered = talk.hears("ip", with_key(enveloped(pkcs8_der(key_of("p256")), opener)))
    assert isinstance(offered, Offered)
    assert (offered.private_key, talk.dialogue.private_key, opener.used) == (b"", b"", 0)


def broken_values(opener):
    """EncryptedValues that fail in every place where RSA and CBC can: padding, length, content, ciphertext."""
    good = seal_encrypted_value(issued(), opener.public_key_info, CountingEntropy())
    public = key_of("rsa").public_key()
    yield replace(good, enc_symm_key=public.encrypt(b"short", PKCS1v15()))
    yield replace(good, enc_symm_key=public.encrypt(bytes(32), PKCS1v15()))
    yield replace(good, enc_symm_key=bytes(256))
    yield replace(good, enc_value=good.enc_value[:-1])
    yield replace(good, enc_value=bytes(len(good.enc_value)))
    yield seal_encrypted_value(b"a letter", opener.public_key_info, CountingEntropy())


def test_every_failure_of_an_encrypted_value_is_the_same_failure():
    opener = Watched("rsa")
    told = set()
    for value in broken_values(opener):
        assert isinstance(value, EncryptedValue)
        encrypted = ENCRYPTED_KEY.encode(Chosen("encryptedValue", value))
        with pytest.raises(ProtocolError) as caught:
            asking(opener, pvno=2).hears("ip", with_certificate(encrypted))
        told.add((type(caught.value), caught.value.what, caught.value.why))
    assert told == {(ProtocolError, cannot_open().what, cannot_open().why)}


@pytest.mark.parametrize("kind", ["rsa", "p256", "ml-kem-768"])
def test_every_failure_of_a_key_that_the_ca_made_is_the_same_failure(kind):
    """The rejection in certConf is all that the CA hears of it."""
    opener = Watched(kind)
    other = PrivateKeyDecrypter(key_of(kind, 5))
    told = set()
    for sealed in (
        enveloped(b"rubbish", opener, SIGNED_DATA),
        enveloped(b"rubbish", other, SIGNED_DATA),
        enveloped(b"", opener, SIGNED_DATA),
    ):
        talk = asking(opener, made_by_ca=("rsa",))
        offered = talk.hears("ip", with_key(sealed))
        assert offered.private_key == b""
        told.add((offered.problem.what, offered.problem.why, offered.problem.fail_info))
        talk.decides(offered.problem)
        assert talk.request.body.value[0].status_info.status_string == (cannot_open().what,)
    assert told == {(cannot_open().what, cannot_open().why, "incorrectData")}


def test_a_key_that_nobody_signed_for_is_taken_by_a_named_tolerance_alone():
    """Some CAs leave the key generation authority's signature out (RFC 9483 §4.1.6)."""
    opener = Watched("rsa")
    bare = enveloped(pkcs8_der(key_of("p256")), opener)
    strict = asking(opener, made_by_ca=("ec:p256",)).hears("ip", with_key(bare))
    assert "nobody signed" in strict.problem.what
    lenient = asking(opener, made_by_ca=("ec:p256",))
    peer = replace(lenient.parties.peer, tolerates=frozenset({Tolerance.BARE_PRIVATE_KEY}))
    lenient.parties = replace(lenient.parties, peer=peer)
    offered = lenient.hears("ip", with_key(bare))
    assert "another key" in offered.problem.what, "the certificate of this test is for another key, which is told"


def test_an_unknown_cipher_is_told_since_it_is_public():
    opener = Watched("rsa")
    good = seal_encrypted_value(issued(), opener.public_key_info, CountingEntropy())
    unknown = AlgorithmIdentifier(algorithm="1.2.3.4", parameters=OCTET_STRING.encode(bytes(16)))
    encrypted = ENCRYPTED_KEY.encode(Chosen("encryptedValue", replace(good, symm_alg=unknown)))
    with pytest.raises(Unauthentic, match="do not know"):
        asking(opener, pvno=2).hears("ip", with_certificate(encrypted))
    assert opener.used == 0
