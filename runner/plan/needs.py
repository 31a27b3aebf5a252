"""Who must wait for whom: `depends_on`, and what follows from the files that items use and make.

A revocation of what an update replaces waits for the update.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.errors import BadInput, Diagnostic
from runner.manifest.credentials import CertificateCredential
from runner.manifest.model import Fetch, Poll, Recovery, Revocation, Update

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runner.manifest.model import AnyItem, Document


def needs_of(document: Document, makers: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
    """Item name → names of the items that must be done before it, where there are any. BadInput names a cycle."""
    updaters = _updaters_of(document)
    needs: dict[str, tuple[str, ...]] = {}
    for item in document.items:
        waits = {makers[path]: None for path in _uses(item, document) if path in makers}
        if isinstance(item, Revocation):
            waits.update(dict.fromkeys(updaters.get(item.certificate or "", ())))
        waits.update(dict.fromkeys(item.depends_on))
        waits.pop(item.name, None)
        if waits:
            needs[item.name] = tuple(waits)
    if needs:
        _refuse_cycles(needs, {item.name: item for item in document.items})
    return needs


def makers_of(document: Document) -> dict[str, str]:
    """Path → name of the item that makes the file."""
    return {path: item.name for item in document.items for path in _makes(item)}


def overwriters_of(document: Document) -> dict[str, str]:
    """Path of a certificate → name of the update that puts its successor in the very same file."""
    updates = (item for item in document.items if isinstance(item, Update))
    return {item.certificate: item.name for item in updates if item.output.certificate == item.certificate}


def _updaters_of(document: Document) -> dict[str, list[str]]:
    """Path of a certificate → names of the items that update it."""
    found: dict[str, list[str]] = {}
    for item in document.items:
        if isinstance(item, Update):
            found.setdefault(item.certificate, []).append(item.name)
    return found


def _makes(item: AnyItem) -> Iterator[str]:
    """Paths of the files that an item brings about."""
    if isinstance(item, Fetch):
        yield from item.files
    if isinstance(item, Revocation | Fetch):
        return
    yield item.output.certificate
    yield from item.output.extras
    key = item.new_key if isinstance(item, Update) else item.key
    if key is not None and key.generates:
        yield key.path


def _uses(item: AnyItem, document: Document) -> Iterator[str]:
    """Paths of the files that must be there before an item can begin."""
    credential = document.credentials.get(item.credential or "")
    if isinstance(credential, CertificateCredential):
        yield from (credential.certificate, credential.key.path)
    if isinstance(item, Update):
        yield from (item.certificate, item.key.path)
    elif isinstance(item, Fetch):
        yield from filter(None, (item.root,))
    elif isinstance(item, Revocation):
        yield from filter(None, (item.certificate, item.key and item.key.path))
    elif isinstance(item, Recovery):
        yield from filter(None, (item.certificate,))
    elif isinstance(item, Poll):
        yield from filter(None, (item.key and item.key.path,))
    else:
        used = item.key.path if item.key is not None and not item.key.generates else None
        yield from filter(None, (item.template.reference, item.csr, used))


def _refuse_cycles(needs: Mapping[str, tuple[str, ...]], items: Mapping[str, AnyItem]) -> None:
    done: set[str] = set()
    for first in needs:
        trail: dict[str, Iterator[str]] = {}
        name: str | None = first
        while name is not None:
            if name not in trail:
                trail[name] = iter(needs.get(name, ()))
            following = next((n for n in trail[name] if n not in done), None)
            if following in trail:
                _cycle([*trail][[*trail].index(following) :], items)
            if following is None:
                done.add(name)
                trail.pop(name)
                following = next(reversed(trail), None)
            name = following


def _cycle(names: list[str], items: Mapping[str, AnyItem]) -> None:
    circle = " → ".join([*names, names[0]])
    finding = Diagnostic(
        f"items wait for each other: {circle}",
        items[names[0]].place,
        "each needs a file or a result of the next",
        "take one of them out of the circle",
    )
    raise BadInput(finding.summary, why=finding.why, next_step=finding.next_step, diagnostics=(finding,))
