"""Secrets: where they come from, and that they never show."""

from __future__ import annotations

import copy
import os
import pickle
import sys
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.ambient import FixedClock

from runner.errors import CmpBatchError, Refused, SecretError
from runner.keystores import commands as module
from runner.keystores.secrets import MAX_OCTETS, Secret, SecretReader, split_psk

HUSH = "3078:hunter2"


def reader(base, environ=None, allow_commands=False, clock=None):
    return SecretReader(base, environ or {}, allow_commands, clock)


def argv(*words: str) -> str:
    return "\0".join(words)


def python(code: str) -> str:
    return argv(sys.executable, "-S", "-c", code)


def words_of(problem: CmpBatchError) -> str:
    return "".join(traceback.format_exception(problem)) + problem.what + problem.why + problem.next_step


def test_a_secret_shows_nowhere():
    secret = Secret(HUSH.encode())
    assert secret.reveal() == HUSH.encode()
    assert "hunter2" not in f"{secret!r} {secret} {secret!s:>40} {[secret]} {vars(Secret)}"
    assert not hasattr(secret, "__dict__")


@pytest.mark.parametrize("take", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_secret_is_not_carried_away(take):
    with pytest.raises(TypeError, match="not to be pickled"):
        take(Secret(b"hunter2"))


def test_from_the_environment_exactly(tmp_path):
    assert reader(tmp_path, {"PSK": HUSH + "\n"}).read("env", "PSK").reveal() == HUSH.encode() + b"\n"
    assert reader(tmp_path, {"PSK": "\udcff\xe4"}).read("env", "PSK").reveal() == b"\xff\xc3\xa4"


def test_from_a_file_beside_the_manifest(tmp_path):
    (tmp_path / "psk").write_bytes(HUSH.encode())
    assert reader(tmp_path).read("file", "psk").reveal() == HUSH.encode()
    assert reader(tmp_path / "elsewhere").read("file", str(tmp_path / "psk")).reveal() == HUSH.encode()


@pytest.mark.parametrize(
    ("content", "value"),
    [(b"a\n", b"a"), (b"a\r\n", b"a"), (b"a\n\n", b"a\n"), (b"a\r", b"a\r"), (b" a ", b" a "), (b"\na", b"\na")],
)
def test_one_newline_at_the_end_is_dropped(tmp_path, content, value):
    (tmp_path / "psk").write_bytes(content)
    assert reader(tmp_path).read("file", "psk").reveal() == value


def test_a_literal_is_itself(tmp_path):
    assert reader(tmp_path).read("literal", "p\xe4ss\n").reveal() == b"p\xc3\xa4ss\n"
    assert reader(tmp_path).read("literal", "\ud800").reveal() == b"\xed\xa0\x80"


@pytest.mark.parametrize(
    ("kind", "value", "word"),
    [
        ("env", "MISSING", "MISSING"),
        ("env", "EMPTY", "empty"),
        ("env", HUSH, "not the name of a variable"),
        ("file", "missing", "missing"),
        ("file", "empty", "empty"),
        ("file", "newline", "empty"),
        ("file", "large", "longer"),
        ("file", "pipe", "not a file"),
        ("literal", "", "empty"),
        ("vault", HUSH, "unknown kind"),
    ],
)
def test_what_cannot_be_resolved_says_so_without_the_value(tmp_path, kind, value, word):
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "newline").write_bytes(b"\n")
    (tmp_path / "large").write_bytes(b"hunter2" * MAX_OCTETS)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SecretError) as caught:
        reader(tmp_path, {"EMPTY": ""}).read(kind, value)
    assert word in words_of(caught.value)
    assert "hunter2" not in words_of(caught.value)
    assert caught.value.next_step


def test_commands_are_refused_unless_allowed(tmp_path):
    with pytest.raises(Refused, match="not allowed") as caught:
        reader(tmp_path).read("command", argv("touch", str(tmp_path / "hunter2")))
    assert "--allow-commands" in caught.value.next_step
    assert list(tmp_path.iterdir()) == []


def test_a_command_runs_without_a_shell_in_a_clean_environment(tmp_path):
    environ = {"PATH": os.environ["PATH"], "HOME": "/home/op", "LANG": "C", "LEAK": "hunter2"}
    run = reader(tmp_path, environ, allow_commands=True)
    assert run.read("command", argv("printf", "%s", "$HOME;`id` *")).reveal() == b"$HOME;`id` *"
    shown = run.read("command", argv("env")).reveal().decode().splitlines()
    assert sorted(shown) == sorted(f"{name}={environ[name]}" for name in ("PATH", "HOME", "LANG"))
    assert run.read("command", argv("pwd", "-P")).reveal() == os.fsencode(tmp_path.resolve())


def test_a_command_has_no_input_and_its_newline_is_dropped(tmp_path):
    run = reader(tmp_path, os.environ, allow_commands=True)
    assert run.read("command", python("import sys; print(repr(sys.stdin.read()))")).reveal() == b"''"


@pytest.mark.parametrize(
    ("command", "word"),
    [
        (python("import sys; print('hunter2'); print('hunter2', file=sys.stderr); sys.exit(3)"), "status 3"),
        (python("import os, signal; os.kill(os.getpid(), signal.SIGTERM)"), "status -15"),
        (python("print('hunter2' * 100_000)"), "more than"),
        (argv("/no/such/program", "hunter2"), "cannot be started"),
        ("", "cannot be started"),
    ],
)
def test_a_command_that_fails_says_so_and_shows_nothing_it_printed(tmp_path, capfd, command, word):
    with pytest.raises(SecretError) as caught:
        reader(tmp_path, os.environ, allow_commands=True).read("command", command)
    assert word in caught.value.why
    assert "hunter2" not in words_of(caught.value)
    assert capfd.readouterr() == ("", "")


class Hurrying(FixedClock):
    """A clock that shows the given moments one after the other, and then the last one for ever."""

    def __init__(self, *moments: float) -> None:
        super().__init__()
        self.moments = list(moments)

    def monotonic(self) -> float:
        return self.moments.pop(0) if len(self.moments) > 1 else self.moments[0]


@pytest.mark.parametrize(
    ("code", "moments"),
    [
        ("import time; time.sleep(600)", (0.0, 30.0)),
        ("import os, time; print('x', flush=True); os.close(1); time.sleep(600)", (0.0, 0.0, 29.9)),
    ],
    ids=["silent", "closes its output"],
)
def test_a_command_that_does_not_end_is_killed(tmp_path, code, moments, monkeypatch):
    started = []
    real = module.subprocess.Popen
    monkeypatch.setattr(
        module.subprocess, "Popen", lambda *args, **kwargs: (started.append(real(*args, **kwargs)), started[0])[1]
    )
    with pytest.raises(SecretError) as caught:
        reader(tmp_path, os.environ, True, Hurrying(*moments)).read("command", python(code))
    assert "did not end within 30 s" in caught.value.why
    assert started[0].returncode == -9


def test_many_open_files_do_not_disturb_a_command(tmp_path):
    """Descriptors above 1023 are beyond what select() takes."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 1200:
        pytest.skip("this account may not open 1200 files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (1200, hard))
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(1050)]
    try:
        assert reader(tmp_path, os.environ, allow_commands=True).read("command", argv("echo", "x")).reveal() == b"x"
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


no_colon = st.binary(min_size=1).filter(lambda octets: b":" not in octets)


@given(reference=no_colon, key=st.binary(min_size=1))
def test_any_reference_and_key_come_apart_again(reference, key):
    """The key may hold colons, newlines, anything."""
    first, second = split_psk(Secret(reference + b":" + key))
    assert (first, second.reveal()) == (reference, key)


@given(
    st.sampled_from([b"hunter2", b":hunter2", b"hunter2:", b":", b""])
    | no_colon.map(lambda octets: octets + b"hunter2")
)
def test_a_psk_of_another_form_is_not_shown(octets):
    with pytest.raises(SecretError, match="refnum:key") as caught:
        split_psk(Secret(octets))
    assert "hunter2" not in words_of(caught.value).replace(repr(octets), "")
