"""Keys in PKCS#11 tokens: opened, made, looked at without a PIN, and put in the place of their predecessors.

The one door to tokens for the rest of the house; modules, sessions, objects and operations are in the files beside.
A key that waits for its certificate has a label of its own and takes the right one when the certificate is there.
"""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.asn1.primitives import OBJECT_IDENTIFIER
from runner.errors import CmpBatchError, KeyStoreError
from runner.keystores.base import StoredKey
from runner.keystores.tokenkeys import TokenKey
from runner.keystores.tokenmodules import binding
from runner.keystores.tokenobjects import everything, info_of, private_key, public_key, public_key_info, rename
from runner.keystores.tokenpool import find_token, session, turn, words
from runner.pki.key_wishes import CURVES
from runner.pki.keyspecs import KeySpec, key_spec_of
from runner.pki.signers import SignatureChoice
from runner.pki.tokenuris import TokenUri, parse_token_uri
from runner.values import frozen

if TYPE_CHECKING:
    from runner.ambient import Entropy

BACKUP_SUFFIX = ".bak"
_ID_OCTETS = 8
_EDWARDS25519 = b"\x13\x0cedwards25519"
_MECHANISMS = {
    "rsa": ("RSA_PKCS_KEY_PAIR_GEN", "SHA256_RSA_PKCS"),
    "ec": ("EC_KEY_PAIR_GEN", "ECDSA"),
    "ed25519": ("EC_EDWARDS_KEY_PAIR_GEN", "EDDSA"),
}
"""What a token must know in order to make such a key, and to sign with it."""


_OPENING = ("rsa", "ec")
"""Kinds of keys that decrypt or agree inside their token."""


@frozen
class Seen:
    """What is to be seen of a key in a token by whoever has no PIN. `hidden`: it may be there, and does not show."""

    exists: bool = False
    hidden: bool = False
    info: bytes | None = field(default=None, repr=False)
    problem: str = ""


def load(path: str, pin: bytes | None, choice: SignatureChoice = SignatureChoice()) -> StoredKey:
    """The key at a PKCS#11 URI. KeyStoreError, and Refused for a module that is not to be loaded."""
    with session(path, pin) as (borrowed, uri):
        info = public_key_info(borrowed, uri, private_key(borrowed, uri))
    return _stored(path, TokenKey(path, info, pin, choice))


def _stored(path: str, key: TokenKey) -> StoredKey:
    info = key.public_key_info
    spec = key_spec_of(info)
    return StoredKey(key, spec, info, Path(path), key if spec.kind in _OPENING else None)


def is_there(path: str, pin: bytes | None) -> bool:
    """Whether a key, or half of one, has the label of a URI. KeyStoreError, Refused."""
    with session(path, pin) as (borrowed, uri):
        return bool(everything(borrowed, uri))


def generate(path: str, spec: KeySpec, pin: bytes | None, entropy: Entropy) -> StoredKey:
    """A new key in the token; it stays there, marked sensitive and never extractable.

    Raises KeyStoreError, also where something of that label is there already, and Refused.
    """
    with session(path, pin) as (borrowed, uri):
        if everything(borrowed, uri):
            raise KeyStoreError(f"the token has a key {uri.object!r} already", next_step="choose another label")
        _need_mechanisms(borrowed.token, spec)
        identifier = bytes.fromhex(uri.id) or entropy.octets(_ID_OCTETS)
        public, _ = _made(borrowed, spec, uri.object, identifier)
        info = info_of(public)
    return _stored(path, TokenKey(path, info, pin))


def _made(borrowed: Any, spec: KeySpec, label: str, identifier: bytes) -> tuple[Any, Any]:
    pkcs11 = binding()
    attribute = pkcs11.Attribute
    private = {attribute.PRIVATE: True, attribute.SENSITIVE: True, attribute.EXTRACTABLE: False}
    named = {"store": True, "label": label, "id": identifier, "private_template": private}
    if spec.kind == "rsa":
        return tuple(borrowed.generate_keypair(pkcs11.KeyType.RSA, int(spec.detail), **named))
    if spec.kind == "ec":
        kind, parameters = pkcs11.KeyType.EC, OBJECT_IDENTIFIER.encode(CURVES[spec.detail])
    else:
        kind, parameters = pkcs11.KeyType.EC_EDWARDS, _EDWARDS25519
    domain = borrowed.create_domain_parameters(kind, {attribute.EC_PARAMS: parameters}, local=True)
    return tuple(domain.generate_keypair(**named))


def check(path: str, spec: KeySpec, pin: bytes | None) -> None:
    """Whether the token is there, takes the PIN and can make such a key. KeyStoreError, Refused."""
    with session(path, pin) as (borrowed, _):
        _need_mechanisms(borrowed.token, spec)


def _need_mechanisms(token: Any, spec: KeySpec) -> None:
    names = _MECHANISMS.get(spec.kind, ())
    known = token.slot.get_mechanisms()
    missing = [name for name in names if binding().Mechanism[name] not in known]
    if missing or not names:
        raise KeyStoreError(
            f"the token {token.label} does not make {spec.kind} keys that sign",
            why=f"it lacks {', '.join(f'CKM_{name}' for name in missing)}" if missing else "",
            next_step=f"ask for one of {', '.join(_MECHANISMS)}, or use another token",
        )


def look(path: str, spec: KeySpec | None = None) -> Seen:
    """What can be seen without a PIN: the token, what it knows, the public key. Raises nothing."""
    try:
        uri, _ = parse_token_uri(path)
        with turn:
            token = find_token(uri)
            if spec is not None:
                _need_mechanisms(token, spec)
            return _seen(token, uri, made=spec is not None)
    except CmpBatchError as problem:
        return Seen(problem=f"{problem.what}: {problem.why}" if problem.why else problem.what)


def _seen(token: Any, uri: TokenUri, *, made: bool) -> Seen:
    with turn, words(f"the token {token.label}"), token.open() as borrowed:
        public = public_key(borrowed, uri)
        if public is not None:
            return Seen(exists=True, info=info_of(public))
    return Seen(exists=not made, hidden=not made)


def promote(path: str, target: str, pin: bytes | None, *, backup: bool) -> None:
    """Give the key at `path` the label of `target`; the one that had it is kept with .bak behind, or destroyed.

    Done again after it was cut short, it finishes. KeyStoreError, Refused.
    """
    with session(path, pin) as (borrowed, uri):
        if waiting := everything(borrowed, uri):
            place, _ = parse_token_uri(target)
            _retire(borrowed, place, backup=backup)
            rename(waiting, place.object, bytes.fromhex(place.id))


def _retire(borrowed: Any, place: TokenUri, *, backup: bool) -> None:
    before = everything(borrowed, place)
    if backup and before:
        _destroy(everything(borrowed, TokenUri(object=place.object + BACKUP_SUFFIX)))
        rename(before, place.object + BACKUP_SUFFIX, bytes.fromhex(place.id) and bytes.fromhex(place.id) + b"\1")
    else:
        _destroy(before)


def _destroy(objects: list[Any]) -> None:
    for each in objects:
        each.destroy()
