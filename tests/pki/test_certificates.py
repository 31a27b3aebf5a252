"""Certificates as data, judged by `cryptography` and openssl; and the files that hold them."""

from __future__ import annotations

import base64
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from support import codec
from support.ambient import NOON
from support.certificates import certificate_der

from runner.asn1.der import elements, open_sequence, tlv
from runner.asn1.structures import decode, encode
from runner.asn1.x509 import Extension, Signed, TBSCertificate
from runner.errors import Malformed
from runner.pki.certificates import (
    MAX_CERTIFICATE,
    certificates_in,
    parse_certificate,
    readable_certificates,
    renewal_time,
    to_pem,
)

DER = certificate_der()


def forged(der=DER, **changes) -> bytes:
    """A certificate with other fields in its TBSCertificate; its signature is wrong then."""
    signed = decode(Signed, der)
    tbs = decode(TBSCertificate, signed.tbs)
    fields = {name: getattr(tbs, name) for name in TBSCertificate.__dataclass_fields__}
    return encode(
        Signed(
            tbs=encode(TBSCertificate(**fields | changes)),
            signature_algorithm=signed.signature_algorithm,
            signature=signed.signature,
        )
    )


def certificate_files(folder):
    """The files with certificates among the recorded vectors."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".pem", ".crt") and b"CERTIFICATE-----" in path.read_bytes():
            yield path


@pytest.mark.filterwarnings("ignore:Parsed a serial number which wasn't positive")
def test_every_recorded_certificate_says_what_cryptography_reads(vectors):
    seen = 0
    for path in certificate_files(vectors):
        octets = path.read_bytes()
        if b"BEGIN CERTIFICATE-----" not in octets:
            continue
        judges = x509.load_pem_x509_certificates(octets)
        for ours, judge in zip(certificates_in(octets), judges, strict=True):
            seen += 1
            assert ours.der == judge.public_bytes(Encoding.DER), path
            assert (ours.subject.der, ours.issuer.der) == (judge.subject.public_bytes(), judge.issuer.public_bytes())
            assert ours.serial == judge.serial_number
            assert (ours.not_before, ours.not_after) == (judge.not_valid_before_utc, judge.not_valid_after_utc)
            assert ours.signature == judge.signature
            assert ours.tbs == judge.tbs_certificate_bytes
            assert ours.signature_algorithm.algorithm == judge.signature_algorithm_oid.dotted_string
            told = [(e.oid.dotted_string, e.critical) for e in judge.extensions]
            assert [(e.extn_id, e.critical) for e in ours.extensions] == told
    assert seen > 60


def test_openssl_reads_the_same(openssl):
    told = subprocess.run(
        [openssl, "x509", "-inform", "DER", "-noout", "-fingerprint", "-sha256", "-serial"],
        input=DER,
        capture_output=True,
        check=True,
    )
    certificate = parse_certificate(DER)
    assert f"serial={certificate.serial:06X}".encode() in told.stdout
    assert certificate.fingerprint.upper().encode() in told.stdout.replace(b":", b"")


def test_the_key_in_it():
    judge = x509.load_der_x509_certificate(DER).public_key()
    info = judge.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert parse_certificate(DER).public_key_info == info


def test_it_shows_names_and_no_octets():
    assert repr(parse_certificate(DER)).startswith("Certificate(subject=Name(")
    assert "tbs" not in repr(parse_certificate(DER))


TWICE = Extension(extn_id="2.5.29.19", extn_value=b"\x30\x00")
REFUSED = {
    "an extension twice": (forged(extensions=(TWICE, TWICE)), "an extension twice"),
    "an extension twice with other values": (
        forged(extensions=(TWICE, Extension(extn_id="2.5.29.19", critical=True, extn_value=b"\x30\x03\x01\x01\xff"))),
        "an extension twice",
    ),
    "two signature algorithms": (
        forged(signature=decode(TBSCertificate, decode(Signed, DER).tbs).signature.__class__(algorithm="1.3.101.113")),
        "two signature algorithms",
    ),
    "a megabyte": (tlv(0x30, bytes(MAX_CERTIFICATE)), "absurdly long"),
    "nothing": (b"", "cut short"),
    "something behind it": (DER + b"\x00", "behind the end"),
    "half of it": (DER[: len(DER) // 2], "longer than what holds it"),
    "a name that is none": (forged(subject=b"\x30\x02\x05\x00"), "unexpected ASN.1"),
    "a serial number without octets": (
        DER.replace(b"\x02\x03\x0a\x1b\x2c\x30", b"\x02\x00\x05\x01\x00\x30"),
        "that nothing needs",
    ),
}


@pytest.mark.parametrize(("der", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused(der, words):
    with pytest.raises(Malformed, match=words):
        parse_certificate(der)


@settings(max_examples=300)
@given(codec.spoiled(DER))
def test_a_spoiled_certificate_is_malformed_or_another(der):
    try:
        certificate = parse_certificate(der)
    except Malformed:
        return
    assert certificate.der == der


UNREADABLE = {
    "rubbish": b"\x30\x00",
    "nothing": b"",
    **{
        oid: forged(extensions=(Extension(extn_id=oid, extn_value=b"\x07\x01\x00"),))
        for oid in ("2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.35", "2.5.29.37")
    },
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_certificates_that_nobody_can_read_are_passed_over(name):
    other = certificate_der("other")
    assert [c.der for c in readable_certificates([UNREADABLE[name], DER, UNREADABLE[name], other, DER])] == [DER, other]


def test_an_unknown_extension_is_no_reason_to_pass_a_certificate_over():
    der = forged(extensions=(Extension(extn_id="1.2.3.4", extn_value=b"\xff"),))
    assert [c.der for c in readable_certificates([der])] == [der]


def test_self_issued_is_said_of_names_that_are_one():
    assert parse_certificate(DER).is_self_issued
    assert parse_certificate(forged(issuer=tlv(0x30, b""))).is_self_issued is False
    same = parse_certificate(DER).subject.der.replace(b"\x0c\x05web-1", b"\x13\x05WEB-1")
    assert parse_certificate(forged(issuer=same)).is_self_issued


# Files.


def openssl_pem(openssl, *options) -> bytes:
    return subprocess.run(
        [openssl, "x509", "-inform", "DER", *options], input=DER, capture_output=True, check=True
    ).stdout


@pytest.mark.parametrize(
    "options",
    [(), ("-text",), ("-trustout",), ("-trustout", "-addtrust", "serverAuth", "-setalias", "anchor")],
    ids=" ".join,
)
def test_what_openssl_writes_is_read(openssl, options):
    assert [c.der for c in certificates_in(openssl_pem(openssl, *options))] == [DER]


def test_openssl_reads_what_we_write(openssl):
    assert to_pem(DER) == openssl_pem(openssl)
    assert to_pem(b"\x05\x00", "X") == b"-----BEGIN X-----\nBQA=\n-----END X-----\n"


OTHER = certificate_der("other")
FILES = {
    "DER": (DER, [DER]),
    "PEM": (to_pem(DER), [DER]),
    "two": (to_pem(DER) + to_pem(OTHER), [DER, OTHER]),
    "text around it": (b"subject=x\n" + to_pem(DER) + b"the end -- of it\n", [DER]),
    "text that begins with a nought": (b"0 s:CN = x\n" + to_pem(DER), [DER]),
    "line ends of Windows": (to_pem(DER).replace(b"\n", b"\r\n"), [DER]),
    "a key beside it": (to_pem(b"\x30\x00", "PRIVATE KEY") + to_pem(DER), [DER]),
    "the old label": (to_pem(DER, "X509 CERTIFICATE"), [DER]),
    "one line": (b"-----BEGIN CERTIFICATE-----\n" + base64.b64encode(DER) + b"\n-----END CERTIFICATE-----", [DER]),
}


@pytest.mark.parametrize(("octets", "ders"), FILES.values(), ids=FILES.keys())
def test_files_that_hold_certificates(octets, ders):
    assert [certificate.der for certificate in certificates_in(octets)] == ders


NO_FILES = {
    "nothing": (b"", "no certificate in it"),
    "text": (b"hello", "no certificate in it"),
    "a key": (to_pem(b"\x30\x00", "PRIVATE KEY"), "no certificate in it"),
    "a request": (to_pem(b"\x30\x00", "CERTIFICATE REQUEST"), "no certificate in it"),
    "an end that is missing": (to_pem(DER).replace(b"END", b"FIN"), "no certificate in it"),
    "an end of something else": (to_pem(DER).replace(b"END CERT", b"END X509 CERT"), "no certificate in it"),
    "half a quartet": (b"-----BEGIN CERTIFICATE-----\nMIIB5\n-----END CERTIFICATE-----\n", "not base64"),
    "PEM of something else": (to_pem(b"\x05\x00"), "unexpected ASN.1"),
    "PEM of nothing": (to_pem(b""), "cut short"),
    "trust settings alone": (to_pem(b"", "TRUSTED CERTIFICATE"), "cut short"),
    "DER with something behind it": (DER + b"\n", "behind the end"),
}


@pytest.mark.parametrize(("octets", "words"), NO_FILES.values(), ids=NO_FILES.keys())
def test_files_that_hold_none(octets, words):
    with pytest.raises(Malformed, match=words):
        certificates_in(octets)


@settings(max_examples=200)
@given(st.binary(max_size=60) | codec.spoiled(to_pem(DER) + to_pem(OTHER)))
def test_any_file_holds_certificates_or_is_malformed(octets):
    try:
        assert certificates_in(octets)
    except Malformed:
        return


def test_a_file_of_beginnings_without_an_end_is_refused_at_once():
    with pytest.raises(Malformed, match="no certificate in it"):
        certificates_in(b"-----BEGIN CERTIFICATE-----\nMIIB\n" * 200_000)


# When it is due.

DUE = [
    (None, None, NOON + timedelta(days=90)),
    (timedelta(days=30), None, NOON + timedelta(days=60)),
    (timedelta(0), None, NOON + timedelta(days=90)),
    (timedelta(days=100), None, NOON - timedelta(days=10)),
    (None, 1 / 3, NOON + timedelta(days=60)),
    (None, 0.0, NOON + timedelta(days=90)),
    (None, 1.0, NOON),
    (timedelta(days=1), 0.5, NOON + timedelta(days=89)),
]


@pytest.mark.parametrize(("before", "share", "moment"), DUE)
def test_renewal_time(before, share, moment):
    assert renewal_time(parse_certificate(DER), before, share) == moment


def test_a_certificate_that_never_ends_is_never_due():
    certificate = parse_certificate(forged(validity=_validity(NOON, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))))
    assert renewal_time(certificate, None, None).year == 9999
    assert renewal_time(certificate, timedelta(days=30), None).year == 9999


def test_a_certificate_of_the_first_day_is_due_whatever_the_wish():
    first = datetime(1, 1, 1, tzinfo=UTC)
    certificate = parse_certificate(forged(validity=_validity(first, first)))
    assert renewal_time(certificate, timedelta(days=30), None) < NOON
    assert renewal_time(parse_certificate(DER), timedelta.max, None) < NOON + timedelta(days=90)


def _validity(start, end):
    return decode(TBSCertificate, decode(Signed, DER).tbs).validity.__class__(not_before=start, not_after=end)


def test_forged_changes_only_what_it_is_told():
    """The helper of this module, judged by itself: nothing changed is nothing changed."""
    assert forged() == DER
    start, stop = open_sequence(forged(serial_number=7))
    assert elements(forged(serial_number=7), start, stop, 3)[2] == elements(DER, *open_sequence(DER), 3)[2]
