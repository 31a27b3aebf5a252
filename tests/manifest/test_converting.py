"""Command lines of ssh-cmpclient-g3 become manifests that validate; the rest is said in comments."""

from __future__ import annotations

import shlex

import pytest
import yaml

from runner.errors import BadInput
from runner.manifest.converting import converted
from runner.manifest.load import load_manifest
from runner.manifest.oldline import COMMANDS, read_line

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
    """The one item (or tunnel) of what a line becomes, which the manifest's schema and meaning accept."""
    for name in FILES:
        (tmp_path / name).touch()

    def read(line, **options):
        file = tmp_path / "converted.yaml"
        file.write_text(convert(line, **options), encoding="utf-8")
        document = load_manifest([file])
        (item,) = document.items or document.tunnels
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
        (f"POLL -p 1:k -I 4711 -C ca.pem -o late {URL}", "polls"),
        (f"pol -c op.crt -k op.prv -I 4711 -C ca.pem {URL}", "polls"),
        (f"TUNNEL -R ra.crt -k ra.prv -C ca.pem -s CN=a -u digitalsignature {URL}", "tunnels"),
        (f"tun -R ra.crt -k ra.prv -C ca.pem -T old.crt -y {URL}", "tunnels"),
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
        (f"REV -p 1:k -s CN=a -C ca.pem {URL}", "put that certificate's file at certificate:"),
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


def test_there_are_seven_commands():
    assert len(COMMANDS) == 7
