"""The attribute types of distinguished names: short names, object identifiers, string types (RFC 5280 §4.1.2.4)."""

from __future__ import annotations

from functools import lru_cache

from runner.asn1.primitives import OBJECT_IDENTIFIER
from runner.errors import Malformed

PRINTABLE, UTF8, IA5 = 0x13, 0x0C, 0x16
"""Tags of character strings."""
ATTRIBUTES = {
    "CN": "2.5.4.3",
    "SN": "2.5.4.4",
    "SERIALNUMBER": "2.5.4.5",
    "C": "2.5.4.6",
    "L": "2.5.4.7",
    "ST": "2.5.4.8",
    "STREET": "2.5.4.9",
    "O": "2.5.4.10",
    "OU": "2.5.4.11",
    "T": "2.5.4.12",
    "POSTALCODE": "2.5.4.17",
    "GN": "2.5.4.42",
    "INITIALS": "2.5.4.43",
    "GENERATIONQUALIFIER": "2.5.4.44",
    "DNQ": "2.5.4.46",
    "PSEUDONYM": "2.5.4.65",
    "ORGANIZATIONIDENTIFIER": "2.5.4.97",
    "DC": "0.9.2342.19200300.100.1.25",
    "UID": "0.9.2342.19200300.100.1.1",
    "EMAIL": "1.2.840.113549.1.9.1",
}
"""Short names that subjects are written with; the first spelling of an OID is the one that is printed."""
_SYNONYMS = {"E": "EMAIL", "EMAILADDRESS": "EMAIL", "S": "ST", "TITLE": "T", "GIVENNAME": "GN", "SURNAME": "SN"}
_SYNONYMS |= {"DNQUALIFIER": "DNQ", "USERID": "UID"}
SHORT_NAMES = {oid: name for name, oid in ATTRIBUTES.items()}
"""The other way: how a type is printed."""
STRING_TAGS = {ATTRIBUTES[name]: PRINTABLE for name in ("C", "SERIALNUMBER", "DNQ")}
STRING_TAGS |= {ATTRIBUTES[name]: IA5 for name in ("EMAIL", "DC")}
"""Types whose values are no UTF8String."""


@lru_cache(maxsize=256)
def attribute_oid(kind: str) -> str:
    """The object identifier that a short name (any case) or dotted figures mean. ValueError: there is none such."""
    name = kind.upper()
    oid = ATTRIBUTES.get(_SYNONYMS.get(name, name), name.removeprefix("OID."))
    if oid.replace(".", "").isdigit() and "." in oid:
        try:
            OBJECT_IDENTIFIER.body(oid)
        except Malformed as problem:
            raise ValueError(f'"{kind}" is not an object identifier') from problem
        return oid
    known = ", ".join(ATTRIBUTES)
    raise ValueError(f'unknown attribute type "{kind}": one of {known}, or a dotted object identifier')
