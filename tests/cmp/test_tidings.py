"""What a genp tells is verified before anybody uses it: roots by link certificates, CRLs by their issuer.

Judged by recorded certificates, CRLs and templates of other implementations.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from support import answering as a
from support.hierarchy import CERT_SIGN, SIGN, authority, entity, issue, root

from runner.asn1.algorithms import AlgorithmIdentifier
from runner.asn1.cmp import InfoTypeAndValue
from runner.asn1.infotypes import (
    ALGORITHMS,
    CRLS,
    INFO_TYPES,
    OIDS,
    CAKeyUpdAnnContent,
    CertReqTemplateContent,
    RootCaKeyUpdateContent,
)
from runner.asn1.structures import decode, encode
from runner.cmp.questions import QUESTIONS, Known, items_of
from runner.cmp.tidings import Circumstances, tidings_in
from runner.errors import Mismatch, ProtocolError, Unauthentic
from runner.execute.templating import template_text
from runner.pki.certificates import certificates_in

IN_2026 = datetime(2026, 1, 15, 12, tzinfo=UTC)
KEEPS = frozenset({"key_encipherment"})
GIVEN = Circumstances((a.CA.ours,), (), a.NOON)


def item(name, value=None):
    return InfoTypeAndValue(info_type=INFO_TYPES[name], info_value=value)


def told(what, name, value=None, given=GIVEN):
    return tidings_in(what, (item(name, value),), given)


# Certificates


def test_ca_certificates_are_told_with_their_fingerprints_and_their_standing():
    stranger = a.OTHER_CA
    found = told("caCerts", "caCerts", CRLS.encode((a.CA.der, stranger.der)))
    assert [each.der for each in found.certificates] == [a.CA.der, stranger.der]
    assert a.CA.ours.fingerprint in found.lines[0]
    assert "leads to no anchor" not in found.lines[0]
    assert "leads to no anchor of ours" in found.lines[1]
    assert found.root is None  # nothing of it may become an anchor


def test_an_end_entity_among_ca_certificates_is_refused():
    with pytest.raises(Unauthentic, match="is no CA"):
        told("caCerts", "caCerts", CRLS.encode((a.CA.der, a.DEVICE.der)))


def test_an_encryption_certificate_leads_to_an_anchor():
    keeper = entity("keeper", a.CA, usages=KEEPS)
    assert told("caProtEncCert", "caProtEncCert", keeper.der).certificates[0].der == keeper.der
    for stranger in (entity("keeper", a.OTHER_CA, usages=KEEPS), entity("signer", a.CA, usages=SIGN)):
        with pytest.raises(Unauthentic):
            told("caProtEncCert", "caProtEncCert", stranger.der)


# New roots


OLD = root("Root", usages=CERT_SIGN)
NEW = root("Root", usages=CERT_SIGN)


def linked(subject=NEW, by=OLD, name="Root"):
    """The certificate of a root's key under another root's."""
    return issue(name, by, key=subject.key, ca=True, usages=CERT_SIGN)


def update(new=NEW, link=None, back=None):
    return encode(RootCaKeyUpdateContent(new_with_new=new.der, new_with_old=link, old_with_new=back))


def given(**more):
    return replace(GIVEN, anchors=(OLD.ours,), **more)


def test_a_new_root_that_the_old_one_vouches_for():
    content = update(link=linked().der, back=linked(OLD, NEW).der)
    found = told("rootCaKeyUpdate", "rootCaKeyUpdate", content, given(root=OLD.ours))
    assert found.root.der == NEW.der
    assert len(found.certificates) == 3
    assert OLD.ours.fingerprint in found.lines[0]


def test_the_form_of_cmp_version_2_has_another_order():
    content = encode(
        CAKeyUpdAnnContent(old_with_new=linked(OLD, NEW).der, new_with_old=linked().der, new_with_new=NEW.der)
    )
    assert told("caKeyUpdateInfo", "caKeyUpdateInfo", content, given()).root.der == NEW.der


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (update(), "without newWithOld"),
        (update(link=linked(by=a.OTHER_CA).der), "no root of ours signed"),
        (update(link=linked(subject=root("Another")).der), "not for the key and the name"),
        (update(link=linked(name="Other").der), "not for the key and the name"),
        (update(new=a.DEVICE, link=linked().der), "no root certificate"),
        (update(link=linked().der, back=linked(a.CA, NEW).der), "oldWithNew"),
        (update(link=linked().der, back=linked(OLD, a.OTHER_CA).der), "oldWithNew"),
    ],
)
def test_a_new_root_with_one_thing_wrong(content, words):
    with pytest.raises(Unauthentic, match=words):
        told("rootCaKeyUpdate", "rootCaKeyUpdate", content, given(root=OLD.ours))


def test_the_root_that_was_asked_about_vouches_and_no_other():
    content = update(link=linked().der)
    with pytest.raises(Unauthentic, match="no root of ours"):
        told("rootCaKeyUpdate", "rootCaKeyUpdate", content, given(root=a.CA.ours))


def test_a_root_that_is_over_is_no_new_root():
    with pytest.raises(Unauthentic, match="not valid today"):
        told("rootCaKeyUpdate", "rootCaKeyUpdate", update(link=linked().der), given(now=a.NOON + timedelta(days=4000)))


def recorded(vectors, name):
    return certificates_in((vectors / name).read_bytes())[0]


def test_the_recorded_root_update_of_gencmpclient(vectors):
    new, link, back, old = (
        recorded(vectors, f"gencmpclient/{name}.pem")
        for name in ("newWithNew", "newWithOld", "oldWithNew", "oldWithOld")
    )
    content = encode(RootCaKeyUpdateContent(new_with_new=new.der, new_with_old=link.der, old_with_new=back.der))
    found = told("rootCaKeyUpdate", "rootCaKeyUpdate", content, Circumstances((old,), (), IN_2026, old))
    assert found.root == new


def test_the_recorded_link_of_the_cmp_test_suite_bears_another_name(vectors):
    new, link, old = (
        recorded(vectors, f"siemens-certs-keys/{name}.pem") for name in ("new_root_ca", "new_with_old", "old_root_ca")
    )
    content = encode(RootCaKeyUpdateContent(new_with_new=new.der, new_with_old=link.der))
    with pytest.raises(Unauthentic, match="not for the key and the name"):
        told("rootCaKeyUpdate", "rootCaKeyUpdate", content, Circumstances((old,), (), IN_2026, old))


# CRLs


def crl(by=a.CA, *, this=a.NOON - timedelta(days=1), until=a.NOON + timedelta(days=7), revoked=(4711,)):
    builder = x509.CertificateRevocationListBuilder(by.certificate.subject, this, until)
    for serial in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(this).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(by.key, None).public_bytes(Encoding.DER)


def spoiled(octets):
    return octets[:-1] + bytes([octets[-1] ^ 1])


LISTS_SIGNER = root("CRL CA", usages=CERT_SIGN)
WITH_LISTS = replace(GIVEN, anchors=(LISTS_SIGNER.ours,))


def test_a_crl_that_its_issuer_signed():
    octets = crl(LISTS_SIGNER)
    assert told("currentCrl", "currentCRL", octets, WITH_LISTS).crls == (octets,)
    found = told("crls", "crls", CRLS.encode((octets,)), WITH_LISTS)
    assert "1 entries" in found.lines[0]


@pytest.mark.parametrize(
    ("octets", "more"),
    [
        (crl(a.OTHER_CA), {}),
        (crl(LISTS_SIGNER, until=a.NOON - timedelta(hours=1)), {}),
        (crl(LISTS_SIGNER), {"this_update": a.NOON}),
        (spoiled(crl(LISTS_SIGNER)), {}),
    ],
    ids=["of a stranger", "over", "older than ours", "changed"],
)
def test_a_crl_with_one_thing_wrong(octets, more):
    with pytest.raises(ProtocolError):
        told("currentCrl", "currentCRL", octets, replace(WITH_LISTS, **more))


def test_a_crl_by_an_issuer_that_came_along_and_leads_to_an_anchor():
    issuing = authority("Issuing CA", LISTS_SIGNER, usages=CERT_SIGN)
    along = replace(WITH_LISTS, along=(issuing.ours,))
    assert told("currentCrl", "currentCRL", crl(issuing), along).crls
    with pytest.raises(Unauthentic):
        told("currentCrl", "currentCRL", crl(issuing), WITH_LISTS)


def test_the_recorded_crl_of_siemens_is_over(vectors):
    octets = (vectors / "siemens-ra-creds/CRL.der").read_bytes()
    with pytest.raises(Unauthentic, match="not signed by an issuer that we trust"):
        told("currentCrl", "currentCRL", octets)


# Templates and abilities


def test_the_recorded_template_of_siemens_reads_as_an_operator_writes_it(vectors):
    """Its keySpec has an INTEGER under algId, where rsaKeyLen belongs."""
    octets = (vectors / "siemens-ra-creds/CertTemplate.der").read_bytes()
    found = told("certReqTemplate", "certReqTemplate", octets)
    assert found.template == decode(CertReqTemplateContent, octets)
    text = template_text("server", found.template)
    assert 'subject: "CN=test"' in text
    assert "# key: rsa:2048" in text


def test_algorithms_and_identifiers_are_told():
    algorithms = ALGORITHMS.encode((AlgorithmIdentifier(algorithm="1.2.3"), AlgorithmIdentifier(algorithm="1.2.4")))
    assert told("signKeyPairTypes", "signKeyPairTypes", algorithms).lines == ("1.2.3", "1.2.4")
    assert told("encKeyPairTypes", "encKeyPairTypes", algorithms).lines == ("1.2.3", "1.2.4")
    assert told("preferredSymmAlg", "preferredSymmAlg", encode(AlgorithmIdentifier(algorithm="1.2.5"))).lines == (
        "1.2.5",
    )
    assert told("unsupportedOIDs", "unsupportedOIDs", OIDS.encode(("1.2.3",))).lines == ("1.2.3",)


def test_a_general_question_is_answered_with_anything():
    found = tidings_in("general", (item("currentCRL", b"\x30\x00"), item("caCerts")), GIVEN)
    assert found.lines == ("currentCRL: 2 octets", "caCerts: no value")
    assert tidings_in("general", (), GIVEN).lines == ("the CA told nothing",)


def test_an_answer_to_another_question_and_one_without_a_value():
    with pytest.raises(Mismatch, match="does not tell it"):
        told("caCerts", "currentCRL", b"\x30\x00")
    assert "has no caCerts to tell" in told("caCerts", "caCerts").lines[0]


# Questions


def test_every_question_has_its_item():
    known = Known(a.CA.ours, a.CA.ours.subject, a.NOON)
    about = {"keyPairParamReq": ("1.2.840.10045.2.1",), "suppLangTags": ("fi", "en")}
    for what, question in QUESTIONS.items():
        asked = items_of(what, replace(known, about=about.get(what, ())))
        assert [each.info_type for each in asked] == ([INFO_TYPES[question.asks]] if question.asks else [])
    assert items_of("rootCaKeyUpdate", known)[0].info_value == a.CA.der
    assert items_of("rootCaCert", known)[0].info_value is None
    assert len(items_of("crls", known)[0].info_value) > len(items_of("crlStatusList", known)[0].info_value)


@pytest.mark.parametrize("what", ["rootCaKeyUpdate", "crls"])
def test_what_has_to_be_known_for_a_question(what):
    with pytest.raises(ValueError, match=r"known|there is none"):
        items_of(what, Known())
