"""Sessions with PKCS#11 tokens: opened when needed, logged in once, given back and used again.

A PKCS#11 library is one for the whole process, and so is a login: that is why the pools are too. python-pkcs11
initialises libraries for one thread (C_Initialize without CKF_OS_LOCKING_OK; SoftHSM crashes under two), so threads
take turns. A PIN that a token refused is not tried again, for tokens lock themselves after a few attempts.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import RLock
from typing import TYPE_CHECKING, Any

from runner.errors import KeyStoreError
from runner.keystores.tokenmodules import binding, load_module
from runner.pki.tokenuris import parse_token_uri

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.pki.tokenuris import TokenUri


@dataclass(slots=True)
class _Pool:
    token: Any
    idle: list[Any] = field(default_factory=list)
    login: Any = None
    """The session that logged in; as long as it is open, all others are logged in too."""
    refused: set[bytes] = field(default_factory=set)
    """Digests of PINs that did not do."""


_pools: dict[tuple[str, int], _Pool] = {}
turn = RLock()
"""Whoever calls into a library holds it."""


def find_token(uri: TokenUri) -> Any:
    """The token of a URI. KeyStoreError where there is none, or more than one; Refused for its module."""
    with turn, words(f"the token {uri.token or uri}"):
        library = load_module(uri)
        tokens = [token for slot in library.get_slots(token_present=True) if (token := _token_in(slot, uri))]
    if len(tokens) != 1:
        how = "no token that fits" if not tokens else "more than one token that fits"
        raise KeyStoreError(
            f"there is {how} {_without_object(uri)}",
            next_step="compare with pkcs11-tool --list-slots; token=, serial= and slot-id= tell tokens apart",
        )
    return tokens[0]


def _token_in(slot: Any, uri: TokenUri) -> Any:
    token = slot.get_token()
    said = {
        uri.token: token.label,
        uri.serial: token.serial.decode(errors="replace").rstrip(" \0"),
        uri.manufacturer: token.manufacturer_id,
        uri.model: token.model,
        uri.slot_id: str(slot.slot_id),
    }
    return token if all(wanted == found for wanted, found in said.items() if wanted) else None


def _without_object(uri: TokenUri) -> str:
    said = {"token": uri.token, "serial": uri.serial, "slot-id": uri.slot_id, "model": uri.model}
    return ";".join(f"{name}={value}" for name, value in said.items() if value) or "any"


@contextmanager
def session(path: str, pin: bytes | None) -> Iterator[tuple[Any, TokenUri]]:
    """A session with the token of a URI, logged in where there is a PIN or somebody has logged in before.

    Raises KeyStoreError: the token, the PIN, or what is done with the session.
    """
    uri, _ = parse_token_uri(path)
    pool = _pool(uri)
    with turn, words(f"the token {pool.token.label}"):
        _log_in(pool, pin)
        borrowed = pool.idle.pop() if pool.idle else pool.token.open(rw=True)
        try:
            yield borrowed, uri
        except BaseException:
            _close(borrowed)
            raise
        pool.idle.append(borrowed)


def _pool(uri: TokenUri) -> _Pool:
    token = find_token(uri)
    with turn:
        return _pools.setdefault((uri.module_path or uri.module_name, token.slot.slot_id), _Pool(token))


def _log_in(pool: _Pool, pin: bytes | None) -> None:
    if pool.login is not None or pin is None:
        return
    pkcs11, digest = binding(), hashlib.sha256(pin).digest()
    if digest in pool.refused:
        raise _wrong_pin(pool.token)
    try:
        pool.login = pool.token.open(rw=True, user_pin=pin.decode(errors="surrogateescape"))
    except pkcs11.exceptions.UserAlreadyLoggedIn:
        return  # by another part of this process
    except (pkcs11.exceptions.PinIncorrect, pkcs11.exceptions.PinLenRange, pkcs11.exceptions.PinInvalid):
        pool.refused.add(digest)
        raise _wrong_pin(pool.token) from None


def _wrong_pin(token: Any) -> KeyStoreError:
    return KeyStoreError(
        f"the token {token.label} does not accept the PIN",
        why="a PIN that was refused is not tried again: tokens lock themselves",
        next_step="check the reference in the key URL",
    )


def _close(borrowed: Any) -> None:
    pkcs11 = binding()
    try:
        borrowed.close()
    except pkcs11.exceptions.PKCS11Error:
        return  # it is gone already


_WORDS = {
    "PinLocked": ("its PIN is locked", "unlock it with the security officer's PIN"),
    "UserNotLoggedIn": ("it wants a PIN", "add the PIN to the key URL: pin-source=env:VARIABLE"),
    "UserPinNotInitialized": ("its PIN is not set", "initialise the token"),
    "TokenWriteProtected": ("it is write-protected", "use another token"),
    "MechanismInvalid": ("it does not know that kind of key or operation", "use another kind of key"),
    "KeySizeRange": ("it does not make keys of that size", "use another size"),
    "DeviceRemoved": ("it was taken out", "put it back"),
    "TokenNotPresent": ("it is not there", "put it in"),
    "DeviceMemory": ("it is full", "remove keys that are not used any more"),
}


@contextmanager
def words(what: str) -> Iterator[None]:
    """Within it, an error of PKCS#11 becomes the KeyStoreError that names `what`."""
    pkcs11 = binding()
    try:
        yield
    except pkcs11.exceptions.PKCS11Error as problem:
        name = type(problem).__name__
        why, next_step = _WORDS.get(name, (f"PKCS#11 says {name}", "look into the token with pkcs11-tool"))
        raise KeyStoreError(f"{what} cannot be used", why=why, next_step=next_step) from problem
