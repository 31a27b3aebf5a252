"""Reads `general_info`: further items of the header (generalInfo, RFC 9810 §5.1.1).

A module of its own, for it knows the structures of all of CMP, and few manifests say such things.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.asn1.algorithms import DER_NULL
from runner.asn1.cmp import InfoTypeAndValue
from runner.asn1.infotypes import INFO_TYPES
from runner.asn1.primitives import UTF8_STRING
from runner.manifest.wishing import is_oid, parse_der

if TYPE_CHECKING:
    from runner.manifest.reader import Reader

_BY_THEIR_KEYS_IN_HEADERS = {"implicitConfirm": "implicit_confirm", "certProfile": "cert_profile"}


def read_general_info(reader: Reader) -> tuple[InfoTypeAndValue, ...]:
    """The items; what cannot be read is a finding, and left out."""
    part = reader.part.part("general_info")
    if part is None:
        return ()
    found = (_info(name, reader.elsewhere(part)) for name in part.values)
    return tuple(item for item in found if item is not None)


def _info(name: str, reader: Reader) -> InfoTypeAndValue | None:
    """One item: text is a UTF8String, {der: …} the value itself, `null` DER's NULL, {} no value at all."""
    if name in _BY_THEIR_KEYS_IN_HEADERS:
        step = f"say it by {_BY_THEIR_KEYS_IN_HEADERS[name]}:"
        reader.ledger.error(f"{name} has a key of its own", reader.part.place_of_key(name), next_step=step)
        return None
    oid = INFO_TYPES.get(name, name)
    if not is_oid(oid, reader):
        return None
    inner = reader.part.part(name)
    if inner is not None and not inner.values:
        return InfoTypeAndValue(info_type=oid)
    if inner is not None:
        octets = reader.elsewhere(inner).parsed("der", parse_der)
        return None if octets is None else InfoTypeAndValue(info_type=oid, info_value=octets)
    if reader.part.values.get(name) is None:
        return InfoTypeAndValue(info_type=oid, info_value=DER_NULL)
    text = reader.text(name)
    return None if text is None else InfoTypeAndValue(info_type=oid, info_value=UTF8_STRING.encode(text))
