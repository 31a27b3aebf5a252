"""Looking at a key without opening it: what a plan may know of it. No secret is read, nothing of the content is shown.

What it takes to read keys is imported once there is one: a plan that finds none answers the sooner.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

import hashlib
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import CmpBatchError
from runner.keystores.files import read_file
from runner.values import frozen

if TYPE_CHECKING:
    from runner.pki.keyurls import KeyUrl


@frozen
class KeyFile:
    """What can be seen of a key file without its passphrase; `problem` says in words what is wrong with it."""

    path: Path
    exists: bool = False
    mode: int | None = None
    """Its permission bits."""
    sealed: bool = False
    digest: str | None = None
    """SHA-256 (hex) of a sealed file, whose key cannot be seen."""
    public_key_info: bytes | None = None
    """DER, of a file that is not sealed."""
    problem: str = ""


def key_facts(url: KeyUrl) -> KeyFile:
    """What can be seen of the key at a URL, without secret and without running what a manifest names."""
    path = Path(url.path)
    if url.kept == "env":
        return KeyFile(path, exists=True, sealed=True)
    if url.kept == "token":
        from runner.keystores import tokens

        seen = tokens.look(url.path, url.spec)
        return KeyFile(path, seen.exists, sealed=seen.hidden, public_key_info=seen.info, problem=seen.problem)
    return key_file_facts(path)


def key_file_facts(path: Path) -> KeyFile:
    """What there is at `path`, for the planner. Reads no secret, raises nothing, shows nothing of the content."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return KeyFile(path, problem="it is a symbolic link to nothing" if path.is_symlink() else "")
    except (OSError, ValueError):
        return KeyFile(path, problem="it cannot be looked at: check the path and its permissions")
    mode = stat.S_IMODE(found.st_mode)
    try:
        return _seen(path, mode, read_file(path))
    except CmpBatchError as problem:
        words = f"{problem.what}: {problem.why}" if problem.why else problem.what
        return KeyFile(path, exists=True, mode=mode, problem=words)


def _seen(path: Path, mode: int, octets: bytes) -> KeyFile:
    from runner.keystores.formats import is_sealed, read_any_key
    from runner.pki.signing import public_info

    if is_sealed(octets):
        return KeyFile(path, exists=True, mode=mode, sealed=True, digest=hashlib.sha256(octets).hexdigest())
    return KeyFile(path, exists=True, mode=mode, public_key_info=public_info(read_any_key(octets)))
