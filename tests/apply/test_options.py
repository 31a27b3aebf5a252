"""The options of `apply`, one by one: which items, how many at once, how many failures, which places."""

from __future__ import annotations

import threading

import pytest
from support.peers import Reply
from support.site import entries, entry

from runner.cli.main import main


def named(*names, more=""):
    """Entries with these names, which are their subjects, and with a key and an output of their own each."""
    texts = [entry(f"generate://pkcs8@ec:p256/out/{n}", name=n, output=f"out/{n}", more=more) for n in names]
    return entries(*(text.replace("CN=web", f"CN={n}") for n, text in zip(names, texts, strict=True)))


class Overlap:
    """An honest CA that counts the requests which it has before it at once. `begin` holds each of them up."""

    def __init__(self, begin=lambda _number: None):
        self._begin = begin
        self._lock = threading.Lock()
        self._now = 0
        self.most = 0

    def __call__(self, lab, request, number):
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        self._begin(number)
        answer = lab.respond(request)
        with self._lock:
            self._now -= 1
        return answer


def page(*_):
    return Reply(b"<html>", media_type="text/html")


def test_a_target_is_done_with_what_it_needs_and_nothing_else(at_peer):
    waiting = entry("generate://pkcs8@ec:p256/out/c", name="c", output="out/c", more=", depends_on: a")
    at_peer.ask(named("a", "b") + waiting)
    done = at_peer.apply("--target", "c")
    assert (done.status, done.outcomes) == (0, {"a": "issued", "c": "issued"})
    assert not at_peer.file("out/b.prv").exists()
    assert at_peer.apply("--target", "b", "a").outcomes == {"a": "unchanged", "b": "issued"}
    assert at_peer.plan().status == 0


def test_parallel_1_is_one_after_the_other_in_the_order_of_the_manifest(at_peer):
    names = ("gamma", "alpha", "beta")
    at_peer.peer.behave = Overlap()
    done = at_peer.ask(named(*names), more="implicit_confirm: true").apply("--parallel", 1)
    assert done.summary == {"issued": 3}
    assert [name for request in at_peer.peer.requests for name in names if name.encode() in request] == [*names]
    assert at_peer.peer.behave.most == 1


def test_many_are_under_way_at_once(at_peer):
    together = threading.Barrier(3, timeout=10)
    at_peer.peer.behave = Overlap(lambda number: number < 3 and together.wait())  # no answer before three have asked
    assert at_peer.ask(named("a", "b", "c")).apply("--parallel", 3).summary == {"issued": 3}
    assert at_peer.peer.behave.most == 3


def test_the_authoritys_limit_holds_whatever_parallel_says(at_peer):
    together = threading.Barrier(2, timeout=10)
    at_peer.peer.behave = Overlap(lambda number: number < 2 and together.wait())
    at_peer.ask(named(*"abcdef"), limits="timeout: 5s, retries: 0, concurrency: 2")
    assert at_peer.apply("--parallel", 6).summary == {"issued": 6}
    assert at_peer.peer.behave.most == 2


@pytest.mark.parametrize(("limit", "failed"), [("0", 1), ("1", 2), ("25%", 2), ("100%", 4)])
def test_too_many_failures_end_the_run(at_peer, limit, failed):
    at_peer.peer.behave = page
    done = at_peer.ask(named(*"abcd")).apply("--max-failures", limit, "--parallel", 1)
    skipped = {"skipped": 4 - failed} if failed < 4 else {}
    assert (done.status, done.summary) == (3, {"failed": failed, **skipped})
    assert len(at_peer.peer.requests) == failed
    assert failed == 4 or "too many items failed (--max-failures" in done.error("d")


def test_variables_fill_the_manifest(at_peer):
    at_peer.ask(entries(entry("generate://pkcs8@ec:p256/out/${where}", output="out/${where}")))
    assert at_peer.apply().status == 1
    done = at_peer.apply("--var", "where=oulu", "--var", "where=turku")
    assert done.status == 0
    assert at_peer.file("out/turku-0.crt").exists()
    assert not at_peer.file("out/oulu-0.crt").exists()


def test_another_base_is_where_paths_begin_and_state_is_kept(at_peer, tmp_path):
    base = tmp_path / "base"
    base.mkdir()
    for name in ("ca.pem", "psk"):
        at_peer.file(name).rename(base / name)
    assert at_peer.ask().apply("-C", base).status == 0
    assert (base / "out" / "web-0.crt").exists()
    assert (base / ".cmp-batch" / "state.db").exists()
    assert sorted(path.name for path in at_peer.folder.iterdir()) == ["site.yaml"]
    assert at_peer.plan("-C", base).status == 0


def test_the_state_can_be_elsewhere(at_peer, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    state = elsewhere / "plant.db"
    assert at_peer.ask().apply("--state", state).status == 0
    assert state.exists()
    assert not at_peer.file(".cmp-batch").exists()
    assert at_peer.plan("--state", state).status == 0
    assert at_peer.apply("--state", state).outcomes == {"web": "unchanged"}


def test_results_may_be_written_where_it_is_allowed(at_peer, tmp_path):
    outside = tmp_path / "outside"
    at_peer.ask(entries(entry(f"generate://pkcs8@ec:p256/{outside}/web", output=f"{outside}/web")))
    assert at_peer.apply().status == 1
    assert at_peer.peer.requests == []
    assert at_peer.apply("--allow-path", outside).outcomes == {"web": "issued"}
    assert sorted(path.name for path in outside.iterdir()) == ["web-0.ca", "web-0.crt", "web.prv"]
    assert at_peer.apply("--allow-path", outside).outcomes == {"web": "unchanged"}


def test_a_folder_of_manifests_is_one_plan(at_peer):
    at_peer.ask()
    more = at_peer.file("more.yaml")
    more.write_text(f"apiVersion: cmp-batch/v1\n{named('b')}")
    assert main(["apply", str(at_peer.folder)]) == 0
    assert at_peer.file("out/web-0.crt").exists()
    assert at_peer.file("out/b-0.crt").exists()


def test_an_empty_manifest_has_nothing_to_do(site):
    assert site.write("").plan().status == 0
    done = site.apply()
    assert (done.status, done.summary) == (0, {})
