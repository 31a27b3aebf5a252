"""Fixtures that every folder of tests may ask for. Classes and functions that tests call are in tests/support."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings
from support.ambient import CountingEntropy, FixedClock
from support.softhsm import initialised
from support.tools import need

ROOT = Path(__file__).resolve().parent.parent

# The same examples in every run, and none that fails because the machine is busy; `explore` draws new ones.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


def pytest_addoption(parser):
    parser.addoption("--kills", type=int, default=200, help="kill -9 at so many random moments (tests/crash)")


@pytest.fixture(autouse=True)
def _width(monkeypatch):
    """Text is laid out for no terminal; workers of pytest-xdist are told a width of their own otherwise."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def entropy() -> CountingEntropy:
    return CountingEntropy()


@pytest.fixture(scope="session")
def openssl() -> str:
    """The path of the openssl program."""
    return need("openssl")


@pytest.fixture(scope="session")
def vectors() -> Path:
    """Recorded messages, keys and certificates of other implementations; they do not travel with the repository."""
    folder = ROOT.parent / "shared" / "vectors"
    if not folder.is_dir():
        pytest.skip("the recorded vectors are not on this machine")
    return folder


@pytest.fixture(scope="session")
def softhsm(tmp_path_factory):
    """A PKCS#11 token of SoftHSM, in a folder of this run. The module reads its configuration once for a process."""
    pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed (cmp-batch[pkcs11])")
    hsm = initialised(tmp_path_factory.mktemp("softhsm"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(hsm.configuration))
        yield hsm
