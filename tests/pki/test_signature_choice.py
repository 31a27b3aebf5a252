"""How a signer signs when it is asked: digests and RSASSA-PSS, judged by openssl; ML-DSA by recorded certificates."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from support.recipients import key_of

from runner.asn1.algorithms import RSASSA_PSS, AlgorithmIdentifier, RSASSAPSSParams
from runner.asn1.structures import decode, encode
from runner.pki.certificates import certificates_in
from runner.pki.signers import PrivateKeySigner, SignatureChoice
from runner.pki.signing import verify_signature

DATA = b"what is signed"
EC_KEY = ec.derive_private_key(0x3001, ec.SECP256R1())


@pytest.mark.parametrize("digest", ["", "sha1", "sha224", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize("pss", [True, False])
def test_rsa_signs_as_it_is_asked(openssl, tmp_path, digest, pss):
    signer = PrivateKeySigner(key_of("rsa"), SignatureChoice(digest, pss))
    bits = signer.sign(DATA)
    assert (signer.algorithm.algorithm == RSASSA_PSS) is pss
    assert verify_signature(signer.public_key_info, signer.algorithm, bits, DATA, allow_sha1=True)
    assert verify_signature(signer.public_key_info, signer.algorithm, bits, DATA) is (digest != "sha1")
    assert not verify_signature(signer.public_key_info, signer.algorithm, bits, DATA + b"!", allow_sha1=True)
    judge(openssl, tmp_path, signer, bits, digest or "sha256", ["-sigopt", "rsa_padding_mode:pss"] if pss else [])


@pytest.mark.parametrize("digest", ["", "sha224", "sha256", "sha384", "sha512"])
def test_ecdsa_signs_as_it_is_asked(openssl, tmp_path, digest):
    signer = PrivateKeySigner(EC_KEY, SignatureChoice(digest))
    bits = signer.sign(DATA)
    assert verify_signature(signer.public_key_info, signer.algorithm, bits, DATA)
    judge(openssl, tmp_path, signer, bits, digest or "sha256", [])


def judge(openssl, folder, signer, bits, digest, options):
    (folder / "bits").write_bytes(bits)
    (folder / "key").write_bytes(signer.public_key_info)
    command = [openssl, "dgst", f"-{digest}", *options, "-keyform", "DER", "-verify", "key", "-signature", "bits"]
    assert b"Verified OK" in subprocess.run(command, cwd=folder, input=DATA, capture_output=True, check=True).stdout


@pytest.mark.parametrize(
    ("key", "choice"),
    [
        (EC_KEY, SignatureChoice(pss=True)),
        (EC_KEY, SignatureChoice("md5")),
        (ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)), SignatureChoice("sha512")),
        (mldsa.MLDSA44PrivateKey.from_seed_bytes(bytes(32)), SignatureChoice("sha512")),
    ],
)
def test_what_a_key_cannot_do_is_refused(key, choice):
    with pytest.raises(ValueError):
        PrivateKeySigner(key, choice)


@pytest.mark.parametrize(
    ("kind", "number"), [(mldsa.MLDSA44PrivateKey, 17), (mldsa.MLDSA65PrivateKey, 18), (mldsa.MLDSA87PrivateKey, 19)]
)
def test_ml_dsa_signs_and_is_verified(kind, number):
    signer = PrivateKeySigner(kind.from_seed_bytes(bytes(32)))
    assert signer.algorithm == AlgorithmIdentifier(algorithm=f"2.16.840.1.101.3.4.3.{number}")
    bits = signer.sign(DATA)
    assert verify_signature(signer.public_key_info, signer.algorithm, bits, DATA)
    assert not verify_signature(signer.public_key_info, signer.algorithm, bits, DATA + b"!")


@pytest.mark.parametrize("salt", [-1, 2**64, 400])
def test_an_impossible_salt_is_a_plain_no(salt):
    signer = PrivateKeySigner(key_of("rsa"), SignatureChoice(pss=True))
    parameters = replace(decode(RSASSAPSSParams, signer.algorithm.parameters), salt_length=salt)
    algorithm = AlgorithmIdentifier(algorithm=RSASSA_PSS, parameters=encode(parameters))
    assert not verify_signature(signer.public_key_info, algorithm, signer.sign(DATA), DATA)


@pytest.mark.parametrize("level", [44, 65])
def test_recorded_ml_dsa_roots_are_self_signed(vectors, level):
    (root,) = certificates_in((vectors / "siemens-certs-keys" / f"pq_root_ca_ml_dsa_{level}.pem").read_bytes())
    assert verify_signature(root.public_key_info, root.signature_algorithm, root.signature, root.tbs)
    assert not verify_signature(root.public_key_info, root.signature_algorithm, root.signature, root.tbs[:-1])


@pytest.mark.parametrize("level", ["44", "65", "87"])
def test_the_certificates_of_rfc_9881(vectors, level):
    for file in sorted((vectors / "pq").glob(f"mldsa{level}_rfc_cert*.pem")):
        if b"BEGIN CERTIFICATE" not in file.read_bytes():
            continue
        (root,) = certificates_in(file.read_bytes())
        assert verify_signature(root.public_key_info, root.signature_algorithm, root.signature, root.tbs)


@pytest.mark.parametrize(
    ("oid", "function", "octets", "alike"),
    [
        ("1.3.6.1.5.5.7.6.32", "shake_128", 32, hashes.SHA256()),
        ("1.3.6.1.5.5.7.6.33", "shake_256", 64, hashes.SHA512()),
    ],
)
def test_ecdsa_with_shake_is_verified(oid, function, octets, alike):
    digest = hashlib.new(function, DATA).digest(octets)
    bits = EC_KEY.sign(digest, ec.ECDSA(Prehashed(alike)))
    public = EC_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert verify_signature(public, AlgorithmIdentifier(algorithm=oid), bits, DATA)
    assert not verify_signature(public, AlgorithmIdentifier(algorithm=oid), bits, DATA + b"!")
