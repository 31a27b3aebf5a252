"""What an enrolment costs: cmp-batch against `openssl genpkey` and `openssl cmp`, at the same lab CA, in the same run.

    make bench                                           or
    python benchmarks/bench.py --items 300 --openssl 30

Each side makes a P-256 key, sends an ir under a shared key (PasswordBasedMac, 1024 iterations), checks the answer,
confirms it explicitly and writes key and certificate. cmp-batch also keeps its journal, and fsyncs everything. The lab
is another process on this machine; its CPU is not counted, but it takes its share of the cores.

Everything is written into fresh folders, and nothing is deleted: creating files after a mass deletion is slow.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

CMP_BATCH = Path(sys.executable).with_name("cmp-batch")
ITERATIONS = 1024
PLANNED = 20
"""Items of the plan whose start-up time is taken."""
MANIFEST = """\
apiVersion: cmp-batch/v1
authorities:
  lab:
    url: {url}
    trust: [{ca}]
    credential: lab
    limits: {{concurrency: 64}}
credentials:
  lab: {{psk: {{env: LAB_PSK}}, iterations: {iterations}}}
enrollments:
  - name: web-${{n}}
    for_each: {{n: {numbers}}}
    subject: C=FI, O=Example, CN=${{name}}
    alt_names: ["dns=${{name}}.example.com"]
    key: generate://pkcs8@ec:p256/out/${{name}}
    output: out/${{name}}
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What processes took: seconds by the clock, and seconds of CPU, user and system together."""

    wall: float
    cpu: float

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.wall + other.wall, self.cpu + other.cpu)

    def each(self, count: int) -> Cost:
        """The cost of one of `count`."""
        return Cost(self.wall / count, self.cpu / count)


@dataclass(frozen=True, slots=True)
class Lab:
    """How to reach the lab CA."""

    url: str
    ca: str
    psk: str


def main() -> None:
    options = parsed()
    folder = Path(tempfile.mkdtemp(prefix="cmp-batch-bench-"))
    print(f"{options.items} enrolments by cmp-batch, {options.openssl} by openssl, {options.runs} runs, in {folder}\n")
    with lab_at(folder / "lab") as lab:
        sides = {
            "cmp-batch": [by_cmp_batch(lab, folder / f"ours-{n}", options) for n in range(options.runs)],
            "openssl": [by_openssl(lab, folder / f"theirs-{n}", options.openssl) for n in range(options.runs)],
        }
        show_enrolments(sides)
        show_starts(lab, folder / "starts", options.starts)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure what an enrolment costs, beside openssl.")
    parser.add_argument("--items", type=int, default=300, help="enrolments by cmp-batch in one run (300)")
    parser.add_argument("--openssl", type=int, default=30, help="enrolments by openssl in one run (30)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each; the median counts (3)")
    parser.add_argument("--starts", type=int, default=10, help="starts of which the median is shown (10)")
    parser.add_argument("--parallel", type=int, default=64, help="items under way at once (64)")
    return parser.parse_args()


@contextmanager
def lab_at(folder: Path) -> Iterator[Lab]:
    """A lab CA in a process of its own."""
    command: list[str | Path] = [CMP_BATCH, "lab", "serve", "--dir", folder]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            yield Lab(*(told(server, word) for word in ("URL ", "CA certificate ", "PSK ")))
        finally:
            server.terminate()


def told(server: subprocess.Popen[str], word: str) -> str:
    """What the lab's next line says behind `word`."""
    line = server.stdout.readline() if server.stdout else ""
    if not line.startswith(word):
        sys.exit(f"the lab does not serve: {line!r}")
    return line.removeprefix(word).rstrip("\n")


def measured(command: Sequence[str | Path], folder: Path, **variables: str) -> tuple[int, Cost]:
    """Run a command in a folder; its exit status, and what it and its children took."""
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **variables}
    began = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, Cost(wall, used.ru_utime + used.ru_stime)


def by_cmp_batch(lab: Lab, folder: Path, options: argparse.Namespace) -> Cost:
    """One run of cmp-batch: the cost of one enrolment, its own start-up included."""
    write_manifest(lab, folder, options.items)
    command: list[str | Path] = [CMP_BATCH, "apply", "bench.yaml", "--report", "results.json"]
    command += ["--parallel", str(options.parallel)]
    status, cost = measured(command, folder, LAB_PSK=lab.psk)
    summary = json.loads((folder / "results.json").read_text(encoding="utf-8"))["summary"]
    if status or summary["issued"] != options.items:
        sys.exit(f"cmp-batch ended with {status}: {summary}")
    return cost.each(options.items)


def write_manifest(lab: Lab, folder: Path, items: int) -> None:
    folder.mkdir()
    numbers = list(range(items))
    text = MANIFEST.format(url=lab.url, ca=lab.ca, iterations=ITERATIONS, numbers=numbers)
    (folder / "bench.yaml").write_text(text, encoding="utf-8")


def by_openssl(lab: Lab, folder: Path, items: int) -> Cost:
    """One run of openssl, two processes an item, one item after the other: the cost of one enrolment."""
    folder.mkdir()
    cost = Cost(0.0, 0.0)
    for number in range(items):
        for command in openssl_commands(lab, f"web-{number}"):
            status, one = measured(command, folder, LAB_KEY=lab.psk.partition(":")[2])
            if status:
                sys.exit(f"{' '.join(command)} ended with {status} in {folder}")
            cost += one
    return cost.each(items)


def openssl_commands(lab: Lab, name: str) -> tuple[list[str], list[str]]:
    """The commands that a shell loop has for one certificate."""
    where = urlsplit(lab.url)
    make_key = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", f"{name}.prv"]
    enrol = ["cmp", "-cmd", "ir", "-config", "", "-server", where.netloc, "-path", where.path or "/"]
    enrol += ["-ref", lab.psk.partition(":")[0], "-secret", "env:LAB_KEY", "-trusted", lab.ca]
    enrol += ["-newkey", f"{name}.prv", "-subject", f"/C=FI/O=Example/CN={name}", "-sans", f"{name}.example.com"]
    enrol += ["-certout", f"{name}.crt"]
    return ["openssl", *make_key], ["openssl", *enrol]


def show_enrolments(sides: dict[str, list[Cost]]) -> None:
    print("one enrolment      CPU      wall     a second")
    cpu: dict[str, float] = {}
    wall: dict[str, float] = {}
    for name, costs in sides.items():
        cpu[name] = statistics.median(cost.cpu for cost in costs)
        wall[name] = statistics.median(cost.wall for cost in costs)
        print(f"{name:12} {cpu[name] * 1e3:7.2f} ms {wall[name] * 1e3:7.2f} ms {1 / wall[name]:8.0f}")
    ratios = (cpu["openssl"] / cpu["cmp-batch"], wall["openssl"] / wall["cmp-batch"])
    print(f"openssl / ours {ratios[0]:7.1f} {ratios[1]:10.1f}\n")


def show_starts(lab: Lab, folder: Path, times: int) -> None:
    """Commands that people wait for, beside an interpreter that does nothing."""
    write_manifest(lab, folder, PLANNED)
    commands: dict[str, list[str | Path]] = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "cmp-batch --version": [CMP_BATCH, "--version"],
        f"cmp-batch plan, {PLANNED} items": [CMP_BATCH, "plan", "bench.yaml"],
    }
    print("start-up                       CPU      wall")
    for name, command in commands.items():
        cost = median_of(lambda command=command: measured(command, folder)[1], times)  # type: ignore[misc]
        print(f"{name:26} {cost.cpu * 1e3:7.0f} ms {cost.wall * 1e3:6.0f} ms")


def median_of(attempt: Callable[[], Cost], times: int) -> Cost:
    costs = [attempt() for _ in range(times)]
    return Cost(statistics.median(cost.wall for cost in costs), statistics.median(cost.cpu for cost in costs))


if __name__ == "__main__":
    if shutil.which("openssl") is None:
        sys.exit("openssl is not installed, and there is nothing to compare with")
    main()
