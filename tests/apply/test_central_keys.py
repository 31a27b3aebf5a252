"""Keys that the CA makes (RFC 9483 §4.1.6), through manifests, end to end; `openssl` judges what was stored."""

from __future__ import annotations

import subprocess
from datetime import timedelta

import pytest
from support.keycentre import CM_RA, KeyCentre
from support.site import CREDENTIALS, entries, entry

from runner.asn1.archive import PKI_ARCHIVE_OPTIONS
from runner.asn1.cmp import PKI_STATUS, PKIMessage
from runner.asn1.structures import decode
from runner.asn1.x509 import SubjectPublicKeyInfo
from runner.pki.private_keys import PKI_ARCHIVE_OPTIONS_CONTROL

CENTRAL = ", key_generation: central"


@pytest.fixture
def centre(peer):
    peer.behave = KeyCentre()
    return peer.behave


def is_a_pair(site, openssl, key="out/web.prv", certificate="out/web-0.crt"):
    public = [openssl, "x509", "-in", certificate, "-noout", "-pubkey"]
    private = [openssl, "pkey", "-in", key, "-pubout"]
    said = {subprocess.run(each, cwd=site.folder, capture_output=True, check=True).stdout for each in (public, private)}
    return len(said) == 1


def messages(at_peer):
    return [decode(PKIMessage, octets) for octets in at_peer.peer.requests]


def test_a_key_under_our_shared_secret(at_peer, centre, openssl):
    done = at_peer.ask(entries(entry(more=CENTRAL))).apply()
    assert (done.status, done.outcomes) == (0, {"web": "issued"})
    assert is_a_pair(at_peer, openssl)
    assert at_peer.file("out/web.prv").stat().st_mode & 0o777 == 0o600
    (template,) = centre.templates
    wish = decode(SubjectPublicKeyInfo, template.public_key)
    assert (wish.algorithm.algorithm, wish.subject_public_key) == ("1.2.840.10045.2.1", b"")
    assert {message.header.pvno for message in messages(at_peer)} == {3}
    assert messages(at_peer)[0].body.value[0].popo is None
    assert at_peer.apply().outcomes == {"web": "unchanged"}


def test_the_plan_says_who_makes_the_key(at_peer, centre):
    site = at_peer.ask(entries(entry(more=CENTRAL)))
    assert site.verbs() == {"web": ("enroll", ["no-certificate", "central"])}
    assert "the CA makes the key" in " ".join(site.plan().out.split())


def test_a_key_of_any_kind(at_peer, centre, openssl):
    centre.kind = "rsa"
    done = at_peer.ask(entries(entry(more=", key_generation: central-any"))).apply()
    assert done.outcomes == {"web": "issued"}
    assert centre.templates[0].public_key is None
    assert is_a_pair(at_peer, openssl)
    assert at_peer.apply().outcomes == {"web": "unchanged"}


OPERATORS = {"rsa:2048": "ktri", "ec:p256": "kari"}


def as_operator(at_peer, kind, *, more=CENTRAL, authority=""):
    """An operator with a certificate, who then asks for a key that the CA makes."""
    made = at_peer.ask(entries(entry(f"generate://pkcs8@{kind}/op", name="op", output="op"))).apply()
    assert made.outcomes == {"op": "issued"}
    at_peer.peer.requests.clear()
    credentials = f"{CREDENTIALS}\n  op: {{certificate: op-0.crt, key: 'file:op.prv'}}"
    return at_peer.ask(entries(entry(more=f"{more}, credential: op")), credentials=credentials, more=authority)


@pytest.mark.parametrize("kind", OPERATORS)
def test_a_key_for_the_certificate_that_asks(at_peer, centre, openssl, kind):
    done = as_operator(at_peer, kind).apply()
    assert done.outcomes == {"web": "issued"}, done.items
    assert is_a_pair(at_peer, openssl)


@pytest.mark.parametrize("kind", OPERATORS)
def test_a_key_signed_and_sealed_by_openssl(at_peer, centre, openssl, tmp_path, kind):
    site = as_operator(at_peer, kind)
    centre.openssl, centre.folder = openssl, tmp_path
    assert site.apply().outcomes == {"web": "issued"}
    assert is_a_pair(at_peer, openssl)


def test_an_operator_whose_key_only_signs_is_told_before_anything_is_sent(at_peer, centre):
    done = as_operator(at_peer, "ed25519").apply()
    assert done.status == 3
    assert "the credential's key only signs" in done.error("web")
    assert at_peer.peer.requests == []


@pytest.mark.parametrize("version", [2, 3])
def test_a_key_for_a_protocol_encryption_key(at_peer, centre, openssl, version):
    """EJBCA's way: protocolEncrKey, and in version 2 an EncryptedValue."""
    authority = f"version: {version}\n    protocol_encryption_key: rsa:2048"
    done = as_operator(at_peer, "ed25519", authority=authority).apply()
    assert done.outcomes == {"web": "issued"}, done.items
    assert is_a_pair(at_peer, openssl)
    assert {message.header.pvno for message in messages(at_peer)} == {version}
    assert not at_peer.file("out/web.prv.protocol").exists()


WRONG = {
    "another key in the certificate": ({"other_key_in_certificate": True}, "another key than ours"),
    "no private key at all": ({"sends_no_key": True}, "sends no private key"),
    "another kind": ({"kind": "rsa"}, "another kind of key"),
    "nobody signed": ({"bare": True}, "nobody signed for the private key"),
}


@pytest.mark.parametrize(("fault", "words"), WRONG.values(), ids=WRONG)
def test_what_is_not_to_be_believed_is_rejected_and_not_kept(at_peer, centre, fault, words):
    for name, value in fault.items():
        setattr(centre, name, value)
    done = at_peer.ask(entries(entry(more=CENTRAL))).apply()
    assert done.outcomes == {"web": "failed"}
    assert words in done.error("web")
    assert centre.confirmed.status == PKI_STATUS.index("rejection")
    assert not list(at_peer.folder.glob("out/*"))


def test_who_makes_keys_must_be_a_key_generation_authority(at_peer, centre):
    site = as_operator(at_peer, "ec:p256")
    centre.purpose = CM_RA
    done = site.apply()
    assert "is no key generation authority" in done.error("web")
    assert not at_peer.file("out/web.prv").exists()


def test_a_renewal_brings_a_new_key(at_peer, centre, openssl, shift):
    site = at_peer.ask(entries(entry(more=CENTRAL + ", renew_before: 25d")))
    assert site.apply().outcomes == {"web": "issued"}
    before = at_peer.file("out/web.prv").read_bytes()
    shift(timedelta(days=10))
    assert site.apply().outcomes == {"web": "updated"}
    assert at_peer.file("out/web.prv").read_bytes() != before
    assert messages(at_peer)[2].body.name == "kur"
    assert is_a_pair(at_peer, openssl)


def test_implicit_confirmation(at_peer, centre, openssl):
    centre.implicit = True
    done = at_peer.ask(entries(entry(more=CENTRAL)), more="implicit_confirm: true").apply()
    assert done.outcomes == {"web": "issued"}
    assert len(at_peer.peer.requests) == 1
    assert is_a_pair(at_peer, openssl)


def test_backup_of_what_the_ca_makes_is_a_word(at_peer, centre):
    at_peer.ask(entries(entry(more=CENTRAL + ", backup: true"))).apply()
    (control,) = [each for each in centre.controls[0] if each.type == PKI_ARCHIVE_OPTIONS_CONTROL]
    chosen = PKI_ARCHIVE_OPTIONS.decode(control.value)
    assert (chosen.name, chosen.value) == ("archiveRemGenPrivKey", True)


REFUSED = {
    "a key that is here": (entry("file:web.prv", more=CENTRAL), "the key is here already"),
    "a proof": (entry(more=CENTRAL + ", proof_of_possession: signature"), "there is nothing to prove"),
    "none of a key of ours": (entry(more=", proof_of_possession: none"), "none is for keys that the CA makes"),
    "p10cr": (entry(more=CENTRAL + ", request: p10cr"), "a PKCS #10 request is for a key that is here"),
}


@pytest.mark.parametrize(("item", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused(at_peer, item, words):
    at_peer.file("web.prv").touch()
    done = at_peer.ask(entries(item)).apply()
    assert done.status == 1
    assert words in done.err
    assert at_peer.peer.requests == []


def test_the_key_is_there_before_the_ca_hears_of_acceptance(at_peer, centre):
    seen = []

    def behave(lab, request, number):
        kinds = decode(PKIMessage, request).body.name
        seen.append((kinds, bool(list(at_peer.folder.glob("out/web.prv*")))))
        return centre(lab, request, number)

    at_peer.peer.behave = behave
    at_peer.ask(entries(entry(more=CENTRAL))).apply()
    assert seen == [("ir", False), ("certConf", True)]


def test_what_was_cut_off_after_the_answer_goes_on(at_peer, centre, openssl):
    """certConf is not answered: the next apply has the key from the journal and the file, and finishes."""
    from support.peers import Reply

    def behave(lab, request, number):
        if decode(PKIMessage, request).body.name == "certConf":
            return Reply(hangs_up=True)
        return centre(lab, request, number)

    at_peer.peer.behave = behave
    site = at_peer.ask(entries(entry(more=CENTRAL)))
    assert site.apply().outcomes == {"web": "unknown"}
    (key,) = at_peer.folder.glob("out/web.prv*")
    key.unlink()  # even so: the journal has it, encrypted as it came
    at_peer.peer.behave = centre
    assert site.apply().outcomes == {"web": "issued"}
    assert is_a_pair(at_peer, openssl)
    assert len(centre.made) == 1
