"""Name constraints, RFC 5280 §4.2.1.10: which names a CA may issue for.

One function answers for one pair of CA and certificate. A constraint on a kind of name that cannot be judged here
counts as violated as soon as a name of that kind occurs, and so does a name that cannot be judged (a URI without a
host).
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from runner.asn1.der import read_header
from runner.asn1.primitives import ANY, INTEGER
from runner.asn1.structures import Implicit, SequenceOf, decode, sequence
from runner.asn1.x509 import NULL_DN
from runner.errors import Malformed
from runner.pki.extensions import NAME_CONSTRAINTS, alt_names_in, find_extension
from runner.pki.names import (
    GeneralName,
    directory_name,
    emails_in,
    general_name_from_der,
    name_in_general_name,
    starts_with,
)

if TYPE_CHECKING:
    from runner.pki.certificates import Certificate

MAX_COMPARISONS = 65_536
"""Names times subtrees of one pair; more is refused instead of compared."""


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
    """The first name of `certificate` that `issuer` may not issue for, as text; empty where there is none.

    Malformed where the constraints cannot be read or are more than anybody needs.
    """
    value = find_extension(issuer.extensions, NAME_CONSTRAINTS)
    if value is None:
        return ""
    constraints = decode(NameConstraints, value)
    permitted, excluded = _bases(constraints.permitted), _bases(constraints.excluded)
    names = _names(certificate)
    if len(names) * (len(permitted) + len(excluded)) > MAX_COMPARISONS:
        raise Malformed("more names and name constraints than are compared")
    return next((str(name) for name in names if not _may_stand(name, permitted, excluded)), "")


def _bases(subtrees: tuple[GeneralSubtree, ...]) -> list[GeneralName]:
    if any(subtree.minimum or subtree.maximum is not None for subtree in subtrees):
        raise Malformed("name constraints with a minimum or maximum", why="RFC 5280 section 4.2.1.10 forbids them")
    return [general_name_from_der(subtree.base) for subtree in subtrees]


def _may_stand(name: GeneralName, permitted: list[GeneralName], excluded: list[GeneralName]) -> bool:
    rooms = [base for base in permitted if _same_kind(base, name)]
    walls = [base for base in excluded if _same_kind(base, name)]
    if not (rooms or walls):
        return True
    if name.kind not in _JUDGES or (name.kind == "uri" and not _uri_host(name)):
        return False
    inside = not rooms or any(_within(name, base) for base in rooms)
    return inside and not any(_within(name, base) or _wildcard_over(name, base) for base in walls)


def _same_kind(one: GeneralName, other: GeneralName) -> bool:
    return one.der[0] == other.der[0]


def _names(certificate: Certificate) -> tuple[GeneralName, ...]:
    """The subject and the alternative names; the subject's addresses too, where no alternative name is one."""
    alternatives = alt_names_in(certificate.extensions)
    if certificate.subject.der == NULL_DN:
        return alternatives
    told = any(name.kind == "email" for name in alternatives)
    addresses = () if told else emails_in(certificate.subject.der)
    return (general_name_from_der(directory_name(certificate.subject.der)), *addresses, *alternatives)


def _within(name: GeneralName, base: GeneralName) -> bool:
    """Whether `name` lies in the subtree of `base`, a GeneralName of the same kind that is judged here."""
    return _JUDGES[name.kind](name, base)


def _wildcard_over(name: GeneralName, base: GeneralName) -> bool:
    """Whether `*.a.example` stands, among others, for a host that is shut out."""
    host = _host(base.text).lstrip(".")
    return name.kind == "dns" and name.text.startswith("*.") and host.endswith(_host(name.text)[1:])


def _dns_within(name: GeneralName, base: GeneralName) -> bool:
    host, domain = _host(name.text), _host(base.text)
    below = domain if domain.startswith(".") else "." + domain
    return not domain or host == domain or host.endswith(below)


def _email_within(name: GeneralName, base: GeneralName) -> bool:
    mailbox, _, host = name.text.rpartition("@")
    wanted, at, domain = base.text.rpartition("@")
    return _host_within(host, domain) and (not at or mailbox == wanted)


def _uri_within(name: GeneralName, base: GeneralName) -> bool:
    return _host_within(_uri_host(name), base.text)


def _uri_host(name: GeneralName) -> str:
    """The host's name; empty where there is none, or an address, which no constraint on URIs can be about."""
    try:
        host = urlsplit(name.text).hostname or ""
    except ValueError:
        return ""
    try:
        ip_address(host)
    except ValueError:
        return host
    return ""


def _host_within(host: str, base: str) -> bool:
    """A leading period means every host below; without one it is that host alone."""
    host, base = _host(host), _host(base)
    return host.endswith(base) if base.startswith(".") else host == base


def _host(text: str) -> str:
    return text.lower().rstrip(".")


def _dn_within(name: GeneralName, base: GeneralName) -> bool:
    return starts_with(name_in_general_name(name.der) or NULL_DN, name_in_general_name(base.der) or NULL_DN)


def _address_within(name: GeneralName, base: GeneralName) -> bool:
    """The base is an address and a mask, 8 or 32 octets."""
    address, room = _octets(name), _octets(base)
    half = len(room) // 2
    if len(address) != half:
        return False
    mask = int.from_bytes(room[half:], "big")
    return int.from_bytes(address, "big") & mask == int.from_bytes(room[:half], "big") & mask


def _octets(name: GeneralName) -> bytes:
    _, start, stop = read_header(name.der, 0, len(name.der))
    return name.der[start:stop]


_JUDGES = {
    "dns": _dns_within,
    "email": _email_within,
    "uri": _uri_within,
    "dn": _dn_within,
    "ip": _address_within,
}
