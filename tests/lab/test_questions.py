"""genm: every question that the lab knows, the roll-over of its root, and what `cryptography` and openssl say to it."""

from __future__ import annotations

import subprocess
from datetime import timedelta

import pytest
from cryptography import x509
from support import requester as peer

from runner.asn1.cmp import CERT_PROFILE, InfoTypeAndValue
from runner.asn1.der import tlv
from runner.asn1.infotypes import (
    ALGORITHMS,
    CRL_STATUS_LIST,
    CRLS,
    INFO_TYPE_NAMES,
    INFO_TYPES,
    TEXTS,
    CAKeyUpdAnnContent,
    CertReqTemplateContent,
    CRLStatus,
    RootCaKeyUpdateContent,
)
from runner.asn1.primitives import OBJECT_IDENTIFIER
from runner.asn1.structures import Chosen, decode
from runner.asn1.x509 import NULL_DN
from runner.pki.certificates import to_pem
from runner.pki.names import directory_name


def ask(requester, name, value=None, **options):
    """The one item that answers a question."""
    question = InfoTypeAndValue(info_type=INFO_TYPES[name], info_value=value)
    said = requester.begin().ask("genm", (question,), **options)
    assert said.kind == "genp", said.info
    (item,) = said.content
    return INFO_TYPE_NAMES[item.info_type], item.info_value


def load(der):
    return x509.load_der_x509_certificate(der)


def test_the_certificate_to_encrypt_to(lab, newcomer):
    name, der = ask(newcomer, "caProtEncCert")
    assert name == "caProtEncCert"
    usage = load(der).extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.key_encipherment
    assert not usage.digital_signature
    load(der).verify_directly_issued_by(load(lab.ca_certificate))
    assert ask(newcomer, "caProtEncCert")[1] == der


def test_it_is_the_same_after_a_restart(kept):
    newcomer = peer.newcomer_to(kept())
    told = ask(newcomer, "caProtEncCert")
    newcomer.lab = kept()
    assert ask(newcomer, "caProtEncCert") == told


def test_algorithms(newcomer):
    for name in ("signKeyPairTypes", "encKeyPairTypes"):
        told, value = ask(newcomer, name)
        assert told == name
        assert len(ALGORITHMS.decode(value)) == {"signKeyPairTypes": 8, "encKeyPairTypes": 7}[name]
    assert ask(newcomer, "preferredSymmAlg") == ("preferredSymmAlg", bytes.fromhex("300b060960864801650304012a"))
    assert ask(newcomer, "suppLangTags") == ("suppLangTags", TEXTS.encode(("en",)))


@pytest.mark.parametrize(
    ("oid", "value"),
    [
        ("1.2.840.10045.2.1", "301306072a8648ce3d020106082a8648ce3d030107"),
        ("1.2.840.113549.1.1.1", "300d06092a864886f70d0101010500"),
        ("1.2.3", None),
    ],
)
def test_parameters_of_keys(newcomer, oid, value):
    told = ask(newcomer, "keyPairParamReq", OBJECT_IDENTIFIER.encode(oid))
    assert told == ("keyPairParamRep", None if value is None else bytes.fromhex(value))


def test_questions_that_cannot_be_read_are_refused(newcomer):
    for name, value in (("keyPairParamReq", None), ("crlStatusList", b"\x02\x01\x00")):
        question = InfoTypeAndValue(info_type=INFO_TYPES[name], info_value=value)
        said = newcomer.begin().ask("genm", (question,))
        assert said.refusal == ("error", "rejection", ["badDataFormat"])


def test_templates_of_profiles(newcomer):
    def content(*names):
        profile = InfoTypeAndValue(info_type=CERT_PROFILE, info_value=TEXTS.encode(names))
        name, value = ask(newcomer, "certReqTemplate", general_info=(profile,) if names else ())
        assert name == "certReqTemplate"
        return None if value is None else decode(CertReqTemplateContent, value)

    assert content().cert_template.subject == NULL_DN
    assert len(content().key_spec) == 2
    assert [len(content(name).cert_template.extensions) for name in ("", "tls-server", "tls-client")] == [1, 2, 2]
    assert content("nobody knows") is None


def status(lab, this_update=None, kind="issuer"):
    names = tlv(0x30, directory_name(lab.ca_name.der))
    source = Chosen("issuer", names) if kind == "issuer" else Chosen("dpn", tlv(0xA0, tlv(0xA0, names[2:])))
    return CRL_STATUS_LIST.encode((CRLStatus(source=source, this_update=this_update),))


@pytest.mark.parametrize("kind", ["issuer", "dpn"])
def test_crls_that_are_newer(lab, newcomer, clock, kind):
    name, value = ask(newcomer, "crlStatusList", status(lab, kind=kind))
    assert name == "crls"
    (der,) = CRLS.decode(value)
    crl = x509.load_der_x509_crl(der)
    assert crl.is_signature_valid(load(lab.ca_certificate).public_key())
    assert ask(newcomer, "crlStatusList", status(lab, crl.last_update_utc, kind)) == ("crls", None)
    clock.advance(60)
    newcomer.revoke(newcomer.holder().serial)
    assert ask(newcomer, "crlStatusList", status(lab, crl.last_update_utc, kind))[1] is not None


def test_a_crl_is_made_anew_before_it_is_old(newcomer, clock):
    first = ask(newcomer, "currentCRL")
    assert ask(newcomer, "currentCRL") == first
    clock.advance(timedelta(days=4).total_seconds())
    assert ask(newcomer, "currentCRL") != first


def test_crls_of_others_are_not_here(newcomer, clock, entropy):
    from runner.lab.authority import open_lab

    assert ask(newcomer, "crlStatusList", status(open_lab(None, clock, entropy))) == ("crls", None)


def test_before_a_roll_over_there_is_none_to_tell(lab, newcomer):
    assert ask(newcomer, "rootCaCert", lab.ca_certificate) == ("rootCaKeyUpdate", None)
    assert ask(newcomer, "caKeyUpdateInfo") == ("caKeyUpdateInfo", None)


def rolled(kept):
    lab = kept()
    newcomer, old = peer.newcomer_to(lab), lab.ca_certificate
    lab.roll_over()
    return lab, newcomer, old


def test_a_roll_over_with_its_links(kept, clock):
    lab, newcomer, old = rolled(kept)
    assert lab.ca_certificate != old
    name, value = ask(newcomer, "rootCaCert", old)
    assert name == "rootCaKeyUpdate"
    told = decode(RootCaKeyUpdateContent, value)
    assert told.new_with_new == lab.ca_certificate
    new = load(told.new_with_new)
    new.verify_directly_issued_by(new)
    load(told.new_with_old).verify_directly_issued_by(load(old))
    load(told.old_with_new).verify_directly_issued_by(new)
    assert load(told.new_with_old).public_key() == new.public_key()
    assert load(told.old_with_new).public_key() == load(old).public_key()
    assert ask(newcomer, "rootCaCert") == (name, value)
    assert ask(newcomer, "rootCaCert", lab.ca_certificate) == ("rootCaKeyUpdate", None)
    announced = decode(CAKeyUpdAnnContent, ask(newcomer, "caKeyUpdateInfo")[1])
    assert (announced.new_with_old, announced.old_with_new) == (told.new_with_old, told.old_with_new)


def test_openssl_follows_the_link(kept, openssl, tmp_path):
    lab, newcomer, old = rolled(kept)
    update = decode(RootCaKeyUpdateContent, ask(newcomer, "rootCaCert", old)[1])
    said = newcomer.enrol(peer.new_key(), implicit=True)
    assert said.message.extra_certs == (lab.ca_certificate, update.new_with_old)
    files = {"old": old, "new": lab.ca_certificate, "link": update.new_with_old, "web": said.der}
    for name, der in files.items():
        (tmp_path / name).write_bytes(to_pem(der))

    def verified(*words):
        command = [openssl, "verify", "-attime", "1772366500", *words, "web"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0

    assert verified("-CAfile", "new")
    assert verified("-CAfile", "old", "-untrusted", "link")
    assert not verified("-CAfile", "old")


def test_a_roll_over_lasts_and_may_come_again(kept, tmp_path):
    lab, newcomer, _ = rolled(kept)
    second = lab.ca_certificate
    assert kept().ca_certificate == second
    lab = newcomer.lab = kept()
    lab.roll_over()
    names = {path.name for path in (tmp_path / "lab").iterdir() if path.name.startswith("ca")}
    assert names == {
        "ca.key", "ca.pem", "ca-2.key", "ca-2.pem", "ca-3.key", "ca-3.pem",
        "ca-1-with-2.pem", "ca-2-with-1.pem", "ca-2-with-3.pem", "ca-3-with-2.pem",
    }  # fmt: skip
    assert lab.ca_certificate_path == tmp_path / "lab" / "ca-3.pem"
    update = decode(RootCaKeyUpdateContent, ask(newcomer, "rootCaCert", second)[1])
    load(update.new_with_old).verify_directly_issued_by(load(second))


def test_a_roll_over_cut_short_never_was(kept, tmp_path):
    lab, _, old = rolled(kept)
    (tmp_path / "lab" / "ca-2.pem").unlink()
    assert kept().ca_certificate == old
    del lab


def test_holders_go_on_after_a_roll_over(kept):
    lab = kept()
    holder = peer.newcomer_to(lab).holder()
    lab.roll_over()
    said = holder.enrol(peer.new_key(), kind="kur")
    assert said.kind == "kup"
    load(said.der).verify_directly_issued_by(load(lab.ca_certificate))
    assert holder.confirm(said).kind == "pkiconf"
    assert holder.revoke(holder.serial).status == "accepted"
