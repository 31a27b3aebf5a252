"""`apply --review`: each certificate is shown before it is confirmed, and a person accepts it or not.

One is asked about at a time; the others go on meanwhile. A no rejects the certificate at the CA (certConf).
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import field
from typing import TYPE_CHECKING

from runner.cli import console
from runner.errors import BadInput
from runner.values import mutable

if TYPE_CHECKING:
    from argparse import Namespace

    from runner.pki.certificates import Certificate


@mutable
class Reviewer:
    """Shows certificates; `accepts_all` (-y) asks nobody."""

    accepts_all: bool = False
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def accepts(self, item: str, certificate: Certificate) -> bool:
        """Whether the person accepts the certificate of an item."""
        from runner.cli.describe.blocks import block_text
        from runner.cli.describe.content import describe

        async with self._turn:
            console.show(f"{block_text(describe(certificate.der))}\n")
            if self.accepts_all:
                return True
            return await asyncio.to_thread(console.ask, f"accept the certificate above for {item}?")


def reviewer_for(args: Namespace) -> Reviewer | None:
    """Who looks at certificates; None where nobody is to. BadInput where nobody is there to be asked."""
    if not getattr(args, "review", False):
        return None
    if not args.yes and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise BadInput("--review asks, and there is no terminal", next_step="add --yes to accept them all, shown")
    return Reviewer(accepts_all=args.yes)
