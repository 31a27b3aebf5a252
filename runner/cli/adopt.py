"""`cmp-batch adopt`: keys and certificates that are there already become entries of a manifest, and known to the state.

It asks no CA and touches none of the files that it finds. Afterwards a plan has nothing to do: each entry says what its
certificate says, and one of which that would not be true is left out and named.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.cli import console, exits, options
from runner.errors import BadInput

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Mapping
    from datetime import datetime

    from runner.cli.adopting.findings import Findings
    from runner.state.inventory import Held

DEFAULT = "adopted.yaml"
AUTHORITY = "ca"
SECRET = "CMP_BATCH_PSK"  # noqa: S105 - the name of a variable
NOWHERE = "https://ca.invalid/cmp"
COMMENTS = (
    "yaml-language-server: $schema=.cmp-batch/manifest.schema.json",
    "",
    "Written by cmp-batch adopt: what it found, as it is. Nothing is renewed until you say when (renew_before: 30d).",
    "A key that is to change with the certificate is written key: generate://…; with file: it stays.",
)


def add_arguments(parser: ArgumentParser) -> None:
    """FOLDER… [--out FILE] [--authority NAME] [--url URL] [--state FILE]."""
    parser.add_argument(
        "folders", metavar="FOLDER", nargs="+", type=options.path, help="where to look; a file is looked at itself"
    )
    parser.add_argument(
        "--out", metavar="FILE", type=options.path, default=Path(DEFAULT), help=f"the manifest to write ({DEFAULT})"
    )
    words = f"the name of the authority that they are of ({AUTHORITY})"
    parser.add_argument("--authority", metavar="NAME", default=AUTHORITY, help=words)
    parser.add_argument("--url", metavar="URL", default=NOWHERE, help="where that authority listens for CMP")
    options.state(parser)
    options.example(parser, "cmp-batch adopt /etc/ssl/sites --out sites.yaml --url https://pki.example.com/cmp")


def run(args: Namespace) -> int:
    """Look, write the manifest, then the state."""
    from runner.cli.adopting.findings import search
    from runner.system import SystemClock

    for folder in args.folders:
        if not folder.exists():
            raise BadInput(f"there is no {folder}", next_step="name folders that hold keys and certificates")
    if args.out.exists():
        raise BadInput(f"{args.out} exists already, and is left as it is", next_step="choose another name with --out")
    if not args.out.absolute().parent.is_dir():
        raise BadInput(f"there is no folder {args.out.parent}", next_step="make it first, or choose another path")
    clock = SystemClock()
    found = search(args.folders, args.out.absolute().parent, clock.now())
    taken = _taken(args, found, clock.now()) if found.pairs else {}
    for note in found.notes:
        console.note(note)
    if not taken:
        raise BadInput("there is nothing to adopt", why="no certificate was found together with its key")
    _remember(args, taken, clock.now())
    console.say(f"adopted {console.plural(len(taken), 'pair')}: wrote {args.out}")
    console.note(f"next: cmp-batch plan {shlex.quote(str(args.out))}")
    return exits.OK


def _taken(args: Namespace, found: Findings, now: datetime) -> Mapping[str, Held]:
    """The manifest is written with all pairs, tried, and written again with those of which a plan is quiet."""
    from runner.cli.adopting.entries import entry_of, named
    from runner.cli.adopting.taking import quiet_items

    base, pairs = args.out.absolute().parent, named(found.pairs)
    entries = {name: entry_of(name, pair, base, args.authority) for name, pair in pairs.items()}
    draft = args.out.with_name(f".{args.out.name}.draft")
    known = [certificate for certificate, _ in found.authorities.values()]
    try:
        head = _head(args, found, base)
        _write(draft, head, list(entries.values()))
        taken = quiet_items([draft], base, known, now)
    finally:
        draft.unlink(missing_ok=True)
    found.notes += [f"{pairs[name].path}: a plan would change it; left out" for name in entries if name not in taken]
    for name in taken:
        if pairs[name].further:
            words = "holds certificates of CAs as well: a renewal writes the first alone; see full_chain"
            found.notes.append(f"{pairs[name].path}: {words}")
    if taken:
        _write(args.out, head, [entries[name] for name in entries if name in taken])
    return taken


def _head(args: Namespace, found: Findings, base: Path) -> dict[str, Any]:
    """The authority: trusted by the roots that were found with its certificates."""
    from runner.cli.adopting.entries import relative

    roots = sorted(
        {relative(path, base) for certificate, path in found.authorities.values() if certificate.is_self_issued}
    )
    authority = {"url": args.url, **({"trust": roots} if roots else {}), "credential": args.authority}
    return {
        "apiVersion": "cmp-batch/v1",
        "metadata": {"name": "adopted"},
        "authorities": {args.authority: authority},
        "credentials": {args.authority: {"psk": {"env": SECRET}}},
    }


def _write(path: Path, head: Mapping[str, Any], entries: list[dict[str, Any]]) -> None:
    from runner.cli.adopting.entries import manifest_text
    from runner.report.files import replace_file

    replace_file(path, [manifest_text(head, entries, COMMENTS).encode()])


def _remember(args: Namespace, taken: Mapping[str, Held], now: datetime) -> None:
    from runner.state.folder import STATE_FOLDER
    from runner.state.journal import Change, Journal
    from runner.state.lock import StateLock, this_process

    state = args.state or args.out.absolute().parent / STATE_FOLDER / "state.db"
    with StateLock(state.with_name("lock"), this_process("adopt", now)):
        journal = Journal.open(state, create=True)
        try:
            journal.record(
                [Change(name, "adopt", None, held=held, note="adopted", at=now) for name, held in taken.items()]
            )
        finally:
            journal.close()
