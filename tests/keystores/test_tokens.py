"""Keys in a PKCS#11 token, SoftHSM 2: made, used and replaced inside it, looked at without a PIN, and never shown."""

from __future__ import annotations

import threading
from itertools import count
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from support.softhsm import LABEL, PIN

from runner.asn1.algorithms import DER_NULL, RSA_ENCRYPTION, AlgorithmIdentifier
from runner.asn1.parameters import RSAES_OAEP
from runner.errors import KeyStoreError, ProtocolError, Refused
from runner.keystores import tokens
from runner.keystores.keys import KeyMaker, key_is_there, load_key, private_key_of, promote_key
from runner.keystores.looking import key_facts
from runner.keystores.secrets import SecretReader
from runner.pki.keyurls import parse_key_url
from runner.pki.signers import SignatureChoice
from runner.pki.signing import verify_signature

SPECS = ["rsa:2048", "ec:p256", "ec:p384", "ec:p521", "ec:brainpoolp256r1", "ec:secp256k1", "ed25519"]
labels = (f"key-{number}" for number in count())


@pytest.fixture
def secrets(tmp_path):
    return SecretReader(tmp_path, {"PIN": PIN, "WRONG": "9999"}, False)


@pytest.fixture
def maker(secrets, entropy):
    return KeyMaker(secrets, entropy)


def made(softhsm, maker, spec="ec:p256"):
    label = next(labels)
    url = parse_key_url(softhsm.generate(label, spec))
    return label, url, maker.make_in_token(url, url.path)


@pytest.mark.parametrize("spec", SPECS)
def test_a_key_is_made_and_signs_inside(softhsm, maker, secrets, spec):
    label, _, key = made(softhsm, maker, spec)
    assert str(key.spec) == spec
    again = load_key(parse_key_url(softhsm.url(label)), secrets)
    assert again.public_key_info == key.public_key_info
    for each in (key.signer, again.signer):
        signature = each.sign(b"data")
        assert verify_signature(key.public_key_info, each.algorithm, signature, b"data")
        assert not verify_signature(key.public_key_info, each.algorithm, signature, b"other")


def test_pkcs11_tool_finds_it_private_and_never_extractable(softhsm, maker):
    label, _, _ = made(softhsm, maker)
    shown = softhsm.tool("--list-objects", "--type", "privkey")
    mine = shown.partition(f"label:      {label}")[2].partition("Private Key Object")[0]
    assert "sensitive" in mine
    assert "never extractable" in mine


def test_a_key_of_pkcs11_tool_is_used(softhsm, secrets):
    label = next(labels)
    softhsm.tool("--keypairgen", "--key-type", "rsa:2048", "--label", label, "--id", "0a0b")
    for url in (softhsm.url(label), f"pkcs11:token={LABEL};id=%0A%0B?module-name=softhsm2&pin-value={PIN}"):
        key = load_key(parse_key_url(url), secrets)
        assert verify_signature(key.public_key_info, key.signer.algorithm, key.signer.sign(b"x"), b"x")


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("spec", ["rsa:2048", "ec:p256"])
def test_the_hash_can_be_chosen(softhsm, maker, secrets, spec, digest):
    label, _, _ = made(softhsm, maker, spec)
    key = load_key(parse_key_url(softhsm.url(label)), secrets, SignatureChoice(digest))
    assert verify_signature(key.public_key_info, key.signer.algorithm, key.signer.sign(b"x"), b"x")


def test_an_rsa_key_decrypts_inside(softhsm, maker):
    _, _, key = made(softhsm, maker, "rsa:2048")
    public = load_der_public_key(key.public_key_info)
    old = AlgorithmIdentifier(algorithm=RSA_ENCRYPTION, parameters=DER_NULL)
    assert key.signer.decrypt(old, public.encrypt(b"secret", padding.PKCS1v15())) == b"secret"
    oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303 - what SoftHSM knows
    assert key.signer.decrypt(AlgorithmIdentifier(algorithm=RSAES_OAEP), public.encrypt(b"secret", oaep)) == b"secret"


def test_a_wrong_padding_gives_other_octets_and_no_error(softhsm, maker):
    _, _, key = made(softhsm, maker, "rsa:2048")
    old, rubbish = AlgorithmIdentifier(algorithm=RSA_ENCRYPTION, parameters=DER_NULL), b"\1" * 256
    assert len(key.signer.decrypt(old, rubbish)) == 32
    assert key.signer.decrypt(old, rubbish) == key.signer.decrypt(old, rubbish)
    with pytest.raises(ProtocolError):
        key.signer.decrypt(AlgorithmIdentifier(algorithm=RSAES_OAEP), rubbish)


def test_an_ec_key_agrees_inside(softhsm, maker):
    _, _, key = made(softhsm, maker)
    peer = ec.generate_private_key(ec.SECP256R1())
    info = peer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert key.signer.agree(info) == peer.exchange(ec.ECDH(), load_der_public_key(key.public_key_info))
    other = ec.generate_private_key(ec.SECP384R1()).public_key()
    with pytest.raises(ProtocolError):
        key.signer.agree(other.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def test_nothing_is_overwritten(softhsm, maker, secrets):
    label, url, key = made(softhsm, maker)
    with pytest.raises(KeyStoreError, match="already"):
        maker.make_in_token(url, url.path)
    assert load_key(parse_key_url(softhsm.url(label)), secrets).public_key_info == key.public_key_info


@pytest.mark.parametrize("backup", [True, False])
def test_a_waiting_key_takes_the_place_of_its_predecessor(softhsm, maker, secrets, backup):
    label, url, old = made(softhsm, maker)
    waiting = parse_key_url(softhsm.generate(f"{label}.next", "ec:p256"))
    new = maker.make_in_token(waiting, waiting.path)
    for _ in range(2):  # the second time there is nothing left to do
        promote_key(url, waiting.path, secrets, backup=backup)
    assert load_key(parse_key_url(softhsm.url(label)), secrets).public_key_info == new.public_key_info
    assert not key_is_there(waiting, secrets)
    kept = parse_key_url(softhsm.url(f"{label}.bak"))
    assert key_is_there(kept, secrets) is backup
    if backup:
        assert load_key(kept, secrets).public_key_info == old.public_key_info


def test_plan_sees_what_is_public_and_uses_no_pin(softhsm, maker):
    label, url, key = made(softhsm, maker)
    seen = key_facts(parse_key_url(softhsm.url(label, pin="pin-source=env:NOT_SET")))
    assert (seen.exists, seen.public_key_info, seen.problem) == (True, key.public_key_info, "")
    fresh = parse_key_url(softhsm.generate(next(labels), "rsa:2048"))
    assert (key_facts(fresh).exists, key_facts(fresh).problem) == (False, "")
    hidden = key_facts(parse_key_url(softhsm.url("nowhere")))
    assert (hidden.exists, hidden.sealed) == (True, True)  # it may be private from head to foot
    assert key_facts(url).public_key_info == key.public_key_info


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("pkcs11:token=nowhere;object=a?module-name=softhsm2", "no token that fits token=nowhere"),
        ("pkcs11:token=a;object=a?module-name=no-such", "no PKCS#11 module no-such"),
        ("pkcs11:token=a;object=a?module-path=/usr/lib/no-such.so", "no PKCS#11 module"),
        ("pkcs11:token=a;object=a?module-name=../evil", "a name, no path"),
    ],
)
def test_what_is_not_there_is_said(softhsm, secrets, url, words):
    assert words in key_facts(parse_key_url(url)).problem
    with pytest.raises(KeyStoreError, match=words):
        load_key(parse_key_url(url), secrets)


def test_a_module_of_a_stranger_is_never_loaded(softhsm, tmp_path, monkeypatch, secrets):
    module = tmp_path / "evil.so"
    module.write_bytes(Path(softhsm.module).read_bytes())
    url = parse_key_url(f"pkcs11:token=a;object=a?module-path={module}")
    assert "is not loaded" in key_facts(url).problem
    with pytest.raises(Refused, match="is not loaded"):
        load_key(url, secrets)
    link = tmp_path / "link"
    link.symlink_to(module)
    with pytest.raises(Refused):
        load_key(parse_key_url(f"pkcs11:token=a;object=a?module-path={link}"), secrets)
    module.write_bytes(b"no library")
    monkeypatch.setenv("CMP_BATCH_PKCS11_MODULES", str(tmp_path))
    with pytest.raises(KeyStoreError, match="cannot be used"):
        load_key(url, secrets)


def test_a_key_that_is_not_there_and_a_token_that_cannot(softhsm, maker, secrets):
    with pytest.raises(KeyStoreError, match="no private key"):
        load_key(parse_key_url(softhsm.url("nowhere")), secrets)
    with pytest.raises(KeyStoreError, match="does not leave its token"):
        private_key_of(parse_key_url(softhsm.url("nowhere")), secrets)
    maker.check_passphrase(parse_key_url(softhsm.generate(next(labels), "ec:p256")))


def test_many_threads_take_turns(softhsm, maker):
    _, _, key = made(softhsm, maker)
    good = []

    def work():
        signature = key.signer.sign(b"x")
        good.append(verify_signature(key.public_key_info, key.signer.algorithm, signature, b"x"))

    threads = [threading.Thread(target=work) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert good == [True] * 24


def test_nothing_shows_the_pin(softhsm, maker):
    _, url, key = made(softhsm, maker)
    assert PIN not in f"{url} {url!r} {key!r} {key.signer!r}"


def test_without_python_pkcs11_the_extra_is_named(monkeypatch, secrets):
    monkeypatch.setattr("runner.keystores.tokenmodules.import_module", raising)
    with pytest.raises(KeyStoreError) as caught:
        load_key(parse_key_url("pkcs11:object=a"), secrets)
    assert "cmp-batch[pkcs11]" in caught.value.next_step
    assert "python-pkcs11" in tokens.look("pkcs11:object=a").problem


def raising(name):
    raise ImportError(name)
