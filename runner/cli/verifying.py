"""Whether a report's file is whole and who signed it, in words: the second half of `cmp-batch report verify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.cli import console, exits
from runner.errors import BadInput, ProtocolError, Unauthentic
from runner.execute.reading import read_certificates
from runner.report.digests import touched
from runner.report.evidence import SUFFIX, vouched
from runner.system import SystemClock

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping

_LARGEST = 1024 * 1024
"""Octets of a signature that is read."""
_SHOWN = 20
"""Records that are named one by one."""


def verify(name: str, octets: bytes, report: Mapping[str, Any], args: Namespace) -> int:
    """Print the verdict; exits.OK where the report is whole, and signed by whom `--trust` leads to (if that is given).

    Raises Unauthentic, naming what was touched.
    """
    try:
        parts = touched(report).parts
    except ValueError as problem:
        raise BadInput(f"{name} cannot be verified", why=str(problem)) from problem
    signature = _signature(name, args)
    if parts:
        raise Unauthentic(f"{name} was changed after it was written", why=f"touched: {_told(parts)}")
    if signature is None:
        raise Unauthentic(
            f"{name} agrees with its own digests, and nobody vouches for it",
            why=f"there is no signature {name}{SUFFIX}",
            next_step="apply --sign KEY_URL makes one; --signature FILE names one that is elsewhere",
        )
    anchors = tuple(anchor for path in args.trust for anchor in read_certificates(path))
    try:
        signer = vouched(octets, signature, anchors, SystemClock().now())
    except ProtocolError as problem:
        why = f"{problem.what}: {problem.why}" if problem.why else problem.what
        told = (
            "every record agrees with its digest: the report was written anew as a whole, or the signature is another's"
        )
        raise Unauthentic(f"{name} is not as it was signed", why=why, next_step=told) from problem
    console.say(f'{name}: whole, {len(report["items"])} items, signed by "{signer.subject}"')
    console.say(f"  SHA-256 of the signer's certificate: {signer.fingerprint}")
    if not anchors:
        console.note("nothing was said of whom to trust (--trust): compare that fingerprint with one that you know")
    return exits.OK


def _told(parts: tuple[str, ...]) -> str:
    more = f" and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
    return ", ".join(parts[:_SHOWN]) + more


def _signature(name: str, args: Namespace) -> bytes | None:
    path = Path(args.signature or f"{name}{SUFFIX}")
    if not args.signature and not path.exists():
        return None
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST)
    except OSError as problem:
        raise BadInput(f"the signature {path} cannot be read", why=problem.strerror or "") from problem
