"""PKCS#11 modules: which shared library speaks for a token, and whether it may be loaded at all.

Loading a library runs it, and plans are made of strangers' manifests: only what lies in the
system's library folders, or in a folder that the operator names in CMP_BATCH_PKCS11_MODULES, is loaded. python-pkcs11
is an optional dependency (`cmp-batch[pkcs11]`) and imported here alone.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.errors import KeyStoreError, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.pki.tokenuris import TokenUri

ALLOWED_VARIABLE = "CMP_BATCH_PKCS11_MODULES"
"""Names further folders of modules, separated like PATH."""
_SYSTEM = ("/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/local/lib", "/lib", "/lib64", "/opt")
_NAMED_IN = ("", "pkcs11", "softhsm", "opensc")
_DEFAULT = "p11-kit-proxy"
_INTERPRETERS = ("x86_64-linux-gnu", "aarch64-linux-gnu", "arm-linux-gnueabihf", "i386-linux-gnu")
"""Folders of one architecture, as Debian has them."""


def binding() -> Any:
    """The module `pkcs11` of python-pkcs11. KeyStoreError where it is not installed."""
    try:
        return import_module("pkcs11")
    except ImportError:
        raise KeyStoreError(
            "keys in tokens need python-pkcs11",
            why="it is not installed with cmp-batch alone",
            next_step="install cmp-batch[pkcs11]",
        ) from None


def load_module(uri: TokenUri) -> Any:
    """The library of a URI, initialised. KeyStoreError: it is not there, or none; Refused: it is not to be loaded."""
    pkcs11 = binding()
    path = _allowed(Path(uri.module_path) if uri.module_path else _named(uri.module_name or _DEFAULT))
    with _told(path):
        return pkcs11.lib(str(path))


def _named(name: str) -> Path:
    """A module by name: `softhsm2` is libsofthsm2.so or softhsm2.so in one of the system's folders."""
    if "/" in name:
        raise KeyStoreError("module-name is a name, no path", next_step="write module-path=… for a path")
    for folder in (*_operators(), *_SYSTEM):
        for part in _NAMED_IN:
            for architecture in ("", *_INTERPRETERS):
                for spelling in (f"{name}.so", f"lib{name}.so", name):
                    path = Path(folder, architecture, part, spelling)
                    if path.is_file():
                        return path
    raise KeyStoreError(f"there is no PKCS#11 module {name}", next_step="install it, or give module-path=/…/module.so")


def _operators() -> tuple[str, ...]:
    return tuple(filter(None, os.environ.get(ALLOWED_VARIABLE, "").split(os.pathsep)))


def _allowed(path: Path) -> Path:
    real = Path(os.path.realpath(path))
    if not real.is_file():
        raise KeyStoreError(f"there is no PKCS#11 module {path}", next_step="check module-path")
    if not any(real.is_relative_to(os.path.realpath(folder)) for folder in (*_SYSTEM, *_operators())):
        raise Refused(
            f"the PKCS#11 module {path} is not loaded",
            why="it lies in no folder of the system, and loading it runs it",
            next_step=f"if you trust it, name its folder in {ALLOWED_VARIABLE}",
        )
    return real


@contextmanager
def _told(path: Path) -> Iterator[None]:
    pkcs11 = binding()
    try:
        yield
    except (OSError, RuntimeError, pkcs11.exceptions.PKCS11Error) as problem:
        raise KeyStoreError(
            f"the PKCS#11 module {path} cannot be used",
            why=type(problem).__name__,
            next_step="check that it is a PKCS#11 module, and its own configuration",
        ) from problem
