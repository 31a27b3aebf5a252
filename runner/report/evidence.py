"""Evidence: who vouches for a report, by the detached CMS signature beside it (FILE.p7s, RFC 5652).

It is over the file's octets, so it says that nothing was touched; where something was, the digests in the report
(digests.py) say which record. Reading and writing files is for the command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.asn1.cms import SIGNED_DATA, ContentInfo
from runner.asn1.signed import SignedData
from runner.asn1.structures import decode, encode
from runner.errors import Malformed, ProtocolError, Unauthentic
from runner.pki.certificates import parse_certificate
from runner.pki.paths import find_path
from runner.pki.signed_data import DATA, Content, sign, signed_by

if TYPE_CHECKING:
    from datetime import datetime

    from runner.pki.certificates import Certificate
    from runner.pki.signing import Signer

SUFFIX = ".p7s"
"""What the name of a signature ends with, behind that of the report."""
_NOUN = "report"


def signature(octets: bytes, signer: Signer, chain: tuple[Certificate, ...]) -> bytes:
    """A detached signature over a report's octets: ContentInfo with SignedData, DER, certificates included."""
    signed = encode(sign(Content(DATA, octets, _NOUN), signer, chain, detached=True))
    return encode(ContentInfo(content_type=SIGNED_DATA, content=signed))


def vouched(octets: bytes, der: bytes, anchors: tuple[Certificate, ...], now: datetime) -> Certificate:
    """Who signed these octets. Unauthentic where the signature is not good, or its signer has no path to `anchors`.

    Without anchors whoever signed is returned, and nothing vouches for them. Malformed where `der` is no signature.
    """
    outer = decode(ContentInfo, der)
    if outer.content_type != SIGNED_DATA:
        raise Malformed("this is no signature", why=f"its content is of the type {outer.content_type}")
    signed = decode(SignedData, outer.content)
    signer = signed_by(signed, Content(DATA, octets, _NOUN))
    if anchors:
        try:
            find_path(signer, [parse_certificate(each) for each in signed.certificates], anchors, now)
        except ProtocolError as problem:
            raise Unauthentic(f'"{signer.subject}" signed it and is not trusted', why=problem.what) from problem
    return signer
