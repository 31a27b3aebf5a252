"""The edge: which command runs, how errors become words and exit statuses, and what start-up costs."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import pytest
from support.harm import harmful
from support.samples import HOSTILE

from runner import __version__
from runner.cli import exits
from runner.cli.main import COMMANDS, main
from runner.errors import (
    BadInput,
    CmpBatchError,
    Diagnostic,
    KeyStoreError,
    NotSent,
    Place,
    Refused,
    Severity,
    StateError,
)

HEAVY = {"asyncio", "cryptography", "h11", "jsonschema", "rich", "sqlite3", "ssl", "yaml"}


@pytest.fixture
def command(monkeypatch):
    """Makes `cmp-batch plan` do what a test wants."""

    def stand_in(run):
        module = ModuleType("runner.cli.plan")
        module.add_arguments = lambda _parser: None
        module.run = run
        monkeypatch.setitem(sys.modules, "runner.cli.plan", module)

    return stand_in


def failing(problem):
    def run(_args):
        raise problem

    return run


def test_version_and_help_import_nothing_heavy():
    script = "import sys; from runner.cli.main import main; main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    for option in ("--version", "--help"):
        done = subprocess.run([sys.executable, "-c", script, option], capture_output=True, text=True, check=True)
        loaded = {name.partition(".")[0] for name in done.stderr.split()}
        assert "argparse" in loaded
        assert not loaded & HEAVY


def test_the_version_is_the_packages(capsys):
    assert main(["--version"]) == exits.OK
    assert capsys.readouterr().out == f"cmp-batch {__version__}\n"


def test_help_names_every_command(capsys):
    assert main(["--help"]) == exits.OK
    said = " ".join(capsys.readouterr().out.split())  # lines are as long as the terminal is wide
    assert all(name in said and words in said for name, words in COMMANDS.items())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name, capsys):
    assert main([name, "--help"]) == exits.OK
    said = capsys.readouterr().out
    assert said.startswith(f"usage: cmp-batch {name}")
    assert "\nexample" in said
    assert f"\n  cmp-batch {name}" in said


def test_python_dash_m_is_the_same_program():
    done = subprocess.run([sys.executable, "-m", "runner", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"cmp-batch {__version__}\n"


@pytest.mark.parametrize("argv", [[], ["frobnicate"], ["schema", "--frob"], ["schema", "elephant"], ["--frob"]])
def test_a_slip_of_the_fingers_is_no_change(argv, capsys):
    assert main(argv) == exits.ERROR
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert "\n  next: cmp-batch" in said.err
    assert "--help" in said.err


@pytest.mark.parametrize(
    ("problem", "status"),
    [
        (BadInput("x"), 1),
        (KeyStoreError("x"), 1),
        (NotSent("x"), 1),
        (StateError("x"), 1),
        (Refused("x"), 6),
        (KeyboardInterrupt(), 130),
        (BrokenPipeError(), 141),
        (ZeroDivisionError(), 70),
        (PermissionError(13, "Permission denied", "out.json"), 1),
    ],
)
def test_each_kind_of_end_has_its_status(problem, status, command, monkeypatch):
    monkeypatch.setattr("runner.cli.main._leave_quietly", lambda: None)
    command(failing(problem))
    assert main(["plan"]) == status


def test_an_error_says_what_why_and_next(command, capsys):
    command(failing(Refused("the state is locked", why="process 7 holds it", next_step="wait for it to end")))
    main(["plan"])
    assert capsys.readouterr().err == "error: the state is locked\n  process 7 holds it\n  next: wait for it to end\n"


def test_findings_are_sorted_by_place_and_counted(command, capsys):
    findings = (
        Diagnostic("later", Place("b.yaml", 2, 1), why="because", next_step="do this"),
        Diagnostic("tenth line", Place("a.yaml", 10, 1)),
        Diagnostic("mild", Place("a.yaml", 9, 7), severity=Severity.WARNING),
    )
    command(failing(BadInput("the manifest cannot be used", diagnostics=findings)))
    assert main(["plan"]) == exits.ERROR
    assert capsys.readouterr().err.splitlines() == [
        "a.yaml:9:7: warning: mild",
        "a.yaml:10:1: error: tenth line",
        "b.yaml:2:1: error: later",
        "  because",
        "  next: do this",
        "2 errors, 1 warning",
    ]


def test_a_file_that_cannot_be_written_is_named(command, capsys):
    command(failing(PermissionError(13, "Permission denied", "out.json")))
    main(["plan"])
    assert capsys.readouterr().err == "error: out.json: Permission denied\n"


@pytest.mark.parametrize("debug", ["", "1"])
def test_a_mistake_of_ours_never_quotes_a_value(debug, command, capsys, monkeypatch):
    monkeypatch.setenv("CMP_BATCH_DEBUG", debug)

    def run(_args):
        try:
            {}["the-secret"]
        except KeyError as inner:
            raise ValueError("refnum:the-secret") from inner

    command(run)
    assert main(["plan"]) == exits.BUG
    said = capsys.readouterr().err
    assert "ValueError in " in said
    assert "test_main.py:" in said
    assert "the-secret" not in said
    assert ("main.py" in said.replace("test_main.py", "")) == (debug == "1")


@pytest.mark.parametrize(
    "problem",
    [
        CmpBatchError(HOSTILE, why=HOSTILE, next_step=HOSTILE),
        BadInput(HOSTILE, diagnostics=(Diagnostic(HOSTILE, Place(HOSTILE, 1, 1), HOSTILE, HOSTILE),)),
        OSError(2, HOSTILE, HOSTILE),
    ],
)
def test_foreign_text_in_errors_steers_nothing(problem, command, capsys):
    command(failing(problem))
    main(["plan"])
    said = capsys.readouterr().err
    assert "\\x1b[31mred" in said
    assert not harmful(said)


def test_arguments_are_foreign_text_too(capsys):
    main(["schema", "\x1b[2J\u202e"])
    assert not harmful(capsys.readouterr().err)


def test_a_reader_that_leaves_early_hears_no_complaint():
    with subprocess.Popen(
        [sys.executable, "-m", "runner", "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == exits.BROKEN_PIPE


def test_any_text_can_be_printed_in_any_locale():
    script = "from runner.cli import console; console.prepare(); console.say('\\xb1 \\u2192 \\u6f22')"
    environment = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, env=environment, check=True)
    assert done.stdout == b"\\xb1 \\u2192 \\u6f22\n"
