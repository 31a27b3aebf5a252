"""Key backup (-B): the private key in the request, encrypted to whom the plan said. `openssl cms` opens it."""

from __future__ import annotations

import subprocess
from contextlib import nullcontext
from datetime import timedelta
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from support.ambient import NOON
from support.answering import CA, OTHER_CA
from support.hierarchy import SIGN, entity
from support.recipients import certificate_for, key_of, pkcs8_der
from support.site import CREDENTIALS, entries, entry

from runner.asn1.archive import PKI_ARCHIVE_OPTIONS
from runner.asn1.cmp import PKIMessage
from runner.asn1.cms import ENC_KEY_WITH_ID, ENVELOPED_DATA, ContentInfo
from runner.asn1.signed import EncKeyWithID
from runner.asn1.structures import decode, encode
from runner.asn1.x509 import Validity
from runner.errors import Unauthentic
from runner.execute.backup import _judged, described
from runner.lab.asked import Asked
from runner.pki.certificates import to_pem
from runner.pki.encrypted_values import open_encrypted_value
from runner.pki.names import parse_name
from runner.pki.opening import PrivateKeyDecrypter

CONTROL = "1.3.6.1.5.5.7.5.1.4"
OPENS = frozenset({"key_encipherment"})
BACKUP = ", backup: true"


def archive_of(kind):
    """A keeper's certificate and key."""
    key = key_of(kind)
    return certificate_for(key.public_key(), name="Archive"), key


def asked(at_peer, *, kind="rsa", key="generate://pkcs8@ec:p256/out/web", version=3, more=""):
    """What apply did with a key to be backed up, and the body of the pkiArchiveOptions that it sent."""
    certificate, _ = archive_of(kind)
    at_peer.file("archive.pem").write_bytes(to_pem(certificate.der))
    items = entries(entry(key, more=BACKUP + more))
    at_peer.ask(items, more=f"encryption_certificate: archive.pem\n    version: {version}")
    planned = at_peer.plan()
    done = at_peer.apply()
    return planned, done, certificate


def archived(at_peer):
    (request,) = decode(PKIMessage, at_peer.peer.requests[0]).body.value
    (control,) = [each for each in request.cert_req.controls if each.type == CONTROL]
    chosen = PKI_ARCHIVE_OPTIONS.decode(control.value)
    assert chosen.name == "encryptedPrivKey"
    return chosen.value


def private_key(at_peer, openssl):
    """The key that was made, as PKCS#8 in DER."""
    command = [openssl, "pkcs8", "-topk8", "-nocrypt", "-in", "out/web.prv", "-outform", "DER"]
    return subprocess.run(command, cwd=at_peer.folder, capture_output=True, check=True).stdout


@pytest.mark.parametrize("kind", ["rsa", "p256"])
def test_openssl_opens_what_was_sent(at_peer, openssl, kind):
    planned, _, certificate = asked(at_peer, kind=kind)
    encrypted = archived(at_peer)
    assert encrypted.name == "envelopedData"
    assert encrypted.value.encrypted_content_info.content_type == ENC_KEY_WITH_ID
    assert certificate.fingerprint in "".join(planned.out.split())
    info = ContentInfo(content_type=ENVELOPED_DATA, content=encode(encrypted.value))
    at_peer.file("sealed.der").write_bytes(encode(info))
    key = archive_of(kind)[1].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    at_peer.file("archive.key").write_bytes(key)
    told = [openssl, "cms", "-cmsout", "-print", "-inform", "DER", "-in", "sealed.der"]
    said = subprocess.run(told, cwd=at_peer.folder, capture_output=True, check=True).stdout.decode()
    assert "enveloped" in said.lower()
    opening = [openssl, "cms", "-decrypt", "-inform", "DER", "-in", "sealed.der", "-inkey", "archive.key"]
    opening += ["-recip", "archive.pem", "-binary"]
    content = subprocess.run(opening, cwd=at_peer.folder, capture_output=True, check=True).stdout
    opened = decode(EncKeyWithID, content)
    assert encode(opened.private_key) == private_key(at_peer, openssl)
    assert b"web" in opened.identifier


def test_version_2_has_an_encrypted_value(at_peer, openssl):
    asked(at_peer, version=2)
    encrypted = archived(at_peer)
    assert encrypted.name == "encryptedValue"
    opened = open_encrypted_value(encrypted.value, PrivateKeyDecrypter(key_of("rsa")))
    assert opened.content == private_key(at_peer, openssl)


def test_version_2_and_a_keeper_whose_key_is_not_rsa(at_peer):
    _, done, _ = asked(at_peer, kind="p256", version=2)
    assert done.status == 3
    assert "EncryptedValue needs an RSA key" in done.error("web")
    assert "version 3" in done.error("web")
    assert at_peer.peer.requests == []


def test_nobody_to_encrypt_to(at_peer):
    at_peer.ask(entries(entry(more=BACKUP)))
    done = at_peer.apply()
    assert done.status == 1
    assert "nothing says whom the key is to be encrypted to" in done.err
    assert "encryption_certificate" in done.err
    assert at_peer.peer.requests == []


def test_a_key_in_a_token_stays_there(at_peer):
    certificate, _ = archive_of("rsa")
    at_peer.file("archive.pem").write_bytes(to_pem(certificate.der))
    token = "generate://pkcs11@ec:p256/token=t;object=web?module-path=/nowhere.so"
    at_peer.ask(entries(entry(token, more=BACKUP)), more="encryption_certificate: archive.pem")
    done = at_peer.apply()
    assert done.status == 1
    assert "a key in a token does not leave it" in done.err


def issued_to_a_keeper(lab):
    """A certificate that leads to the root which is trusted: nothing but the protection speaks against it."""
    office, info = lab._office, PrivateKeyDecrypter(key_of("rsa")).public_key_info
    validity = Validity(not_before=office.now() - timedelta(hours=1), not_after=office.now() + timedelta(days=30))
    return office.issuer.issue(Asked(parse_name("CN=Archive").der, info, (), validity), office.free_serial())


@pytest.mark.parametrize(
    ("keeper", "words"),
    [
        (entity("Archive", CA, usages=OPENS), ""),
        (entity("Archive", OTHER_CA, usages=OPENS), "no certification path"),
        (entity("Archive", CA, usages=SIGN), "nothing may be encrypted"),
    ],
    ids=["right", "of another PKI", "for signatures"],
)
def test_who_is_named_must_lead_to_our_root_and_may_be_encrypted_to(keeper, words):
    access = SimpleNamespace(anchors=(CA.ours,))
    with pytest.raises(Unauthentic, match=words) if words else nullcontext():
        assert _judged(keeper.ours, access, NOON) == keeper.ours


def test_whoever_is_named_is_told_with_a_fingerprint():
    assert described(CA.ours) == f'"{CA.ours.subject}" (SHA-256 {CA.ours.fingerprint})'


def test_an_unauthentic_answer_names_no_keeper(at_peer):
    """Whoever answers a caProtEncCert could read the key: an unprotected answer is not taken, and nothing is sent."""
    keeper = issued_to_a_keeper(at_peer.peer.lab)

    def behave(lab, request, number):
        asked_for = decode(PKIMessage, request)
        if asked_for.body.name != "genm":
            return lab.respond(request)
        from dataclasses import replace

        from runner.asn1.cmp import InfoTypeAndValue
        from runner.asn1.structures import Chosen

        header = replace(
            asked_for.header,
            protection_alg=None,
            sender_nonce=b"another nonce of sixteen",
            recip_nonce=asked_for.header.sender_nonce,
        )
        value = InfoTypeAndValue(info_type=asked_for.body.value[0].info_type, info_value=keeper)
        return encode(PKIMessage(header=header, body=Chosen("genp", (value,))))

    at_peer.peer.behave = behave
    at_peer.ask(entries(entry(more=BACKUP)), more="encryption_certificate: {ask: true}")
    assert "caProtEncCert" in at_peer.plan().out
    done = at_peer.apply()
    assert "its answer cannot be used" in done.error("web")
    assert "the message is not protected" in done.error("web")
    assert [decode(PKIMessage, each).body.name for each in at_peer.peer.requests] == ["genm"]


def test_an_ra_s_word_takes_an_ra_s_credential(at_peer):
    at_peer.ask(entries(entry(more=", proof_of_possession: ra-verified")))
    done = at_peer.apply()
    assert done.status == 1
    assert "ra-verified takes an RA's credential" in done.err
    at_peer.ask(
        entries(entry(more=", proof_of_possession: ra-verified")),
        credentials=CREDENTIALS.replace("iterations", "ra: true, iterations"),
    )
    at_peer.apply()
    (request,) = decode(PKIMessage, at_peer.peer.requests[0]).body.value
    assert request.popo.name == "raVerified"


def test_a_signature_with_input_is_for_requests_without_a_subject(at_peer):
    done = at_peer.ask(entries(entry(more=", proof_of_possession: signature-with-input"))).apply()
    assert done.status == 1
    assert "requests that name no subject" in done.err
    nameless = '  - {name: web, alt_names: ["dns=web.example"], key: "generate://pkcs8@ec:p256/out/web",'
    at_peer.ask(f"enrollments:\n{nameless} output: out/web, proof_of_possession: signature-with-input}}\n")
    at_peer.apply()
    (request,) = decode(PKIMessage, at_peer.peer.requests[0]).body.value
    assert request.popo.value.poposk_input is not None
    assert request.cert_req.cert_template.subject is None


def test_the_key_is_nowhere_but_in_its_envelope(at_peer):
    asked(at_peer)
    told = pkcs8_der(key_of("rsa"))
    assert all(told not in each for each in at_peer.peer.requests)
    secret = at_peer.file("out/web.prv").read_bytes().splitlines()[1]
    for path in at_peer.folder.rglob("*"):
        if path.is_file() and path.name != "web.prv":
            assert secret not in path.read_bytes()
