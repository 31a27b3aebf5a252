"""How many processes an apply has, and the forking of them.

Workers are forked once everything has been read and nothing been opened that a second process must not have: no
journal, no connection, no thread. They inherit the lock, which therefore lasts until the last of them is gone.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple, NoReturn
from urllib.parse import urlsplit

from runner.cli.tuning import tuned
from runner.cli.wiring import Threads, Workshop
from runner.manifest.tunnel import TunnelRequest
from runner.packing import packed
from runner.plan.case import key_url_of
from runner.plan.steps import Verb

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable

    from runner.plan.steps import Step

ITEMS_WORTH_A_WORKER = 100
"""A process takes some 30 ms to begin: below this many items for each, fewer are started."""


def how_many(workshop: Workshop, args: Namespace) -> int:
    """The processes that do the work: as asked for, else one for each core where there is enough to do; 1: we alone."""
    if args.workers == 1 or workshop.trace is not None or args.review or not hasattr(os, "fork"):
        return 1
    count = _to_be_shared(workshop)
    urls = (authority.url for authority in workshop.situation.document.authorities.values())
    wanted = args.workers or min(cores_for_us(urls), count // ITEMS_WORTH_A_WORKER)
    return max(1, min(wanted, count))


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cores_for_us(urls: Iterable[str]) -> int:
    """Those that are left by the CAs at `urls`: one on this machine wants a core, too."""
    return max(1, cores() - any(map(_is_here, urls)))


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _to_be_shared(workshop: Workshop) -> int:
    """How many steps several processes may share; none where one has to stay in this one, or two belong together.

    Requests that share a message, or did when they were sent, are talked about in one place.
    """
    count, transactions = 0, set[str]()
    for step in workshop.situation.plan.steps:
        if step.verb in (Verb.KEEP, Verb.BLOCKED):
            continue
        opened = workshop.situation.inventory.open.get(step.item.name)
        transaction = opened.transaction_id if opened else None
        if transaction in transactions or _must_stay(step, workshop):
            return 0
        if transaction:
            transactions.add(transaction)
        count += 1
    return count


def _must_stay(step: Step, workshop: Workshop) -> bool:
    """Of this process are the embedded lab, sessions of tokens, messages for several items, what tunnels judge by."""
    document, item = workshop.situation.document, step.item
    if isinstance(item, TunnelRequest) or document.authorities[item.authority].batch_size > 1:
        return True
    credential = document.credentials.get(item.credential) if item.credential else None
    urls = (key_url_of(item), getattr(item, "key", None), getattr(credential, "key", None))
    return document.authorities[item.authority].is_lab or any(url is not None and url.kept == "token" for url in urls)


class Hired(NamedTuple):
    """A worker: its process, and our end of the line to it. It ends when the line does."""

    pid: int
    end: socket.socket


def hire(workshop: Workshop, run: str, count: int) -> list[Hired]:
    """Fork so many workers that, with us, `count` processes do the work; each keeps to its part of what CAs bear."""
    import runner.execute.worker  # noqa: F401 - once, before the fork, and not in each of them

    hired: list[Hired] = []
    sys.stdout.flush()
    sys.stderr.flush()
    for number in range(1, count):
        here, there = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            for end in (*(other.end for other in hired), here):
                end.close()
            _work(workshop, run, number, count, there)
        there.close()
        hired.append(Hired(pid, here))
    workshop.share(0, count)
    return hired


def see_off(hired: Iterable[Hired]) -> None:
    """Wait until the workers are gone: the lock is theirs, too."""
    for worker in hired:
        worker.end.close()
        os.waitpid(worker.pid, 0)


def _work(workshop: Workshop, run: str, number: int, count: int, end: socket.socket) -> NoReturn:
    """A worker's whole life. Signals are the parent's: a terminal sends them to all of us."""
    from runner.execute.worker import serve

    try:
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, signal.SIG_IGN)
        workshop.share(number, count)
        threads = Threads(max(1, cores() // count))
        steps = packed(workshop.situation.plan.steps)
        by_name = steps.by(step.item.name for step in steps)
        with tuned():
            asyncio.run(serve(end, by_name, lambda journal: workshop.desk(run, journal, threads)))
    finally:
        os._exit(1)
