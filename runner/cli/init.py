"""`cmp-batch init`: writes a commented starter manifest, and the schema that its editor line names.

Nothing is ever overwritten but that schema, which is ours and follows the installed version.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli import console, exits, options
from runner.errors import BadInput
from runner.report.files import replace_file
from runner.resources import resource_text

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

DEFAULT = "cmp-batch.yaml"
SCHEMA = ".cmp-batch/manifest.schema.json"
"""Where the schema goes, beside the manifest: an installed program has no schemas/ folder that an editor could read."""


def add_arguments(parser: ArgumentParser) -> None:
    """[PATH]."""
    parser.add_argument("path", metavar="PATH", nargs="?", default=DEFAULT, help=f"the file to write ({DEFAULT})")
    options.example(parser, "cmp-batch init plant.yaml && cmp-batch apply plant.yaml")


def run(args: Namespace) -> int:
    """Write the manifest and the schema beside it."""
    path = Path(args.path)
    if not path.parent.is_dir():
        raise BadInput(f"there is no folder {path.parent}", next_step="make it first, or choose another path")
    _write_new(path, resource_text("manifests", "starter.yaml").replace("../schemas/manifest.schema.json", SCHEMA, 1))
    schema = path.parent / SCHEMA
    schema.parent.mkdir(mode=0o700, exist_ok=True)
    replace_file(schema, [resource_text("schemas", "manifest.schema.json").encode()])
    console.say(f"wrote {path}")
    console.note(f"next: cmp-batch plan {shlex.quote(str(path))}")
    return exits.OK


def _write_new(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as problem:
        raise BadInput(
            f"{path} exists already, and is left as it is", next_step="choose another name: cmp-batch init NAME.yaml"
        ) from problem
