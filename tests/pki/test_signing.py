"""Signatures: ours are verified by openssl, those of `cryptography` by us, and nothing hostile does more than fail."""

from __future__ import annotations

import hashlib
import subprocess
from functools import cache

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa, x25519
from hypothesis import given, settings
from hypothesis import strategies as st
from support import codec

from runner.asn1.algorithms import (
    ECDSA_SIGNATURES,
    ED448,
    ED25519,
    HASHES,
    RSA_SIGNATURES,
    RSASSA_PSS,
    AlgorithmIdentifier,
    RSASSAPSSParams,
)
from runner.asn1.der import tlv
from runner.asn1.primitives import BIT_STRING, INTEGER
from runner.asn1.structures import encode
from runner.errors import Malformed
from runner.pki.signers import PrivateKeySigner, SignatureChoice
from runner.pki.signing import load_public_key, sign, verify_signature

DATA = b"what was said"
SHA256_RSA = AlgorithmIdentifier(algorithm="1.2.840.113549.1.1.11", parameters=b"\x05\x00")
HASH = {
    "sha1": hashes.SHA1(),  # noqa: S303 - what old CAs sign with
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


@cache
def key(kind: str):
    makers = {
        "rsa": lambda: rsa.generate_private_key(65537, 2048),
        "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
        "ed25519": ed25519.Ed25519PrivateKey.generate,
        "ed448": ed448.Ed448PrivateKey.generate,
        "dsa": lambda: dsa.generate_private_key(2048),
        "x25519": x25519.X25519PrivateKey.generate,
    }
    return makers[kind]()


def info(kind: str) -> bytes:
    return (
        key(kind).public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def oid_of(table: dict[str, str], name: str) -> str:
    return next(oid for oid, known in table.items() if known == name)


def pss(digest: str | None, salt: int, **more) -> AlgorithmIdentifier:
    named = None if digest is None else AlgorithmIdentifier(algorithm=oid_of(HASHES, digest))
    return AlgorithmIdentifier(
        algorithm=RSASSA_PSS, parameters=encode(RSASSAPSSParams(hash_algorithm=named, salt_length=salt, **more))
    )


OURS = ["rsa", "p256", "p384", "p521", "ed25519", "ed448"]
DIGEST_OPTIONS = {"p384": "-sha384", "p521": "-sha512"}


@pytest.mark.parametrize("kind", OURS)
def test_openssl_verifies_what_we_sign(openssl, tmp_path, kind):
    signer = PrivateKeySigner(key(kind))
    signed = sign(signer, DATA)
    assert signer.public_key_info == info(kind)
    for name, octets in (("key", signer.public_key_info), ("signature", signed.bits), ("data", DATA)):
        (tmp_path / name).write_bytes(octets)
    options = ["-rawin", "-keyform", "DER", "-pubin", "-inkey", tmp_path / "key", "-sigfile", tmp_path / "signature"]
    digest = [] if kind.startswith("ed") else ["-digest", DIGEST_OPTIONS.get(kind, "-sha256")[1:]]
    done = subprocess.run(
        [openssl, "pkeyutl", "-verify", *options, *digest, "-in", tmp_path / "data"], capture_output=True, check=False
    )
    assert b"Signature Verified Successfully" in done.stdout, done.stderr
    assert verify_signature(info(kind), signed.algorithm, signed.bits, DATA)
    assert not verify_signature(info(kind), signed.algorithm, signed.bits, DATA + b".")


def test_openssl_verifies_our_pss(openssl, tmp_path):
    signer = PrivateKeySigner(key("rsa"), SignatureChoice("sha384", pss=True))
    for name, octets in (("key", info("rsa")), ("signature", signer.sign(DATA)), ("data", DATA)):
        (tmp_path / name).write_bytes(octets)
    options = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:48", "-keyform", "DER"]
    command = [openssl, "dgst", "-sha384", *options, "-verify", tmp_path / "key", "-signature", tmp_path / "signature"]
    assert subprocess.run([*command, tmp_path / "data"], capture_output=True, check=True).stdout == b"Verified OK\n"
    assert verify_signature(info("rsa"), signer.algorithm, signer.sign(DATA), DATA)


@pytest.mark.parametrize("digest", HASH)
def test_we_verify_what_cryptography_signs_with_rsa(digest):
    bits = key("rsa").sign(DATA, padding.PKCS1v15(), HASH[digest])
    algorithm = AlgorithmIdentifier(algorithm=oid_of(RSA_SIGNATURES, digest), parameters=b"\x05\x00")
    assert verify_signature(info("rsa"), algorithm, bits, DATA, allow_sha1=True)
    assert verify_signature(info("rsa"), algorithm, bits, DATA) == (digest != "sha1")
    for other in set(HASH) - {digest}:
        another = AlgorithmIdentifier(algorithm=oid_of(RSA_SIGNATURES, other))
        assert not verify_signature(info("rsa"), another, bits, DATA, allow_sha1=True)


@pytest.mark.parametrize("digest", HASH)
@pytest.mark.parametrize("salt", [0, 20, 32])
def test_we_verify_what_cryptography_signs_with_pss(digest, salt):
    bits = key("rsa").sign(DATA, padding.PSS(padding.MGF1(HASH[digest]), salt), HASH[digest])
    named = None if digest == "sha1" else digest
    assert verify_signature(info("rsa"), pss(named, salt), bits, DATA, allow_sha1=True)
    assert verify_signature(info("rsa"), pss(named, salt), bits, DATA) == (digest != "sha1")
    assert not verify_signature(info("rsa"), pss(named, salt + 1), bits, DATA, allow_sha1=True)


@pytest.mark.parametrize("digest", HASH)
@pytest.mark.parametrize("kind", ["p256", "p384", "p521"])
def test_we_verify_what_cryptography_signs_with_ecdsa(kind, digest):
    bits = key(kind).sign(DATA, ec.ECDSA(HASH[digest]))
    algorithm = AlgorithmIdentifier(algorithm=oid_of(ECDSA_SIGNATURES, digest))
    assert verify_signature(info(kind), algorithm, bits, DATA, allow_sha1=True)
    assert verify_signature(info(kind), algorithm, bits, DATA) == (digest != "sha1")
    assert not verify_signature(info(kind), algorithm, bits, DATA + b".", allow_sha1=True)


ALGORITHMS = {
    "rsa": SHA256_RSA,
    "pss": pss("sha256", 32),
    "p256": AlgorithmIdentifier(algorithm=oid_of(ECDSA_SIGNATURES, "sha256")),
    "ed25519": AlgorithmIdentifier(algorithm=ED25519),
    "ed448": AlgorithmIdentifier(algorithm=ED448),
    "nothing": AlgorithmIdentifier(algorithm="1.3.6.1.5.5.7.6.36"),
    "md5": AlgorithmIdentifier(algorithm="1.2.840.113549.1.1.4"),
    "rsaEncryption": AlgorithmIdentifier(algorithm="1.2.840.113549.1.1.1"),
    "a MAC": AlgorithmIdentifier(algorithm="1.2.840.113533.7.66.13"),
}


@pytest.mark.parametrize("named", ALGORITHMS)
@pytest.mark.parametrize("kind", ["rsa", "p256", "ed25519", "ed448", "dsa", "x25519"])
def test_a_key_verifies_with_its_own_algorithms_alone(kind, named):
    signer = PrivateKeySigner(key(kind)) if kind not in ("dsa", "x25519") else None
    bits = signer.sign(DATA) if signer else b"s" * 64
    assert verify_signature(info(kind), ALGORITHMS[named], bits, DATA) == (kind == named)


def rsa_info(modulus: int, exponent: int) -> bytes:
    body = tlv(0x30, INTEGER.encode(modulus) + INTEGER.encode(exponent))
    algorithm = AlgorithmIdentifier(algorithm="1.2.840.113549.1.1.1", parameters=b"\x05\x00")
    return tlv(0x30, encode(algorithm) + BIT_STRING.encode(body))


def long_rsa_info(bits: int) -> bytes:
    body = tlv(0x30, tlv(0x02, b"\x00\x80" + bytes(bits // 8 - 2) + b"\x01") + INTEGER.encode(65537))
    algorithm = AlgorithmIdentifier(algorithm="1.2.840.113549.1.1.1", parameters=b"\x05\x00")
    return tlv(0x30, encode(algorithm) + BIT_STRING.encode(body))


HOSTILE_KEYS = {
    "20,000 bits": long_rsa_info(20_000),
    "100,000 bits": long_rsa_info(100_000),
    "exponent 1": rsa_info((1 << 2047) + 1, 1),
    "exponent 2": rsa_info((1 << 2047) + 1, 2),
    "exponent 0": rsa_info((1 << 2047) + 1, 0),
    "a huge exponent": rsa_info((1 << 4095) + 1, (1 << 4094) + 1),
    "an even modulus": rsa_info(1 << 2047, 65537),
    "a negative modulus": rsa_info(-(1 << 2046), 65537),
    "zero": rsa_info(0, 0),
    "four bits": rsa_info(15, 3),
    "512 bits": rsa_info((1 << 511) + 1, 65537),
    "no key": b"\x30\x00",
    "nothing": b"",
    "a megabyte": tlv(0x30, bytes(1_000_000)),
}
HOSTILE_ALGORITHMS = {
    **ALGORITHMS,
    "a negative salt": pss("sha256", -1),
    "a huge salt": pss("sha256", 1 << 70),
    "a salt beyond the key": pss("sha256", 100_000),
    "pss of nothing": AlgorithmIdentifier(algorithm=RSASSA_PSS),
    "pss of rubbish": AlgorithmIdentifier(algorithm=RSASSA_PSS, parameters=b"\x30\x01\xff"),
    "pss with an unknown hash": AlgorithmIdentifier(
        algorithm=RSASSA_PSS,
        parameters=encode(RSASSAPSSParams(hash_algorithm=AlgorithmIdentifier(algorithm="1.2.3.4"))),
    ),
}


@pytest.mark.parametrize("named", HOSTILE_ALGORITHMS)
@pytest.mark.parametrize("kind", HOSTILE_KEYS)
def test_a_hostile_key_verifies_nothing(kind, named):
    assert (
        verify_signature(HOSTILE_KEYS[kind], HOSTILE_ALGORITHMS[named], b"\x01" * 256, DATA, allow_sha1=True) is False
    )


@pytest.mark.parametrize("named", sorted(HOSTILE_ALGORITHMS.keys() - ALGORITHMS.keys()))
def test_hostile_parameters_verify_nothing(named):
    bits = key("rsa").sign(DATA, padding.PSS(padding.MGF1(HASH["sha256"]), 32), HASH["sha256"])
    assert verify_signature(info("rsa"), HOSTILE_ALGORITHMS[named], bits, DATA) is False


P = 0xC06CDB88AA5A1E9BD417EBDCD92C90FFE2A509FC69AD5689A4A1A8E2F3DEF36E238B48AA6AD960E980917AD40EBC46CF
Q = 0xC5C003D3698F9E5926F9FCA9290FED02483FC49F8DB6DA9928B8C17CB5C9E8D5B1875A2429E014C9925F7D9B724C4C7B
SHA256_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


def test_a_signature_by_a_key_that_people_can_break_counts_for_nothing():
    """768 bits, and the signature is right (RFC 8017 §8.2.2, by hand: `cryptography` makes no such keys)."""
    told = SHA256_DIGEST_INFO + hashlib.sha256(DATA).digest()
    padded = b"\x00\x01" + b"\xff" * (96 - 3 - len(told)) + b"\x00" + told
    secret = pow(65537, -1, (P - 1) * (Q - 1))
    bits = pow(int.from_bytes(padded, "big"), secret, P * Q).to_bytes(96, "big")
    load_public_key(rsa_info(P * Q, 65537)).verify(bits, DATA, padding.PKCS1v15(), HASH["sha256"])
    assert verify_signature(rsa_info(P * Q, 65537), SHA256_RSA, bits, DATA) is False


@settings(max_examples=300)
@given(data=st.data())
def test_a_spoiled_key_verifies_nothing_and_raises_nothing(data):
    kind = data.draw(st.sampled_from(["rsa", "p256", "ed25519", "ed448", "dsa"]))
    spoiled = data.draw(codec.spoiled(info(kind)))
    algorithm = data.draw(st.sampled_from(list(HOSTILE_ALGORITHMS.values())))
    bits = data.draw(st.sampled_from([b"", b"\x30\x06\x02\x01\x01\x02\x01\x01", b"s" * 64, b"s" * 256]))
    assert verify_signature(spoiled, algorithm, bits, DATA) is False


@pytest.mark.parametrize("octets", [b"", b"\x30\x00", b"\x30\x82\xff\xff", HOSTILE_KEYS["a megabyte"]])
def test_what_is_no_key_is_malformed(octets):
    with pytest.raises(Malformed, match="a public key"):
        load_public_key(octets)


def test_a_signer_shows_no_key():
    signer = PrivateKeySigner(key("ed25519"))
    assert repr(signer) == "<PrivateKeySigner 1.3.101.112>"


def test_a_key_beyond_measure_is_not_even_tried():
    with pytest.raises(Malformed, match="absurdly long"):
        load_public_key(info("rsa") + bytes(20_000))
