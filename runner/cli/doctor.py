"""`cmp-batch doctor`: examines an authority and says what is wrong, whose it is and the next step.

    cmp-batch doctor plant.yaml plant       an authority of a manifest, with its credential
    cmp-batch doctor https://ca/cmp         an address alone

The examination is in runner.cli.checkup. It asks one question (genm) and changes nothing at the CA.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli import console, exits, options
from runner.cli.checkup.findings import Verdict
from runner.errors import BadInput, Place
from runner.values import replace

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from runner.cli.checkup.examination import Examined, Examiner, Patient
    from runner.cmp.dialogue import Parties
    from runner.keystores.secrets import SecretReader
    from runner.manifest.model import Authority, Document


def add_arguments(parser: ArgumentParser) -> None:
    """PATH|URL [AUTHORITY] [--write-profile] [--trace DIR] [-C DIR] [--var] [--allow-commands]."""
    parser.add_argument("paths", metavar="PATH|URL", nargs=1, help="a manifest, a folder of them, or a CA's URL")
    parser.add_argument("authority", metavar="AUTHORITY", nargs="?", help="its name; needed where there are several")
    options.base_and_variables(parser)
    parser.add_argument("--write-profile", action="store_true", help="print the `authorities:` entry that fits")
    parser.add_argument("--allow-commands", action="store_true", help="run the commands that the manifest names")
    options.trace(parser)
    options.example(parser, "cmp-batch doctor plant.yaml plant", "cmp-batch doctor https://pki.example.com/cmp")


def run(args: Namespace) -> int:
    """Examine each URL of the authority: 0 where one of them is well, 3 where none is."""
    import asyncio

    [target] = args.paths
    document, authority = _address_alone(target) if "://" in target else _named(args)
    return asyncio.run(_examine(document, authority, args))


def _address_alone(url: str) -> tuple[Document, Authority]:
    from runner.manifest.model import Authority, Document
    from runner.manifest.reaching import parse_url

    try:
        authority = Authority(name="ca", place=Place("the command line", 1, 1), url=parse_url(url))
    except ValueError as problem:
        raise BadInput("that URL cannot be used", why=str(problem)) from None
    return Document(name="doctor", base="", authorities={"ca": authority}, credentials={}, items=()), authority


def _named(args: Namespace) -> tuple[Document, Authority]:
    from runner.manifest.load import load_manifest

    document = load_manifest([Path(args.paths[0])], base=args.base, variables=options.variables(args))
    names = [name for name, authority in document.authorities.items() if not authority.is_lab]
    name = args.authority or (names[0] if len(names) == 1 else None)
    if name is None or name not in names:
        what = "which authority is to be examined?" if name is None else f"there is no authority {name} to examine"
        raise BadInput(what, next_step=f"name one of: {', '.join(names)}" if names else "the embedded lab needs none")
    return document, document.authorities[name]


async def _examine(document: Document, authority: Authority, args: Namespace) -> int:
    from runner.cli.checkup.examination import Examiner, examine
    from runner.cli.trace import Trace
    from runner.system import SystemClock, SystemEntropy

    examiner = Examiner(SystemClock(), SystemEntropy(), Trace(args.trace) if args.trace else None)
    sound = False
    for patient in _patients(document, authority, args, examiner):
        if authority.reach.further:
            console.say(f"{patient.address.urls[0]}:")
        examined = await examine(patient, examiner)
        _show(examined)
        if args.write_profile:
            _show_profile(authority, examined, document)
        sound = sound or not any(finding.verdict is Verdict.FAILED for finding in examined.findings)
    return exits.OK if sound else exits.FAILED


def _patients(document: Document, authority: Authority, args: Namespace, examiner: Examiner) -> list[Patient]:
    """One for each URL. Raises BadInput and the errors of the files and secrets that the manifest names."""
    from runner.cli.checkup.examination import Patient
    from runner.cli.routes import address_of
    from runner.keystores.secrets import SecretReader

    if authority.reach.folder is not None:
        raise BadInput(f"a courier serves {authority.name}", next_step="there is nothing on a wire to examine")
    secrets = SecretReader(Path(document.base), os.environ, args.allow_commands)
    address = address_of(authority, document.logins, secrets, os.environ)
    parties = _parties(document, authority, secrets, examiner)
    return [Patient(replace(address, urls=(url,)), parties) for url in address.urls]


def _parties(document: Document, authority: Authority, secrets: SecretReader, examiner: Examiner) -> Parties | None:
    """We, with the authority's credential, and this CA; None where it has no credential."""
    from runner.execute.access import Keyring, open_access, parties
    from runner.execute.line import Line
    from runner.transports.loopback import LoopbackTransport

    if authority.credential is None:
        return None
    protection = Keyring(secrets, examiner.entropy).protection(
        document.credentials[authority.credential], authority.server.mac
    )
    nowhere = Line(LoopbackTransport(lambda _: b""), authority.limits, examiner.clock, examiner.entropy)
    return parties(open_access(authority, nowhere), protection)


def _show(examined: Examined) -> None:
    """One line a step; below a failure why, whose it is and the next step."""
    for finding in examined.findings:
        console.say(f"{finding.step:<16}{finding.verdict.value:<9} {finding.what}")
        for label, words in (("", finding.why), ("whose: ", finding.whose), ("next: ", finding.next_step)):
            if words:
                console.say(f"{'':<25}{label}{words}")


def _show_profile(authority: Authority, examined: Examined, document: Document) -> None:
    from runner.cli.checkup.profile import profile

    for line in profile(authority, examined.patient, document.base).splitlines():
        console.say(line)
