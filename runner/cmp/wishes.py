"""What goes along with a CertRequest beside its template: controls and regInfo, built (RFC 4211 §6, §7).

regToken and authenticator are secrets: they travel in protected messages only, and nothing here shows them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.asn1.crmf import AUTHENTICATOR, PUBLICATION_INFO, REG_TOKEN, TEXT, UTF8_PAIRS, Control, RegInfo
from runner.asn1.primitives import OBJECT_IDENTIFIER
from runner.asn1.structures import encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runner.pki.names import GeneralName

_SECRET = tuple(map(OBJECT_IDENTIFIER.encode, (REG_TOKEN, AUTHENTICATOR)))
"""The OIDs of the controls regToken and authenticator, in DER; the value follows."""
_LONG = 0x80
_MASK = b"*"
_ESCAPED = {"%": "%%", "?": "%3f"}


def reg_token(token: str) -> Control:
    """RegToken, a secret that serves once (RFC 4211 §6.1)."""
    return Control(type=REG_TOKEN, value=TEXT.encode(token))


def authenticator(text: str) -> Control:
    """The control authenticator, a secret that stays (RFC 4211 §6.2)."""
    return Control(type=AUTHENTICATOR, value=TEXT.encode(text))


def publication(action: str, method: str = "", location: GeneralName | None = None) -> Control:
    """PkiPublicationInfo: `please` or `dont`, and where, by a name of PUBLICATION_METHODS (RFC 4211 §6.3)."""
    from runner.asn1 import archive  # noqa: PLC0415 - few say what is to be published

    if action == "dont":
        return Control(type=PUBLICATION_INFO, value=encode(archive.PKIPublicationInfo(action=archive.DONT_PUBLISH)))
    where = archive.SinglePubInfo(
        pub_method=archive.PUBLICATION_METHODS.index(method or archive.PUBLICATION_METHODS[0]),
        pub_location=None if location is None else location.der,
    )
    told = (where,) if method or location is not None else ()
    return Control(
        type=PUBLICATION_INFO, value=encode(archive.PKIPublicationInfo(action=archive.PLEASE_PUBLISH, pub_infos=told))
    )


def utf8_pairs(pairs: Iterable[tuple[str, str]]) -> RegInfo:
    """The regInfo utf8Pairs, its own marks escaped (RFC 4211 §7.1)."""
    text = "".join(f"{_escaped(name)}?{_escaped(value)}%" for name, value in pairs)
    return RegInfo(type=UTF8_PAIRS, value=TEXT.encode(text))


def _escaped(text: str) -> str:
    return "".join(_ESCAPED.get(character, character) for character in text)


def is_secret(control: Control) -> bool:
    """Whether its value is a secret."""
    return control.type in (REG_TOKEN, AUTHENTICATOR)


def masked(message: bytes) -> bytes:
    """The same octets with the secrets among its controls masked; lengths stay, so that it still reads as ASN.1."""
    secrets = list(_secrets_in(message))
    if not secrets:
        return message
    hidden = bytearray(message)
    for begin, end in secrets:
        hidden[begin:end] = _MASK * (end - begin)
    return bytes(hidden)


def restored(message: bytes, controls: Iterable[Control]) -> bytes:
    """A masked message with the secrets of `controls` in their places again, as far as they fit."""
    whole = bytearray(message)
    for control in filter(is_secret, controls):
        mark = OBJECT_IDENTIFIER.encode(control.type)
        at = message.find(mark) + len(mark)
        if at >= len(mark) and len(message) >= at + len(control.value):
            whole[at : at + len(control.value)] = control.value
    return bytes(whole)


def _secrets_in(message: bytes) -> Iterator[tuple[int, int]]:
    for oid in _SECRET:
        start = message.find(oid)
        while start >= 0:
            yield _value(message, start + len(oid))
            start = message.find(oid, start + len(oid))


def _value(octets: bytes, at: int) -> tuple[int, int]:
    """Where the content of the TLV at `at` begins and ends, as far as there are octets."""
    head = octets[at : at + 2]
    if len(head) < 2:  # noqa: PLR2004 - tag and length
        return len(octets), len(octets)
    if head[1] < _LONG:
        return at + 2, min(at + 2 + head[1], len(octets))
    size = head[1] - _LONG
    begin = min(at + 2 + size, len(octets))
    return begin, min(begin + int.from_bytes(octets[at + 2 : at + 2 + size], "big"), len(octets))
