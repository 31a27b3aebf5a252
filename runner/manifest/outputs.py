"""Reads `output`: where the certificate goes, what is written beside it, and whose all of it is to be."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from runner.manifest.paths import short
from runner.manifest.placing import Output, Ownership, Store
from runner.manifest.secrets import read_secret
from runner.manifest.words import shortened
from runner.pki.savetypes import SAVE_TYPES

if TYPE_CHECKING:
    from runner.manifest.reader import Reader
    from runner.pki.keyurls import KeyUrl

_MODE = re.compile(r"0?[0-7]{3}")
_OTHERS = 0o007


def read_output(reader: Reader, key: str) -> Output | None:
    """The output at `key`: a prefix, or a mapping with `prefix` or `file` and more; None where it cannot be read."""
    inner = reader.part.part(key)
    if inner is None:
        prefix = reader.target(key)
        return Output(prefix=prefix) if prefix else None
    return _mapping(reader.elsewhere(inner))


def _mapping(reader: Reader) -> Output | None:
    prefix, file, written = reader.target("prefix"), reader.target("file"), reader.part.text("format")
    if (prefix is None) == (file is None):
        return None
    output = Output(
        prefix=prefix,
        file=file,
        format=written.value if written else "pem",
        chain=reader.target("chain"),
        full_chain=reader.target("full_chain"),
        trust=reader.target("trust"),
        stores=tuple(store for kind in ("pkcs12", "jks") if (store := _store(reader, kind))),
        ownership=_ownership(reader),
    )
    _refuse_one_place_for_two(reader, output)
    return output


def _refuse_one_place_for_two(reader: Reader, output: Output) -> None:
    places = [output.certificate, *output.extras, *([f"{output.prefix}-0.ca"] if output.prefix else [])]
    for place in dict.fromkeys(place for place in places if places.count(place) > 1):
        step = "give each its own name"
        reader.ledger.error(f"output: two things go into {shortened(short(place))}", reader.part.place, next_step=step)


def _store(reader: Reader, kind: str) -> Store | None:
    inner = reader.part.part(kind)
    if inner is None:
        return None
    own = reader.elsewhere(inner)
    path, secret = own.target("file"), read_secret(own, "passphrase")
    profile, name = inner.text("profile"), own.text("name")
    legacy = profile is not None and profile.value == "legacy"
    if (legacy or kind == "jks") and not reader.part.flag("allow_weak"):
        what = "jks protects keys with SHA-1 alone" if kind == "jks" else "the legacy profile is 3DES and SHA-1"
        step = "use pkcs12 with the modern profile, or say allow_weak: true in output"
        reader.ledger.warn(f"{kind}: {what}", inner.key_place, next_step=step)
    if path is None or secret is None:
        return None
    return Store(kind, path, secret, name or "", profile.value if profile else "modern")


def check_stores(reader: Reader, key: KeyUrl | None) -> None:
    """A store takes a private key that is here, of a kind that its readers know: told before anything is issued."""
    output = reader.part.part("output")
    if output is None or key is None:
        return
    for kind in ("pkcs12", "jks"):
        if kind in output.values and (why := _not_to_be_stored(kind, key)):
            step = f"leave {kind} out, or take another key"
            reader.ledger.error(f"output.{kind} cannot hold this key", output.place_of(kind), why=why, next_step=step)


def _not_to_be_stored(kind: str, key: KeyUrl) -> str:
    if key.kept == "token":
        return "a key in a token does not leave it"
    if kind == "pkcs12" and key.spec is not None and not SAVE_TYPES[kind].can_hold(key.spec):
        return f"its readers know {', '.join(SAVE_TYPES[kind].holds)} only, not {key.spec}"
    return ""


def _ownership(reader: Reader) -> Ownership:
    usual = Ownership()
    mode = reader.parsed("mode", _parse_mode)
    key_mode = reader.parsed("key_mode", _parse_key_mode)
    return Ownership(
        owner=reader.text("owner") or "",
        group=reader.text("group") or "",
        mode=usual.mode if mode is None else mode,
        key_mode=usual.key_mode if key_mode is None else key_mode,
        backup=reader.part.flag("backup_files"),
    )


def _parse_mode(text: str) -> int:
    if not _MODE.fullmatch(text):
        raise ValueError(f'{text!r} are no permission bits; for example "0644"')
    mode = int(text, 8)
    if mode & 0o400 == 0:
        raise ValueError(f'with {text!r} the owner could not read the file; for example "0644"')
    return mode


def _parse_key_mode(text: str) -> int:
    mode = _parse_mode(text)
    if mode & _OTHERS:
        raise ValueError(f'{text!r} lets everybody at the private key; for example "0640"')
    return mode
