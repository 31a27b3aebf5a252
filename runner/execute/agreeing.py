"""The messages in which a KEM's secret is agreed on, before a transaction's first request (cmp/agreement.py).

Nothing is journalled of them: a server that encapsulated has done nothing yet. A secret for the server's key is in this
process alone, so that an answer under it cannot be judged by the next one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.cmp.dialogue import Opening
from runner.cmp.protection import KemProtection
from runner.execute.endings import Lost
from runner.execute.line import Tally
from runner.values import replace

if TYPE_CHECKING:
    from datetime import datetime

    from runner.ambient import Clock, Entropy
    from runner.cmp.dialogue import Dialogue, Parties
    from runner.execute.endings import Ending
    from runner.execute.groundwork import Prepared
    from runner.execute.line import Line


async def agreed(parties: Parties, line: Line, clock: Clock, entropy: Entropy) -> tuple[Parties, Opening | None]:
    """The parties with their secrets for one transaction, and how it begins. CmpBatchError: nothing was asked."""
    if not agrees(parties):
        return parties, None
    from runner.cmp.agreement import KEM_CIPHERTEXT, bound, ciphertext_in, encapsulated  # noqa: PLC0415 - few authorities have a KEM key
    from runner.cmp.inquiry import NONCE, inquire  # noqa: PLC0415 - the same

    opening: Opening | None = None
    if isinstance(parties.protection, KemProtection):
        inquiry = inquire(parties, clock.now(), entropy, about=KEM_CIPHERTEXT)
        opening = ciphertext_in(inquiry, await line.exchange(inquiry.request, Tally(), "genm"))
        parties = bound(parties, opening.transaction_id, opening.ciphertext)
    if parties.kem_server is not None:
        opening = opening or Opening(entropy.octets(NONCE))
        parties = encapsulated(parties, parties.kem_server, opening.transaction_id)
    return parties, opening


def agrees(parties: Parties) -> bool:
    """Whether a secret is agreed on before the first request: such a transaction is shared with nobody."""
    return isinstance(parties.protection, KemProtection) or parties.kem_server is not None


def rebound(parties: Parties, dialogue: Dialogue) -> Parties:
    """The parties of a transaction that another process began: our key opens the ciphertext once more."""
    if not isinstance(parties.protection, KemProtection):
        return parties
    from runner.cmp.agreement import bound  # noqa: PLC0415 - few authorities have a KEM key

    return bound(parties, dialogue.transaction_id, dialogue.kem_ciphertext)


def with_announced(ending: Ending, prepared: Prepared, now: datetime) -> Prepared | None:
    """What is prepared, with the KEM certificate that the server has just announced; None where it has not.

    It announces by an error that nobody vouches for (wrongIntegrity): our anchors do, or the certificate is nothing.
    """
    both = prepared.parties
    if not isinstance(ending, Lost) or not ending.announced or both.kem_server is not None:
        return None
    from runner.cmp.agreement import announced  # noqa: PLC0415 - few authorities have a KEM key

    found = announced(ending.announced, both.peer, now)
    return None if found is None else replace(prepared, parties=replace(both, kem_server=found))
