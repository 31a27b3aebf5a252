"""Every check on a received message: one thing wrong, one refusal; a check that is taken away fails a test here.

RFC 9483 §3.5.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ObjectIdentifier
from support.ambient import NOON
from support.answering import (
    CA,
    DEVICE,
    OTHER_CA,
    REFERENCE,
    SECRET,
    Talk,
    basic_constraints_ca,
    by_secret,
    by_signature,
    error,
    granted,
    issued,
    later,
    order,
    revoked,
    say,
    status,
)
from support.hierarchy import CERT_SIGN, SIGN, Holder, authority, entity, issue, root
from support.requester import Secret, pbm_parameters

from runner.asn1.algorithms import AlgorithmIdentifier
from runner.asn1.cmp import PKIMessage
from runner.asn1.structures import decode, encode
from runner.asn1.x509 import Extension, Signed, TBSCertificate
from runner.cmp.dialogue import Done, Offered, Rejected, State, Wait
from runner.errors import Claimed, Malformed, Mismatch, ProtocolError, Unauthentic
from runner.pki.paths import find_path

REFUSED = {
    # what is different about a good ip: the error, and words of it
    "another version": ({"pvno": 3}, Mismatch, "another protocol version"),
    "version 1": ({"pvno": 1}, Mismatch, "another protocol version"),
    "another transaction": ({"transaction_id": b"another transact"}, Mismatch, "another transaction"),
    "no transactionID": ({"transaction_id": None}, Mismatch, "transactionID none"),
    "an empty transactionID": ({"transaction_id": b""}, Mismatch, "another transaction"),
    "no protection": ({"by": None}, Unauthentic, "not protected"),
    "protectionAlg without protection": ({"drop": ["protection"]}, Malformed, "do not come together"),
    "protection without protectionAlg": ({"drop": ["protection_alg"]}, Malformed, "do not come together"),
    "no senderNonce": ({"sender_nonce": None}, Unauthentic, "missing or too short"),
    "a senderNonce of 15 octets": ({"sender_nonce": b"n" * 15}, Unauthentic, "15 octets"),
    "no recipNonce": ({"recip_nonce": None}, Mismatch, "recipNonce"),
    "another recipNonce": ({"recip_nonce": b"some other nonce"}, Mismatch, "recipNonce"),
    "half of our nonce": ({"recip_nonce": b"\xa5" * 8}, Mismatch, "recipNonce"),
    "another secret": ({"by": Secret(REFERENCE, b"guess")}, Unauthentic, "MAC is wrong"),
    "a signature, and nothing to judge it by": ({"by": CA}, Unauthentic, "nothing is configured to judge"),
}


@pytest.mark.parametrize(("change", "kind", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_a_good_answer_with_one_thing_wrong(change, kind, words):
    talk = Talk()
    before = talk.dialogue
    with pytest.raises(ProtocolError) as refused:
        talk.hears("ip", granted(issued()), **change)
    assert type(refused.value) is kind
    assert words in f"{refused.value.what} {refused.value.why}"
    assert talk.dialogue == before, "the dialogue stays as it was"


def test_the_good_answer_itself():
    assert isinstance(Talk().hears("ip", granted(issued())), Offered)


@pytest.mark.parametrize("nonce", [b"n" * 16, b"n" * 64])
def test_nonces_of_sixteen_octets_and_more(nonce):
    assert isinstance(Talk().hears("ip", granted(issued()), sender_nonce=nonce), Offered)


WRONG_BODIES = [
    ("cp", granted(issued())),
    ("kup", granted(issued())),
    ("rp", revoked()),
    ("pkiconf", None),
    ("pollRep", later(5)),
    ("genp", ()),
    ("certConf", ()),
    ("ccp", granted(issued())),
    ("crlann", b"\x30\x00"),
    ("nested", b"\x30\x00"),
]


@pytest.mark.parametrize(("kind", "content"), WRONG_BODIES, ids=[kind for kind, _ in WRONG_BODIES])
def test_another_body_than_the_one_awaited(kind, content):
    with pytest.raises(Mismatch) as refused:
        Talk().hears(kind, content)
    assert (refused.value.what, refused.value.why) == (f"the answer's body is {kind}", "error or ip was expected")


def test_our_own_message_is_no_answer():
    talk = Talk()
    with pytest.raises(Unauthentic, match="senderNonce is our own"):
        talk.gets(talk.dialogue.request)


def test_our_own_nonce_is_no_nonce_of_theirs():
    talk = Talk()
    with pytest.raises(Unauthentic, match="senderNonce is our own"):
        talk.hears("ip", granted(issued()), sender_nonce=talk.dialogue.nonce)


def test_octets_behind_the_message():
    talk = Talk()
    good = say("ip", granted(issued()), request=talk.request)
    with pytest.raises(Malformed, match="behind the end"):
        talk.gets(good + b"\x00")
    assert isinstance(talk.gets(good), Offered)


def test_an_answer_can_be_taken_once():
    """The same octets again, once something else is awaited."""
    talk = Talk()
    good = say("ip", granted(issued()), request=talk.request)
    talk.gets(good)
    with pytest.raises(Mismatch) as refused:
        talk.gets(good)
    assert refused.value.why == "nothing was expected"
    talk.decides()
    with pytest.raises(Mismatch, match="recipNonce"):
        talk.gets(good)


# What nobody vouches for.

CLAIMS = {
    "an error": ("error", error("rejection", "go away", bits=(1, 23), code=7, details=("line 5",))),
    "a rejection": ("ip", granted(None, "rejection", bits=(1, 23))),
}


@pytest.mark.parametrize(("kind", "content"), CLAIMS.values(), ids=CLAIMS.keys())
@pytest.mark.parametrize(
    "change",
    [
        {"by": None},
        {"by": Secret(REFERENCE, b"guess")},
        {"transaction_id": None},
        {"transaction_id": b"another transact"},
        {"recip_nonce": None},
        {"sender_nonce": None},
        {"drop": ["protection"]},
    ],
    ids=str,
)
def test_a_refusal_that_nobody_vouches_for_is_told_and_not_believed(kind, content, change):
    talk = Talk()
    with pytest.raises(Claimed) as told:
        talk.hears(kind, content, **change)
    assert "rejection (badMessageCheck, notAuthorized)" in told.value.what
    assert "nothing proves that the CA does" in told.value.what
    assert told.value.why
    assert told.value.next_step
    assert talk.dialogue.state is State.REQUESTED


def test_the_words_of_a_claim_are_told_whole():
    with pytest.raises(Claimed) as told:
        Talk().hears("error", error("rejection", "go away", code=7, details=("line 5", "")), by=None)
    assert told.value.what.endswith("rejection (badMessageCheck): go away; line 5; errorCode 7")
    assert told.value.why == "the message is not protected"


def test_a_refusal_in_an_rp():
    talk = Talk(order=order("rr"))
    with pytest.raises(Claimed, match=r"rejection \(badCertId\)"):
        talk.hears("rp", revoked("rejection", bits=(4,)), by=None)


@pytest.mark.parametrize("name", ["accepted", "grantedWithMods", "waiting", "revocationWarning"])
def test_good_news_that_nobody_vouches_for_are_no_claim(name):
    with pytest.raises(ProtocolError) as refused:
        Talk().hears("ip", granted(issued(), name), by=None)
    assert type(refused.value) is Unauthentic


def test_a_pkiconf_that_nobody_vouches_for():
    talk = Talk()
    talk.offered()
    talk.decides()
    with pytest.raises(ProtocolError) as refused:
        talk.hears("pkiconf", None, by=None)
    assert type(refused.value) is Unauthentic


def test_an_authentic_error_of_another_version_is_heard():
    """Some servers send errors with their own pvno (RFC 9810 §7); nothing is retried with it."""
    action = Talk().hears("error", error(bits=(22,)), pvno=1)
    assert isinstance(action, Rejected)
    assert action.status.fail_info == ("unsupportedVersion",)


# Who signed it.

PLANT = by_signature(CA)
CMC_RA = x509.ExtendedKeyUsage([ObjectIdentifier("1.3.6.1.5.5.7.3.28")])
CMC_CA = x509.ExtendedKeyUsage([ObjectIdentifier("1.3.6.1.5.5.7.3.27")])
ANY = x509.ExtendedKeyUsage([ObjectIdentifier("2.5.29.37.0")])
SUB_CA = authority("Sub CA", CA, usages=CERT_SIGN | SIGN)
SIGNERS = {
    "the CA itself": (CA, PLANT),
    "a CA below": (SUB_CA, PLANT),
    "an RA by its purpose": (entity("RA", CA, more=((CMC_RA, False),)), PLANT),
    "a CA server by its purpose": (entity("server", CA, more=((CMC_CA, False),)), PLANT),
    "whom the authority is named after": (entity("server", CA), by_signature(CA, name="CN=server")),
    "a certificate that is trusted itself": (DEVICE, by_signature(DEVICE)),
    "nobody's keyUsage": (entity("RA", CA, usages=None, more=((CMC_RA, False),)), PLANT),
}


@pytest.mark.parametrize(("signer", "parties"), SIGNERS.values(), ids=SIGNERS.keys())
def test_who_may_sign(signer, parties):
    talk = Talk(order=order("cr"), parties=parties, by=signer)
    assert isinstance(talk.offered(), Offered)


def signed_in_vain(signer: Holder, parties=PLANT, **more) -> Unauthentic:
    with pytest.raises(Unauthentic) as refused:
        Talk(order=order("cr"), parties=parties, by=signer).offered(**more)
    assert type(refused.value) is Unauthentic
    return refused.value


EXPIRED = entity("RA", CA, valid=(NOON - timedelta(days=2), NOON - timedelta(days=1)), more=((CMC_RA, False),))
STRANGERS = {
    "an end entity of the same PKI": (entity("rogue", CA), "not known to speak for the CA"),
    "an end entity for any purpose": (entity("rogue", CA, more=((ANY, False),)), "not known to speak for the CA"),
    "we ourselves": (DEVICE, "not known to speak for the CA"),
    "another PKI's CA": (OTHER_CA, "no certification path"),
    "another PKI's RA": (entity("RA", OTHER_CA, more=((CMC_RA, False),)), "no certification path"),
    "a CA that made itself": (root("Plant CA", usages=CERT_SIGN | SIGN), "no certification path"),
    "an RA that made itself": (issue("RA", more=((CMC_RA, False),)), "no certification path"),
    "an RA whose time is over": (EXPIRED, "no certification path"),
    "an RA that may not sign": (entity("RA", CA, usages=CERT_SIGN, more=((CMC_RA, False),)), "may not sign messages"),
}


@pytest.mark.parametrize(("signer", "words"), STRANGERS.values(), ids=STRANGERS.keys())
def test_who_may_not_sign(signer, words):
    assert words in signed_in_vain(signer).what


def test_a_certificate_that_nobody_signed_makes_no_signer():
    """id-alg-unsigned (RFC 9925), and an empty signature, in the name of our CA (attack 28)."""
    honest = entity("RA", CA, more=((CMC_RA, False),))
    whole = decode(Signed, honest.der)
    unsigned = AlgorithmIdentifier(algorithm="1.3.6.1.5.5.7.6.36")
    tbs = encode(replace(decode(TBSCertificate, whole.tbs), signature=unsigned))
    bare = encode(Signed(tbs=tbs, signature_algorithm=unsigned, signature=b""))
    assert signed_in_vain(honest, extra_certs=(bare,)).what.startswith("no certification path")
    emptied = encode(replace(whole, signature=b""))
    assert signed_in_vain(honest, extra_certs=(emptied,)).what.startswith("no certification path")


def test_an_end_entity_of_the_ca_whom_another_is_named_after():
    assert "not known to speak" in signed_in_vain(entity("rogue", CA), by_signature(CA, name="CN=server")).what


def test_a_signature_by_nobody_at_hand():
    assert (
        signed_in_vain(entity("RA", CA), extra_certs=()).what
        == "no certificate at hand verifies the message's signature"
    )


def test_a_signature_that_is_wrong():
    """The right certificate along, another key's signature."""
    liar = Holder(CA.certificate, OTHER_CA.key)
    assert "no certificate at hand" in signed_in_vain(liar).what


def test_a_certificate_that_came_earlier_serves_later():
    ra = entity("RA", CA, more=((CMC_RA, False),))
    talk = Talk(order=order("cr"), parties=PLANT, by=ra)
    assert isinstance(talk.hears("cp", granted(None, "waiting")), Wait)
    assert ra.der in talk.dialogue.extra_certs
    assert isinstance(talk.polls().hears("cp", granted(issued()), extra_certs=()), Offered)


def test_intermediates_come_along():
    ra = entity("RA", SUB_CA, more=((CMC_RA, False),))
    talk = Talk(order=order("cr"), parties=PLANT, by=ra)
    with pytest.raises(Unauthentic, match="no certification path"):
        talk.offered()
    assert isinstance(talk.offered(extra_certs=(SUB_CA.der, ra.der)), Offered)


def test_the_signer_needs_not_come_first():
    ra = entity("RA", CA, more=((CMC_RA, False),))
    others = tuple(entity(f"other {n}", CA).der for n in range(10))
    talk = Talk(order=order("cr"), parties=PLANT, by=ra)
    assert isinstance(talk.offered(extra_certs=(*others, ra.der)), Offered)


RENEWED = entity("RA", CA, key=EXPIRED.key, more=((CMC_RA, False),))


@pytest.mark.parametrize("certificates", [(EXPIRED, RENEWED), (RENEWED, EXPIRED)], ids=["old first", "new first"])
def test_an_old_certificate_of_the_same_key_spoils_nothing(certificates):
    talk = Talk(order=order("cr"), parties=PLANT, by=RENEWED)
    assert isinstance(talk.offered(extra_certs=tuple(c.der for c in certificates)), Offered)


def test_certificates_of_one_key_are_not_tried_without_end(monkeypatch):
    tried = []
    monkeypatch.setattr("runner.cmp.protection.find_path", lambda *what: tried.append(what) or find_path(*what))
    key = EXPIRED.key
    crowd = tuple(issue(f"RA {n}", OTHER_CA, key=key, more=((CMC_RA, False),)).der for n in range(30))
    signed_in_vain(EXPIRED, extra_certs=crowd)
    assert len(tried) == 4


TWICE = (basic_constraints_ca(), basic_constraints_ca())
UNREADABLE = {
    "an empty SEQUENCE": b"\x30\x00",
    "a SEQUENCE of something else": b"\x30\x03\x02\x01\x00",
    "an extension twice": issued(extensions=TWICE),
    "a key identifier that is none": issued(extensions=(Extension(extn_id="2.5.29.14", extn_value=b"\x05\x00"),)),
    "a keyUsage that is none": issued(extensions=(Extension(extn_id="2.5.29.15", extn_value=b"\xff"),)),
}
EXOTIC_KEY = issued(subject_public_key_info=bytes.fromhex("300b300506032a030403020100"))


@pytest.mark.parametrize("der", UNREADABLE.values(), ids=UNREADABLE.keys())
@pytest.mark.parametrize("signed", [True, False], ids=["signature", "MAC"])
def test_certificates_that_nobody_can_read_spoil_nothing(der, signed):
    """extraCerts are not even protected: whoever passes a message on can add to them."""
    talk = Talk(order=order("cr"), parties=PLANT, by=CA) if signed else Talk()
    assert isinstance(talk.offered(extra_certs=(der, EXOTIC_KEY, CA.der), ca_pubs=(der,)), Offered)
    assert set(talk.dialogue.extra_certs) == {EXOTIC_KEY, CA.der}


def test_no_more_certificates_are_remembered_than_needed_and_the_newest_stay():
    first = tuple(entity(f"first {n}", CA).der for n in range(31))
    second = tuple(entity(f"second {n}", CA).der for n in range(31))
    talk = Talk(order=order("cr"), parties=PLANT, by=CA)
    talk.hears("cp", granted(None, "waiting"), extra_certs=(CA.der, *first))
    talk.polls().hears("pollRep", later(1), extra_certs=(CA.der, *second))
    assert talk.dialogue.extra_certs == (CA.der, *second)


# MAC and signature, mixed.


def test_a_mac_in_answer_to_a_signature():
    for parties in (PLANT, by_signature()):
        with pytest.raises(Unauthentic, match="this exchange has none"):
            Talk(order=order("cr"), parties=parties, by="secret").offered()


def test_a_mac_made_with_what_everybody_knows():
    """The CA's public key is no secret (attack 17)."""
    for known in (CA.public_key_info, CA.der, b""):
        with pytest.raises(Unauthentic):
            Talk(order=order("cr"), parties=PLANT, by=Secret(REFERENCE, known)).offered()


def test_a_signature_in_answer_to_a_mac_needs_anchors():
    assert isinstance(Talk(parties=by_secret(CA), by=CA).offered(), Offered)
    with pytest.raises(Unauthentic, match="nothing is configured to judge"):
        Talk(parties=by_secret(), by=CA).offered()
    with pytest.raises(Unauthentic, match="no certification path"):
        Talk(parties=by_secret(OTHER_CA), by=CA).offered()


def test_a_ca_that_the_message_itself_offers_vouches_for_no_message():
    """caPubs and extraCerts are no anchors for signatures, even under a MAC (attack 5)."""
    talk = Talk(parties=by_secret())
    talk.hears("ip", granted(None, "waiting", ca_pubs=(OTHER_CA.der,)), extra_certs=(OTHER_CA.der,))
    with pytest.raises(Unauthentic, match="nothing is configured to judge"):
        talk.polls().hears("ip", granted(issued(OTHER_CA)), by=OTHER_CA)


PBMAC1, KEM = "1.2.840.113549.1.5.14", "1.2.840.113533.7.66.16"
DHBM = "1.2.840.113533.7.66.30"
NO_MACS = {
    "a hash": AlgorithmIdentifier(algorithm="2.16.840.1.101.3.4.2.1"),
    "no algorithm": AlgorithmIdentifier(algorithm="1.3.6.1.5.5.7.6.36"),
    "plain HMAC": AlgorithmIdentifier(algorithm="1.2.840.113549.2.9"),
    "PasswordBasedMac without parameters": AlgorithmIdentifier(algorithm="1.2.840.113533.7.66.13"),
    "PasswordBasedMac with NULL": AlgorithmIdentifier(algorithm="1.2.840.113533.7.66.13", parameters=b"\x05\x00"),
    "PBMAC1 with NULL": AlgorithmIdentifier(algorithm=PBMAC1, parameters=b"\x05\x00"),
    "a KEM": AlgorithmIdentifier(algorithm=KEM, parameters=b"\x30\x00"),
    "Diffie-Hellman": AlgorithmIdentifier(algorithm=DHBM, parameters=b"\x30\x00"),
    "a million iterations": AlgorithmIdentifier(
        algorithm="1.2.840.113533.7.66.13", parameters=pbm_parameters(count=1_000_000)
    ),
    "a huge number of iterations": AlgorithmIdentifier(
        algorithm="1.2.840.113533.7.66.13", parameters=pbm_parameters(count=1 << 8000)
    ),
    "no iterations": AlgorithmIdentifier(algorithm="1.2.840.113533.7.66.13", parameters=pbm_parameters(count=0)),
    "no salt": AlgorithmIdentifier(algorithm="1.2.840.113533.7.66.13", parameters=pbm_parameters(salt=b"")),
    "a megabyte of salt": AlgorithmIdentifier(
        algorithm="1.2.840.113533.7.66.13", parameters=pbm_parameters(salt=bytes(500_000))
    ),
}


@pytest.mark.parametrize("algorithm", NO_MACS.values(), ids=NO_MACS.keys())
@pytest.mark.parametrize("parties", [by_secret(CA), by_secret(), PLANT], ids=["both", "secret", "anchors"])
def test_protection_by_what_is_no_protection(algorithm, parties):
    talk = Talk(parties=parties)
    octets = say("ip", granted(issued()), request=talk.request, protection_alg=algorithm)
    with pytest.raises(ProtocolError) as refused:
        talk.gets(octets)
    assert isinstance(refused.value, Unauthentic | Malformed)
    assert len(f"{refused.value.what}{refused.value.why}") < 4000


@pytest.mark.parametrize("cut", [0, 1, 10, 19, 31])
def test_a_mac_that_is_cut_short(cut):
    talk = Talk()
    message = decode(PKIMessage, say("ip", granted(issued()), request=talk.request))
    with pytest.raises(Unauthentic, match="MAC is wrong"):
        talk.gets(encode(replace(message, protection=message.protection[:cut])))
    with pytest.raises(Unauthentic, match="MAC is wrong"):
        talk.gets(encode(replace(message, protection=message.protection + b"\x00")))


def test_a_secret_is_in_no_words():
    talk = Talk(parties=by_secret(CA))
    for change in ({"by": Secret(REFERENCE, b"guess")}, {"by": None}, {"by": OTHER_CA}):
        with pytest.raises(ProtocolError) as refused:
            talk.hears("ip", granted(issued()), **change)
        told = f"{refused.value!r} {refused.value.why} {refused.value.next_step} {talk.parties!r}"
        assert SECRET.decode() not in told


def test_numbers_beyond_all_measure_are_told_all_the_same():
    """Python refuses to print huge numbers: no answer may turn that into a crash."""
    huge = (1 << 8000) + 1
    for content, change in ((granted(issued(), cert_req_id=huge), {}), (granted(issued()), {"pvno": huge})):
        with pytest.raises(Mismatch) as refused:
            Talk().hears("ip", content, **change)
        assert len(refused.value.why) > 2000
    assert "not positive" in Talk().hears("ip", granted(issued(serial_number=-huge))).problem.what
    with pytest.raises(Claimed):
        Talk().hears("error", error(code=huge), by=None)
    with pytest.raises(Claimed):
        Talk().hears("error", replace(error(), pki_status_info=replace(status(), status=huge)), by=None)


def test_a_done_revocation_is_believed_only_when_protected():
    talk = Talk(order=order("rr"))
    with pytest.raises(Unauthentic):
        talk.hears("rp", revoked(), by=None)
    assert isinstance(talk.hears("rp", revoked()), Done)
