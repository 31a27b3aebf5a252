"""One apply at a time, across processes; the second learns who the first is; the dead hold nothing."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.ambient import NOON

from runner.errors import Refused, StateError
from runner.state.lock import Owner, StateLock, _holder, this_process

ROOT = Path(__file__).resolve().parents[2]
OWNER = Owner(4711, "gate-1", "op", "2026-03-01T12:00:00+00:00", "apply plant.yaml")

HOLDER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from runner.state.lock import StateLock, this_process
with StateLock(Path(sys.argv[1]), this_process("apply plant.yaml", datetime(2026, 3, 1, 12, tzinfo=UTC))):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / ".cmp-batch" / "lock"


@pytest.fixture
def holder(path):
    """Another process that holds the lock."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_lock_says_who_holds_it(path):
    with StateLock(path, OWNER):
        assert json.loads(path.read_bytes()) == {
            "pid": 4711,
            "host": "gate-1",
            "user": "op",
            "since": "2026-03-01T12:00:00+00:00",
            "command": "apply plant.yaml",
        }
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_second_process_is_refused_and_told_by_whom(path, holder):
    with pytest.raises(Refused) as caught, StateLock(path, OWNER):
        pytest.fail("two at once")
    for word in (
        f"process {holder.pid} ",
        this_process("", NOON).host,
        "2026-03-01T12:00:00+00:00",
        "apply plant.yaml",
    ):
        assert word in caught.value.what
    assert str(path) in caught.value.why
    assert caught.value.next_step
    assert json.loads(path.read_bytes())["pid"] == holder.pid


def test_the_lock_is_free_when_its_owner_ends(path, holder):
    holder.stdin.close()
    holder.wait(30)
    with StateLock(path, OWNER):
        assert json.loads(path.read_bytes())["pid"] == 4711


def test_the_lock_is_free_when_its_owner_is_killed(path, holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait(30)
    assert json.loads(path.read_bytes())["pid"] == holder.pid
    with StateLock(path, OWNER):
        assert json.loads(path.read_bytes())["pid"] == 4711


def test_the_same_process_cannot_take_it_twice_either(path):
    with StateLock(path, OWNER), pytest.raises(Refused), StateLock(path, OWNER):
        pytest.fail("two at once")
    with StateLock(path, OWNER):
        pass


def test_it_is_let_go_when_the_work_fails(path):
    with pytest.raises(RuntimeError), StateLock(path, OWNER):
        raise RuntimeError
    with StateLock(path, OWNER):
        pass


def test_a_command_that_is_started_does_not_inherit_it(path):
    """Else a stray child would hold the lock after us."""
    with StateLock(path, OWNER) as lock:
        assert fcntl.fcntl(lock._descriptor, fcntl.F_GETFD) & fcntl.FD_CLOEXEC


@pytest.mark.parametrize(
    "rubbish", [b"", b"\xff\x00rubbish" * 1000, b"[1]", b'{"pid": {"deep": 1}}', b"null", b"[" * 3000]
)
def test_rubbish_in_the_file_is_no_hindrance(path, rubbish):
    path.parent.mkdir()
    path.write_bytes(rubbish)
    with StateLock(path, OWNER):
        assert json.loads(path.read_bytes())["pid"] == 4711
        path.write_bytes(rubbish)
        with pytest.raises(Refused, match="another apply is at work"), StateLock(path, OWNER):
            pytest.fail("two at once")


@given(
    st.binary(max_size=100)
    | st.dictionaries(
        st.sampled_from(Owner.__slots__), st.text() | st.integers() | st.none() | st.lists(st.text())
    ).map(lambda said: json.dumps(said).encode())
)
def test_what_the_file_says_cannot_harm_a_terminal(octets):
    assert _holder(octets).isprintable()
    assert len(_holder(octets)) < 500


def test_a_hostile_name_is_defused(path):
    with StateLock(path, Owner(1, "\x1b[2Jevil", "\u202eoperator\n", "now", "x" * 500)):
        with pytest.raises(Refused) as caught, StateLock(path, OWNER):
            pytest.fail("two at once")
        assert caught.value.what.isprintable()
        assert "?[2Jevil" in caught.value.what


def test_a_lock_that_is_no_file_or_a_link_is_refused(path, tmp_path):
    path.parent.mkdir()
    os.mkfifo(path)
    with pytest.raises(StateError, match="cannot be taken") as caught, StateLock(path, OWNER):
        pytest.fail("that is a pipe")
    assert caught.value.why == "it is not a file"
    path.unlink()
    (tmp_path / "victim").write_bytes(b"precious")
    path.symlink_to(tmp_path / "victim")
    with pytest.raises(StateError, match="symbolic link"), StateLock(path, OWNER):
        pytest.fail("that is a link")
    assert (tmp_path / "victim").read_bytes() == b"precious"


def test_a_disk_without_locks_is_reported(path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", lambda *_: (_ for _ in ()).throw(OSError(37, "No locks available")))
    with pytest.raises(StateError) as caught, StateLock(path, OWNER):
        pytest.fail("there is no lock")
    assert caught.value.why == "No locks available"


def test_this_process_is_named_even_without_a_user_name(monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: (_ for _ in ()).throw(KeyError("uid not found")))
    owner = this_process("apply x", NOON)
    assert (owner.pid, owner.user, owner.since) == (os.getpid(), str(os.getuid()), "2026-03-01T12:00:00+00:00")
