"""Requests in every form that reaches an RA: PKCS #10, CRMF CertReqMessages, PKIMessage; PEM or DER.

What a file is, its octets say and not its name. Everything is decoded under limits of size, count and depth, and
what is not exactly one request is Malformed.
"""

from __future__ import annotations

import binascii
from dataclasses import field
from re import DOTALL
from re import compile as regex
from typing import TYPE_CHECKING

from runner.asn1.bodies import MAX_NESTING
from runner.asn1.cmp import PKI_BODY, PKIHeader
from runner.asn1.crmf import CERT_REQ_MESSAGES
from runner.asn1.der import SEQUENCE_TAG, elements, open_sequence, read_header, tlv
from runner.asn1.structures import Chosen, decode
from runner.asn1.x509 import Signed
from runner.cmp.message import read_message
from runner.errors import Malformed
from runner.values import frozen

if TYPE_CHECKING:
    from runner.cmp.message import Unverified

MAX_REQUEST = 256 * 1024
"""Octets of a request; the largest that are real, with post-quantum keys and chains, have a tenth of it."""
OPENING = ("ir", "cr", "kur", "p10cr", "rr")
"""The messages that ask for something that an RA has to judge."""
_PEM = regex(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----\s(.*?)-----END \1-----", DOTALL)
_INTEGER_TAG = 0x02
_CONTEXT, _CLASS = 0x80, 0xC0


@frozen
class Submission:
    """A request as it came. `form` is pkcs10, crmf or pkimessage; `body` is what would be sent on, as a PKIBody.

    `body_octets` is that body's element as it came: proofs are signatures over parts of it. `inner` is the message in
    a nested one.
    """

    form: str
    octets: bytes = field(repr=False)
    body: Chosen
    body_octets: bytes = field(repr=False)
    unverified: Unverified | None = None
    inner: Submission | None = None

    @property
    def header(self) -> PKIHeader | None:
        """The header of a PKIMessage."""
        return None if self.unverified is None else self.unverified.message.header

    @property
    def kind(self) -> str:
        """The body type; that of the inner message of a nested one."""
        return self.inner.kind if self.inner is not None else self.body.name

    @property
    def innermost(self) -> Submission:
        """The request itself, whatever it came in."""
        return self if self.inner is None else self.inner.innermost


def read_submission(octets: bytes) -> Submission:
    """The one request whose octets these are. Malformed where they are none."""
    if len(octets) > MAX_REQUEST:
        raise Malformed("the request is too large", why=f"{len(octets)} octets; at most {MAX_REQUEST} are accepted")
    der = _der(octets)
    form = _form(der)
    if form == "pkimessage":
        return read_pki_message(der)
    if form == "pkcs10":
        decode(Signed, der)
        return Submission(form, der, Chosen("p10cr", der), PKI_BODY.encode(Chosen("p10cr", der)))
    body = Chosen("cr", CERT_REQ_MESSAGES.decode(der))
    return Submission(form, der, body, tlv(PKI_BODY.by_name["cr"].tag, der))


def read_pki_message(der: bytes, depth: int = 0) -> Submission:
    """A PKIMessage, and the one message inside where it is nested. Malformed where it is none, or nested too deep."""
    if len(der) > MAX_REQUEST:
        raise Malformed("the message is too large", why=f"{len(der)} octets; at most {MAX_REQUEST} are accepted")
    unverified = read_message(der)
    body = unverified.message.body
    _, octets, *_ = elements(der, *open_sequence(der), 4)
    inner = read_pki_message(_only_nested(body.value, depth), depth + 1) if body.name == "nested" else None
    return Submission("pkimessage", der, body, octets, unverified, inner)


def _only_nested(messages: bytes, depth: int) -> bytes:
    """The one message in a NestedMessageContent. An RA before us may not batch: each of its answers would be ours."""
    if depth + 1 >= MAX_NESTING:
        raise Malformed("messages are nested too deep", why=f"at most {MAX_NESTING} levels are taken, ours included")
    found = elements(messages, *open_sequence(messages), 64)
    if len(found) != 1:
        raise Malformed("a nested message holds other than one message", why=f"{len(found)} of them")
    return found[0]


def _der(octets: bytes) -> bytes:
    """The DER in a file: itself, or that of its one PEM block."""
    if octets[:1] == bytes((SEQUENCE_TAG,)):
        return octets
    blocks = octets.count(b"-----BEGIN ")  # counted first: a search from each of many would take long
    block = _PEM.search(octets) if blocks == 1 else None
    if block is None:
        raise Malformed("this is no request", why=f"neither DER nor one PEM block: {blocks} blocks")
    try:
        return binascii.a2b_base64(b"".join(block[2].split()), strict_mode=True)
    except ValueError as problem:
        raise Malformed("a PEM block is not base64") from problem


def _form(der: bytes) -> str:
    """Told by the first octets: each of the three begins with a SEQUENCE that no other has."""
    start, stop = open_sequence(der)
    tag, inside, end = read_header(der, start, stop)
    if tag == SEQUENCE_TAG and inside < end:
        first, begin, finish = read_header(der, inside, end)
        if first == SEQUENCE_TAG and der[begin : begin + 1] == bytes((_INTEGER_TAG,)):
            return "crmf"
        if first == _INTEGER_TAG and finish < end:
            second, _, _ = read_header(der, finish, end)
            return "pkimessage" if second & _CLASS == _CONTEXT else "pkcs10"
    raise Malformed("this is no request", why="neither a PKIMessage, nor PKCS #10, nor CertReqMessages")


def header_alone(octets: bytes) -> PKIHeader | None:
    """The header of a message whose body may not decode; None where even that cannot be read."""
    try:
        return decode(PKIHeader, elements(octets, *open_sequence(octets), 4)[0])
    except (Malformed, IndexError):
        return None
