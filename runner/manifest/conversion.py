"""A conversion as it goes: the old line, what it has come to, and what is to be said beside it."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from runner.errors import BadInput
from runner.pki.keyurls import parse_key_url
from runner.values import mutable, replace

if TYPE_CHECKING:
    from runner.manifest.oldline import OldLine


@mutable
class Conversion:
    """A manifest as it grows: `secrets` says which variables are needed for what, `notes` what else is to be said."""

    line: OldLine
    literal: bool = False
    secrets: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def key(self, letter: str) -> str:
        """The key URL of an option, its passphrase a reference."""
        text = self.line.value(letter)
        try:
            url = parse_key_url(text)
        except ValueError as problem:
            raise BadInput(f"-{letter}: {problem}", next_step=getattr(problem, "next_step", "")) from None
        if url.passphrase and not self.literal and not url.passphrase.startswith("${"):
            variable = {"k": "SIGNING_KEY_PASSPHRASE", "P": "KEY_PASSPHRASE"}[letter]
            self.secrets[variable] = f"the passphrase in -{letter}"
            url = replace(url, passphrase=f"${{env:{variable}}}")
        return url.revealed() if url.passphrase else str(url)
