"""Private keys at the lab: made for requesters, kept in an archive, given back to the rightful owner alone."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)
from support import requester as peer
from support.recipients import key_of, pkcs8_der

from runner.asn1.archive import ENCRYPTED_KEY
from runner.asn1.cms import ENVELOPED_DATA, ContentInfo
from runner.asn1.crmf import Control
from runner.asn1.der import tlv
from runner.asn1.infotypes import INFO_TYPES
from runner.asn1.signed import EncKeyWithID
from runner.asn1.structures import decode, encode
from runner.pki.certificates import parse_certificate
from runner.pki.key_wishes import key_wish
from runner.pki.keyspecs import parse_key_spec
from runner.pki.macs import SharedSecret
from runner.pki.opening import PrivateKeyDecrypter
from runner.pki.private_keys import Judgement, backup_control, open_private_key

PROTOCOL_ENCR_KEY = "1.3.6.1.5.5.7.5.1.6"
ARCHIVE_REMOTE = Control(type="1.3.6.1.5.5.7.5.1.4", value=tlv(0x82, b"\xff"))


def generated(requester, *, wish=None, kind="ir", controls=(), pvno=3, subject="CN=made", implicit=False):
    """A request without a key."""
    wanted = replace(peer.template(peer.new_key(), subject), public_key=wish)
    request = peer.cert_req(None, wanted, popo=None, controls=controls)
    info = (peer.IMPLICIT,) if implicit else ()
    return requester.begin().ask(kind, (request,), pvno=pvno, general_info=info)


def private_key(said, opener, lab=None, now=None):
    """The private key that came, judged by its maker's signature where there is a lab to trust."""
    encrypted = said.content.response[0].certified_key_pair.private_key
    anchors = None if lab is None else (parse_certificate(lab.ca_certificate),)
    return open_private_key(encrypted, opener, Judgement(now, anchors))


def secret_of(lab):
    return SharedSecret(lab.psk.partition(":")[2].encode())


def own_key(kind="rsa"):
    key = key_of(kind, 77)
    return PrivateKeyDecrypter(key), Control(type=PROTOCOL_ENCR_KEY, value=peer.spki(key))


@pytest.mark.parametrize("kind", ["", "rsa", "ec:p384", "ec:p521", "ed25519", "x448", "ml-dsa-65", "ml-kem-768"])
def test_a_key_for_who_knows_the_secret(lab, newcomer, clock, kind):
    wish = key_wish(parse_key_spec(kind)) if kind else None
    said = generated(newcomer, wish=wish)
    assert said.refusal == ("ip", "accepted", [])
    package = private_key(said, secret_of(lab), lab, clock.now())
    assert package.public_key_info == peer.spki(load_der_private_key(package.private_key_info, None))
    public = said.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert public == package.public_key_info
    again = newcomer.send(newcomer.sent)
    assert private_key(again, secret_of(lab), lab, clock.now()).private_key_info == package.private_key_info
    assert newcomer.confirm(said).kind == "pkiconf"


def test_an_unknown_kind_of_key_is_not_made(newcomer):
    said = generated(newcomer, wish=bytes.fromhex("300a300506032a03040301") + b"\x00")
    assert said.refusal == ("ip", "rejection", ["badAlg"])


def test_a_key_for_a_holder(lab, newcomer, clock):
    holder = newcomer.holder()
    said = generated(holder, kind="cr")
    package = private_key(said, PrivateKeyDecrypter(holder.protection.key), lab, clock.now())
    assert package.signer is not None
    assert (
        said.certificate.public_key().public_numbers()
        == load_der_private_key(package.private_key_info, None).public_key().public_numbers()
    )


@pytest.mark.parametrize("kind", ["rsa", "x25519", "ml-kem-768"])
def test_a_key_to_a_protocol_encryption_key(lab, newcomer, clock, kind):
    opener, control = own_key(kind)
    said = generated(newcomer, controls=(control,))
    assert private_key(said, opener, lab, clock.now()).private_key_info


def test_a_key_in_cmp_2000(newcomer, clock):
    opener, control = own_key()
    said = generated(newcomer, controls=(control,), pvno=2)
    assert said.status == "accepted"
    assert private_key(said, opener, now=clock.now()).private_key_info
    for controls in ((), (own_key("p256")[1],)):
        assert generated(newcomer, controls=controls, pvno=2).fail_info == ["badCertTemplate"]


def test_a_lab_that_makes_no_keys(ruled):
    assert generated(ruled(key_generation=False)).refusal == ("ip", "rejection", ["badCertTemplate"])


def test_a_key_that_is_polled_for(ruled, clock):
    newcomer = ruled(waiting_polls=1, check_after=0)
    assert generated(newcomer).status == "waiting"
    newcomer.poll()
    said = newcomer.poll()
    first = private_key(said, secret_of(newcomer.lab), newcomer.lab, clock.now())
    again = newcomer.send(newcomer.sent)
    assert (
        private_key(again, secret_of(newcomer.lab), newcomer.lab, clock.now()).private_key_info
        == first.private_key_info
    )


def encryption_certificate(requester):
    question = peer.InfoTypeAndValue(info_type=INFO_TYPES["caProtEncCert"])
    return parse_certificate(requester.begin().ask("genm", (question,)).content[0].info_value)


def backed_up(requester, key, *, sent=None, subject="CN=mail", enveloped=True, kind="ir"):
    control = backup_control(
        pkcs8_der(sent or key),
        encryption_certificate(requester),
        requester.lab._office.entropy,
        identifier=None,
        enveloped=enveloped,
    )
    request = peer.cert_req(key, peer.template(key, subject), controls=(control,))
    return requester.begin().ask(kind, (request,), pvno=3 if enveloped else 2, general_info=(peer.IMPLICIT,))


def recovered(requester, subject="CN=mail", *, pvno=3, key=None):
    """krp, and the private keys in it."""
    opener, control = own_key()
    wanted = replace(peer.template(key or peer.new_key(), subject), public_key=peer.spki(key) if key else None)
    request = peer.cert_req(key, wanted, popo="signature" if key else None, controls=(control,))
    said = requester.begin().ask("krr", (request,), pvno=pvno)
    assert said.kind == "krp"
    judged = Judgement(requester.lab._office.now(), (parse_certificate(requester.lab.ca_certificate),))
    return said, [
        open_private_key(pair.private_key, opener, judged).private_key_info for pair in said.content.key_pair_hist
    ]


def rejected(said):
    return said.content.status.status == 2 and said.content.status.fail_info == frozenset({4})


@pytest.mark.parametrize("enveloped", [True, False])
@pytest.mark.parametrize("pvno", [2, 3])
def test_a_backup_comes_back(lab, newcomer, enveloped, pvno):
    key = peer.new_key()
    made = backed_up(newcomer, key, enveloped=enveloped)
    assert made.status == "accepted"
    said, keys = recovered(newcomer, pvno=pvno)
    assert said.content.status.status == 0
    assert keys == [pkcs8_der(key)]
    (pair,) = said.content.key_pair_hist
    assert pair.cert_or_enc_cert.value == made.der
    assert said.content.ca_certs == (lab.ca_certificate,)
    assert newcomer.send(newcomer.sent).content.status == said.content.status


def test_a_history_of_keys_in_order_and_only_of_one_name(newcomer):
    keys = [key_of("p256", n) for n in (1, 2, 3)]
    for key in keys:
        backed_up(newcomer, key)
    backed_up(newcomer, key_of("p256", 4), subject="CN=other")
    assert recovered(newcomer)[1] == [pkcs8_der(key) for key in keys]


def test_a_new_key_is_certified_beside_them(lab, newcomer):
    backed_up(newcomer, peer.new_key())
    new = peer.new_key()
    said, _ = recovered(newcomer, key=new)
    certificate = parse_certificate(said.content.new_sig_cert)
    assert certificate.public_key_info == peer.spki(new)
    import hashlib

    content = (peer.CertStatus(cert_hash=hashlib.sha256(said.content.new_sig_cert).digest(), cert_req_id=0),)
    assert newcomer.ask("certConf", content, pvno=3).kind == "pkiconf"
    assert lab._office.ledger.certificate(certificate.serial).state.value == "confirmed"


def test_keys_go_to_the_rightful_owner_alone(lab, newcomer):
    holder, other = newcomer.holder("CN=mail"), newcomer.holder("CN=thief")
    backed_up(holder, peer.new_key(), kind="cr")
    assert recovered(holder)[1]
    for who in (other, newcomer):
        said, keys = recovered(who)
        assert rejected(said)
        assert not keys
    assert rejected(recovered(other, "CN=thief")[0])
    assert rejected(recovered(holder, "CN=nobody")[0])


def test_the_same_name_recovers_what_its_secret_entrusted(newcomer):
    backed_up(newcomer, peer.new_key())
    assert recovered(newcomer.holder("CN=mail"))[1]


def test_an_ra_recovers_for_others(lab, newcomer):
    backed_up(newcomer, peer.new_key())
    der, pem = lab.make_ra("desk")
    ra = peer.Requester(lab, peer.Signature(der, load_pem_private_key(pem, None)))
    assert recovered(ra)[1]


def test_a_key_of_the_labs_making_is_archived_on_request(newcomer):
    generated(newcomer, controls=(ARCHIVE_REMOTE,), subject="CN=mail")
    generated(newcomer, subject="CN=mail")
    assert len(recovered(newcomer)[1]) == 1


def test_what_cannot_be_opened_and_what_is_another_key_is_refused_alike(lab, newcomer):
    key = peer.new_key()
    control = backup_control(
        pkcs8_der(key),
        replace(encryption_certificate(newcomer), public_key_info=peer.spki(key_of("rsa", 9))),
        lab._office.entropy,
        identifier=None,
        enveloped=True,
    )
    broken = newcomer.begin().ask("ir", (peer.cert_req(key, controls=(control,)),), pvno=3)
    other = backed_up(newcomer, key, sent=peer.new_key())
    assert broken.refusal == other.refusal == ("ip", "rejection", ["badRequest"])
    assert broken.info == other.info
    assert not list(lab._office.ledger.certificates())


def test_the_archive_is_encrypted_and_openssl_opens_it(kept, tmp_path, openssl):
    lab = kept()
    key = peer.new_key()
    backed_up(peer.newcomer_to(lab), key)
    folder = tmp_path / "lab"
    (file,) = (folder / "keys").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    private = pkcs8_der(key)
    assert private[-100:] not in file.read_bytes()
    command = [openssl, "cms", "-decrypt", "-inform", "DER", "-in", file, "-binary"]
    keys = ["-recip", folder / "archive.pem", "-inkey", folder / "archive.key", "-out", tmp_path / "opened"]
    assert subprocess.run([*command, *keys], capture_output=True, check=False).returncode == 0
    assert encode(decode(EncKeyWithID, (tmp_path / "opened").read_bytes()).private_key) == private
    assert recovered(peer.newcomer_to(kept()))[1] == [private]


def test_openssl_reads_what_goes_out_to_a_holder(kept, tmp_path, openssl):
    lab = kept()
    holder = peer.newcomer_to(lab).holder()
    said = generated(holder, kind="cr")
    encrypted = ENCRYPTED_KEY.decode(said.content.response[0].certified_key_pair.private_key)
    (tmp_path / "sealed").write_bytes(encode(ContentInfo(content_type=ENVELOPED_DATA, content=encode(encrypted.value))))
    (tmp_path / "own.key").write_bytes(pkcs8_der(holder.protection.key))
    (tmp_path / "own.crt").write_bytes(holder.protection.certificate)

    def run(*words):
        done = subprocess.run([openssl, "cms", *words], cwd=tmp_path, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert b"id-smime-ct-" not in run("-cmsout", "-print", "-inform", "DER", "-in", "sealed")
    words = "-decrypt -inform DER -in sealed -binary -recip own.crt -inkey own.key -keyform DER -out inner"
    run(*words.split())
    signed = tmp_path / "inner"
    signed.write_bytes(encode(ContentInfo(content_type="1.2.840.113549.1.7.2", content=signed.read_bytes())))
    words = (
        f"-verify -inform DER -in inner -binary -CAfile {tmp_path / 'lab' / 'ca.pem'} -purpose any -attime 1772366500"
    )
    run(*words.split(), "-out", "package")
    assert (tmp_path / "package").read_bytes()[:1] == b"\x30"
