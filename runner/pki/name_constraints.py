"""Name constraints, RFC 5280 §4.2.1.10: which names a CA may issue for.

One function answers for one pair of CA and certificate. A constraint on a kind of name that cannot be judged here
counts as violated as soon as a name of that kind occurs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from runner.asn1.primitives import ANY, INTEGER
from runner.asn1.structures import Implicit, SequenceOf, decode, sequence
from runner.asn1.x509 import NULL_DN, RDN_SEQUENCE
from runner.pki.extensions import NAME_CONSTRAINTS, alt_names_in, find_extension
from runner.pki.names import GeneralName, directory_name, general_name_from_der, name_in_general_name, same_name

if TYPE_CHECKING:
    from runner.pki.certificates import Certificate


@sequence
class GeneralSubtree:
    """GeneralSubtree ::= SEQUENCE { base GeneralName, minimum [0] DEFAULT 0, maximum [1] OPTIONAL }."""

    base: Annotated[bytes, ANY]
    minimum: Annotated[int, Implicit(0, INTEGER)] = 0
    maximum: Annotated[int | None, Implicit(1, INTEGER)] = None


_SUBTREES = SequenceOf(GeneralSubtree, limit=256)


@sequence
class NameConstraints:
    """NameConstraints ::= SEQUENCE { permittedSubtrees [0] OPTIONAL, excludedSubtrees [1] OPTIONAL }."""

    permitted: Annotated[tuple[GeneralSubtree, ...], Implicit(0, _SUBTREES)] = ()
    excluded: Annotated[tuple[GeneralSubtree, ...], Implicit(1, _SUBTREES)] = ()


def constraint_violated(issuer: Certificate, certificate: Certificate) -> str:
    """The first name of `certificate` that `issuer` may not issue for, as text; empty where there is none."""
    value = find_extension(issuer.extensions, NAME_CONSTRAINTS)
    if value is None:
        return ""
    constraints = decode(NameConstraints, value)
    permitted = [general_name_from_der(subtree.base) for subtree in constraints.permitted]
    excluded = [general_name_from_der(subtree.base) for subtree in constraints.excluded]
    for name in _names(certificate):
        rooms = [base for base in permitted if _same_kind(base, name)]
        walls = [base for base in excluded if _same_kind(base, name)]
        judged = name.kind in _JUDGES or not (rooms or walls)
        outside = rooms and not any(_within(name, base) for base in rooms)
        if not judged or outside or any(_within(name, base) for base in walls):
            return str(name)
    return ""


def _same_kind(one: GeneralName, other: GeneralName) -> bool:
    return one.der[0] == other.der[0]


def _names(certificate: Certificate) -> tuple[GeneralName, ...]:
    alternatives = alt_names_in(certificate.extensions)
    if certificate.subject.der == NULL_DN:
        return alternatives
    return (general_name_from_der(directory_name(certificate.subject.der)), *alternatives)


def _within(name: GeneralName, base: GeneralName) -> bool:
    """Whether `name` lies in the subtree of `base`, a GeneralName of the same kind that is judged here."""
    return _JUDGES[name.kind](name, base)


def _dns_within(name: GeneralName, base: GeneralName) -> bool:
    host, domain = name.text.lower(), base.text.lower().lstrip(".")
    return not domain or host == domain or host.endswith("." + domain)


def _email_within(name: GeneralName, base: GeneralName) -> bool:
    if "@" in base.text:
        return name.text == base.text
    return _host_within(name.text.rpartition("@")[2], base.text)


def _uri_within(name: GeneralName, base: GeneralName) -> bool:
    return _host_within(urlsplit(name.text).hostname or "", base.text)


def _host_within(host: str, base: str) -> bool:
    """A leading period means every host below; without one it is that host alone."""
    host, base = host.lower(), base.lower()
    return host.endswith(base) if base.startswith(".") else host == base


def _dn_within(name: GeneralName, base: GeneralName) -> bool:
    inner, outer = name_in_general_name(name.der) or NULL_DN, name_in_general_name(base.der) or NULL_DN
    rdns, wanted = RDN_SEQUENCE.decode(inner), RDN_SEQUENCE.decode(outer)
    return same_name(RDN_SEQUENCE.encode(rdns[: len(wanted)]), RDN_SEQUENCE.encode(wanted))


def _address_within(name: GeneralName, base: GeneralName) -> bool:
    """The base is an address and a mask, 8 or 32 octets behind the tag and the length."""
    address, room = name.der[2:], base.der[2:]
    half = len(room) // 2
    if len(address) != half:
        return False
    mask = int.from_bytes(room[half:], "big")
    return int.from_bytes(address, "big") & mask == int.from_bytes(room[:half], "big") & mask


_JUDGES = {
    "dns": _dns_within,
    "email": _email_within,
    "uri": _uri_within,
    "dn": _dn_within,
    "ip": _address_within,
}
