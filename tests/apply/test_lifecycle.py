"""What becomes of a certificate over its life: renewal, drift, lost and replaced files, other people's files."""

from __future__ import annotations

import stat
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from support.issuing import issued, new_key, pkcs8, root
from support.peers import Reply, honestly
from support.site import FRESH, entries, entry

RENEWED = entries(entry(more=", renew_before: 30d"))
DUE = timedelta(days=340)
"""Certificates live for 365 days: in so many days one of today has 25 left."""


def pair(site, name="web"):
    """Certificate and key on disk, which belong together."""
    certificate = x509.load_pem_x509_certificate(site.file(f"out/{name}-0.crt").read_bytes())
    key = load_pem_private_key(site.file(f"out/{name}.prv").read_bytes(), None)
    assert certificate.public_key() == key.public_key()
    return certificate, key.public_key()


def test_a_certificate_that_is_due_is_updated_with_a_new_key(at_peer, shift):
    assert at_peer.ask(RENEWED).apply().outcomes == {"web": "issued"}
    certificate, key = pair(at_peer)
    assert at_peer.verbs() == {"web": ("keep", ["good"])}
    shift(DUE)
    assert at_peer.verbs() == {"web": ("rekey", ["due"])}
    done = at_peer.apply()
    assert (done.status, done.outcomes) == (0, {"web": "updated"})
    successor, new = pair(at_peer)
    assert new != key
    assert successor.subject == certificate.subject
    assert successor.not_valid_after_utc > certificate.not_valid_after_utc
    assert sorted(path.name for path in at_peer.file("out").iterdir()) == ["web-0.ca", "web-0.crt", "web.prv"]
    assert stat.S_IMODE(at_peer.file("out/web.prv").stat().st_mode) == 0o600
    assert at_peer.apply().outcomes == {"web": "unchanged"}


def test_a_certificate_of_a_key_that_is_not_ours_to_change_is_renewed_with_it(at_peer, shift):
    at_peer.file("web.key").write_bytes(pkcs8(new_key()))
    at_peer.ask(entries(entry("file:web.key", more=", renew_before: 30d")))
    assert at_peer.apply().outcomes == {"web": "issued"}
    before, key = at_peer.file("out/web-0.crt").read_bytes(), at_peer.file("web.key").read_bytes()
    shift(DUE)
    assert at_peer.verbs() == {"web": ("renew", ["due"])}
    assert at_peer.apply().outcomes == {"web": "updated"}
    assert at_peer.file("out/web-0.crt").read_bytes() != before
    assert at_peer.file("web.key").read_bytes() == key


@pytest.mark.parametrize("trouble", ["no answer to the request", "no answer to certConf", "a no"])
def test_while_a_renewal_is_in_trouble_the_old_pair_stays_in_use(at_peer, shift, trouble):
    at_peer.ask(RENEWED).apply()
    old = pair(at_peer)
    shift(DUE)
    answered, files = len(at_peer.peer.requests), at_peer.everything()
    silent = {"no answer to the request": answered, "no answer to certConf": answered + 1}

    def behave(lab, request, number):
        if trouble == "a no":
            return Reply(b"<html>", status=404, media_type="text/html")
        return Reply(hangs_up=True) if number >= silent[trouble] else lab.respond(request)

    at_peer.peer.behave = behave
    done = at_peer.apply()
    assert done.outcomes == {"web": "failed" if trouble == "a no" else "unknown"}
    assert pair(at_peer) == old
    waiting = at_peer.file("out/web.prv.next").read_bytes()
    assert stat.S_IMODE(at_peer.file("out/web.prv.next").stat().st_mode) == 0o600
    changed = {name for name, content in at_peer.everything().items() if files.get(name) != content}
    assert {name for name in changed if name.startswith("out/")} == {"out/web.prv.next"}
    at_peer.peer.behave = honestly
    assert at_peer.apply().outcomes == {"web": "updated"}
    assert pair(at_peer)[1] != old[1]
    assert at_peer.file("out/web.prv").read_bytes() == waiting
    assert not at_peer.file("out/web.prv.next").exists()
    assert at_peer.issued == 2


def test_a_certificate_that_no_longer_says_what_the_entry_says_is_reissued(at_peer):
    at_peer.ask().apply()
    _, key = pair(at_peer)
    at_peer.ask(entries(entry(more=", alt_names: [dns=web.example.com]")))
    verb, codes = at_peer.verbs()["web"]
    assert (verb, codes) == ("reissue", ["alt_names"])
    done = at_peer.apply()
    assert (done.status, done.outcomes) == (0, {"web": "issued"})
    certificate, new = pair(at_peer)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["web.example.com"]
    assert new != key
    assert at_peer.apply().outcomes == {"web": "unchanged"}


def test_a_change_that_means_nothing_changes_nothing(at_peer):
    first, second = entry(), entry("generate://pkcs8@ec:p256/out/b", name="b", output="out/b")
    at_peer.ask(entries(first, second)).apply()
    sent = len(at_peer.peer.requests)
    at_peer.ask("# the other way round, and later\n\n" + entries(second, first))
    assert at_peer.plan().status == 0
    assert at_peer.apply().summary == {"unchanged": 2}
    at_peer.path = at_peer.path.rename(at_peer.file("renamed.yaml"))
    assert at_peer.apply().summary == {"unchanged": 2}
    assert len(at_peer.peer.requests) == sent


def test_a_certificate_file_that_is_gone_is_written_again_and_nobody_is_asked(at_peer):
    at_peer.ask().apply()
    before, sent = at_peer.file("out/web-0.crt").read_bytes(), len(at_peer.peer.requests)
    at_peer.file("out/web-0.crt").unlink()
    assert at_peer.verbs() == {"web": ("reinstall", ["certificate-missing"])}
    done = at_peer.apply()
    assert (done.status, done.outcomes) == (0, {"web": "unchanged"})
    assert at_peer.file("out/web-0.crt").read_bytes() == before
    assert len(at_peer.peer.requests) == sent
    assert at_peer.plan().status == 0


@pytest.mark.parametrize("content", [b"", b"no certificate at all", b"-----BEGIN CERTIFICATE-----\nMIIB"])
def test_a_certificate_file_that_is_damaged_is_written_again(at_peer, content):
    at_peer.ask().apply()
    before, sent = at_peer.file("out/web-0.crt").read_bytes(), len(at_peer.peer.requests)
    at_peer.file("out/web-0.crt").write_bytes(content)
    assert at_peer.verbs() == {"web": ("reinstall", ["certificate-damaged"])}
    assert at_peer.apply().status == 0
    assert at_peer.file("out/web-0.crt").read_bytes() == before
    assert len(at_peer.peer.requests) == sent


def test_a_certificate_file_with_another_certificate_is_put_right(at_peer):
    at_peer.ask().apply()
    before = at_peer.file("out/web-0.crt").read_bytes()
    at_peer.file("out/web-0.crt").write_bytes(issued(root("Other CA"), "web").pem)
    assert at_peer.verbs() == {"web": ("reinstall", ["certificate-replaced"])}
    assert at_peer.apply().status == 0
    assert at_peer.file("out/web-0.crt").read_bytes() == before


def test_a_key_that_is_gone_means_a_new_enrollment(at_peer):
    at_peer.ask().apply()
    before, _ = pair(at_peer)
    at_peer.file("out/web.prv").unlink()
    assert at_peer.verbs() == {"web": ("enroll", ["key-missing"])}
    assert at_peer.apply().outcomes == {"web": "issued"}
    assert pair(at_peer)[0] != before
    assert at_peer.issued == 2


def test_a_key_and_a_certificate_that_are_gone_mean_a_new_enrollment(at_peer):
    at_peer.ask().apply()
    for name in ("web.prv", "web-0.crt"):
        at_peer.file(f"out/{name}").unlink()
    assert at_peer.apply().outcomes == {"web": "issued"}
    pair(at_peer)


def test_another_key_in_the_place_of_a_new_one_is_never_overwritten(at_peer):
    at_peer.file("out").mkdir()
    foreign = pkcs8(new_key())
    at_peer.file("out/web.prv").write_bytes(foreign)
    assert at_peer.ask().verbs() == {"web": ("blocked", ["key-in-the-way"])}
    done = at_peer.apply()
    assert (done.status, done.outcomes) == (3, {"web": "failed"})
    assert "out/web.prv exists and is not ours" in done.error("web")
    assert "move it away" in done.error("web")
    assert at_peer.file("out/web.prv").read_bytes() == foreign
    assert at_peer.peer.requests == []
    at_peer.file("out/web.prv").rename(at_peer.file("old.prv"))
    assert at_peer.apply().outcomes == {"web": "issued"}


def test_a_file_in_the_place_of_a_certificate_is_never_overwritten(at_peer):
    at_peer.file("out").mkdir()
    at_peer.file("out/web-0.crt").write_text("my notes")
    done = at_peer.ask().apply()
    assert (done.status, done.outcomes) == (3, {"web": "failed"})
    assert "web-0.crt is in the way" in done.error("web")
    assert at_peer.file("out/web-0.crt").read_text() == "my notes"
    assert at_peer.peer.requests == []


def test_a_pair_that_somebody_else_put_there_is_not_overwritten(at_peer):
    """The certificate belongs to neither the key nor the state."""
    at_peer.file("out").mkdir()
    foreign, stray = pkcs8(new_key()), issued(root("Other CA"), "web").pem
    at_peer.file("out/web.prv").write_bytes(foreign)
    at_peer.file("out/web-0.crt").write_bytes(stray)
    done = at_peer.ask().apply()
    assert (done.status, done.outcomes) == (3, {"web": "failed"})
    assert at_peer.file("out/web.prv").read_bytes() == foreign
    assert at_peer.file("out/web-0.crt").read_bytes() == stray
    assert at_peer.peer.requests == []


def test_a_certificate_that_was_revoked_here_is_enrolled_anew(at_peer):
    at_peer.ask().apply()
    revocation = "revocations: [{name: lost, certificate: out/web-0.crt, reason: keyCompromise}]"
    done = at_peer.ask(FRESH + revocation).apply()
    assert done.outcomes == {"web": "unchanged", "lost": "revoked"}
    before, _ = pair(at_peer)
    assert at_peer.verbs() == {"web": ("enroll", ["revoked"]), "lost": ("keep", ["done"])}
    assert at_peer.apply().outcomes == {"web": "issued", "lost": "unchanged"}
    assert pair(at_peer)[0] != before
    assert at_peer.apply().summary == {"unchanged": 2}


def test_an_expired_certificate_is_enrolled_anew(at_peer, shift):
    at_peer.ask().apply()
    shift(timedelta(days=400))
    assert at_peer.verbs() == {"web": ("enroll", ["expired"])}
    assert at_peer.apply().outcomes == {"web": "issued"}
    pair(at_peer)


def test_an_update_is_made_once_for_every_change_of_its_entry(at_peer):
    update = 'updates: [{{name: rotate, certificate: out/web-0.crt, key: "file:out/web.prv", {new}output: out/{out}}}]'
    first = update.format(new='new_key: "generate://pkcs8@ec:p256/out/web-2", ', out="web-2")
    done = at_peer.ask(FRESH + first).apply()
    assert done.outcomes == {"web": "issued", "rotate": "updated"}
    assert pair(at_peer)[1] != pair(at_peer, "web-2")[1]
    assert at_peer.apply().summary == {"unchanged": 2}
    assert at_peer.issued == 2
    at_peer.file("out/web-2-0.crt").unlink()
    assert at_peer.verbs()["rotate"] == ("reinstall", ["certificate-missing"])
    assert at_peer.apply().status == 0
    pair(at_peer, "web-2")
    assert at_peer.issued == 2
