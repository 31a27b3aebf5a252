"""Worker processes: they do what one process does, within the same limits, and may be killed like it."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from support.peers import honestly
from support.program import program, start
from support.site import entries, entry

from runner.lab.rules import LabRules

NAMES = [f"w-{n}" for n in range(12)]
MANY = entries(*(entry(f"generate://pkcs8@ec:p256/out/{n}", name=n, output=f"out/{n}") for n in NAMES))


def apply(site, *options):
    """The report of an apply in a process of its own."""
    done = program("apply", site.path, "--report", site.file("r.json"), "--workers", 2, *options, cwd=site.folder)
    return done, json.loads(site.file("r.json").read_text()) if site.file("r.json").exists() else {}


def summary(report):
    return {outcome: count for outcome, count in report["summary"].items() if count}


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid):
    with suppress(ProcessLookupError, FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def until(condition, seconds=60):
    """Wait for something that another process does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def pairs_match(site):
    for name in NAMES:
        key = load_pem_private_key(site.file(f"out/{name}.prv").read_bytes(), None)
        certificate = x509.load_pem_x509_certificate(site.file(f"out/{name}-0.crt").read_bytes())
        assert certificate.public_key() == key.public_key()


class Gate:
    """A CA that counts who is inside at once, and lets nobody out until `open` is set."""

    def __init__(self, shut=False):
        self.open, self.lock, self.inside, self.most, self.came = threading.Event(), threading.Lock(), 0, 0, 0
        if not shut:
            self.open.set()

    def __call__(self, lab, request, number):
        with self.lock:
            self.inside += 1
            self.came += 1
            self.most = max(self.most, self.inside)
        time.sleep(0.02)
        assert self.open.wait(timeout=90)
        with self.lock:
            self.inside -= 1
        return lab.respond(request)


def test_workers_do_what_one_process_does(at_peer):
    done, report = apply(at_peer.ask(MANY, limits="timeout: 60s"))
    assert (done.returncode, summary(report)) == (0, {"issued": 12})
    assert [item["name"] for item in report["items"]] == NAMES
    assert {item["attempts"] for item in report["items"]} == {2}
    assert at_peer.issued == 12
    pairs_match(at_peer)
    with closing(sqlite3.connect(at_peer.file(".cmp-batch/state.db"))) as db:
        found = db.execute("SELECT stage FROM transition WHERE item = 'w-7' ORDER BY number").fetchall()
        assert [stage for (stage,) in found] == ["keyed", "sent", "issued", "confirmed", "issued"]
        assert db.execute("SELECT count(*) FROM open").fetchone() == (0,)
    done, report = apply(at_peer)
    assert summary(report) == {"unchanged": 12}


@pytest.mark.parametrize("most", [1, 3])
def test_an_authority_bears_no_more_than_from_one_process(at_peer, most):
    """One message at a time is one process's; three are two of the parent's and one of its worker's."""
    at_peer.peer.behave = gate = Gate(shut=True)
    at_peer.ask(MANY, limits=f"timeout: 60s, concurrency: {most}")
    process = start("apply", at_peer.path, "--workers", 2, cwd=at_peer.folder)
    try:
        until(lambda: gate.came == most)
        time.sleep(0.3)  # in which a further one would come
        assert gate.came == most
        gate.open.set()
        process.communicate(timeout=60)
    finally:
        gate.open.set()
        process.kill()
        process.communicate()
    assert (process.returncode, gate.most) == (0, most)


def test_who_waits_for_the_ca_goes_on_in_any_worker(at_peer):
    at_peer.peer.lab._office.rules = LabRules(waiting_polls=1, check_after=2)
    done, report = apply(at_peer.ask(MANY, limits="timeout: 60s"))
    assert (done.returncode, summary(report)) == (0, {"issued": 12})
    assert at_peer.issued == 12


def test_needs_are_met_across_workers(at_peer):
    chain = entries(
        *(
            entry(
                f"generate://pkcs8@ec:p256/out/{n}",
                name=n,
                output=f"out/{n}",
                more=f", depends_on: [{before}]" if before else "",
            )
            for before, n in zip([None, *NAMES], NAMES, strict=False)
        )
    )
    _, report = apply(at_peer.ask(chain))
    assert summary(report) == {"issued": 12}


@pytest.fixture
def held(at_peer):
    """An apply of two processes, both of which have messages at a CA that does not answer yet."""
    at_peer.peer.behave = gate = Gate(shut=True)
    at_peer.ask(MANY, limits="timeout: 60s, retries: 0")
    report = at_peer.file("r.json")
    process = start("apply", at_peer.path, "--workers", 2, "--parallel", 4, "--report", report, cwd=at_peer.folder)
    try:
        until(lambda: gate.came == 4)
        yield process, gate
    finally:
        gate.open.set()
        process.kill()
        process.communicate()


def finishes(site, **expected):
    """The next apply does what is left: one certificate each, with the keys that are there."""
    keys = {path: path.read_bytes() for path in site.file("out").glob("*.prv")}
    site.peer.behave = honestly
    done, report = apply(site)
    assert (done.returncode, summary(report)) == (0, expected), done.stderr
    assert site.issued == 12
    assert all(path.read_bytes() == content for path, content in keys.items())
    pairs_match(site)


def test_a_worker_that_is_killed_takes_its_items_with_it_and_no_others(at_peer, held):
    process, gate = held
    workers = children(process.pid)
    assert len(workers) == 1  # the parent does its share
    os.kill(workers[0], signal.SIGKILL)
    gate.open.set()
    process.communicate(timeout=60)
    assert process.returncode == 3
    items = json.loads(at_peer.file("r.json").read_text())["items"]
    lost = [item for item in items if item["outcome"] == "failed"]
    assert len(lost) == 2
    assert {item["error"]["what"] for item in lost} == {"its worker process ended"}
    finishes(at_peer, issued=2, unchanged=10)


def test_workers_go_with_their_parent_and_so_does_the_lock(at_peer, held):
    process, gate = held
    workers = children(process.pid)
    process.kill()
    process.wait(timeout=60)
    until(lambda: not any(alive(worker) for worker in workers))
    gate.open.set()
    finishes(at_peer, issued=12)


def test_a_signal_to_all_of_them_is_the_parents_alone(at_peer, held):
    process, gate = held
    for pid in (*children(process.pid), process.pid):
        os.kill(pid, signal.SIGINT)
    while "stopping" not in (line := process.stderr.readline()):
        assert line, "it ended without a word"
    gate.open.set()
    process.communicate(timeout=60)
    assert process.returncode == 130
    report = json.loads(at_peer.file("r.json").read_text())
    assert summary(report) == {"issued": 4, "skipped": 8}
    finishes(at_peer, issued=8, unchanged=4)


def test_kill_9_of_any_of_them_at_any_moment(at_peer):
    """Random moments, seeded; then until it converges."""
    chance = random.Random(5)  # noqa: S311 - moments, no secrets
    at_peer.ask(MANY, limits="timeout: 60s, retries: 0")
    for _ in range(6):
        process = start("apply", at_peer.path, "--workers", 2, "--parallel", 4, cwd=at_peer.folder)
        until(lambda one=process: one.poll() is not None or len(children(one.pid)) == 1)
        time.sleep(chance.random() * 0.3)
        with suppress(ProcessLookupError, FileNotFoundError, IndexError):
            victims = [process.pid, *children(process.pid)]
            os.kill(chance.choice(victims), signal.SIGKILL)
        process.communicate(timeout=60)
        for path in at_peer.file("out").glob("[!.]*"):
            assert b"-----END" in path.read_bytes()  # nothing is torn
    done, report = apply(at_peer)
    if done.returncode:
        done, report = apply(at_peer, "--retry-unknown")
    assert set(summary(report)) <= {"issued", "unchanged"}
    assert at_peer.issued == 12
    pairs_match(at_peer)


def test_the_embedded_lab_stays_in_one_process(site):
    site.write("authorities: {lab: {url: lab:}}\n" + MANY.replace("output", "authority: lab, output"))
    done, report = apply(site)
    assert (done.returncode, summary(report)) == (0, {"issued": 12})
