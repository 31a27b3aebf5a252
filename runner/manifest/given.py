"""Variables that come from outside the manifests: `--var`, `--vars-file`, and the environment as far as it is allowed.

`--var` wins over files, a later file over an earlier one, and all of them over `vars:` in the manifests.
"""

from __future__ import annotations

import os
import re
from hashlib import sha256
from typing import TYPE_CHECKING

from runner.errors import BadInput, Diagnostic, Place
from runner.manifest.including import octets_of, words_of
from runner.manifest.parts import Part
from runner.manifest.scalars import unfit_character
from runner.manifest.source import read_source
from runner.manifest.variables import FREE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def read_given(
    said: Mapping[str, str], files: Sequence[Path], environ: Mapping[str, str], allowed: Sequence[str]
) -> dict[str, str]:
    """All of them by name, those of the environment as `env:NAME`. BadInput where one cannot be used."""
    values = {f"env:{name}": environ[name] for name in environ if name.startswith(FREE_PREFIX)}
    for name in allowed:
        if name not in environ:
            raise BadInput(f"--allow-env: the environment variable {name} is not set")
        values[f"env:{name}"] = environ[name]
    for name, value in values.items():
        if unfit_character(value) or "\n" in value:
            raise BadInput(f"the environment variable {name[4:]} holds a control character")
    for file in files:
        values |= read_vars_file(file)
    return {**values, **said}


def digests_of(files: Sequence[Path]) -> dict[str, str]:
    """Absolute path of each file of variables → SHA-256 (hex) of it; files that were read before."""
    return {os.path.abspath(file): sha256(octets_of(file)).hexdigest() for file in files}  # noqa: PTH100 - `..` folded


def read_vars_file(file: Path) -> dict[str, str]:
    """The variables of a YAML or JSON file: one mapping of names to texts, numbers, true and false."""
    try:
        source = read_source(str(file), octets_of(file), str(file.parent))
    except OSError as problem:
        raise BadInput(f"cannot read {file}", why=words_of(problem)) from None
    part = Part(source, (), source.value if isinstance(source.value, dict) else {})
    findings = [*source.findings]
    if not isinstance(source.value, dict):
        findings.append(
            Diagnostic("a file of variables is a mapping", source.place(()), next_step="for example site: x")
        )
    values = {key: text.value for key in part.values if (text := part.plain(key))}
    findings += [_unfit(key, part.place_of_key(key), key in values) for key in part.values if not _fits(key, values)]
    if findings:
        raise BadInput(findings[0].summary, diagnostics=tuple(findings))
    return values


def _fits(key: str, values: Mapping[str, str]) -> bool:
    return key in values and _VARIABLE.fullmatch(key) is not None


def _unfit(key: str, place: Place, has_value: bool) -> Diagnostic:  # noqa: FBT001 - one caller
    if has_value:
        return Diagnostic(f"{key!r} is no name of a variable", place, "it has letters, digits, _ and -")
    return Diagnostic(f"the variable {key!r} should be text, a number, true or false", place)
