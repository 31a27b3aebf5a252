"""Keys that others have recorded: OpenSSH's regression tests, Siemens' CMP test suite, and the RFCs' own examples."""

from __future__ import annotations

import json
from base64 import b64decode

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from support.ambient import CountingEntropy

from runner.errors import KeyStoreError
from runner.keystores.formats import is_sealed, read_any_key, read_private_key
from runner.keystores.sealing import Seal
from runner.pki.certificates import certificates_in
from runner.pki.keyspecs import key_spec_of
from runner.pki.keyurls import Sealing
from runner.pki.signing import public_info

RFC_8037_A1 = {
    "kty": "OKP",
    "crv": "Ed25519",
    "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}
RFC_7517_A2 = {
    "kty": "EC",
    "crv": "P-256",
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    "d": "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE",
    "use": "enc",
    "kid": "1",
}


def spec(octets, passphrase=None):
    return str(key_spec_of(public_info(read_any_key(octets, passphrase))))


def test_ssh_com_rsa_key_equals_the_openssh_one(vectors):
    folder = vectors / "ssh-keys"
    one, other = (read_any_key((folder / name).read_bytes()) for name in ("rsa_ssh2.prv", "rsa_openssh.prv"))
    assert one.private_numbers() == other.private_numbers()
    line = (folder / "rsa_openssh.pub").read_bytes().split()
    assert one.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).split()[:2] == line[:2]


def test_ssh_com_dsa_key(vectors):
    assert spec((vectors / "ssh-keys" / "dsa_ssh2.prv").read_bytes()) == "dsa:1024"


def test_ssh1_keys(vectors):
    folder = vectors / "ssh-keys"
    plain, sealed = (folder / "rsa1_1").read_bytes(), (folder / "rsa1_1_pw").read_bytes()
    passphrase = (folder / "pw").read_bytes().strip()
    assert (is_sealed(plain), is_sealed(sealed)) == (False, True)
    key = read_any_key(plain)
    assert key.private_numbers() == read_any_key(sealed, passphrase).private_numbers()
    modulus = (folder / "rsa1_1.param.n").read_text(encoding="ascii").strip()
    assert key.public_key().public_numbers().n == int(modulus, 16)
    with pytest.raises(KeyStoreError, match="does not open"):
        read_any_key(sealed, b"wrong")
    assert spec((folder / "rsa1_2").read_bytes()) == "rsa:2048"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("private-key-rsa", "rsa:2048"),
        ("private-key-ecdsa", "ec:p256"),
        ("private-key-ed25519", "ed25519"),
        ("private-key-ed448", "ed448"),
        ("private-key-x25519", "x25519"),
        ("private-key-x448", "x448"),
        ("client-key-ec", "ec:p256"),
        ("client-key-x25519", "x25519"),
    ],
)
def test_siemens_keys(vectors, name, kind):
    octets = (vectors / "siemens-certs-keys" / f"{name}.pem").read_bytes()
    assert spec(octets, b"11111") == kind
    if is_sealed(octets):
        with pytest.raises(KeyStoreError, match="does not open"):
            read_any_key(octets, b"11112")


def test_siemens_dsa_key_belongs_to_its_certificate(vectors):
    folder = vectors / "siemens-certs-keys"
    key = read_private_key((folder / "private-key-dsa.pem").read_bytes(), b"11111")
    certificate = certificates_in((folder / "dsa_certificate.pem").read_bytes())[0]
    assert certificate.public_key_info == public_info(key)


@pytest.mark.parametrize(
    "name", ["private-key-ml-dsa-44-seed", "private-key-ml-kem-768-raw", "private-key-slh-dsa-sha2-128f-seed"]
)
def test_keys_in_a_private_form_of_that_suite_are_refused(vectors, name):
    with pytest.raises(KeyStoreError):
        read_any_key((vectors / "siemens-certs-keys" / f"{name}.pem").read_bytes(), b"11111")


@pytest.mark.parametrize("kind", ["mldsa44", "mldsa65", "mldsa87", "mlkem768", "mlkem1024"])
def test_post_quantum_examples_of_the_rfcs(vectors, kind):
    """RFC 9881 and 9935: seed and both are one key, and the expanded form alone is refused with words that help."""
    seed, both, expanded = (
        (vectors / "pq" / f"{kind}_rfc_cert_draft_{form}.pem").read_bytes() for form in ("seed", "both", "expanded")
    )
    assert public_info(read_any_key(seed)) == public_info(read_any_key(both))
    assert spec(seed).replace("-", "") == kind
    with pytest.raises(KeyStoreError, match="not supported") as caught:
        read_any_key(expanded)
    assert "seed" in caught.value.why


def test_pkcs12_of_openssl(vectors):
    octets = (vectors / "openssl-mock" / "signer.p12").read_bytes()
    plain = (vectors / "openssl-mock" / "signer.key").read_bytes()
    assert is_sealed(octets)
    assert public_info(read_any_key(octets, b"12345")) == public_info(read_any_key(plain))


@pytest.mark.parametrize(("said", "kind"), [(RFC_8037_A1, "ed25519"), (RFC_7517_A2, "ec:p256")])
def test_json_web_keys_of_the_rfcs(said, kind):
    assert spec(json.dumps(said).encode()) == kind
    with pytest.raises(KeyStoreError, match="damaged"):
        read_any_key(json.dumps(said | {"x": said["d"]}).encode())


@pytest.mark.parametrize("kdf", ["pbkdf2", "scrypt"])
@pytest.mark.parametrize("kind", ["mldsa65", "mlkem768"])
def test_the_form_with_both_opens_under_a_passphrase_too(vectors, kind, kdf):
    """What OpenSSL 3.5 writes by default, and `cryptography` does not read: opened by our own hand."""
    octets = (vectors / "pq" / f"{kind}_rfc_cert_draft_both.pem").read_bytes()
    der = b64decode(b"".join(octets.split(b"-----")[2].split()))
    sealed = Seal(b"11111", CountingEntropy(), Sealing(kdf, 1024)).close(der)
    assert is_sealed(sealed)
    assert public_info(read_any_key(sealed, b"11111")) == public_info(read_any_key(octets))
    with pytest.raises(KeyStoreError, match="does not open"):
        read_any_key(sealed, b"11112")
