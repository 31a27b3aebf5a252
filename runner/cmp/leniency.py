"""What answers may do otherwise than the standards say, where the manifest tolerates it (pki/servers.py has the names).

Each function asks for one tolerance by its name; without it, it changes nothing. Checks on headers and protection ask
for theirs where they stand (validation.py, protection.py).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from runner.asn1.algorithms import DER_NULL, PASSWORD_BASED_MAC
from runner.asn1.cmp import CertRepMessage
from runner.asn1.structures import Chosen, decode
from runner.asn1.x509 import RDN_SEQUENCE
from runner.cmp.message import read_message
from runner.errors import Mismatch
from runner.pki.names import name_in_general_name, same_name
from runner.pki.servers import Tolerance
from runner.values import replace

if TYPE_CHECKING:
    from collections.abc import Collection

    from runner.asn1.algorithms import AlgorithmIdentifier
    from runner.asn1.cmp import PKIMessage, RevRepContent
    from runner.cmp.message import Unverified, Verified
    from runner.cmp.request import Order

_ALSO = {
    ("p10cr", "ip"): Tolerance.P10CR_ANSWERED_AS_IP,
    ("p10cr", "popdecc"): Tolerance.P10CR_ANSWERED_AS_POPDECC,
    ("ir", "cp"): Tolerance.IP_AND_CP_INTERCHANGED,
    ("cr", "ip"): Tolerance.IP_AND_CP_INTERCHANGED,
}
"""(request, body of its answer) → the tolerance that lets it pass."""


@lru_cache(maxsize=64)
def also_awaited(kind: str, tolerates: frozenset[Tolerance]) -> frozenset[str]:
    """Bodies that may answer a request of that kind beside the one of the standard."""
    return frozenset(body for (asked, body), tolerance in _ALSO.items() if asked == kind and tolerance in tolerates)


def as_awaited(verified: Verified, kind: str, reply: str) -> Verified:
    """The answer under the name that it should have had: `reply`. Malformed where it is not of that form at all."""
    body = verified.message.body
    if (kind, body.name) not in _ALSO:
        return verified
    content = body.value if body.name != "popdecc" else decode(CertRepMessage, body.value)
    message: PKIMessage = replace(verified.message, body=Chosen(reply, content))
    return replace(verified, message=message)


def with_mac_parameters(unverified: Unverified, before: AlgorithmIdentifier | None) -> Unverified:
    """The answer with the parameters of its PasswordBasedMac, where it leaves them out and `before` has them.

    cryptlib says them once, and NULL from then on: its MAC is keyed by the message that it answers.
    """
    header = unverified.message.header
    algorithm = header.protection_alg
    if before is None or algorithm is None or algorithm.parameters not in (None, DER_NULL):
        return unverified
    if {algorithm.algorithm, before.algorithm} != {PASSWORD_BASED_MAC}:
        return unverified
    return replace(unverified, message=replace(unverified.message, header=replace(header, protection_alg=before)))


def mac_before(request: bytes, tolerates: Collection[Tolerance]) -> AlgorithmIdentifier | None:
    """The protectionAlg of the message that is answered, where an answer may leave its parameters out; else None."""
    if Tolerance.MAC_AS_BEFORE not in tolerates or not request:
        return None
    return read_message(request).message.header.protection_alg


def check_revoked(content: RevRepContent, order: Order, tolerates: Collection[Tolerance]) -> None:
    """RevCerts, where they come along, name the certificate that was to be revoked (RFC 9810 §5.3.10)."""
    issuer = order.certificate.issuer if order.certificate else order.issuer
    serial = order.certificate.serial if order.certificate else order.serial
    for named in content.rev_certs:
        found = name_in_general_name(named.issuer)
        ours = issuer is not None and found is not None and _is_same(issuer.der, found, tolerates)
        if named.serial_number != serial or not ours:
            raise Mismatch("the answer names another certificate than the one to revoke", why="its revCerts differ")


def _is_same(ours: bytes, found: bytes, tolerates: Collection[Tolerance]) -> bool:
    if same_name(ours, found):
        return True
    return Tolerance.REVERSED_RDNS in tolerates and same_name(ours, _reversed(found))


def _reversed(name: bytes) -> bytes:
    """EJBCA wrote the parts of issuers the other way round until the end of 2023."""
    return RDN_SEQUENCE.encode(RDN_SEQUENCE.decode(name)[::-1])
