"""Certification paths: every case is judged by `openssl verify` too; where it judges otherwise, the case says why."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from support.ambient import NOON
from support.hierarchy import CERT_SIGN, END, SIGN, START, Holder, authority, entity, issue, name, openssl_verify, root

from runner.asn1.algorithms import ED25519, AlgorithmIdentifier
from runner.asn1.structures import encode
from runner.asn1.x509 import Signed, TBSCertificate, Validity
from runner.errors import Unauthentic
from runner.pki.certificates import parse_certificate
from runner.pki.names import same_name
from runner.pki.paths import MAX_PATH, MAX_SIGNATURES, find_path

UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")


@dataclass(frozen=True)
class Case:
    """`words` are those of the refusal, empty where there is a path of `length`; `openssl` says why it differs."""

    target: Holder
    untrusted: tuple[Holder, ...]
    anchors: tuple[Holder, ...]
    words: str = ""
    length: int = 0
    openssl: str = ""


def chain(length: int) -> list[Holder]:
    """A root, CAs below each other, and an end entity: `length` certificates."""
    made = [root()]
    for number in range(length - 2):
        made.append(authority(f"CA {number}", made[-1]))
    return [*made, entity("web", made[-1])]


def _plain():
    ca = root()
    return Case(entity("web", ca), (), (ca,), length=2)


def _intermediate():
    top, ca, web = chain(3)
    return Case(web, (ca,), (top,), length=3)


def _missing_intermediate():
    top, _, web = chain(3)
    return Case(web, (), (top,), "nothing that we trust issued it")


def _no_anchor():
    _, ca, web = chain(3)
    return Case(web, (ca,), (root("Other"),), "nothing that we trust issued it")


def _untrusted_root():
    top, ca, web = chain(3)
    return Case(web, (ca, top), (root("Other"),), "nothing that we trust issued it")


def _intermediate_as_anchor():
    _, ca, web = chain(3)
    return Case(web, (), (ca,), length=2)


def _target_as_anchor():
    web = chain(3)[2]
    return Case(web, (), (web,), length=1)


def _self_signed_target_as_anchor():
    alone = issue("alone", ca=False)
    return Case(alone, (), (alone,), length=1)


def _expired():
    ca = root()
    return Case(entity("web", ca, valid=(START, NOON - timedelta(seconds=1))), (), (ca,), "expired on 2026-03-01")


def _last_second():
    ca = root()
    why = "it ends validity a second early; RFC 5280 section 4.1.2.5 includes notAfter"
    return Case(entity("web", ca, valid=(START, NOON)), (), (ca,), length=2, openssl=why)


def _first_second():
    ca = root()
    return Case(entity("web", ca, valid=(NOON, END)), (), (ca,), length=2)


def _not_yet():
    ca = root()
    return Case(entity("web", ca, valid=(NOON + timedelta(seconds=1), END)), (), (ca,), "valid only from 2026-03-01")


def _expired_intermediate():
    top = root()
    ca = authority("CA", top, valid=(START, NOON - timedelta(days=1)))
    return Case(entity("web", ca), (ca,), (top,), '"CN=CA" expired')


def _expired_anchor():
    top = root(valid=(START, NOON - timedelta(days=1)))
    return Case(entity("web", top), (), (top,), '"CN=Root" expired')


def _no_ca():
    top = root()
    ca = authority("CA", top, ca=False)
    return Case(entity("web", ca), (ca,), (top,), '"CN=CA" is no CA')


def _no_basic_constraints():
    top = root()
    ca = authority("CA", top, ca=None)
    return Case(entity("web", ca), (ca,), (top,), '"CN=CA" is no CA')


def _end_entity_as_ca():
    top = root()
    rogue = entity("rogue", top, usages=SIGN | CERT_SIGN)
    return Case(entity("web", rogue), (rogue,), (top,), '"CN=rogue" is no CA')


def _end_entity_as_anchor_issues_nothing():
    pinned = entity("pinned", root())
    return Case(entity("web", pinned), (), (pinned,), '"CN=pinned" is no CA')


def _no_cert_sign():
    top = root()
    ca = authority("CA", top, usages=SIGN)
    return Case(entity("web", ca), (ca,), (top,), "may not sign certificates")


def _no_key_usage():
    top = root(usages=None)
    ca = authority("CA", top, usages=None)
    return Case(entity("web", ca), (ca,), (top,), length=3)


def _path_length_kept():
    top = root(path_length=1)
    ca = authority("CA", top, path_length=0)
    return Case(entity("web", ca), (ca,), (top,), length=3)


def _path_length_exceeded():
    top = root(path_length=0)
    ca = authority("CA", top)
    return Case(entity("web", ca), (ca,), (top,), "longer than it allows")


def _path_length_exceeded_below():
    top = root()
    upper = authority("Upper", top, path_length=0)
    lower = authority("Lower", upper)
    return Case(entity("web", lower), (lower, upper), (top,), '"CN=Upper" is longer than it allows')


def _path_length_does_not_count_the_target():
    top = root(path_length=0)
    return Case(authority("CA", top), (), (top,), length=2)


def _path_length_does_not_count_the_self_issued():
    old = root(path_length=0)
    new_with_old = issue("Root", old, ca=True, usages=CERT_SIGN)
    return Case(entity("web", new_with_old), (new_with_old,), (old,), length=3)


def _unknown_critical():
    ca = root()
    return Case(entity("web", ca, more=((UNKNOWN, True),)), (), (ca,), r"do not know \(1.2.3.4.5\)")


def _unknown_critical_in_ca():
    top = root()
    ca = authority("CA", top, more=((UNKNOWN, True),))
    return Case(entity("web", ca), (ca,), (top,), '"CN=CA" has a critical extension')


def _unknown_and_not_critical():
    ca = root()
    return Case(entity("web", ca, more=((UNKNOWN, False),)), (), (ca,), length=2)


def _critical_policy_constraints():
    top = root()
    ca = authority("CA", top, more=((x509.PolicyConstraints(3, None), True),))
    why = "it processes policy constraints, which we do not and therefore refuse"
    return Case(entity("web", ca), (ca,), (top,), "critical extension that we do not know", openssl=why)


def _rollover():
    old = root()
    new = root()
    new_with_old = issue("Root", old, ca=True, usages=CERT_SIGN, key=new.key)
    why = "it takes the first issuer that fits, the new root, and never turns back"
    return Case(entity("web", new), (new, new_with_old), (old,), length=3, openssl=why)


def _both_roots_trusted():
    old, new = root(), root()
    return Case(entity("web", new), (), (old, new), length=2)


def _same_name_other_key():
    ca, other = root(identifiers=False), root(identifiers=False)
    return Case(entity("web", ca, identifiers=False), (), (other,), "is not by")


def _wrong_authority_key():
    ca = root()
    return Case(entity("web", ca, authority_key=b"somebody else"), (), (ca,), "nothing that we trust issued it")


def _authority_key_without_subject_key():
    ca = root(identifiers=False)
    return Case(entity("web", ca, authority_key=b"somebody else"), (), (ca,), length=2)


def _cross_signed():
    one, two = root("One"), root("Two")
    one_by_two = authority("One", two, key=one.key)
    two_by_one = authority("Two", one, key=two.key)
    return Case(entity("web", one), (two_by_one, one_by_two), (two,), length=3)


def _loop():
    one, two = root("One"), root("Two")
    one_by_two = authority("One", two, key=one.key)
    two_by_one = authority("Two", one, key=two.key)
    return Case(entity("web", one), (two_by_one, one_by_two), (root("Three"),), "nothing that we trust issued it")


def _dead_end_before_the_good_way():
    top = root()
    expired = authority("CA", top, valid=(START, NOON - timedelta(days=1)))
    renewed = authority("CA", top, key=expired.key)
    return Case(entity("web", expired), (expired, renewed), (top,), length=3)


def _deep():
    top, *rest, web = chain(MAX_PATH)
    return Case(web, tuple(rest), (top,), length=MAX_PATH)


def _too_deep():
    top, *rest, web = chain(MAX_PATH + 1)
    return Case(web, tuple(rest), (top,), "longer than 8 certificates", openssl="it goes down to 100")


def _names_in_other_strings():
    """The CA's name is a PrintableString in its own certificate and a UTF8String, in other case, where it is named."""
    own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "The CA", _type=x509.name._ASN1Type.PrintableString)])
    top = root(own)
    return Case(entity("web", top, issuer_name=name("the  CA")), (), (top,), length=2)


def _names_that_differ():
    top = root()
    return Case(entity("web", top, issuer_name=name("Boot")), (), (top,), "nothing that we trust issued it")


def _forged():
    top = root()
    web = entity("web", top)
    other = entity("web", top)
    return Case(Holder(_with_signature_of(web, other), web.key), (), (top,), "is not by")


def _with_signature_of(one: Holder, other: Holder) -> x509.Certificate:
    signed = Signed(tbs=one.ours.tbs, signature_algorithm=one.ours.signature_algorithm, signature=other.ours.signature)
    return x509.load_der_x509_certificate(encode(signed))


def _version_1(subject: str, issuer: Holder | None = None) -> Holder:
    """A certificate from before there were extensions; `cryptography` makes none."""
    key = root().key
    algorithm = AlgorithmIdentifier(algorithm=ED25519)
    tbs = encode(
        TBSCertificate(
            serial_number=1,
            signature=algorithm,
            issuer=(issuer.certificate.subject if issuer else name(subject)).public_bytes(),
            validity=Validity(not_before=START, not_after=END),
            subject=name(subject).public_bytes(),
            subject_public_key_info=Holder(None, key).public_key_info,
        )
    )
    bits = (issuer.key if issuer else key).sign(tbs)
    made = encode(Signed(tbs=tbs, signature_algorithm=algorithm, signature=bits))
    return Holder(x509.load_der_x509_certificate(made), key)


def _old_root():
    old = _version_1("Old root")
    return Case(entity("web", old), (), (old,), length=2)


def _old_intermediate():
    top = root()
    old = _version_1("Old CA", top)
    return Case(entity("web", old), (old,), (top,), '"CN=Old CA" is no CA')


def _old_intermediate_as_anchor():
    old = _version_1("Old CA", root())
    return Case(entity("web", old), (), (old,), '"CN=Old CA" is no CA')


def _old_root_that_nobody_trusts_as_a_link():
    top = root("Old root")
    old = _version_1("Old root", top)
    return Case(entity("web", old), (old,), (top,), '"CN=Old root" is no CA')


CASES = {
    maker.__name__.strip("_"): maker
    for maker in (
        _plain,
        _intermediate,
        _missing_intermediate,
        _no_anchor,
        _untrusted_root,
        _intermediate_as_anchor,
        _target_as_anchor,
        _self_signed_target_as_anchor,
        _expired,
        _last_second,
        _first_second,
        _not_yet,
        _expired_intermediate,
        _expired_anchor,
        _no_ca,
        _no_basic_constraints,
        _end_entity_as_ca,
        _end_entity_as_anchor_issues_nothing,
        _no_cert_sign,
        _no_key_usage,
        _path_length_kept,
        _path_length_exceeded,
        _path_length_exceeded_below,
        _path_length_does_not_count_the_target,
        _path_length_does_not_count_the_self_issued,
        _unknown_critical,
        _unknown_critical_in_ca,
        _unknown_and_not_critical,
        _critical_policy_constraints,
        _rollover,
        _both_roots_trusted,
        _same_name_other_key,
        _wrong_authority_key,
        _authority_key_without_subject_key,
        _cross_signed,
        _loop,
        _dead_end_before_the_good_way,
        _deep,
        _too_deep,
        _names_in_other_strings,
        _names_that_differ,
        _forged,
        _old_root,
        _old_intermediate,
        _old_intermediate_as_anchor,
        _old_root_that_nobody_trusts_as_a_link,
    )
}


def ours(case: Case):
    return find_path(case.target.ours, [h.ours for h in case.untrusted], [h.ours for h in case.anchors], NOON)


@pytest.mark.parametrize("case", CASES)
def test_paths(openssl, tmp_path, case):
    case = CASES[case]()
    judged = openssl_verify(openssl, tmp_path, case.target, case.untrusted, case.anchors)
    assert (judged.returncode == 0) == ((case.words == "") != bool(case.openssl)), judged.stderr
    if case.words:
        with pytest.raises(Unauthentic, match="no certification path") as refused:
            ours(case)
        assert re.search(case.words, refused.value.why), refused.value.why
        return
    path = ours(case)
    assert (path[0], len(path)) == (case.target.ours, case.length)
    assert path[-1].der in {anchor.der for anchor in case.anchors}
    assert all(same_name(one.issuer.der, two.subject.der) for one, two in pairwise(path))


def test_a_recorded_chain_of_six(vectors):
    certificates = x509.load_pem_x509_certificates(
        (vectors / "siemens-certs-keys" / "test_cert_chain_len6.pem").read_bytes()
    )
    moment = max(c.not_valid_before_utc for c in certificates) + timedelta(hours=1)
    parsed = [parse_certificate(Holder(certificate, None).der) for certificate in certificates]
    target = next(c for c in parsed if not any(c.subject.der == other.issuer.der for other in parsed if other != c))
    anchor = next(c for c in parsed if c.is_self_issued)
    path = find_path(target, parsed, [anchor], moment)
    assert len(path) == len(parsed) == 6


def _crowd(count: int) -> tuple[Holder, list[Holder]]:
    """CAs of one name, each certified by each other, and a target below them."""
    crowd = [root("Crowd", identifiers=False) for _ in range(count)]
    links = [
        issue("Crowd", above, ca=True, key=below.key, identifiers=False)
        for above in crowd
        for below in crowd
        if above is not below
    ]
    return entity("web", crowd[0], identifiers=False), links


def test_a_crowd_of_cas_that_all_fit_is_given_up():
    target, crowd = _crowd(8)
    began = time.process_time()
    with pytest.raises(Unauthentic) as refused:
        find_path(target.ours, [h.ours for h in crowd], [root("Elsewhere").ours], NOON)
    assert time.process_time() - began < 1
    assert refused.value.why == f"more than {MAX_SIGNATURES} certificates would have to be tried"


def test_a_crowd_of_cas_is_no_trouble_where_one_is_trusted():
    target, crowd = _crowd(4)
    for anchor in (crowd[0], crowd[-1]):
        assert find_path(target.ours, [h.ours for h in crowd], [anchor.ours], NOON)[-1] == anchor.ours


def test_nobody_stands_in_a_path_twice():
    """The same CA in two certificates, by itself and by another, is one CA."""
    top, new = root(), root("CA")
    certified = authority("CA", top, key=new.key)
    web = entity("web", new)
    assert find_path(web.ours, [new.ours, certified.ours], [top.ours], NOON) == (web.ours, certified.ours, top.ours)


def test_constraints_of_nobody_cost_nothing(monkeypatch):
    """Name constraints are compared only on a path that ends at an anchor: strangers could make them costly."""
    asked = []
    monkeypatch.setattr("runner.pki.paths.constraint_violated", lambda *pair: asked.append(pair) or "")
    top, ca, web = chain(3)
    with pytest.raises(Unauthentic):
        find_path(web.ours, [ca.ours, top.ours], [root("Elsewhere").ours], NOON)
    assert asked == []
    find_path(web.ours, [ca.ours], [top.ours], NOON)
    assert asked == [(ca.ours, web.ours), (top.ours, web.ours), (top.ours, ca.ours)]


BAD_VALUE = b"\x07\x01\x00"


def unreadable(oid: str):
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), BAD_VALUE)


@pytest.mark.parametrize("oid", ["2.5.29.14", "2.5.29.15", "2.5.29.19", "2.5.29.30"])
def test_a_ca_that_cannot_be_read_is_no_link_and_stands_in_nobodys_way(oid):
    top = root()
    ca = authority("CA", top)
    broken = issue("CA", top, key=ca.key, identifiers=False, more=((unreadable(oid), False),))
    web = entity("web", ca)
    with pytest.raises(Unauthentic, match="no certification path"):
        find_path(web.ours, [broken.ours], [top.ours], NOON)
    assert find_path(web.ours, [broken.ours, ca.ours], [top.ours], NOON) == (web.ours, ca.ours, top.ours)


@pytest.mark.parametrize("oid", ["2.5.29.35", "2.5.29.19"])
def test_a_target_that_cannot_be_read(oid):
    top = root()
    web = issue("web", top, identifiers=False, more=((unreadable(oid), False),))
    if oid == "2.5.29.35":
        with pytest.raises(Unauthentic, match="no certification path"):
            find_path(web.ours, [], [top.ours], NOON)
    else:
        assert find_path(web.ours, [], [top.ours], NOON)[-1] == top.ours


def test_a_link_between_cas_is_verified_once(monkeypatch):
    seen = []
    top, ca, web = chain(3)
    real = find_path.__globals__["verify_signature"]
    monkeypatch.setattr("runner.pki.paths.verify_signature", lambda *what: seen.append(what[3]) or real(*what))
    for _ in range(3):
        find_path(web.ours, [ca.ours], [top.ours], NOON)
    assert seen.count(ca.ours.tbs) == 1
    assert seen.count(web.ours.tbs) == 3


def test_dates_at_the_edge_of_the_calendar():
    top = root()
    web = replace(entity("web", top).ours, not_before=datetime(1, 1, 1, tzinfo=UTC))
    assert find_path(web, [], [top.ours], NOON)
    with pytest.raises(Unauthentic) as refused:
        find_path(replace(web, not_after=datetime(1, 1, 1, tzinfo=UTC)), [], [top.ours], NOON)
    assert "expired on" in refused.value.why
