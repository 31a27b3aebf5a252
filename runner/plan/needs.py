"""Who must wait for whom: `depends_on`, and what follows from the files that items use and make.

A revocation of what an update replaces waits for the update.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.errors import BadInput, Diagnostic
from runner.manifest.credentials import CertificateCredential
from runner.manifest.model import Fetch, Poll, Recovery, Revocation, Update
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runner.manifest.credentials import Credential
    from runner.manifest.model import AnyItem, Document


@frozen
class Relations:
    """What items have to do with each other's files.

    `makers`: path of a file that something uses → name of the item that makes it. `updaters`: path of a certificate →
    names of the items that update it. `overwriters`: the same → name of the update that puts its successor in the very
    same file.
    """

    makers: Mapping[str, str]
    updaters: Mapping[str, list[str]]
    overwriters: Mapping[str, str]


def relations_of(document: Document) -> Relations:
    """The relations of the items of a document."""
    used = {path for item in document.items for path in _uses(item, document)}
    used.update(path for credential in document.credentials.values() for path in _parts_of(credential))
    used.update(path for tunnel in document.tunnels for path in tunnel.trust)
    makers: dict[str, str] = {}
    updaters: dict[str, list[str]] = {}
    overwriters: dict[str, str] = {}
    for item in document.items:
        for path in _makes(item):
            if path in used:  # most are not, and there may be a hundred thousand
                makers[path] = item.name
        if isinstance(item, Update):
            updaters.setdefault(item.certificate, []).append(item.name)
            if item.output.certificate == item.certificate:
                overwriters[item.certificate] = item.name
    return Relations(makers, updaters, overwriters)


def needs_of(item: AnyItem, document: Document, relations: Relations) -> tuple[str, ...]:
    """Names of the items that must be done before this one."""
    makers = relations.makers
    waits = {makers[path]: None for path in _uses(item, document) if path in makers}
    if isinstance(item, Revocation):
        waits.update(dict.fromkeys(relations.updaters.get(item.certificate or "", ())))
    waits.update(dict.fromkeys(item.depends_on))
    waits.pop(item.name, None)
    return tuple(waits)


def _parts_of(credential: Credential | None) -> tuple[str, ...]:
    """Paths of the files that a credential is made of."""
    return (credential.certificate, credential.key.path) if isinstance(credential, CertificateCredential) else ()


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
    yield from _parts_of(document.credentials.get(item.credential or ""))
    if isinstance(item, Update):
        yield from (item.certificate, item.key.path)
        if item.new_key is not None and not item.new_key.generates:
            yield item.new_key.path
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


def refuse_cycles(needs: Mapping[str, tuple[str, ...]], document: Document) -> None:
    """BadInput where items wait for each other in a circle; `needs` are of those that wait for somebody."""
    done: set[str] = set()
    for first in needs:
        trail: dict[str, Iterator[str]] = {}
        name: str | None = first
        while name is not None:
            if name not in trail:
                trail[name] = iter(needs.get(name, ()))
            following = next((n for n in trail[name] if n not in done), None)
            if following in trail:
                _cycle([*trail][[*trail].index(following) :], document)
            if following is None:
                done.add(name)
                trail.pop(name)
                following = next(reversed(trail), None)
            name = following


def _cycle(names: list[str], document: Document) -> None:
    circle = " → ".join([*names, names[0]])
    finding = Diagnostic(
        f"items wait for each other: {circle}",
        next(item.place for item in document.items if item.name == names[0]),
        "each needs a file or a result of the next",
        "take one of them out of the circle",
    )
    raise BadInput(finding.summary, why=finding.why, next_step=finding.next_step, diagnostics=(finding,))
