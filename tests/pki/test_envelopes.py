"""Envelopes: openssl opens what we seal, we open what openssl seals, and nothing that was changed ever opens."""

from __future__ import annotations

import base64
import subprocess
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key
from hypothesis import given, settings
from hypothesis import strategies as st
from support.ambient import CountingEntropy
from support.certificates import KEY
from support.recipients import KINDS, certificate_for, key_of, pkcs8_der

from runner.asn1.algorithms import AlgorithmIdentifier
from runner.asn1.cms import (
    AUTH_ENVELOPED_DATA,
    DATA,
    ENVELOPED_DATA,
    AuthEnvelopedData,
    ContentInfo,
    EnvelopedData,
    IssuerAndSerialNumber,
    KEMRecipientInfo,
    RecipientEncryptedKey,
)
from runner.asn1.parameters import GCMParameters
from runner.asn1.structures import Chosen, decode, encode
from runner.errors import CmpBatchError, ProtocolError, Unauthentic
from runner.pki.certificates import to_pem
from runner.pki.ciphers import CIPHERS, decrypt, unwrap
from runner.pki.envelopes import (
    KeyRecipient,
    Sealing,
    SecretRecipient,
    open_envelope,
    recipient_of,
    recipient_of_request,
    seal_envelope,
)
from runner.pki.macs import SharedSecret
from runner.pki.opening import PrivateKeyDecrypter, cannot_open
from runner.pki.recipients import agreement_keys, content_key, kem_wrap_key

CONTENT = b"a certificate, a private key, or a number: " + bytes(range(64))
ONE_ERROR = (cannot_open().what, cannot_open().why, cannot_open().next_step)


DEFAULT = Sealing()


def sealed(kind, sealing=DEFAULT, content=CONTENT):
    recipient = recipient_of(certificate_for(key_of(kind).public_key()))
    return seal_envelope(DATA, content, recipient, CountingEntropy(), sealing)


def words(error):
    return error.what, error.why, error.next_step


def outcome(envelope, kind):
    """What opening gives: the content, or whether its error is the one that all failures share."""
    try:
        return open_envelope(envelope, PrivateKeyDecrypter(key_of(kind)))
    except ProtocolError as error:
        silent = error.__cause__ is None and (error.__suppress_context__ or error.__context__ is None)
        alike = words(error) == ONE_ERROR and silent and type(error) is ProtocolError
        return "the one error" if alike else "another error"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cipher", CIPHERS)
def test_what_is_sealed_opens(kind, cipher):
    envelope = sealed(kind, Sealing(cipher=cipher))
    assert CONTENT not in encode(envelope)
    assert decode(EnvelopedData, encode(envelope)) == envelope
    assert open_envelope(envelope, PrivateKeyDecrypter(key_of(kind))) == CONTENT


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_without_certificate_is_called_by_its_request(kind):
    public = PrivateKeyDecrypter(key_of(kind)).public_key_info
    envelope = seal_envelope(DATA, CONTENT, recipient_of_request(public, 0), CountingEntropy())
    assert open_envelope(envelope, PrivateKeyDecrypter(key_of(kind))) == CONTENT


@pytest.mark.parametrize("kind", KINDS)
def test_another_key_of_the_kind_opens_nothing(kind):
    with pytest.raises(ProtocolError) as caught:
        open_envelope(sealed(kind), PrivateKeyDecrypter(key_of(kind, 1)))
    assert words(caught.value) == ONE_ERROR
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other", KINDS)
def test_a_key_of_another_kind_is_an_error_too(kind, other):
    if kind == other:
        return
    with pytest.raises(ProtocolError):
        open_envelope(sealed(kind), PrivateKeyDecrypter(key_of(other)))


@settings(max_examples=200)
@given(st.sampled_from(("rsa", "rsa-pkcs1", "p256", "x25519", "ml-kem-768")), st.data())
def test_a_changed_key_never_opens_and_never_says_why(kind, data):
    """Whatever is changed in the encrypted key: same error, same words."""
    sealing = Sealing(key_transport="pkcs1") if kind == "rsa-pkcs1" else Sealing()
    kind = kind.removesuffix("-pkcs1")
    envelope = sealed(kind, sealing, CONTENT)
    info = envelope.recipient_infos[0]
    flip = data.draw(st.integers(1, 255))

    def harmed(octets):
        at = data.draw(st.integers(0, len(octets) - 1))
        return octets[:at] + bytes((octets[at] ^ flip,)) + octets[at + 1 :]

    if info.name == "ktri":
        changed = replace(info.value, encrypted_key=harmed(info.value.encrypted_key))
    elif info.name == "kari":
        key = info.value.recipient_encrypted_keys[0]
        key = RecipientEncryptedKey(rid=key.rid, encrypted_key=harmed(key.encrypted_key))
        changed = replace(info.value, recipient_encrypted_keys=(key,))
    else:
        kem = decode(KEMRecipientInfo, info.value.ori_value)
        kem = replace(kem, kemct=harmed(kem.kemct))
        changed = replace(info.value, ori_value=encode(kem))
    envelope = replace(envelope, recipient_infos=(Chosen(info.name, changed),))
    # under PKCS#1 a random key finds a right-looking CBC padding once in 256 times: what it opens is rubbish
    assert outcome(envelope, kind) not in (CONTENT, "another error")


@settings(max_examples=200)
@given(st.sampled_from(("rsa", "p256", "ml-kem-768")), st.data())
def test_any_changed_octet_gives_our_errors_only(kind, data):
    octets = bytearray(encode(sealed(kind)))
    octets[data.draw(st.integers(0, len(octets) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        open_envelope(decode(EnvelopedData, bytes(octets)), PrivateKeyDecrypter(key_of(kind)))
    except CmpBatchError:
        return


def test_a_wrong_padding_of_pkcs1_looks_like_a_wrong_key():
    """Implicit rejection: neither the type of failure nor its words tell a padding oracle anything."""
    envelope = sealed("rsa", Sealing(key_transport="pkcs1"))
    info = envelope.recipient_infos[0].value
    public = key_of("rsa").public_key()
    numbers = public.public_numbers()
    raw = pow(int.from_bytes(b"\x00\x03" + b"\xaa" * 254, "big"), numbers.e, numbers.n).to_bytes(256, "big")
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

    short = public.encrypt(b"5octe", PKCS1v15())
    wrong = public.encrypt(b"k" * 32, PKCS1v15())
    for ciphertext in (raw, short, wrong):
        changed = Chosen("ktri", replace(info, encrypted_key=ciphertext))
        assert outcome(replace(envelope, recipient_infos=(changed,)), "rsa") not in (CONTENT, "another error")


def test_an_envelope_for_several_is_refused():
    envelope = sealed("p256")
    twice = replace(envelope, recipient_infos=(envelope.recipient_infos[0], sealed("rsa").recipient_infos[0]))
    with pytest.raises(ProtocolError, match="one recipient"):
        open_envelope(twice, PrivateKeyDecrypter(key_of("p256")))


def test_a_key_that_only_signs_receives_nothing():
    public = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(ProtocolError, match="only signs"):
        seal_envelope(DATA, CONTENT, recipient_of_request(public, 0), CountingEntropy())


def test_a_decrypter_shows_its_kind_only():
    assert repr(PrivateKeyDecrypter(key_of("x25519"))).startswith("<PrivateKeyDecrypter ")


class TestSecrets:
    def test_a_secret_opens_what_it_sealed(self):
        envelope = seal_envelope(DATA, CONTENT, SecretRecipient(SharedSecret(b"geheim")), CountingEntropy())
        assert envelope.version == 3
        assert open_envelope(envelope, SharedSecret(b"geheim")) == CONTENT
        with pytest.raises(ProtocolError) as caught:
            open_envelope(envelope, SharedSecret(b"anders"))
        assert words(caught.value) == ONE_ERROR

    def test_a_secret_is_no_key_and_a_key_no_secret(self):
        envelope = seal_envelope(DATA, CONTENT, SecretRecipient(SharedSecret(b"geheim")), CountingEntropy())
        with pytest.raises(ProtocolError):
            open_envelope(envelope, PrivateKeyDecrypter(key_of("p256")))
        with pytest.raises(ProtocolError):
            open_envelope(sealed("p256"), SharedSecret(b"geheim"))

    def test_too_much_work_is_refused(self):
        envelope = seal_envelope(DATA, CONTENT, SecretRecipient(SharedSecret(b"geheim"), 5000), CountingEntropy())
        with pytest.raises(Unauthentic, match="work"):
            open_envelope(envelope, SharedSecret(b"geheim", max_iterations=4999))

    @pytest.mark.parametrize("cipher", ["-aes128", "-aes256", "-des3"])
    def test_we_open_what_openssl_seals_under_a_password(self, openssl, tmp_path, cipher):
        envelope = sealed_by_openssl(openssl, tmp_path, cipher, "-pwri_password", "geheim")
        assert open_envelope(envelope, SharedSecret(b"geheim")) == CONTENT
        with pytest.raises(ProtocolError) as caught:
            open_envelope(envelope, SharedSecret(b"anders"))
        assert words(caught.value) == ONE_ERROR


def sealed_by_openssl(openssl, folder, *options):
    (folder / "content").write_bytes(CONTENT)
    command = [openssl, "cms", "-encrypt", "-binary", "-outform", "DER", "-in", "content", "-out", "sealed", *options]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    info = decode(ContentInfo, (folder / "sealed").read_bytes())
    kind = {ENVELOPED_DATA: EnvelopedData, AUTH_ENVELOPED_DATA: AuthEnvelopedData}[info.content_type]
    envelope = decode(kind, info.content)
    assert encode(envelope) == info.content
    return envelope


class TestOpenssl:
    @pytest.mark.parametrize("kind", ["rsa", "p256", "p384", "p521"])
    @pytest.mark.parametrize("key_transport", ["oaep", "pkcs1"])
    @pytest.mark.parametrize("cipher", ["aes128-cbc", "aes256-cbc", "3des-cbc"])
    def test_openssl_opens_what_we_seal(self, openssl, tmp_path, kind, key_transport, cipher):
        envelope = sealed(kind, Sealing(cipher, key_transport))
        whole = encode(ContentInfo(content_type=ENVELOPED_DATA, content=encode(envelope)))
        certificate = certificate_for(key_of(kind).public_key())
        (tmp_path / "sealed").write_bytes(whole)
        (tmp_path / "key").write_bytes(to_pem(pkcs8_der(key_of(kind)), "PRIVATE KEY"))
        (tmp_path / "crt").write_bytes(to_pem(certificate.der))
        command = [openssl, "cms", "-decrypt", "-inform", "DER", "-in", "sealed", "-inkey", "key", "-recip", "crt"]
        assert subprocess.run(command, cwd=tmp_path, check=True, capture_output=True).stdout == CONTENT

    @pytest.mark.parametrize("kind", ["x25519", "x448", "ml-kem-768"])
    def test_openssl_reads_the_structure_where_it_knows_no_such_key(self, openssl, tmp_path, kind):
        whole = encode(ContentInfo(content_type=ENVELOPED_DATA, content=encode(sealed(kind))))
        command = [openssl, "cms", "-cmsout", "-print", "-inform", "DER"]
        printed = subprocess.run(command, input=whole, check=True, capture_output=True).stdout
        assert (b"d.ori" if kind.startswith("ml") else b"d.kari") in printed

    @pytest.mark.parametrize(
        ("kind", "options"),
        [
            ("rsa", ()),
            ("rsa", ("-keyopt", "rsa_padding_mode:oaep")),
            ("rsa", ("-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256")),
            ("p256", ()),
            ("p256", ("-keyopt", "ecdh_kdf_md:sha256")),
            ("p256", ("-keyopt", "ecdh_cofactor_mode:1", "-keyopt", "ecdh_kdf_md:sha384")),
            ("p384", ("-keyopt", "ecdh_kdf_md:sha384")),
            ("p521", ("-keyopt", "ecdh_kdf_md:sha512")),
        ],
    )
    @pytest.mark.parametrize("cipher", ["-aes128", "-aes256", "-aes-256-gcm", "-des3"])
    def test_we_open_what_openssl_seals(self, openssl, tmp_path, kind, options, cipher):
        certificate = certificate_for(key_of(kind).public_key())
        (tmp_path / "crt").write_bytes(to_pem(certificate.der))
        envelope = sealed_by_openssl(openssl, tmp_path, cipher, "-recip", "crt", *options)
        assert open_envelope(envelope, PrivateKeyDecrypter(key_of(kind))) == CONTENT

    def test_an_authenticated_envelope_that_was_changed_stays_shut(self, openssl, tmp_path):
        (tmp_path / "crt").write_bytes(to_pem(certificate_for(key_of("p256").public_key()).der))
        envelope = sealed_by_openssl(openssl, tmp_path, "-aes-256-gcm", "-recip", "crt")
        for harmed in (
            replace(envelope, mac=envelope.mac[:-1] + bytes((envelope.mac[-1] ^ 1,))),
            replace(envelope, mac=b""),
            replace(envelope, mac=envelope.mac[:12]),
        ):
            with pytest.raises(ProtocolError) as caught:
                open_envelope(harmed, PrivateKeyDecrypter(key_of("p256")))
            assert words(caught.value) == ONE_ERROR


def test_an_authenticated_envelope_needs_a_cipher_that_authenticates():
    plain = sealed("p256")
    envelope = AuthEnvelopedData(
        version=0,
        recipient_infos=plain.recipient_infos,
        auth_encrypted_content_info=plain.encrypted_content_info,
        mac=b"",
    )
    with pytest.raises(Unauthentic, match="authenticates nothing"):
        open_envelope(envelope, PrivateKeyDecrypter(key_of("p256")))


def test_gcm_inside_plain_enveloped_data_opens():
    """Some encoders put AES-GCM into EnvelopedData, with the tag behind the ciphertext."""
    envelope = seal_envelope(DATA, CONTENT, SecretRecipient(SharedSecret(b"geheim")), FixedKey())
    nonce = b"n" * 12
    algorithm = AlgorithmIdentifier(
        algorithm="2.16.840.1.101.3.4.1.46", parameters=encode(GCMParameters(nonce=nonce, length=16))
    )
    content = AESGCM(b"k" * 32).encrypt(nonce, CONTENT, b"")
    inside = replace(envelope.encrypted_content_info, content_encryption_algorithm=algorithm, encrypted_content=content)
    assert open_envelope(replace(envelope, encrypted_content_info=inside), SharedSecret(b"geheim")) == CONTENT


class FixedKey:
    """An Entropy that is none: all keys are k."""

    def octets(self, count):
        return b"k" * count


class TestAgreement:
    def test_static_originators_are_found_by_either_name(self):
        """RFC 9483 §4.1.6.2 speaks of an identifier of the originator's certificate."""
        ours, theirs = key_of("p256"), key_of("p256", 1)
        certificate = certificate_for(theirs.public_key())
        wrap = AlgorithmIdentifier(algorithm="2.16.840.1.101.3.4.1.45")
        scheme = "1.3.132.1.11.1"
        kek = agreement_keys(scheme, wrap, b"ukm")(theirs.exchange(ec.ECDH(), ours.public_key()))[0]
        envelope = seal_envelope(DATA, CONTENT, SecretRecipient(SharedSecret(b"x")), FixedKey())
        template = sealed("p256").recipient_infos[0].value
        key = RecipientEncryptedKey(
            rid=template.recipient_encrypted_keys[0].rid, encrypted_key=aes_key_wrap(kek, b"k" * 32)
        )
        name = IssuerAndSerialNumber(issuer=certificate.issuer.der, serial_number=certificate.serial)
        for originator in (
            Chosen("issuerAndSerialNumber", name),
            recipient_of(certificate).rid,
        ):
            info = replace(template, originator=originator, ukm=b"ukm", recipient_encrypted_keys=(key,))
            static = replace(envelope, recipient_infos=(Chosen("kari", info),))
            assert open_envelope(static, PrivateKeyDecrypter(ours), (certificate,)) == CONTENT
            with pytest.raises(Unauthentic, match="not known"):
                open_envelope(static, PrivateKeyDecrypter(ours))

    @pytest.mark.parametrize("salted", [True, False])
    def test_hkdf_with_ukm_opens_by_the_standard_and_by_bouncy_castle(self, salted):
        """RFC 8418 §2.2: salt = ukm. Bouncy Castle up to 1.86 leaves the salt out. SharedInfo written by hand."""
        ours, fresh = key_of("x25519"), x25519.X25519PrivateKey.from_private_bytes(b"\x42" * 32)
        info = bytes.fromhex("301f300b060960864801650304012da0050403756b6da206040400000100")
        info = bytes((0x30, len(info) - 2)) + info[2:]
        secret = fresh.exchange(ours.public_key())
        kek = HKDF(SHA256(), 32, b"ukm" if salted else None, info).derive(secret)
        template = sealed("x25519").recipient_infos[0].value
        originator = replace(template.originator.value, public_key=fresh.public_key().public_bytes_raw())
        key = replace(template.recipient_encrypted_keys[0], encrypted_key=aes_key_wrap(kek, b"k" * 32))
        changed = replace(
            template,
            originator=Chosen("originatorKey", originator),
            ukm=b"ukm",
            recipient_encrypted_keys=(key,),
        )
        envelope = seal_envelope(DATA, CONTENT, SecretRecipient(SharedSecret(b"x")), FixedKey())
        envelope = replace(envelope, recipient_infos=(Chosen("kari", changed),))
        assert open_envelope(envelope, PrivateKeyDecrypter(ours)) == CONTENT

    def test_a_degenerate_point_is_refused_like_everything_else(self):
        template = sealed("x25519").recipient_infos[0].value
        originator = Chosen("originatorKey", replace(template.originator.value, public_key=bytes(32)))
        envelope = replace(
            sealed("x25519"), recipient_infos=(Chosen("kari", replace(template, originator=originator)),)
        )
        with pytest.raises(ProtocolError) as caught:
            open_envelope(envelope, PrivateKeyDecrypter(key_of("x25519")))
        assert words(caught.value) == ONE_ERROR


def test_the_rsa_kem_example_of_the_standards_opens(vectors):
    """RFC 9690's example: KDF2, key-encryption key and content are as the standard says, from a KEM of another kind."""
    pem = (vectors / "pq" / "rsa_kem_rfc9696_private_key.pem").read_text().split("-----")[2]
    numbers = load_der_private_key(base64.b64decode(pem), None).private_numbers()
    info = decode(ContentInfo, (vectors / "pyasn1" / "rfc9629_EnveopedDataRSAKEM.der").read_bytes())
    envelope = decode(EnvelopedData, info.content)
    kem = decode(KEMRecipientInfo, envelope.recipient_infos[0].value.ori_value)
    secret = pow(int.from_bytes(kem.kemct, "big"), numbers.d, numbers.public_numbers.n).to_bytes(384, "big")
    key = unwrap(kem.wrap, kem_wrap_key(kem.kdf, kem.wrap, kem.ukm, secret), kem.encrypted_key)
    inside = envelope.encrypted_content_info
    assert decrypt(inside.content_encryption_algorithm, key, inside.encrypted_content) == b"Hello, world!"


def test_recipients_are_named_by_key_identifier_or_by_issuer_and_serial():
    certificate = certificate_for(key_of("rsa").public_key())
    bare = replace(certificate, extensions=())
    assert recipient_of(certificate).rid.name == "subjectKeyIdentifier"
    assert recipient_of(bare) == KeyRecipient(
        certificate.public_key_info,
        Chosen(
            "issuerAndSerialNumber",
            IssuerAndSerialNumber(issuer=certificate.issuer.der, serial_number=certificate.serial),
        ),
    )
    envelope = seal_envelope(DATA, CONTENT, recipient_of(bare), CountingEntropy())
    assert (envelope.version, envelope.recipient_infos[0].value.version) == (0, 0)
    assert (sealed("rsa").version, sealed("rsa").recipient_infos[0].value.version) == (2, 2)


class Stubborn(PrivateKeyDecrypter):
    """A token, or a library, that tells of a wrong padding."""

    def decrypt(self, algorithm, ciphertext):
        raise cannot_open()


def test_a_token_that_tells_of_a_wrong_padding_is_no_oracle():
    """Where implicit rejection is lacking, a random key takes its place."""
    envelope = sealed("rsa", Sealing(key_transport="pkcs1"))
    key = content_key(
        envelope.recipient_infos[0],
        Stubborn(key_of("rsa")),
        envelope.encrypted_content_info.content_encryption_algorithm,
        (),
    )
    assert len(key) == 32
