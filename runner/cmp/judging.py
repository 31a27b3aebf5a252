"""What the CA offers, judged before it is confirmed: the certificate, and the private key where the CA made it.

The checks themselves are in validation.py and unsealing.py (RFC 9483 §4.1.1, §4.1.6). May be done again: time and trust
change between two runs, what came does not.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from runner.asn1.cmp import CMP_2000
from runner.cmp.dialogue import Offered
from runner.cmp.protection import MacProtection
from runner.cmp.response import Status
from runner.cmp.unsealing import made_key
from runner.cmp.validation import Issue, check_certificate, remarks_on
from runner.errors import BadCertificate
from runner.pki.certificate_hashes import implied_hash
from runner.pki.certificates import parse_certificate, readable_certificates
from runner.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.cmp.dialogue import Dialogue, Parties
    from runner.cmp.request import Order
    from runner.pki.certificates import Certificate


def judge(dialogue: Dialogue, order: Order, parties: Parties, now: datetime, status: Status | None = None) -> Offered:
    """The certificate in an OFFERED (or later) dialogue, judged by every one of CERTIFICATE_CHECKS."""
    certificate = parse_certificate(dialogue.certificate)
    intermediates = readable_certificates(dialogue.extra_certs)
    anchors = parties.peer.anchors or _mac_protected_roots(dialogue, parties)
    status = status or Status(dialogue.granted)
    try:
        made = made_key(dialogue, order, parties, intermediates, now) if order.made_by_ca else None
        order = replace(order, public_key_info=made.public_key_info) if made else order
        issue = Issue(certificate, order, dialogue.granted, intermediates, anchors, now, parties.peer.tolerates)
        accepted = check_certificate(issue)
    except BadCertificate as problem:
        return Offered(certificate, (certificate,), status, (), problem)
    remarks, key = (
        (
            *remarks_on(issue, accepted.differences),
            *_lateness(dialogue, now),
            *_new_roots(dialogue, parties),
            *_hash(certificate, dialogue, parties),
        ),
        made.private_key_info if made else b"",
    )
    return Offered(certificate, accepted.path, status, remarks, None, key)


def _lateness(dialogue: Dialogue, now: datetime) -> Iterator[str]:
    """The word that a certConf comes after the time that the CA waits for it (confirmWaitTime, RFC 9810 §5.1.1.2)."""
    if dialogue.confirm_by and not dialogue.confirmed and now > datetime.fromisoformat(dialogue.confirm_by):
        yield f"the CA waited for certConf until {dialogue.confirm_by}; it may have revoked the certificate since"


def _hash(certificate: Certificate, dialogue: Dialogue, parties: Parties) -> Iterator[str]:
    """The word that certConf has a hash that the CA can only guess (RFC 9810 §5.3.18)."""
    unsaid = implied_hash(certificate.signature_algorithm) is None
    if unsaid and not dialogue.confirmed and parties.pvno == CMP_2000:
        yield "its signature names no hash, and certConf cannot say in version 2 which it has: set `version: 3`"


def _new_roots(dialogue: Dialogue, parties: Parties) -> Iterator[str]:
    """The word about roots that came along (caPubs) and that nothing trusts (RFC 9810 §8.8)."""
    known = {anchor.der for anchor in parties.peer.anchors}
    for offered in readable_certificates(dialogue.ca_pubs):
        if offered.is_self_issued and offered.der not in known:
            mark = f'"{offered.subject}" (SHA-256 {offered.fingerprint})'
            yield f"the CA sent the root {mark} along; nothing trusts it unless `trust:` names it"


def _mac_protected_roots(dialogue: Dialogue, parties: Parties) -> tuple[Certificate, ...]:
    """Self-signed caPubs of an ip under our own secret may vouch for this one certificate (RFC 9810 §8.8).

    They are not installed, and they never judge signatures on messages.
    """
    if dialogue.kind != "ir" or not isinstance(parties.protection, MacProtection):
        return ()
    return tuple(offered for offered in readable_certificates(dialogue.ca_pubs) if offered.is_self_issued)
