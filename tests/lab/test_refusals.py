"""Messages that are not as they should be: what the lab says to each, and that it issues nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from support import requester as peer

from runner.asn1.algorithms import PASSWORD_BASED_MAC, AlgorithmIdentifier
from runner.asn1.cmp import CertStatus, PKIMessage, PollReq
from runner.asn1.crmf import OLD_CERT_ID, CertId, Control, POPOSigningKey, POPOSigningKeyInput
from runner.asn1.der import elements, open_sequence, tlv
from runner.asn1.primitives import GENERALIZED_TIME
from runner.asn1.structures import Chosen, Explicit, decode, encode
from runner.lab.authority import open_lab
from runner.pki.names import directory_name, parse_name

NOBODY = parse_name("C=FI, CN=Somebody Else")


@pytest.fixture(autouse=True)
def _nothing_is_issued(lab):
    """Only holder() asks for implicitConfirm; whatever else were issued would be unconfirmed."""
    yield
    assert "unconfirmed" not in {certificate.state.value for certificate in lab._office.ledger.certificates()}


@pytest.fixture
def ask(newcomer):
    """An ir with parts of the header or of the request replaced."""

    def ask(request=None, **header):
        return newcomer.begin().ask("ir", (request or peer.cert_req(peer.new_key()),), **header)

    return ask


def flipped(octets: bytes) -> bytes:
    return octets[:-1] + bytes((octets[-1] ^ 1,))


@pytest.mark.parametrize(
    ("header", "fail_info"),
    [
        ({"pvno": 4}, "unsupportedVersion"),
        ({"transaction_id": None}, "badRequest"),
        ({"transaction_id": b""}, "badRequest"),
        ({"transaction_id": bytes(65)}, "badRequest"),
        ({"sender_nonce": None}, "badSenderNonce"),
        ({"sender_nonce": bytes(15)}, "badSenderNonce"),
        ({"sender_nonce": bytes(65)}, "badSenderNonce"),
        ({"recip_nonce": bytes(16)}, "badRecipientNonce"),
        ({"sender_kid": None}, "badMessageCheck"),
        ({"sender_kid": b"other"}, "badMessageCheck"),
        ({"tamper": flipped}, "badMessageCheck"),
        ({"tamper": lambda mac: mac[:-1]}, "badMessageCheck"),
        ({"tamper": lambda _: b""}, "badMessageCheck"),
    ],
)
def test_headers_that_are_refused(ask, header, fail_info):
    assert ask(**header).refusal == ("error", "rejection", [fail_info])


@pytest.mark.parametrize(("asked", "answered"), [(1, 1), (2, 2), (3, 3), (4, 3), (0, 1)])
def test_the_answer_has_the_nearest_version(ask, lab, asked, answered):
    assert ask(pvno=asked, tamper=flipped).header.pvno == answered


def test_a_wrong_secret_is_refused_in_the_words_of_a_wrong_reference(ask, newcomer):
    wrong_reference = ask(sender_kid=b"other")
    newcomer.protection.secret = b"another secret"
    wrong_secret = ask()
    assert wrong_secret.refusal == ("error", "rejection", ["badMessageCheck"])
    assert wrong_secret.info == wrong_reference.info


@pytest.mark.parametrize("part", ["header", "body"])
def test_every_flipped_bit_under_the_mac_is_found(lab, newcomer, part):
    octets = newcomer.message("ir", (peer.cert_req(peer.new_key()),))
    start = octets.index(newcomer.transaction_id if part == "header" else b"web-1")
    for at in range(start, start + 5):
        spoiled = octets[:at] + bytes((octets[at] ^ 0x20,)) + octets[at + 1 :]
        said = peer.heard(lab, lab.respond(spoiled), newcomer.protection)
        assert said.refusal == ("error", "rejection", ["badMessageCheck"])


def test_an_unprotected_message_is_refused(lab, newcomer):
    message = decode(PKIMessage, newcomer.message("ir", (peer.cert_req(peer.new_key()),)))
    bare = replace(message, header=replace(message.header, protection_alg=None), protection=None)
    for octets in (encode(bare), encode(replace(message, protection=None))):
        assert newcomer.send(octets).refusal == ("error", "rejection", ["badMessageCheck"])


@pytest.mark.parametrize(
    ("parameters", "fail_info"),
    [
        ({"count": 100_001}, "badAlg"),
        ({"count": 0}, "badAlg"),
        ({"salt": bytes(7)}, "badAlg"),
        ({"salt": bytes(257)}, "badAlg"),
        ({"owf": "1.2.840.113549.2.5"}, "badAlg"),
        ({"mac": "1.2.3"}, "badAlg"),
    ],
)
def test_macs_that_are_refused_unread(lab, newcomer, parameters, fail_info):
    newcomer.protection.parameters = peer.pbm_parameters(**parameters)
    newcomer.protection.protect = lambda _: bytes(32)
    assert newcomer.enrol(peer.new_key()).refusal == ("error", "rejection", [fail_info])


def test_a_protection_that_nobody_knows_is_refused(ask):
    algorithm = replace(peer.ECDSA_SHA256, algorithm="1.2.3.4")
    assert ask(protection_alg=algorithm).refusal == ("error", "rejection", ["badAlg"])


def test_a_foreign_signer_is_refused(lab, clock, entropy):
    elsewhere = peer.newcomer_to(open_lab(None, clock, entropy)).holder()
    stranger = peer.Requester(lab, elsewhere.protection)
    assert stranger.enrol(peer.new_key(), kind="cr").refusal == ("error", "rejection", ["signerNotTrusted"])


def test_a_certificate_that_was_tampered_with_is_a_foreign_one(lab, newcomer):
    holder = newcomer.holder()
    holder.protection.certificate = flipped(holder.protection.certificate)
    assert holder.enrol(peer.new_key(), kind="cr").refusal == ("error", "rejection", ["signerNotTrusted"])


def test_another_key_than_the_certificates_is_refused(newcomer):
    holder = newcomer.holder()
    holder.protection.key = peer.new_key()
    assert holder.enrol(peer.new_key(), kind="cr").refusal == ("error", "rejection", ["badMessageCheck"])


def test_a_signer_who_sends_no_certificate_is_not_known(newcomer):
    holder = newcomer.holder()
    holder.protection.send_certificate = False
    assert holder.enrol(peer.new_key(), kind="cr").refusal == ("error", "rejection", ["signerNotTrusted"])


def test_a_sender_who_is_not_the_signer_is_refused(newcomer):
    holder = newcomer.holder()
    said = holder.ask("cr", (peer.cert_req(peer.new_key()),), sender=directory_name(NOBODY.der))
    assert said.refusal == ("error", "rejection", ["badMessageCheck"])


def test_a_revoked_signer_is_refused(newcomer):
    holder = newcomer.holder()
    newcomer.revoke(holder.serial)
    assert holder.enrol(peer.new_key(), kind="cr").refusal == ("error", "rejection", ["certRevoked"])


def test_a_signer_out_of_validity_is_refused(newcomer, clock):
    holder = newcomer.holder()
    clock.advance(366 * 86400)
    assert holder.enrol(peer.new_key(), kind="cr").refusal == ("error", "rejection", ["signerNotTrusted"])


def test_a_secret_does_not_sign_an_update(newcomer):
    said = newcomer.enrol(peer.new_key(), kind="kur")
    assert said.refusal == ("kup", "rejection", ["wrongIntegrity"])


def test_an_update_names_the_certificate_that_signs_it(lab, newcomer):
    holder = newcomer.holder()
    for issuer, serial in ((lab.ca_name, holder.serial + 1), (NOBODY, holder.serial)):
        value = encode(CertId(issuer=directory_name(issuer.der), serial_number=serial))
        controls = (Control(type=OLD_CERT_ID, value=value),)
        said = holder.enrol(peer.new_key(), kind="kur", controls=controls)
        assert said.refusal == ("kup", "rejection", ["badCertId"])


def test_an_update_keeps_the_subject(newcomer):
    key = peer.new_key()
    said = newcomer.holder().enrol(key, peer.template(key, "CN=another"), kind="kur")
    assert said.refusal == ("kup", "rejection", ["badCertTemplate"])


def proofs(key):
    request = peer.cert_req(key).cert_req
    other = peer.new_key()
    return {
        "none": None,
        "raVerified": Chosen("raVerified", None),
        "by another key": Chosen(
            "signature",
            POPOSigningKey(algorithm=peer.ECDSA_SHA256, signature=peer.signature(other, encode(request))),
        ),
        "over something else": Chosen(
            "signature", POPOSigningKey(algorithm=peer.ECDSA_SHA256, signature=peer.signature(key, b"something"))
        ),
        "garbage": Chosen("signature", POPOSigningKey(algorithm=peer.ECDSA_SHA256, signature=b"x")),
        "by a challenge": Chosen("keyAgreement", b"\x81\x01\x01"),
        "opening what cannot be encrypted": Chosen("keyEncipherment", b"\x82\x02\x00\x00"),
    }


@pytest.mark.parametrize(
    "proof",
    [
        "none",
        "raVerified",
        "by another key",
        "over something else",
        "garbage",
        "by a challenge",
        "opening what cannot be encrypted",
    ],
)
def test_proofs_of_possession_that_are_refused(ask, proof):
    key = peer.new_key()
    said = ask(peer.cert_req(key, popo=proofs(key)[proof]))
    assert said.refusal == ("ip", "rejection", ["badPOP"])


def poposk_input(key, auth_info, public_key=None, signer=None):
    data = POPOSigningKeyInput(auth_info=auth_info, public_key=public_key or peer.spki(key))
    signed = peer.signature(signer or key, encode(data))
    proof = POPOSigningKey(poposk_input=data, algorithm=peer.ECDSA_SHA256, signature=signed)
    return peer.cert_req(key, popo=Chosen("signature", proof))


def public_key_mac(secret, key, oid=PASSWORD_BASED_MAC):
    parameters = peer.pbm_parameters()
    algorithm = AlgorithmIdentifier(algorithm=oid, parameters=parameters)
    return tlv(0x30, encode(algorithm) + tlv(0x03, b"\x00" + peer.pbm(secret, parameters, peer.spki(key))))


def test_poposk_input_that_is_refused(ask, newcomer):
    key, secret = peer.new_key(), newcomer.protection.secret
    sender = tlv(0xA0, newcomer.protection.header["sender"])
    for request in (
        poposk_input(key, tlv(0xA0, directory_name(NOBODY.der))),
        poposk_input(key, sender, public_key=peer.spki(peer.new_key())),
        poposk_input(key, sender, signer=peer.new_key()),
        poposk_input(key, public_key_mac(b"wrong", key)),
        poposk_input(key, public_key_mac(secret, peer.new_key())),
        poposk_input(key, public_key_mac(secret, key, oid="1.2.3")),
    ):
        assert ask(request).refusal == ("ip", "rejection", ["badPOP"])


def test_a_public_key_mac_needs_a_secret(newcomer):
    key, holder = peer.new_key(), newcomer.holder()
    request = poposk_input(key, public_key_mac(newcomer.protection.secret, key))
    assert holder.begin().ask("cr", (request,)).refusal == ("cp", "rejection", ["badPOP"])


def test_a_small_rsa_key_is_refused(ask):
    numbers = rsa.RSAPublicNumbers(65537, (1 << 767) + 0x1B3).public_key

    def small():
        try:
            return numbers()
        except ValueError:
            pytest.skip("this cryptography makes no RSA key so small")

    public = small()

    class Key:
        def public_key(self):
            return public

    assert ask(peer.cert_req(Key(), signer=peer.new_key())).refusal == ("ip", "rejection", ["badAlg"])


def test_a_public_key_that_is_none_is_refused(ask):
    key = peer.new_key()
    for octets in (b"\x30\x00", tlv(0x30, b"\x30\x03\x06\x01\x2a\x03\x02\x00\x01")):
        wanted = replace(peer.template(key), public_key=octets)
        assert ask(peer.cert_req(key, wanted)).refusal == ("ip", "rejection", ["badAlg"])


@pytest.mark.parametrize(
    ("change", "fail_info"),
    [
        ({"public_key": None}, "badPOP"),
        ({"subject": None}, "badCertTemplate"),
        ({"subject": b"\x30\x00"}, "badCertTemplate"),
        ({"subject": b"\x30\x03\x02\x01\x01"}, "badCertTemplate"),
        ({"serial_number": 7}, "badCertTemplate"),
        ({"issuer_uid": b"\x01"}, "badCertTemplate"),
        ({"subject_uid": b"\x01"}, "badCertTemplate"),
        ({"issuer": NOBODY.der}, "wrongAuthority"),
        ({"validity": b"\x30\x03\x02\x01\x01"}, "badCertTemplate"),
    ],
)
def test_templates_that_are_refused(ask, change, fail_info):
    key = peer.new_key()
    wanted = replace(peer.template(key), **change)
    assert ask(peer.cert_req(key, wanted)).refusal == ("ip", "rejection", [fail_info])


@pytest.mark.parametrize("option", [tlv(0x82, b"\xff"), tlv(0x81, b"parameters")])
def test_options_of_an_archive_that_make_no_sense_here_are_refused(ask, option):
    controls = (Control(type="1.3.6.1.5.5.7.5.1.4", value=option),)
    assert ask(peer.cert_req(peer.new_key(), controls=controls)).refusal == ("ip", "rejection", ["badRequest"])


def test_requests_that_cannot_be_told_apart_are_refused(newcomer):
    two = tuple(peer.cert_req(peer.new_key(), cert_req_id=7) for _ in range(2))
    for requests in ((), two):
        assert newcomer.begin().ask("ir", requests).refusal == ("error", "rejection", ["badRequest"])


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("certConf", (CertStatus(cert_hash=bytes(32), cert_req_id=0),)),
        ("certConf", ()),
        ("pollReq", (PollReq(cert_req_id=0),)),
        ("krr", ()),
        ("ccr", ()),
        ("pkiconf", None),
        ("nested", b"\x30\x00"),
        ("popdecr", b"\x30\x00"),
        ("genp", ()),
    ],
)
def test_bodies_that_nobody_asked_for(newcomer, kind, content):
    assert newcomer.ask(kind, content).refusal == ("error", "rejection", ["badRequest"])


def test_a_name_that_the_rules_reject(ruled):
    newcomer = ruled(reject_names=("bad", "worse"))
    key = peer.new_key()
    said = newcomer.enrol(key, peer.template(key, "C=FI, CN=a worse one"))
    assert said.refusal == ("ip", "rejection", ["notAuthorized"])
    assert newcomer.enrol(key).status == "accepted"


def version_99(header: bytes) -> bytes:
    return header.replace(b"\x02\x01\x02", b"\x02\x01\x63", 1)


def no_version(header: bytes) -> bytes:
    return header.replace(b"\x02\x01\x02", b"\x04\x01\x02", 1)


@pytest.mark.parametrize(("change", "marked"), [(bytes, True), (version_99, True), (no_version, False)])
def test_what_does_not_decode_is_answered_as_far_as_it_does(lab, newcomer, change, marked):
    good = newcomer.message("ir", (peer.cert_req(peer.new_key()),))
    header, _, *rest = elements(good, *open_sequence(good), 4)
    octets = tlv(0x30, change(header) + b"\xbe\x00" + b"".join(rest))
    said = peer.heard(lab, lab.respond(octets), newcomer.protection)
    assert said.refusal == ("error", "rejection", ["badDataFormat"])
    assert (said.header.transaction_id == newcomer.transaction_id) is marked


@pytest.mark.parametrize("moment", [b"99991231235959-2359", b"00010101000000+2359"])
def test_a_time_beyond_all_calendars_is_an_error_too(lab, newcomer, moment):
    now = datetime(2026, 3, 1, tzinfo=UTC)
    good = newcomer.message("ir", (peer.cert_req(peer.new_key()),), message_time=now)
    header, *rest = elements(good, *open_sequence(good), 4)
    start, _ = open_sequence(header)
    encoded = Explicit(0, GENERALIZED_TIME).encode(now)
    assert encoded in header
    header = tlv(0x30, header[start:].replace(encoded, tlv(0xA0, tlv(0x18, moment))))
    rest.insert(0, header)
    said = peer.heard(lab, lab.respond(tlv(0x30, b"".join(rest))), newcomer.protection)
    assert (said.kind, said.status) == ("error", "rejection")


def test_a_failure_of_the_labs_own_is_an_answer_too(lab, newcomer, monkeypatch):
    def full(line):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(lab._office.ledger, "_append", full)
    said = newcomer.enrol(peer.new_key())
    assert said.refusal == ("error", "rejection", ["systemFailure"])
    assert said.info.status_string == ("the lab failed: OSError",)
    monkeypatch.undo()
    assert newcomer.enrol(peer.new_key(), implicit=True).status == "accepted"
