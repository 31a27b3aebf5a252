"""Kinds and sizes of keys between text and keys."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, mlkem, rsa, x448, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import Malformed
from runner.pki.keyspecs import AGREEING, CURVES, FIXED, KINDS, RSA_SIZES, KeySpec, key_spec_of, parse_key_spec

WRITTEN = {
    "rsa": "rsa:3072",
    "rsa:": "rsa:3072",
    "RSA:2048": "rsa:2048",
    " rsa:4096 ": "rsa:4096",
    "rsa:02048": "rsa:2048",
    "ec": "ec:p256",
    "ecdsa:P-384": "ec:p384",
    "ec:prime256v1": "ec:p256",
    "ec:secp521r1": "ec:p521",
    "ec:256": "ec:p256",
    "ed25519": "ed25519",
    "ED448": "ed448",
    "dsa": "dsa:2048",
    "dss:3072": "dsa:3072",
    "ec:brainpoolP256r1": "ec:brainpoolp256r1",
    "ec:bp384": "ec:brainpoolp384r1",
    "ec:secp256k1": "ec:secp256k1",
    "ml-dsa-65": "ml-dsa-65",
    "ML-DSA:87": "ml-dsa-87",
    "mldsa44": "ml-dsa-44",
    "ml-kem:768": "ml-kem-768",
    "x25519": "x25519",
}
REFUSED = {
    "": "unknown key type ''",
    "rsa:512": "from 1024 to 8192 bits",
    "rsa:16384": "from 1024 to 8192 bits",
    "rsa:big": "from 1024 to 8192 bits",
    "rsa:\u0662\u0660\u0664\u0668": "from 1024 to 8192 bits",
    "rsa:-2048": "from 1024 to 8192 bits",
    "rsa:" + "9" * 5000: "from 1024 to 8192 bits",
    "ec:p192": "unknown curve 'p192'",
    "ed25519:256": "has one size only",
    "des": "unknown key type 'des'",
    "ed25518": "did you mean ed25519?",
    "ec:brainpoolp256r2": "did you mean brainpoolp256r1?",
    "dsa:1536": "dsa takes a size of 1024, 2048, 3072",
    "ml-dsa": "unknown key type 'ml-dsa'",
    "ml-dsa:66": "unknown key type 'ml-dsa'",
}


@pytest.mark.parametrize(("text", "meant"), WRITTEN.items())
def test_what_people_write(text, meant):
    assert str(parse_key_spec(text)) == meant


@pytest.mark.parametrize(("text", "words"), REFUSED.items())
def test_what_is_refused(text, words):
    with pytest.raises(ValueError, match=words) as refused:
        parse_key_spec(text)
    assert len(str(refused.value)) < 6000


@given(
    st.sampled_from([*KINDS, *CURVES, ""]).flatmap(
        lambda kind: st.text(":-0123456789p", max_size=6).map(lambda more: kind + more)
    )
)
def test_any_text_is_a_spec_or_a_valueerror(text):
    try:
        spec = parse_key_spec(text)
    except ValueError:
        return
    assert parse_key_spec(str(spec)) == spec


def test_every_kind_is_spelled_as_it_is_read():
    for text in (*FIXED, *(f"ec:{curve}" for curve in CURVES), *(f"rsa:{size}" for size in RSA_SIZES)):
        assert str(parse_key_spec(text)) == text


def test_weak_is_what_is_below_todays_minimum():
    assert parse_key_spec("rsa:1024").is_weak
    assert parse_key_spec("rsa:2047").is_weak
    assert not parse_key_spec("rsa:2048").is_weak
    assert not parse_key_spec("ec:p256").is_weak
    assert parse_key_spec("dsa:3072").is_weak


def test_keys_that_agree_or_encapsulate_cannot_sign():
    assert {str(parse_key_spec(kind)) for kind in FIXED if not parse_key_spec(kind).can_sign} == set(AGREEING)
    assert parse_key_spec("rsa").can_sign


KEYS = {
    "rsa:2048": lambda: rsa.generate_private_key(65537, 2048),
    "ec:p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ec:p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ec:p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ec:brainpoolp256r1": lambda: ec.generate_private_key(ec.BrainpoolP256R1()),
    "ec:secp224r1": lambda: ec.generate_private_key(ec.SECP224R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ed448": ed448.Ed448PrivateKey.generate,
    "x25519": x25519.X25519PrivateKey.generate,
    "x448": x448.X448PrivateKey.generate,
    "dsa:2048": lambda: dsa.generate_private_key(2048),
    "ml-dsa-44": mldsa.MLDSA44PrivateKey.generate,
    "ml-dsa-87": mldsa.MLDSA87PrivateKey.generate,
    "ml-kem-768": mlkem.MLKEM768PrivateKey.generate,
}


@pytest.mark.parametrize("spec", KEYS)
def test_the_spec_of_a_key(spec):
    info = KEYS[spec]().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert str(key_spec_of(info)) == spec


@pytest.mark.parametrize("octets", [b"", b"\x30\x00", b"key", bytes(1000)])
def test_what_is_no_key(octets):
    with pytest.raises(Malformed, match="a public key cannot be read"):
        key_spec_of(octets)


def test_a_kind_without_a_size_is_spelled_alone():
    assert str(KeySpec("ed25519")) == "ed25519"
