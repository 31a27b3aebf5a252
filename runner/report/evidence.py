"""Evidence: a report that can be shown to be whole, and who vouches for it.

Each report carries the SHA-256 of its head and of each item, and one digest over all of these; the detached CMS
signature beside the file (FILE.p7s, RFC 5652) is over the file's octets. So a signature says that nothing was touched,
and where something was, the digests say which record. Reading and writing files is for the command line.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from runner.asn1.cms import SIGNED_DATA, ContentInfo
from runner.asn1.signed import SignedData
from runner.asn1.structures import decode, encode
from runner.errors import Malformed, ProtocolError, Unauthentic
from runner.pki.certificates import parse_certificate
from runner.pki.paths import find_path
from runner.pki.signed_data import DATA, Content, sign, signed_by
from runner.report.canonical import compact_json
from runner.report.rows import Rows
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from runner.pki.certificates import Certificate
    from runner.pki.signing import Signer

SUFFIX = ".p7s"
"""What the name of a signature ends with, behind that of the report."""
_HEAD = ("schema_version", "tool", "run", "summary")
_NOUN = "report"
_OCTETS = 32
"""Of a SHA-256."""


@frozen
class Touched:
    """Parts of a report that are not as their digests say: `head`, the names of items, `count`, `digests`."""

    parts: tuple[str, ...]


def with_digests(report: Mapping[str, Any]) -> dict[str, Any]:
    """The report with its digests in `digests`; its items are gone through once, and not kept."""
    head, found = _digest({key: report[key] for key in _HEAD}), bytearray()
    for item in report["items"]:
        found += sha256(compact_json(item).encode()).digest()
    items = Rows(range(0, len(found), _OCTETS), lambda at: found[at : at + _OCTETS].hex())
    return {**report, "digests": {"algorithm": "sha256", "head": head, "items": items, "all": _all(head, items)}}


def touched(report: Mapping[str, Any]) -> Touched:
    """What differs from the digests in the report. ValueError where it carries none."""
    try:
        said, items = report["digests"], report["items"]
        parts = [] if _digest({key: report[key] for key in _HEAD}) == said["head"] else ["the head (run and summary)"]
        parts += [
            f"item {item.get('name', number)!r}" if isinstance(item, dict) else f"item number {number}"
            for number, (item, digest) in enumerate(zip(items, said["items"], strict=False), 1)
            if _digest(item) != digest
        ]
        if len(items) != len(said["items"]):
            parts.append(f"the number of items: {len(items)}, and {len(said['items'])} digests")
        if _all(said["head"], said["items"]) != said["all"]:
            parts.append("the digests themselves")
    except (KeyError, TypeError, AttributeError) as problem:
        raise ValueError("the report carries no digests") from problem
    return Touched(tuple(parts))


def digest_of(text: str) -> str:
    """The digest of a part of a report, of which `text` is the compact JSON."""
    return sha256(text.encode()).hexdigest()


def _digest(part: object) -> str:
    return digest_of(compact_json(part))


def _all(head: str, items: Iterable[str]) -> str:
    whole = sha256(head.encode())
    for item in items:
        whole.update(item.encode())
    return whole.hexdigest()


def signature(octets: bytes, signer: Signer, chain: tuple[Certificate, ...]) -> bytes:
    """A detached signature over a report's octets: ContentInfo with SignedData, DER, certificates included."""
    signed = encode(sign(Content(DATA, octets, _NOUN), signer, chain, detached=True))
    return encode(ContentInfo(content_type=SIGNED_DATA, content=signed))


def vouched(octets: bytes, der: bytes, anchors: tuple[Certificate, ...], now: datetime) -> Certificate:
    """Who signed these octets. Unauthentic where the signature is not good, or its signer has no path to `anchors`.

    Without anchors whoever signed is returned, and nothing vouches for them. Malformed where `der` is no signature.
    """
    outer = decode(ContentInfo, der)
    if outer.content_type != SIGNED_DATA:
        raise Malformed("this is no signature", why=f"its content is of the type {outer.content_type}")
    signed = decode(SignedData, outer.content)
    signer = signed_by(signed, Content(DATA, octets, _NOUN))
    if anchors:
        try:
            find_path(signer, [parse_certificate(each) for each in signed.certificates], anchors, now)
        except ProtocolError as problem:
            raise Unauthentic(f'"{signer.subject}" signed it and is not trusted', why=problem.what) from problem
    return signer
