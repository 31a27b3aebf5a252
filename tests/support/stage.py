"""Everything that carries out a plan, wired as the command line does it, but for the wire and the hours.

The CA follows a script, time is virtual, the disk and the journal are real. `events` tells in which order the journal,
the wire and the disk heard of things; `fatal` counts them down and kills this "process" at one of them.
"""

from __future__ import annotations

import asyncio
from contextlib import closing
from functools import partial
from itertools import count
from textwrap import dedent

from support.ambient import CountingEntropy
from support.scripted import ScriptedCa
from support.virtual_time import InlineExecutor, LoopClock, VirtualLoop

from runner.execute.access import Keyring, open_access
from runner.execute.desk import Desk, create_files, install_files
from runner.execute.executor import Options, execute, scheduled
from runner.execute.grouped import Grouped
from runner.execute.line import Line
from runner.execute.observe import observe
from runner.execute.preflight import Findings, preflight
from runner.execute.restoring import remembered
from runner.keystores.folders import Folder
from runner.keystores.keys import KeyMaker
from runner.keystores.secrets import SecretReader
from runner.lab.authority import open_lab
from runner.lab.rules import LabRules
from runner.manifest.load import load_manifest
from runner.pki.certificates import certificates_in, to_pem
from runner.plan.planner import make_plan
from runner.plan.targets import only
from runner.state.journal import Journal
from runner.state.reading import read_inventory

HEAD = """\
apiVersion: cmp-batch/v1
authorities:
  ca: {url: "http://ca.test/", trust: [ca.pem], credential: psk, limits: {LIMITS}, polling: {max_wait: MAX_WAIT}}
credentials:
  psk: {psk: {env: CA_PSK}, iterations: 100}
"""
ONE = """\
enrollments:
  - {name: web, subject: "C=FI, CN=web", key: "generate://pkcs8@ec:p256/out/web", output: out/web}
"""


class Killed(KeyboardInterrupt):
    """The process is gone, here and now: what asyncio lets through, whoever raises it."""


class Stage:
    """A folder with a manifest, its CA, and the state; each `apply` is a process of its own."""

    def __init__(self, folder, **rules):
        self.folder = folder
        self.loop = VirtualLoop()
        self.loop.set_exception_handler(self._unheard)
        self.clock = LoopClock(self.loop)
        self.faults = []
        self.entropy = CountingEntropy()
        self.ca = ScriptedCa(open_lab(None, self.clock, CountingEntropy(count(1 << 32)), LabRules(**rules)), self.clock)
        self.state = folder / ".cmp-batch" / "state.db"
        self.environ = {"CA_PSK": self.ca.lab.psk}
        self.events = []
        self.fatal = -1
        self.allow_commands = False
        self.results = []
        self.write(ONE)
        (folder / "ca.pem").write_bytes(to_pem(self.ca.lab.ca_certificate))

    def write(self, items, *, limits="retries: 2", max_wait="60s", **head):
        """The manifest; `items` are its sections."""
        text = HEAD.replace("LIMITS", limits).replace("MAX_WAIT", max_wait)
        for old, new in head.items():
            text = text.replace(f"{old}: ", f"{new} {old}: ")
        self.manifest = self.folder / "m.yaml"
        self.manifest.write_text(text + dedent(items), encoding="utf-8")
        return self

    def edit(self, old, new):
        text = self.manifest.read_text(encoding="utf-8")
        assert old in text
        self.manifest.write_text(text.replace(old, new), encoding="utf-8")

    def play(self, *script):
        """What the CA is to do with the next messages."""
        self.ca.script.extend(script)
        return self

    def path(self, name):
        return self.folder / name

    def certificate(self, name):
        return certificates_in(self.path(name).read_bytes())[0]

    @property
    def files(self):
        """Everything below the folder but the state, sorted."""
        found = (path for path in self.folder.rglob("*") if path.is_file() and ".cmp-batch" not in path.parts[-2])
        return sorted(str(path.relative_to(self.folder)) for path in found)

    @property
    def inventory(self):
        return read_inventory(self.state)

    def document(self):
        return load_manifest([self.manifest])

    def plan(self, *, retry_unknown=False, prune=False, targets=()):
        document = self.document()
        facts = observe(document, self.guard)
        now = self.clock.now()
        plan = make_plan(document, facts, self.inventory, now, retry_unknown=retry_unknown, prune=prune)
        return only(plan, targets)

    @property
    def guard(self):
        return Folder(self.folder, (), closed=(self.folder / ".cmp-batch",))

    def verbs(self, **options):
        return {step.item.name: step.verb.value for step in self.plan(**options).steps}

    def codes(self, **options):
        return {step.item.name: [reason.code for reason in step.reasons] for step in self.plan(**options).steps}

    def apply(self, *, retry_unknown=False, prune=False, stop=None, when=None, **options):
        """The Run of one apply. `when(desk)` is a coroutine that plays beside it; `stop` an event's time."""
        with closing(Journal.open(self.state, create=True)) as journal:
            document = self.document()
            facts = observe(document, self.guard)
            now, held = self.clock.now(), journal.inventory()
            plan = make_plan(document, facts, held, now, retry_unknown=retry_unknown, prune=prune)
            if told := remembered(plan, held, "run", now):
                journal.record(told)
            desk = self.desk(document, facts, journal)
            findings = Findings()
            preflight(plan.steps, document, self.guard, desk.keyring, desk.maker, findings)
            findings.raise_if_any()
            self.results = []
            chosen = Options(on_result=self.results.append, **options)
            run = self.loop.run_until_complete(self._executed(plan, desk, chosen, stop))
        self._settle()
        return run

    async def _executed(self, plan, desk, options, stop):
        event = asyncio.Event()
        if stop is not None:
            self.loop.call_later(stop, event.set)
        return await execute(scheduled(plan, desk, options), desk, options, event)

    def _settle(self):
        """Cancel what a killed process left behind in the loop."""
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        if left:
            self.loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))

    def killed_at(self, number):
        """Apply, and kill the process at its `number`-th event; whether it came that far."""
        self.fatal = number
        try:
            self.apply()
        except Killed:
            return True
        finally:
            self.fatal = -1
            self._settle()
        return False

    def outcomes(self, **options):
        return {result.name: result.outcome.value for result in self.apply(**options).results}

    def result(self, **options):
        """The only result of an apply."""
        (result,) = self.apply(**options).results
        return result

    def desk(self, document, facts, journal):
        self.ca.watch = self.tell
        secrets = SecretReader(self.folder, self.environ, self.allow_commands, self.clock)
        inline = InlineExecutor()
        accesses = {
            name: open_access(authority, Line(self.ca, authority.limits, self.clock, self.entropy))
            for name, authority in document.authorities.items()
        }
        return Desk(
            run="run",
            document=document,
            inventory=journal.inventory(),
            facts=facts,
            accesses=accesses,
            keyring=Keyring(secrets, self.entropy),
            maker=KeyMaker(secrets, self.entropy),
            journal=Grouped(partial(self._recorded, journal), inline),
            creations=Grouped(partial(self._created, self.guard), inline),
            installations=Grouped(partial(self._installed, self.guard), inline),
            key_threads=inline,
            clock=self.clock,
            entropy=self.entropy,
        )

    def tell(self, *event):
        if self.fatal == 0:
            raise Killed
        self.fatal -= 1
        self.events.append(event)

    def _recorded(self, journal, group):
        changes = [change for each in group for change in each]
        for change in changes:
            self.tell("before journal", change.item, change.stage)
        journal.record(changes)
        for change in changes:
            self.tell("journal", change.item, change.stage)

    def _created(self, folder, files):
        self.tell("before create")
        create_files(folder, self.entropy, files)
        self.tell("create", *(file.path.name for file in files))

    def _installed(self, folder, installations):
        self.tell("before install")
        install_files(folder, self.entropy, installations)
        self.tell("install", *(file.path.name for one in installations for file in one.files))

    def _unheard(self, loop, context):
        """What asyncio would only log: all but the end of our process is a fault."""
        if not isinstance(context.get("exception"), Killed):
            self.faults.append(context)

    def close(self):
        self._settle()
        self.loop.close()
        assert self.faults == []
