"""Key stores that an operation did not write are never overwritten, whatever the entry says by the time it ends."""

from __future__ import annotations

import pytest
from support.stage import Stage

from runner.execute.results import Outcome

ENTRY = (
    'enrollments:\n  - {name: web, subject: "C=FI, CN=web", key: "generate://pkcs8@ec:p256/out/web", output: OUTPUT}\n'
)
PLAIN = "{prefix: out/web}"
WITH_STORE = "{prefix: out/web, pkcs12: {file: out/web.p12, passphrase: {env: STORE_PASS}}}"


def outcome(stage):
    return stage.result().outcome


@pytest.fixture
def with_store(tmp_path):
    """`with_store("a")` → a Stage in a folder of that name, with one enrollment that keeps its pair in a store, too."""
    opened = []

    def start(name):
        (tmp_path / name).mkdir()
        opened.append(Stage(tmp_path / name))
        opened[-1].environ["STORE_PASS"] = "store pass"
        return opened[-1].write(ENTRY.replace("OUTPUT", WITH_STORE))

    yield start
    for stage in opened:
        stage.close()


@pytest.fixture
def pending(ruled):
    """An enrollment that the CA has put off, whose entry names no store yet."""
    stage = ruled(waiting_polls=1)
    stage.environ["STORE_PASS"] = "store pass"
    stage.write(ENTRY.replace("OUTPUT", PLAIN), max_wait="0s")
    assert outcome(stage) is Outcome.PENDING
    stage.edit(PLAIN, WITH_STORE)
    stage.edit("max_wait: 0s", "max_wait: 1h")
    return stage


def test_a_store_that_was_named_while_the_operation_was_open_is_looked_at(pending):
    foreign = pending.path("out/web.p12")
    foreign.write_bytes(b"somebody's")
    result = pending.result()
    assert result.outcome is Outcome.FAILED
    assert "web.p12 exists and is not ours" in result.failure.what
    assert "safe in the journal" in result.failure.next_step
    assert foreign.read_bytes() == b"somebody's"
    foreign.rename(pending.path("elsewhere.p12"))
    assert outcome(pending) is Outcome.ISSUED
    assert pending.path("out/web-0.crt").exists()
    assert foreign.exists()


def test_a_store_that_is_free_is_written_when_the_operation_ends(pending):
    assert outcome(pending) is Outcome.ISSUED
    assert pending.inventory.held["web"].stores.endswith("out/web.p12")


def test_a_store_that_was_written_before_a_crash_is_ours(with_store):
    """Killed between the files and the last entry of the journal: the next apply writes the store again."""
    first = with_store("first")
    assert outcome(first) is Outcome.ISSUED
    written = next(number for number, event in enumerate(first.events) if event[0] == "install" and "web.p12" in event)
    second = with_store("second")
    assert second.killed_at(written + 1)
    assert second.path("out/web.p12").exists()
    assert "web" not in second.inventory.held
    assert outcome(second) is Outcome.ISSUED
    assert second.inventory.held["web"].stores.endswith("out/web.p12")


def test_a_store_is_looked_at_again_when_it_is_written(with_store):
    """A file that came between the plan and the installation is as foreign as one that was there before."""
    stage = with_store("late")
    foreign = stage.path("out/web.p12")

    def come_between(*event):
        if event[:1] == ("before create",):
            foreign.parent.mkdir(exist_ok=True)
            foreign.write_bytes(b"somebody's")

    stage.tell = come_between
    assert outcome(stage) is Outcome.FAILED
    assert foreign.read_bytes() == b"somebody's"
