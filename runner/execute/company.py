"""Who may share a message with whom: keys for the lobby, equal for operations that may go together.

One message has one kind of request, one protection, one header. A request that a certificate signs by its own key, one
with a regToken, a PKCS #10 request, a key recovery, a question and a challenge are alone in theirs; CMP version 1 knows
no certConf to answer several with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.asn1.cmp import CMP_2000
from runner.cmp.protection import MacProtection
from runner.cmp.proving import CHALLENGE
from runner.cmp.wishes import is_secret
from runner.execute.agreeing import agrees

if TYPE_CHECKING:
    from collections.abc import Hashable

    from runner.cmp.dialogue import Dialogue
    from runner.cmp.protection import Protection
    from runner.cmp.request import Order
    from runner.execute.groundwork import Prepared
    from runner.manifest.model import AnyItem
    from runner.state.inventory import Open

_ALONE = ("p10cr", "krr", "pollReq", "genm")


def company(item: AnyItem, prepared: Prepared) -> Hashable:
    """The key of an operation that begins; None: it goes alone."""
    order, parties = prepared.order, prepared.parties
    alone = order.kind in _ALONE or order.proof == CHALLENGE or any(map(is_secret, order.controls))
    if alone or _speaks_for_itself(order, parties.protection) or parties.pvno < CMP_2000 or agrees(parties):
        return None
    ours = parties.protection.presentation
    return (item.authority, item.credential, order.kind, parties.pvno, parties.cert_profile, parties.general_info, ours)


def _speaks_for_itself(order: Order, protection: Protection) -> bool:
    """Whether the certificate that is to be updated or revoked signs the message that asks for it."""
    if order.certificate is None or isinstance(protection, MacProtection):
        return False
    return protection.chain[0].der == order.certificate.der


def again(before: Open, dialogue: Dialogue) -> Hashable:
    """The key of an operation that is continued: its transaction, in which one message at a time may be out."""
    return before.transaction_id if dialogue.of > 1 else None
