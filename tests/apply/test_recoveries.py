"""Private keys fetched from the CA (krr, krp), through manifests, end to end; `openssl` judges the pairs."""

from __future__ import annotations

import pytest
from support.archive import Archive, is_a_pair
from support.peers import Reply

from runner.asn1.cmp import PKIMessage
from runner.asn1.structures import decode
from runner.asn1.x509 import SubjectPublicKeyInfo

RECOVERY = 'recoveries:\n  - {name: mail, subject: "C=FI, O=Example, CN=mail", output: out/mail'
PROTOCOL = "protocol_encryption_key: rsa:2048"


@pytest.fixture
def archive(peer):
    peer.behave = Archive()
    return peer.behave


def asking(at_peer, more="", version=3, authority=PROTOCOL):
    return at_peer.ask(f"{RECOVERY}{more}}}\n", more=f"version: {version}\n    {authority}")


@pytest.mark.parametrize("version", [2, 3])
def test_every_key_of_the_history_is_kept_with_its_certificate(at_peer, archive, openssl, version):
    site = asking(at_peer, version=version)
    assert site.verbs() == {"mail": ("recover", ["asked"])}
    done = site.apply()
    assert (done.status, done.outcomes) == (0, {"mail": "recovered"}), done.items
    assert is_a_pair(site, openssl, "out/mail-0")
    assert is_a_pair(site, openssl, "out/mail-1")
    assert site.file("out/mail-0.prv").stat().st_mode & 0o777 == 0o600
    assert not site.file("out/mail.protocol").exists()
    (message,) = archive.requests
    (request,) = message.body.value
    assert (message.header.pvno, request.popo) == (version, None)
    assert request.cert_req.cert_template.public_key is None
    (control,) = request.cert_req.controls
    assert control.type == "1.3.6.1.5.5.7.5.1.6"
    assert decode(SubjectPublicKeyInfo, control.value).algorithm.algorithm == "1.2.840.113549.1.1.1"
    assert site.apply().outcomes == {"mail": "unchanged"}


def test_each_recovery_has_a_protocol_key_of_its_own(at_peer, archive):
    asking(at_peer).apply()
    asking(at_peer, more=", depends_on: []").apply()
    site = at_peer.ask(f"{RECOVERY.replace('CN=mail', 'CN=post')}}}\n", more=PROTOCOL)
    site.apply()
    keys = [message.body.value[0].cert_req.controls[0].value for message in archive.requests]
    assert len(set(keys)) == len(keys) == 2


def test_a_new_key_is_certified_with_it(at_peer, archive, openssl):
    done = asking(at_peer, more=", new_key: 'generate://pkcs8@ec:p256/out/signing'").apply()
    assert done.outcomes == {"mail": "recovered"}, done.items
    (message,) = archive.requests
    assert message.body.value[0].popo.name == "signature"
    assert archive.confirmed[0].status_info is None
    assert is_a_pair(at_peer, openssl, "out/mail-1")
    assert is_a_pair(at_peer, openssl, "out/mail-2")
    at_peer.file("out/mail-0.prv").write_bytes(at_peer.file("out/signing.prv").read_bytes())
    assert is_a_pair(at_peer, openssl, "out/mail-0")


def test_keys_are_kept_under_a_passphrase(at_peer, archive, openssl, monkeypatch):
    monkeypatch.setenv("KEY_PASS", "correct horse")
    done = asking(at_peer, more=', save_as: "pkcs8s:${env:KEY_PASS}"').apply()
    assert done.outcomes == {"mail": "recovered"}, done.items
    assert b"ENCRYPTED" in at_peer.file("out/mail-0.prv").read_bytes()
    assert is_a_pair(at_peer, openssl, "out/mail-0", "pass:correct horse")


def test_a_key_of_another_certificate_is_not_kept(at_peer, archive):
    archive.strangers_key = True
    done = asking(at_peer).apply()
    assert done.outcomes == {"mail": "failed"}
    assert "not that of the certificate" in done.error("mail")
    assert not list(at_peer.folder.glob("out/mail-*"))


def test_what_is_encrypted_for_somebody_else_is_not_kept(at_peer, archive):
    archive.to_another = True
    done = asking(at_peer).apply()
    assert "cannot be opened" in done.error("mail")
    assert not list(at_peer.folder.glob("out/mail-*"))


def test_a_no_of_the_ca(at_peer, archive):
    archive.refuses = True
    done = asking(at_peer).apply()
    assert done.outcomes == {"mail": "failed"}
    assert "the CA refused: rejection" in done.error("mail")
    assert not at_peer.file("out/mail.protocol").exists()


def test_polling(at_peer, archive, openssl):
    archive.waits = 2
    done = asking(at_peer).apply()
    assert done.outcomes == {"mail": "recovered"}, done.items
    assert is_a_pair(at_peer, openssl, "out/mail-0")


def test_what_takes_too_long_is_pending_and_the_next_apply_finishes_it(at_peer, archive, openssl):
    archive.waits = 2
    site = asking(at_peer, authority=f"{PROTOCOL}\n    polling: {{max_wait: 0s}}")
    assert site.apply().outcomes == {"mail": "pending"}
    assert site.file("out/mail.protocol").exists()
    assert site.file("out/mail.protocol").stat().st_mode & 0o777 == 0o600
    archive.open = {key: (request, 1) for key, (request, _) in archive.open.items()}
    site = asking(at_peer)
    assert site.apply().outcomes == {"mail": "recovered"}
    assert is_a_pair(site, openssl, "out/mail-0")
    assert not site.file("out/mail.protocol").exists()


def test_an_answer_that_was_lost_is_fetched_again(at_peer, archive, openssl):
    answered = archive.__call__

    def loses(lab, request, number):
        answered(lab, request, number)
        return Reply(hangs_up=True)

    at_peer.peer.behave = loses
    site = asking(at_peer)
    assert site.apply().outcomes == {"mail": "unknown"}
    at_peer.peer.behave = archive
    assert site.apply().outcomes == {"mail": "recovered"}
    assert is_a_pair(site, openssl, "out/mail-0")


def test_files_that_are_there_are_never_overwritten(at_peer, archive, openssl):
    at_peer.file("out").mkdir()
    at_peer.file("out/mail-0.prv").write_text("mine")
    done = asking(at_peer).apply()
    assert done.outcomes == {"mail": "recovered"}
    assert at_peer.file("out/mail-0.prv").read_text() == "mine"
    assert is_a_pair(at_peer, openssl, "out/mail-1")
    assert is_a_pair(at_peer, openssl, "out/mail-2")


REFUSED = {
    "one file": (", output: {file: out/one.crt}", "recoveries write PREFIX-N.prv"),
    "a token": (', save_as: "pkcs11"', "save_as"),
    "a format that is none": (", save_as: pkcs99", "unknown save type"),
}


@pytest.mark.parametrize(("more", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused(at_peer, more, words):
    head = RECOVERY.replace(", output: out/mail", "") if "output" in more else RECOVERY
    done = at_peer.ask(f"{head}{more}}}\n").apply()
    assert done.status == 1
    assert words in done.err
    assert at_peer.peer.requests == []


def test_no_key_leaves_its_file(at_peer, archive):
    asking(at_peer).apply()
    secret = at_peer.file("out/mail-0.prv").read_bytes().splitlines()[1]
    others = [path for path in at_peer.folder.rglob("*") if path.is_file() and path.name != "mail-0.prv"]
    assert all(secret not in path.read_bytes() for path in others)
    assert all(decode(PKIMessage, request) for request in at_peer.peer.requests)
