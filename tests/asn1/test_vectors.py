"""Recorded messages of other implementations: they decode, and what is DER encodes to the same octets again."""

from __future__ import annotations

import pytest

from runner.asn1.cmp import PKIMessage
from runner.asn1.crmf import CERT_REQ_MESSAGES
from runner.asn1.structures import decode, encode
from runner.errors import Malformed

FOLDERS = ("openssl-msgs", "siemens-messageflows", "pyasn1")
BODIES = {
    "openssl-msgs/CP_Insta": "cp",
    "openssl-msgs/CR_Insta": "cr",
    "openssl-msgs/CR_protected_PBM_1234": "cr",
    "openssl-msgs/CertConf_Insta": "certConf",
    "openssl-msgs/Error_Insta": "error",
    "openssl-msgs/GenM_Insta": "genm",
    "openssl-msgs/GenP_Insta": "genp",
    "openssl-msgs/IP_PBM": "ip",
    "openssl-msgs/IP_empty_subject_Insta": "ip",
    "openssl-msgs/IP_waitingStatus_PBM": "ip",
    "openssl-msgs/IR_empty_subject_Insta": "ir",
    "openssl-msgs/IR_protected": "ir",
    "openssl-msgs/IR_protected_0_extraCerts": "ir",
    "openssl-msgs/IR_protected_2_extraCerts": "ir",
    "openssl-msgs/IR_rmprotection": "ip",
    "openssl-msgs/IR_unprotected": "ir",
    "openssl-msgs/KUP_Insta": "kup",
    "openssl-msgs/KUR_Insta": "kur",
    "openssl-msgs/P10CR_Insta": "p10cr",
    "openssl-msgs/PKIConf_Insta": "pkiconf",
    "openssl-msgs/PollRep_Insta": "pollRep",
    "openssl-msgs/PollReq_Insta": "pollReq",
    "openssl-msgs/RP_Insta": "rp",
    "openssl-msgs/RR_Insta": "rr",
    "pyasn1/rfc9480_V3CertConfMessage": "certConf",
    **{
        f"siemens-messageflows/{flow}/{hop}stream_{step}": body
        for flow, hop, step, body in [
            ("CrDelayed", "down", "CERT_CONFIRM", "certConf"),
            ("CrDelayed", "down", "CERT_REP", "cp"),
            ("CrDelayed", "down", "CERT_REQ", "cr"),
            ("CrDelayed", "down", "CONFIRM", "pkiconf"),
            ("CrDelayed", "down", "POLL_REP", "pollRep"),
            ("CrDelayed", "down", "POLL_REQ", "pollReq"),
            ("CrDelayed", "up", "CERT_REP", "cp"),
            ("CrDelayed", "up", "CERT_REQ", "cr"),
            ("CrWithSignatureProtection", "down", "CERT_CONFIRM", "certConf"),
            ("CrWithSignatureProtection", "down", "CERT_REP", "cp"),
            ("CrWithSignatureProtection", "down", "CERT_REQ", "cr"),
            ("CrWithSignatureProtection", "down", "CONFIRM", "pkiconf"),
            ("CrWithSignatureProtection", "up", "CERT_CONFIRM", "certConf"),
            ("CrWithSignatureProtection", "up", "CERT_REP", "cp"),
            ("CrWithSignatureProtection", "up", "CERT_REQ", "cr"),
            ("CrWithSignatureProtection", "up", "CONFIRM", "pkiconf"),
        ]
    },
}
NOT_DER = {
    "openssl-msgs/Error_Insta": (
        # failInfo with its 19 trailing zero bits written out (X.690 §11.2.2 wants them cut): 03 05 05 40000000
        bytes.fromhex("03050540000000"),
        bytes.fromhex("03020640"),
        4,
    ),
    "openssl-msgs/IR_protected": (
        # extraCerts present and empty, where SIZE (1..MAX) wants it absent: A1 02 30 00
        bytes.fromhex("a1023000"),
        b"",
        1,
    ),
}
"""Recorded messages that are not DER: the octets that are not, what DER has there, how many lengths that changes."""
OTHER_THINGS = {
    "openssl-msgs/pkcs10",
    "pyasn1/rfc2511_CertificateReq",
    "pyasn1/rfc9481_CMPAlgorithms",
    "pyasn1/rfc9579_PKCS12",
    "pyasn1/rfc9629_EnveopedDataRSAKEM",
    "pyasn1/rfc9690_SMIMECapRSAKEM",
    "pyasn1/rfc9935_MLKEMPrivateKey",
    "pyasn1/rfc9935_MLKEMPublicKey",
    "pyasn1/rfc9936_AuthEnveopedDataMLKEM",
}
"""Files of these folders that hold no PKIMessage."""


def recorded(vectors, name: str) -> bytes:
    return (vectors / f"{name}.der").read_bytes()


def test_every_file_is_known(vectors):
    found = {
        str(path.relative_to(vectors)).removesuffix(".der")
        for folder in FOLDERS
        for path in (vectors / folder).rglob("*.der")
    }
    assert found == BODIES.keys() | OTHER_THINGS


@pytest.mark.parametrize("name", BODIES)
def test_it_decodes(vectors, name):
    assert decode(PKIMessage, recorded(vectors, name)).body.name == BODIES[name]


@pytest.mark.parametrize("name", [name for name in BODIES if name not in NOT_DER])
def test_it_encodes_to_the_same_octets(vectors, name):
    octets = recorded(vectors, name)
    assert encode(decode(PKIMessage, octets)) == octets


@pytest.mark.parametrize("name", NOT_DER)
def test_what_is_not_der_differs_in_one_known_place(vectors, name):
    octets, (written, minimal, lengths) = recorded(vectors, name), NOT_DER[name]
    encoded = encode(decode(PKIMessage, octets))
    assert octets.count(written) == 1
    at, saved = octets.index(written), len(written) - len(minimal)
    assert encoded[at : at + len(minimal)] == minimal
    assert octets[at + len(written) :] == encoded[at + len(minimal) :]
    changed = [n for n in range(at) if octets[n] != encoded[n]]
    assert len(changed) <= lengths
    assert len(octets) - len(encoded) == saved
    assert decode(PKIMessage, encoded) == decode(PKIMessage, octets)


@pytest.mark.parametrize("name", sorted(OTHER_THINGS))
def test_what_is_no_message_is_malformed(vectors, name):
    with pytest.raises(Malformed):
        decode(PKIMessage, recorded(vectors, name))


def test_requests_of_rfc_2511_decode(vectors):
    octets = recorded(vectors, "pyasn1/rfc2511_CertificateReq")
    messages = CERT_REQ_MESSAGES.decode(octets)
    assert [message.cert_req.cert_req_id for message in messages]
    assert CERT_REQ_MESSAGES.encode(messages) == octets


def test_the_failinfo_that_is_not_minimal_says_badmessagecheck(vectors):
    body = decode(PKIMessage, recorded(vectors, "openssl-msgs/Error_Insta")).body
    assert body.value.pki_status_info.fail_info == {1}
