"""`adopt`: what was there becomes entries and state, and a plan has nothing to do, whatever was there."""

from __future__ import annotations

import tempfile
from contextlib import chdir
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.cli.main import main

NOW = datetime.now(UTC).replace(microsecond=0)
CA_KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
CA_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Found CA")])
RSA = rsa.generate_private_key(65537, 2048)


def key_of(number):
    if number % 5 == 4:
        return RSA
    if number % 2:
        return ed25519.Ed25519PrivateKey.from_private_bytes(number.to_bytes(32, "big"))
    return ec.derive_private_key(number + 1, ec.SECP256R1())


def certificate(key, subject="CN=web", extensions=(), days=90, issuer=CA_NAME, signer=CA_KEY, serial=7):
    name = subject if isinstance(subject, x509.Name) else x509.Name.from_rfc4514_string(subject)
    start = NOW - timedelta(days=100)
    builder = x509.CertificateBuilder(issuer, name, key.public_key(), serial, start, NOW + timedelta(days=days))
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(signer, None)


def root():
    return certificate(CA_KEY, CA_NAME, [(x509.BasicConstraints(ca=True, path_length=None), True)])


def pem(thing, form=PrivateFormat.PKCS8, seal=NoEncryption()):  # noqa: B008 - it has no state
    if isinstance(thing, x509.Certificate):
        return thing.public_bytes(Encoding.PEM)
    return thing.private_bytes(Encoding.PEM, form, seal)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pki").mkdir()
    return tmp_path


def adopted(capsys, *more):
    capsys.readouterr()
    status = main(["adopt", "pki", *more])
    said = capsys.readouterr()
    return status, said.out + said.err


def entries():
    return {
        entry["name"]: entry
        for entry in yaml.safe_load(Path("adopted.yaml").read_text(encoding="utf-8"))["enrollments"]
    }


def test_a_pair_becomes_an_entry_and_the_plan_is_quiet(folder, capsys):
    key = key_of(0)
    (folder / "pki/web.key").write_bytes(pem(key, PrivateFormat.TraditionalOpenSSL))
    (folder / "pki/web.crt").write_bytes(pem(certificate(key, "CN=web.example,O=Ex\\, ample,C=FI")))
    (folder / "pki/root.pem").write_bytes(pem(root()))
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("pki/*")}
    status, said = adopted(capsys, "--url", "https://pki.example.com/cmp")
    assert (status, "adopted 1 pair: wrote adopted.yaml" in said) == (0, True)
    assert entries() == {
        "web.example": {
            "name": "web.example",
            "authority": "ca",
            "subject": "C=FI, O=Ex\\, ample, CN=web.example",
            "key": "file:pki/web.key",
            "output": {"file": "pki/web.crt"},
        }
    }
    assert main(["plan", "adopted.yaml"]) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("pki/*")} == before
    manifest = yaml.safe_load(Path("adopted.yaml").read_text(encoding="utf-8"))
    assert manifest["authorities"]["ca"]["trust"] == ["pki/root.pem"]


def test_everything_else_is_noted_and_left_alone(folder, capsys):
    key, sealed = key_of(0), BestAvailableEncryption(b"x")
    files = {
        "good.key": pem(key),
        "good.crt": pem(certificate(key)),
        "older.crt": pem(certificate(key, days=10, serial=8)),
        "sealed.key": pem(key_of(1), seal=sealed),
        "sealed.crt": pem(certificate(key_of(1))),
        "over.key": pem(key_of(2)),
        "over.crt": pem(certificate(key_of(2), days=-1)),
        "lonely.key": pem(key_of(3)),
        "both.pem": pem(key_of(6)) + pem(certificate(key_of(6))),
        "notes.txt": b"nothing of interest",
    }
    for name, octets in files.items():
        (folder / "pki" / name).write_bytes(octets)
    status, said = adopted(capsys)
    assert (status, list(entries())) == (0, ["web"])
    for words in (
        "older.crt: pki/good.crt is for the same key",
        "sealed.key: a sealed key",
        "sealed.crt: its private key was not found",
        "over.crt: expired on",
        "lonely.key: no certificate for this key",
        "both.pem: key and certificate are in one file",
    ):
        assert words in said
    assert main(["plan", "adopted.yaml"]) == 0


def test_names_are_made_unique_and_a_file_that_is_there_is_left(folder, capsys):
    for number in range(3):
        (folder / f"pki/{number}.key").write_bytes(pem(key_of(number)))
        (folder / f"pki/{number}.crt").write_bytes(pem(certificate(key_of(number), serial=number + 1)))
    assert adopted(capsys)[0] == 0
    assert list(entries()) == ["web", "web-2", "web-3"]
    assert main(["plan", "adopted.yaml"]) == 0
    status, said = adopted(capsys)
    assert (status, "exists already" in said) == (1, True)


def test_nothing_is_nothing(folder, capsys):
    status, said = adopted(capsys)
    assert (status, "nothing to adopt" in said) == (1, True)
    assert not (folder / "adopted.yaml").exists()
    assert not (folder / ".cmp-batch").exists()


@pytest.mark.parametrize(
    "name",
    ["a%20b", "${z}", "$$", "a b", "naïve: #1", "[x]{y}", "'q\"", "-x", "~", "a@b:c", "x..", "%", "file:x", "env"],
)
def test_files_may_have_any_name(folder, capsys, name):
    """In folders of such names, too: adopt, and then nothing is to be done."""
    (folder / "pki" / name).mkdir()
    key = key_of(0)
    (folder / "pki" / name / f"{name}.key").write_bytes(pem(key))
    (folder / "pki" / name / f"{name}.crt").write_bytes(pem(certificate(key, "CN=web")))
    assert adopted(capsys)[0] == 0
    assert main(["plan", "adopted.yaml"]) == 0
    assert "nothing to do, 1 unchanged" in capsys.readouterr().out


@pytest.mark.parametrize("odd", ["new\nline", "esc\x1b[31m", "no utf-8 \udcff", "tab\t", "right\u202eleft"])
@pytest.mark.parametrize("kind", ["certificate", "key", "folder", "root"])
def test_files_whose_names_no_manifest_can_say_are_left_out(folder, capsys, odd, kind):
    good, other = key_of(0), key_of(1)
    (folder / "pki/good.key").write_bytes(pem(good))
    (folder / "pki/good.crt").write_bytes(pem(certificate(good, "CN=good")))
    place = folder / "pki" / odd if kind == "folder" else folder / "pki"
    place.mkdir(exist_ok=True)
    (place / (f"{odd}.key" if kind == "key" else "other.key")).write_bytes(pem(other))
    (place / (f"{odd}.crt" if kind == "certificate" else "other.crt")).write_bytes(pem(certificate(other, "CN=other")))
    if kind == "root":
        (place / f"{odd}.pem").write_bytes(pem(root()))
    status, said = adopted(capsys)
    assert (status, list(entries())) == (0, ["good", "other"] if kind == "root" else ["good"])
    assert "cannot stand in a manifest; left out" in said
    assert not {"\x1b", "\t", "\u202e"} & set(said)
    assert not any(line.startswith("line") for line in said.splitlines())
    assert main(["plan", "adopted.yaml"]) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_a_name_that_cannot_stand_in_a_manifest_is_no_news_of_other_files(folder, capsys):
    (folder / "pki/good.key").write_bytes(pem(key_of(0)))
    (folder / "pki/good.crt").write_bytes(pem(certificate(key_of(0))))
    (folder / "pki/notes\n.txt").write_bytes(b"nothing of interest")
    status, said = adopted(capsys)
    assert (status, "notes" in said) == (0, False)


text = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)
attributes = st.sampled_from([NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME])
subjects = st.lists(st.builds(x509.NameAttribute, attributes, text), max_size=4).map(x509.Name)
hosts = st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,8}){0,3}", fullmatch=True)
names = st.one_of(
    hosts.map(x509.DNSName),
    hosts.map(lambda host: x509.DNSName(f"*.{host}")),
    st.ip_addresses().map(lambda each: x509.IPAddress(ip_address(each))),
    hosts.map(lambda host: x509.RFC822Name(f"who@{host}.example")),
    hosts.map(lambda host: x509.UniformResourceIdentifier(f"https://{host}/?a=${{b}}")),
    st.just(x509.RegisteredID(ObjectIdentifier("1.2.3.4"))),
    st.just(x509.OtherName(ObjectIdentifier("1.2.3.5"), b"\x0c\x01a")),
    subjects.map(x509.DirectoryName),
)
usages = st.fixed_dictionaries(
    {
        word: st.booleans()
        for word in ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "crl_sign")
    }
).map(
    lambda said: x509.KeyUsage(
        **said, key_agreement=True, key_cert_sign=False, encipher_only=False, decipher_only=False
    )
)
purposes = st.lists(
    st.sampled_from([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH, ObjectIdentifier("1.3.9.9")]),
    min_size=1,
    max_size=3,
    unique=True,
)
pairs = st.fixed_dictionaries(
    {
        "subject": subjects,
        "alt_names": st.lists(names, max_size=4),
        "usage": st.none() | usages,
        "purposes": st.none() | purposes,
        "der": st.booleans(),
        "mode": st.sampled_from([0o644, 0o600, 0o755]),
        "trusted": st.booleans(),
        "form": st.sampled_from([PrivateFormat.PKCS8, PrivateFormat.OpenSSH]),
    }
)


def write(folder, number, pair):
    extensions = []
    if pair["alt_names"]:
        extensions.append((x509.SubjectAlternativeName(pair["alt_names"]), not list(pair["subject"])))
    if pair["usage"]:
        extensions.append((pair["usage"], True))
    if pair["purposes"]:
        extensions.append((x509.ExtendedKeyUsage(pair["purposes"]), False))
    key = key_of(number)
    signer = CA_KEY if pair["trusted"] else ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
    issued = certificate(key, pair["subject"], extensions, serial=number + 1, signer=signer)
    file = folder / f"{number}.crt"
    file.write_bytes(issued.public_bytes(Encoding.DER if pair["der"] else Encoding.PEM))
    file.chmod(pair["mode"])
    (folder / f"{number}.key").write_bytes(pem(key, pair["form"]))


@given(st.lists(pairs, min_size=1, max_size=4), st.booleans())
@settings(max_examples=40)
def test_adopt_then_plan_says_nothing_to_do_always(several, with_root):
    with tempfile.TemporaryDirectory() as name, chdir(name):
        folder = Path(name, "pki")
        folder.mkdir()
        for number, pair in enumerate(several):
            write(folder, number, pair)
        if with_root:
            (folder / "root.pem").write_bytes(pem(root()))
        status = main(["adopt", "pki"])
        if status == 1:  # nothing that could be adopted: only what does not lead to the root that was found
            assert with_root
            assert not any(pair["trusted"] for pair in several)
            return
        assert main(["plan", "adopted.yaml"]) == 0
        if not with_root:
            assert len(entries()) == len(several)
