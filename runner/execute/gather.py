"""Looking for the requests of tunnels: what lies in their folders, what each asks for, what has become of it.

Names are strangers': an item's name and the names of its answers are made from a request's file name with everything
else taken out, and never from what is inside it. Symbolic links are seen and not followed; a file is read once, up to
a limit. What cannot be told without a secret, who sent it, is left to the run.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from glob import glob
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import CmpBatchError, Diagnostic, Malformed, Severity
from runner.execute.observe import look_at_certificate
from runner.execute.policies import amendment_of, rules_of
from runner.manifest.tunnel import SEPARATOR, TunnelRequest
from runner.plan.facts import RelayFacts
from runner.ra.cases import look
from runner.ra.reading import MAX_REQUEST, read_submission
from runner.ra.refusal import Refusal
from runner.ra.requesters import UNPROTECTED
from runner.ra.rules import judge
from runner.ra.telling import told_request

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runner.manifest.model import Document
    from runner.manifest.tunnel import Tunnel
    from runner.pki.certificates import Certificate
    from runner.ra.amending import Amendment
    from runner.ra.asked import Asked, AskedRevocation
    from runner.state.inventory import Inventory

ANSWER, CERTIFICATE = ".answer.der", ".crt"
"""What is put behind a request's name for its answers; such files in a folder are no requests."""
MOST_REQUESTS = 10_000
"""Requests of one tunnel that are looked at in one run."""
_STRANGE = re.compile(r"[^A-Za-z0-9._@+-]")
_LONGEST = 100


def find_requests(document: Document, inventory: Inventory) -> tuple[TunnelRequest, ...]:
    """The requests of all tunnels: those whose files are there, and those that the journal has under way."""
    return tuple(found for tunnel in document.tunnels for found in _of_tunnel(tunnel, inventory))


def _of_tunnel(tunnel: Tunnel, inventory: Inventory) -> Iterator[TunnelRequest]:
    seen: set[str] = set()
    for path in islice(_paths(tunnel), MOST_REQUESTS):
        request = request_at(tunnel, path)
        seen.add(request.name)
        yield request
    for name, operation in inventory.open.items():
        if operation.relay and name.startswith(tunnel.name + SEPARATOR) and name not in seen:
            yield _request(tunnel, "", name.partition(SEPARATOR)[2])


def request_at(tunnel: Tunnel, path: str) -> TunnelRequest:
    """The request in a file; `content` is empty where the file is none that is read."""
    try:
        content = sha256(read_request(path)).hexdigest()
    except CmpBatchError:
        content = ""
    return _request(tunnel, path, _base(tunnel, path), content)


def _request(tunnel: Tunnel, path: str, base: str, content: str = "") -> TunnelRequest:
    folder = Path(tunnel.output or (Path(path).parent if path else _home(tunnel)))
    return TunnelRequest(
        name=f"{tunnel.name}{SEPARATOR}{base}",
        tunnel=tunnel,
        path=path,
        answer=str(folder / (base + ANSWER)),
        certificate=str(folder / (base + CERTIFICATE)),
        content=content,
    )


def _base(tunnel: Tunnel, path: str) -> str:
    """A file's name, made harmless; told apart by a digest where that, or another folder, makes it ambiguous."""
    name = Path(path).name
    plain = _STRANGE.sub("_", name)[:_LONGEST].lstrip(".-") or "request"
    if plain == name and Path(path).parent == _home(tunnel):
        return plain
    return f"{plain}-{sha256(os.fsencode(path)).hexdigest()[:8]}"


def _home(tunnel: Tunnel) -> Path:
    first = Path(tunnel.sources[0])
    return first if first.is_dir() else first.parent


def _paths(tunnel: Tunnel) -> Iterator[str]:
    """Files in the order of their names, each once."""
    yield from dict.fromkeys(path for source in tunnel.sources for path in _paths_of(source))


def _paths_of(source: str) -> list[str]:
    if os.path.isdir(source):  # noqa: PTH112 - answers no where it may not look
        return sorted(str(Path(source) / name) for name in _names_in(source) if _is_request_name(name))
    if os.path.lexists(source):
        return [source]
    found = glob(source)  # noqa: PTH207 - an absolute pattern, and Path.glob takes none
    return sorted(path for path in found if _is_request_name(Path(path).name) and not Path(path).is_dir())


def overlooked(document: Document) -> tuple[Diagnostic, ...]:
    """Folders among the requests of tunnels, which nobody looks into; those with a dot in front say so themselves."""
    return tuple(
        Diagnostic(
            f"{Path(path).name} in the requests of {tunnel.name} is a folder, and is not looked into",
            tunnel.at("requests"),
            next_step="name it under requests: too, or give it a name that begins with a dot",
            severity=Severity.WARNING,
        )
        for tunnel in document.tunnels
        for source in tunnel.sources
        for path in _folders_in(source)
        if path not in (*tunnel.sources, tunnel.output)
    )


def _folders_in(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.path for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    except OSError:
        return []


def _names_in(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if not entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _is_request_name(name: str) -> bool:
    return not name.startswith(".") and not name.endswith((ANSWER, CERTIFICATE))


def read_request(path: str) -> bytes:
    """The octets of a request's file. CmpBatchError where it is no regular file, a link, or too long."""
    try:
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | os.O_NOFOLLOW
        with os.fdopen(os.open(path, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise CmpBatchError("it is not a file")
            octets = file.read(MAX_REQUEST + 1)
    except OSError as problem:
        link = problem.errno == errno.ELOOP
        words = "it is a symbolic link, and is not followed" if link else (problem.strerror or "unreadable").lower()
        raise CmpBatchError(words) from problem
    if len(octets) > MAX_REQUEST:
        raise CmpBatchError(f"it is longer than {MAX_REQUEST} octets")
    return octets


def look_at_requests(requests: tuple[TunnelRequest, ...]) -> Mapping[str, RelayFacts]:
    """What can be seen of each request, by the item's name."""
    amendments: dict[str, Amendment | str] = {}
    for request in requests:
        if request.tunnel.name not in amendments:
            amendments[request.tunnel.name] = _amendment(request.tunnel)
    return {request.name: look_at_request(request, amendments[request.tunnel.name]) for request in requests}


def _amendment(tunnel: Tunnel) -> Amendment | str:
    """What the tunnel changes, or why that cannot be told."""
    try:
        return amendment_of(tunnel, _certificate)
    except CmpBatchError as problem:
        return problem.what


def _certificate(path: str) -> Certificate:
    seen = look_at_certificate(path)
    if seen.certificate is None:
        why = f"cannot be used: {seen.problem}" if seen.exists else "is not there"
        raise CmpBatchError(f"the template {Path(path).name} {why}")
    return seen.certificate


def look_at_request(request: TunnelRequest, amendment: Amendment | str) -> RelayFacts:
    """What a request asks for, what the tunnel would change, and whether its rules let it pass."""
    if not request.path:
        return RelayFacts(problem="its file is gone")
    try:
        octets = read_request(request.path)
    except CmpBatchError as problem:
        return RelayFacts(problem=problem.what)
    try:
        submission = read_submission(octets)
        if submission.kind in _FOLLOWING:
            return RelayFacts(kind=submission.kind, asked=f"{submission.kind} of a transaction before")
        if isinstance(amendment, str):
            return RelayFacts(submission.kind, unshaped=amendment)
        seen = look(submission, amendment)
    except Malformed as problem:
        return RelayFacts(malformed=f"{problem.what}: {problem.why}" if problem.why else problem.what)
    words, changes = told_request(seen.before), tuple(str(change) for change in seen.changes)
    return RelayFacts(submission.kind, words, changes, refused=_refused(seen.asked, request))


_FOLLOWING = ("certConf", "pollReq")


def _refused(asked: Asked | AskedRevocation, request: TunnelRequest) -> str:
    try:
        judge(asked, UNPROTECTED, rules_of(request.tunnel), ())
    except Refusal as refusal:
        return refusal.what
    return ""
