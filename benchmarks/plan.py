"""How long a plan takes: rows of one CSV, items written out in YAML, and starting up beside `python -c pass`.

Each measurement is a process of its own; CPU seconds and the largest resident set are what the system says of it.
`python benchmarks/plan.py` shows 10k, 30k and 100k rows; `--quick` shows 1k and 3k.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import resource

ROWS = (10_000, 30_000, 100_000)
WRITTEN = 10_000
STARTS = 10
PROGRAM = [sys.executable, "-m", "runner"]
HEAD = """\
apiVersion: cmp-batch/v1
authorities: {plant: {url: "https://pki.example.com/cmp", name: "CN=Plant CA", credential: line, trust: [ca.pem]}}
credentials: {line: {psk: {env: LINE_PSK}}}
templates:
  server:
    subject: C=FI, O=Example, CN=${name}
    alt_names: ["dns=${name}.example.com", "ip=${address}"]
    key_usage: [digitalSignature, keyEncipherment]
    extended_key_usage: [serverAuth]
defaults:
  enrollments: {template: server, key: "generate://pkcs8@ec:p256/out/${name}", output: "out/${name}", renew_before: 30d}
"""


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    print(f"{'what':<34}{'CPU s':>9}{'wall s':>9}{'MB':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for rows in (1000, 3000) if quick else ROWS:
            show(f"plan, {rows} rows of a CSV", *measured(["plan", str(table(Path(folder), rows))]))
        count = 1000 if quick else WRITTEN
        show(f"plan, {count} items in YAML", *measured(["plan", str(written(Path(folder), count))]))
        show("plan, 20 items", *measured(["plan", str(written(Path(folder), 20))], STARTS))
    show("--version", *measured(["--version"], STARTS))
    show("python -c pass", *measured(["-c", "pass"], STARTS, [sys.executable]))


def table(folder: Path, rows: int) -> Path:
    """A manifest with one entry and a table of so many rows."""
    (folder / "ca.pem").touch()
    lines = (f"web-{n},10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in range(rows))
    (folder / f"hosts-{rows}.csv").write_text("\n".join(["name,address", *lines, ""]))
    manifest = folder / f"rows-{rows}.yaml"
    each = f"{{csv: hosts-{rows}.csv, columns: {{name: name, address: ip}}}}"
    manifest.write_text(f"{HEAD}enrollments:\n  - {{name: '${{name}}', for_each: {each}}}\n")
    return manifest


def written(folder: Path, items: int) -> Path:
    """A manifest with so many entries, each of them whole."""
    (folder / "ca.pem").touch()
    entry = """\
  - name: web-{n}
    authority: plant
    template: server
    alt_names: ["dns=web-{n}.example.com", "ip=10.0.{a}.{b}"]
    key: generate://pkcs8@ec:p256/out/${{name}}
    output: out/${{name}}
"""
    manifest = folder / f"written-{items}.yaml"
    entries = "".join(entry.format(n=n, a=n >> 8 & 255, b=n & 255) for n in range(items))
    manifest.write_text(f"{HEAD}enrollments:\n{entries}")
    return manifest


def measured(arguments: list[str], times: int = 1, program: list[str] | None = None) -> tuple[float, float, float]:
    """CPU and wall seconds (the least of several times) and megabytes of a process."""
    runs = [once([*(program or PROGRAM), *arguments]) for _ in range(times)]
    return min(run[0] for run in runs), min(run[1] for run in runs), max(run[2] for run in runs)


def once(command: list[str]) -> tuple[float, float, float]:
    """One process, to its end."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 2):
        sys.exit(f"{command} ended with {process.returncode}: {said.decode()[:2000]}")
    return used(usage), time.monotonic() - began, usage.ru_maxrss / 1024


def used(usage: resource.struct_rusage) -> float:
    """CPU seconds."""
    return usage.ru_utime + usage.ru_stime


def show(what: str, cpu: float, wall: float, megabytes: float) -> None:
    """One line of the table."""
    print(f"{what:<34}{cpu:>9.2f}{wall:>9.2f}{megabytes:>8.0f}")


if __name__ == "__main__":
    main()
