"""How the items of a document get along: no circles, no two writers of one file, files that are there, anchors.

Each check is a function from what was read to findings in the ledger. Nothing is opened: whether a file exists is all
that is asked of the disk.
"""

from __future__ import annotations

from array import array
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise, starmap
from operator import eq
from typing import TYPE_CHECKING

from runner.manifest.credentials import PskCredential
from runner.manifest.dealings import check_iterations
from runner.manifest.model import Fetch, Revocation, Update
from runner.manifest.paths import exists, is_folder, same_file_key, short
from runner.manifest.rowsecrets import check_secret
from runner.manifest.words import shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from runner.errors import Place
    from runner.manifest.declarations import Declared
    from runner.manifest.ledger import Ledger
    from runner.manifest.model import AnyItem, Authority

Dealing = tuple[str, str, bool]
"""An authority, the credential that it is talked to under, and whether a certificate comes of it. Items share them."""
_MOST_CIRCLES = 10
_MOST_NAMED = 10


def check_items(items: Sequence[AnyItem], declared: Declared, ledger: Ledger) -> None:
    """Note everything that is wrong between items, and between items and the disk."""
    owners: dict[str, int] = {}
    dealings: dict[Dealing, None] = {}
    waits, written = False, array("q")
    for number, item in enumerate(items):
        written.extend(hash(same_file_key(path)) for path, _ in writes(item))
        check_secret(number, items, item, owners, ledger)
        dealings[item.authority, item.credential or "", not isinstance(item, Revocation | Fetch)] = None
        waits = waits or bool(item.depends_on)
    # paths would take ten times the room of their hashes, and hardly ever are two alike
    if any(starmap(eq, pairwise(sorted(written)))):
        _check_writers(items, ledger)
    if waits:
        _check_circles(items, ledger)
    _check_files(items, declared, ledger)
    for dealing in dealings:
        check_iterations(*dealing[:2], declared, ledger)
        _check_trust(dealing, declared, ledger)


def _check_circles(items: Sequence[AnyItem], ledger: Ledger) -> None:
    needs = {item.name: list(item.depends_on) for item in items}
    by_name = {item.name: item for item in items}
    order = {name: index for index, name in enumerate(by_name)}
    for _ in range(_MOST_CIRCLES):
        circle = _circle(needs)
        if not circle:
            return
        first = circle.index(min(circle[:-1], key=order.__getitem__))
        names = [*circle[first:-1], *circle[:first], circle[first]]
        ledger.error(
            f"depends_on goes round in a circle: {_round(names)}",
            by_name[names[0]].at("depends_on"),
            next_step="take one of them out",
        )
        needs[names[0]].remove(names[1])


def _round(names: Sequence[str]) -> str:
    shown = names if len(names) <= _MOST_NAMED else [*names[: _MOST_NAMED - 1], "…", names[-1]]
    return " → ".join(shown)


def _circle(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """The names of a circle, each needing the next and the last being the first again; empty where there is none."""
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as problem:
        return [str(name) for name in reversed(problem.args[1])]
    return []


def writes(item: AnyItem) -> Iterator[tuple[str, Place]]:
    """The files that an item is going to write, and where the manifest says so."""
    if isinstance(item, Fetch) and item.file is not None:
        yield item.file, item.at("output")
    if isinstance(item, Revocation | Fetch):
        return
    place = item.at("output")
    yield item.output.certificate, place
    if item.output.prefix is not None:
        yield f"{item.output.prefix}-0.ca", place
    for extra in item.output.extras:
        yield extra, place
    key, at = (item.new_key, "new_key") if isinstance(item, Update) else (item.key, "key")
    if key is not None and key.generates:
        yield key.path, item.at(at)


def _check_writers(items: Sequence[AnyItem], ledger: Ledger) -> None:
    writers: dict[str, int] = {}
    for number, item in enumerate(items):
        files = [same_file_key(path) for path, _ in writes(item)]
        strangers = [file for file in files if writers.setdefault(file, number) != number]
        if strangers or len({*files}) < len(files):
            _tell_of_writers(item, lambda path: items[writers[same_file_key(path)]], ledger)


def _tell_of_writers(item: AnyItem, writer_of: Callable[[str], AnyItem], ledger: Ledger) -> None:
    told: set[Place] = set()
    for path, place in writes(item):
        first = writer_of(path)
        before = next(at for other, at in writes(first) if same_file_key(other) == same_file_key(path))
        if place in told or (first.name == item.name and before == place):
            continue
        told.add(place)
        summary = f"two items write {shortened(short(path))}"
        if first.name == item.name:
            summary = f"{item.name!r} writes two things into {shortened(short(path))}"
        ledger.error(summary, place, why=f"{first.name!r} does so at {before}", next_step=_apart(place, before))


def _apart(place: Place, before: Place) -> str:
    return "use ${name} in it, so that every row has its own" if place == before else ""


def _check_files(items: Sequence[AnyItem], declared: Declared, ledger: Ledger) -> None:
    """Files that are read must be there, or be made by an item; anchors may come with the first enrolment."""
    made: set[str | None] = set()
    for (path, place), written in ledger.expected.items():
        if is_folder(path):
            ledger.error(f"{shortened(written)} is a folder, not a file", place)
        elif not ledger.partial and not exists(path):
            made = made or _made(items, declared)
            if path not in made:
                ledger.error(f"file not found: {written}", place, why=f"there is no {path}, and no item makes it")


def _made(items: Sequence[AnyItem], declared: Declared) -> set[str | None]:
    made: set[str | None] = {path for item in items for path, _ in writes(item)}
    return made | {authority.trust_file for authority in declared.authorities.values() if authority is not None}


def _check_trust(dealing: Dealing, declared: Declared, ledger: Ledger) -> None:
    """Signed answers need an anchor; with a psk it is the issued certificate that cannot be followed to one."""
    authority = declared.authorities[dealing[0]]
    if authority is not None and not (authority.is_lab or authority.trust or authority.certificate):
        _say_untrusted(dealing, authority, declared, ledger)


def _say_untrusted(dealing: Dealing, authority: Authority, declared: Declared, ledger: Ledger) -> None:
    _, used, brings_certificate = dealing
    credential = declared.credentials[used] if used else None
    if used and credential is None:
        return
    place, step = authority.place, "add trust: with the CA's root certificate"
    if not isinstance(credential, PskCredential):
        why = "requests that are signed get signed answers"
        ledger.error(f"authority {authority.name!r} needs trust anchors", place, why=why, next_step=step)
    elif brings_certificate:
        why = "the certificates it issues cannot be followed to an anchor"
        ledger.warn(f"authority {authority.name!r} has no trust anchors", place, why=why, next_step=step)
