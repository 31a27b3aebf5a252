"""What goes along with a CertRequest beside its template: controls and regInfo, built (RFC 4211 §6, §7; dossier §1.4).

regToken and authenticator are secrets: they travel in protected messages only, and nothing here shows them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.asn1.archive import DONT_PUBLISH, PLEASE_PUBLISH, PUBLICATION_METHODS, PKIPublicationInfo, SinglePubInfo
from runner.asn1.crmf import AUTHENTICATOR, PUBLICATION_INFO, REG_TOKEN, TEXT, UTF8_PAIRS, Control, RegInfo
from runner.asn1.structures import encode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.pki.names import GeneralName

_ESCAPED = {"%": "%%", "?": "%3f"}


def reg_token(token: str) -> Control:
    """RegToken, a secret that serves once (RFC 4211 §6.1)."""
    return Control(type=REG_TOKEN, value=TEXT.encode(token))


def authenticator(text: str) -> Control:
    """The control authenticator, a secret that stays (RFC 4211 §6.2)."""
    return Control(type=AUTHENTICATOR, value=TEXT.encode(text))


def publication(action: str, method: str = "", location: GeneralName | None = None) -> Control:
    """PkiPublicationInfo: `please` or `dont`, and where, by a name of PUBLICATION_METHODS (RFC 4211 §6.3)."""
    if action == "dont":
        return Control(type=PUBLICATION_INFO, value=encode(PKIPublicationInfo(action=DONT_PUBLISH)))
    where = SinglePubInfo(
        pub_method=PUBLICATION_METHODS.index(method or PUBLICATION_METHODS[0]),
        pub_location=None if location is None else location.der,
    )
    told = (where,) if method or location is not None else ()
    return Control(type=PUBLICATION_INFO, value=encode(PKIPublicationInfo(action=PLEASE_PUBLISH, pub_infos=told)))


def utf8_pairs(pairs: Iterable[tuple[str, str]]) -> RegInfo:
    """The regInfo utf8Pairs, its own marks escaped (RFC 4211 §7.1)."""
    text = "".join(f"{_escaped(name)}?{_escaped(value)}%" for name, value in pairs)
    return RegInfo(type=UTF8_PAIRS, value=TEXT.encode(text))


def _escaped(text: str) -> str:
    return "".join(_ESCAPED.get(character, character) for character in text)
