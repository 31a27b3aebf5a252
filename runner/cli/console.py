"""Everything that is printed goes through here, in one voice.

- Results go to stdout, so that they can be piped; everything said about the work goes to stderr.
- A message starts with `error:`, `warning:` or the place of the finding; the rest is lower case, without a full stop.
- What happened, then why (indented), then the step to take (`next:`).
- Foreign text is cleaned on its way out; what `show` prints was laid out, and so cleaned, by runner.report.
- No secret and no traceback. A mistake of ours is named by its type and its place, never by its message.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import warnings
from typing import TYPE_CHECKING

from runner.errors import BadInput, Diagnostic, Severity
from runner.report.sanitise import clean
from runner.values import mutable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from runner.errors import CmpBatchError
    from runner.report.tables import Layout

DEBUG = "CMP_BATCH_DEBUG"
"""The environment variable that adds the places of a mistake of ours."""
_PLAIN_WIDTH = 120
"""The width of text that no terminal shows, where COLUMNS does not say otherwise."""


@mutable
class _Voice:
    """How things are said on stderr. `quiet`: warnings and errors alone. `json`: an object a line, for programs."""

    quiet: bool = False
    json: bool = False
    run: str = ""


_voice = _Voice()


def speak(*, quiet: bool = False, for_programs: bool = False) -> None:
    """Speak this way from now on."""
    _voice.quiet, _voice.json, _voice.run = quiet, for_programs, ""


def speak_of(run: str) -> None:
    """What is said from now on is about this run: log lines bear its id."""
    _voice.run = run


def is_for_programs() -> bool:
    """Whether stderr is a log of JSON objects."""
    return _voice.json


def is_quiet() -> bool:
    """Whether only what went wrong is to be said."""
    return _voice.quiet


def log(level: str, message: str, **more: object) -> None:
    """One line of the log, for programs. Keys without a value are left out."""
    from runner.report.canonical import rfc3339
    from runner.system import SystemClock

    said = {"time": rfc3339(SystemClock().now()), "level": level, "run": _voice.run, "message": message, **more}
    sys.stdout.flush()
    line = json.dumps({key: value for key, value in said.items() if value not in ("", None)}, ensure_ascii=True)
    sys.stderr.write(line.replace("\x7f", "\\u007f") + "\n")
    sys.stderr.flush()


def prepare() -> None:
    """Make both streams able to print any character, whatever the locale, and silence what Python tells developers."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # absent where a test has put its own stream
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def layout(*, verbose: bool = False) -> Layout:
    """How text for stdout is to be laid out: NO_COLOR, TERM=dumb and COLUMNS are honoured."""
    from runner.report.tables import Layout

    terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    width = shutil.get_terminal_size((_PLAIN_WIDTH, 24)).columns
    return Layout(width, terminal=terminal, colour=terminal and not os.environ.get("NO_COLOR"), verbose=verbose)


def show(text: str | Iterable[str]) -> None:
    """Print a result that runner.report rendered, whole or in pieces; it ends in a newline."""
    sys.stdout.writelines([text] if isinstance(text, str) else text)


def say(line: str) -> None:
    """Print one line of result, at once."""
    print(clean(line), flush=True)  # noqa: T201 - this is the place that prints


def note(line: str) -> None:
    """Tell the person something about the work."""
    if _voice.json:
        log("info", line)
    if _voice.json or _voice.quiet:
        return
    sys.stdout.flush()
    print(clean(line), file=sys.stderr, flush=True)  # noqa: T201 - the same


def warn(findings: Iterable[Diagnostic]) -> None:
    """Print warnings, one after the other."""
    for finding in findings:
        _tell([finding], finding_lines(finding))


def error(problem: CmpBatchError) -> None:
    """Print what went wrong, why, and the next step; each finding where there are several."""
    if isinstance(problem, BadInput):
        _tell(problem.diagnostics, findings_lines(problem.diagnostics))
    else:
        finding = Diagnostic(problem.what, why=problem.why, next_step=problem.next_step)
        _tell([finding], finding_lines(finding))


def _tell(findings: Iterable[Diagnostic], lines: list[str]) -> None:
    if not _voice.json:
        _to_stderr(lines)
        return
    for finding in findings:
        place = str(finding.place) if finding.place else None
        log(finding.severity.value, finding.summary, place=place, why=finding.why, next=finding.next_step)


def findings_lines(findings: Iterable[Diagnostic]) -> list[str]:
    """Findings in the order of their places, then how many there are (unless the only one has no place)."""
    ordered = sorted(findings, key=lambda finding: (finding.place is not None, finding.place, finding.summary))
    lines = [line for finding in ordered for line in finding_lines(finding)]
    placed = any(finding.place for finding in ordered)
    return [*lines, counted(ordered)] if placed or len(ordered) > 1 else lines


def finding_lines(finding: Diagnostic) -> list[str]:
    """One finding: `file:line:column: error: summary`, and below it why and the next step."""
    where = f"{finding.place}: " if finding.place else ""
    lines = [f"{where}{finding.severity.value}: {finding.summary}"]
    lines += [f"  {finding.why}"] if finding.why else []
    lines += [f"  next: {finding.next_step}"] if finding.next_step else []
    return [clean(line) for line in lines]


def counted(findings: Iterable[Diagnostic]) -> str:
    """`2 errors, 1 warning`."""
    severities = [finding.severity for finding in findings]
    counts = [(severities.count(severity), severity.value) for severity in Severity]
    return ", ".join(plural(count, word) for count, word in counts if count)


def plural(count: int, word: str) -> str:
    """`1 item`, `2 items`."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def bug(problem: BaseException) -> None:
    """Name a mistake of ours by type and place. Its message stays unsaid, since it may quote a secret."""
    places = _places(problem.__traceback__)
    last = places[-1] if places else "an unknown place"
    if _voice.json:
        log("error", f"cmp-batch has made a mistake: {type(problem).__name__} in {last}")
        return
    _to_stderr([f"error: cmp-batch has made a mistake: {type(problem).__name__} in {last}"])
    if os.environ.get(DEBUG) == "1":
        _to_stderr([f"  {place}" for place in places])
        _to_stderr(["  next: report it with these lines; they hold no values"])
    else:
        _to_stderr([f"  next: run it again with {DEBUG}=1 and report what it prints"])


def _places(traceback: TracebackType | None) -> list[str]:
    places = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        places.append(f"{code.co_filename}:{traceback.tb_lineno} in {code.co_name}")
        traceback = traceback.tb_next
    return places


def ask(question: str) -> bool:
    """Whether the person at the terminal says yes; anything else, the end of input too, is no."""
    sys.stdout.flush()
    sys.stderr.write(f"{clean(question)} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _to_stderr(lines: Iterable[str]) -> None:
    sys.stdout.flush()
    sys.stderr.write("".join(f"{clean(line)}\n" for line in lines))
    sys.stderr.flush()
