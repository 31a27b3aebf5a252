"""Manifest files to one Document: the door of this package.

PATH is a manifest or a folder of them (*.yaml and *.yml, by name, in folders below too; hidden files and folders are
passed over), and what they include. Everything that is wrong in all of them is told in one BadInput; nothing that they
name is run, and nothing opened but what they include and the tables of for_each.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import BadInput, Place, Severity
from runner.manifest.including import Gathering, words_of
from runner.manifest.ledger import Ledger
from runner.manifest.paths import is_file, is_folder
from runner.manifest.resolve import resolve
from runner.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from runner.manifest.model import Document

SUFFIXES = (".yaml", ".yml")


def load_manifest(
    paths: Sequence[Path], *, base: Path | None = None, variables: Mapping[str, str] | None = None
) -> Document:
    """The Document that the manifests at `paths` say together.

    `base` is the folder that relative paths start from, otherwise each manifest's own; `variables` are those of
    `--var`. Raises BadInput with every finding, in the order of their places.
    """
    ledger = Ledger()
    if base is not None and not is_folder(str(base)):
        ledger.error(f"{base} is not a folder", None, why="relative paths were to start from it")
    files = _files(paths, ledger)
    gathering = Gathering(_absolute(base) if base else None, ledger)
    for file, top in files.items():
        gathering.add(file, _absolute(top))
    sources, ledger.partial = gathering.sources, not gathering.whole
    folder = _absolute(base or _folder_of(paths, [*files]))
    name = next((file.stem for file in files), "")
    document = resolve(sources, name=name, base=folder, variables=variables or {}, ledger=ledger)
    document = replace(document, sources={source.file: source.digest for source in sources}, inputs=ledger.rows)
    if errors := ledger.told(Severity.ERROR):
        raise BadInput(
            errors[0].summary if len(errors) == 1 else f"the manifest has {len(errors)} mistakes",
            why=errors[0].why if len(errors) == 1 else "",
            next_step=errors[0].next_step if len(errors) == 1 else "put them right and run it again; nothing was sent",
            diagnostics=errors,
        )
    return document


def _absolute(path: Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - Path.absolute keeps `..`, and Path.resolve follows links


def _folder_of(paths: Sequence[Path], files: Sequence[Path]) -> Path:
    first = next(iter(paths), Path())
    return first if is_folder(str(first)) or not files else files[0].parent


def _files(paths: Sequence[Path], ledger: Ledger) -> dict[Path, Path]:
    """The manifest files at `paths`, each once, and the folder below which what they include is found."""
    found: dict[str, tuple[Path, Path]] = {}
    if not paths:
        ledger.error("no manifest is given", None, next_step="name a manifest, or a folder of them")
    for path in paths:
        top = path if is_folder(str(path)) else path.parent
        for file in _files_at(path, ledger):
            found.setdefault(os.path.realpath(file), (file, top))
    return dict(found.values())


def _files_at(path: Path, ledger: Ledger) -> list[Path]:
    if not is_folder(str(path)):
        return [path]
    files = sorted(_manifests_below(path, ledger))
    if not files:
        step = f"a manifest's name ends in {' or '.join(SUFFIXES)}; `cmp-batch init` writes one"
        ledger.error(f"no manifest in {path}", Place(str(path), 1, 1), next_step=step)
    return files


def _manifests_below(folder: Path, ledger: Ledger) -> Iterator[Path]:
    def unreadable(problem: OSError) -> None:
        ledger.error(f"cannot look into {problem.filename}", Place(str(folder), 1, 1), why=words_of(problem))

    for here, folders, names in os.walk(folder, onerror=unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        candidates = (Path(here, name) for name in names if name.endswith(SUFFIXES) and not name.startswith("."))
        yield from (file for file in candidates if is_file(str(file)))
