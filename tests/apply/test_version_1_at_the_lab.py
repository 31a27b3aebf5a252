"""CMP 1999 end to end with the lab, over HTTP and over TCP in both framings; the lab was built apart from us."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import pytest
from support.peers import Peer
from support.site import PeerSite, entries, entry

from runner.asn1.cmp import PKIMessage
from runner.asn1.structures import decode
from runner.lab.manners import Manners
from runner.lab.tcp import Office, serve_tcp
from runner.pki.opening import cannot_open
from runner.system import SystemClock

RSA = "generate://pkcs8@rsa:2048/out/web"


@pytest.fixture
def of_old(tmp_path, capsys):
    """`of_old(**manners)` → a site at a CA that speaks CMP 1999 and nothing newer."""
    peers = []

    def opened(**manners):
        peers.append(Peer(rules=Manners(**{"versions": (1,), **manners})).__enter__())
        (tmp_path / "site").mkdir()
        return PeerSite(tmp_path / "site", capsys.readouterr, peers[-1])

    yield opened
    for each in peers:
        each.__exit__()


@pytest.fixture
def tcp(of_old):
    """A site whose CA is reached over TCP alone; its URL."""
    site, ready, loop = of_old(), threading.Event(), asyncio.new_event_loop()
    urls, heard = [], []

    def respond(octets):
        heard.append(decode(PKIMessage, octets))
        return site.peer.lab.respond(octets)

    def told(url):
        urls.append(url)
        ready.set()

    task = loop.create_task(serve_tcp(Office(respond, SystemClock()), ready=told))
    thread = threading.Thread(target=lambda: loop.run_until_complete(asyncio.wait([task])))
    thread.start()
    assert ready.wait(10)
    yield site, urls[0], heard
    loop.call_soon_threadsafe(task.cancel)
    thread.join()
    loop.close()


def states(site):
    return [each.state.value for each in site.peer.lab._office.ledger.certificates()]


def kinds(site):
    return [decode(PKIMessage, octets).body.name for octets in site.peer.requests]


def test_an_enrolment_an_update_and_a_revocation_over_http(of_old):
    site = of_old()
    update = 'updates:\n  - {name: next, certificate: out/web-0.crt, key: "file:out/web.prv", depends_on: [web],\n'
    update += '     new_key: "generate://pkcs8@ec:p256/out/next", output: out/next}\n'
    revoke = 'revocations:\n  - {name: gone, certificate: out/web-0.crt, key: "file:out/web.prv", reason: superseded,\n'
    revoke += "     depends_on: [next]}\n"
    done = site.ask(entries(entry()) + update + revoke, more="version: 1").apply()
    assert done.outcomes == {"web": "issued", "next": "updated", "gone": "revoked"}, done.items
    assert kinds(site) == ["ir", "pkiconf", "kur", "pkiconf", "rr"]
    assert states(site) == ["revoked", "confirmed"]
    (gone, _) = site.peer.lab._office.ledger.certificates()
    assert gone.reason == 4


@pytest.mark.parametrize("framing", ["rfc2510", "10"])
def test_an_enrolment_over_tcp(tcp, framing):
    site, url, heard = tcp
    done = site.ask(entries(entry()), url=url, more=f"version: 1\n    tcp: {{framing: '{framing}'}}").apply()
    assert done.outcomes == {"web": "issued"}, done.items
    assert [message.body.name for message in heard] == ["ir", "pkiconf"]
    assert states(site) == ["confirmed"]


@pytest.mark.parametrize("manners", [{}, {"encrypted_certificates": True}])
def test_conf_after_an_encrypted_certificate_is_made_with_the_key_that_opened_it(of_old, manners):
    site = of_old(**manners)
    asks = "" if manners else ", proof_of_possession: encryption"
    done = site.ask(entries(entry(RSA, more=asks)), more="version: 1").apply()
    assert done.outcomes == {"web": "issued"}, done.items
    assert states(site) == ["confirmed"]


class Died(BaseException):
    """The process, at that moment."""


def dies(*_):
    raise Died


@pytest.fixture
def interrupted(of_old, monkeypatch):
    """A site whose apply died with a certificate opened, and on trial, and before conf was made."""
    site = of_old(encrypted_certificates=True)
    site.ask(entries(entry(RSA, more=", commit: after-install")), more="version: 1")
    with monkeypatch.context() as patched:
        patched.setattr("runner.execute.conversation.confirm", dies)
        with pytest.raises(Died):
            site.apply()
    assert (kinds(site), states(site)) == (["ir"], ["unconfirmed"])
    return site


def test_after_a_crash_conf_is_made_with_the_key_that_opened_the_certificate(interrupted):
    done = interrupted.apply()
    assert done.outcomes == {"web": "issued"}, done.items
    assert kinds(interrupted) == ["ir", "pkiconf"]
    assert states(interrupted) == ["confirmed"]


def test_where_that_key_cannot_be_found_again_nothing_is_sent(interrupted, monkeypatch):
    def closed(*_):
        raise cannot_open()

    monkeypatch.setattr("runner.pki.decryption_proofs.open_encrypted_certificate", closed)
    done = interrupted.apply()
    assert done.outcomes == {"web": "unknown"}, done.items
    assert "its key opens it no more" in done.error("web")
    assert (kinds(interrupted), states(interrupted)) == (["ir"], ["unconfirmed"])


def test_a_conf_by_the_shared_secret_confirms_nothing_that_came_encrypted(of_old):
    """The lab forgets the keys: the same conf is then that of somebody else."""
    site = of_old(encrypted_certificates=True)
    honest = site.peer.behave

    def forgets(lab, request, number):
        if decode(PKIMessage, request).body.name == "pkiconf":
            transactions = lab._office.ledger._transactions
            (transaction,) = transactions.values()
            parts = tuple(replace(part, unlocks=b"") for part in transaction.parts)
            transactions[transaction.identifier] = replace(transaction, parts=parts)
        return honest(lab, request, number)

    site.peer.behave = forgets
    done = site.ask(entries(entry(RSA)), more="version: 1").apply()
    assert done.outcomes == {"web": "failed"}, done.items
    assert states(site) == ["unconfirmed"]


def test_an_error_of_old_is_told(of_old):
    site = of_old(reject_names=("CN=web",), reject_with="wrongAuthority")
    done = site.ask(entries(entry()), more="version: 1").apply()
    assert done.outcomes == {"web": "failed"}
    assert "wrongAuthority" in done.error("web")
    done = of_old_is_not_spoken(site)
    assert done.outcomes == {"web": "failed"}


def of_old_is_not_spoken(site):
    """The same with a newer version: there is no unsupportedVersion in CMP 1999, and the client lowers nothing."""
    return site.ask(entries(entry()), more="version: 2").apply()
