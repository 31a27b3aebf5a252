"""`cmp-batch tunnel serve`: a tunnel of the manifest as an HTTP service, for devices that speak CMP (docs/ra.md).

Its journal is its own, in .cmp-batch/tunnel-NAME, so that an apply of the same manifest may run beside it.
"""

from __future__ import annotations

import asyncio
import signal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli import console, exits, options

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from runner.cli.wiring import Workshop
    from runner.manifest.model import Document
    from runner.manifest.tunnel import Tunnel
    from runner.state.journal import Journal
    from runner.system import SystemClock

RUN_ID = 6


def add_arguments(parser: ArgumentParser) -> None:
    """Serve PATH NAME [--host H] [--port N] [--allow-remote] and how the manifest is read."""
    example = "cmp-batch tunnel serve plant.yaml line-7 --port 8080"
    options.example(parser, example)
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True)
    words = "answer CMP requests over HTTP until a signal ends it"
    serve = actions.add_parser("serve", help=words, description=f"{words[0].upper()}{words[1:]}.", allow_abbrev=False)
    serve.formatter_class = parser.formatter_class
    serve.add_argument("path", metavar="PATH", type=options.path, help="a manifest, or a folder of them")
    serve.add_argument("name", metavar="NAME", help="the tunnel")
    options.base_and_variables(serve)
    options.state(serve)
    options.trace(serve)
    serve.add_argument("--host", metavar="H", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
    serve.add_argument("--port", metavar="N", type=options.port, default=0, help="the port; any free one by default")
    serve.add_argument("--allow-remote", action="store_true", help="let other machines reach it")
    serve.add_argument("--allow-commands", action="store_true", help="run the commands that the manifest names")
    options.example(serve, example)


def run(args: Namespace) -> int:
    """Serve until SIGTERM or SIGINT, which are how it is meant to end."""
    from contextlib import closing

    from runner.manifest.load import load_manifest
    from runner.state.folder import make_state_folder
    from runner.state.journal import Journal
    from runner.state.lock import StateLock, this_process
    from runner.system import SystemClock

    clock = SystemClock()
    document = load_manifest([args.path], base=args.base, variables=options.variables(args))
    console.warn(document.warnings)
    tunnel = _tunnel(document, args.name)
    workshop, state = _opened(document, tunnel, args, clock)
    if args.state is None:
        make_state_folder(state.parent.parent)
    owner = this_process(f"tunnel serve {args.path} {args.name}", clock.now())
    with StateLock(state.with_name("lock"), owner), closing(Journal.open(state, create=True)) as journal:
        workshop.open_lab()
        try:
            asyncio.run(_serve(workshop, tunnel, journal, args))
        finally:
            workshop.close_lab()
    return exits.OK


def _tunnel(document: Document, name: str) -> Tunnel:
    from runner.errors import BadInput

    found = next((tunnel for tunnel in document.tunnels if tunnel.name == name), None)
    if found is None:
        known = ", ".join(tunnel.name for tunnel in document.tunnels) or "the manifest has none"
        raise BadInput(f"there is no tunnel {name}", next_step=f"tunnels: {known}")
    if found.approval.ask:
        why = "a service has nobody to ask"
        raise BadInput(f"the tunnel {name} wants a person to approve", why=why, next_step="give approve: rules")
    return found


def _opened(document: Document, tunnel: Tunnel, args: Namespace, clock: SystemClock) -> tuple[Workshop, Path]:
    """The means, with everything that it judges by read; and where its state is."""
    from runner.cli.surveying import Situation
    from runner.cli.wiring import Workshop
    from runner.keystores.folders import Folder
    from runner.plan.facts import Facts
    from runner.plan.steps import Plan
    from runner.state.folder import STATE_FOLDER
    from runner.state.reading import read_inventory
    from runner.values import replace

    base = Path(document.base)
    state = args.state or base / STATE_FOLDER / f"tunnel-{tunnel.name}" / "state.db"
    served = replace(document, items=(), tunnels=(replace(tunnel, watch=True, output=None),))
    folder = Folder(base, (), closed=(base / STATE_FOLDER, state))
    plan = Plan(document.name, clock.now(), ())
    situation = Situation(served, state, folder, read_inventory(state), Facts(), plan)
    return Workshop.open(situation, args, clock), state


async def _serve(workshop: Workshop, tunnel: Tunnel, journal: Journal, args: Namespace) -> None:
    from runner.cli.wiring import Threads
    from runner.execute.desk import record_changes
    from runner.execute.grouped import Grouped
    from runner.execute.serving import Service
    from runner.serving.http import serve

    threads = Threads(1)
    run_id = workshop.entropy.octets(RUN_ID).hex()
    desk = workshop.desk(run_id, Grouped(partial(record_changes, journal), threads.journal), threads)
    service = Service(desk, tunnel, console.note)
    journal.start_run(run_id, workshop.clock.now(), f"tunnel serve {tunnel.name}")
    catching_up = asyncio.ensure_future(service.catch_up())
    tidying = asyncio.ensure_future(service.tidy())
    serving = asyncio.ensure_future(
        serve(
            service.respond,
            ready=lambda url: console.say(f"URL {url}"),
            host=args.host,
            port=args.port,
            allow_remote=args.allow_remote,
        )
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
    try:
        await asyncio.wait([serving])
    finally:
        catching_up.cancel()
        tidying.cancel()
        threads.close()
        for access in workshop.accesses.values():
            await access.line.close()
    if not serving.cancelled() and (problem := serving.exception()) is not None:
        raise problem  # it ended by itself: say what ended it
