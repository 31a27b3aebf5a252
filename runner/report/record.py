"""The record of a run, read back from its JSON: what every other format is rendered from.

`run_to_json` writes it, the state keeps it, `--report` and `cmp-batch report` render it: one record, so that a report
that is made again a year later says what the first one said. Text in it is foreign: whoever shows it cleans it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from runner.report.rows import Rows
from runner.values import frozen, replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

TROUBLE = ("failed", "unknown")
"""Outcomes that somebody has to see to."""
OPEN = ("pending", "skipped")
"""Outcomes that another run may mend by itself."""
ORDER = (*TROUBLE, *OPEN, "issued", "updated", "revoked", "recovered", "fetched", "forwarded")
"""What a person wants to see first; whatever is not named here comes after it, and `unchanged` last."""


@frozen
class CertificateRecord:
    """The certificate that came of an item."""

    subject: str
    issuer: str
    serial: str
    not_before: datetime
    not_after: datetime
    sha256: str
    path: str | None


@frozen
class ErrorRecord:
    """Why an item did not succeed, and the step to take."""

    what: str
    why: str
    next_step: str


@frozen
class ItemRecord:
    """How one item ended. `ended` is None in reports of versions that did not write it down."""

    name: str
    operation: str
    outcome: str
    certificate: CertificateRecord | None
    key_path: str | None
    key_type: str | None
    pki_status: str | None
    fail_info: tuple[str, ...]
    status_text: str
    warnings: tuple[str, ...]
    attempts: int
    duration: float
    error: ErrorRecord | None
    ended: datetime | None
    status_from: str = "ca"
    """Whose verdict it is: `ca`, or `ra`."""
    hooks: tuple[str, ...] = ()
    """What the commands around it came to, one text each."""

    @property
    def verdict(self) -> str:
        """What the CA, or the RA, said in the standard's own words; empty where it said nothing of note."""
        if not (self.pki_status and (self.fail_info or self.status_text)):
            return ""
        said = f' "{self.status_text}"' if self.status_text else ""
        return " ".join((self.pki_status, *self.fail_info)) + said

    @property
    def said(self) -> str:
        """The verdict, where the error has not told all of it already."""
        what = self.error.what if self.error else ""
        told = all(word in what for word in (self.pki_status or "", *self.fail_info, self.status_text))
        return "" if told else self.verdict

    @property
    def judge(self) -> str:
        """Whose verdict that is, in words."""
        return "the RA" if self.status_from == "ra" else "the CA"


@frozen
class RunRecord:
    """One run. `counts` has every outcome, zeros included, in the order in which people want to see them.

    `items` of a record that was just read are made when they are looked at: who looks at them once needs no memory for
    them, and who looks at them again and again takes them `in_hand`.
    """

    id: str
    manifest: str
    version: str
    started: datetime
    finished: datetime
    interrupted: bool
    counts: Mapping[str, int]
    items: Sequence[ItemRecord]

    def in_hand(self) -> RunRecord:
        """The same record with all items in memory."""
        return replace(self, items=tuple(self.items))

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.finished - self.started).total_seconds()

    def sorted(self) -> list[ItemRecord]:
        """The items, what needs attention first; otherwise in the order of the manifest."""
        return sorted(self.items, key=lambda item: rank(item.outcome))


def causes(items: Iterable[ItemRecord]) -> list[list[ItemRecord]]:
    """The items that something went wrong with, those together that it is the same with: a cause is told once."""
    found: dict[tuple[object, ...], list[ItemRecord]] = {}
    for item in items:
        if item.error is not None or item.fail_info:
            found.setdefault((item.outcome, item.error, item.verdict, item.judge), []).append(item)
    return list(found.values())


def rank(outcome: str) -> int:
    """The place of an outcome among what a person wants to see."""
    if outcome == "unchanged":
        return len(ORDER) + 1
    return ORDER.index(outcome) if outcome in ORDER else len(ORDER)


def read_record(report: Mapping[str, Any]) -> RunRecord:
    """A report's JSON (schemas/report.schema.json) as data.

    ValueError where it is not that; about an item, when that is looked at.
    """
    try:
        run = report["run"]
        return RunRecord(
            id=run["id"],
            manifest=run["manifest"],
            version=report["tool"]["version"],
            started=datetime.fromisoformat(run["started"]),
            finished=datetime.fromisoformat(run["finished"]),
            interrupted=run["interrupted"],
            counts=dict(sorted(report["summary"].items(), key=lambda entry: (rank(entry[0]), entry[0]))),
            items=Rows(report["items"], _read_item),
        )
    except (KeyError, TypeError, AttributeError) as problem:
        raise _no_report(problem) from problem


def _no_report(problem: Exception) -> ValueError:
    return ValueError(f"this is not a report of cmp-batch: {problem}")


def _read_item(item: Mapping[str, Any]) -> ItemRecord:
    try:
        return _item(item)
    except (KeyError, TypeError, AttributeError) as problem:
        raise _no_report(problem) from problem


def _item(item: Mapping[str, Any]) -> ItemRecord:
    key, error, ended = item["key"] or {}, item["error"], item.get("ended")
    return ItemRecord(
        name=item["name"],
        operation=item["operation"],
        outcome=item["outcome"],
        certificate=_certificate(item["certificate"]),
        key_path=key.get("path"),
        key_type=key.get("type"),
        pki_status=item["pki_status"],
        fail_info=tuple(item["fail_info"]),
        status_text=item["status_text"],
        warnings=tuple(item["warnings"]),
        attempts=item["attempts"],
        duration=item["duration_seconds"],
        error=None if error is None else ErrorRecord(error["what"], error["why"], error["next_step"]),
        ended=None if ended is None else datetime.fromisoformat(ended),
        status_from=item.get("status_from", "ca"),
        hooks=tuple(map(_hook, item.get("hooks", ()))),
    )


def _hook(run: Mapping[str, Any]) -> str:
    said = f": {run['output'].strip()}" if run["output"].strip() else ""
    return f"hook {run['hook']} {run['problem'] or 'went well'}{said}"


def _certificate(certificate: Mapping[str, Any] | None) -> CertificateRecord | None:
    if certificate is None:
        return None
    return CertificateRecord(
        subject=certificate["subject"],
        issuer=certificate["issuer"],
        serial=certificate["serial"],
        not_before=datetime.fromisoformat(certificate["not_before"]),
        not_after=datetime.fromisoformat(certificate["not_after"]),
        sha256=certificate["sha256"],
        path=certificate["path"],
    )
