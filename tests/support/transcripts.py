"""Documents that are executed: their files written, their commands given, and what prints held against what they show.

The comment above a block says what becomes of it: `file: NAME` and `append: NAME` write it, `transcript` gives its
commands and compares, `run` gives them and compares nothing, `background: PORT` starts its command and waits for the
port, `stand-in: TEXT` puts what its command prints in the place of that text from then on, `shown` is only to be read
(it needs a foreign server or privileges). Ports 8080 and 8081 stand for any that are free.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from support.gates import free_port, running
from support.markdown import Fence, fences

HOME = "/home/ada/pki"
"""Where the documents' commands were given."""
_UNIQUE = (
    (re.compile(r"\brun [0-9a-f]{12}\b"), "run ID"),
    (re.compile(r"\bafter \d+(\.\d)? (s|min)\b"), "after TIME"),
    (re.compile(r"\bin \d+ (s|min|days)\b"), "in TIME"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC"), "DATE"),
    (re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(?:\.\d+)?Z)?"), "DATE"),
    (re.compile(r"PRODUCTION [0-9a-f]{6}"), "PRODUCTION MARK"),
    (re.compile(r"PSK lab:\S+"), "PSK lab:KEY"),
    (re.compile(r"\bserial [0-9a-f]{16,}\b"), "serial NUMBER"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "DIGEST"),
    (re.compile(r" +"), " "),
)
"""What differs from run to run, the width of columns with it."""


def normalised(text: str) -> str:
    """What stays the same from run to run."""
    for pattern, word in _UNIQUE:
        text = pattern.sub(word, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def shown(text: str) -> list[tuple[str, str]]:
    """(command, what it prints) of a block."""
    parts = re.split(r"^\$ (.*)\n", text, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def lines_of(text: str) -> list[str]:
    """The commands of a block: behind a `$` where it has any, each line that is no comment where it has none."""
    joined = text.replace("\\\n", "")
    if commands := [command for command, _ in shown(joined)]:
        return commands
    return [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]


@contextlib.contextmanager
def short_folder():
    """A folder with a short name: long ones fold the lines of tables."""
    with tempfile.TemporaryDirectory(prefix="page-") as name:
        yield Path(name).resolve()


def environment() -> dict[str, str]:
    """That of a person with a wide terminal and nothing else."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {"PATH": path, "COLUMNS": "200", "LC_ALL": "C.UTF-8", "PYTHONWARNINGS": "ignore"}


SHOWABLE = (0, 1, 2)
"""Statuses of commands whose words are compared: those of validate and plan, a mistake included."""
GOOD = (0, 2)
"""Statuses of commands whose words are not; `plan` says 2 where there is something to do."""


def given(command: str, folder: Path, variables: dict[str, str], allowed=SHOWABLE) -> str:
    """What a command prints on stdout, as it would in the document's own folder."""
    done = subprocess.run(
        ["sh", "-c", command], cwd=folder, env=variables, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode in allowed, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


@dataclass
class Reader:
    """Somebody who follows a document word for word, from a folder that is empty."""

    top: Path
    servers: contextlib.ExitStack
    folder: Path = field(init=False)
    variables: dict[str, str] = field(default_factory=environment)
    stand_ins: dict[str, str] = field(default_factory=dict)
    ports: dict[str, str] = field(default_factory=lambda: {shown: str(free_port()) for shown in ("8080", "8081")})

    def __post_init__(self):
        self.folder = self.top

    def real(self, text: str) -> str:
        for shown, real in self.stand_ins.items():
            text = text.replace(shown, real)
        return re.sub("8080|8081", lambda found: self.ports[found[0]], text)

    def as_shown(self, text: str) -> str:
        pki = self.top / "pki" if (self.top / "pki").is_dir() else self.top
        text = text.replace(str(pki), HOME)
        for shown, real in self.ports.items():
            text = text.replace(f":{real}", f":{shown}")
        for shown, real in self.stand_ins.items():
            text = text.replace(real, shown)
        return text

    def follow(self, block: Fence) -> str | None:
        """Do what a block says; what it prints, where that is to be compared."""
        word, _, name = block.mark.partition(": ")
        if word in ("file", "append"):
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            before = path.read_text(encoding="utf-8") + "\n" if word == "append" else ""
            path.write_text(before + self.real(block.text), encoding="utf-8")
            path.chmod(0o755 if block.text.startswith("#!") else 0o644)
        elif word == "background":
            self.start(block.text, int(self.ports[name]))
        elif word == "run":
            for line in lines_of(block.text):
                self.give(line, GOOD)
        elif word == "stand-in":
            self.stand_ins[name] = self.give(block.text.strip()).strip()
        elif word == "transcript":
            return "".join(f"$ {line}\n{self.as_shown(self.give(line))}" for line, _ in shown(block.text))
        return None

    def give(self, line: str, allowed=SHOWABLE) -> str:
        """Give one command; `cd` and `export` are the shell's own, and hold on."""
        if line.startswith("cd "):
            self.folder = (self.folder / line.removeprefix("cd ")).resolve()
            return ""
        if line.startswith("export "):
            name, _, value = self.real(line).removeprefix("export ").partition("=")
            self.variables[name] = given(f"printf %s {value}", self.folder, self.variables)
            return ""
        return given(self.real(line), self.folder, self.variables, allowed)

    def start(self, text: str, port: int) -> None:
        """A server in another terminal, until the document ends."""
        command = ["sh", "-c", "exec " + self.real(lines_of(text)[0])]
        self.servers.enter_context(running(command, port, cwd=self.folder, env=self.variables))


@contextlib.contextmanager
def reader():
    """One who begins to read."""
    with short_folder() as top, contextlib.ExitStack() as servers:
        yield Reader(top, servers)


def played(text: str, scene: str = "") -> list[tuple[str, str]]:
    """(block, what really prints) of every transcript of a document, once everything in `scene` was followed."""
    with reader() as person:
        for block in fences(scene):
            person.follow(block)
        return [(block.text, out) for block in fences(text) if (out := person.follow(block)) is not None]
