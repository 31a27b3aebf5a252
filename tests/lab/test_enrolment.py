"""What the lab grants: every kind of request, both kinds of protection, and confirmation."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from support import requester as peer
from support.ambient import NOON

from runner.asn1.algorithms import AlgorithmIdentifier, PBMParameter
from runner.asn1.cmp import CertStatus, ErrorMsgContent, InfoTypeAndValue, PKIStatusInfo, RevDetails
from runner.asn1.crmf import OLD_CERT_ID, CertId, CertTemplate, Control, POPOSigningKey, POPOSigningKeyInput
from runner.asn1.der import elements, open_sequence, tlv
from runner.asn1.infotypes import INFO_TYPES
from runner.asn1.structures import Chosen, decode, encode
from runner.asn1.x509 import Extension
from runner.pki.extensions import REASON_CODE, key_usage, subject_alt_name
from runner.pki.names import directory_name, parse_general_name

SAN = subject_alt_name((parse_general_name("dns=web-1.example"),), critical=False)
CA_CERTS, CURRENT_CRL = "1.3.6.1.5.5.7.4.17", "1.3.6.1.5.5.7.4.6"


def state(lab, said) -> str:
    return lab._office.ledger.certificate(said.certificate.serial_number).state.value


def test_an_ir_under_a_secret_is_answered_under_it(lab, newcomer):
    said = newcomer.enrol(peer.new_key())
    assert said.refusal == ("ip", "accepted", [])
    assert said.header.pvno == 2
    assert said.header.message_time == NOON
    assert said.content.ca_pubs == (lab.ca_certificate,)
    assert said.content.response[0].cert_req_id == 0
    assert not said.implicit
    assert state(lab, said) == "unconfirmed"


@pytest.mark.parametrize(
    ("parameters", "owf"),
    [
        ({"count": 1024}, "2.16.840.1.101.3.4.2.1"),
        ({"count": 100, "owf": "1.3.14.3.2.26", "mac": "1.3.6.1.5.5.8.1.2"}, "1.3.14.3.2.26"),
    ],
)
def test_the_answers_mac_has_the_requests_measures_and_a_salt_of_its_own(newcomer, parameters, owf):
    newcomer.protection.parameters = peer.pbm_parameters(**parameters)
    salts = set()
    for _ in range(2):
        said = newcomer.enrol(peer.new_key())
        assert said.status == "accepted"
        told = decode(PBMParameter, said.header.protection_alg.parameters)
        assert (told.iteration_count, told.owf.algorithm) == (parameters["count"], owf)
        salts.add(told.salt)
    assert len(salts) == 1
    assert salts != {b"salt-of-the-test"}


def test_pvno_3_is_answered_by_3(newcomer):
    said = newcomer.ask("ir", (peer.cert_req(peer.new_key()),), pvno=3)
    assert (said.status, said.header.pvno) == ("accepted", 3)


def test_the_request_identifier_comes_back(newcomer):
    said = newcomer.enrol(peer.new_key(), cert_req_id=4711)
    assert said.content.response[0].cert_req_id == 4711
    assert newcomer.confirm(said).kind == "pkiconf"


def test_certconf_confirms(lab, newcomer):
    said = newcomer.enrol(peer.new_key())
    assert newcomer.confirm(said).kind == "pkiconf"
    assert state(lab, said) == "confirmed"


@pytest.mark.parametrize("status", ["accepted", "grantedWithMods"])
def test_certconf_may_say_that_it_accepts(lab, newcomer, status):
    said = newcomer.enrol(peer.new_key())
    assert newcomer.confirm(said, status=status).kind == "pkiconf"
    assert state(lab, said) == "confirmed"


@pytest.mark.parametrize(("oid", "name"), [("2.16.840.1.101.3.4.2.3", "sha512"), ("2.16.840.1.101.3.4.2.1", "sha256")])
def test_certconf_may_choose_its_hash(lab, newcomer, oid, name):
    """In version 3, which alone has hashAlg."""
    said = newcomer.begin().ask("ir", (peer.cert_req(peer.new_key()),), pvno=3)
    algorithm = AlgorithmIdentifier(algorithm=oid)
    value = hashlib.new(name, said.der).digest()
    status = CertStatus(cert_hash=value, cert_req_id=0, hash_alg=algorithm)
    assert newcomer.ask("certConf", (status,)).fail_info == ["badRequest"]
    assert newcomer.ask("certConf", (replace(status, hash_alg=_UNKNOWN),), pvno=3).fail_info == ["badAlg"]
    assert state(lab, said) == "unconfirmed"
    assert newcomer.ask("certConf", (status,), pvno=3).kind == "pkiconf"
    assert state(lab, said) == "confirmed"


_UNKNOWN = AlgorithmIdentifier(algorithm="1.2.3")


@pytest.mark.parametrize(
    ("change", "fail_info"),
    [
        ({"cert_hash": bytes(32)}, "badCertId"),
        ({"cert_hash": b""}, "badCertId"),
        ({"status": "waiting"}, "badRequest"),
    ],
)
def test_a_certconf_that_is_wrong_confirms_nothing(lab, newcomer, change, fail_info):
    said = newcomer.enrol(peer.new_key())
    assert newcomer.confirm(said, **change).refusal == ("error", "rejection", [fail_info])
    assert state(lab, said) == "unconfirmed"
    assert newcomer.confirm(said).kind == "pkiconf"


def test_a_certconf_about_another_certificate_confirms_nothing(lab, newcomer):
    said = newcomer.enrol(peer.new_key())
    digest = hashlib.sha256(said.der).digest()
    one, other = (CertStatus(cert_hash=digest, cert_req_id=n) for n in (0, 1))
    for content in ((other,), (one, one), (one, other)):
        assert newcomer.ask("certConf", content).refusal == ("error", "rejection", ["badRequest"])
    assert state(lab, said) == "unconfirmed"


def test_a_rejected_certificate_is_revoked(lab, newcomer):
    for reject in (lambda said: newcomer.confirm(said, status="rejection"), lambda _: newcomer.ask("certConf", ())):
        said = newcomer.enrol(peer.new_key())
        assert reject(said).kind == "pkiconf"
        assert state(lab, said) == "revoked"
        revoked = x509.load_der_x509_crl(lab.crl)
        assert revoked.get_revoked_certificate_by_serial_number(said.certificate.serial_number) is not None


def test_an_error_from_the_requester_revokes_what_is_unconfirmed(lab, newcomer):
    said = newcomer.enrol(peer.new_key())
    content = ErrorMsgContent(pki_status_info=PKIStatusInfo(status=2))
    assert newcomer.ask("error", content).kind == "pkiconf"
    assert state(lab, said) == "revoked"
    assert newcomer.begin().ask("error", content).kind == "pkiconf"


def test_an_error_about_what_is_confirmed_changes_nothing(lab, newcomer):
    said = newcomer.enrol(peer.new_key(), implicit=True)
    newcomer.ask("error", ErrorMsgContent(pki_status_info=PKIStatusInfo(status=2)))
    assert state(lab, said) == "confirmed"


def test_implicit_confirmation_is_granted_when_asked_for(lab, newcomer):
    said = newcomer.enrol(peer.new_key(), implicit=True)
    assert said.implicit
    assert state(lab, said) == "confirmed"
    assert newcomer.confirm(said).refusal == ("error", "rejection", ["certConfirmed"])


def test_implicit_confirmation_is_a_matter_of_rules(ruled):
    newcomer = ruled(implicit_confirm=False)
    said = newcomer.enrol(peer.new_key(), implicit=True)
    assert not said.implicit
    assert newcomer.confirm(said).kind == "pkiconf"


def test_days_are_a_matter_of_rules(ruled):
    made = ruled(validity_days=7).enrol(peer.new_key()).certificate
    assert (made.not_valid_after_utc - made.not_valid_before_utc).days == 7


def test_a_cr_is_signed_by_a_certificate_from_here(lab, newcomer):
    holder, key = newcomer.holder(), peer.new_key()
    said = holder.enrol(key, peer.template(key, "C=FI, CN=second"), kind="cr")
    assert said.refusal == ("cp", "accepted", [])
    assert said.message.extra_certs == (lab.ca_certificate,)
    assert said.content.ca_pubs == ()
    ski = x509.SubjectKeyIdentifier.from_public_key(x509.load_der_x509_certificate(lab.ca_certificate).public_key())
    assert said.header.sender_kid == ski.digest
    assert holder.confirm(said).kind == "pkiconf"


def test_a_cr_may_be_protected_by_the_secret(newcomer):
    said = newcomer.enrol(peer.new_key(), kind="cr")
    assert said.refusal == ("cp", "accepted", [])
    assert said.content.ca_pubs == ()


def test_an_ir_may_be_signed(newcomer):
    said = newcomer.holder().enrol(peer.new_key())
    assert said.refusal == ("ip", "accepted", [])
    assert said.content.ca_pubs == ()


def test_an_unconfirmed_certificate_signs_nothing_yet(lab, newcomer):
    key = peer.new_key()
    said = newcomer.enrol(key)
    holder = peer.Requester(lab, peer.Signature(said.der, key))
    assert holder.enrol(peer.new_key(), kind="cr").refusal == ("error", "rejection", ["signerNotTrusted"])
    newcomer.confirm(said)
    assert holder.enrol(peer.new_key(), kind="cr").status == "accepted"


def test_the_signers_certificate_may_stand_anywhere_in_extra_certs(lab, newcomer):
    holder, other = newcomer.holder(), newcomer.holder()
    first, second = holder.protection.certificate, other.protection.certificate

    class Both(peer.Signature):
        extra_certs = (b"\x30\x03\x02\x01\x00", lab.ca_certificate, second, first)

    both = peer.Requester(lab, Both(first, holder.protection.key))
    assert both.enrol(peer.new_key(), kind="cr").status == "accepted"


def test_certconf_may_leave_out_the_certificate_that_the_request_had(newcomer):
    holder = newcomer.holder()
    said = holder.enrol(peer.new_key(), kind="cr")
    holder.protection.send_certificate = False
    assert holder.confirm(said).kind == "pkiconf"


def test_an_update(lab, newcomer):
    holder, key = newcomer.holder(), peer.new_key()
    value = encode(CertId(issuer=directory_name(lab.ca_name.der), serial_number=holder.serial))
    said = holder.enrol(key, kind="kur", controls=(Control(type=OLD_CERT_ID, value=value),))
    assert said.refusal == ("kup", "accepted", [])
    assert holder.confirm(said).kind == "pkiconf"
    assert said.certificate.public_key() == key.public_key()


def test_an_update_that_says_nothing_keeps_everything_but_the_key(newcomer):
    usage = key_usage(("digitalSignature",))
    holder, key = newcomer.holder("C=FI, CN=old", extensions=(SAN, usage)), peer.new_key()
    said = holder.enrol(key, peer.template(key, None), kind="kur")
    assert said.refusal == ("kup", "accepted", [])
    old = x509.load_der_x509_certificate(holder.protection.certificate)
    assert said.certificate.subject == old.subject
    for kind in (x509.SubjectAlternativeName, x509.KeyUsage):
        new = said.certificate.extensions.get_extension_for_class(kind)
        assert new == old.extensions.get_extension_for_class(kind)


def pkcs10(key, *, signer=None) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "FI"), x509.NameAttribute(NameOID.COMMON_NAME, "p10")])
    names = x509.SubjectAlternativeName([x509.DNSName("p10.example")])
    request = x509.CertificateSigningRequestBuilder(name).add_extension(names, critical=False)
    octets = request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    if signer is not None:
        tbs, algorithm, _ = elements(octets, *open_sequence(octets), 3)
        octets = tlv(0x30, tbs + algorithm + tlv(0x03, b"\x00" + signer.sign(tbs, ec.ECDSA(hashes.SHA256()))))
    return octets


def test_a_p10cr(newcomer):
    key = peer.new_key()
    said = newcomer.ask("p10cr", pkcs10(key))
    assert said.refusal == ("cp", "accepted", [])
    assert said.content.response[0].cert_req_id == -1
    names = said.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["p10.example"]
    assert said.certificate.subject.rfc4514_string() == "CN=p10,C=FI"
    assert said.certificate.public_key() == key.public_key()
    assert newcomer.confirm(said).kind == "pkiconf"


def test_a_p10cr_that_another_key_signed_is_refused(newcomer):
    said = newcomer.ask("p10cr", pkcs10(peer.new_key(), signer=peer.new_key()))
    assert said.refusal == ("cp", "rejection", ["badPOP"])


@pytest.mark.parametrize("octets", [b"\x30\x00", b"\x30\x03\x02\x01\x00"])
def test_a_p10cr_that_is_no_pkcs10_is_refused(newcomer, octets):
    assert newcomer.ask("p10cr", octets).refusal == ("cp", "rejection", ["badCertTemplate"])


def poposk_request(key, auth_info):
    data = POPOSigningKeyInput(auth_info=auth_info, public_key=peer.spki(key))
    signed = peer.signature(key, encode(data))
    proof = POPOSigningKey(poposk_input=data, algorithm=peer.ECDSA_SHA256, signature=signed)
    return peer.cert_req(key, peer.template(key, None, extensions=(SAN,)), popo=Chosen("signature", proof))


def test_proof_over_poposk_input_with_the_sender(newcomer):
    request = poposk_request(peer.new_key(), tlv(0xA0, newcomer.protection.header["sender"]))
    assert newcomer.ask("ir", (request,)).refusal == ("ip", "accepted", [])


def test_proof_over_poposk_input_with_a_mac_over_the_key(newcomer):
    key, secret = peer.new_key(), newcomer.protection.secret
    mac = peer.pbm(secret, peer.pbm_parameters(), peer.spki(key))
    auth_info = tlv(0x30, encode(newcomer.protection.header["protection_alg"]) + tlv(0x03, b"\x00" + mac))
    assert newcomer.ask("ir", (poposk_request(key, auth_info),)).refusal == ("ip", "accepted", [])


def test_a_template_may_name_the_issuer(lab, newcomer):
    key = peer.new_key()
    for issuer in (lab.ca_name.der, b"\x30\x00"):
        assert newcomer.enrol(key, peer.template(key, issuer=issuer)).status == "accepted"


def test_the_ca_certificates_on_request(lab, newcomer):
    said = newcomer.ask("genm", (InfoTypeAndValue(info_type=CA_CERTS),))
    assert said.kind == "genp"
    (item,) = said.content
    assert (item.info_type, item.info_value) == (CA_CERTS, tlv(0x30, lab.ca_certificate))


def test_the_crl_on_request(newcomer):
    holder = newcomer.holder()
    holder.revoke(holder.serial)
    (item,) = newcomer.begin().ask("genm", (InfoTypeAndValue(info_type=CURRENT_CRL),)).content
    assert [revoked.serial_number for revoked in x509.load_der_x509_crl(item.info_value)] == [holder.serial]


def test_a_question_about_everything_and_one_about_nothing_we_know(newcomer):
    told = {item.info_type for item in newcomer.ask("genm", ()).content}
    assert told > {CA_CERTS, CURRENT_CRL}
    (item,) = newcomer.begin().ask("genm", (InfoTypeAndValue(info_type="1.2.3.4"),)).content
    assert (item.info_type, item.info_value) == (INFO_TYPES["unsupportedOIDs"], bytes.fromhex("300506032a0304"))


def test_a_holder_revokes_its_own_certificate(lab, newcomer):
    holder = newcomer.holder()
    said = holder.revoke(holder.serial, 4)
    assert said.refusal == ("rp", "accepted", [])
    (named,) = said.content.rev_certs
    assert (named.serial_number, named.issuer) == (holder.serial, directory_name(lab.ca_name.der))


def test_a_holder_revokes_nobody_elses(newcomer):
    holder, other = newcomer.holder(), newcomer.holder()
    assert holder.revoke(other.serial).refusal == ("rp", "rejection", ["notAuthorized"])


def test_the_secret_revokes_any_certificate_once(newcomer):
    serial = newcomer.holder().serial
    assert newcomer.revoke(serial).refusal == ("rp", "accepted", [])
    assert newcomer.revoke(serial).refusal == ("rp", "rejection", ["certRevoked"])


def test_a_certificate_that_is_not_ours_is_not_revoked(newcomer):
    serial = newcomer.holder().serial
    elsewhere = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "elsewhere")]).public_bytes()
    for said in (newcomer.revoke(serial + 1), newcomer.revoke(serial, issuer=elsewhere), newcomer.revoke(None)):
        assert said.refusal == ("rp", "rejection", ["badCertId"])
    assert newcomer.revoke(serial, issuer=b"\x30\x02\x05\x00").refusal == ("rp", "rejection", ["badCertId"])


def test_a_reason_that_is_none_revokes_nothing(lab, newcomer):
    serial = newcomer.holder().serial
    named = CertTemplate(issuer=lab.ca_name.der, serial_number=serial)
    junk = RevDetails(cert_details=named, crl_entry_details=(Extension(extn_id=REASON_CODE, extn_value=b"\x04\x00"),))
    assert newcomer.begin().ask("rr", (junk,)).refusal == ("rp", "rejection", ["badDataFormat"])
    assert newcomer.revoke(serial, 7).refusal == ("rp", "rejection", ["unacceptedExtension"])
    assert newcomer.revoke(serial).status == "accepted"


def test_a_certificate_on_hold_is_released_or_revoked(lab, newcomer):
    holder = newcomer.holder()
    assert newcomer.revoke(holder.serial, 8).refusal == ("rp", "rejection", ["badRequest"])
    assert newcomer.revoke(holder.serial, 6).status == "accepted"
    assert holder.enrol(peer.new_key(), kind="cr").fail_info == ["certRevoked"]
    assert newcomer.revoke(holder.serial, 6).fail_info == ["certRevoked"]
    assert newcomer.revoke(holder.serial, 8).status == "accepted"
    assert len(x509.load_der_x509_crl(lab.crl)) == 0
    assert holder.enrol(peer.new_key(), kind="cr").status == "accepted"
    assert newcomer.revoke(holder.serial, 6).status == "accepted"
    assert newcomer.revoke(holder.serial, 1).status == "accepted"
    assert newcomer.revoke(holder.serial, 8).refusal == ("rp", "rejection", ["badRequest"])


def test_a_revoked_certificate_is_not_confirmed(newcomer):
    said = newcomer.enrol(peer.new_key())
    transaction = newcomer.transaction_id
    newcomer.revoke(said.certificate.serial_number)
    newcomer.transaction_id, newcomer.last = transaction, said
    assert newcomer.confirm(said).refusal == ("error", "rejection", ["certRevoked"])


def test_one_certificate_an_rr(newcomer):
    assert newcomer.ask("rr", ()).refusal == ("error", "rejection", ["badRequest"])


def test_no_secret_shows(lab):
    secret = lab.psk.partition(":")[2]
    assert len(secret) == 32
    office = lab._office
    for thing in (lab, office, office.secret, office.storage, office.issuer, office.ledger):
        assert secret not in repr(thing)
