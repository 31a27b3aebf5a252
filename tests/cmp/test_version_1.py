"""CMP version 1 (RFC 2510): conf in place of certConf, its RevDetails, no polling, no other version."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from support.ambient import CountingEntropy
from support.answering import CA, DEVICE, IMPLICIT, SECRET, Talk, by_secret, by_signature, error, granted, issued, order

from runner.asn1.archive import ENCRYPTED_KEY
from runner.asn1.cmp import FAIL_INFO, CertifiedKeyPair, CertRepMessage, CertResponse, PKIMessage, PKIStatusInfo
from runner.asn1.structures import Chosen, decode, encode
from runner.cmp.dialogue import Done, Offered, Rejected, Tell
from runner.cmp.message import read_message
from runner.cmp.record import from_record, to_record
from runner.cmp.request import REASON_FLAGS, Order
from runner.cmp.transaction import is_told
from runner.cmp.unsealing import opened_again
from runner.errors import BadCertificate, Claimed, Mismatch, ProtocolError
from runner.pki.encrypted_values import open_encrypted_value, seal_encrypted_value
from runner.pki.macs import SharedSecret, verify_mac
from runner.pki.opening import PrivateKeyDecrypter

UNSUPPORTED = FAIL_INFO.index("unsupportedVersion")


def old(**more):
    return Talk(parties=by_secret(CA, pvno=1), **more)


def test_conf_repeats_our_own_nonce_and_theirs():
    talk = old()
    first = talk.request
    assert first.header.pvno == 1
    assert isinstance(talk.offered(), Offered)
    assert isinstance(talk.decides(), Tell)
    conf = talk.request
    assert (conf.header.pvno, conf.body.name) == (1, "pkiconf")
    assert conf.header.transaction_id == first.header.transaction_id
    assert conf.header.sender_nonce == first.header.sender_nonce
    assert conf.header.recip_nonce == talk.dialogue.peer_nonce != b""
    assert is_told(talk.dialogue, talk.parties)


def test_conf_is_protected_by_the_shared_secret():
    talk = old()
    talk.offered()
    talk.decides()
    unverified = read_message(talk.dialogue.request)
    message = unverified.message
    assert verify_mac(SharedSecret(SECRET), message.header.protection_alg, message.protection, unverified.protected)


def test_a_rejected_certificate_is_not_confirmed():
    talk = old()
    talk.offered()
    before = talk.dialogue.request
    assert isinstance(talk.decides(BadCertificate("not ours")), Done)
    assert talk.dialogue.request == before
    assert talk.dialogue.refused == "not ours"


def test_implicit_confirmation_is_neither_asked_for_nor_believed():
    talk = Talk(parties=by_secret(CA, pvno=1, implicit_confirm=True))
    assert talk.request.header.general_info == ()
    talk.offered(general_info=(IMPLICIT,))
    assert isinstance(talk.decides(), Tell)


def test_waiting_cannot_be_polled():
    talk = old()
    with pytest.raises(Mismatch, match="version 1 has no way"):
        talk.hears("ip", granted(None, "waiting"))


def test_an_answer_in_another_version_is_refused():
    with pytest.raises(Mismatch, match="another protocol version"):
        old().offered(pvno=2)
    with pytest.raises(Mismatch, match="another protocol version"):
        Talk(parties=by_secret(CA)).offered(pvno=1)


@pytest.mark.parametrize(("ours", "theirs"), [(2, 1), (3, 2), (1, 2)])
def test_an_error_in_another_version_is_told_with_what_to_set(ours, theirs):
    talk = Talk(parties=by_secret(CA, pvno=ours))
    bits = (UNSUPPORTED,)
    action = talk.hears("error", error(bits=bits), pvno=theirs)
    assert isinstance(action, Rejected)
    assert action.pvno == theirs
    assert talk.dialogue.state.value == "requested"


def test_an_unprotected_error_lowers_no_version():
    talk = Talk(parties=by_secret(CA))
    bits = (UNSUPPORTED,)
    with pytest.raises(Claimed) as raised:
        talk.hears("error", error(bits=bits), by=None, pvno=1)
    assert "if the CA's operator agrees" in raised.value.next_step
    assert "`version: 1`" in raised.value.next_step


def revocation(**more):
    (details,) = Talk(order=order("rr", **more), parties=by_signature(CA, pvno=1), by=CA).request.body.value
    return details


def test_the_reason_is_a_flag_and_the_date_a_field():
    since = datetime(2026, 1, 2, tzinfo=UTC)
    details = revocation(invalid_since=since)
    assert details.revocation_reason == {REASON_FLAGS["superseded"]}
    assert details.bad_since_date == since
    assert details.crl_entry_details == ()


@pytest.mark.parametrize(("reason", "extensions"), [("unspecified", 0), ("removeFromCRL", 1)])
def test_what_is_no_flag(reason, extensions):
    asked = Order("rr", certificate=DEVICE.ours, reason=reason)
    (details,) = Talk(order=asked, parties=by_signature(CA, pvno=1), by=CA).request.body.value
    assert details.revocation_reason == frozenset()
    assert len(details.crl_entry_details) == extensions


KEY = rsa.generate_private_key(65537, 2048)


def encrypted(certificate: bytes, opener):
    value = seal_encrypted_value(certificate, opener.public_key_info, CountingEntropy())
    pair = CertifiedKeyPair(
        cert_or_enc_cert=Chosen("encryptedCert", ENCRYPTED_KEY.encode(Chosen("encryptedValue", value)))
    )
    response = CertResponse(cert_req_id=0, status=PKIStatusInfo(status=0), certified_key_pair=pair)
    return value, CertRepMessage(response=(response,))


def test_conf_is_protected_by_the_key_that_opened_the_certificate():
    opener = PrivateKeyDecrypter(KEY)
    asked = order(public_key_info=opener.public_key_info, proof="encryption")
    talk = Talk(order=asked, parties=by_secret(CA, pvno=1, opener=opener))
    value, content = encrypted(issued(subject_public_key_info=opener.public_key_info), opener)
    assert isinstance(talk.hears("ip", content), Offered)
    key = open_encrypted_value(value, opener).key
    assert talk.dialogue.symmetric_key == key
    assert from_record(to_record(talk.dialogue)).symmetric_key == b""
    assert isinstance(talk.decides(), Tell)
    unverified = read_message(talk.dialogue.request)
    algorithm, bits = unverified.message.header.protection_alg, unverified.message.protection
    assert verify_mac(SharedSecret(key), algorithm, bits, unverified.protected)
    assert not verify_mac(SharedSecret(SECRET), algorithm, bits, unverified.protected)
    assert talk.dialogue.symmetric_key == b""


def test_the_key_is_found_again_from_what_the_journal_has():
    opener = PrivateKeyDecrypter(KEY)
    asked = order(public_key_info=opener.public_key_info, proof="encryption")
    talk = Talk(order=asked, parties=by_secret(CA, pvno=1, opener=opener))
    value, content = encrypted(issued(subject_public_key_info=opener.public_key_info), opener)
    talk.hears("ip", content)
    key = talk.dialogue.symmetric_key
    found = from_record(to_record(talk.dialogue))
    assert (found.symmetric_key, ENCRYPTED_KEY.decode(found.encrypted).value) == (b"", value)
    assert opened_again(found, talk.parties).symmetric_key == key
    for other in (None, PrivateKeyDecrypter(rsa.generate_private_key(65537, 2048))):
        with pytest.raises(ProtocolError):
            opened_again(found, by_secret(CA, pvno=1, opener=other))
    talk.decides()
    assert talk.dialogue.encrypted == b""


def test_an_old_message_is_what_openssl_reads(openssl):
    talk = old()
    talk.offered()
    talk.decides()
    said = subprocess.run(
        [openssl, "asn1parse", "-inform", "DER"], input=talk.dialogue.request, capture_output=True, check=True
    ).stdout.decode()
    assert "cont [ 19 ]" in said
    assert decode(PKIMessage, encode(talk.request)) == talk.request
