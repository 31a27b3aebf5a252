"""MACs by their algorithm identifiers, judged by hashlib, openssl, recorded messages and the standards' vectors."""

from __future__ import annotations

import hashlib
import hmac
import pickle
import subprocess
from typing import Annotated

import pytest

from runner.asn1.algorithms import DER_NULL, HASHES, HMACS, PASSWORD_BASED_MAC, AlgorithmIdentifier, PBMParameter
from runner.asn1.cmp import PKIMessage
from runner.asn1.cms import ContentInfo
from runner.asn1.der import elements, open_sequence, tlv
from runner.asn1.parameters import (
    DH_BASED_MAC,
    GMACS,
    KEM_BASED_MAC,
    PBKDF2,
    PBMAC1,
    DHBMParameter,
    GCMParameters,
    KemBMParameter,
    PBKDF2Params,
    PBMAC1Params,
)
from runner.asn1.primitives import ANY, INTEGER, OCTET_STRING
from runner.asn1.structures import decode, encode, sequence
from runner.errors import Malformed, Unauthentic
from runner.pki.kems import kem_mac_key, kem_mac_parameter
from runner.pki.mac_algorithms import expanded
from runner.pki.mac_parameters import KINDS, MACS, OWFS, MacParameters, mac_algorithm, needs_nonce, with_nonce
from runner.pki.macs import (
    AgreedSecret,
    KemSecret,
    SharedSecret,
    compute_mac,
    is_mac,
    password_based_mac,
    verify_mac,
)

SALT, DATA, SECRET = b"salt of 16 octet", b"what is protected", b"SiemensIT"


def judged_by_openssl(openssl, kind, options, data=DATA):
    """A MAC by `openssl mac`."""
    run = subprocess.run([openssl, "mac", *options, "-in", "-", kind], input=data, capture_output=True, check=True)
    return bytes.fromhex(run.stdout.decode().strip())


@pytest.mark.parametrize("owf", HASHES.values())
@pytest.mark.parametrize("mac", HMACS)
def test_password_based_mac_with_every_pair_of_hashes(openssl, owf, mac):
    key = SECRET + SALT
    for _ in range(7):
        key = hashlib.new(owf, key).digest()
    options = ["-digest", HMACS[mac], "-macopt", f"hexkey:{key.hex()}"]
    expected = judged_by_openssl(openssl, "HMAC", options)
    parameters = PBMParameter(
        salt=SALT,
        owf=AlgorithmIdentifier(algorithm=OWFS[owf], parameters=DER_NULL),
        iteration_count=7,
        mac=AlgorithmIdentifier(algorithm=mac, parameters=DER_NULL),
    )
    algorithm = AlgorithmIdentifier(algorithm=PASSWORD_BASED_MAC, parameters=encode(parameters))
    assert compute_mac(SharedSecret(SECRET), algorithm, DATA) == expected


@pytest.mark.parametrize("name", [name for name in MACS if "gmac" in name])
@pytest.mark.parametrize("owf", ["sha1", "sha256"])
def test_gmac_takes_its_key_from_the_expanded_base(openssl, name, owf):
    """RFC 4211 §4.4: SHA-1 gives 20 octets, so that AES-192 and AES-256 need OWF("1" ‖ BASEKEY) behind them."""
    size = GMACS[MACS[name]]
    base = hashlib.new(owf, SECRET + SALT).digest()
    key = (base + hashlib.new(owf, b"1" + base).digest())[:size]
    nonce = bytes(range(12))
    options = ["-macopt", f"cipher:AES-{size * 8}-GCM", "-macopt", f"hexkey:{key.hex()}"]
    expected = judged_by_openssl(openssl, "GMAC", [*options, "-macopt", f"hexiv:{nonce.hex()}"])
    parameters = MacParameters(owf=owf, mac=name, iterations=1)
    assert needs_nonce(parameters)
    assert compute_mac(SharedSecret(SECRET), mac_algorithm(parameters, SALT, nonce), DATA) == expected
    assert with_nonce(parameters, SALT, nonce + b"more of the senderNonce") == mac_algorithm(parameters, SALT, nonce)


def test_key_expansion_counts_in_digits():
    base = hashlib.sha256(b"x").digest()
    parts = [base] + [hashlib.sha256(str(n).encode() + base).digest() for n in (1, 2)]
    assert expanded(base, 96, "sha256") == b"".join(parts)
    assert expanded(base, 16, "sha256") == base[:16]
    assert expanded(base, None, "sha256") == base


@pytest.mark.parametrize("mac", [name for name in MACS if "gmac" not in name])
@pytest.mark.parametrize("kind", KINDS)
def test_what_we_build_we_verify_and_nothing_else(kind, mac):
    algorithm = mac_algorithm(MacParameters(kind=kind, mac=mac, iterations=100), SALT)
    bits = compute_mac(SharedSecret(SECRET), algorithm, DATA)
    assert is_mac(algorithm)
    assert verify_mac(SharedSecret(SECRET), algorithm, bits, DATA)
    assert not verify_mac(SharedSecret(b"another"), algorithm, bits, DATA)
    assert not verify_mac(SharedSecret(SECRET), algorithm, bits, DATA + b"!")
    assert not verify_mac(SharedSecret(SECRET), algorithm, bits[:-1], DATA)
    assert not verify_mac(SharedSecret(SECRET), algorithm, b"", DATA)


def test_password_based_mac_is_the_default_of_rfc_9045():
    assert password_based_mac(SALT, 1024) == mac_algorithm(MacParameters(iterations=1024), SALT)
    parameters = decode(PBMParameter, password_based_mac(SALT, 1024).parameters)
    assert (parameters.iteration_count, HMACS[parameters.mac.algorithm]) == (1024, "sha256")


@pytest.mark.parametrize(
    ("file", "secret"),
    [
        ("CP_Insta.der", b"insta"),
        ("CR_Insta.der", b"insta"),
        ("RR_Insta.der", b"insta"),
        ("CR_protected_PBM_1234.der", b"1234"),
        ("IP_waitingStatus_PBM.der", b"9pp8-b35i-Xd3Q-udNR"),
    ],
)
def test_recorded_messages_verify_over_their_own_octets(vectors, file, secret):
    octets = (vectors / "openssl-msgs" / file).read_bytes()
    message = decode(PKIMessage, octets)
    header, body = elements(octets, *open_sequence(octets), 4)[:2]
    algorithm, protected = message.header.protection_alg, tlv(0x30, header + body)
    assert verify_mac(SharedSecret(secret), algorithm, message.protection, protected)
    assert not verify_mac(SharedSecret(secret + b"!"), algorithm, message.protection, protected)


@sequence
class MacData:
    """MacData of PKCS #12, whose DigestInfo is { digestAlgorithm, digest }."""

    mac: Annotated[bytes, ANY]
    mac_salt: Annotated[bytes, OCTET_STRING]
    iterations: Annotated[int, INTEGER] = 1


@sequence
class DigestInfo:
    digest_algorithm: AlgorithmIdentifier
    digest: Annotated[bytes, OCTET_STRING]


@sequence
class Pfx:
    version: Annotated[int, INTEGER]
    auth_safe: ContentInfo
    mac_data: MacData


def test_the_pfx_of_rfc_9579_verifies(vectors):
    pfx = decode(Pfx, (vectors / "pyasn1" / "rfc9579_PKCS12.der").read_bytes())
    info, content = decode(DigestInfo, pfx.mac_data.mac), OCTET_STRING.decode(pfx.auth_safe.content)
    assert verify_mac(SharedSecret(b"1234"), info.digest_algorithm, info.digest, content)
    assert not verify_mac(SharedSecret(b"1235"), info.digest_algorithm, info.digest, content)


def pbmac1(key_length=32, iterations=10, salt=SALT, kdf=PBKDF2, mac="1.2.840.113549.2.9"):
    prf = AlgorithmIdentifier(algorithm="1.2.840.113549.2.9", parameters=DER_NULL)
    parameters = PBKDF2Params(salt=salt, iteration_count=iterations, key_length=key_length, prf=prf)
    outer = PBMAC1Params(
        key_derivation_func=AlgorithmIdentifier(algorithm=kdf, parameters=encode(parameters)),
        message_auth_scheme=AlgorithmIdentifier(algorithm=mac, parameters=DER_NULL),
    )
    return AlgorithmIdentifier(algorithm=PBMAC1, parameters=encode(outer))


@pytest.mark.parametrize(("declared", "used"), [(4096, 512), (4096, 4096), (32, 32), (512, 512), (None, 32)])
def test_a_key_length_in_bits_is_understood(declared, used):
    """Siemens components of some versions declare 4096 and use 512 octets."""
    key = hashlib.pbkdf2_hmac("sha256", b"Password", SALT, 10, used)
    bits = hmac.digest(key, DATA, "sha256")
    assert verify_mac(SharedSecret(b"Password"), pbmac1(declared), bits, DATA)


@pytest.mark.parametrize(("declared", "used"), [(512, 64), (256, 32)])
def test_short_key_lengths_are_octets_only(declared, used):
    bits = hmac.digest(hashlib.pbkdf2_hmac("sha256", b"Password", SALT, 10, used), DATA, "sha256")
    assert not verify_mac(SharedSecret(b"Password"), pbmac1(declared), bits, DATA)


@pytest.mark.parametrize(
    "algorithm",
    [
        pbmac1(iterations=100_001),
        pbmac1(iterations=0),
        pbmac1(key_length=8193),
        pbmac1(key_length=0),
        pbmac1(key_length=8192, iterations=100_000),
        pbmac1(salt=b"short"),
        pbmac1(salt=b"s" * 257),
        pbmac1(kdf="1.3.6.1.4.1.11591.4.11"),
        pbmac1(mac="1.2.3.4"),
        password_based_mac(SALT, 100_001),
        password_based_mac(SALT, -1),
        password_based_mac(b"1234567", 1000),
        AlgorithmIdentifier(algorithm=PASSWORD_BASED_MAC),
        AlgorithmIdentifier(algorithm="1.2.840.113549.2.9"),
    ],
)
def test_unreasonable_parameters_are_refused_before_any_work(monkeypatch, algorithm):
    monkeypatch.setattr(hashlib, "pbkdf2_hmac", lambda *_: pytest.fail("work was done"))
    monkeypatch.setattr("runner.pki.macs._hashed", lambda *_: pytest.fail("work was done"))
    with pytest.raises(Unauthentic):
        verify_mac(SharedSecret(SECRET), algorithm, b"m", DATA)


def test_a_salt_from_elsewhere_is_refused():
    kdf = bytes.fromhex("300b300606042a030405020164")
    outer = PBMAC1Params(
        key_derivation_func=AlgorithmIdentifier(algorithm=PBKDF2, parameters=kdf),
        message_auth_scheme=AlgorithmIdentifier(algorithm="1.2.840.113549.2.9"),
    )
    algorithm = AlgorithmIdentifier(algorithm=PBMAC1, parameters=encode(outer))
    with pytest.raises(Malformed):
        verify_mac(SharedSecret(SECRET), algorithm, b"m", DATA)


def test_the_cap_can_be_set_but_not_without_end():
    generous = SharedSecret(SECRET, max_iterations=10**9)
    assert generous.max_iterations == 1_000_000
    with pytest.raises(Unauthentic):
        compute_mac(SharedSecret(SECRET, max_iterations=500), password_based_mac(SALT, 501), DATA)


@pytest.mark.parametrize("gcm", [GCMParameters(nonce=b"n" * 8), GCMParameters(nonce=b"n" * 12, length=4), None])
def test_gmac_with_weak_parameters_is_refused(gcm):
    mac = AlgorithmIdentifier(algorithm=MACS["aes128-gmac"], parameters=encode(gcm) if gcm else None)
    parameters = PBMParameter(salt=SALT, owf=AlgorithmIdentifier(algorithm=OWFS["sha256"]), iteration_count=1, mac=mac)
    algorithm = AlgorithmIdentifier(algorithm=PASSWORD_BASED_MAC, parameters=encode(parameters))
    with pytest.raises(Unauthentic):
        compute_mac(SharedSecret(SECRET), algorithm, DATA)


def test_dh_based_mac():
    owf, mac = AlgorithmIdentifier(algorithm=OWFS["sha256"]), AlgorithmIdentifier(algorithm=MACS["hmac-sha1"])
    algorithm = AlgorithmIdentifier(algorithm=DH_BASED_MAC, parameters=encode(DHBMParameter(owf=owf, mac=mac)))
    expected = hmac.digest(hashlib.sha256(b"agreed").digest(), DATA, "sha1")
    assert verify_mac(AgreedSecret(b"agreed"), algorithm, expected, DATA)


def test_kem_based_mac_derives_its_key_as_openssl_does(openssl):
    """Key by `openssl kdf HKDF`, over a KemOtherInfo written by hand."""
    other = bytes.fromhex("301430090c07434d502d4b454d04020102a003040103")
    options = ["-keylen", "32", "-kdfopt", "digest:SHA256", "-kdfopt", f"hexkey:{b'shared'.hex()}"]
    command = [openssl, "kdf", *options, "-kdfopt", f"hexinfo:{other.hex()}", "HKDF"]
    run = subprocess.run(command, capture_output=True, check=True)
    key = bytes.fromhex(run.stdout.decode().strip().replace(":", ""))
    parameter = kem_mac_parameter(b"\x03")
    assert kem_mac_key(b"shared", parameter, b"\x01\x02") == key
    algorithm = AlgorithmIdentifier(algorithm=KEM_BASED_MAC, parameters=encode(parameter))
    expected = hmac.digest(key, DATA, "sha256")
    assert verify_mac(KemSecret(b"shared", b"\x01\x02"), algorithm, expected, DATA)
    assert not verify_mac(KemSecret(b"shared", b"\x01\x03"), algorithm, expected, DATA)


@pytest.mark.parametrize("length", [0, -1, 8193])
def test_a_kem_key_of_an_absurd_length_is_refused(length):
    parameter = kem_mac_parameter()
    odd = KemBMParameter(kdf=parameter.kdf, length=length, mac=parameter.mac)
    with pytest.raises(Unauthentic):
        kem_mac_key(b"shared", odd, b"t")


def test_a_secret_serves_its_own_kind_of_mac_only():
    """Confusion of MAC kinds must not turn one secret, or anything public, into another's key."""
    kem = AlgorithmIdentifier(algorithm=KEM_BASED_MAC, parameters=encode(kem_mac_parameter()))
    with pytest.raises(Unauthentic):
        compute_mac(SharedSecret(SECRET), kem, DATA)
    for secret in (AgreedSecret(SECRET), KemSecret(SECRET, b"t")):
        with pytest.raises(Unauthentic):
            compute_mac(secret, password_based_mac(SALT, 100), DATA)


@pytest.mark.parametrize("secret", [SharedSecret(SECRET), AgreedSecret(SECRET), KemSecret(SECRET, b"t")])
def test_secrets_show_nothing_and_stay(secret):
    assert SECRET.decode() not in repr(secret)
    with pytest.raises(TypeError):
        pickle.dumps(secret)
