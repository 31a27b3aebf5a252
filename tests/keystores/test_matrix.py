"""Every save type with every kind of key: round trips, outside judges, spoilt octets, and the table in docs/keys.md."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import keymatrix as matrix
from support.ambient import CountingEntropy
from support.tools import need

from runner.errors import KeyStoreError
from runner.keystores.formats import is_sealed, read_any_key, write_private_key
from runner.keystores.sealing import Seal
from runner.pki.keyspecs import parse_key_spec, spec_of_public_key
from runner.pki.keyurls import Sealing
from runner.pki.savetypes import SAVE_TYPES, why_not
from runner.pki.signing import public_info

DOCS = Path(__file__).resolve().parents[2] / "docs" / "keys.md"
CELLS = [(spec, name, sealed) for spec in matrix.SPECS for name in matrix.FILES for sealed in (False, True)]
HELD = [each for each in CELLS if not why_not(SAVE_TYPES[each[1]], each[0], sealed=each[2])]
JUDGED = [(judge, *each) for each in HELD for judge in matrix.judges_of(each[0], each[1])]
PROGRAMS = {
    "openssl": matrix.openssl,
    "ssh-keygen": matrix.ssh_keygen,
    "puttygen": matrix.puttygen,
    "cryptography": matrix.cryptography,
}


@pytest.mark.parametrize(("spec", "savetype", "sealed"), CELLS, ids=str)
def test_what_the_grammar_allows_is_what_is_written(spec, savetype, sealed):
    octets = matrix.written(spec, savetype, sealed=sealed)
    assert (octets is None) == ((spec, savetype, sealed) not in HELD)
    if octets is not None:
        assert is_sealed(octets) is sealed
        assert matrix.comes_back(spec, octets, sealed=sealed)


def test_every_cell_has_a_judge():
    assert [each for each in HELD if not matrix.judges_of(each[0], each[1])] == []


@pytest.mark.parametrize(("judge", "spec", "savetype", "sealed"), [j for j in JUDGED if j[0] in PROGRAMS], ids=str)
def test_outsiders_read_what_we_write(judge, spec, savetype, sealed, tmp_path):
    octets = matrix.written(spec, savetype, sealed=sealed)
    seen = PROGRAMS[judge](octets, savetype, tmp_path, sealed=sealed)
    public = matrix.key_of(spec).public_key()
    if isinstance(seen, tuple):
        numbers = public.public_numbers()
        assert seen == (numbers.e, numbers.n)
    elif isinstance(seen, bytes):
        assert seen == blob_of(public)
    elif seen is not None:
        assert matrix.der_of(seen) == matrix.der_of(public)


def blob_of(public):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return matrix.line_of(public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH))
        except ValueError:  # DSA beyond 1024 bits, which `cryptography` does not write in this form
            numbers = public.public_numbers()
            domain = numbers.parameter_numbers
            parts = [b"ssh-dss", *(mpint(value) for value in (domain.p, domain.q, domain.g, numbers.y))]
            return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def mpint(value):
    return value.to_bytes(value.bit_length() // 8 + 1, "big")


@pytest.mark.parametrize(("judge", "spec", "savetype", "sealed"), [j for j in JUDGED if j[0] == "keytool"], ids=str)
def test_keytool_opens_a_store(judge, spec, savetype, sealed, tmp_path):
    matrix.keytool(matrix.written(spec, savetype, sealed=sealed), savetype, tmp_path, sealed=sealed)


@pytest.mark.parametrize(("judge", "spec", "savetype", "sealed"), [j for j in JUDGED if j[0] == "jose"], ids=str)
def test_jose_reads_json_web_keys(judge, spec, savetype, sealed, tmp_path):
    seen = matrix.jose(matrix.written(spec, savetype, sealed=sealed), savetype, tmp_path, sealed=sealed)
    numbers = matrix.key_of(spec).public_key().public_numbers()
    names = ("n", "e") if isinstance(numbers, rsa.RSAPublicNumbers) else ("x", "y")
    assert [matrix.jwk_number(seen[name]) for name in names] == [getattr(numbers, name) for name in names]


@pytest.mark.parametrize("spec", ["rsa:2048", "dsa:1024"])
@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("form", ["private-sshcom", "private-openssh", "private-openssh-new"])
def test_keys_that_puttygen_makes_come_in(spec, sealed, form, tmp_path):
    key = matrix.key_of(parse_key_spec(spec))
    path = matrix.private(tmp_path, write_private_key(key, "openssh" if form == "private-sshcom" else "ssh2"))
    (tmp_path / "pass").write_bytes(matrix.PASSPHRASE if sealed else b"")
    made = tmp_path / "made"
    new = ["--new-passphrase", f"{tmp_path}/pass"]
    matrix.run(need("puttygen"), path, *new, "-O", form, "-o", str(made))
    octets = made.read_bytes()
    assert is_sealed(octets) is sealed
    assert public_info(read_any_key(octets, matrix.PASSPHRASE)) == public_info(key)


@pytest.mark.parametrize(
    ("spec", "arguments"),
    [
        ("rsa:2048", ["-t", "rsa", "-b", "2048"]),
        ("ec:p384", ["-t", "ecdsa", "-b", "384"]),
        ("ed25519", ["-t", "ed25519"]),
        ("ec:p256", ["-t", "ecdsa", "-m", "PKCS8"]),
        ("rsa:2048", ["-t", "rsa", "-b", "2048", "-m", "PEM"]),
    ],
)
@pytest.mark.parametrize("passphrase", [b"", b"open sesame"])
def test_keys_that_ssh_keygen_makes_come_in(spec, arguments, passphrase, tmp_path):
    matrix.run(need("ssh-keygen"), "-q", *arguments, "-N", passphrase, "-f", f"{tmp_path}/k")
    octets = (tmp_path / "k").read_bytes()
    assert is_sealed(octets) is bool(passphrase)
    assert str(spec_of_public_key(read_any_key(octets, passphrase).public_key())) == spec


@pytest.mark.parametrize(("spec", "savetype", "sealed"), HELD, ids=str)
def test_a_spoilt_octet_gives_an_error_or_the_same_key(spec, savetype, sealed):
    """Spread over the whole file; where the octet is none of the key's, the key is the same."""
    octets = matrix.written(spec, savetype, sealed=sealed)
    expected, changes = public_info(matrix.key_of(spec)), 0
    places, flips = (12, (0x01,)) if savetype == "openssh" and sealed else (60, (0x01, 0x80, 0x20))  # bcrypt is slow
    for at in range(0, len(octets), max(1, len(octets) // places)):
        for flip in flips:
            changes += is_refused_or_same(octets[:at] + bytes((octets[at] ^ flip,)) + octets[at + 1 :], expected)
    assert changes > 0


def is_refused_or_same(spoilt, expected):
    """1 where it was refused, 0 where it gave the same key; another key or another error fails the test."""
    try:
        key = read_any_key(spoilt, matrix.PASSPHRASE)
    except KeyStoreError:
        return 1
    assert public_info(key) == expected
    return 0


@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_any_change_anywhere(data):
    spec, savetype, sealed = data.draw(st.sampled_from(HELD))
    octets = bytearray(matrix.written(spec, savetype, sealed=sealed))
    at = data.draw(st.integers(0, len(octets) - 1))
    octets[at] = data.draw(st.integers(0, 255))
    is_refused_or_same(bytes(octets), public_info(matrix.key_of(spec)))


@given(
    each=st.sampled_from([each for each in HELD if each[2]]),
    passphrase=st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=40),
)
@settings(max_examples=60)
def test_any_passphrase_opens_what_it_sealed_and_no_other_does(each, passphrase):
    spec, savetype, _ = each
    secret = passphrase.encode()
    seal = Seal(secret, CountingEntropy(), Sealing("", 1 if savetype != "openssh" else 16))
    octets = write_private_key(matrix.key_of(spec), savetype, seal)
    assert public_info(read_any_key(octets, secret)) == public_info(matrix.key_of(spec))
    for wrong in (secret + b"x", b""):
        with pytest.raises(KeyStoreError, match=r"does not open|needs a passphrase|damaged"):
            read_any_key(octets, wrong)


@given(value=st.integers(1, 2**255), savetype=st.sampled_from(["pkcs8", "sec1", "x509", "jwk"]))
def test_any_ec_key_comes_back(value, savetype):
    key = ec.derive_private_key(value, ec.SECP256R1())
    assert read_any_key(write_private_key(key, savetype)).private_numbers() == key.private_numbers()


def test_the_table_in_the_documentation_is_what_the_code_does():
    assert matrix.table() in DOCS.read_text(encoding="utf-8")
