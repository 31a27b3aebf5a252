"""The other end fails, lies or is not there: exit status, words, and that nothing is lost or done twice.

The generated key is kept whatever happens; where the CA may have issued, the next apply repeats the same octets.
"""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest
from support.issuing import issued, new_key, root
from support.peers import Reply, honestly, refused_port
from support.site import FRESH, entries, entry

from runner.pki.signers import PrivateKeySigner

PAGE = b"<!DOCTYPE html><html><head><title>Please log in</title></head></html>"


def cut(octets, count):
    return octets[:-count]


def flipped(octets, position):
    changed = bytearray(octets)
    changed[position] ^= 1
    return bytes(changed)


def finished(site, key):
    """The next apply finishes with the key that was there, and the CA has made one certificate in all."""
    site.peer.behave = honestly
    done = site.apply()
    assert (done.status, done.outcomes) == (0, {"web": "issued"})
    assert site.file("out/web.prv").read_bytes() == key
    assert site.issued == 1
    assert site.apply().outcomes == {"web": "unchanged"}


NOT_PROCESSED = {
    "a web page": (
        lambda *_: Reply(PAGE, media_type="text/html"),
        ["answered with something that is not CMP (HTTP status 200)", "a web page titled “Please log in”", "`url:`"],
    ),
    "a page that is not there": (
        lambda *_: Reply(PAGE, status=404, media_type="text/html"),
        ["refused the request (HTTP status 404)", "nothing is at that path", "check the path in `url:`"],
    ),
    "a redirect": (lambda *_: Reply(status=302), ["points elsewhere (HTTP status 302)", "never followed"]),
    "a busy server": (
        lambda *_: Reply(b"later", status=503, media_type="text/plain"),
        ["is in trouble or busy (HTTP status 503)"],
    ),
}


@pytest.mark.parametrize(("behave", "words"), NOT_PROCESSED.values(), ids=NOT_PROCESSED)
def test_what_no_ca_has_processed_has_failed(at_peer, behave, words):
    at_peer.peer.behave = behave
    done = at_peer.ask().apply()
    assert (done.status, done.outcomes) == (3, {"web": "failed"})
    assert at_peer.peer.url in done.error("web")
    assert all(word in done.error("web") for word in words), done.error("web")
    assert all(word in " ".join(done.out.split()) for word in words), done.out
    assert not at_peer.file("out/web-0.crt").exists()
    assert len(at_peer.peer.requests) == 1
    finished(at_peer, at_peer.file("out/web.prv").read_bytes())


PERHAPS_PROCESSED = {
    "a hang-up": (lambda *_: Reply(hangs_up=True), ["gave no complete answer", "closed the connection without a word"]),
    "nothing": (lambda *_: b"", ["answered with nothing (HTTP status 200)"]),
    "a truncated answer": (
        lambda lab, request, _: Reply(cut(lab.respond(request), 9), claims=len(lab.respond(request))),
        ["gave no complete answer", "the answer broke off"],
    ),
    "a truncated message": (lambda lab, request, _: cut(lab.respond(request), 9), ["longer than what holds it"]),
    "an oversized answer": (
        lambda *_: Reply(b"\x30\x84\x00\x20\x00\x00" + bytes(1 << 21)),
        ["larger than 1048576 octets", "`url:`"],
    ),
    "a fault of the server": (
        lambda lab, request, _: (lab.respond(request), Reply(b"oops", status=500, media_type="text/plain"))[1],
        ["in trouble or busy (HTTP status 500)"],
    ),
    "an answer with one bit wrong": (lambda lab, request, _: flipped(lab.respond(request), -1), ["MAC is wrong"]),
    "its own request": (lambda _lab, request, _: request, ["our message came back as its own answer"]),
    "no CMP under its name": (lambda *_: b"hello, this is no DER", ["an ASN.1 element"]),
}


@pytest.mark.parametrize(("behave", "words"), PERHAPS_PROCESSED.values(), ids=PERHAPS_PROCESSED)
def test_what_a_ca_may_have_processed_is_unknown_and_the_same_octets_are_repeated(at_peer, behave, words):
    at_peer.peer.behave = behave
    done = at_peer.ask().apply()
    assert (done.status, done.outcomes) == (5, {"web": "unknown"})
    assert all(word in done.error("web") for word in words), done.error("web")
    assert "the key is kept. Run apply again" in done.items["web"]["error"]["next_step"]
    assert not at_peer.file("out/web-0.crt").exists()
    assert at_peer.verbs() == {"web": ("resume", ["open-sent"])}
    finished(at_peer, at_peer.file("out/web.prv").read_bytes())
    assert at_peer.peer.requests[1] == at_peer.peer.requests[0]


def test_what_is_unknown_is_begun_afresh_only_when_told(at_peer):
    at_peer.peer.behave = lambda *_: Reply(hangs_up=True)
    assert at_peer.ask().apply().outcomes == {"web": "unknown"}
    key = at_peer.file("out/web.prv").read_bytes()
    assert at_peer.apply().outcomes == {"web": "unknown"}
    assert at_peer.peer.requests[1] == at_peer.peer.requests[0]
    at_peer.peer.behave = honestly
    assert at_peer.apply("--retry-unknown").outcomes == {"web": "issued"}
    assert at_peer.peer.requests[2] != at_peer.peer.requests[0]
    assert at_peer.file("out/web.prv").read_bytes() == key


def test_a_confirmation_without_answer_is_repeated_and_the_certificate_installed(at_peer):
    at_peer.peer.behave = lambda lab, request, number: Reply(hangs_up=True) if number else lab.respond(request)
    done = at_peer.ask().apply()
    assert (done.status, done.outcomes) == (5, {"web": "unknown"})
    assert at_peer.verbs() == {"web": ("resume", ["open-issued"])}
    finished(at_peer, at_peer.file("out/web.prv").read_bytes())
    assert at_peer.peer.requests[2] == at_peer.peer.requests[1]


def test_retries_repeat_the_same_octets_until_an_answer_comes(at_peer, monkeypatch):
    monkeypatch.setattr("runner.execute.line.FIRST_PAUSE", 0.0)
    at_peer.peer.behave = lambda lab, request, number: Reply(hangs_up=True) if number < 2 else lab.respond(request)
    done = at_peer.ask(limits="timeout: 5s, retries: 2").apply()
    assert (done.status, done.outcomes, done.items["web"]["attempts"]) == (0, {"web": "issued"}, 4)
    assert len(set(at_peer.peer.requests[:3])) == 1
    assert at_peer.issued == 1


def test_a_wrong_secret_is_told_in_the_cas_words_and_the_key_is_kept(at_peer):
    right = at_peer.file("psk").read_bytes()
    at_peer.file("psk").write_bytes(right.strip() + b"x")
    done = at_peer.ask().apply()
    assert (done.status, done.outcomes) == (3, {"web": "failed"})
    assert "the CA refused: rejection (badMessageCheck): the reference is not known, or the MAC" in done.error("web")
    assert done.items["web"]["error"]["next_step"] == "compare the credential with what the CA has"
    key = at_peer.file("out/web.prv").read_bytes()
    at_peer.file("psk").write_bytes(right)
    finished(at_peer, key)


def test_a_port_where_nothing_listens(at_peer):
    url = f"http://127.0.0.1:{refused_port()}/cmp"
    done = at_peer.ask(url=url).apply()
    assert (done.status, done.outcomes) == (3, {"web": "failed"})
    assert f"{url} does not take connections\nnothing listens there\ncheck the port" in done.error("web")
    assert at_peer.peer.requests == []
    key = at_peer.file("out/web.prv").read_bytes()
    finished(at_peer.ask(), key)


def test_a_host_that_nobody_knows(at_peer, monkeypatch):
    def unknown(*_given, **_options):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with monkeypatch.context() as offline:
        offline.setattr(socket, "getaddrinfo", unknown)
        done = at_peer.ask(url="http://ca.invalid/cmp").apply()
    assert (done.status, done.outcomes) == (3, {"web": "failed"})
    assert "The name ca.invalid cannot be resolved\nName or service not known\ncheck the host" in done.error("web")
    finished(at_peer.ask(), at_peer.file("out/web.prv").read_bytes())


def test_the_answer_to_another_transaction_is_not_taken(at_peer):
    answers = []

    def repeating(lab, request, _number):
        answers.append(lab.respond(request))
        return answers[0]

    at_peer.peer.behave = repeating
    first, second = entry(), entry("generate://pkcs8@ec:p256/out/b", name="b", output="out/b")
    done = at_peer.ask(entries(first, second), more="implicit_confirm: true").apply("--parallel", 1)
    assert (done.status, done.outcomes) == (5, {"web": "issued", "b": "unknown"})
    assert "the answer belongs to another transaction" in done.error("b")
    assert not at_peer.file("out/b-0.crt").exists()
    key = at_peer.file("out/b.prv").read_bytes()
    at_peer.peer.behave = honestly
    assert at_peer.apply().outcomes == {"web": "unchanged", "b": "issued"}
    assert at_peer.file("out/b.prv").read_bytes() == key
    assert at_peer.issued == 2


class Swapping:
    """An issuer that certifies the keys of its own choice, and is otherwise the one that it stands for."""

    def __init__(self, issuer):
        self._issuer = issuer

    def __getattr__(self, name):
        return getattr(self._issuer, name)

    def issue(self, asked, serial):
        return self._issuer.issue(replace(asked, public_key=PrivateKeySigner(new_key()).public_key_info), serial)


@pytest.mark.parametrize("implicit", [False, True])
def test_a_certificate_for_another_key_is_rejected(at_peer, implicit):
    office = at_peer.peer.lab._office
    office.issuer, honest = Swapping(office.issuer), office.issuer
    done = at_peer.ask(more=f"implicit_confirm: {str(implicit).lower()}").apply()
    assert (done.status, done.outcomes) == (3, {"web": "failed"})
    assert "the certificate is for another key than ours" in done.error("web")
    assert "its public key is not the one in the request" in done.error("web")
    assert ("the CA counts it as confirmed (implicitConfirm): have it revoked" in done.error("web")) is implicit
    aside = ["web-0.crt.unconfirmed"] if implicit else []  # what the person needs in order to have it revoked
    assert sorted(path.name for path in at_peer.file("out").iterdir()) == [*aside, "web.prv"]
    states = [certificate.state.value for certificate in office.ledger.certificates()]
    assert states == (["confirmed"] if implicit else ["revoked"])
    office.issuer, key = honest, at_peer.file("out/web.prv").read_bytes()
    assert at_peer.apply().outcomes == {"web": "issued"}
    assert at_peer.file("out/web.prv").read_bytes() == key


def test_one_items_trouble_is_its_own(at_peer):
    at_peer.peer.behave = lambda lab, request, n: (
        Reply(PAGE, media_type="text/html") if n == 0 else lab.respond(request)
    )
    others = [entry(f"generate://pkcs8@ec:p256/out/{n}", name=n, output=f"out/{n}") for n in ("b", "c")]
    waiting = entry("generate://pkcs8@ec:p256/out/d", name="d", output="out/d", more=", depends_on: web")
    done = at_peer.ask(entries(entry(), *others, waiting)).apply("--parallel", 1)
    assert (done.status, done.outcomes) == (3, {"web": "failed", "b": "issued", "c": "issued", "d": "skipped"})
    assert 'it waits for "web", which has failed' in done.error("d")
    assert at_peer.apply().summary == {"issued": 2, "unchanged": 2}


def test_an_answer_that_another_ca_signed_is_not_believed(at_peer):
    at_peer.file("ca.pem").write_bytes(root("Another CA").pem)
    ca = root("Third CA")
    issued(ca, "op").write(at_peer.folder, "op")
    at_peer.ask(credentials='psk: {certificate: op.crt, key: "file:op.key"}')
    done = at_peer.apply()
    assert (done.status, done.outcomes) == (3, {"web": "failed"})
    assert "nothing proves that the CA does" in done.error("web")
    assert at_peer.issued == 0


def test_a_certificate_from_a_ca_that_the_manifest_does_not_trust_is_rejected(at_peer):
    at_peer.file("ca.pem").write_bytes(root("Another CA").pem)
    done = at_peer.ask(FRESH).apply()
    assert (done.status, done.outcomes) == (3, {"web": "failed"})
    assert "check the authority's `trust:`" in done.error("web")
    assert not at_peer.file("out/web-0.crt").exists()
    assert [certificate.state.value for certificate in at_peer.peer.lab._office.ledger.certificates()] == ["revoked"]
