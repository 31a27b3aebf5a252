"""Where the files that travel with the program are: JSON Schemas and sample manifests.

In a wheel they sit inside the package; in a checkout (and an editable install of it) at the top, beside the package.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def resource_text(folder: str, name: str) -> str:
    """The text of `schemas/NAME` or `manifests/NAME`; FileNotFoundError where the installation is incomplete."""
    inside = _PACKAGE / folder / name
    return (inside if inside.exists() else _PACKAGE.parent / folder / name).read_text(encoding="utf-8")
