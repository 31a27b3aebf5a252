"""Read manifests to a Document: names looked up, variables replaced, rows unrolled, everything parsed and checked.

The order is declarations, rows, items, and then what only shows when all of them are there. Reading files is left to
runner.manifest.load, the words about shapes to runner.manifest.schema.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.errors import Severity
from runner.manifest.checks import check_items
from runner.manifest.declarations import read_declarations
from runner.manifest.entries import read_rows
from runner.manifest.entropy import EntropyFile
from runner.manifest.items import read_items
from runner.manifest.model import Document
from runner.manifest.parts import Part
from runner.manifest.policing import check_policy
from runner.manifest.reader import Reader
from runner.manifest.rolling import read_strategy
from runner.manifest.ruling import read_policy
from runner.manifest.shared import read_defaults, read_vars
from runner.manifest.tunnels import read_tunnels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runner.manifest.ledger import Ledger
    from runner.manifest.policy import Policy
    from runner.manifest.source import Source


def resolve(
    sources: Sequence[Source], *, name: str, base: str, variables: Mapping[str, str], ledger: Ledger
) -> Document:
    """The Document that the sources say together; what is wrong with it is noted in the ledger.

    `name` is the document's name where no source gives one. Only a Document whose ledger has no errors is whole.
    """
    roots = [Part(source, (), source.value) for source in sources]
    values = read_vars(roots, variables, ledger)
    declared = read_declarations(roots, values, ledger)
    defaults = read_defaults(roots, ledger)
    rows = read_rows(roots, values, defaults, ledger)
    items = read_items(rows, values, declared, ledger)
    entropy = tuple(
        EntropyFile(path, root.place_of("entropy"))
        for root in roots
        for path in Reader(root, values, ledger).inputs("entropy")
    )
    tunnels = read_tunnels(roots, values, declared, defaults, ledger)
    check_items(items, declared, ledger)
    policy = _policy(roots, values, ledger)
    if policy is not None:
        check_policy(policy, items, declared.credentials, ledger)
    return Document(
        name=next(filter(None, map(_name, roots)), name),
        base=base,
        authorities={key: each for key, each in declared.authorities.items() if each},
        credentials={key: each for key, each in declared.credentials.items() if each},
        items=items,
        warnings=ledger.told(Severity.WARNING),
        logins={key: each for key, each in declared.logins.items() if each},
        entropy=entropy,
        policy=policy,
        strategy=read_strategy(roots, values, ledger),
        tunnels=tunnels,
    )


def _policy(roots: Sequence[Part], variables: Mapping[str, str], ledger: Ledger) -> Policy | None:
    """The one policy of all files."""
    found = [part for root in roots if (part := root.part("policy"))]
    for part in found[1:]:
        ledger.error("there are two policies", part.key_place, why=f"the first is at {found[0].key_place}")
    return read_policy(Reader(found[0], variables, ledger)) if found else None


def _name(root: Part) -> str | None:
    metadata = root.part("metadata")
    text = metadata.text("name") if metadata else None
    return text.value if text else None
