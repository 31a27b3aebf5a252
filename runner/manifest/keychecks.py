"""What is to be said about a key URL once it is read: what cannot be, what is weak, and how a passphrase is to work.

The grammar of key URLs is in runner.pki.keyurls. Nothing is opened here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.manifest.paths import last_name
from runner.pki.keyurls import KEY_SUFFIX, UNSAID, Sealing
from runner.pki.savetypes import SAVE_TYPES

if TYPE_CHECKING:
    from runner.errors import Place
    from runner.manifest.reader import Reader
    from runner.pki.keyurls import KeyUrl

_LEAST_ROUNDS = {"pbkdf2": 1000, "scrypt": 2}
_MOST_SCRYPT = 1 << 20
_SEALING = frozenset({"kdf", "kdf_rounds"})


def check_key(reader: Reader, key: str, url: KeyUrl, place: Place, *, generate: bool) -> None:
    """Note what is wrong with the key URL at `key`, and what is weak. `generate`: it may be a key to be made."""
    if "${env:" in url.path or "${file:" in url.path:
        why = "${env:…} and ${file:…} are for its passphrase"
        reader.ledger.error(f"{key}: a reference cannot stand in the path of a key", place, why=why)
    elif url.spec is None:
        if url.is_file:
            reader.ledger.expect(reader.absolute(key, url.path), place, url.path)
    elif not generate:
        step = f"write {'file:' if url.is_file else ''}{url.path} if that is the key"
        reader.ledger.error(f"{key}: this key must exist already", place, next_step=step)
    elif url.is_file and last_name(url.path) == KEY_SUFFIX:
        reader.ledger.error(f"{key}: the prefix of the key's file is missing after the last /", place)
    elif not reader.part.flag("allow_weak"):
        _warn_of_weakness(reader, key, url, place)


def _warn_of_weakness(reader: Reader, key: str, url: KeyUrl, place: Place) -> None:
    silence = "allow_weak: true beside it says that you know"
    if url.spec is not None and url.spec.is_weak:
        step = f"rsa:3072, or ec:p256; {silence}"
        reader.ledger.warn(f"{key}: {url.spec} is a weak key", place, next_step=step)
    weak_seal = SAVE_TYPES[url.savetype].weak_seal if url.savetype else ""
    if weak_seal and url.passphrase:
        step = f"pkcs8s; {silence}"
        what = f"{key}: a passphrase protects little in {url.savetype}"
        reader.ledger.warn(what, place, why=weak_seal, next_step=step)


def read_sealing(reader: Reader, url: KeyUrl) -> Sealing:
    """`kdf` and `kdf_rounds` beside the key, where it is sealed by us."""
    if not (url.generates and url.passphrase) or _SEALING.isdisjoint(reader.part.values):
        return UNSAID
    kdf, rounds = reader.part.text("kdf"), int(reader.part.number("kdf_rounds", 0))
    if kdf is None and not rounds:
        return UNSAID
    name = kdf.value if kdf else "pbkdf2"
    place = reader.part.place_of("kdf_rounds" if rounds else "kdf")
    if url.savetype != "pkcs8s" and kdf is not None:
        reader.ledger.error(f"kdf: {url.savetype} has its own way with passphrases", place, next_step="use pkcs8s")
    elif name == "scrypt" and rounds and (rounds & (rounds - 1) or rounds > _MOST_SCRYPT):
        step = "for example 16384, the most that the openssl program opens"
        reader.ledger.error("kdf_rounds: scrypt takes a power of two", place, next_step=step)
    elif rounds and url.savetype == "pkcs8s" and rounds < _LEAST_ROUNDS.get(name, 0):
        reader.ledger.error(f"kdf_rounds: {rounds} protects nothing", place, next_step="leave it out")
    return Sealing(name, rounds)
