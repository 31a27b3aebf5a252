"""What the CA offers, judged before it is confirmed: the certificate, and the private key where the CA made it.

The checks themselves are in validation.py (dossier §3.2(5)) and unsealing.py (§3.9). May be done again: time and trust
change between two runs, what came does not.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from runner.cmp.dialogue import Offered
from runner.cmp.protection import MacProtection
from runner.cmp.response import Status
from runner.cmp.unsealing import made_key
from runner.cmp.validation import Issue, check_certificate, remarks_on
from runner.errors import BadCertificate
from runner.pki.certificates import parse_certificate, readable_certificates

if TYPE_CHECKING:
    from datetime import datetime

    from runner.cmp.dialogue import Dialogue, Parties
    from runner.cmp.request import Order
    from runner.pki.certificates import Certificate


def judge(dialogue: Dialogue, order: Order, parties: Parties, now: datetime, status: Status | None = None) -> Offered:
    """The certificate in an OFFERED (or later) dialogue, judged by every check of dossier §3.2(5)."""
    certificate = parse_certificate(dialogue.certificate)
    intermediates = readable_certificates(dialogue.extra_certs)
    anchors = parties.peer.anchors or _mac_protected_roots(dialogue, parties)
    status = status or Status(dialogue.granted)
    try:
        made = made_key(dialogue, order, parties, intermediates, now) if order.made_by_ca else None
        order = replace(order, public_key_info=made.public_key_info) if made else order
        issue = Issue(certificate, order, dialogue.granted, intermediates, anchors, now)
        path = check_certificate(issue)
    except BadCertificate as problem:
        return Offered(certificate, (certificate,), status, (), problem)
    return Offered(certificate, path, status, remarks_on(issue), None, made.private_key_info if made else b"")


def _mac_protected_roots(dialogue: Dialogue, parties: Parties) -> tuple[Certificate, ...]:
    """Self-signed caPubs of an ip under our own secret may vouch for this one certificate (dossier §3.2 no. 6a).

    They are not installed, and they never judge signatures on messages.
    """
    if dialogue.kind != "ir" or not isinstance(parties.protection, MacProtection):
        return ()
    return tuple(offered for offered in readable_certificates(dialogue.ca_pubs) if offered.is_self_issued)
