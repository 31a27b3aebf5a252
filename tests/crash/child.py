"""A program that starts `cmp-batch apply` again and again, and kills it where it is told to.

Imports once, then forks for each line of JSON on its standard input:

    {"argv": [...], "cwd": …, "environ": {…}, "kill_at": 7, "kill_in_call": -1, "offset": 0.0}

In the fork every durable act counts as two moments, before and after: a commit of the journal, and each system call
that makes a file durable or gives it a name. At the moment `kill_at` the process kills itself with SIGKILL: nothing
is flushed, closed or unwound. `kill_in_call` ends it as the loop's thread enters that Python function, counted from
the start: anywhere at all; -1 is nowhere, and not counted. Answers with a line of JSON: the exit status (negative: the
signal), and the moments that were reached, in words; `calls 4711` is the last one where they were counted.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from datetime import timedelta

from runner import system
from runner.cli import apply, main, wiring  # noqa: F401 - imported before the first fork
from runner.execute import executor  # noqa: F401
from runner.report import canonical, files, json_report, results_text  # noqa: F401
from runner.state.journal import Journal
from runner.transports import http, open  # noqa: A004, F401

_CALLS = ("fsync", "link", "replace")


class Moments:
    """Counts, tells, and at the right moment ends everything."""

    def __init__(self, kill_at: int, report: int) -> None:
        self._left = kill_at
        self._report = report

    def pass_by(self, words: str) -> None:
        os.write(self._report, words.encode() + b"\n")
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1

    def around(self, owner: object, name: str, words) -> None:
        """Let two moments pass for each call of `owner.name`."""
        real = getattr(owner, name)

        def watched(*arguments, **options):
            said = words(arguments)
            self.pass_by(f"before {said}")
            result = real(*arguments, **options)
            self.pass_by(f"after {said}")
            return result

        setattr(owner, name, watched)


class Calls:
    """Counts the functions that are entered, and ends everything in the one that was chosen."""

    def __init__(self, kill_in: int) -> None:
        self.count = 0
        self._kill_in = kill_in

    def __call__(self, frame: object, event: str, argument: object) -> None:
        if event == "call":
            self.count += 1
            if self.count == self._kill_in:
                os.kill(os.getpid(), signal.SIGKILL)


def run(order: dict, report: int) -> None:
    os.chdir(order["cwd"])
    os.environ.update(order["environ"])
    quiet = os.open("said", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    moments = Moments(order["kill_at"], report)
    moments.around(Journal, "record", lambda arguments: "commit " + ",".join(c.stage for c in arguments[1]))
    for name in _CALLS:
        moments.around(os, name, lambda arguments, name=name: f"{name} {arguments[0]}" if name != "fsync" else name)
    real = system.SystemClock.now
    system.SystemClock.now = lambda clock: real(clock) + timedelta(seconds=order["offset"])
    if order["kill_in_call"] < 0:
        os._exit(main.main(order["argv"]))
    calls = Calls(order["kill_in_call"])
    sys.setprofile(calls)
    status = main.main(order["argv"])
    sys.setprofile(None)
    os.write(report, f"calls {calls.count}\n".encode())
    os._exit(status)


def watch(order: dict) -> dict:
    """Fork, wait, and tell."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            run(order, writing)
        except BaseException:  # noqa: BLE001 - the fork must not go on as if it were us
            os.write(2, repr(sys.exc_info()).encode())
        os._exit(99)
    os.close(writing)
    with os.fdopen(reading) as stream:
        moments = stream.read().splitlines()
    _, status = os.waitpid(child, 0)
    return {"status": os.waitstatus_to_exitcode(status), "moments": moments}


for line in sys.stdin:
    print(json.dumps(watch(json.loads(line))), flush=True)  # noqa: T201 - how it answers
