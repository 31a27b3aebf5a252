"""`cmp-batch lab`: the lab CA as a server on this machine, an RA for it, its KEM certificate, and a new root.

`serve` answers over HTTP and TCP until a signal ends it, and prints how to reach it, one fact a line, on stdout. `ra`,
`kem` and `roll-over` work on the CA's folder while nobody serves it. What answers is runner.lab.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli import console, exits, options

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction

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
    _add_folder(serve)
    _add_manner(serve, "how the CA behaves, or misbehaves")
    serve.add_argument("--allow-remote", action="store_true", help="let other machines reach it; it trusts everybody")
    options.example(serve, example)
    _add_ra(actions, parser)
    _add_kem(actions, parser)
    _add_roll_over(actions, parser)


def _add_folder(action: ArgumentParser) -> None:
    action.add_argument("--dir", metavar="FOLDER", default=FOLDER, help=f"where the CA is kept ({FOLDER})")


def _add_manner(action: ArgumentParser, words: str) -> None:
    told = f"{words}; docs/lab.md lists them; may be given again"
    action.add_argument("--manner", metavar="NAME=VALUE", action="append", default=[], help=told)


def _add_ra(actions: _SubParsersAction[ArgumentParser], parser: ArgumentParser) -> None:
    words = "make a certificate and key for an RA whom the CA trusts"
    ra = actions.add_parser("ra", help=words, description=f"{words[0].upper()}{words[1:]}.", allow_abbrev=False)
    ra.formatter_class = parser.formatter_class
    ra.add_argument("name", metavar="NAME", help="the RA's common name, and the name of its files in the folder")
    _add_folder(ra)
    options.example(ra, "cmp-batch lab ra desk")


def _add_kem(actions: _SubParsersAction[ArgumentParser], parser: ArgumentParser) -> None:
    words = "show the certificate of the CA's KEM key, for kem_certificate in a manifest"
    kem = actions.add_parser("kem", help=words, description=f"{words[0].upper()}{words[1:]}.", allow_abbrev=False)
    kem.formatter_class = parser.formatter_class
    _add_folder(kem)
    options.example(kem, "cmp-batch lab kem")


def _add_roll_over(actions: _SubParsersAction[ArgumentParser], parser: ArgumentParser) -> None:
    words = "give the CA a new key, with link certificates from the old root to the new"
    new = actions.add_parser("roll-over", help=words, description=f"{words[0].upper()}{words[1:]}.", allow_abbrev=False)
    new.formatter_class = parser.formatter_class
    _add_folder(new)
    _add_manner(new, "how the new root is made: the kind of its key (ca_key=rsa:3072)")
    options.example(new, "cmp-batch lab roll-over --manner ca_key=ec:p384")


def run(args: Namespace) -> int:
    """What the action says; to serve ends with SIGTERM or SIGINT, which are how it is meant to end."""
    from runner.lab.authority import open_lab
    from runner.lab.manners import parse_manners
    from runner.system import SystemClock, SystemEntropy

    manners = parse_manners(getattr(args, "manner", ()))
    with open_lab(Path(args.dir), SystemClock(), SystemEntropy(), manners) as lab:
        _ACTIONS[args.action](lab, args)
    return exits.OK


def _run_serve(lab: Lab, args: Namespace) -> None:
    import asyncio

    asyncio.run(_serve(lab, args))


def _run_ra(lab: Lab, args: Namespace) -> None:
    for word, path in zip(("RA certificate", "RA key"), lab.write_ra(args.name), strict=True):
        console.say(f"{word} {path}")


def _run_kem(lab: Lab, args: Namespace) -> None:  # noqa: ARG001 - the shape of an action
    console.say(f"KEM certificate {lab.write_kem_certificate()}")


def _run_roll_over(lab: Lab, args: Namespace) -> None:  # noqa: ARG001 - the shape of an action
    lab.roll_over()
    console.say(f"CA certificate {lab.ca_certificate_path}")


_ACTIONS = {"serve": _run_serve, "ra": _run_ra, "kem": _run_kem, "roll-over": _run_roll_over}


async def _serve(lab: Lab, args: Namespace) -> None:
    import asyncio
    import signal

    from runner.serving.http import serve

    def ready(url: str) -> None:
        console.say(f"URL {url}")
        console.say(f"CA certificate {lab.ca_certificate_path}")
        console.say(f"PSK {lab.psk}")
        console.note("not for production: it certifies whoever asks; Ctrl-C ends it")

    async def together() -> None:
        async with asyncio.TaskGroup() as servers:
            allowed, answerer = args.allow_remote, lab.answerer()
            servers.create_task(serve(answerer, host=args.host, port=args.port, allow_remote=allowed, ready=ready))
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
        Office(lab.answerer(), SystemClock(), args.tcp_delay),
        ready=lambda url: console.say(f"TCP {url}"),
        host=args.host,
        port=args.tcp_port,
        allow_remote=args.allow_remote,
    )
