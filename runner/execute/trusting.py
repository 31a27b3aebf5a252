"""Roots that came along (caPubs), added to a file of anchors where the authority's `install_trust:` says so.

Which of them may be is for runner.cmp.roots to say; what became of each is told by name and fingerprint.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cmp.roots import offered_roots
from runner.execute.desk import Anchors
from runner.execute.reading import read_certificates
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from runner.cmp.dialogue import Dialogue
    from runner.cmp.roots import OfferedRoot
    from runner.manifest.model import Authority


@frozen
class NewTrust:
    """What is added to files of anchors, and the words about it."""

    anchors: tuple[Anchors, ...] = ()
    remarks: tuple[str, ...] = ()


def new_trust(authority: Authority, dialogue: Dialogue, now: datetime) -> NewTrust:
    """What becomes of the roots that came along. KeyStoreError where a file holds something else."""
    if authority.trust_file is None or not dialogue.ca_pubs:
        return NewTrust()
    speaker = read_certificates(authority.trust_signer)[0] if authority.trust_signer else None
    roots = offered_roots(dialogue, speaker, now)
    good = tuple(each.certificate.der for each in roots if not each.refused)
    anchors = (Anchors(Path(authority.trust_file), good),) if good else ()
    return NewTrust(anchors, tuple(_remarks(roots, authority.trust_file)))


def _remarks(roots: tuple[OfferedRoot, ...], path: str) -> Iterator[str]:
    from runner.cmp.tidings import described  # noqa: PLC0415 - it knows what is fetched, too

    known = {each.der for each in read_certificates(path)} if os.path.lexists(path) else set()
    for each in roots:
        if each.refused:
            yield f"the root {described(each.certificate)} was not added to {path}: {each.refused}"
        elif each.certificate.der not in known:
            yield f"the root {described(each.certificate)} was added to {path}"
