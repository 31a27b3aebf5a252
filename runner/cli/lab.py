"""`cmp-batch lab serve`: the lab CA as a server on this machine, over HTTP and TCP, until a signal ends it.

Prints how to reach it, one fact a line, on stdout; what answers is runner.lab.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli import console, exits, options

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from runner.lab.authority import Lab

FOLDER = ".cmp-batch/lab"
"""Where the lab CA is kept unless --dir says otherwise."""


def add_arguments(parser: ArgumentParser) -> None:
    """Serve [--host H] [--port N] [--tcp-port N] [--tcp-delay S] [--dir FOLDER] [--allow-remote]."""
    example = "cmp-batch lab serve --port 8080"
    options.example(parser, example)
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True)
    words = "answer CMP requests over HTTP until a signal ends it"
    serve = actions.add_parser("serve", help=words, description=f"{words[0].upper()}{words[1:]}.", allow_abbrev=False)
    serve.formatter_class = parser.formatter_class
    serve.add_argument("--host", metavar="H", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
    serve.add_argument("--port", metavar="N", type=options.port, default=0, help="the port; any free one by default")
    serve.add_argument("--tcp-port", metavar="N", type=options.port, help="serve CMP over TCP, too; 0 is any port")
    serve.add_argument(
        "--tcp-delay", metavar="S", type=options.positive, default=0, help="over TCP, let every answer be polled for"
    )
    serve.add_argument("--dir", metavar="FOLDER", default=FOLDER, help=f"where the CA is kept ({FOLDER})")
    serve.add_argument("--allow-remote", action="store_true", help="let other machines reach it; it trusts everybody")
    options.example(serve, example)


def run(args: Namespace) -> int:
    """Serve until SIGTERM or SIGINT, which are how it is meant to end."""
    import asyncio

    from runner.lab.authority import open_lab
    from runner.system import SystemClock, SystemEntropy

    with open_lab(Path(args.dir), SystemClock(), SystemEntropy()) as lab:
        asyncio.run(_serve(lab, args))
    return exits.OK


async def _serve(lab: Lab, args: Namespace) -> None:
    import asyncio
    import signal

    from runner.lab.server import serve

    def ready(url: str) -> None:
        console.say(f"URL {url}")
        console.say(f"CA certificate {lab.ca_certificate_path}")
        console.say(f"PSK {lab.psk}")
        console.note("not for production: it certifies whoever asks; Ctrl-C ends it")

    async def together() -> None:
        async with asyncio.TaskGroup() as servers:
            allowed = args.allow_remote
            servers.create_task(serve(lab.respond, host=args.host, port=args.port, allow_remote=allowed, ready=ready))
            if args.tcp_port is not None:
                servers.create_task(_tcp(lab, args))

    serving = asyncio.ensure_future(together())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
    await asyncio.wait([serving])
    if not serving.cancelled() and (problems := serving.exception()) is not None:
        raise getattr(problems, "exceptions", (problems,))[0]  # it ended by itself: say what ended it


async def _tcp(lab: Lab, args: Namespace) -> None:
    from runner.lab.tcp import Office, serve_tcp
    from runner.system import SystemClock

    await serve_tcp(
        Office(lab.respond, SystemClock(), args.tcp_delay),
        ready=lambda url: console.say(f"TCP {url}"),
        host=args.host,
        port=args.tcp_port,
        allow_remote=args.allow_remote,
    )
