"""Messages octet for octet: a fixed clock, counted octets for chance, keys that sign the same way every time.

`PYTHONPATH=tests python tests/cmp/test_golden.py` writes the files anew; golden/PROVENANCE.md says what they are.
"""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from support.ambient import NOON, CountingEntropy
from support.answering import IMPLICIT, PROOF, REFERENCE, SECRET, SUBJECT, Talk, granted, issued, order, say
from support.hierarchy import SIGN, entity, root
from support.requester import pbm

from runner.asn1.cmp import PKIMessage
from runner.asn1.structures import decode, encode
from runner.cmp.dialogue import Parties
from runner.cmp.message import read_message
from runner.cmp.protection import MacProtection, Peer, SignatureProtection
from runner.pki.mac_parameters import MacParameters
from runner.pki.macs import SharedSecret
from runner.pki.names import parse_name
from runner.pki.signers import PrivateKeySigner

GOLDEN = Path(__file__).parent / "golden"
CA = root("Golden CA", key=Ed25519PrivateKey.from_private_bytes(bytes(range(32, 64))), serial=1)
RSA = load_pem_private_key((GOLDEN / "rsa-key.pem").read_bytes(), None)
OPERATOR = entity("operator", CA, key=RSA, usages=SIGN, serial=2)
CA_NAME = parse_name("CN=Golden CA")
PEER = Peer(SharedSecret(SECRET), (CA.ours,), CA_NAME)
BY_SECRET = Parties(
    MacProtection(REFERENCE, PEER.secret, b"golden salt", MacParameters(iterations=1000)), PEER, CA_NAME
)
BY_SIGNATURE = Parties(SignatureProtection(PrivateKeySigner(RSA), (OPERATOR.ours,)), PEER, CA_NAME)


def exchanged(kind: str, parties: Parties, status: str = "accepted") -> tuple[bytes, bytes]:
    """Our first message, and what we say to an answer."""
    talk = Talk(order=order(kind), parties=parties, entropy=CountingEntropy())
    first = talk.dialogue.request
    certificate = issued(CA) if status == "accepted" else None
    answer = say(talk.reply, granted(certificate, status), request=talk.request, sender_nonce=b"their nonce 0001")
    talk.gets(answer)
    if status == "waiting":
        return first, talk.polls().dialogue.request
    assert talk.decides()
    return first, talk.dialogue.request


def made() -> dict[str, bytes]:
    """Every golden message, made anew."""
    ir, confirmation = exchanged("ir", BY_SECRET)
    cr, signed_confirmation = exchanged("cr", BY_SIGNATURE)
    _, poll = exchanged("ir", BY_SECRET, "waiting")
    revocation = replace(order("rr"), certificate=OPERATOR.ours)
    rr = Talk(order=revocation, parties=BY_SECRET, entropy=CountingEntropy()).dialogue.request
    return {
        "ir-mac": ir,
        "certConf-mac": confirmation,
        "pollReq-mac": poll,
        "rr-mac": rr,
        "cr-rsa": cr,
        "certConf-rsa": signed_confirmation,
    }


NAMES = ("ir-mac", "certConf-mac", "pollReq-mac", "rr-mac", "cr-rsa", "certConf-rsa")


def golden(name: str) -> bytes:
    return (GOLDEN / f"{name}.der").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_the_same_octets_as_ever(name):
    assert made()[name].hex() == golden(name).hex()


def test_every_file_is_made_here():
    assert {path.stem for path in GOLDEN.glob("*.der")} == set(NAMES)
    assert all(f"`{name}.der`" in (GOLDEN / "PROVENANCE.md").read_text(encoding="utf-8") for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_openssl_reads_them_to_the_end(openssl, name):
    told = subprocess.run(
        [openssl, "asn1parse", "-inform", "DER", "-in", GOLDEN / f"{name}.der"], capture_output=True, check=True
    ).stdout.decode()
    kind = {"ir": 0, "cr": 2, "rr": 11, "certConf": 24, "pollReq": 25}[name.partition("-")[0]]
    assert f"cont [ {kind} ]" in told
    assert told.startswith("    0:d=0")
    assert len(golden(name)) == _end_of(told)


def _end_of(told: str) -> int:
    first = told.splitlines()[0]
    return int(first.partition("hl=")[2][:1]) + int(first.partition("l=")[2].partition("l=")[2][:5])


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("-mac")])
def test_their_macs_are_right(name):
    message = read_message(golden(name))
    parameters = message.message.header.protection_alg.parameters
    assert pbm(SECRET, parameters, message.protected) == message.message.protection
    assert message.message.header.sender_kid == REFERENCE


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("-rsa")])
def test_their_signatures_are_right(name):
    message = read_message(golden(name))
    RSA.public_key().verify(message.message.protection, message.protected, padding.PKCS1v15(), hashes.SHA256())
    assert message.message.extra_certs == (OPERATOR.der,)


@pytest.mark.parametrize("name", ["ir-mac", "cr-rsa"])
def test_their_proofs_are_right(name):
    (asked,) = decode(PKIMessage, golden(name)).body.value
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(100, 132))).public_key()
    key.verify(asked.popo.value.signature, encode(asked.cert_req))
    assert asked.cert_req.cert_template.public_key == PROOF.public_key_info
    assert asked.cert_req.cert_template.subject == parse_name(SUBJECT).der


def test_their_marks():
    first, second = (decode(PKIMessage, golden(name)).header for name in ("ir-mac", "certConf-mac"))
    assert (first.transaction_id, first.sender_nonce) == tuple(b"\xa5" * 8 + bytes((0,) * 7 + (n,)) for n in (1, 2))
    assert (second.transaction_id, second.recip_nonce) == (first.transaction_id, b"their nonce 0001")
    assert first.message_time == second.message_time == NOON
    assert IMPLICIT not in first.general_info


if __name__ == "__main__":
    for written, octets in made().items():
        (GOLDEN / f"{written}.der").write_bytes(octets)
