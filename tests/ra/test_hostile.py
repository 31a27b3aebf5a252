"""What strangers try with an RA: a test for each attack that concerns one (RFC 9810 §8, RFC 9483 §6)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from support.requester import (
    IMPLICIT,
    Requester,
    Secret,
    Signature,
    cert_req,
    new_key,
    newcomer_to,
    pbm_parameters,
    spki,
    template,
)

from runner.asn1.algorithms import PASSWORD_BASED_MAC, AlgorithmIdentifier
from runner.asn1.archive import POPO_PRIV_KEY
from runner.asn1.cmp import FAIL_INFO, PKIMessage
from runner.asn1.crmf import CertTemplate
from runner.asn1.der import tlv
from runner.asn1.structures import Chosen, decode, encode
from runner.cmp.protection import MacProtection
from runner.errors import ProtocolError
from runner.lab.rules import LabRules
from runner.pki.certificates import parse_certificate
from runner.pki.decryption_proofs import prove_by_decryption
from runner.pki.extensions import BASIC_CONSTRAINTS, EXTENDED_KEY_USAGES, Extension, extended_key_usage, key_usage
from runner.pki.keyspecs import parse_key_spec
from runner.pki.macs import SharedSecret
from runner.pki.name_patterns import parse_pattern
from runner.pki.names import directory_name, parse_name
from runner.ra.rules import KeyRules, Rules

CA_TRUE = Extension(extn_id=BASIC_CONSTRAINTS, critical=True, extn_value=b"\x30\x03\x01\x01\xff")


def message(octets) -> PKIMessage:
    return decode(PKIMessage, octets)


def refused(house, octets) -> str:
    """The failInfo with which the RA, and not the CA, answers."""
    answer = message(house.respond(octets))
    assert not house.upstream
    info = answer.body.value.pki_status_info if answer.body.name == "error" else answer.body.value.response[0].status
    (bit,) = info.fail_info
    return FAIL_INFO[bit]


# 1 and 28: what nobody protected is nobody's


def test_an_unprotected_request_is_refused(house):
    bare = message(house.device().message("ir", (cert_req(new_key()),)))
    header = replace(bare.header, protection_alg=None)
    assert refused(house, encode(PKIMessage(header=header, body=bare.body))) == "badMessageCheck"
    assert refused(house, encode(replace(bare, protection=None))) == "badMessageCheck"


def test_an_unprotected_error_of_the_ca_reaches_nobody(house):
    device = house.device()
    octets = device.message("ir", (cert_req(new_key()),))
    lie = house.lab.respond(b"\x30\x00")
    stripped = replace(message(lie), protection=None)
    house.ca = lambda _: encode(replace(stripped, header=replace(stripped.header, protection_alg=None)))
    with pytest.raises(ProtocolError):
        house.respond(octets)
    assert not house.relayed[device.transaction_id].answer


# 3: transactions are not mixed


def test_an_answer_of_another_transaction_is_not_given(house):
    device, other = house.device(), house.device()
    device.enrol(new_key())
    spare = house.downstream[-1]
    house.ca = lambda _: spare
    with pytest.raises(ProtocolError):
        other.enrol(new_key())


@pytest.mark.parametrize("marks", [{"transaction_id": None}, {"transaction_id": b"x" * 65}])
def test_a_transaction_id_is_needed(house, marks):
    assert refused(house, house.device().message("ir", (cert_req(new_key()),), **marks)) == "badRequest"


@pytest.mark.parametrize("nonce", [None, b"short", b"x" * 65])
def test_a_nonce_is_needed(house, nonce):
    assert refused(house, house.device().message("ir", (cert_req(new_key()),), sender_nonce=nonce)) == "badSenderNonce"


def test_a_version_that_we_do_not_speak_is_refused(house):
    assert refused(house, house.device().message("ir", (cert_req(new_key()),), pvno=1)) == "unsupportedVersion"


# 4: nothing but end entities' certificates


@pytest.mark.parametrize(
    "extension",
    [
        CA_TRUE,
        key_usage(("keyCertSign",)),
        key_usage(("digitalSignature", "cRLSign")),
        extended_key_usage((EXTENDED_KEY_USAGES["cmcRA"],)),
        extended_key_usage((EXTENDED_KEY_USAGES["cmcCA"],)),
        extended_key_usage((EXTENDED_KEY_USAGES["cmKGA"],)),
        extended_key_usage((EXTENDED_KEY_USAGES["anyExtendedKeyUsage"],)),
    ],
)
def test_power_is_not_certified(house, extension):
    key = new_key()
    octets = house.device().message("ir", (cert_req(key, template(key, extensions=(extension,))),))
    assert refused(house, octets) == "unacceptedExtension"


@pytest.mark.parametrize(
    ("rules", "fail_info"),
    [
        (Rules(names=(parse_pattern("CN=line-*"),)), "notAuthorized"),
        (Rules(keys=KeyRules(kinds=(parse_key_spec("rsa:3072"),))), "badAlg"),
        (Rules(keys=KeyRules(kinds=(parse_key_spec("ec:p384"),))), "badAlg"),
        (Rules(usages=("keyAgreement",)), "unacceptedExtension"),
    ],
)
def test_what_the_rules_do_not_approve_is_refused(house, rules, fail_info):
    house.set(rules=rules)
    key = new_key()
    wanted = template(key, extensions=(key_usage(("digitalSignature",)),))
    assert refused(house, house.device().message("ir", (cert_req(key, wanted),))) == fail_info


@pytest.mark.parametrize(
    "rules",
    [
        Rules(names=(parse_pattern("C=FI, O=Plant, CN=web-*"),)),
        Rules(keys=KeyRules(kinds=(parse_key_spec("ec:p256"),))),
        Rules(usages=("digitalSignature",)),
    ],
)
def test_what_they_approve_passes(house, rules):
    house.set(rules=rules)
    key = new_key()
    wanted = template(key, extensions=(key_usage(("digitalSignature",)),))
    assert house.device().enrol(key, wanted).status == "accepted"


def test_a_request_without_a_name_or_with_an_extension_twice_is_refused(house):
    key = new_key()
    twice = (key_usage(("digitalSignature",)),) * 2
    assert refused(house, house.device().message("ir", (cert_req(key, template(key, None)),))) == "badCertTemplate"
    octets = house.device().message("ir", (cert_req(key, template(key, extensions=twice)),))
    assert refused(house, octets) == "badDataFormat"


# 6, 17: whose word counts, and for what


def test_a_reference_that_nobody_has_gets_the_words_of_a_wrong_mac(house):
    unknown = Requester(house, Secret(b"nobody", b"device secret"))
    wrong = Requester(house, Secret(b"dev", b"another secret"))
    for requester in (unknown, wrong):
        assert refused(house, requester.message("ir", (cert_req(new_key()),))) == "badMessageCheck"
    assert house.refused[0] == house.refused[1]


def test_a_certificate_of_another_pki_is_nobodys(house):
    key = new_key()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stranger")])
    now = house.clock.now()
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, now, now.replace(year=now.year + 1))
    stranger = Requester(house, Signature(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER), key))
    assert refused(house, stranger.message("ir", (cert_req(new_key()),))) == "signerNotTrusted"


def test_a_sender_that_is_not_the_signer_is_refused(house):
    holder = house.signer(newcomer_to(house.lab).holder("CN=holder"))
    somebody = directory_name(parse_name("CN=somebody").der)
    assert refused(house, holder.message("cr", (cert_req(new_key()),), sender=somebody)) == "badMessageCheck"


def test_signed_requests_are_not_taken_without_anchors(house):
    house.set(trust=replace(house.office.policy.trust, anchors=()))
    holder = house.signer(newcomer_to(house.lab).holder("CN=holder"))
    assert refused(house, holder.message("cr", (cert_req(new_key()),))) == "signerNotTrusted"


def test_the_bytes_of_a_certificate_are_no_secret(house):
    public = parse_certificate(house.lab.ca_certificate)
    guess = Requester(house, Secret(b"ca", public.der))
    assert refused(house, guess.message("ir", (cert_req(new_key()),))) == "badMessageCheck"


def test_a_device_cannot_say_ra_verified(house):
    holder = house.signer(newcomer_to(house.lab).holder("CN=holder"))
    for requester in (house.device(), holder):
        octets = requester.message("ir", (cert_req(new_key(), popo=Chosen("raVerified", None)),))
        assert refused(house, octets) == "badPOP"


@pytest.mark.parametrize("popo", [None, "other key"])
def test_possession_is_proved(house, popo):
    key = new_key()
    wanted = cert_req(key, signer=new_key()) if popo else cert_req(key, popo=None)
    assert refused(house, house.device().message("ir", (wanted,))) == "badPOP"


def test_nobody_but_an_ra_nests(house):
    device = house.device()
    inner = device.message("ir", (cert_req(new_key()),))
    assert refused(house, device.message("nested", tlv(0x30, inner))) == "notAuthorized"


# 7: work is bounded before it is done


def test_hashing_is_bounded(house):
    greedy = Requester(house, Secret(b"dev", b"device secret", pbm_parameters()))
    greedy.protection.protect = lambda _: b"x" * 32
    greedy.protection.parameters = pbm_parameters(count=2_000_000_000)
    assert refused(house, greedy.message("ir", (cert_req(new_key()),))) == "badAlg"


# 8: bombs (the readers: test_reading.py)


@pytest.mark.parametrize("octets", [b"", b"\x30" * 5000, b"\x00" * 300_000, tlv(0x30, b"\xa0" * 4000)])
def test_bombs_get_an_error(house, octets):
    assert refused(house, octets) == "badDataFormat"


def test_many_extra_certificates_are_refused(house):
    device = house.device()
    device.protection.extra_certs = (house.lab.ca_certificate,) * 33
    assert refused(house, device.message("ir", (cert_req(new_key()),))) == "badDataFormat"


# 11: an RA decrypts nothing, so that it is nobody's oracle


def test_what_is_encrypted_passes_or_is_refused_unread(house):
    key = new_key()
    later = cert_req(key, popo=prove_by_decryption(spki(key)))
    device = house.device()
    device.ask("ir", (later,))
    assert message(house.upstream[0]).body == message(device.sent).body
    house.upstream.clear()
    sealed = Chosen("keyEncipherment", POPO_PRIV_KEY.encode(Chosen("thisMessage", b"whatever")))
    assert refused(house, house.device().message("ir", (cert_req(key, popo=sealed),))) == "badPOP"


# 14: nobody makes keys where the manifest does not say so


def test_a_key_made_by_the_ca_is_not_for_everybody(house):
    wanted = cert_req(new_key(), CertTemplate(subject=parse_name("CN=a").der), popo=None)
    assert refused(house, house.device().message("ir", (wanted,), pvno=3)) == "badCertTemplate"


# 16: what we sent is no answer


def test_our_own_message_is_no_answer(house):
    house.ca = lambda octets: octets
    with pytest.raises(ProtocolError):
        house.device().enrol(new_key())


# 18: a MAC is compared whole


@pytest.mark.parametrize("cut", [slice(0, 1), slice(0, 16), slice(0, 0)])
def test_a_cut_mac_is_wrong(house, cut):
    octets = house.device().message("ir", (cert_req(new_key()),), tamper=lambda mac: mac[cut])
    assert refused(house, octets) == "badMessageCheck"


# 19: implicitConfirm is in the protected header


def test_implicit_confirm_cannot_be_added_on_the_way(house):
    device = house.device()
    octets = device.message("ir", (cert_req(new_key()),))
    changed = message(octets)
    changed = replace(changed, header=replace(changed.header, general_info=(IMPLICIT,)))
    assert refused(house, encode(changed)) == "badMessageCheck"


# 2: nothing weaker is taken, and nothing weaker is tried


def test_a_signature_with_sha1_is_refused(house):
    holder = house.signer(newcomer_to(house.lab).holder("CN=holder"))
    key, algorithm = holder.protection.key, AlgorithmIdentifier(algorithm="1.2.840.10045.4.1")
    holder.protection.protect = lambda data: key.sign(data, ec.ECDSA(hashes.SHA1()))  # noqa: S303 - that is the point
    octets = holder.message("ir", (cert_req(new_key()),), protection_alg=algorithm)
    assert refused(house, octets) == "badMessageCheck"


@pytest.mark.parametrize("said", ["unsupportedVersion", "badAlg"])
def test_a_ca_that_wants_less_is_not_given_less(house, said):
    house.lab._office.rules = LabRules(reject_names=("web",), reject_with=said)
    answer = house.device().enrol(new_key())
    assert answer.fail_info == [said]
    assert len(house.upstream) == 1
    assert message(house.upstream[0]).header.pvno == 2


# 15: nobody gets something to guess a secret by who does not know it


def test_a_guess_is_not_answered_by_the_secret(house):
    guess = Requester(house, Secret(b"dev", b"a guess"))
    answer = message(house.respond(guess.message("ir", (cert_req(new_key()),))))
    assert answer.header.protection_alg.algorithm != PASSWORD_BASED_MAC


@pytest.mark.parametrize("who", ["a guess", "nobody", "a holder"])
def test_nobody_gets_a_mac_by_the_secret_between_ra_and_ca(house, who):
    parties = house.office.parties
    secret = MacProtection(b"ra", SharedSecret(b"the ra and the ca"), b"salt" * 4)
    house.office = replace(house.office, parties=replace(parties, protection=secret))
    askers = {
        "a guess": lambda: Requester(house, Secret(b"dev", b"a guess")).message("ir", (cert_req(new_key()),)),
        "nobody": lambda: b"\x30\x80garbage",
        "a holder": lambda: house.signer(newcomer_to(house.lab).holder("CN=holder")).message("certConf", ()),
    }
    answer = message(house.respond(askers[who]()))
    assert answer.body.name == "error"
    assert (answer.header.protection_alg, answer.protection) == (None, None)
