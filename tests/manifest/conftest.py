"""A manifest in a fresh folder, beside the files that it mentions, and what comes of reading it."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from runner.errors import BadInput
from runner.manifest.load import load_manifest

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "apiVersion: cmp-batch/v1\nauthorities: {lab: {url: 'lab:'}}\n"


class Bench:
    """Writes manifests into one folder and reads them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def touch(self, *names):
        for name in names:
            file = self.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()

    def write(self, text, name="m.yaml"):
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text), encoding="utf-8")
        return file

    def load(self, text, **options):
        return load_manifest([self.write(text)], **options)

    def lab(self, text, **options):
        """The document of a manifest that has the lab CA already."""
        return self.load(HEAD + dedent(text), **options)

    def findings(self, text, **options):
        """`line:column summary` of each mistake in a manifest that has the lab CA already."""
        with pytest.raises(BadInput) as caught:
            self.lab(text, **options)
        return [f"{each.place.line - 2}:{each.place.column} {each.summary}" for each in caught.value.diagnostics]


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)
