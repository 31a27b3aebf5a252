"""A fetch, end to end: ask (genm), verify what is told, write it, remember that it was asked (RFC 9483 §4.3).

Nothing is issued, so that nothing is journalled before: one that is cut off is simply asked again. A new root is
written where the manifest says so, beside what is there, and nowhere else.
"""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path
from typing import TYPE_CHECKING

from runner.asn1.structures import decode
from runner.asn1.x509 import Signed, TBSCertList
from runner.cmp.questions import Known, items_of
from runner.cmp.request import Order
from runner.cmp.tidings import Circumstances, described, tidings_in
from runner.cmp.transaction import start
from runner.errors import CmpBatchError, KeyStoreError
from runner.execute.access import parties
from runner.execute.asking import answer_secret, in_header, presented
from runner.execute.conversation import Conversation
from runner.execute.desk import Anchors, Installation
from runner.execute.endings import Parked, Won
from runner.execute.groundwork import protection_of
from runner.execute.members import Member
from runner.execute.reading import read_certificates
from runner.execute.results import Failure, Outcome, Result
from runner.execute.templating import template_text
from runner.keystores.files import NewFile, read_file
from runner.pki.certificates import readable_certificates, to_pem
from runner.state.inventory import Held
from runner.state.journal import Change

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from runner.cmp.dialogue import Parties
    from runner.cmp.tidings import Tidings
    from runner.execute.access import Access
    from runner.execute.desk import Desk
    from runner.execute.endings import Ending
    from runner.manifest.model import Fetch
    from runner.plan.steps import Step


async def fetch(step: Step, item: Fetch, desk: Desk) -> Result:
    """Ask, verify, write. Raises CmpBatchError where the answer is of no use; nothing was written then."""
    access = desk.access(item.authority)
    known = _known(item, access)
    try:
        order = Order("genm", questions=items_of(item.what, known))
    except ValueError as problem:
        step_words = "add root:, or trust: to the authority"
        raise CmpBatchError(f"the CA cannot be asked: {problem}", next_step=step_words) from None
    both = _parties(item, desk, access)
    conversation = _conversation(order, both, access, desk)
    await conversation.begin()
    ending = conversation.members[0].ending
    if not isinstance(ending, Won):
        return _unanswered(step, ending, conversation.tally.attempts)
    along = readable_certificates(ending.dialogue.extra_certs)
    given = Circumstances(access.anchors, along, desk.clock.now(), known.root, known.this_update)
    told = tidings_in(item.what, ending.told, given)
    await _keep(item, told, desk)
    return Result(
        name=item.name,
        operation=step.verb.value,
        outcome=Outcome.FETCHED,
        pki_status=ending.status.status,
        status_text="; ".join((*told.lines, *_installed(item, told))),
        attempts=conversation.tally.attempts,
    )


def _known(item: Fetch, access: Access) -> Known:
    """What the question tells of what we have."""
    root = read_certificates(item.root)[0] if item.root else None
    if root is None and item.what == "rootCaKeyUpdate":
        root = next((anchor for anchor in access.anchors if anchor.is_self_issued), None)
    held = _list_time(item.file) if item.what in ("crls", "currentCrl") else None
    return Known(root, access.recipient, held)


def _list_time(path: str | None) -> datetime | None:
    """When the CRL was made that lies at `path`; None where there is none."""
    if path is None or not Path(path).exists():
        return None
    try:
        return decode(TBSCertList, decode(Signed, _der(read_file(Path(path)))).tbs).this_update
    except CmpBatchError:
        return None


def _der(octets: bytes) -> bytes:
    if not octets.startswith(b"-----"):
        return octets
    return b64decode(b"".join(octets.split(b"-----")[2].split()))


def _parties(item: Fetch, desk: Desk, access: Access) -> Parties:
    authority, credential = access.authority, desk.document.credentials.get(item.credential or "")
    both = parties(access, protection_of(desk, item), answer_secret(desk, authority))
    return in_header(presented(both, credential, authority.server, None), item.asking, authority.asking)


def _conversation(order: Order, both: Parties, access: Access, desk: Desk) -> Conversation:
    """One that journals nothing: what it asks for can be asked again. Nobody lets go of it meanwhile, either."""

    async def nothing(_: object) -> None:
        return

    dialogue = start(order, both, None, desk.clock.now(), desk.entropy)
    return Conversation(
        members=[Member(order, both, dialogue, lambda *_: None, nothing)],
        line=access.line,
        clock=desk.clock,
        entropy=desk.entropy,
        keep=nothing,
        max_wait=access.authority.polling.max_wait,
        polling=access.authority.polling,
    )


def _unanswered(step: Step, ending: Ending | None, attempts: int) -> Result:
    """Nothing is lost with a question: it failed, or waits to be asked anew."""
    if isinstance(ending, Parked):
        failure = Failure("the CA has not answered yet", ending.words, "run apply again: it asks anew")
        return Result(step.item.name, step.verb.value, Outcome.PENDING, failure=failure, attempts=attempts)
    if ending is None or isinstance(ending, Won):
        raise AssertionError("a conversation that is over has an ending, and this one was lost")
    status = ending.status
    return Result(
        step.item.name,
        step.verb.value,
        Outcome.FAILED,
        pki_status=status.status if status else None,
        fail_info=status.fail_info if status else (),
        status_text=status.text if status else "",
        attempts=attempts,
        failure=ending.failure,
    )


async def _keep(item: Fetch, told: Tidings, desk: Desk) -> None:
    """The files, then the word in the state that they are there."""
    files, anchors = tuple(_files(item, told)), tuple(_anchors(item, told))
    if files or anchors:
        await desk.installations.do(Installation(files, (), anchors=anchors))
    written = "\n".join(str(path) for path in (*(file.path for file in files), *(each.path for each in anchors)))
    held = Held(item.name, item.digest, Outcome.FETCHED.value, desk.clock.now(), stores=written)
    await desk.record((Change(item.name, desk.run, None, held=held, at=desk.clock.now()),))


def _files(item: Fetch, told: Tidings) -> Iterator[NewFile]:
    content = _content(item, told)
    if item.file is not None and content:
        yield NewFile(Path(item.file), content)


def _anchors(item: Fetch, told: Tidings) -> Iterator[Anchors]:
    if item.trust_file is not None and told.root is not None:
        yield Anchors(Path(item.trust_file), (told.root.der,))


def _content(item: Fetch, told: Tidings) -> bytes:
    if told.template is not None:
        return template_text(item.name, told.template).encode()
    if told.crls:
        return _lists(item, told.crls)
    if item.format == "der" and told.certificates:
        return told.certificates[0].der
    return b"".join(to_pem(certificate.der) for certificate in told.certificates)


def _lists(item: Fetch, crls: tuple[bytes, ...]) -> bytes:
    if item.format != "der":
        return b"".join(to_pem(crl, "X509 CRL") for crl in crls)
    if len(crls) > 1:
        raise KeyStoreError(f"{len(crls)} CRLs came, and a DER file holds one", next_step="say format: pem")
    return crls[0]


def _installed(item: Fetch, told: Tidings) -> Iterator[str]:
    """What became of a new root: whoever reads the result must know whether anything trusts it now."""
    if told.root is None:
        return
    if item.trust_file is None:
        yield f"nothing trusts {described(told.root)} yet: install_trust: FILE adds it there"
    else:
        yield f"it was added to {item.trust_file}"
