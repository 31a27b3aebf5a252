"""The console: how text is laid out for whoever looks, and what counts as a yes."""

from __future__ import annotations

import io
import sys

import pytest
from support.harm import harmful
from support.samples import HOSTILE

from runner.cli import console
from runner.errors import Diagnostic, Place, Severity


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def seen_on(kind, monkeypatch, no_color=None):
    """The layout that a terminal of this kind gets."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color is not None:
        monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", kind)
    with monkeypatch.context() as patch:  # not from a fixture: pytest puts its own stream back before the test
        patch.setattr(sys, "stdout", Terminal())
        return console.layout()


def test_a_terminal_gets_colour(monkeypatch):
    layout = seen_on("xterm", monkeypatch)
    assert (layout.terminal, layout.colour) == (True, True)


def test_no_color_is_honoured(monkeypatch):
    layout = seen_on("xterm", monkeypatch, no_color="1")
    assert (layout.terminal, layout.colour) == (True, False)
    assert seen_on("xterm", monkeypatch, no_color="").colour  # no-color.org: only a value that is not empty counts


def test_a_dumb_terminal_gets_plain_text(monkeypatch):
    layout = seen_on("dumb", monkeypatch)
    assert (layout.terminal, layout.colour) == (False, False)


def test_off_a_terminal_text_is_plain_and_columns_are_honoured(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "77")
    layout = console.layout(verbose=True)
    assert (layout.terminal, layout.colour, layout.width, layout.verbose) == (False, False, 77, True)


@pytest.mark.parametrize(
    ("answer", "yes"), [("y\n", True), ("YES\n", True), (" yes ", True), ("\n", False), ("", False), ("yeah\n", False)]
)
def test_only_a_yes_is_a_yes(answer, yes, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    assert console.ask("apply 3 changes?") is yes
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "apply 3 changes? [y/N] ")


def test_warnings_and_notes_go_to_stderr(capsys):
    console.warn([Diagnostic("a literal secret", Place("m.yaml", 1, 2), severity=Severity.WARNING)])
    console.note("working")
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "m.yaml:1:2: warning: a literal secret\nworking\n")


def test_lines_are_cleaned(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    console.say(HOSTILE)
    console.note(HOSTILE)
    console.ask(HOSTILE)
    said = capsys.readouterr()
    assert not harmful(said.out + said.err)
    assert said.out.startswith("\\x1b[31mred")
