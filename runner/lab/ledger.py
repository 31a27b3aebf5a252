"""What the lab remembers: the certificates that it issued, and where its transactions stand.

Every step is one line of JSON that holds the whole new state of certificates, of a transaction, or of both, so that
a crash leaves the step done or undone. The lines, read again in order, give the same memory. Where they are kept
is the storage's concern (storage.py), what is in them that of records.py.

Of a certificate, serial number, fingerprint and state stay in memory for good. Of transactions, the
MAX_TRANSACTIONS that moved last: an older one is forgotten, and its messages are those of a stranger.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from runner.errors import StateError
from runner.lab.records import (
    IssuedCertificate,
    Transaction,
    certificate_read,
    certificate_told,
    transaction_read,
    transaction_told,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MAX_TRANSACTIONS = 10_000
_compact = json.JSONEncoder(separators=(",", ":")).encode


class Ledger:
    """The memory; `append` makes a line durable before anything is remembered."""

    def __init__(self, lines: Iterable[str], append: Callable[[str], None]) -> None:
        self._append = append
        self._certificates: dict[int, IssuedCertificate] = {}
        self._transactions: dict[bytes, Transaction] = {}
        self.crl_number = 0
        """The number of the CRL that was published last."""
        for number, line in enumerate(lines, 1):
            self._remember(_read(number, line))

    def certificate(self, serial: int) -> IssuedCertificate | None:
        """What is known of the certificate with this serial number."""
        return self._certificates.get(serial)

    def certificates(self) -> Iterable[IssuedCertificate]:
        """All certificates, in the order of issue."""
        return self._certificates.values()

    def transaction(self, identifier: bytes) -> Transaction | None:
        """The transaction with this transactionID, while it is remembered."""
        return self._transactions.get(identifier)

    def record(self, *entries: IssuedCertificate | Transaction) -> None:
        """The new states of certificates, of a transaction, or of both: one step."""
        self._write(_Line(*entries))

    def next_crl_number(self) -> int:
        """A number for a CRL that no CRL has had."""
        self._write(_Line(crl_number=self.crl_number + 1))
        return self.crl_number

    def _write(self, line: _Line) -> None:
        self._append(line.text())
        self._remember(line)

    def _remember(self, line: _Line) -> None:
        for entry in line.entries:
            if isinstance(entry, IssuedCertificate):
                self._certificates[entry.serial] = entry
            else:
                self._transactions.pop(entry.identifier, None)
                self._transactions[entry.identifier] = entry
        while len(self._transactions) > MAX_TRANSACTIONS:
            self._transactions.pop(next(iter(self._transactions)))
        self.crl_number = max(self.crl_number, line.crl_number)


class _Line:
    """One line: entries under the names of their kinds, and the number of a CRL."""

    __slots__ = ("crl_number", "entries")

    def __init__(self, *entries: IssuedCertificate | Transaction, crl_number: int = 0) -> None:
        self.entries = entries
        self.crl_number = crl_number

    def text(self) -> str:
        told: dict[str, Any] = {"crl": self.crl_number} if self.crl_number else {}
        for entry in self.entries:
            if isinstance(entry, IssuedCertificate):
                told.setdefault("certificates", []).append(certificate_told(entry))
            else:
                told["transaction"] = transaction_told(entry)
        return _compact(told)


_READERS: dict[str, Callable[[Any], list[IssuedCertificate | Transaction]]] = {
    "certificates": lambda told: [certificate_read(each) for each in told],
    "transaction": lambda told: [transaction_read(told)],
    "crl": lambda told: [],  # noqa: ARG005 - a number, and no entry
}


def _read(number: int, text: str) -> _Line:
    """A line from its text; StateError where it is none of ours."""
    try:
        told = json.loads(text)
        entries = [entry for kind, value in told.items() for entry in _READERS[kind](value)]
        return _Line(*entries, crl_number=told.get("crl", 0))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as problem:
        raise StateError(
            "the lab's ledger cannot be read",
            why=f"line {number} is not one that this version of the lab wrote",
            next_step="put the right file back, or begin a lab in a new folder",
        ) from problem
