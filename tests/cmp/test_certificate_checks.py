"""Every check on an issued certificate: one thing wrong, one rejection in certConf."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.ambient import NOON
from support.answering import (
    CA,
    DEVICE,
    IMPLICIT,
    OTHER_CA,
    SANS,
    SUBJECT,
    Talk,
    basic_constraints_ca,
    by_secret,
    by_signature,
    granted,
    issued,
    order,
    say,
)
from support.hierarchy import CERT_SIGN, END, START, authority, entity, root

from runner.asn1.cmp import FAIL_INFO, PKIMessage
from runner.asn1.structures import decode, encode
from runner.asn1.x509 import Extension, Validity
from runner.cmp.dialogue import Done, Offered, Send, State
from runner.errors import BadCertificate, Malformed, Unauthentic
from runner.pki.extensions import extended_key_usage, key_usage, subject_alt_name
from runner.pki.names import parse_general_name, parse_name
from runner.pki.profile import Profile


def sans(*names: str) -> Extension:
    return subject_alt_name(map(parse_general_name, names), critical=False)


def valid(start, end=END) -> dict:
    return {"validity": Validity(not_before=start, not_after=end)}


REJECTED = {
    "another key": ({"subject_public_key_info": DEVICE.public_key_info}, "for another key", "badCertTemplate"),
    "a CA": ({"extensions": (sans(*SANS), basic_constraints_ca())}, "for a CA", "badCertTemplate"),
    "serial number 0": ({"serial_number": 0}, "not positive", "incorrectData"),
    "a negative serial number": ({"serial_number": -1}, "not positive", "incorrectData"),
    "expired": (valid(START, NOON - timedelta(seconds=1)), "already expired", "incorrectData"),
    "not valid yet": (valid(NOON + timedelta(minutes=5, seconds=1)), "not valid yet", "incorrectData"),
    "another subject": (
        {"subject": parse_name("CN=evil").der},
        "not what was asked",
        "badCertTemplate",
    ),
    "no subject": ({"subject": b"\x30\x00"}, "not what was asked", "badCertTemplate"),
    "a name less": ({"extensions": ()}, "not what was asked", "badCertTemplate"),
    "a name more": ({"extensions": (sans(*SANS, "dns=evil.example"),)}, "not what was asked", "badCertTemplate"),
    "another name": ({"extensions": (sans("dns=evil.example"),)}, "not what was asked", "badCertTemplate"),
    "constraints that cannot be read": (
        {"extensions": (sans(*SANS), Extension(extn_id="2.5.29.19", extn_value=b"\xff"))},
        "cannot be read",
        "incorrectData",
    ),
    "alternative names that cannot be read": (
        {"extensions": (Extension(extn_id="2.5.29.17", extn_value=b"\xff"),)},
        "cannot be read",
        "incorrectData",
    ),
}


@pytest.mark.parametrize(("fields", "words", "fail_info"), REJECTED.values(), ids=REJECTED.keys())
@pytest.mark.parametrize("anchors", [(CA,), ()], ids=["anchors", "none"])
def test_a_good_certificate_with_one_thing_wrong(anchors, fields, words, fail_info):
    talk = Talk(parties=by_secret(*anchors))
    offered = talk.offered(issued(**fields))
    assert isinstance(offered.problem, BadCertificate)
    assert words in offered.problem.what
    assert offered.problem.fail_info == fail_info
    assert offered.path == (offered.certificate,)
    assert isinstance(talk.decides(offered.problem), Send)
    (told,) = talk.request.body.value
    assert told.status_info.status == 2
    assert {FAIL_INFO[bit] for bit in told.status_info.fail_info} == {fail_info}
    assert told.status_info.status_string == (offered.problem.what,)


@pytest.mark.parametrize("anchors", [(CA,), ()], ids=["anchors", "none"])
def test_the_good_certificate_itself(anchors):
    talk = Talk(parties=by_secret(*anchors))
    offered = talk.offered()
    assert (offered.problem, offered.status.status) == (None, "accepted")
    assert offered.path == (offered.certificate, *(anchor.ours for anchor in anchors))
    unchecked = ("the certificate's issuer was not checked: the authority has no `trust:`",)
    assert offered.remarks == (() if anchors else unchecked)


GOOD = {
    "it begins within the skew of clocks": valid(NOON + timedelta(minutes=5)),
    "it ends this second": valid(START, NOON),
    "it began in the year 1": valid(datetime(1, 1, 1, tzinfo=UTC)),
    "it never ends": valid(START, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    "the subject in other letters": {"subject": parse_name("C=FI, O=EXAMPLE, CN=web").der},
    "a host in other letters": {"extensions": (sans("dns=WEB.example.com"),)},
    "usages that nobody asked for": {
        "extensions": (sans(*SANS), key_usage(["digitalSignature"]), extended_key_usage(["1.3.6.1.5.5.7.3.1"]))
    },
}


@pytest.mark.parametrize("fields", GOOD.values(), ids=GOOD.keys())
@pytest.mark.parametrize("anchors", [(CA,), ()], ids=["anchors", "none"])
def test_certificates_that_are_good_enough(anchors, fields):
    assert Talk(parties=by_secret(*anchors)).offered(issued(**fields)).problem is None


MODIFIED = {
    "another subject": ({"subject": parse_name("CN=other").der}, ['subject is "CN=other", not "' + SUBJECT + '"']),
    "a name more": (
        {"extensions": (sans(*SANS, "dns=also.example"),)},
        ["SAN has dns=also.example, which was not asked for"],
    ),
}


@pytest.mark.parametrize(("fields", "remarks"), MODIFIED.values(), ids=MODIFIED.keys())
def test_what_the_ca_says_that_it_modified_is_told_and_accepted(fields, remarks):
    offered = Talk(parties=by_secret(CA)).offered(issued(**fields), "grantedWithMods")
    assert offered.problem is None
    assert offered.remarks == tuple(f"the certificate's {remark}" for remark in remarks)


def test_a_modified_certificate_is_still_for_our_key_and_no_ca():
    for fields in ({"subject_public_key_info": DEVICE.public_key_info}, {"extensions": (basic_constraints_ca(),)}):
        assert Talk().offered(issued(**fields), "grantedWithMods").problem


def test_an_update_keeps_its_subject_whatever_the_ca_says():
    talk = Talk(order=order("kur"), parties=by_signature(CA), by=CA)
    offered = talk.offered(issued(subject=parse_name("CN=other").der), "grantedWithMods")
    assert "not what was asked" in offered.problem.what


def test_no_wish_means_as_the_ca_likes():
    free = replace(order(), wanted=Profile(parse_name("")))
    assert (
        Talk(order=free).offered(issued(subject=parse_name("CN=any").der, extensions=(sans("dns=a"),))).problem is None
    )
    assert Talk(order=replace(order("p10cr"), wanted=None)).offered(issued(extensions=())).problem is None


# The path of it.


def test_a_certificate_of_another_ca():
    offered = Talk(parties=by_secret(CA)).offered(issued(OTHER_CA))
    assert "no certification path" in offered.problem.what
    assert offered.problem.fail_info == "signerNotTrusted"
    assert offered.problem.next_step == "check the authority's `trust:`"


def test_a_certificate_that_bears_the_cas_name_and_not_its_signature():
    forged = issued(root("Plant CA"))
    assert "no certification path" in Talk(parties=by_secret(CA)).offered(forged).problem.what


def test_a_certificate_by_an_end_entity():
    rogue = entity("rogue", CA, usages=CERT_SIGN)
    talk = Talk(parties=by_secret(CA))
    offered = talk.offered(issued(rogue), extra_certs=(rogue.der,))
    assert "is no CA" in offered.problem.why


def test_intermediates_come_in_extra_certs_or_ca_pubs():
    sub = authority("Sub CA", CA)
    assert Talk(parties=by_secret(CA)).offered(issued(sub)).problem
    for more in ({"extra_certs": (sub.der,)}, {"ca_pubs": (sub.der,)}):
        offered = Talk(parties=by_secret(CA)).offered(issued(sub), **more)
        assert offered.path == (offered.certificate, sub.ours, CA.ours)


def test_what_the_message_offers_is_no_anchor_where_there_are_anchors():
    for more in ({"extra_certs": (OTHER_CA.der,)}, {"ca_pubs": (OTHER_CA.der,)}):
        offered = Talk(parties=by_secret(CA)).offered(issued(OTHER_CA), **more)
        assert offered.problem.fail_info == "signerNotTrusted"


# caPubs as anchors: RFC 9810 §8.8.


def test_roots_in_an_ip_under_our_secret_vouch_for_its_certificate():
    offered = Talk(parties=by_secret()).offered(ca_pubs=(CA.der,))
    assert (offered.problem, offered.path) == (None, (offered.certificate, CA.ours))
    (remark,) = offered.remarks
    assert CA.ours.fingerprint in remark
    assert "nothing trusts it unless" in remark


def test_a_root_that_is_trusted_already_is_no_news():
    assert Talk(parties=by_secret(CA)).offered(ca_pubs=(CA.der,)).remarks == ()


def test_such_a_root_must_have_issued_it():
    offered = Talk(parties=by_secret()).offered(issued(OTHER_CA), ca_pubs=(CA.der,))
    assert offered.problem.fail_info == "signerNotTrusted"


def test_a_ca_that_another_certified_is_no_root():
    sub = authority("Sub CA", CA)
    offered = Talk(parties=by_secret()).offered(issued(sub), ca_pubs=(sub.der,))
    assert offered.path == (offered.certificate,)
    assert "not checked" in offered.remarks[0]


@pytest.mark.parametrize("kind", ["cr", "kur", "p10cr"])
def test_roots_count_in_an_ip_alone(kind):
    offered = Talk(order=order(kind), parties=by_secret()).offered(ca_pubs=(CA.der,))
    assert offered.path == (offered.certificate,)


def test_roots_that_came_along_outside_count_for_nothing():
    """extraCerts are not protected: they are never anchors."""
    offered = Talk(parties=by_secret()).offered(extra_certs=(CA.der,))
    assert offered.path == (offered.certificate,)
    assert "not checked" in offered.remarks[0]


def test_roots_under_a_signature_count_for_nothing():
    signed = Talk(parties=by_signature(CA), by=CA)
    offered = signed.offered(issued(OTHER_CA), ca_pubs=(OTHER_CA.der,))
    assert offered.problem.fail_info == "signerNotTrusted"


# After the judgement.


def test_implicit_confirmation_leaves_nothing_to_say():
    talk = Talk(parties=by_secret(CA, implicit_confirm=True))
    assert IMPLICIT in talk.request.header.general_info
    offered = talk.offered(general_info=(IMPLICIT,))
    assert isinstance(offered, Offered)
    sent = talk.dialogue.request
    assert talk.decides() == Done(offered.status)
    assert (talk.dialogue.request, talk.dialogue.confirmed) == (sent, True)


def test_implicit_confirmation_that_nobody_asked_for_closes_the_transaction_too():
    """The server has closed it (RFC 9810 §5.1.1.1); EJBCA leaves the NULL out."""
    talk = Talk(parties=by_secret(CA))
    assert IMPLICIT not in talk.request.header.general_info
    talk.offered(general_info=(replace(IMPLICIT, info_value=None),))
    assert isinstance(talk.decides(), Done)


def test_implicit_confirmation_of_a_bad_certificate_cannot_be_taken_back():
    talk = Talk(parties=by_secret(CA, implicit_confirm=True))
    offered = talk.offered(issued(serial_number=0), general_info=(IMPLICIT,))
    assert isinstance(talk.decides(offered.problem), Done)
    assert talk.dialogue.refused == offered.problem.what


@pytest.mark.parametrize(("said", "forged"), [((), (IMPLICIT,)), ((IMPLICIT,), ())], ids=["added", "taken away"])
def test_implicit_confirmation_is_what_the_ca_protected(said, forged):
    talk = Talk(parties=by_secret(CA, implicit_confirm=True))
    octets = say("ip", granted(issued()), request=talk.request, general_info=said)
    message = decode(PKIMessage, octets)
    with pytest.raises(Unauthentic, match="MAC is wrong"):
        talk.gets(encode(replace(message, header=replace(message.header, general_info=forged))))
    assert isinstance(talk.gets(octets), Offered)
    assert talk.dialogue.confirmed is bool(said)


def test_a_certificate_that_is_none_is_no_certificate():
    talk = Talk()
    for content in (granted(b"\x30\x00"), granted(None)):
        with pytest.raises(Malformed):
            talk.hears("ip", content)
    assert talk.dialogue.state is State.REQUESTED
