"""Command lines of ssh-cmpclient-g3 become manifests that validate; the rest is said in comments."""

from __future__ import annotations

import shlex

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.errors import BadInput
from runner.manifest.converting import converted
from runner.manifest.load import load_manifest
from runner.manifest.oldline import COMMANDS, read_line
from runner.manifest.schema import check_schema
from runner.manifest.source import read_sources

URL = "http://pki.example.com:8080/pkix/"
CA = "'C=FI, O=SSH Communications Security Corp, CN=SSH Test CA 1 No Liabilities'"
FILES = (
    "ca.pem",
    "op.crt",
    "op.prv",
    "ra.crt",
    "ra.prv",
    "old.crt",
    "noise",
    "psk.txt",
    "initial.prv",
    "initial-0.crt",
)
INITIAL = f"""ssh-cmpclient-g3 INITIALIZE -P generate://pkcs8@rsa:1024/initial -o initial -p 62154:ssh
  -s 'C=FI,O=SSH,CN=Example/initial;IP=192.0.2.1' -u digitalsignature {URL} {CA}"""
UPDATE = f"""ssh-cmpclient-g3 UPDATE -k initial.prv -c initial-0.crt -P generate://pkcs8@rsa:1024/updatedcert
  -o updatedcert {URL} {CA}"""
"""The two examples of the manual, with an address and a URL where it has blanks."""
KEY = "-P generate://pkcs8@rsa:2048/new"


def convert(line, **options):
    return converted(read_line(shlex.split(line)), **options)


def manifest(line, **options):
    return yaml.safe_load(convert(line, **options))


@pytest.fixture
def accepted(tmp_path):
    """The one item of what a line becomes, which the manifest's schema and meaning accept."""
    for name in FILES:
        (tmp_path / name).touch()

    def read(line, **options):
        file = tmp_path / "converted.yaml"
        file.write_text(convert(line, **options), encoding="utf-8")
        document = load_manifest([file])
        (item,) = (*document.items, *document.tunnels)
        return document, item

    return read


def test_the_initial_enrollment_of_the_manual(accepted):
    document, item = accepted(INITIAL)
    assert (item.name, item.authority, item.credential) == ("initial", "ca", "us")
    assert item.template.subject.text == "C=FI, O=SSH, CN=Example/initial"
    assert [str(name) for name in item.template.alt_names] == ["ip=192.0.2.1"]
    assert item.template.key_usage == ("digitalSignature",)
    assert str(item.key).endswith("/initial")
    assert item.output.certificate.endswith("/initial-0.crt")
    assert item.output.format == "der"
    authority = document.authorities["ca"]
    assert (authority.url, authority.recipient.text) == (URL, CA.strip("'"))
    assert document.credentials["us"].mac.iterations == 1024


def test_the_key_update_of_the_manual(accepted):
    _, item = accepted(UPDATE)
    assert item.name == "updatedcert"
    assert item.certificate.endswith("/initial-0.crt")
    assert item.key.path.endswith("/initial.prv")
    assert item.new_key.path.endswith("/updatedcert.prv")


@pytest.mark.parametrize(
    ("line", "section"),
    [
        (f"INITIALIZE -p 1:k {KEY} -s CN=a -C ca.pem {URL}", "enrollments"),
        (f"ini -R ra.crt -k ra.prv {KEY} -T old.crt -C ca.pem {URL}", "enrollments"),
        (f"Enroll -c op.crt -k op.prv {KEY} -s CN=a -C ca.pem -BE {URL}", "enrollments"),
        (f"enr -R ra.crt -k ra.prv {KEY} -s CN=a -C ca.pem {URL}", "enrollments"),
        (f"UPDA -c op.crt -k op.prv -C ca.pem -B {URL}", "updates"),
        (f"REVOKE -p 1:k -T old.crt -C ca.pem {URL}", "revocations"),
        (f"rev -c op.crt -k op.prv -T old.crt -C ca.pem {URL}", "revocations"),
        (f"RECOVER -p 1:k -s CN=a -C ca.pem -o back {URL}", "recoveries"),
        (f"rec -R ra.crt -k ra.prv -T old.crt -C ca.pem {URL}", "recoveries"),
        (
            f"INITIALIZE -pfile.psk {KEY} -s CN=a -C ca.pem -N noise -i 2000 {URL}".replace("file.psk", "psk.txt"),
            "enrollments",
        ),
        (f"INI -p 1:k {KEY} -s CN=a -C ca.pem -S socks://me@gate:1080/10.0.0.0/8,192.168.0.0/16 {URL}", "enrollments"),
        (f"INI -p 1:k {KEY} -s CN=a -C ca.pem -H http://proxy:3128/ -v 2 -y -d 5 -Z x:y -O a.crt {URL}", "enrollments"),
        (
            f"INI -p 1:k {KEY} -s 'CN=a;DNS=a.example;EMAIL=a@b.example' -U serverauth\\;1.2.3 tcp://[::1]:829/",
            "enrollments",
        ),
        (f"POLL -p 1:k -I 4711 -C ca.pem -o late {URL}", "polls"),
        (f"poll -c op.crt -k op.prv -I 0xA0B1 -P file:initial.prv -C ca.pem {URL}", "polls"),
        (f"TUNNEL -R ra.crt -k ra.prv -C ca.pem {URL}", "tunnels"),
        (f"tun -R ra.crt -k ra.prv -y -s 'C=FI,CN=x;DNS=a.example' -u keyAgreement -o out -C ca.pem {URL}", "tunnels"),
        (f"tunnel -R ra.crt -k ra.prv -T old.crt -U clientAuth -C ca.pem {URL}", "tunnels"),
        (f"INI -p 1:k {KEY} -s CN=a -C ca.pem -v 1 {URL}", "enrollments"),
    ],
)
def test_each_command_in_its_ways_becomes_a_manifest_that_is_accepted(accepted, line, section):
    assert section in manifest(line)
    accepted(line)


@pytest.mark.parametrize(
    ("option", "where", "value"),
    [
        ("-B", ("enrollments", 0, "backup"), True),
        ("-E", ("enrollments", 0, "proof_of_possession"), "encryption"),
        ("-o out/a", ("enrollments", 0, "output"), {"prefix": "out/a", "format": "der"}),
        ("-O a.crt", ("enrollments", 0, "output"), {"file": "a.crt", "format": "der"}),
        ("-v 2", ("authorities", "ca", "version"), 2),
        ("-S socks://gate", ("authorities", "ca", "proxy"), "socks://gate"),
        ("-H http://gate:80/", ("authorities", "ca", "proxy"), "http://gate:80"),
        ("-N noise", ("entropy",), ["noise"]),
        ("-i 77000", ("credentials", "us", "iterations"), 77000),
        ("-T old.crt", ("enrollments", 0, "certificate"), "old.crt"),
        ("-u keyagreement\\;nonRepudiation", ("enrollments", 0, "key_usage"), ["keyAgreement", "nonRepudiation"]),
        ("-U smartcardlogon", ("enrollments", 0, "extended_key_usage"), ["smartCardLogon"]),
    ],
)
def test_each_option_has_its_place(option, where, value):
    found = manifest(f"INI -p 1:k {KEY} -s CN=a -C ca.pem {option} {URL}")
    for step in where:
        found = found[step]
    assert found == value


def test_a_tunnels_template_is_replaced_by(accepted):
    line = f"TUNNEL -R ra.crt -k ra.prv -T old.crt -s 'C=FI,CN=x' -C ca.pem {URL}"
    assert manifest(line)["tunnels"][0]["override"] == {"subject": "C=FI,CN=x", "certificate": "old.crt"}
    assert "-T" not in "".join(text for text in convert(line).splitlines() if text.startswith("#"))
    _, tunnel = accepted(line)
    assert tunnel.override.reference.endswith("/old.crt")


def test_each_polling_id_is_an_entry(tmp_path):
    (tmp_path / "ca.pem").touch()
    file = tmp_path / "converted.yaml"
    file.write_text(convert(f"POLL -p 1:k -I 4711 -I 0x4712 -I 4711 -O late.crt -C ca.pem {URL}"), encoding="utf-8")
    first, second = load_manifest([file]).items
    assert (first.name, first.output.certificate) == ("late.crt", str(tmp_path / "late.crt"))
    assert (second.name, second.output.certificate) == ("late.crt-1", str(tmp_path / "late.crt-1"))


def test_secrets_become_references():
    line = f"INI -p 62154:very-secret -P generate://pkcs8s:hidden@rsa:2048/a -s CN=a -C ca.pem {URL}"
    text = convert(line)
    assert "very-secret" not in text
    assert "hidden" not in text
    assert yaml.safe_load(text)["credentials"]["us"]["psk"] == {"env": "CMP_PSK"}
    assert "generate://pkcs8s:${env:KEY_PASSPHRASE}@rsa:2048/a" in text
    assert "# CMP_PSK in the environment" in text


def test_secrets_stand_in_it_where_that_is_asked_for():
    text = convert(
        f"INI -p 62154:very-secret -P generate://pkcs8s:hidden@rsa:2048/a -s CN=a -C ca.pem {URL}", literal=True
    )
    assert yaml.safe_load(text)["credentials"]["us"]["psk"] == "62154:very-secret"
    assert "pkcs8s:hidden@" in text


@pytest.mark.parametrize(
    ("line", "note"),
    [
        (f"INI -p 1:k {KEY} -s CN=a -y -C ca.pem {URL}", "apply --yes"),
        (f"INI -p 1:k {KEY} -s CN=a -d 9 -C ca.pem {URL}", "apply --trace"),
        (f"INI -p 1:k {KEY} -s CN=a -Z pkcs11:x -C ca.pem {URL}", "pkcs11:"),
        (f"INI -p 1:k {KEY} -s 'CN=a;IP=' -C ca.pem {URL}", "ip= without a value".replace("ip", "IP")),
        (f"INI -p 1:k {KEY} -s CN=a -S socks://a -H http://b -C ca.pem {URL}", "one proxy is asked"),
        (f"INI -p 1:k {KEY} -s CN=a -o a -o b -C ca.pem {URL}", "-o was given several times"),
        (f"REV -p 1:k -s CN=a -C ca.pem {URL}", "at certificate: (revoked.crt here)"),
        (f"REV -p 1:k -T old.crt -B -C ca.pem {URL}", "REVOKE makes no use of -B"),
        (f"INI -p 1:k {KEY} -s CN=a -i 5 -C ca.pem {URL}", "-i 5 is not taken"),
    ],
)
def test_what_has_no_place_is_said_in_a_comment(line, note):
    comments = [text for text in convert(line).splitlines() if text.startswith("#")]
    assert note in " ".join(comments)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("", "no command"),
        (f"IN {URL}", "no such command"),
        ("INITIALIZE", "URL is missing"),
        (f"INI -p 1:k {KEY} -s CN=a {URL} CN=b c", "too many words"),
        (f"INI {KEY} -s CN=a {URL}", "INITIALIZE needs -p or -R"),
        (f"ENR -p 1:k {KEY} -s CN=a {URL}", "ENROLL needs -c or -R"),
        (f"ENR -c op.crt {KEY} -s CN=a {URL}", "-k is missing"),
        (f"INI -p 1:k -s CN=a {URL}", "needs -P"),
        (f"INI -p 1:k {KEY} {URL}", "needs -s or -T"),
        (f"INI -p 1:k {KEY} -s CN=a -X {URL}", "no option -X"),
        (f"INI -h {URL}", "asks for help"),
        (f"INI -p 1:k {KEY} -s CN=a -u help {URL}", "asks for help"),
        (f"INI -p 1:k {KEY} -s CN=a -v 3 {URL}", "-v takes 1 or 2"),
        (f"INI -p 1:k {KEY} -s CN=a -B {URL}", "-B needs -C"),
        (f"POLL -p 1:k -I what {URL}", "-I: "),
        (f"INI -p 1:k {KEY} -s CN=a -u fly {URL}", "-u: "),
        (f"INI -p 1:k {KEY} -s what {URL}", "-s: "),
        (f"INI -p 1:k -P generate:x -s CN=a {URL}", "-P: "),
        ("INI -p", "-p needs a value"),
    ],
)
def test_what_the_old_tool_would_not_take_is_refused(line, what):
    with pytest.raises(BadInput) as caught:
        convert(line)
    assert what in str(caught.value)


WAYS = {
    "INITIALIZE": ["-p 1:k", "-p psk.txt", "-R ra.crt -k ra.prv"],
    "ENROLL": ["-c op.crt -k op.prv", "-R ra.crt -k ra.prv"],
    "UPDATE": ["-c op.crt -k op.prv"],
    "POLL": ["-p 1:k", "-c op.crt -k op.prv", "-R ra.crt -k ra.prv"],
    "RECOVER": ["-p 1:k", "-c op.crt -k op.prv", "-R ra.crt -k ra.prv"],
    "REVOKE": ["-p 1:k", "-c op.crt -k op.prv", "-R ra.crt -k ra.prv"],
    "TUNNEL": ["-R ra.crt -k ra.prv"],
}
NEEDED = {"INITIALIZE": f"{KEY} -s CN=a", "ENROLL": f"{KEY} -s CN=a", "POLL": "-I 4711"}
NEEDED |= {"RECOVER": "-s CN=a", "REVOKE": "-T old.crt"}
OPTIONS = ["-B", "-E", "-y", "-o out/a", "-O a.der", "-S socks://gate:1080/10.0.0.0/8", "-H http://proxy:3128/"]
OPTIONS += ["-v 1", "-v 2", "-N noise", "-i 2000", "-I 4712", "-T old.crt", "-s 'CN=b;IP=192.0.2.7;RID=1.2.3'"]
OPTIONS += ["-u digitalSignature\\;keyCertSign", "-U clientAuth\\;1.2.3.4", "-d 5", "-Z x", "-p 2:other"]
OPTIONS += ["-P generate://pkcs8s:word@ec:p256/more", "-P initial.prv"]
IMPOSSIBLE = {("-v 1", "POLL")}
"""CMP version 1 knows no polling; the manifest says so."""


def written_and_accepted(folder, line, **options):
    """What a line becomes: its schema holds, and what it means is accepted with the files there that it names."""
    for name in (*FILES, "revoked.crt"):
        (folder / name).touch()
    file = folder / "converted.yaml"
    file.write_text(convert(line, **options), encoding="utf-8")
    (source,) = read_sources(str(file), file.read_bytes(), str(folder), str(folder))
    assert check_schema(source) == ()
    return load_manifest([file])


@pytest.mark.parametrize("option", ["", *OPTIONS])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_with_every_option_is_a_manifest(tmp_path, command, option):
    for way in WAYS[command]:
        for name in ("-C ca.pem", "", "-C ca.pem -T old.crt"):
            if option == "-B" and "-C" not in name:
                continue
            line = f"{command} {way} {NEEDED.get(command, '')} {option} {name} {URL} {'' if name else CA}"
            if (option, command) in IMPOSSIBLE:
                with pytest.raises(BadInput):
                    written_and_accepted(tmp_path, line)
                continue
            document = written_and_accepted(tmp_path, line)
            assert document.items or document.tunnels, line


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_options_in_any_company_and_order_are_a_manifest(tmp_path, data):
    command = data.draw(st.sampled_from(COMMANDS))
    way = data.draw(st.sampled_from(WAYS[command]))
    words = [NEEDED.get(command, ""), way, "-C ca.pem"]
    known = [option for option in OPTIONS if (option, command) not in IMPOSSIBLE]
    words += data.draw(st.lists(st.sampled_from(known), max_size=6))
    line = " ".join([command, *data.draw(st.permutations(words)), URL])
    written_and_accepted(tmp_path, line, literal=data.draw(st.booleans()))


def test_there_are_seven_commands():
    assert len(COMMANDS) == 7
