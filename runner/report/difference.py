"""What differs between two runs, for people: items that came, went, ended otherwise, or have another certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.report.record import rank
from runner.report.sanitise import clean
from runner.report.tables import Layout, Row, render, wrapped

if TYPE_CHECKING:
    from runner.report.record import ItemRecord, RunRecord

_HEADERS = ("", "item", "was", "is", "what changed")
_ABSENT = "—"


def difference_text(old: RunRecord, new: RunRecord, layout: Layout) -> str:
    """The comparison as text, ready to print."""
    before, after = ({item.name: item for item in run.items} for run in (old, new))
    names = list(dict.fromkeys((*after, *before)))
    pairs = [(name, before.get(name), after.get(name)) for name in names]
    differing = [(name, was, now) for name, was, now in pairs if _differs(was, now)]
    differing.sort(key=lambda each: rank(each[2].outcome) if each[2] else rank(""))
    rows = [Row(_cells(name, was, now), _style(now)) for name, was, now in differing]
    title = f"from run {clean(old.id)} to run {clean(new.id)} of {clean(new.manifest)}: "
    told = f"{len(differing)} of {len(names)} items differ" if differing else "nothing differs"
    table = render(_HEADERS, rows, layout)
    return wrapped(title + told, layout, first="", rest="  ") + "\n" + (f"\n{table}" if table else "")


def _differs(was: ItemRecord | None, now: ItemRecord | None) -> bool:
    return was is None or now is None or was.outcome != now.outcome or bool(_changes(was, now))


def _changes(was: ItemRecord, now: ItemRecord) -> list[str]:
    changes = []
    first, second = was.certificate, now.certificate
    if first and second and first.sha256 != second.sha256:
        changes.append(f"certificate {first.serial} → {second.serial}, until {second.not_after:%Y-%m-%d}")
    elif bool(first) != bool(second):
        changes.append(f"a certificate: {second.serial}" if second else "no certificate any more")
    if was.key_type != now.key_type and now.key_type:
        changes.append(f"key {was.key_type or 'unknown'} → {now.key_type}")
    if was.error != now.error and now.error:
        changes.append(now.error.what)
    return changes


def _cells(name: str, was: ItemRecord | None, now: ItemRecord | None) -> tuple[str, ...]:
    mark = "+" if was is None else "-" if now is None else "~"
    changes = _changes(was, now) if was and now else []
    ends = tuple(each.outcome if each else _ABSENT for each in (was, now))
    return (mark, clean(name), *map(clean, ends), clean("; ".join(changes)))


def _style(now: ItemRecord | None) -> str:
    return {"failed": "red", "unknown": "magenta", "pending": "yellow"}.get(now.outcome, "") if now else "yellow"
