"""Programs that tests judge us by: absent on somebody's machine they are skipped, in CI they are a failure."""

from __future__ import annotations

import os
import shutil

import pytest


def need(tool: str) -> str:
    """The path of a program. Where it is missing the test is skipped, or fails where CI is set."""
    path = shutil.which(tool)
    if path is not None:
        return path
    if os.environ.get("CI"):
        pytest.fail(f"{tool} is not installed, and CI needs it")
    pytest.skip(f"{tool} is not installed")
