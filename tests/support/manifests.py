"""The sample manifests, brought to a folder to be applied there."""

from __future__ import annotations

import shutil
from pathlib import Path

SAMPLES = Path(__file__).resolve().parents[2] / "manifests"


def bring(name: str, folder: Path) -> Path:
    """A sample and what belongs to it, copied; the path of its manifest."""
    for path in SAMPLES.glob(f"{name}.*"):
        shutil.copy(path, folder)
    return folder / f"{name}.yaml"
