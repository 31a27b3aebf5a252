"""One-time secrets: each opens one transaction, and no other, whatever becomes of that one.

The journal has a secret as spent in the commit that has its request as sent; only a request that certainly never left
gives it back. Whoever resumes the transaction goes on under the same secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.errors import CmpBatchError, SecretError
from runner.execute.endings import UNSENT
from runner.manifest.credentials import PskCredential
from runner.manifest.model import Enrollment
from runner.manifest.tunnel import TunnelRequest
from runner.packing import Packed
from runner.plan.steps import Reason, Step, Verb
from runner.plan.words import spell_time
from runner.values import replace

if TYPE_CHECKING:
    from runner.execute.access import Keyring
    from runner.execute.desk import Desk
    from runner.execute.endings import Lost
    from runner.execute.preflight import Findings
    from runner.execute.record import Record
    from runner.execute.results import Failure
    from runner.manifest.credentials import Credential
    from runner.manifest.model import AnyItem, Document
    from runner.plan.steps import Plan
    from runner.state.inventory import Inventory, Spent


def credential_of(document: Document, item: AnyItem) -> Credential:
    """The item's credential, with its own secret where it has one."""
    credential = document.credentials[item.credential or ""]
    if isinstance(credential, PskCredential) and credential.column is not None and item.secret is not None:
        return replace(credential, secret=item.secret)
    return credential


def opens_with_secret(step: Step) -> bool:
    """Whether a step begins a transaction under a one-time secret.

    A renewal is signed by what it renews, and whoever polls goes on with a transaction of somebody else's.
    """
    item = step.item
    if isinstance(item, TunnelRequest) or item.secret is None or not step.request or step.verb is Verb.RESUME:
        return False
    return not (step.request == "pollReq" or (isinstance(item, Enrollment) and step.request == "kur"))


def mark_for(step: Step, desk: Desk) -> str:
    """The mark of the secret that the step uses up; empty where it uses none. SecretError where it was used before."""
    if not opens_with_secret(step):
        return ""
    mark = desk.keyring.mark(credential_of(desk.document, step.entry))
    if (spent := desk.inventory.spent.get(mark)) is not None:
        raise SecretError(_words(spent), next_step=_STEP)
    return mark


def check_secret(step: Step, document: Document, keyring: Keyring, owners: dict[str, str], findings: Findings) -> None:
    """A one-time secret can be read, and is no other item's. `owners`: mark → name, of the steps that came before."""
    if not opens_with_secret(step):
        return

    def check() -> None:
        mark = keyring.mark(credential_of(document, step.entry))
        other = owners.setdefault(mark, step.item.name)
        if other != step.item.name:
            why = "each opens one transaction"
            raise SecretError(f"{step.item.name} and {other} have the same one-time secret", why=why, next_step=_STEP)

    findings.attempt(step.item.place, check)


def without_spent(plan: Plan, document: Document, keyring: Keyring, inventory: Inventory) -> Plan:
    """The plan in which steps are blocked whose one-time secret was used before. Each is that item's own trouble."""
    if not inventory.spent or not any(map(opens_with_secret, plan.steps)):
        return plan
    return replace(plan, steps=Packed(_unless_spent(step, document, keyring, inventory) for step in plan.steps))


def _unless_spent(step: Step, document: Document, keyring: Keyring, inventory: Inventory) -> Step:
    if not opens_with_secret(step):
        return step
    try:
        spent = inventory.spent.get(keyring.mark(credential_of(document, step.entry)))
    except CmpBatchError:
        return step  # told by the preflight
    if spent is None:
        return step
    return replace(step, verb=Verb.BLOCKED, reasons=(Reason("secret-spent", f"{_words(spent)}; {_STEP}"),), request="")


async def kept_open(record: Record, ending: Lost) -> Failure:
    """Nobody answered: the transaction is gone on with next time. What never left gives its secret back."""
    failure = ending.failure
    if ending.unheard == UNSENT:
        await record.give_back(failure.what)
        return failure
    await record.stop(failure.what, check_after=None)
    words = "run apply again: the same request goes out again, since its one-time secret opens no other transaction"
    return replace(failure, next_step=f"{failure.next_step}; {words}".removeprefix("; "))


def _words(spent: Spent) -> str:
    return f"its one-time secret was used on {spell_time(spent.at)} for {spent.item} (operation {spent.operation})"


_STEP = "have the CA give a new one, and put it into the row"
