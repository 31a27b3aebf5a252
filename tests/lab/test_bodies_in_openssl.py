"""A message of every body type that the lab makes, taken apart by `openssl asn1parse`."""

from __future__ import annotations

import re
import subprocess

import pytest
from support import requester as peer
from support.recipients import key_of

from runner.asn1.cmp import InfoTypeAndValue
from runner.asn1.crmf import Control
from runner.asn1.der import tlv
from runner.asn1.infotypes import INFO_TYPES
from runner.pki.decryption_proofs import prove_by_decryption

PROTOCOL_ENCR_KEY = "1.3.6.1.5.5.7.5.1.6"
ARCHIVE_REMOTE = Control(type="1.3.6.1.5.5.7.5.1.4", value=tlv(0x82, b"\xff"))
RSA = key_of("rsa", 1)


def request(key=None, **more):
    return (peer.cert_req(key or peer.new_key(), **more),)


def by_decryption(*, by_challenge):
    proof = prove_by_decryption(peer.spki(RSA), by_challenge=by_challenge)
    return request(RSA, popo=proof)


def made(**more):
    """A request for a key of the lab's making."""
    return (peer.cert_req(None, peer.CertTemplate(subject=peer.parse_name("CN=made").der), popo=None, **more),)


def recovered(who):
    who.begin().ask("ir", made(controls=(ARCHIVE_REMOTE,)), pvno=3)
    return who.begin().ask("krr", made(controls=(Control(type=PROTOCOL_ENCR_KEY, value=peer.spki(RSA)),)), pvno=3)


def everything(who):
    """A genm about everything that there is."""
    asked = tuple(InfoTypeAndValue(info_type=oid) for name, oid in INFO_TYPES.items() if name not in WITH_VALUES)
    return who.begin().ask("genm", asked)


WITH_VALUES = ("keyPairParamReq", "crlStatusList", "certReqTemplate", "rootCaCert", "KemCiphertextInfo")


def batched(who):
    inside = b"".join(who.begin().message("ir", request()) for _ in range(2))
    return who.begin().ask("nested", tlv(0x30, inside))


MAKING = {
    "ip": lambda who: who.enrol(peer.new_key()),
    "ip, encrypted": lambda who: who.begin().ask("ir", by_decryption(by_challenge=False)),
    "ip, enveloped": lambda who: who.begin().ask("ir", by_decryption(by_challenge=False), pvno=3),
    "ip, with a private key": lambda who: who.begin().ask("ir", made(), pvno=3),
    "ip, of 1999": lambda who: who.begin().ask("ir", request(), pvno=1),
    "ip, rejected": lambda who: who.begin().ask("ir", request(popo=None)),
    "cp": lambda who: who.enrol(peer.new_key(), kind="cr"),
    "kup": lambda who: who.holder().enrol(peer.new_key(), kind="kur"),
    "rp": lambda who: who.revoke(who.holder().serial, 4),
    "krp": recovered,
    "ccp": lambda who: who.begin().ask("ccr", request()),
    "popdecc": lambda who: who.begin().ask("ir", by_decryption(by_challenge=True)),
    "popdecc, of 2021": lambda who: who.begin().ask("ir", by_decryption(by_challenge=True), pvno=3),
    "genp": everything,
    "pkiconf": lambda who: who.confirm(who.enrol(peer.new_key())),
    "error": lambda who: who.begin().ask("certConf", ()),
    "nested": batched,
}


def parsed(openssl, octets):
    return subprocess.run(
        [openssl, "asn1parse", "-inform", "DER"], input=octets, capture_output=True, check=True
    ).stdout.decode()


def judge(openssl, said, name):
    """The whole message is one SEQUENCE of header, body and what protects it, as openssl sees it."""
    assert said.kind == name.partition(",")[0]
    lines = [_LINE.fullmatch(line) for line in parsed(openssl, said.octets).splitlines()]
    assert all(lines)
    outer, *inner = [(int(m["depth"]), int(m["head"]) + int(m["length"]), m["what"].strip()) for m in lines]
    assert outer == (0, len(said.octets), "SEQUENCE")
    top = [what for depth, _, what in inner if depth == 1]
    assert top[:2] == ["SEQUENCE", f"cont [ {NUMBERS[said.kind]} ]"]
    assert top[2:] in (["cont [ 0 ]"], ["cont [ 0 ]", "cont [ 1 ]"])


_LINE = re.compile(
    r" *\d+:d=(?P<depth>\d+) +hl=(?P<head>\d) l= *(?P<length>\d+) (?:cons|prim): (?P<what>[^:]*)(?::.*)?"
)
NUMBERS = {
    "ip": 1,
    "cp": 3,
    "popdecc": 5,
    "kup": 8,
    "krp": 10,
    "rp": 12,
    "ccp": 14,
    "pkiconf": 19,
    "nested": 20,
    "genp": 22,
    "error": 23,
    "pollRep": 26,
}


@pytest.mark.parametrize("name", MAKING)
def test_what_the_lab_says_is_der_to_openssl(lab, newcomer, openssl, name):
    judge(openssl, MAKING[name](newcomer), name)


@pytest.mark.parametrize(("name", "manners"), [("ip", {"waiting_polls": 2}), ("error", {"delays": ("ir",)})])
def test_what_it_says_of_things_that_come_later(ruled, openssl, name, manners):
    who = ruled(check_after=0, **manners)
    judge(openssl, who.begin().ask("ir", request()), name)
    judge(openssl, who.poll(0 if name == "ip" else -1), "pollRep")


def test_no_body_type_of_the_lab_s_is_left_out():
    """What a CA never says is left: requests, and announcements."""
    said = {name.partition(",")[0] for name in MAKING} | {"pollRep"}
    assert said == set(NUMBERS)
