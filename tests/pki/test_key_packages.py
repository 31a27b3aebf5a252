"""Keys that the CA made: openssl verifies what we sign, we take what openssl signs, and every check refuses."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, mldsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from support.ambient import NOON, CountingEntropy
from support.recipients import KINDS, certificate_for, key_of, pkcs8_der

from runner.asn1.archive import ENCRYPTED_KEY, PKI_ARCHIVE_OPTIONS
from runner.asn1.cms import DATA, ENC_KEY_WITH_ID, SIGNED_DATA, ContentInfo
from runner.asn1.primitives import UTF8_STRING
from runner.asn1.signed import (
    ASYMMETRIC_KEY_PACKAGE,
    ASYMMETRIC_KEYS,
    EncKeyWithID,
    OneAsymmetricKey,
    SignedData,
)
from runner.asn1.structures import Chosen, decode, encode
from runner.errors import CmpBatchError, Malformed, ProtocolError, Unauthentic
from runner.pki.certificates import to_pem
from runner.pki.envelopes import SecretRecipient, open_envelope, recipient_of, seal_envelope
from runner.pki.extensions import EXTENDED_KEY_USAGES
from runner.pki.key_packages import make_key_package, open_key_package
from runner.pki.macs import SharedSecret
from runner.pki.opening import PrivateKeyDecrypter, cannot_open
from runner.pki.private_keys import (
    Judgement,
    backup_control,
    open_private_key,
    seal_private_key,
    seal_private_key_v2,
)
from runner.pki.signers import PrivateKeySigner

ROOT = ec.derive_private_key(0x1001, ec.SECP256R1())
KGA = ec.derive_private_key(0x1002, ec.SECP256R1())
CA_EXTENSIONS = ((x509.BasicConstraints(ca=True, path_length=None), True),)
AUTHORITY = ((x509.ExtendedKeyUsage([x509.ObjectIdentifier(EXTENDED_KEY_USAGES["cmKGA"])]), False),)
ROOT_CERTIFICATE = certificate_for(ROOT.public_key(), *CA_EXTENSIONS, signer=ROOT, name="an issuer")


def authority(*extensions, key=KGA):
    return certificate_for(key.public_key(), *(extensions or AUTHORITY), signer=ROOT, name="the KGA")


def packed(key, chain=None, signer=KGA):
    return make_key_package(pkcs8_der(key), PrivateKeySigner(signer), (chain or authority(),))


def opened(package, anchors=(ROOT_CERTIFICATE,), now=NOON):
    return open_key_package(package, anchors, now)


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_of_every_kind_arrives(kind):
    key = key_of(kind)
    package = opened(packed(key))
    assert package.private_key_info == pkcs8_der(key)
    assert package.public_key_info == PrivateKeyDecrypter(key).public_key_info
    assert package.signer.subject == authority().subject
    assert pkcs8_der(key).hex() not in repr(package)


@pytest.mark.parametrize(
    "signer",
    [
        ec.derive_private_key(7, ec.SECP384R1()),
        ed448.Ed448PrivateKey.from_private_bytes(b"\x07" * 57),
        mldsa.MLDSA65PrivateKey.from_seed_bytes(b"\x07" * 32),
        key_of("rsa"),
    ],
)
def test_authorities_sign_with_keys_of_every_kind(signer):
    package = packed(key_of("p256"), authority(key=signer), signer)
    assert opened(package).public_key_info == PrivateKeyDecrypter(key_of("p256")).public_key_info


@pytest.mark.parametrize("signer", [KGA, key_of("rsa")])
def test_openssl_verifies_what_we_sign(openssl, tmp_path, signer):
    package = packed(key_of("p256"), authority(key=signer), signer)
    (tmp_path / "signed").write_bytes(encode(ContentInfo(content_type=SIGNED_DATA, content=package)))
    (tmp_path / "ca").write_bytes(to_pem(ROOT_CERTIFICATE.der))
    command = [openssl, "cms", "-verify", "-binary", "-inform", "DER", "-in", "signed", "-CAfile", "ca"]
    command += ["-purpose", "any", "-attime", str(int(NOON.timestamp()))]
    content = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True).stdout
    assert ASYMMETRIC_KEYS.decode(content)[0].version == 1


@pytest.mark.parametrize("signer", [KGA, key_of("rsa")])
@pytest.mark.parametrize("options", [(), ("-keyid",), ("-md", "sha512")])
def test_we_take_what_openssl_signs(openssl, tmp_path, signer, options):
    content = ASYMMETRIC_KEYS.encode((decode(OneAsymmetricKey, pkcs8_der(key_of("p256"))),))
    (tmp_path / "content").write_bytes(content)
    (tmp_path / "crt").write_bytes(to_pem(authority(key=signer).der))
    (tmp_path / "key").write_bytes(to_pem(pkcs8_der(signer), "PRIVATE KEY"))
    command = [openssl, "cms", "-sign", "-binary", "-nodetach", "-outform", "DER", "-in", "content", "-out", "signed"]
    command += ["-signer", "crt", "-inkey", "key", "-econtent_type", ASYMMETRIC_KEY_PACKAGE, *options]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    package = decode(ContentInfo, (tmp_path / "signed").read_bytes()).content
    assert encode(decode(SignedData, package)) == package
    assert opened(package).private_key_info == pkcs8_der(key_of("p256"))


class TestRefusals:
    def test_a_signer_without_the_purpose(self):
        usages = (x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH]), False)
        with pytest.raises(Unauthentic, match="no key generation authority"):
            opened(packed(key_of("p256"), authority(usages)))

    def test_a_signer_of_another_pki(self):
        other = certificate_for(KGA.public_key(), *AUTHORITY, signer=KGA, name="the KGA")
        with pytest.raises(Unauthentic, match="no certification path"):
            opened(packed(key_of("p256"), other))

    def test_a_signer_who_is_no_longer_valid(self):
        with pytest.raises(Unauthentic, match="no certification path"):
            opened(packed(key_of("p256")), now=NOON + timedelta(days=4000))

    def test_a_secret_s_owner_needs_no_authority(self):
        usages = (x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH]), False)
        assert opened(packed(key_of("p256"), authority(usages)), anchors=None).private_key_info

    def test_a_signature_by_another_key(self):
        with pytest.raises(Unauthentic, match="is not signed by"):
            opened(packed(key_of("p256"), signer=ROOT), anchors=None)

    def test_several_signers_or_none(self):
        signed = decode(SignedData, packed(key_of("p256")))
        for infos in ((), signed.signer_infos * 2):
            with pytest.raises(Unauthentic, match="one signer"):
                opened(encode(replace(signed, signer_infos=infos)))

    def test_a_signer_who_stays_away(self):
        signed = decode(SignedData, packed(key_of("p256")))
        with pytest.raises(Unauthentic, match="does not come with it"):
            opened(encode(replace(signed, certificates=())))

    def test_another_content_than_was_signed(self):
        signed = decode(SignedData, packed(key_of("p256")))
        other = decode(SignedData, packed(key_of("p384"))).encap_content_info
        with pytest.raises(Unauthentic, match="changed after it was signed"):
            opened(encode(replace(signed, encap_content_info=other)))

    def test_attributes_are_needed(self):
        signed = decode(SignedData, packed(key_of("p256")))
        bare = replace(signed.signer_infos[0], signed_attrs=None)
        with pytest.raises(Unauthentic, match="no signed attributes"):
            opened(encode(replace(signed, signer_infos=(bare,))))
        with pytest.raises(Unauthentic, match="lacks a signed attribute"):
            opened(encode(replace(signed, signer_infos=(replace(bare, signed_attrs=b"\x31\x00"),))))

    def test_another_type_of_content(self):
        signed = decode(SignedData, packed(key_of("p256")))
        data = replace(signed.encap_content_info, e_content_type=DATA)
        with pytest.raises(Malformed, match="no key package"):
            opened(encode(replace(signed, encap_content_info=data)))

    def test_halves_that_do_not_match(self, monkeypatch):
        wrong = replace(
            decode(OneAsymmetricKey, pkcs8_der(key_of("p256"))),
            version=1,
            public_key=key_of("p256", 1).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
        )
        monkeypatch.setattr("runner.pki.key_packages._with_public_half", lambda _: wrong)
        with pytest.raises(Malformed, match="not that of the public key"):
            opened(packed(key_of("p256")))

    def test_several_keys(self, monkeypatch):
        one = ASYMMETRIC_KEYS.encode
        monkeypatch.setattr(ASYMMETRIC_KEYS, "encode", lambda keys: one(keys * 2))
        package = packed(key_of("p256"))
        with pytest.raises(Malformed, match="holds one key"):
            opened(package)

    @settings(max_examples=150)
    @given(st.data())
    def test_any_changed_octet_is_refused_or_changes_nothing(self, data):
        package = bytearray(PACKAGE)
        package[data.draw(st.integers(0, len(package) - 1))] ^= data.draw(st.integers(1, 255))
        try:
            found = opened(bytes(package))
        except CmpBatchError:
            return
        assert found.private_key_info == pkcs8_der(key_of("p256"))


PACKAGE = packed(key_of("p256"))


class TestOnTheirWay:
    """An EncryptedKey from end to end: envelope, signature, key."""

    judged = Judgement(NOON, (ROOT_CERTIFICATE,))

    @pytest.mark.parametrize("kind", KINDS)
    def test_to_the_holder_of_a_certificate(self, kind):
        recipient = recipient_of(certificate_for(key_of(kind).public_key()))
        sealed = seal_private_key(
            pkcs8_der(key_of("p521")), recipient, CountingEntropy(), PrivateKeySigner(KGA), (authority(),)
        )
        package = open_private_key(sealed, PrivateKeyDecrypter(key_of(kind)), self.judged)
        assert package.private_key_info == pkcs8_der(key_of("p521"))
        with pytest.raises(ProtocolError) as caught:
            open_private_key(sealed, PrivateKeyDecrypter(key_of(kind, 1)), self.judged)
        assert caught.value.what == cannot_open().what

    def test_to_the_owner_of_a_secret(self):
        recipient = SecretRecipient(SharedSecret(b"geheim"))
        sealed = seal_private_key(
            pkcs8_der(key_of("rsa")), recipient, CountingEntropy(), PrivateKeySigner(KGA), (authority(),)
        )
        package = open_private_key(sealed, SharedSecret(b"geheim"), Judgement(NOON))
        assert package.private_key_info == pkcs8_der(key_of("rsa"))

    def test_as_an_encrypted_value(self):
        opener = PrivateKeyDecrypter(key_of("rsa"))
        sealed = seal_private_key_v2(pkcs8_der(key_of("p256")), opener.public_key_info, CountingEntropy())
        assert open_private_key(sealed, opener, self.judged).private_key_info == pkcs8_der(key_of("p256"))
        with pytest.raises(ProtocolError, match="needs a private key"):
            open_private_key(sealed, SharedSecret(b"geheim"), self.judged)

    @pytest.mark.parametrize("kind", ["rsa", "p256", "ml-kem-768"])
    def test_a_backup_opens_at_the_ca(self, kind):
        ca = certificate_for(key_of(kind).public_key())
        name = UTF8_STRING.encode("plant-7")
        control = backup_control(pkcs8_der(key_of("p384")), ca, CountingEntropy(), identifier=name, enveloped=True)
        sealed = PKI_ARCHIVE_OPTIONS.decode(control.value).value.value
        assert sealed.encrypted_content_info.content_type == ENC_KEY_WITH_ID
        content = decode(EncKeyWithID, open_envelope(sealed, PrivateKeyDecrypter(key_of(kind))))
        assert (content.private_key.version, content.identifier) == (0, name)
        assert encode(content.private_key) == pkcs8_der(key_of("p384"))

    def test_a_backup_of_version_2(self):
        ca = certificate_for(key_of("rsa").public_key())
        control = backup_control(pkcs8_der(key_of("p384")), ca, CountingEntropy(), identifier=None, enveloped=False)
        sealed = ENCRYPTED_KEY.encode(PKI_ARCHIVE_OPTIONS.decode(control.value).value)
        package = open_private_key(sealed, PrivateKeyDecrypter(key_of("rsa")), self.judged)
        assert package.private_key_info == pkcs8_der(key_of("p384"))

    @pytest.mark.parametrize(
        ("kind", "content"),
        [
            (ASYMMETRIC_KEY_PACKAGE, ASYMMETRIC_KEYS.encode((decode(OneAsymmetricKey, pkcs8_der(KGA)),))),
            (ENC_KEY_WITH_ID, encode(EncKeyWithID(private_key=decode(OneAsymmetricKey, pkcs8_der(KGA))))),
            (DATA, pkcs8_der(KGA)),
        ],
    )
    def test_an_unsigned_key_is_taken_only_where_that_is_said(self, kind, content):
        recipient = recipient_of(certificate_for(key_of("p256").public_key()))
        envelope = seal_envelope(kind, content, recipient, CountingEntropy())
        sealed, opener = ENCRYPTED_KEY.encode(Chosen("envelopedData", envelope)), PrivateKeyDecrypter(key_of("p256"))
        with pytest.raises(Unauthentic, match="nobody signed"):
            open_private_key(sealed, opener, self.judged)
        judgement = replace(self.judged, unsigned=True)
        assert open_private_key(sealed, opener, judgement).private_key_info == pkcs8_der(KGA)

    def test_rubbish_inside_is_the_one_error(self):
        recipient = recipient_of(certificate_for(key_of("p256").public_key()))
        envelope = seal_envelope(SIGNED_DATA, b"\x30\x03\x02\x01\x00", recipient, CountingEntropy())
        sealed = ENCRYPTED_KEY.encode(Chosen("envelopedData", envelope))
        with pytest.raises(ProtocolError) as caught:
            open_private_key(sealed, PrivateKeyDecrypter(key_of("p256")), self.judged)
        assert caught.value.what == cannot_open().what


def test_rsa_keys_are_checked_before_they_are_believed():
    info = decode(OneAsymmetricKey, pkcs8_der(key_of("rsa")))
    harmed = bytearray(info.private_key)
    harmed[-10] ^= 1
    broken = encode(replace(info, private_key=bytes(harmed)))
    with pytest.raises(Malformed, match="cannot be read"):
        make_key_package(broken, PrivateKeySigner(KGA), (authority(),))
