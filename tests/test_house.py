"""The house: floors, rooms, and the measures of style that can be counted."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "runner"
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST_MODULE = 300
LONGEST_FUNCTION = 50


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_contracts_between_floors_are_kept():
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_a_module_says_what_it_is_and_stays_small(path):
    text = path.read_text(encoding="utf-8")
    said = ast.get_docstring(tree(path))
    assert said
    assert len(said) > 20
    assert len(text.splitlines()) <= LONGEST_MODULE


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_functions_are_short(path):
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    functions = [node for node in ast.walk(tree(path)) if isinstance(node, kinds)]
    assert [f.name for f in functions if f.end_lineno - f.lineno >= LONGEST_FUNCTION] == []


@pytest.mark.parametrize("path", [path for path in MODULES if path.name == "__init__.py"], ids=named)
def test_a_package_imports_nothing_by_itself(path):
    ours = [
        node
        for node in tree(path).body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("runner")
    ]
    assert ours == []
    assert path == PACKAGE / "__init__.py" or not [node for node in tree(path).body if isinstance(node, ast.Import)]


def test_every_folder_of_the_package_is_a_package():
    folders = {path.parent for path in MODULES}
    assert [named(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_half_of_all_functions_have_eight_lines_or_fewer():
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    functions = [node for path in MODULES for node in ast.walk(tree(path)) if isinstance(node, kinds)]
    lengths = sorted(function.end_lineno - function.lineno + 1 for function in functions)
    assert lengths[len(lengths) // 2] <= 8


def test_only_the_edge_prints():
    """`print` and the process's own streams belong to runner/cli/console.py alone."""
    for path in MODULES:
        if path == PACKAGE / "cli" / "console.py":
            continue
        calls = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
        assert not [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"], named(path)
