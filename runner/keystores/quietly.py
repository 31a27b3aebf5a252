"""Calls into `cryptography` that warn about the age of what they read: DSA in OpenSSH's format, BER in PKCS#12.

What is old about a key is said in a finding of ours, at its place; a warning of the library would go to the terminal.
"""

from __future__ import annotations

import warnings
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
_lock = Lock()


def quietly(do: Callable[[], T]) -> T:
    """What `do` returns, its warnings unheard. Their course is the process's: one thread at a time changes it."""
    with _lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return do()
