"""Reading the journal leaves no trace, whatever state its files are in, and sees all commits."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from support.ambient import NOON

from runner.errors import StateError
from runner.state import reading as module
from runner.state.inventory import Inventory, Open, Stage
from runner.state.journal import Change, Journal
from runner.state.reading import read_inventory

ROOT = Path(__file__).resolve().parents[2]


def opened(item: str) -> Change:
    return Change(item, "run-1", Open(item, f"op-{item}", "ir", "d", Stage.SENT, NOON), at=NOON)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / ".cmp-batch" / "state.db"
    with closing(Journal.open(path, create=True)) as journal:
        journal.record([opened("web-1")])
    return path


CRASHED = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from runner.state.inventory import Open, Stage
from runner.state.journal import Change, Journal
noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
journal = Journal.open(Path(sys.argv[1]), create=True)
journal.record([Change("web-2", "run-2", Open("web-2", "op-2", "ir", "d", Stage.SENT, noon), at=noon)])
if len(sys.argv) == 2:
    os._exit(9)
print("ready", flush=True)
for line in sys.stdin:
    journal.record([Change(line.strip(), "run-2", Open(line.strip(), line, "ir", "d", Stage.SENT, noon), at=noon)])
    print("recorded", flush=True)
"""


def crash(path: Path) -> None:
    subprocess.run([sys.executable, "-c", CRASHED, path], cwd=ROOT, check=False, timeout=60)
    assert path.with_name("state.db-wal").stat().st_size > 0


def trace(folder: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """What shows whether somebody was here; the folder's own times too. (As root SQLite touches st_ctime: fchown.)"""
    seen = {}
    for entry in (folder, folder.parent, *folder.iterdir()):
        facts = entry.stat()
        seen[str(entry)] = (
            facts.st_mtime_ns,
            facts.st_mode,
            facts.st_ino,
            entry.read_bytes() if entry.is_file() else b"",
        )
    return seen


def test_reading_where_there_is_nothing_makes_nothing(tmp_path):
    before = trace(tmp_path)
    assert read_inventory(tmp_path / ".cmp-batch" / "state.db") == Inventory()
    assert trace(tmp_path) == before


def test_reading_a_journal_at_rest_leaves_no_trace(path):
    before = trace(path.parent)
    assert list(before)[2:] == [str(path)]
    assert list(read_inventory(path).open) == ["web-1"]
    assert trace(path.parent) == before


def test_reading_what_a_crash_left_leaves_no_trace(path):
    crash(path)
    before = trace(path.parent)
    assert len(before) == 5
    for _ in range(2):
        assert list(read_inventory(path).open) == ["web-1", "web-2"]
        assert trace(path.parent) == before


def test_reading_a_copy_without_its_index_leaves_no_trace(path, tmp_path, monkeypatch):
    """Somebody carried the database and its -wal away, and left the -shm."""
    crash(path)
    path.with_name("state.db-shm").unlink()
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    before = trace(path.parent)
    assert list(read_inventory(path).open) == ["web-1", "web-2"]
    assert trace(path.parent) == before
    assert list((tmp_path / "tmp").iterdir()) == []


def test_an_empty_wal_changes_nothing(path):
    path.with_name("state.db-wal").write_bytes(b"")
    before = trace(path.parent)
    assert list(read_inventory(path).open) == ["web-1"]
    assert trace(path.parent) == before


def test_reading_while_an_apply_is_at_work_sees_every_commit(path):
    with subprocess.Popen(
        [sys.executable, "-c", CRASHED, path, "stay"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as apply:
        assert apply.stdout.readline() == "ready\n"
        for number in range(3, 8):
            apply.stdin.write(f"web-{number}\n")
            apply.stdin.flush()
            assert apply.stdout.readline() == "recorded\n"
            assert list(read_inventory(path).open)[-1] == f"web-{number}"
        apply.stdin.close()
    assert len(read_inventory(path).open) == 7
    assert [entry.name for entry in path.parent.iterdir()] == ["state.db"]


def test_an_apply_that_begins_and_ends_in_the_middle_is_noticed(path, monkeypatch):
    real, reads = module._attempt, []

    def interrupted(*args):
        found = real(*args)
        if not reads:
            with closing(Journal.open(path, create=False)) as journal:
                journal.record([opened("web-2")])
        reads.append(args)
        return found

    monkeypatch.setattr(module, "_attempt", interrupted)
    assert list(read_inventory(path).open) == ["web-1", "web-2"]
    assert len(reads) == 2


def test_an_error_that_a_change_explains_is_tried_again(path, monkeypatch):
    real, reads = module._attempt, []

    def torn(*args):
        reads.append(args)
        if len(reads) == 1:
            os.utime(path, ns=(1, 1))
            raise StateError("a page of it was written in the middle")
        return real(*args)

    monkeypatch.setattr(module, "_attempt", torn)
    assert list(read_inventory(path).open) == ["web-1"]
    assert len(reads) == 2


def test_a_journal_that_never_rests_is_given_up(path, monkeypatch):
    views = iter(range(1000))
    monkeypatch.setattr(module, "_view", lambda _: ("mode=ro&immutable=1", next(views), 0))
    with pytest.raises(StateError) as caught:
        read_inventory(path)
    assert "keeps changing" in caught.value.why


def test_reading_from_a_folder_with_odd_characters(path, tmp_path):
    odd = tmp_path / "100%41 ?mode=rwc#\N{SNOWMAN}"
    shutil.copytree(path.parent, odd)
    assert list(read_inventory(odd / "state.db").open) == ["web-1"]
    assert sorted(entry.name for entry in odd.iterdir()) == ["state.db"]


def test_nothing_that_a_strangers_database_brings_along_is_run(path):
    """A manifest's folder may come with a state of its own making."""
    with closing(Journal.open(path, create=False)) as journal:
        db = journal._db
        db.execute("ALTER TABLE open RENAME TO hidden")
        db.execute("CREATE VIEW open AS SELECT load_extension('evil') AS item FROM hidden")
    with pytest.raises(StateError):
        read_inventory(path)
