"""What the bodies hold that PKI_BODY keeps as octets: announcements, challenges, nested messages (RFC 9810 §5.3).

They are read where somebody asks for them, so that messages of every day cost nothing for them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from runner.asn1.cmp import PKI_STATUS
from runner.asn1.crmf import CertId
from runner.asn1.der import SEQUENCE_TAG, elements, open_sequence, tlv
from runner.asn1.infotypes import CA_KEY_UPD_CONTENT, POPO_DEC_KEY_CHALL, POPO_DEC_KEY_RESP
from runner.asn1.primitives import GENERALIZED_TIME, INTEGER, OPAQUE_SEQUENCE
from runner.asn1.structures import SequenceOf, sequence
from runner.asn1.x509 import EXTENSIONS, Extension
from runner.errors import Malformed

MAX_NESTING = 4
"""How deep messages may be nested, the outermost included; an RA's batch of what RAs forward has three."""
MAX_NESTED = 64
"""Messages in one NestedMessageContent."""


@sequence
class RevAnnContent:
    """RevAnnContent (RFC 9810 §5.3.15): a certificate is about to be revoked, or has been.

    SEQUENCE { status PKIStatus, certId CertId, willBeRevokedAt GeneralizedTime, badSinceDate GeneralizedTime,
               crlDetails Extensions OPTIONAL }
    """

    status: Annotated[int, INTEGER]
    cert_id: CertId
    will_be_revoked_at: Annotated[datetime, GENERALIZED_TIME]
    bad_since_date: Annotated[datetime, GENERALIZED_TIME]
    crl_details: Annotated[tuple[Extension, ...], EXTENSIONS] = ()

    @property
    def status_name(self) -> str:
        """The PKIStatus in the standard's words."""
        return PKI_STATUS[self.status] if 0 <= self.status < len(PKI_STATUS) else f"status {self.status}"


CONTENTS = {
    "popdecc": POPO_DEC_KEY_CHALL,
    "popdecr": POPO_DEC_KEY_RESP,
    "ckuann": CA_KEY_UPD_CONTENT,
    "cann": OPAQUE_SEQUENCE,
    "rann": RevAnnContent,
    "crlann": SequenceOf(OPAQUE_SEQUENCE, limit=32),
}
"""The body type → the type of what it holds. A certificate and a CRL are their octets."""


def nested_in(content: bytes) -> tuple[bytes, ...]:
    """The PKIMessages, whole, in the content of a nested body; Malformed where they are none.

    PKIMessages since RFC 4210; RFC 2510 has one PKIMessage in their place, which begins with its header.
    """
    found = elements(content, *open_sequence(content), MAX_NESTED)
    if not found:
        raise Malformed("a nested message holds no message")
    if found[0][:1] != bytes((SEQUENCE_TAG,)):
        raise Malformed("a nested message holds something else than messages")
    start, stop = open_sequence(found[0])
    if stop > start and found[0][start] == SEQUENCE_TAG:
        return tuple(found)
    return (content,)


def nested_content(messages: tuple[bytes, ...]) -> bytes:
    """The content of a nested body: these PKIMessages, each as its octets (RFC 9810 §5.1.3.5)."""
    return tlv(SEQUENCE_TAG, b"".join(messages))
