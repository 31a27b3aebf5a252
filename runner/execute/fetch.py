"""A fetch: the question (genm), and what becomes of its answer: verified, written, remembered (RFC 9483 §4.3).

It is journalled like any operation, so that an answer that comes later is polled for by whichever run it comes to.
Nothing is issued: a question that came to nothing is asked anew. A new root is written where the manifest says so,
beside what is there, and nowhere else.
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
from runner.errors import CmpBatchError, KeyStoreError
from runner.execute.desk import Anchors, Installation
from runner.execute.reading import read_certificates
from runner.execute.results import Outcome
from runner.execute.templating import template_text
from runner.keystores.files import NewFile, read_file
from runner.pki.certificates import readable_certificates, to_pem
from runner.state.inventory import Held

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from runner.cmp.tidings import Tidings
    from runner.execute.access import Access
    from runner.execute.desk import Desk
    from runner.execute.endings import Won
    from runner.execute.record import Record
    from runner.manifest.model import Fetch


def question(item: Fetch, access: Access) -> Order:
    """What is asked. CmpBatchError where the question lacks what it is about."""
    try:
        return Order("genm", questions=items_of(item.what, _known(item, access)))
    except ValueError as problem:
        step_words = "add root:, or trust: to the authority"
        raise CmpBatchError(f"the CA cannot be asked: {problem}", next_step=step_words) from None


async def fetched(item: Fetch, ending: Won, desk: Desk, record: Record) -> tuple[str, ...]:
    """Verify what was told, write it, and close the operation; the words about it.

    Raises CmpBatchError where the answer is of no use: nothing was written then, and the question is over all the same.
    """
    access = desk.access(item.authority)
    try:
        along, known = readable_certificates(ending.dialogue.extra_certs), _known(item, access)
        given = Circumstances(access.anchors, along, desk.clock.now(), known.root, known.this_update)
        told = tidings_in(item.what, ending.told, given)
        written = await _written(item, told, desk)
    except CmpBatchError as problem:
        await record.close(None, note=problem.what)
        raise
    await record.close(Held(item.name, item.digest, Outcome.FETCHED.value, desk.clock.now(), stores=written))
    return (*told.lines, *_installed(item, told))


def _known(item: Fetch, access: Access) -> Known:
    """What the question tells of what we have."""
    root = read_certificates(item.root)[0] if item.root else None
    if root is None and item.what == "rootCaKeyUpdate":
        root = next((anchor for anchor in access.anchors if anchor.is_self_issued), None)
    held = _list_time(item.file) if item.what in ("crls", "currentCrl") else None
    return Known(root, access.recipient, held, item.about)


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


async def _written(item: Fetch, told: Tidings, desk: Desk) -> str:
    """The files of the answer are in their places: their paths, one a line."""
    files, anchors = tuple(_files(item, told)), tuple(_anchors(item, told))
    if files or anchors:
        await desk.installations.do(Installation(files, (), anchors=anchors))
    return "\n".join(str(path) for path in (*(file.path for file in files), *(each.path for each in anchors)))


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
