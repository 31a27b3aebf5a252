"""`recovery-drill`: keys come back into memory, are judged, and nothing is written anywhere."""

from __future__ import annotations

import pytest
from support.archive import Archive

RECOVERY = 'recoveries:\n  - {name: mail, subject: "C=FI, O=Example, CN=mail", output: out/mail}\n'
OTHER = '  - {name: post, subject: "C=FI, O=Example, CN=post", output: out/post}\n'
PROTOCOL = "version: 3\n    protocol_encryption_key: rsa:2048"


@pytest.fixture
def archive(peer):
    peer.behave = Archive()
    return peer.behave


def drill(at_peer, items=RECOVERY, *options):
    site = at_peer.ask(items, more=PROTOCOL)
    before = site.everything()
    done = site.run("recovery-drill", site.path, *options)
    assert site.everything() == before, "a drill writes nothing"
    return done


def test_every_key_is_told_of_and_none_is_kept(at_peer, archive):
    done = drill(at_peer)
    assert done.status == 0, done.err
    assert "mail: 2 keys came back" in done.out
    assert done.out.count("opens, and belongs to its certificate") == 2
    assert '"C=FI, O=Example, CN=mail"' in done.out
    assert "rsa:2048" in done.out
    assert done.out.endswith("certificate\n")
    assert archive.requests[0].body.value[0].cert_req.cert_template.public_key is None


def test_one_target_of_two(at_peer, archive):
    done = drill(at_peer, RECOVERY + OTHER, "--target", "post")
    assert done.status == 0
    assert "post: 2 keys" in done.out
    assert "mail" not in done.out


def test_it_may_be_drilled_again_after_it_was_done(at_peer, archive):
    site = at_peer.ask(RECOVERY, more=PROTOCOL)
    assert site.apply().outcomes == {"mail": "recovered"}
    assert site.run("recovery-drill", site.path).status == 0
    assert site.verbs() == {"mail": ("keep", ["done"])}


def test_a_key_that_is_not_that_of_its_certificate(at_peer, archive):
    archive.strangers_key = True
    done = drill(at_peer)
    assert done.status == 3
    assert done.out.count("not that of the certificate") == 2


def test_a_no(at_peer, archive):
    archive.refuses = True
    done = drill(at_peer)
    assert done.status == 3
    assert "the CA refused" in done.out


def test_the_ca_has_not_decided(at_peer, archive):
    archive.waits = 3
    items = RECOVERY
    site = at_peer.ask(items, more=PROTOCOL + "\n    polling: {max_wait: 0s}")
    done = site.run("recovery-drill", site.path)
    assert done.status == 4


def test_limits_of_polling_hold_in_a_drill(at_peer, archive):
    archive.waits = 3
    site = at_peer.ask(RECOVERY, more=PROTOCOL + "\n    polling: {max_wait: 30s, max_polls: 1}")
    done = site.run("recovery-drill", site.path)
    assert done.status == 3
    assert "max_polls" in done.out
    assert len(at_peer.peer.requests) == 2


def test_nothing_to_drill(at_peer):
    site = at_peer.ask()
    done = site.run("recovery-drill", site.path)
    assert done.status == 1
    assert "there is nothing to drill" in done.err
    assert at_peer.peer.requests == []
