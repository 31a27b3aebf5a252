"""Our own side fails in the middle: a place that is taken, a full disk, a lost state or key. Nothing is asked twice."""

from __future__ import annotations

import errno
import os
import shutil
import stat

from support.peers import Reply, honestly
from support.site import entries, entry


def unanswered(site, *options):
    """An apply whose request went out and was not answered."""
    site.peer.behave = lambda *_: Reply(hangs_up=True)
    done = site.apply(*options)
    assert (done.status, done.outcomes) == (5, {"web": "unknown"})
    site.peer.behave = honestly
    return done


def test_a_certificate_that_cannot_be_installed_is_safe_and_installed_later(at_peer):
    taken = at_peer.file("out/web-0.crt")

    def behave(lab, request, number):
        if number == 1:
            taken.mkdir()
        return lab.respond(request)

    at_peer.peer.behave = behave
    done = at_peer.ask().apply()
    assert (done.status, done.outcomes) == (3, {"web": "failed"})
    assert "web-0.crt may not be written\nit is a folder" in done.error("web")
    assert "the certificate is safe" in done.error("web")
    sent = len(at_peer.peer.requests)
    taken.rmdir()
    assert at_peer.verbs() == {"web": ("resume", ["open-confirmed"])}
    assert at_peer.apply().outcomes == {"web": "issued"}
    assert len(at_peer.peer.requests) == sent
    assert at_peer.apply().outcomes == {"web": "unchanged"}


def test_a_key_that_cannot_be_made_durable_is_used_for_nothing(at_peer, monkeypatch):
    synced = os.fsync

    def full(descriptor):
        if stat.S_IMODE(os.fstat(descriptor).st_mode) == 0o600:  # a key; it may have no name yet
            raise OSError(errno.ENOSPC, "No space left on device")
        synced(descriptor)

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        done = at_peer.ask().apply()
    assert (done.status, done.outcomes) == (3, {"web": "failed"})
    assert "out/web.prv\nthe disk is full\nmake room" in done.error("web")
    assert at_peer.peer.requests == []
    assert list(at_peer.file("out").iterdir()) == []
    assert at_peer.apply().outcomes == {"web": "issued"}


def test_an_entry_that_changes_while_its_request_is_out_is_finished_first_and_changed_then(at_peer):
    unanswered(at_peer.ask())
    at_peer.ask(entries(entry(more=", alt_names: [dns=web.example.com]")))
    assert at_peer.verbs() == {"web": ("resume", ["open-sent"])}
    assert at_peer.apply().outcomes == {"web": "issued"}
    assert at_peer.verbs() == {"web": ("reissue", ["alt_names"])}
    assert at_peer.apply().outcomes == {"web": "issued"}
    assert at_peer.issued == 2
    assert at_peer.apply().outcomes == {"web": "unchanged"}


def test_a_key_that_is_lost_while_its_request_is_out_is_told_of(at_peer):
    unanswered(at_peer.ask())
    at_peer.file("out/web.prv").unlink()
    done = at_peer.apply()
    assert (done.status, done.outcomes) == (3, {"web": "failed"})
    assert "web.prv is gone, and its request may be at the CA" in done.error("web")
    assert "--retry-unknown" in done.error("web")
    assert at_peer.apply("--retry-unknown").outcomes == {"web": "issued"}


def test_without_its_state_it_believes_what_lies_there(at_peer):
    at_peer.ask().apply()
    sent = len(at_peer.peer.requests)
    shutil.rmtree(at_peer.file(".cmp-batch"))
    assert at_peer.verbs() == {"web": ("adopt", ["not-in-state"])}
    assert at_peer.apply().outcomes == {"web": "unchanged"}
    assert len(at_peer.peer.requests) == sent


def test_a_state_that_is_none_is_told_of_and_left_alone(at_peer):
    at_peer.ask().apply()
    state, sent = at_peer.file(".cmp-batch/state.db"), len(at_peer.peer.requests)
    state.write_bytes(b"this is no database" * 1000)
    before = at_peer.everything()
    for done in (at_peer.plan(), at_peer.apply()):
        assert done.status == 1
        assert f"the state {state} cannot be used" in done.err
        assert "next: " in done.err
    assert at_peer.everything() == before
    assert len(at_peer.peer.requests) == sent
