"""What an issued certificate becomes on disk: PREFIX-0.crt, the CA certificates of its path as PREFIX-N.ca, the key.

Names are those of `ssh-cmpclient-g3` (dossier §8.8). A staged key takes its place in the same breath.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from runner.execute.desk import Installation, Move
from runner.keystores.files import NewFile
from runner.pki.certificates import to_pem

if TYPE_CHECKING:
    from runner.manifest.model import Output
    from runner.pki.certificates import Certificate

STAGED_SUFFIX = ".next"
"""A key that waits for its certificate while another pair is in use: KEY.next."""


def staged(key_path: str) -> str:
    """Where the successor of a key that is in use waits for its certificate."""
    return key_path + STAGED_SUFFIX


def installation(
    output: Output, path: tuple[Certificate, ...], key_now: str | None, key_target: str | None
) -> Installation:
    """The files for `path`, whose first certificate was issued. The key moves where it is not at its target yet."""
    moves: tuple[Move, ...] = ()
    if key_now is not None and key_target is not None and key_now != key_target and Path(key_now).exists():
        moves = (Move(Path(key_now), Path(key_target)),)
    files = [_file(output.certificate, path[0], output.format)]
    if output.prefix is not None:
        issuers = path[1:]
        files += [_file(f"{output.prefix}-{n}.ca", issuer, output.format) for n, issuer in enumerate(issuers)]
    return Installation(moves, tuple(files))


def aside(output: Output, certificate: Certificate) -> Installation:
    """A certificate that the CA issued and then disowned: kept beside, under a name that nobody uses by mistake."""
    return Installation((), (_file(f"{output.certificate}.unconfirmed", certificate, output.format),))


def _file(path: str, certificate: Certificate, form: str) -> NewFile:
    return NewFile(Path(path), certificate.der if form == "der" else to_pem(certificate.der))
