"""Recorded transactions of other implementations: protections as an outsider found them, answers as we take them.

`protection-check.txt` beside the vectors is an independent verdict on each message; VERDICTS repeats it, and a test
compares the two.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import codec

from runner.asn1.algorithms import PASSWORD_BASED_MAC
from runner.asn1.cmp import PKIMessage
from runner.asn1.der import elements, open_sequence
from runner.asn1.structures import decode
from runner.cmp.dialogue import Dialogue, Done, Offered, Parties, State, Wait
from runner.cmp.message import read_message
from runner.cmp.protection import MacProtection, Peer, check_protection
from runner.cmp.request import Order, cert_status
from runner.cmp.transaction import poll, receive
from runner.errors import ProtocolError, Unauthentic
from runner.pki.certificate_hashes import confirmation_hash
from runner.pki.certificates import certificates_in, parse_certificate
from runner.pki.macs import SharedSecret, verify_mac
from runner.pki.names import name_from_der
from runner.pki.profile import Profile
from runner.pki.signing import verify_signature

INSTA = "insta"
VERDICTS = {
    **{
        f"openssl-msgs/{name}.der": f"PBM OK secret={INSTA}"
        for name in [
            "CP_Insta",
            "CR_Insta",
            "CertConf_Insta",
            "GenM_Insta",
            "IP_PBM",
            "IP_empty_subject_Insta",
            "IR_empty_subject_Insta",
            "KUP_Insta",
            "KUR_Insta",
            "P10CR_Insta",
            "PKIConf_Insta",
            "PollRep_Insta",
            "PollReq_Insta",
            "RR_Insta",
        ]
    },
    "openssl-msgs/CR_protected_PBM_1234.der": "PBM OK secret=1234",
    "openssl-msgs/IP_waitingStatus_PBM.der": "PBM OK secret=9pp8-b35i-Xd3Q-udNR",
    "openssl-msgs/Error_Insta.der": "SIG OK by extra[0] CN=Insta Demo CA,O=Insta Demo,C=FI",
    "openssl-msgs/GenP_Insta.der": "SIG OK by extra[1] CN=Insta Demo CA,O=Insta Demo,C=FI",
    "openssl-msgs/IR_protected.der": "SIG OK by server.crt[1] O=openssl_cmp",
    "openssl-msgs/IR_protected_0_extraCerts.der": "SIG OK by insta.cert.pem[8] CN=test1",
    "openssl-msgs/IR_protected_2_extraCerts.der": "SIG OK by extra[1] CN=test1",
    "openssl-msgs/RP_Insta.der": "SIG OK by insta_ca.cert.pem[7] CN=Insta Demo CA,O=Insta Demo,C=FI",
    "openssl-msgs/IR_rmprotection.der": "UNPROTECTED",
    "openssl-msgs/IR_unprotected.der": "UNPROTECTED",
    "pyasn1/rfc9480_V3CertConfMessage.der": "PBM: no secret matched",
    **{
        f"{flow}/{name}.der": f"SIG OK by extra[0] CN={signer}"
        for flow, name, signer in [
            ("CrDelayed", "downstream_CERT_CONFIRM", "EE-CMP-ENDENTITY"),
            ("CrDelayed", "downstream_CERT_REP", "CMPCA-ENDENTITY"),
            ("CrDelayed", "downstream_CERT_REQ", "EE-CMP-ENDENTITY"),
            ("CrDelayed", "downstream_CONFIRM", "Downstream-CMP-ENDENTITY"),
            ("CrDelayed", "downstream_POLL_REP", "Downstream-CMP-ENDENTITY"),
            ("CrDelayed", "downstream_POLL_REQ", "EE-CMP-ENDENTITY"),
            ("CrDelayed", "upstream_CERT_REP", "CMPCA-ENDENTITY"),
            ("CrDelayed", "upstream_CERT_REQ", "Upstream-CMP-ENDENTITY"),
            ("CrWithSignatureProtection", "downstream_CERT_CONFIRM", "EE-CMP-ENDENTITY"),
            ("CrWithSignatureProtection", "downstream_CERT_REP", "CMPCA-ENDENTITY"),
            ("CrWithSignatureProtection", "downstream_CERT_REQ", "EE-CMP-ENDENTITY"),
            ("CrWithSignatureProtection", "downstream_CONFIRM", "CMPCA-ENDENTITY"),
            ("CrWithSignatureProtection", "upstream_CERT_CONFIRM", "Upstream-CMP-ENDENTITY"),
            ("CrWithSignatureProtection", "upstream_CERT_REP", "CMPCA-ENDENTITY"),
            ("CrWithSignatureProtection", "upstream_CERT_REQ", "Upstream-CMP-ENDENTITY"),
            ("CrWithSignatureProtection", "upstream_CONFIRM", "CMPCA-ENDENTITY"),
        ]
    },
}
UNPARSED = {"openssl-msgs/pkcs10.der"}


def recorded(vectors, name: str) -> bytes:
    folder = "" if name.split("/", maxsplit=1)[0] in ("openssl-msgs", "pyasn1") else "siemens-messageflows/"
    return (vectors / f"{folder}{name}").read_bytes()


def of(verdict: str) -> list[str]:
    return [name for name, told in VERDICTS.items() if told.startswith(verdict)]


def test_the_verdicts_are_those_of_the_outsider(vectors):
    told = dict(line.split(" :: ") for line in (vectors / "protection-check.txt").read_text().splitlines())
    folders = (vectors, vectors / "siemens-messageflows")
    here = {name for name in told if any((folder / name).exists() for folder in folders)}
    assert {name: told[name].strip() for name in here - UNPARSED} == VERDICTS
    assert all(told[name].startswith("unparsed") for name in UNPARSED)


@pytest.mark.parametrize("name", of("PBM OK"))
def test_macs(vectors, name):
    message = read_message(recorded(vectors, name))
    algorithm, bits = message.message.header.protection_alg, message.message.protection
    secret = VERDICTS[name].partition("secret=")[2].encode()
    assert algorithm.algorithm == PASSWORD_BASED_MAC
    assert verify_mac(SharedSecret(secret), algorithm, bits, message.protected)
    assert not verify_mac(SharedSecret(secret + b"."), algorithm, bits, message.protected)
    assert not verify_mac(SharedSecret(secret), algorithm, bits, message.protected + b"\x00")


@pytest.mark.parametrize("name", of("SIG OK"))
def test_signatures(vectors, name):
    message = read_message(recorded(vectors, name))
    algorithm, bits = message.message.header.protection_alg, message.message.protection
    signer, others = signer_and_others(vectors, name, message.message)
    assert verify_signature(signer.public_key_info, algorithm, bits, message.protected)
    assert not verify_signature(signer.public_key_info, algorithm, bits, message.protected + b"\x00")
    assert not any(verify_signature(o.public_key_info, algorithm, bits, message.protected) for o in others)


def signer_and_others(vectors, name, message):
    """The certificate that the outsider found, by its place and name, and those beside it."""
    place, _, subject = VERDICTS[name].removeprefix("SIG OK by ").partition(" ")
    file, _, number = place.rstrip("]").partition("[")
    along = [parse_certificate(der) for der in message.extra_certs]
    if file == "extra":
        signer = along.pop(int(number))
    else:
        (signer,) = certificates_in((vectors / "openssl-vfy" / file).read_bytes())
    assert str(signer.subject) == ", ".join(reversed(subject.split(",")))
    return signer, along


@pytest.mark.parametrize("name", of("UNPROTECTED"))
def test_messages_that_nobody_protected(vectors, name):
    message = read_message(recorded(vectors, name))
    with pytest.raises(Unauthentic, match="not protected"):
        check_protection(message, Peer(SharedSecret(b"insta")), (), message.message.header.message_time)


def test_a_mac_by_a_secret_that_nobody_knows(vectors):
    message = read_message(recorded(vectors, "pyasn1/rfc9480_V3CertConfMessage.der"))
    assert (message.message.header.pvno, message.message.body.name) == (3, "certConf")
    header = message.message.header
    assert not verify_mac(SharedSecret(b"insta"), header.protection_alg, message.message.protection, message.protected)


def test_signed_answers_of_insta_bear_a_key_usage_that_forbids_it(vectors):
    """Its CA certificate lacks digitalSignature: refused, and said so."""
    anchors = certificates_in((vectors / "openssl-vfy" / "insta_ca.cert.pem").read_bytes())
    for name in ("openssl-msgs/Error_Insta.der", "openssl-msgs/RP_Insta.der"):
        message = read_message(recorded(vectors, name))
        with pytest.raises(Unauthentic) as refused:
            check_protection(message, Peer(None, anchors), (), anchors[0].not_before + timedelta(days=1))
        assert refused.value.why == "its keyUsage lacks digitalSignature"


# The cr of OpenSSL to Insta, taken part in again.


def message_of(vectors, name: str) -> PKIMessage:
    return decode(PKIMessage, recorded(vectors, name))


def order_of(request: PKIMessage) -> Order:
    """What a recorded request asked for."""
    template = request.body.value[0].cert_req.cert_template
    return Order(request.body.name, Profile(name_from_der(template.subject or b"\x30\x00")), template.public_key)


def parties_of(secret: str, *anchors) -> Parties:
    protection = MacProtection(b"3078", SharedSecret(secret.encode()), b"salt of the test")
    return Parties(protection, Peer(protection.secret, tuple(anchors)))


def dialogue_of(request: PKIMessage, state: State, octets: bytes, **more) -> Dialogue:
    header = request.header
    fields = {"nonce": header.sender_nonce, "delayed_nonce": header.sender_nonce} | more
    return Dialogue(fields.pop("kind", request.body.name), state, header.transaction_id, octets, **fields)


@pytest.fixture
def insta(vectors):
    """(dialogue, answer, order, parties, now) of the recorded cr, and of its certConf."""
    names = [f"openssl-msgs/{name}_Insta.der" for name in ("CR", "CP", "CertConf", "PKIConf")]
    request, answer, confirmation, _ = (message_of(vectors, name) for name in names)
    octets = [recorded(vectors, name) for name in names]
    now = answer.header.message_time
    asked = dialogue_of(request, State.REQUESTED, octets[0])
    certificate = answer.body.value.response[0].certified_key_pair.cert_or_enc_cert.value
    confirming = dialogue_of(
        confirmation, State.CONFIRMING, octets[2], kind="cr", certificate=certificate, granted="accepted"
    )
    more = (order_of(request), parties_of(INSTA), now)
    return (asked, octets[1], *more), (confirming, octets[3], *more)


def test_the_recorded_nonces_chain(vectors):
    request, answer, confirmation, confirmed = (
        message_of(vectors, f"openssl-msgs/{name}_Insta.der").header for name in ("CR", "CP", "CertConf", "PKIConf")
    )
    assert request.recip_nonce is None
    for earlier, next_one in ((request, answer), (answer, confirmation), (confirmation, confirmed)):
        assert next_one.recip_nonce == earlier.sender_nonce
        assert next_one.transaction_id == earlier.transaction_id
    assert request.transaction_id.hex().startswith("7348bbd1")


def test_the_recorded_cert_hash_is_the_one_that_we_would_send(vectors):
    pair = message_of(vectors, "openssl-msgs/CP_Insta.der").body.value.response[0].certified_key_pair
    certificate = parse_certificate(pair.cert_or_enc_cert.value)
    (told,) = message_of(vectors, "openssl-msgs/CertConf_Insta.der").body.value
    assert told.cert_hash == hashlib.sha256(certificate.der).digest() == confirmation_hash(certificate)[0]
    assert cert_status(certificate, 0, None, 2).cert_hash == told.cert_hash


def test_the_recorded_answers_are_taken(insta):
    asked, confirming = insta
    dialogue, offered = receive(*asked)
    assert isinstance(offered, Offered)
    assert offered.problem is None
    assert dialogue.peer_nonce == message_header(confirming[0].request).recip_nonce
    _, done = receive(*confirming)
    assert isinstance(done, Done)


def message_header(octets: bytes):
    return decode(PKIMessage, octets).header


def test_the_recorded_root_issued_the_recorded_certificate(insta, vectors):
    """Its certificate comes in extraCerts; the one among the vectors is of another key."""
    (dialogue, answer, order, parties, now), _ = insta
    along = [parse_certificate(der) for der in message_of(vectors, "openssl-msgs/CP_Insta.der").extra_certs]
    moment = max([now, *(c.not_before for c in along)])
    parties = parties_of(INSTA, *along)
    _, offered = receive(dialogue, answer, order, parties, moment)
    assert offered.problem is None
    assert offered.path == (offered.certificate, along[0])


def protected_octets(octets: bytes) -> int:
    """Where header, body and protection end and extraCerts, which nobody protects, begin."""
    start, stop = open_sequence(octets)
    return start + sum(map(len, elements(octets, start, stop, 4)[:3]))


@pytest.mark.parametrize("step", [0, 1], ids=["cp", "pkiconf"])
def test_an_octet_that_is_changed_anywhere_is_noticed(insta, step):
    dialogue, answer, *more = insta[step]
    end = protected_octets(answer)
    for at in range(end):
        spoiled = bytearray(answer)
        spoiled[at] ^= 1 << at % 8
        with pytest.raises(ProtocolError):
            receive(dialogue, bytes(spoiled), *more)


def test_an_octet_that_is_changed_in_extra_certs_breaks_nothing_else(insta):
    dialogue, answer, *more = insta[0]
    begin, taken = protected_octets(answer), 0
    for at in range(begin, len(answer)):
        spoiled = bytearray(answer)
        spoiled[at] ^= 0x10
        try:
            assert receive(dialogue, bytes(spoiled), *more)[1].problem is None
            taken += 1
        except ProtocolError:
            continue
    assert taken > (len(answer) - begin) * 0.9


@settings(max_examples=300)
@given(data=st.data())
def test_a_spoiled_answer_is_refused_and_raises_nothing_else(data, vectors):
    """Cut, doubled, moved: whatever is not the recorded message."""
    name = data.draw(st.sampled_from(["CP", "PKIConf", "Error", "IP_empty_subject", "PollRep"]))
    octets = recorded(vectors, f"openssl-msgs/{name}_Insta.der")
    spoiled = data.draw(codec.spoiled(octets[: protected_octets(octets)]))
    request = message_of(vectors, "openssl-msgs/CR_Insta.der")
    dialogue = dialogue_of(request, data.draw(st.sampled_from(State)), b"")
    with pytest.raises(ProtocolError):
        receive(dialogue, spoiled, order_of(request), parties_of(INSTA), request.header.message_time)


# Waiting and polling, as recorded.


def test_a_recorded_request_that_waits_is_polled_for(vectors, entropy):
    request = message_of(vectors, "openssl-msgs/IR_empty_subject_Insta.der")
    octets = recorded(vectors, "openssl-msgs/IR_empty_subject_Insta.der")
    now = request.header.message_time
    dialogue = dialogue_of(request, State.REQUESTED, octets)
    more = (order_of(request), parties_of(INSTA), now)
    dialogue, action = receive(dialogue, recorded(vectors, "openssl-msgs/IP_empty_subject_Insta.der"), *more)
    assert isinstance(action, Wait)
    poll_request = message_of(vectors, "openssl-msgs/PollReq_Insta.der")
    assert dialogue.peer_nonce == poll_request.header.recip_nonce
    (dialogue,) = poll([dialogue], more[1], now, entropy)
    ours = decode(PKIMessage, dialogue.request)
    assert ours.body == poll_request.body
    polling = dialogue_of(poll_request, State.POLLING, b"", kind="ir", delayed_nonce=request.header.sender_nonce)
    _, action = receive(polling, recorded(vectors, "openssl-msgs/PollRep_Insta.der"), *more)
    assert action.seconds == 60


def test_a_recorded_answer_that_waits_and_brings_ca_pubs(vectors):
    """Nokia NetGuard."""
    octets = recorded(vectors, "openssl-msgs/IP_waitingStatus_PBM.der")
    answer = decode(PKIMessage, octets)
    dialogue = Dialogue("ir", State.REQUESTED, answer.header.transaction_id, b"", answer.header.recip_nonce, b"")
    order = Order("ir", Profile(name_from_der(b"\x30\x00")), b"")
    now = parse_certificate(answer.body.value.ca_pubs[0]).not_before + timedelta(days=1)
    _, action = receive(dialogue, octets, order, parties_of("9pp8-b35i-Xd3Q-udNR"), now)
    assert isinstance(action, Wait)


@pytest.fixture
def siemens(vectors):
    """The delayed cr of a Siemens RA: polled at the RA, answered by the CA, confirmed by the RA."""
    steps = ("CERT_REQ", "POLL_REQ", "CERT_REP", "CERT_CONFIRM", "CONFIRM", "POLL_REP")
    octets = {step: recorded(vectors, f"CrDelayed/downstream_{step}.der") for step in steps}
    messages = {step: decode(PKIMessage, octets[step]) for step in steps}
    tops = [
        parse_certificate(messages[step].extra_certs[n])
        for step, n in (("CERT_REP", 2), ("CONFIRM", 2), ("CERT_REP", 5))
    ]
    protection = MacProtection(b"unused", SharedSecret(b"unused"), b"salt of the test")
    return octets, messages, Parties(protection, Peer(None, tuple(tops)))


def test_a_recorded_answer_to_the_original_request_after_polling(siemens):
    octets, messages, parties = siemens
    now = messages["CERT_REP"].header.message_time
    original = messages["CERT_REQ"].header.sender_nonce
    polling = dialogue_of(messages["POLL_REQ"], State.POLLING, b"", kind="cr", delayed_nonce=original)
    dialogue, offered = receive(polling, octets["CERT_REP"], order_of(messages["CERT_REQ"]), parties, now)
    assert (offered.problem, offered.status.status) == (None, "accepted")
    assert str(offered.path[-1].subject) == "CN=Ca-ENROLLMENT-INTERMEDIATE-1"
    assert messages["CERT_CONFIRM"].header.recip_nonce == dialogue.peer_nonce
    told = messages["CERT_CONFIRM"].body.value[0].cert_hash
    assert told == confirmation_hash(offered.certificate)[0]
    confirming = dialogue_of(
        messages["CERT_CONFIRM"], State.CONFIRMING, b"", kind="cr", certificate=dialogue.certificate, granted="accepted"
    )
    _, done = receive(confirming, octets["CONFIRM"], order_of(messages["CERT_REQ"]), parties, now)
    assert isinstance(done, Done)
