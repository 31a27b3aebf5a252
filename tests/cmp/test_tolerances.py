"""Each tolerance lets pass what it says, and without it the same answer is refused: strict by default."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support import answering as a
from support.hierarchy import CERT_SIGN, entity, root
from support.requester import Secret

from runner.asn1.algorithms import DER_NULL, PASSWORD_BASED_MAC, RSA_SIGNATURES, AlgorithmIdentifier
from runner.asn1.cmp import CONFIRM_WAIT_TIME, InfoTypeAndValue, RevRepContent
from runner.asn1.crmf import CertId
from runner.asn1.primitives import GENERALIZED_TIME
from runner.asn1.structures import encode
from runner.cmp.dialogue import Done, Offered, Rejected
from runner.cmp.request import Order
from runner.errors import Claimed, ProtocolError
from runner.pki.names import directory_name, parse_name
from runner.pki.servers import PROFILES, TOLERANCES, WORDS, Tolerance


def talk(kind="ir", *tolerances, parties=None, **more):
    ours = parties or a.by_secret(a.CA)
    peer = replace(ours.peer, tolerates=frozenset(tolerances))
    return a.Talk(order=a.order(kind), parties=replace(ours, peer=peer), **more)


def granted(one, body="ip", **header):
    return one.hears(body, a.granted(a.issued()), **header)


def offered(one, body="ip", **header):
    action = granted(one, body, **header)
    assert isinstance(action, Offered)
    assert action.problem is None


def without_recip_nonce(one):
    offered(one, recip_nonce=None)


def without_sender_nonce(one):
    offered(one, sender_nonce=None)


def with_a_short_sender_nonce(one):
    offered(one, sender_nonce=b"8 octets")


def in_version_3(one):
    offered(one, pvno=3)


def under_another_number(one):
    action = one.hears("ip", a.granted(a.issued(), cert_req_id=7))
    assert isinstance(action, Offered)


def for_another_name(one):
    action = one.hears("ip", a.granted(a.issued(subject=parse_name("CN=other").der)))
    assert action.problem is None
    assert any("subject is" in remark for remark in action.remarks)


def refused_by_nobody(one):
    assert isinstance(one.hears("error", a.error(), by=None), Rejected)


def with_a_mac_as_before(one, parameters=DER_NULL):
    before = one.request.header.protection_alg
    silent = AlgorithmIdentifier(algorithm=before.algorithm, parameters=parameters)
    mac = Secret(a.REFERENCE, a.SECRET, before.parameters)
    offered(one, by=mac, protection_alg=silent)
    one.decides()
    mac = Secret(a.REFERENCE, a.SECRET, one.request.header.protection_alg.parameters)
    assert isinstance(one.hears("pkiconf", None, by=mac, protection_alg=silent), Done)


SOFTENED = [
    (Tolerance.MAC_AS_BEFORE, "ir", with_a_mac_as_before),
    (Tolerance.MAC_AS_BEFORE, "ir", lambda one: with_a_mac_as_before(one, None)),
    (Tolerance.MISSING_RECIP_NONCE, "ir", without_recip_nonce),
    (Tolerance.WEAK_SENDER_NONCE, "ir", without_sender_nonce),
    (Tolerance.WEAK_SENDER_NONCE, "ir", with_a_short_sender_nonce),
    (Tolerance.OTHER_VERSION, "ir", in_version_3),
    (Tolerance.OTHER_CERT_REQ_ID, "ir", under_another_number),
    (Tolerance.OTHER_SUBJECT, "ir", for_another_name),
    (Tolerance.UNPROTECTED_ERROR, "ir", refused_by_nobody),
    (Tolerance.P10CR_ANSWERED_AS_IP, "p10cr", lambda one: offered(one, "ip")),
    (
        Tolerance.P10CR_ANSWERED_AS_POPDECC,
        "p10cr",
        lambda one: isinstance(one.hears("popdecc", encode(a.granted(a.issued()))), Offered) or pytest.fail("no offer"),
    ),
    (Tolerance.IP_AND_CP_INTERCHANGED, "ir", lambda one: offered(one, "cp")),
    (Tolerance.IP_AND_CP_INTERCHANGED, "cr", lambda one: offered(one, "ip")),
]


@pytest.mark.parametrize(("tolerance", "kind", "says"), SOFTENED)
def test_what_is_tolerated_passes_and_else_does_not(tolerance, kind, says):
    says(talk(kind, tolerance))
    others = [other for other in Tolerance if other is not tolerance]
    one = talk(kind, *others)
    with pytest.raises((ProtocolError, AssertionError)):
        says(one)


def test_an_unprotected_pkiconf_ends_the_transaction_where_that_is_tolerated():
    for tolerances, passes in (([Tolerance.UNPROTECTED_PKICONF], True), ([], False)):
        one = talk("ir", *tolerances)
        one.offered()
        one.decides()
        if passes:
            assert isinstance(one.hears("pkiconf", None, by=None), Done)
        else:
            with pytest.raises(ProtocolError):
                one.hears("pkiconf", None, by=None)


def test_a_certificate_that_nobody_vouches_for_is_never_tolerated():
    one = talk("ir", *Tolerance)
    with pytest.raises(ProtocolError, match="not protected"):
        granted(one, by=None)


def test_an_unprotected_refusal_must_still_be_an_answer_to_ours():
    one = talk("ir", Tolerance.UNPROTECTED_ERROR)
    with pytest.raises(Claimed):
        one.hears("error", a.error(), by=None, transaction_id=b"another one's ..")


def test_a_mac_as_before_is_still_a_mac_with_our_secret():
    one = talk("ir", Tolerance.MAC_AS_BEFORE)
    before = one.request.header.protection_alg
    silent = AlgorithmIdentifier(algorithm=before.algorithm, parameters=DER_NULL)
    with pytest.raises(ProtocolError, match="MAC is wrong"):
        granted(one, by=Secret(a.REFERENCE, b"guessed", before.parameters), protection_alg=silent)


def test_there_is_no_mac_before_where_we_sign():
    one = talk("ir", *Tolerance, parties=a.by_signature(a.CA))
    silent = AlgorithmIdentifier(algorithm=PASSWORD_BASED_MAC, parameters=DER_NULL)
    with pytest.raises(ProtocolError):
        granted(one, by="secret", protection_alg=silent)


# Signers


def test_a_signer_whose_key_usage_lacks_digital_signature():
    ca = root("Strange CA", usages=CERT_SIGN)
    for tolerances, passes in (([Tolerance.SIGNER_WITHOUT_DIGITAL_SIGNATURE], True), ([], False)):
        one = talk("ir", *tolerances, parties=a.by_secret(ca), by=ca)
        if passes:
            assert isinstance(one.hears("error", a.error()), Rejected)
        else:
            with pytest.raises(Claimed) as caught:
                one.hears("error", a.error())
            assert "may not sign" in caught.value.why


def test_a_signer_that_is_not_known_to_speak_for_the_ca():
    signer = entity("somebody", a.CA)
    for tolerances, passes in (([Tolerance.OTHER_SENDER], True), ([], False)):
        one = talk("ir", *tolerances, by=signer)
        if passes:
            assert isinstance(one.hears("error", a.error()), Rejected)
        else:
            with pytest.raises(Claimed) as caught:
                one.hears("error", a.error())
            assert "not known to speak" in caught.value.why


def test_no_tolerance_makes_a_signer_from_elsewhere_good():
    one = talk("ir", *Tolerance, by=a.OTHER_CA)
    with pytest.raises(Claimed):
        one.hears("error", a.error(), drop=())


SHA1_WITH_RSA = next(oid for oid, name in RSA_SIGNATURES.items() if name == "sha1")


@pytest.mark.parametrize("passes", [True, False])
def test_a_signature_with_sha1(passes, monkeypatch):
    from runner.cmp import protection

    asked = []

    def verify(_key, algorithm, _bits, _data, *, allow_sha1=False):
        asked.append(allow_sha1)
        return allow_sha1 and algorithm.algorithm == SHA1_WITH_RSA

    monkeypatch.setattr(protection, "verify_signature", verify)
    one = talk("ir", *([Tolerance.SHA1_SIGNATURES] if passes else []), by=a.CA)
    sha1 = AlgorithmIdentifier(algorithm=SHA1_WITH_RSA, parameters=DER_NULL)
    if passes:
        assert isinstance(one.hears("error", a.error(), protection_alg=sha1), Rejected)
    else:
        with pytest.raises(Claimed):
            one.hears("error", a.error(), protection_alg=sha1)
    assert set(asked) == {passes}


# Revocations


def revoked(issuer, serial):
    named = CertId(issuer=directory_name(issuer), serial_number=serial)
    return RevRepContent(status=(a.status(),), rev_certs=(named,))


def revoking(*tolerances):
    one = talk("rr", *tolerances)
    one.order = Order("rr", issuer=ISSUER, serial=4711)
    return one


ISSUER = parse_name("C=FI, O=Example, CN=Plant CA")
BACKWARDS = parse_name("CN=Plant CA, O=Example, C=FI")


def test_the_certificate_that_was_revoked_is_the_one_that_was_named():
    assert isinstance(revoking().hears("rp", revoked(ISSUER.der, 4711)), Done)
    for issuer, serial in ((ISSUER, 4712), (BACKWARDS, 4711), (parse_name("CN=Other CA"), 4711)):
        with pytest.raises(ProtocolError, match="another certificate"):
            revoking().hears("rp", revoked(issuer.der, serial))


def test_an_issuer_the_other_way_round():
    assert isinstance(revoking(Tolerance.REVERSED_RDNS).hears("rp", revoked(BACKWARDS.der, 4711)), Done)
    with pytest.raises(ProtocolError, match="another certificate"):
        revoking(Tolerance.REVERSED_RDNS).hears("rp", revoked(BACKWARDS.der, 4712))


# confirmWaitTime


@pytest.mark.parametrize(("late", "told"), [(True, True), (False, False)])
def test_a_confirmation_after_its_time_is_told(late, told):
    one = talk()
    until = a.NOON.replace(hour=11 if late else 13)
    item = InfoTypeAndValue(info_type=CONFIRM_WAIT_TIME, info_value=GENERALIZED_TIME.encode(until))
    action = granted(one, general_info=(item,))
    assert one.dialogue.confirm_by == until.isoformat()
    assert any("waited for certConf until" in remark for remark in action.remarks) is told


# The kinds of protection that answers may bear


@pytest.mark.parametrize(
    ("ours", "by", "accepts", "passes"),
    [
        ("mac", "mac", {"mac"}, True),
        ("mac", "mac", {"signature"}, False),
        ("mac", "signature", {"signature"}, True),
        ("mac", "signature", {"mac"}, False),
        ("signature", "signature", {"signature"}, True),
        ("signature", "mac", {"mac", "signature"}, False),
        ("signature with an answer_credential", "mac", {"mac", "signature"}, True),
        ("signature with an answer_credential", "mac", {"signature"}, False),
    ],
)
def test_answers_bear_a_protection_that_is_accepted_and_configured(ours, by, accepts, passes):
    parties = a.by_secret(a.CA) if ours == "mac" else a.by_signature(a.CA)
    secret = a.by_secret().peer.secret if "answer_credential" in ours else parties.peer.secret
    parties = replace(parties, peer=replace(parties.peer, secret=secret, accepts=frozenset(accepts)))
    one = a.Talk(parties=parties, by="secret" if by == "mac" else a.CA)
    if passes:
        assert isinstance(one.hears("error", a.error()), Rejected)
    else:
        with pytest.raises(Claimed):
            one.hears("error", a.error())


# The table


def test_every_tolerance_is_explained_and_proved():
    proved = {tolerance for tolerance, _, _ in SOFTENED}
    proved |= {
        Tolerance.UNPROTECTED_PKICONF,
        Tolerance.SIGNER_WITHOUT_DIGITAL_SIGNATURE,
        Tolerance.OTHER_SENDER,
        Tolerance.SHA1_SIGNATURES,
        Tolerance.REVERSED_RDNS,
        Tolerance.BARE_PRIVATE_KEY,  # tests/apply/test_central_keys.py
    }
    assert set(WORDS) == set(TOLERANCES.values()) == proved


def test_no_profile_believes_what_nobody_vouches_for():
    unprotected = {Tolerance.UNPROTECTED_ERROR, Tolerance.UNPROTECTED_PKICONF, Tolerance.OTHER_SENDER}
    assert not any(profile.tolerates & unprotected for profile in PROFILES.values())
