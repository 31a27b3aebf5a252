"""The journal: what is recorded is there again, exactly, whatever happens; and is never lost by a mistake."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.ambient import NOON

from runner.errors import StateError
from runner.state import tables
from runner.state.inventory import Held, Inventory, Open, Stage
from runner.state.journal import Change, Journal
from runner.state.reading import KeptReport, PastRun, read_inventory, read_report, read_runs

ROOT = Path(__file__).resolve().parents[2]
OPEN = Open("web-1", "op-1", "ir", "d1", Stage.SENT, NOON, attempts=2, transaction_id="a1b2", key_path="out/web-1.prv")
HELD = Held("web-1", "d1", "issued", NOON, certificate=b"\x30\x00\xff", certificate_path="out/web-1-0.crt")


@pytest.fixture
def path(tmp_path):
    return tmp_path / ".cmp-batch" / "state.db"


@pytest.fixture
def journal(path):
    with closing(Journal.open(path, create=True)) as opened:
        yield opened


def opened(item: str = "web-1", **changes) -> Change:
    return Change(item, "run-1", replace(OPEN, item=item, operation=f"op-{item}", **changes), at=NOON)


def rows(path: Path, query: str) -> list[tuple]:
    """What the sqlite3 program would show."""
    with closing(sqlite3.connect(path)) as db:
        return db.execute(query).fetchall()


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
moments = st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30)).flatmap(  # noqa: DTZ001 - given a zone below
    lambda naive: st.sampled_from([UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=-9, minutes=-30))]).map(
        lambda zone: naive.replace(tzinfo=zone)
    )
)
maybe = st.none() | text
helds = st.builds(
    Held,
    item=text,
    digest=text,
    outcome=text,
    at=moments,
    certificate=st.none() | st.binary(max_size=50),
    certificate_path=maybe,
    key_path=maybe,
    key_digest=maybe,
    replaces=maybe,
)
opens = st.builds(
    Open,
    item=text,
    operation=text,
    kind=text,
    digest=text,
    stage=st.sampled_from(Stage),
    at=moments,
    attempts=st.integers(0, 2**63 - 1),
    transaction_id=text,
    key_path=maybe,
    note=text,
    check_after=st.none() | moments,
    dialogue=text,
)


@given(held=helds, under_way=opens)
def test_everything_comes_back_exactly(tmp_path_factory, held, under_way):
    path = tmp_path_factory.mktemp("journal") / "state.db"
    with closing(Journal.open(path, create=True)) as journal:
        journal.record([Change(held.item, "r", None, held, at=NOON), Change(under_way.item, "r", under_way, at=NOON)])
        expected = Inventory({held.item: held}, {under_way.item: under_way})
        assert journal.inventory() == read_inventory(path) == expected
    assert read_inventory(path) == expected


def test_an_operation_from_its_key_to_its_end(journal, path):
    for stage in Stage:
        journal.record([opened(stage=stage)])
        assert journal.inventory().open["web-1"].stage is stage
    journal.record([Change("web-1", "run-1", None, HELD, note="installed", at=NOON + timedelta(minutes=1))])
    assert journal.inventory() == Inventory({"web-1": HELD}, {})
    history = rows(path, "SELECT operation, item, run, stage, at, note FROM transition ORDER BY number")
    assert [row[3] for row in history] == [stage.value for stage in Stage] + ["issued"]
    assert history[-1] == ("op-web-1", "web-1", "run-1", "issued", "2026-03-01T12:01:00+00:00", "installed")


def test_an_operation_that_came_to_nothing(journal, path):
    journal.record([Change("web-1", "run-0", None, HELD, at=NOON), opened()])
    journal.record([Change("web-1", "run-1", None, note="rejected", at=NOON)])
    assert journal.inventory() == Inventory({"web-1": HELD}, {})
    assert rows(path, "SELECT operation, stage, note FROM transition")[-1] == ("op-web-1", "closed", "rejected")


def test_an_item_that_is_forgotten(journal):
    journal.record(
        [
            Change("web-1", "run-0", None, HELD, at=NOON),
            Change("web-2", "run-0", None, replace(HELD, item="web-2"), at=NOON),
        ]
    )
    journal.record([Change("web-1", "run-1", None, forget=True, at=NOON)])
    assert list(journal.inventory().held) == ["web-2"]


def test_changes_of_a_group_are_made_in_order(journal):
    journal.record(
        [opened(), opened(stage=Stage.ISSUED), Change("web-1", "run-1", None, HELD, at=NOON), opened("web-2")]
    )
    assert list(journal.inventory().open) == ["web-2"]
    assert journal.inventory().held == {"web-1": HELD}


def test_a_group_is_recorded_as_a_whole_or_not_at_all(journal):
    journal.record([opened()])
    taken = replace(OPEN, item="web-3", operation="op-web-1")
    with pytest.raises(StateError):
        journal.record([opened("web-2"), Change("web-3", "run-1", taken, at=NOON)])
    assert list(journal.inventory().open) == ["web-1"]
    journal.record([opened("web-2")])
    assert list(journal.inventory().open) == ["web-1", "web-2"]


def test_a_group_is_one_durable_commit(journal, path):
    statements = []
    journal._db.set_trace_callback(statements.append)
    journal.record([opened(f"web-{number}") for number in range(64)])
    journal._db.set_trace_callback(None)
    assert [one for one in statements if one.startswith(("BEGIN", "COMMIT"))] == ["BEGIN IMMEDIATE", "COMMIT"]
    assert len(journal.inventory().open) == 64
    assert journal._db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert journal._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_runs_are_remembered_with_their_reports(journal, path):
    journal.start_run("run-1", NOON, "plant-7")
    journal.start_run("run-2", NOON + timedelta(hours=1), "plant-7")
    journal.finish_run("run-1", NOON + timedelta(minutes=5), "{}", ('{"name": "b"}', '{"name": "a"}'))
    assert read_runs(path) == (
        PastRun("run-1", NOON, NOON + timedelta(minutes=5), "plant-7"),
        PastRun("run-2", NOON + timedelta(hours=1), None, "plant-7"),
    )
    kept = KeptReport("{}", ('{"name": "b"}', '{"name": "a"}'))
    assert [read_report(path, run) for run in ("run-1", "run-2", "run-3")] == [kept, None, None]


def test_the_folder_and_all_files_are_ours_alone(journal, path):
    before = os.umask(0)
    try:
        journal.record([opened()])
    finally:
        os.umask(before)
    modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()}
    assert modes == {"state.db": 0o600, "state.db-wal": 0o600, "state.db-shm": 0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_it_can_be_handed_to_another_thread(journal):
    thread = threading.Thread(target=journal.record, args=([opened()],))
    thread.start()
    thread.join(30)
    assert list(journal.inventory().open) == ["web-1"]


def test_columns_are_the_fields_spelled_out(journal, path):
    for table, kind in (("held", Held), ("open", Open)):
        columns = [row[1] for row in rows(path, f"PRAGMA table_info({table})")]
        assert columns == [field.name for field in fields(kind)]
    journal.record([opened(), Change("web-0", "run-1", None, replace(HELD, item="web-0"), at=NOON)])
    assert rows(path, "SELECT item, stage, at FROM open") == [("web-1", "sent", "2026-03-01T12:00:00+00:00")]
    assert rows(path, "SELECT item, certificate FROM held") == [("web-0", b"\x30\x00\xff")]


KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from runner.state.inventory import Open, Stage
from runner.state.journal import Change, Journal
noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
journal = Journal.open(Path(sys.argv[1]), create=True)
for number in range(3):
    name = f"web-{number}"
    journal.record([Change(name, "run-1", Open(name, f"op-{number}", "ir", "d", Stage.SENT, noon), at=noon)])
journal._db.execute("BEGIN IMMEDIATE")
journal._db.execute("DELETE FROM open")  # cut short by what comes now
if sys.argv[2] == "exit":
    os._exit(9)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("end", ["exit", "kill"])
def test_what_was_recorded_survives_the_process(path, end):
    done = subprocess.run([sys.executable, "-c", KILLED, path, end], cwd=ROOT, check=False, timeout=60)
    assert abs(done.returncode) == 9
    assert list(read_inventory(path).open) == ["web-0", "web-1", "web-2"]
    with closing(Journal.open(path, create=False)) as journal:
        assert list(journal.inventory().open) == ["web-0", "web-1", "web-2"]


def test_a_journal_that_is_not_there(path):
    with pytest.raises(StateError, match="there is no state"):
        Journal.open(path, create=False)
    assert not path.parent.exists()


def test_an_empty_file_is_a_new_journal(path):
    """What a crash at the very first moment leaves."""
    path.parent.mkdir()
    path.write_bytes(b"")
    assert read_inventory(path) == Inventory()
    with closing(Journal.open(path, create=False)) as journal:
        journal.record([opened()])
    assert list(read_inventory(path).open) == ["web-1"]


@pytest.mark.parametrize("read", [read_inventory, lambda path: Journal.open(path, create=True)], ids=["read", "open"])
def test_files_that_are_no_journal_are_refused_and_left_alone(path, read):
    path.parent.mkdir()
    path.write_bytes(b"certainly no database" * 100)
    with pytest.raises(StateError) as caught:
        read(path)
    assert "not a database" in caught.value.why
    assert caught.value.next_step
    assert path.read_bytes() == b"certainly no database" * 100


@pytest.mark.parametrize("read", [read_inventory, lambda path: Journal.open(path, create=True)], ids=["read", "open"])
def test_a_database_of_another_program_is_refused_and_left_alone(path, read):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE places (url TEXT)")
    before = path.read_bytes()
    with pytest.raises(StateError, match="another program"):
        read(path)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA application_id = 42")
    with pytest.raises(StateError, match="another program"):
        read(path)
    assert rows(path, "SELECT name FROM sqlite_master") == [("places",)]
    assert before[:16] == path.read_bytes()[:16]


@pytest.mark.parametrize("read", [read_inventory, lambda path: Journal.open(path, create=True)], ids=["read", "open"])
def test_the_journal_of_a_newer_version_is_refused_and_left_alone(path, read):
    Journal.open(path, create=True).close()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(f"PRAGMA user_version = {len(tables.MIGRATIONS) + 1}")
    before = path.read_bytes()
    with pytest.raises(StateError, match="newer version") as caught:
        read(path)
    assert "upgrade" in caught.value.next_step
    assert path.read_bytes() == before


def test_the_journal_of_an_older_version_is_read_as_it_is_and_upgraded_when_written(path, monkeypatch):
    with closing(Journal.open(path, create=True)) as journal:
        journal.record([opened()])
    before = path.read_bytes()
    monkeypatch.setattr(tables, "MIGRATIONS", (*tables.MIGRATIONS, ("ALTER TABLE held ADD COLUMN later TEXT",)))
    assert list(read_inventory(path).open) == ["web-1"]
    assert path.read_bytes() == before
    with closing(Journal.open(path, create=False)) as journal:
        assert list(journal.inventory().open) == ["web-1"]
    assert rows(path, "PRAGMA user_version") == [(len(tables.MIGRATIONS),)]
    assert "later" in [row[1] for row in rows(path, "PRAGMA table_info(held)")]


def test_an_upgrade_that_fails_changes_nothing(path, monkeypatch):
    with closing(Journal.open(path, create=True)) as journal:
        journal.record([opened()])
    with monkeypatch.context() as patch:
        patch.setattr(tables, "MIGRATIONS", (*tables.MIGRATIONS, ("CREATE TABLE half (a)", "CREATE TABLE held (a)")))
        with pytest.raises(StateError):
            Journal.open(path, create=False)
    assert list(read_inventory(path).open) == ["web-1"]
    assert rows(path, "SELECT name FROM sqlite_master WHERE name = 'half'") == []


def test_damage_is_reported_and_never_papered_over(path):
    with closing(Journal.open(path, create=True)) as journal:
        journal.record([opened(f"web-{number}", dialogue="x" * 500) for number in range(200)])
    whole = path.read_bytes()
    damaged = whole[:4096] + b"\xa5" * (len(whole) - 4096)
    path.write_bytes(damaged)
    for read in (read_inventory, lambda path: Journal.open(path, create=False).inventory()):
        with pytest.raises(StateError) as caught:
            read(path)
        assert "damaged" in caught.value.why
        assert ".recover" in caught.value.next_step
    assert path.read_bytes() == damaged


@pytest.mark.parametrize(
    "statement", ["UPDATE open SET stage = 'dreaming'", "UPDATE open SET at = 'noon'", "UPDATE open SET at = x'00'"]
)
def test_rows_that_we_never_wrote_are_reported(path, statement):
    with closing(Journal.open(path, create=True)) as journal:
        journal.record([opened()])
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(statement)
    with pytest.raises(StateError, match="never wrote"):
        read_inventory(path)


def test_a_full_disk_loses_nothing_that_was_recorded(journal):
    journal.record([opened()])
    pages = journal._db.execute("PRAGMA page_count").fetchone()[0]
    journal._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StateError) as caught:
        journal.record([opened(f"web-{number}", dialogue="x" * 5000) for number in range(2, 20)])
    assert "disk is full" in caught.value.why
    assert list(journal.inventory().open) == ["web-1"]
    journal._db.execute("PRAGMA max_page_count = 1000000")
    journal.record([opened("web-2")])
    assert list(journal.inventory().open) == ["web-1", "web-2"]


def test_a_read_only_journal_is_reported(journal):
    journal._db.execute("PRAGMA query_only = ON")
    with pytest.raises(StateError) as caught:
        journal.record([opened()])
    assert "read-only" in caught.value.why


def test_a_journal_that_another_program_has_locked_is_reported(journal, path, monkeypatch):
    journal._db.execute("PRAGMA busy_timeout = 0")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateError) as caught:
            journal.record([opened()])
        other.execute("ROLLBACK")
    assert "another program" in caught.value.why
    journal.record([opened()])


def test_a_folder_that_cannot_be_made_is_reported(tmp_path):
    with pytest.raises(StateError, match="cannot be made"):
        Journal.open(tmp_path / "gone" / ".cmp-batch" / "state.db", create=True)
    (tmp_path / ".cmp-batch").write_bytes(b"a file")
    with pytest.raises(StateError, match="cannot be used"):
        Journal.open(tmp_path / ".cmp-batch" / "state.db", create=True)


def test_links_that_come_with_a_manifest_are_not_followed(tmp_path, path):
    elsewhere = tmp_path / "elsewhere"
    Journal.open(elsewhere / "state.db", create=True).close()
    path.parent.symlink_to(elsewhere)
    for read in (read_inventory, lambda path: Journal.open(path, create=True)):
        with pytest.raises(StateError, match="symbolic link"):
            read(path)
    path.parent.unlink()
    path.parent.mkdir()
    for target in (elsewhere / "state.db", elsewhere / "new.db"):
        path.symlink_to(target)
        for read in (read_inventory, lambda path: Journal.open(path, create=True)):
            with pytest.raises(StateError, match="symbolic link"):
                read(path)
        path.unlink()
    assert [entry.name for entry in elsewhere.iterdir()] == ["state.db"]
    (tmp_path / "data").symlink_to(elsewhere)
    assert read_inventory(tmp_path / "data" / "state.db") == Inventory()  # named with --state: the user's own choice
