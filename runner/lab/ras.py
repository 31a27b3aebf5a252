"""The RAs that the lab trusts: whoever has a certificate that the operator made or marked for it (RFC 9810 §5.2.8.4).

The ledger is the list. An RA's word `raVerified` is believed, it may update and revoke any certificate, and recover
any key. No request makes an RA: the lab grants nobody the extended key usage cmcRA over the wire.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from runner.asn1.x509 import Validity
from runner.errors import BadInput, Malformed
from runner.lab.issuing import Asked
from runner.pki.certificates import parse_certificate
from runner.pki.extensions import EXTENDED_KEY_USAGES, extended_key_usage, key_usage
from runner.pki.names import common_name
from runner.values import replace

if TYPE_CHECKING:
    from runner.lab.office import Office

_USAGES = (
    key_usage(("digitalSignature", "keyAgreement")),
    extended_key_usage((EXTENDED_KEY_USAGES["cmcRA"],)),
)


def make_ra(office: Office, name: str) -> tuple[bytes, bytes]:
    """A certificate (DER) and private key (PEM) for a new RA."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    end = min(office.now() + timedelta(days=office.rules.validity_days), office.issuer.certificate.not_after)
    asked = Asked(common_name(name).der, public, _USAGES, Validity(not_before=office.now(), not_after=end))
    certificate, der = office.issue(asked, "", confirmed=True)
    office.ledger.record(replace(certificate, ra=True))
    return der, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def trust_ra(office: Office, der: bytes) -> None:
    """Put the holder of a certificate on the list. BadInput where the lab did not issue it."""
    try:
        known = office.ledger.certificate(parse_certificate(der).serial)
    except Malformed as problem:
        raise BadInput("That is no certificate", why=problem.what) from problem
    if known is None or known.fingerprint != hashlib.sha256(der).digest():
        raise BadInput("The lab did not issue that certificate", next_step="enroll the RA at the lab first")
    office.ledger.record(replace(known, ra=True))
