"""Files to Sources, and the files that they include: each read once, in the order in which they are named.

An include is relative to the file that it stands in, and stays below the folder that was given: what a stranger's
manifest names elsewhere is not opened. Whether a file is a manifest at all is said by runner.manifest.schema.
"""

from __future__ import annotations

import glob
import os
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import BadInput, Place
from runner.manifest.parts import Part
from runner.manifest.paths import absolute, is_below, is_file
from runner.manifest.schema import check_schema, is_manifest
from runner.manifest.source import MAX_SIZE, Source, read_sources
from runner.values import mutable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runner.manifest.ledger import Ledger
    from runner.manifest.variables import Text

_WILD = ("*", "?", "[")


@mutable
class Gathering:
    """The sources so far. `base`: where relative paths of all files start, where somebody says so (-C)."""

    base: str | None
    ledger: Ledger
    sources: list[Source] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    whole: bool = True
    """Whether every file could be read."""

    def add(self, file: Path, top: str, chain: tuple[str, ...] = ()) -> None:
        """Read a file and what it includes. `chain`: the files that led here."""
        real = os.path.realpath(file)
        if real in self.known:
            return
        self.known.add(real)
        read = _read(file, self.base or os.path.abspath(file.parent), top, self.ledger)  # noqa: PTH100 - `..` folded
        self.whole &= read is not None
        for source in read or ():
            self.sources.append(source)
            self._included(source, (*chain, real))

    def _included(self, source: Source, chain: tuple[str, ...]) -> None:
        for text in Part(source, (), source.value).texts("include"):
            for file in _named(text, source, self.ledger):
                if os.path.realpath(file) in chain:
                    self._circle(text, os.path.realpath(file), chain)
                else:
                    self.add(Path(file), source.top, chain)

    def _circle(self, text: Text, again: str, chain: Sequence[str]) -> None:
        names = [os.path.basename(each) for each in (*chain[chain.index(again) :], again)]  # noqa: PTH119 - text only
        self.ledger.error(
            f"include goes round in a circle: {' → '.join(names)}", text.place, next_step="take one of them out"
        )


def _named(text: Text, source: Source, ledger: Ledger) -> Iterator[str]:
    """The files that an include names: below the folder that was given, and there."""
    pattern = absolute(os.path.dirname(os.path.abspath(source.file)), text.value)  # noqa: PTH100, PTH120 - text only
    wild = any(sign in text.value for sign in _WILD)
    found = sorted(glob.glob(pattern, recursive=True)) if wild else [pattern]  # noqa: PTH207 - sorted as text
    if not found:
        ledger.warn(f"include: no file is named {text.value}", text.place)
    for file in found:
        if not is_below(file, source.top):
            why = f"files are included from {source.top} and below, and no link leads out of it"
            ledger.error(f"include: {text.value} leads elsewhere", text.place, why=why)
        elif is_file(file):
            yield file
        elif not wild:
            ledger.error(f"include: there is no file {text.value}", text.place, why=f"there is no {file}")


def _read(file: Path, base: str, top: str, ledger: Ledger) -> list[Source] | None:
    """One file, read; None, with findings, where it cannot be read or is no manifest."""
    try:
        sources = read_sources(str(file), octets_of(file), base, top)
    except OSError as problem:
        step = "check the path" if isinstance(problem, FileNotFoundError) else ""
        ledger.error(f"cannot read {file}", Place(str(file), 1, 1), why=words_of(problem), next_step=step)
        return None
    except BadInput as problem:
        ledger.diagnostics.extend(problem.diagnostics)
        return None
    for source in sources:
        if is_manifest(source):
            ledger.diagnostics.extend(source.findings)
        ledger.diagnostics.extend(check_schema(source))
    return list(sources) if all(map(is_manifest, sources)) else None


def octets_of(file: Path) -> bytes:
    """The file's octets, one more than are read of it at most, so that what is too large is seen."""
    with file.open("rb") as stream:
        return stream.read(MAX_SIZE + 1)


def words_of(problem: OSError) -> str:
    """What the system says, as the end of a sentence."""
    return (problem.strerror or str(problem)).lower()
