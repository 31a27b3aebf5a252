"""PKCS#11 URIs (RFC 7512): which key in which token, through which module.

    pkcs11:token=plant;object=web-1;id=%01?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=env:PIN

The grammar only. The PIN is handed over apart from the rest, so that a TokenUri may be printed and kept; talking to
tokens is left to runner.keystores.
"""

from __future__ import annotations

from re import compile as regex
from urllib.parse import quote, unquote, unquote_to_bytes

from runner.values import frozen, replace

SCHEME = "pkcs11:"
_PATH = {
    "token": "token",
    "serial": "serial",
    "manufacturer": "manufacturer",
    "model": "model",
    "slot-id": "slot_id",
    "object": "object",
    "id": "id",
}
_QUERY = {"module-name": "module_name", "module-path": "module_path"}
_LIBRARY = ("library-description", "library-manufacturer", "library-version", "slot-description", "slot-manufacturer")
"""Attributes of RFC 7512 §2.3 that say nothing more about the key; they are refused rather than passed over."""
_REFERENCE = regex(r"\$\{(env|file):([^{}]+)\}")


@frozen
class TokenUri:
    """Attributes of a PKCS#11 URI, decoded; `id` in hex. What is empty was not said. The PIN is not among them."""

    token: str = ""
    serial: str = ""
    manufacturer: str = ""
    model: str = ""
    slot_id: str = ""
    object: str = ""
    id: str = ""
    module_name: str = ""
    module_path: str = ""

    def __str__(self) -> str:
        """The URI in one spelling, whatever the order it was written in."""
        path = ";".join(f"{name}={_quoted(self, field)}" for name, field in _PATH.items() if getattr(self, field))
        query = "&".join(f"{name}={_quoted(self, field)}" for name, field in _QUERY.items() if getattr(self, field))
        return f"{SCHEME}{path}?{query}" if query else f"{SCHEME}{path}"


def _quoted(uri: TokenUri, field: str) -> str:
    value: str = getattr(uri, field)
    if field == "id":
        return "".join(f"%{value[at : at + 2].upper()}" for at in range(0, len(value), 2))
    return quote(value, safe="", errors="surrogateescape")


def parse_token_uri(text: str) -> tuple[TokenUri, str]:
    """`pkcs11:…` → the TokenUri and the PIN: a reference, a literal one, or empty. ValueError, without the PIN."""
    path, _, query = text[len(SCHEME) :].partition("?")
    pairs = _pairs(path, ";", (*_PATH, "type")) | _pairs(query, "&", (*_QUERY, "pin-value", "pin-source"))
    if pairs.pop("type", "private") != "private":
        raise ValueError("type must be private: it is the private key that is named")
    pin = _pin(pairs.pop("pin-value", ""), pairs.pop("pin-source", ""))
    names = _PATH | _QUERY
    return TokenUri(**{names[name]: _decoded(name, value) for name, value in pairs.items()}), pin


def _pairs(text: str, separator: str, known: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.split(separator) if text else ():
        name, equals, value = part.partition("=")
        if name in _LIBRARY or name not in known:
            shown = name if name.replace("-", "").isalnum() else "…"
            raise ValueError(f"unknown attribute {shown!r} of a PKCS#11 URI: one of {', '.join(known)}")
        if not (equals and value):
            raise ValueError(f"{name} needs a value: {name}=…")
        if name in found:
            raise ValueError(f"{name} is said twice")
        found[name] = value
    return found


def _decoded(name: str, value: str) -> str:
    if name == "id":
        return unquote_to_bytes(value).hex()
    return unquote(value, errors="surrogateescape")


def _pin(value: str, source: str) -> str:
    """The PIN as a passphrase is given elsewhere: `${env:NAME}`, `${file:PATH}`, or itself."""
    if value and source:
        raise ValueError("pin-value and pin-source exclude each other")
    if not source:
        return value if _REFERENCE.fullmatch(value) else unquote(value, errors="surrogateescape")
    text = unquote(source, errors="surrogateescape")
    if text.startswith("|"):
        raise ValueError("a PIN from a command is not supported: use pin-source=env:NAME or pin-source=file:PATH")
    kind, colon, rest = text.partition(":")
    if colon and kind in ("env", "file") and rest:
        return f"${{{kind}:{rest}}}"
    return f"${{file:{text}}}"


def pin_attribute(pin: str) -> str:
    """A PIN as an attribute of a URI's query; empty where there is none."""
    if not pin:
        return ""
    reference = _REFERENCE.fullmatch(pin)
    if reference:
        return f"pin-source={reference[1]}:{quote(reference[2], safe='/', errors='surrogateescape')}"
    return f"pin-value={quote(pin, safe='*', errors='surrogateescape')}"


def with_suffix(uri: TokenUri, suffix: str) -> TokenUri:
    """The URI of a key beside this one: its label with a suffix, and an id of its own."""
    return replace(uri, object=uri.object + suffix, id="")


def is_token(path: str) -> bool:
    """Whether a key's path is a PKCS#11 URI."""
    return path.startswith(SCHEME)
