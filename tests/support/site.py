"""A folder with a manifest, and `cmp-batch` run on it in this process: what a person does, and what they then see."""

from __future__ import annotations

import json
import stat
from dataclasses import dataclass, field
from pathlib import Path

from jsonschema import Draft202012Validator

from runner.cli.main import main

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
CREDENTIALS = "psk: {psk: {file: psk}, iterations: 1000}"


def entry(key="generate://pkcs8@ec:p256/out/web", *, name="web", output="out/web", more=""):
    """An enrollment; `more` begins with a comma."""
    return f'  - {{name: {name}, subject: CN=web, key: "{key}", output: {output}{more}}}\n'


def entries(*texts):
    """The section of enrollments."""
    return "enrollments:\n" + "".join(texts)


FRESH = entries(entry())
"""One certificate with a new key."""


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    status: int
    out: str
    err: str
    report: dict = field(default_factory=dict)

    @property
    def items(self) -> dict:
        """The report's items, by name."""
        return {item["name"]: item for item in self.report["items"]}

    @property
    def outcomes(self) -> dict:
        return {name: item["outcome"] for name, item in self.items.items()}

    @property
    def summary(self) -> dict:
        """The outcomes that occur, and how often."""
        return {outcome: count for outcome, count in self.report["summary"].items() if count}

    def error(self, name: str) -> str:
        """What is said about an item that went wrong: what, why and the next step on lines of their own."""
        said = self.items[name]["error"]
        return f"{said['what']}\n{said['why']}\n{said['next_step']}"


class Site:
    """A manifest's folder. `read` takes what was printed since it was last called (capsys.readouterr)."""

    def __init__(self, folder: Path, read) -> None:
        self.folder = folder
        self.path = folder / "site.yaml"
        self._read = read

    def write(self, text: str) -> Site:
        """The manifest; apiVersion is said for it."""
        self.path.write_text(f"apiVersion: cmp-batch/v1\n{text}", encoding="utf-8")
        return self

    def run(self, command: str, *options: object) -> Done:
        self._read()
        status = main([command, *map(str, options)])
        said = self._read()
        return Done(status, said.out, said.err)

    def apply(self, *options: object) -> Done:
        """`apply` of the manifest. A report that was written must fit its schema."""
        report = self.folder.parent / f"{self.folder.name}-report.json"
        report.unlink(missing_ok=True)
        done = self.run("apply", self.path, "--report", report, *options)
        if not report.exists():
            return done
        content = json.loads(report.read_text(encoding="utf-8"))
        schema = json.loads((SCHEMAS / "report.schema.json").read_text(encoding="utf-8"))
        Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(content)
        return Done(done.status, done.out, done.err, content)

    def plan(self, *options: object) -> Done:
        return self.run("plan", self.path, *options)

    def verbs(self, *options: object) -> dict:
        """Item → (verb, codes of its reasons) of the plan as it is now."""
        done = self.plan("--format", "json", *options)
        assert done.status in (0, 2), done
        steps = json.loads(done.out)["steps"]
        return {step["item"]: (step["verb"], [reason["code"] for reason in step["reasons"]]) for step in steps}

    def file(self, name: str) -> Path:
        return self.folder / name

    def everything(self) -> dict:
        """Every file and folder below this one, with its mode and its octets: to tell whether anything was touched."""
        return {
            str(path.relative_to(self.folder)): (
                stat.filemode(path.lstat().st_mode),
                path.read_bytes() if stat.S_ISREG(path.lstat().st_mode) and path.lstat().st_mode & 0o400 else b"",
            )
            for path in self.folder.rglob("*")
        }


class PeerSite(Site):
    """A Site whose authority `ca` is a Peer, which it trusts and shares a secret with."""

    def __init__(self, folder, read, peer):
        super().__init__(folder, read)
        self.peer = peer
        self.file("ca.pem").write_bytes(peer.ca)
        self.file("psk").write_text(f"{peer.lab.psk}\n")

    def ask(self, items=FRESH, *, url=None, limits="timeout: 5s, retries: 0", more="", credentials=CREDENTIALS):
        """Write a manifest with these items; `more` stands under the authority."""
        return self.write(f"""
authorities:
  ca:
    url: {url or self.peer.url}
    name: "{self.peer.lab.ca_name}"
    trust: [ca.pem]
    credential: psk
    limits: {{{limits}}}
    {more}
credentials:
  {credentials}
{items}
""")

    @property
    def issued(self):
        """How many certificates the CA has made."""
        return len(list(self.peer.lab._office.ledger.certificates()))
