"""Manifest files to one Document: the door of this package (design §2, PATH).

PATH is a manifest or a folder of them (*.yaml and *.yml, by name, in folders below too; hidden files and folders are
passed over). Everything that is wrong in all of them is told in one BadInput; nothing that they name is run or opened.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import BadInput, Place, Severity
from runner.manifest.ledger import Ledger
from runner.manifest.paths import is_file, is_folder
from runner.manifest.resolve import resolve
from runner.manifest.schema import check_schema, is_manifest
from runner.manifest.source import MAX_SIZE, Source, read_source

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
    sources = [source for file in files if (source := _source(file, base, ledger))]
    ledger.partial = len(sources) < len(files)
    folder = _absolute(base or _folder_of(paths, files))
    name = files[0].stem if files else ""
    document = resolve(sources, name=name, base=folder, variables=variables or {}, ledger=ledger)
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


def _files(paths: Sequence[Path], ledger: Ledger) -> list[Path]:
    """The manifest files at `paths`, each once."""
    found: dict[str, Path] = {}
    if not paths:
        ledger.error("no manifest is given", None, next_step="name a manifest, or a folder of them")
    for path in paths:
        for file in _files_at(path, ledger):
            found.setdefault(os.path.realpath(file), file)
    return list(found.values())


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
        ledger.error(f"cannot look into {problem.filename}", Place(str(folder), 1, 1), why=_words(problem))

    for here, folders, names in os.walk(folder, onerror=unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        candidates = (Path(here, name) for name in names if name.endswith(SUFFIXES) and not name.startswith("."))
        yield from (file for file in candidates if is_file(str(file)))


def _source(file: Path, base: Path | None, ledger: Ledger) -> Source | None:
    """One file, read; None, with findings, where it cannot be read or is no manifest."""
    try:
        source = read_source(str(file), _octets(file), _absolute(base or file.parent))
    except OSError as problem:
        step = "check the path" if isinstance(problem, FileNotFoundError) else ""
        ledger.error(f"cannot read {file}", Place(str(file), 1, 1), why=_words(problem), next_step=step)
        return None
    except BadInput as problem:
        ledger.diagnostics.extend(problem.diagnostics)
        return None
    if is_manifest(source):
        ledger.diagnostics.extend(source.findings)
    ledger.diagnostics.extend(check_schema(source))
    return source if is_manifest(source) else None


def _octets(file: Path) -> bytes:
    """The file's octets, one more than are read of it at most, so that read_source sees what is too large."""
    with file.open("rb") as stream:
        return stream.read(MAX_SIZE + 1)


def _words(problem: OSError) -> str:
    return (problem.strerror or str(problem)).lower()
