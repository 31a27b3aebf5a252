"""Private keys as octets; openssl is the judge of what we write, and the author of much of what we read."""

from __future__ import annotations

import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPrivateNumbers, RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from support.ambient import CountingEntropy
from support.certificates import certificate_der

from runner.errors import KeyStoreError
from runner.keystores.formats import is_sealed, read_private_key, write_private_key
from runner.keystores.generate import generate_key
from runner.keystores.sealing import ITERATIONS, Seal
from runner.pki.keyspecs import KeySpec, key_spec_of, parse_key_spec
from runner.pki.signers import PrivateKeySigner

SPECS = ["rsa:2048", "ec:p256", "ec:p384", "ec:p521", "ed25519", "ed448"]
PASSPHRASE = b"correct horse: battery \xc3\xa4"


@pytest.fixture(scope="module")
def keys():
    """One key of each kind."""
    return {spec: generate_key(parse_key_spec(spec)) for spec in SPECS}


@pytest.fixture(scope="module")
def seal():
    return Seal(PASSPHRASE, CountingEntropy())


def public_of(key) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def private_of(key) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def openssl_public(openssl, octets: bytes, *arguments: str) -> bytes:
    """The public half, as openssl sees it."""
    return subprocess.run(
        [openssl, "pkey", "-pubout", *arguments], input=octets, capture_output=True, check=True, timeout=30
    ).stdout


@pytest.mark.parametrize("spec", SPECS)
def test_a_generated_key_is_of_the_kind_asked_for(keys, spec):
    assert key_spec_of(PrivateKeySigner(keys[spec]).public_key_info) == parse_key_spec(spec)


def test_rsa_keys_have_the_usual_exponent(keys):
    assert keys["rsa:2048"].public_key().public_numbers().e == 65537


@pytest.mark.parametrize("spec", [KeySpec("dh"), KeySpec("ec", "secp192r1"), KeySpec("slh-dsa-128s")])
def test_kinds_that_cannot_be_made_are_refused(spec):
    with pytest.raises(KeyStoreError, match="cannot be generated"):
        generate_key(spec)


@pytest.mark.parametrize("spec", SPECS)
def test_openssl_reads_pkcs8(keys, spec, openssl):
    assert openssl_public(openssl, write_private_key(keys[spec], "pkcs8")) == public_of(keys[spec])


@pytest.mark.parametrize("spec", SPECS)
def test_openssl_opens_sealed_pkcs8(keys, spec, seal, openssl, tmp_path):
    (tmp_path / "pass").write_bytes(PASSPHRASE)
    written = write_private_key(keys[spec], "pkcs8s", seal)
    assert openssl_public(openssl, written, "-passin", f"file:{tmp_path}/pass") == public_of(keys[spec])


def test_openssl_reads_pkcs1(keys, openssl):
    key = keys["rsa:2048"]
    written = write_private_key(key, "pkcs1")
    assert written.startswith(b"-----BEGIN RSA PRIVATE KEY-----\n")
    checked = subprocess.run([openssl, "rsa", "-check", "-pubout"], input=written, capture_output=True, check=True)
    assert b"RSA key ok" in checked.stdout + checked.stderr
    assert public_of(key) in checked.stdout


def test_openssl_finds_strong_parameters_in_a_sealed_key(keys, seal, openssl):
    written = write_private_key(keys["ec:p256"], "pkcs8s", seal)
    shown = subprocess.run([openssl, "asn1parse"], input=written, capture_output=True, check=True).stdout.decode()
    for part in ("PBES2", "PBKDF2", "hmacWithSHA256", "aes-256-cbc", f":{ITERATIONS:06X}"):
        assert part in shown
    assert ITERATIONS >= 600_000


def test_sealed_keys_of_one_seal_share_the_salt_and_never_the_vector(keys, seal, openssl):
    shown = [
        subprocess.run(
            [openssl, "asn1parse"],
            input=write_private_key(keys["ec:p256"], "pkcs8s", seal),
            capture_output=True,
            check=True,
        ).stdout.decode()
        for _ in range(2)
    ]
    (salt_one, vector_one), (salt_two, vector_two) = (
        [line[-32:] for line in text.splitlines() if "HEX DUMP" in line][:2] for text in shown
    )
    assert salt_one == salt_two
    assert vector_one != vector_two


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("savetype", ["pkcs8", "pkcs8s"])
def test_what_is_written_reads_back(keys, spec, savetype, seal):
    sealed = savetype == "pkcs8s"
    written = write_private_key(keys[spec], savetype, seal if sealed else None)
    assert is_sealed(written) is sealed
    assert private_of(read_private_key(written, PASSPHRASE)) == private_of(keys[spec])


@given(passphrase=st.binary(min_size=1, max_size=64), scalar=st.integers(1, 2**250))
def test_any_passphrase_opens_what_it_sealed(passphrase, scalar):
    key = ec.derive_private_key(scalar, ec.SECP256R1())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("runner.keystores.sealing.ITERATIONS", 1)
        written = write_private_key(key, "pkcs8s", Seal(passphrase, CountingEntropy()))
    assert private_of(read_private_key(written, passphrase)) == private_of(key)


@pytest.mark.parametrize(
    ("spec", "savetype", "sealing"),
    [
        ("ec:p256", "pkcs1", False),
        ("rsa:2048", "pkcs8", True),
        ("rsa:2048", "pkcs8s", False),
        ("rsa:2048", "pem", False),
    ],
)
def test_save_types_that_do_not_fit_are_refused(keys, spec, savetype, sealing, seal):
    with pytest.raises(KeyStoreError):
        write_private_key(keys[spec], savetype, seal if sealing else None)


@pytest.mark.parametrize(
    ("command", "sealed"),
    [
        (["ecparam", "-name", "prime256v1", "-genkey"], False),  # with EC PARAMETERS in front
        (["ecparam", "-name", "secp384r1", "-genkey", "-noout", "-outform", "DER"], False),  # SEC 1
        (["genrsa", "-traditional", "1024"], False),  # PKCS #1
        (["genrsa", "-traditional", "-aes128", "-passout", "pass:11111", "1024"], True),  # Proc-Type: 4,ENCRYPTED
        (["genpkey", "-algorithm", "ed25519", "-outform", "DER"], False),
        (["genpkey", "-algorithm", "ed448", "-aes-256-cbc", "-pass", "pass:11111"], True),
    ],
)
def test_keys_that_openssl_makes(openssl, command, sealed):
    made = subprocess.run([openssl, *command], capture_output=True, check=True).stdout
    assert is_sealed(made) is sealed
    key = read_private_key(made, b"11111")
    form = ("-inform", "DER") if "DER" in command else ()
    assert openssl_public(openssl, made, *form, "-passin", "pass:11111") == public_of(key)


@pytest.mark.parametrize(
    "arguments",
    [["-v2", "aes128", "-v2prf", "hmacWithSHA1"], ["-scrypt"], ["-v1", "PBE-SHA1-3DES"]],
    ids=["sha1", "scrypt", "pbes1"],
)
@pytest.mark.parametrize("form", ["PEM", "DER"])
def test_sealed_keys_that_openssl_makes(openssl, keys, arguments, form):
    plain = write_private_key(keys["ec:p256"], "pkcs8")
    command = [openssl, "pkcs8", "-topk8", *arguments, "-passout", "pass:11111", "-outform", form]
    made = subprocess.run(command, input=plain, capture_output=True, check=True).stdout
    assert is_sealed(made)
    assert private_of(read_private_key(made, b"11111")) == private_of(keys["ec:p256"])


@pytest.mark.parametrize(
    "name", ["private-key-rsa", "private-key-ecdsa", "private-key-ed25519", "private-key-ed448", "client-key-ec"]
)
def test_recorded_keys_of_others(vectors, openssl, name):
    octets = (vectors / "siemens-certs-keys" / f"{name}.pem").read_bytes()
    assert is_sealed(octets) is (b"ENCRYPTED" in octets)
    assert openssl_public(openssl, octets, "-passin", "pass:11111") == public_of(read_private_key(octets, b"11111"))


@pytest.mark.parametrize(
    "name", ["private-key-x25519", "private-key-ml-dsa-44-raw", "private-key-composite-sig-rsa2048-ml-dsa-44"]
)
def test_recorded_keys_that_cannot_sign_for_us(vectors, name):
    with pytest.raises(KeyStoreError):
        read_private_key((vectors / "siemens-certs-keys" / f"{name}.pem").read_bytes(), b"11111")


def test_a_cipher_that_is_not_supported_is_thought_of(openssl, keys):
    plain = write_private_key(keys["ec:p256"], "pkcs8")
    command = [openssl, "pkcs8", "-topk8", "-v2", "camellia-256-cbc", "-passout", "pass:11111"]
    made = subprocess.run(command, input=plain, capture_output=True, check=True).stdout
    assert is_sealed(made)
    with pytest.raises(KeyStoreError, match="does not open") as caught:
        read_private_key(made, b"11111")
    assert "cipher" in caught.value.why


def test_a_key_of_an_unknown_kind_is_named_as_such(keys, seal):
    unknown = private_of(keys["ed25519"]).replace(b"\x06\x03\x2b\x65\x70", b"\x06\x03\x2b\x65\x7f")
    for octets in (unknown, seal.close(unknown)):
        with pytest.raises(KeyStoreError, match="not supported"):
            read_private_key(octets, PASSPHRASE)


def test_a_sealed_key_needs_a_passphrase_and_the_right_one(keys, seal):
    written = write_private_key(keys["ec:p256"], "pkcs8s", seal)
    for nothing in (None, b""):
        with pytest.raises(KeyStoreError, match="needs a passphrase"):
            read_private_key(written, nothing)
    with pytest.raises(KeyStoreError, match="does not open") as caught:
        read_private_key(written, b"hunter2-not-it")
    assert "hunter2" not in f"{caught.value.what}{caught.value.why}{caught.value.next_step}"
    assert caught.value.__suppress_context__


def test_a_key_that_cannot_sign_is_named_as_such():
    key = x25519.X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(KeyStoreError, match="cannot sign"):
        read_private_key(key)


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"-----BEGIN CERTIFICATE-----\nTOPSECRET\n-----END CERTIFICATE-----\n", "certificate"),
        (b"-----BEGIN PUBLIC KEY-----\nTOPSECRET\n-----END PUBLIC KEY-----\n", "public"),
        (b"-----BEGIN PRIVATE KEY-----\nTOPSECRET\n-----END PRIVATE KEY-----\n", "PKCS#8"),
        (b"root:TOPSECRET:19000:0:99999:7:::\n", "PKCS#8"),
        (b"", "PKCS#8"),
        (certificate_der(), "PKCS#8"),
    ],
)
def test_what_is_no_key_is_named_and_never_shown(octets, why):
    assert not is_sealed(octets)
    with pytest.raises(KeyStoreError, match="not a private key") as caught:
        read_private_key(octets, b"11111")
    words = f"{caught.value.what} {caught.value.why} {caught.value.next_step}"
    assert why in words
    assert "TOPSECRET" not in words
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "octets",
    [
        b"-----BEGIN OPENSSH PRIVATE KEY-----\nTOPSECRET\n-----END OPENSSH PRIVATE KEY-----\n",
        b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nTOPSECRET\n---- END SSH2 ENCRYPTED PRIVATE KEY ----\n",
        b"-----BEGIN SSH X.509 PRIVATE KEY-----\nTOPSECRET\n-----END SSH X.509 PRIVATE KEY-----\n",
        b"SSH PRIVATE KEY FILE FORMAT 1.1\n\0\0TOPSECRET",
        b'{"kty": "TOPSECRET"}',
    ],
)
def test_damaged_keys_of_other_formats_are_never_shown(octets):
    assert not is_sealed(octets)
    with pytest.raises(KeyStoreError, match=r"damaged|not supported") as caught:
        read_private_key(octets, b"11111")
    assert "TOPSECRET" not in f"{caught.value.what} {caught.value.why} {caught.value.next_step}"


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda rest: b"-----BEGIN PRIVATE KEY-----" + rest))
def test_junk_is_refused_in_our_words(octets):
    assert not is_sealed(octets)
    with pytest.raises(KeyStoreError):
        read_private_key(octets)


@pytest.mark.parametrize("spec", ["rsa:2048", "ec:p256", "ec:p521"])
def test_a_damaged_key_is_never_taken_for_another(keys, spec):
    whole = private_of(keys[spec])
    for at in range(0, len(whole), 1 + len(whole) // 150):
        damaged = whole[:at] + bytes((whole[at] ^ 0x11,)) + whole[at + 1 :]
        with pytest.raises(KeyStoreError):
            read_private_key(damaged)


def test_a_truncated_key_is_refused(keys, seal):
    for spec, savetype in (("rsa:2048", "pkcs8"), ("ed25519", "pkcs8"), ("ec:p256", "pkcs8s")):
        written = write_private_key(keys[spec], savetype, seal if savetype == "pkcs8s" else None)
        armour = written.index(b"-----END")  # behind it stands the note, which is no part of the key
        for length in range(0, armour, 37):
            with pytest.raises(KeyStoreError):
                read_private_key(written[:length], PASSPHRASE)


def test_numbers_that_contradict_each_other_are_refused(keys):
    numbers = keys["rsa:2048"].private_numbers()
    assert isinstance(keys["rsa:2048"], RSAPrivateKey)
    public = RSAPublicNumbers(numbers.public_numbers.e, numbers.public_numbers.n)
    forged = RSAPrivateNumbers(
        numbers.p, numbers.q, numbers.d, numbers.dmp1 + 2, numbers.dmq1, numbers.iqmp, public
    ).private_key(unsafe_skip_rsa_key_validation=True)
    with pytest.raises(KeyStoreError, match="damaged"):
        read_private_key(private_of(forged))
