"""Reads credentials: a key shared with the CA, a certificate and its key, or a user and a password."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from runner.manifest.credentials import (
    CertificateCredential,
    Credential,
    Login,
    MacWish,
    Presenting,
    PskCredential,
    SecretRef,
)
from runner.manifest.rowsecrets import EACH_ROW, read_column
from runner.manifest.secrets import literal_secret, read_secret, warn_of_literal
from runner.pki.servers import SENDERS
from runner.values import replace

if TYPE_CHECKING:
    from runner.manifest.reader import Reader
    from runner.pki.names import Name

_REFNUM_AND_KEY = re.compile(r"[^:]+:.+", re.DOTALL)
_HEXADECIMAL = re.compile(r"0[xX]((?:[0-9A-Fa-f]{2})+)")
_WEAK = ("sha1", "hmac-sha1", "hmac-sha1-pkcs5")


def read_credential(name: str, reader: Reader) -> Credential | None:
    """One entry of `credentials` that messages are protected with."""
    part = reader.part
    if "psk" in part.values:
        return _psk(name, reader)
    kind = next((each for each in ("ra_certificate", "kem_certificate") if each in part.values), "certificate")
    certificate, key = reader.input(kind), reader.key_url("key", generate=False)
    digest, presenting = part.text("digest"), _presenting(reader, ("none",))
    if digest and digest.value == "sha1" and not part.flag("allow_weak"):
        step = "sha256, where the CA takes it; allow_weak: true beside it says that you know"
        reader.ledger.warn("digest: sha1 is weak", digest.place, why="its collisions can be bought", next_step=step)
    if not (certificate and key):
        return None
    named = digest.value if digest else ""
    signs = CertificateCredential(name, part.key_place, certificate, key, named, part.flag("pss"))
    return replace(signs, ra=kind == "ra_certificate", kem=kind == "kem_certificate", presenting=presenting)


def read_login(name: str, reader: Reader) -> Login | None:
    """One that is for HTTP servers and proxies alone."""
    user, secret = reader.text("user"), read_secret(reader, "password")
    return Login(name, reader.part.key_place, user, secret) if user and secret else None


def _psk(name: str, reader: Reader) -> PskCredential | None:
    part, whole = reader.part, "reference" not in reader.part.values
    inner, column = part.part("psk"), read_column(reader)
    if inner and "column" in inner.values and column is None:
        return None  # it has been told of
    secret = read_secret(reader, "psk", _refnum_and_key if whole else literal_secret) if column is None else EACH_ROW
    reference, encoding = reader.text("reference"), part.text("encoding")
    wish, presenting = _mac(reader), _presenting(reader, SENDERS)
    if secret is None:
        return None
    return PskCredential(
        name,
        part.key_place,
        secret,
        wish,
        part.flag("ra"),
        None if reference is None else reference.encode(),
        encoding.value if encoding else "text",
        presenting,
        column,
    )


def _refnum_and_key(reader: Reader, key: str) -> SecretRef | None:
    """A secret in the manifest itself, which the old tool took (-p refnum:key). Dollars in it are its own."""
    text = reader.part.text(key)
    if text is None:
        return None
    if not _REFNUM_AND_KEY.fullmatch(text.value):
        reader.ledger.error("psk: this is not refnum:key", text.place, next_step="for example psk: {env: LINE7_PSK}")
        return None
    warn_of_literal(reader, text.place)
    return SecretRef("literal", text.value)


def _mac(reader: Reader) -> MacWish:
    outer, part = reader.part, reader.part.part("mac")
    iterations = _number(outer.values.get("iterations"))
    if part is None:
        return MacWish(iterations=iterations)
    if "iterations" in part.values and iterations is not None:
        place, step = outer.place_of_key("iterations"), "keep one of them"
        reader.ledger.error("iterations is said twice: here and in mac", place, next_step=step)
    said = {key: text.value for key in ("algorithm", "owf", "hmac") if (text := part.text(key))}
    wish = MacWish(
        kind=said.get("algorithm", ""),
        owf=said.get("owf", ""),
        mac=said.get("hmac", ""),
        iterations=iterations or _number(part.values.get("iterations")),
        salt_length=_number(part.values.get("salt_length")),
        key_length=_number(part.values.get("key_length")),
    )
    if wish.key_length is not None and wish.kind == "pbm":
        place = part.place_of_key("key_length")
        reader.ledger.error("key_length is for pbmac1", place, why="a PasswordBasedMac's key is as long as its hash")
    return wish


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _presenting(reader: Reader, forms: tuple[str, ...]) -> Presenting:
    text, kid = reader.text("sender"), reader.text("sender_kid")
    sender: Name | str | None = text if text in forms else reader.name("sender")
    return Presenting(sender, None if kid is None else _octets(kid), reader.inputs("extra_certs"))


def _octets(text: str) -> bytes:
    """`none`, hexadecimal digits behind 0x, or the text itself."""
    found = _HEXADECIMAL.fullmatch(text)
    return b"" if text == "none" else bytes.fromhex(found[1]) if found else text.encode()
