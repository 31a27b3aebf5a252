"""Where the time of an apply goes: samples of one process, taken each 2 ms of its CPU, by what was being done.

    python benchmarks/where.py --items 600

The lab is another process. One process does all of it (`--workers 1`), so that there is one clock. A sample belongs to
the innermost frame that one of the rooms below claims. Sampling costs a little, and counts nothing of it.
"""

from __future__ import annotations

import argparse
import collections
import io
import os
import signal
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from bench import CMP_BATCH, lab_at, write_manifest

from runner.cli.main import main as cmp_batch

if TYPE_CHECKING:
    from types import FrameType

INTERVAL = 0.002
ROOMS = (
    ("start: importing modules", ("importlib._bootstrap",)),
    (
        "cryptography: keys, signatures, MACs",
        ("pki/signing.py", "pki/macs.py", "pki/mac_", "hmac.py", "keystores/generate"),
    ),
    ("writing files", ("keystores/files.py", "keystores/drafts.py", "keystores/folders.py", "execute/desk.py")),
    ("writing the journal", ("runner/state/", "cmp/record.py", "execute/record.py")),
    ("DER and the messages' rules", ("runner/asn1/", "runner/cmp/", "runner/pki/")),
    ("HTTP", ("runner/transports/", "asyncio/selector_events.py", "asyncio/streams.py")),
    (
        "reading manifest and disk, planning",
        ("runner/manifest/", "runner/plan/", "execute/observe", "execute/preflight", "yaml/"),
    ),
    ("reporting", ("runner/report/", "cli/progress.py")),
    ("the order of things: operations, schedule, groups", ("runner/execute/",)),
    ("the event loop", ("asyncio/",)),
)
"""What is done → parts of the file names of those who do it; the first that fits counts."""


def room_of(frame: FrameType | None) -> str:
    """The room of the innermost frame that has one."""
    while frame is not None:
        name = frame.f_code.co_filename
        for room, marks in ROOMS:
            if any(mark in name for mark in marks):
                return room
        frame = frame.f_back
    return "everything else"


def main() -> None:
    parser = argparse.ArgumentParser(description="Show where the time of an apply goes.")
    parser.add_argument("--items", type=int, default=600, help="enrolments (600)")
    items = parser.parse_args().items
    folder = Path(tempfile.mkdtemp(prefix="cmp-batch-where-"))
    samples: collections.Counter[str] = collections.Counter()
    with lab_at(folder / "lab") as lab:
        write_manifest(lab, folder / "site", items)
        os.environ["LAB_PSK"] = lab.psk
        signal.signal(signal.SIGPROF, lambda _, frame: samples.update([room_of(frame)]))
        signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            status = cmp_batch(["apply", str(folder / "site" / "bench.yaml"), "--workers", "1", "--parallel", "64"])
        signal.setitimer(signal.ITIMER_PROF, 0)
    if status:
        sys.exit(f"{CMP_BATCH} ended with {status}")
    total = samples.total()
    print(f"{items} enrolments, {total} samples\n")
    for room, count in samples.most_common():
        print(f"{count / total:6.1%}  {room}")


if __name__ == "__main__":
    main()
