"""What is in the packages: everything that the program needs, and nothing that lies about in a checkout."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import PurePosixPath

from runner import __version__

EXTRACTION = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
"""Python 3.11.2, which Debian 12 has, knows no filters yet; the archive is our own."""
TOP = f"cmp_batch-{__version__}"


def names_in_wheel(wheel) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def names_in_sdist(sdist) -> set[str]:
    with tarfile.open(sdist) as archive:
        return {name.removeprefix(f"{TOP}/") for name in archive.getnames()}


def below(folder, *patterns: str) -> set[str]:
    """Names of the files in a folder of the checkout, the litter left out."""
    found = {path.name for pattern in patterns for path in folder.glob(pattern)}
    return found - {"plant.yaml", "notes.txt"}


def test_the_wheel_has_every_schema_and_every_sample_and_no_more(wheel, checkout):
    names = names_in_wheel(wheel)
    for folder, patterns in (("schemas", ["*.json"]), ("manifests", ["*.yaml", "*.csv"])):
        packed = {name for name in names if name.startswith(f"runner/{folder}/")}
        wanted = below(checkout / folder, *patterns)
        assert wanted
        assert packed == {f"runner/{folder}/{name}" for name in wanted}


def test_the_wheel_has_the_whole_program_and_nothing_but_the_program(wheel, checkout):
    names = names_in_wheel(wheel)
    modules = {str(path.relative_to(checkout)) for path in (checkout / "runner").rglob("*.py")}
    modules |= {f"runner/report/html/page.{kind}" for kind in ("css", "js")}
    modules.add("runner/__init__.pyi")
    rest = {n for n in names if not n.startswith((f"{TOP}.dist-info/", "runner/schemas/", "runner/manifests/"))}
    assert rest == modules | {"runner/py.typed"}


def test_the_sdist_has_what_it_takes_to_build_and_test(sdist):
    tops = {PurePosixPath(name).parts[0] for name in names_in_sdist(sdist) - {TOP}}
    assert {"runner", "schemas", "manifests", "tests", "docs", "benchmarks", "pyproject.toml", "Makefile"} <= tops
    assert tops <= {
        "runner", "schemas", "manifests", "tests", "docs", "benchmarks", ".github", ".ci", ".gitignore",
        "README.md", "CHANGELOG.md", "LICENSE", "Makefile", "pyproject.toml", "PKG-INFO",
        "packaging", "mkdocs.yml", ".pre-commit-hooks.yaml",
    }  # fmt: skip


def test_no_litter_is_in_the_sdist(sdist, litter):
    assert names_in_sdist(sdist) & set(litter) == set()


def test_the_sdist_makes_the_same_wheel(sdist, wheel, build, tmp_path):
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, **EXTRACTION)  # noqa: S202 - our own archive
    assert names_in_wheel(build(tmp_path / TOP, "--wheel")) == names_in_wheel(wheel)
