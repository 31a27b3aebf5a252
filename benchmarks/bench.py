"""What an enrolment costs: cmp-batch against `openssl genpkey` and `openssl cmp`, at the same lab CA, in the same run.

    make bench                                           or
    python benchmarks/bench.py --items 1000 --openssl 30 --rsa 8
    python benchmarks/bench.py --growth 1000 10000

Each side makes a P-256 key, sends an ir under a shared key (PasswordBasedMac, 1024 iterations), checks the answer,
confirms it explicitly and writes key and certificate. cmp-batch also keeps its journal, and fsyncs everything; it runs
in one process, and in as many as it decides for. openssl runs one after the other, and four at a time (`xargs -P4`).
The lab is another process on this machine; its CPU is not counted, but it takes its share of the cores.

Everything is written into fresh folders, and nothing is deleted: creating files after a mass deletion is slow.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import os
import shlex
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

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

CMP_BATCH = Path(sys.executable).with_name("cmp-batch")
ITERATIONS = 1024
ONE_PROCESS, ITS_CHOICE = "cmp-batch, one process", "cmp-batch, its choice"
ONE_BY_ONE, FOUR_AT_A_TIME = "openssl, one by one", "openssl, xargs -P4"
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
    for_each: {{n: {{from: 1, to: {items}}}}}
    subject: C=FI, O=Example, CN=${{name}}
    alt_names: ["dns=${{name}}.example.com"]
    key: generate://pkcs8@{key}/out/${{name}}
    output: {{file: "out/${{name}}.crt"}}
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What processes took: seconds by the clock, and seconds of CPU, user and system together."""

    wall: float
    cpu: float
    memory: int = 0
    """The most that it had, in kB."""

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.wall + other.wall, self.cpu + other.cpu, max(self.memory, other.memory))

    def each(self, count: int) -> Cost:
        """The cost of one of `count`."""
        return Cost(self.wall / count, self.cpu / count, self.memory)


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
        if options.growth:
            show_growth(lab, folder, options)
            return
        show_enrolments(enrolled(lab, folder, options))
        if options.rsa:
            show_rsa(lab, folder / "rsa", options)
        show_starts(lab, folder / "starts", options.starts)


def enrolled(lab: Lab, folder: Path, options: argparse.Namespace) -> dict[str, list[Cost]]:
    """Every side's runs, by turns, so that a busy moment of the machine befalls all of them."""
    ours, theirs = options.items, options.openssl
    sides: dict[str, Callable[[Path], Cost]] = {
        ONE_PROCESS: lambda here: by_cmp_batch(lab, here, options, ours, "--workers", "1"),
        ITS_CHOICE: lambda here: by_cmp_batch(lab, here, options, ours),
        ONE_BY_ONE: lambda here: by_openssl(lab, here, theirs),
        FOUR_AT_A_TIME: lambda here: by_openssl_in_parallel(lab, here, theirs * 2),
    }
    costs: dict[str, list[Cost]] = {name: [] for name in sides}
    for number in range(options.runs):
        for name, run in sides.items():
            costs[name].append(run(folder / f"{name.replace(' ', '-')}-{number}"))
    return costs


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure what an enrolment costs, beside openssl.")
    parser.add_argument("--items", type=int, default=3000, help="enrolments by cmp-batch in one run (3000)")
    parser.add_argument("--openssl", type=int, default=30, help="enrolments by openssl in one run (30)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each; the median counts (3)")
    parser.add_argument("--starts", type=int, default=10, help="starts of which the median is shown (10)")
    parser.add_argument("--parallel", type=int, default=64, help="items under way at once (64)")
    parser.add_argument("--rsa", type=int, default=100, help="enrolments with RSA-3072 keys (100); 0: none")
    parser.add_argument("--growth", type=int, nargs=2, metavar="N", help="only compare runs of so many items")
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
    return process.returncode, Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss)


def by_cmp_batch(
    lab: Lab, folder: Path, options: argparse.Namespace, items: int, *more: str, key: str = "ec:p256"
) -> Cost:
    """One run of cmp-batch: the cost of one enrolment, its own start-up included."""
    write_manifest(lab, folder, items, key)
    command: list[str | Path] = [CMP_BATCH, "apply", "bench.yaml", "--report", "results.json"]
    command += ["--parallel", str(options.parallel), *more]
    status, cost = measured(command, folder, LAB_PSK=lab.psk)
    summary = json.loads((folder / "results.json").read_text(encoding="utf-8"))["summary"]
    if status or summary["issued"] != items:
        sys.exit(f"cmp-batch ended with {status}: {summary}")
    return cost.each(items)


def write_manifest(lab: Lab, folder: Path, items: int, key: str = "ec:p256") -> None:
    folder.mkdir()
    text = MANIFEST.format(url=lab.url, ca=lab.ca, iterations=ITERATIONS, items=items, key=key)
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


def by_openssl_in_parallel(lab: Lab, folder: Path, items: int) -> Cost:
    """The same four at a time, as `xargs -P4` starts them: a shell for each certificate."""
    folder.mkdir()
    line = " && ".join(shlex.join(command) for command in openssl_commands(lab, "NAME"))
    script = f"seq {items} | xargs -P4 -I NAME sh -c {shlex.quote(line)}"
    status, cost = measured(["sh", "-c", script], folder, LAB_KEY=lab.psk.partition(":")[2])
    if status or len(list(folder.glob("*.crt"))) != items:
        sys.exit(f"xargs ended with {status} in {folder}")
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
    print("one enrolment                CPU      wall     a second")
    middle = {name: middle_of(costs) for name, costs in sides.items()}
    for name, cost in middle.items():
        print(f"{name:22} {cost.cpu * 1e3:7.2f} ms {cost.wall * 1e3:7.2f} ms {1 / cost.wall:8.0f}")
    print(f"{'the cryptography alone':22} {floor() * 1e3:7.2f} ms")
    cpu = middle[ONE_BY_ONE].cpu / middle[ONE_PROCESS].cpu
    wall = middle[FOUR_AT_A_TIME].wall / middle[ITS_CHOICE].wall
    print(f"CPU, openssl / cmp-batch in one process: {cpu:.1f}")
    print(f"wall, openssl by xargs -P4 / cmp-batch: {wall:.1f}\n")


def middle_of(costs: Sequence[Cost]) -> Cost:
    return Cost(statistics.median(cost.wall for cost in costs), statistics.median(cost.cpu for cost in costs))


def floor(times: int = 200) -> float:
    """CPU of what nobody can leave out: a key, its proof, one PBM key, four MACs, one signature verified."""
    message, digest = bytes(700), ec.ECDSA(hashes.SHA256())
    began = time.process_time()
    for _ in range(times):
        key = ec.generate_private_key(ec.SECP256R1())
        signature = key.sign(message, digest)
        key.public_key().verify(signature, message, digest)
        for _ in range(4):
            hmac.digest(message, message, "sha256")
    each = (time.process_time() - began) / times
    began = time.process_time()
    base = message
    for _ in range(ITERATIONS):
        base = hashlib.sha256(base).digest()
    return each + (time.process_time() - began) / 1000  # one salt serves a run


def show_rsa(lab: Lab, folder: Path, options: argparse.Namespace) -> None:
    """How much of a run with RSA keys is the making of keys, and how many cores it keeps busy."""
    folder.mkdir()
    cost = by_cmp_batch(lab, folder / "run", options, options.rsa, "--workers", "1", key="rsa:3072")
    nothing = by_cmp_batch(lab, folder / "without", options, options.rsa, "--workers", "1")
    share = 1 - nothing.cpu / cost.cpu
    print(f"RSA-3072: {cost.cpu * 1e3:.0f} ms CPU, {cost.wall * 1e3:.0f} ms wall for each of {options.rsa};")
    print(f"{share:.1%} of it is the key, start-up counted against us; {cost.cpu / cost.wall:.2f} cores busy\n")


def show_growth(lab: Lab, folder: Path, options: argparse.Namespace) -> None:
    """CPU and memory of a small run and a large one, in one process."""
    small, large = options.growth
    costs = {
        items: by_cmp_batch(lab, folder / str(items), options, items, "--workers", "1") for items in (small, large)
    }
    for items, cost in costs.items():
        print(f"{items:6} items: {cost.cpu * 1e3:6.2f} ms CPU each, {cost.memory / 1024:6.0f} MB at most")
    growth = (costs[large].memory - costs[small].memory) / (large - small)
    print(f"memory grows by {growth:.2f} kB an item; CPU an item: {costs[large].cpu / costs[small].cpu - 1:+.0%}")


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
    return middle_of(costs)


if __name__ == "__main__":
    if shutil.which("openssl") is None:
        sys.exit("openssl is not installed, and there is nothing to compare with")
    main()
