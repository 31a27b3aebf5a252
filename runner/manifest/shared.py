"""What entries share beside names: `vars:`, `defaults:`, and templates that extend others.

All of it holds for every file that is read together, so that dividing a manifest into files changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.manifest.variables import expand
from runner.manifest.words import choose, shortened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runner.manifest.ledger import Ledger
    from runner.manifest.parts import Part

EVERY = "entries"
"""The defaults of all sections together."""
_EITHER = {
    ("revocations", "credential"): "key",
    ("revocations", "key"): "credential",
    ("enrollments", "renew_before"): "renewal",
    ("enrollments", "renewal"): "renew_before",
    ("enrollments", "key"): "csr",
    ("enrollments", "csr"): "key",
}
"""A default that the entry's own word for the same thing (the value) puts aside."""
_OWN_KEYS = ("name", "for_each")
"""What no default can give: each entry's own."""
_FOREIGN: Mapping[str, tuple[str, ...]] = {"tunnels": ("depends_on",)}
"""Keys of all entries that those of a section have not."""


def read_vars(roots: Sequence[Part], given: Mapping[str, str], ledger: Ledger) -> dict[str, str]:
    """The variables of `vars:`, and those that were `given` on the command line, which win.

    A value may use variables that were given, and those written before it.
    """
    values = dict(given)
    seen: dict[str, Part] = {}
    for root in roots:
        part = root.part("vars")
        for key in part.values if part else ():
            text = part.plain(key) if part else None
            if text is None or part is None:
                continue
            if key in seen:
                first = seen[key].place_of_key(key)
                ledger.error(f"{key!r} is in vars twice", part.place_of_key(key), why=f"first at {first}")
                continue
            seen[key] = part
            value = expand(text, values, ledger)
            values.setdefault(key, "" if value is None else value)
    return values


def read_defaults(roots: Sequence[Part], ledger: Ledger) -> dict[str, Part]:
    """The defaults of each section (`entries`: of all), over all files; a key that two of them give is a finding."""
    found: dict[str, Part] = {}
    for root in roots:
        for section, part in root.named("defaults"):
            before = found.get(section)
            for key in part.values if before else ():
                if before and key in before.values:
                    why = f"first at {before.place_of(key)}"
                    ledger.error(f"defaults give {section} {key!r} twice", part.place_of_key(key), why=why)
            found[section] = before.over(part) if before else part
    return found


def with_defaults(section: str, entry: Part, defaults: Mapping[str, Part]) -> Part:
    """The entry, and what the defaults say where it says nothing itself; those of its section win."""
    for part in filter(None, (defaults.get(section), defaults.get(EVERY))):
        aside = {key for key in part.values if _EITHER.get((section, key), "") in entry.values}
        entry = entry.over(part, without={*_OWN_KEYS, *_FOREIGN.get(section, ()), *aside})
    return entry


def extended(templates: Mapping[str, Part], ledger: Ledger) -> dict[str, Part]:
    """Each template with what it inherits (`extends:`): its own keys win, then those of the first it names."""
    done: dict[str, Part] = {}
    for name in templates:
        _extend(name, templates, done, (), ledger)
    return done


def _extend(
    name: str, templates: Mapping[str, Part], done: dict[str, Part], chain: tuple[str, ...], ledger: Ledger
) -> Part:
    if name in done:
        return done[name]
    part = whole = templates[name]
    for text in part.texts("extends"):
        if text.value in (*chain, name):
            circle = [*chain, name][[*chain, name].index(text.value) :]
            words = " → ".join([*circle, text.value])
            ledger.error(f"extends goes round in a circle: {words}", text.place, next_step="take one of them out")
        elif text.value not in templates:
            step = choose(text.value, list(templates))
            ledger.error(f"unknown template {shortened(text.value)}", text.place, next_step=step)
        else:
            whole = whole.over(_extend(text.value, templates, done, (*chain, name), ledger))
    done[name] = whole
    return whole
