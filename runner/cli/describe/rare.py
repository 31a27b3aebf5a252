"""CMP bodies that are rarely met, described: announcements and challenges (RFC 9810 §5.3.13 to §5.3.16, §5.2.8.3).

Challenges and their answers stay unsaid: how many there are is told, and by which hash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.asn1.algorithms import HASHES
from runner.asn1.bodies import CONTENTS, RevAnnContent
from runner.asn1.structures import codec_of
from runner.cli.describe.blocks import Entry, present
from runner.cli.describe.x509 import describe_certificate, describe_crl, serial
from runner.errors import Malformed
from runner.pki.crls import reason_in
from runner.pki.names import general_name_from_der
from runner.report.canonical import rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runner.asn1.infotypes import CAKeyUpdAnnContent, Challenge, RootCaKeyUpdateContent
    from runner.asn1.structures import Chosen


def within(describe: Callable[[bytes], Entry], der: bytes) -> Entry:
    """A part of a message; one that cannot be read does not keep the rest from being shown."""
    try:
        return describe(der)
    except Malformed:
        return "Unreadable", f"{len(der)} octets"


def describe_rare(kind: str, content: bytes) -> list[Entry]:
    """What a body of type `kind` holds, one of runner.asn1.bodies.CONTENTS."""
    try:
        return _WORDS[kind](codec_of(CONTENTS[kind]).decode(content))
    except Malformed:
        return [("Unreadable", f"{len(content)} octets")]


def _challenges(challenges: Sequence[Challenge]) -> list[Entry]:
    return [("Challenge", _challenge(challenge)) for challenge in challenges]


def _challenge(challenge: Challenge) -> list[Entry]:
    owf = challenge.owf.algorithm if challenge.owf else ""
    form = "challenge" if challenge.encrypted_rand is None else "encryptedRand"
    return present(("OneWayFunction", HASHES.get(owf, owf)), ("Form", f"{form}, not opened"))


def _numbers(numbers: Sequence[int]) -> list[Entry]:
    return [("Answers", f"{len(numbers)}, not shown")]


def _key_update(content: Chosen) -> list[Entry]:
    update: CAKeyUpdAnnContent | RootCaKeyUpdateContent = content.value
    parts = (
        ("OldWithNew", update.old_with_new),
        ("NewWithOld", update.new_with_old),
        ("NewWithNew", update.new_with_new),
    )
    return [(label, [within(describe_certificate, der)]) for label, der in parts if der]


def _revocation(content: RevAnnContent) -> list[Entry]:
    issuer = general_name_from_der(content.cert_id.issuer)
    return present(
        ("Status", content.status_name),
        ("IssuerName", f"<{issuer.text}>"),
        ("SerialNumber", serial(content.cert_id.serial_number)),
        ("WillBeRevokedAt", rfc3339(content.will_be_revoked_at)),
        ("BadSinceDate", rfc3339(content.bad_since_date)),
        ("Reason", reason_in(content.crl_details)),
    )


_WORDS: dict[str, Callable[[Any], list[Entry]]] = {
    "popdecc": _challenges,
    "popdecr": _numbers,
    "ckuann": _key_update,
    "cann": lambda der: [within(describe_certificate, der)],
    "rann": _revocation,
    "crlann": lambda lists: [within(describe_crl, der) for der in lists],
}
