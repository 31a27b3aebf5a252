"""Proof of possession by challenge and response: popdecc and popdecr (RFC 9810 §5.2.8.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.asn1.cmp import CMP_2021
from runner.asn1.infotypes import POPO_DEC_KEY_CHALL, POPO_DEC_KEY_RESP, Challenge
from runner.asn1.structures import decode, encode
from runner.errors import Malformed, ProtocolError
from runner.lab.answers import Answer
from runner.lab.rules import Rejection
from runner.pki.decryption_proofs import make_challenge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.lab.office import Office
    from runner.lab.received import Request
    from runner.lab.records import Part


def challenge(office: Office, request: Request, public_key: bytes, cert_req_id: int) -> tuple[bytes, int]:
    """A Challenge (DER) for the holder of a key, and the number that answers it: Rejection where it cannot be made."""
    enveloped = request.header.pvno >= CMP_2021
    try:
        made, number = make_challenge(
            office.issuer.general_name, public_key, office.entropy, cert_req_id=cert_req_id, enveloped=enveloped
        )
    except (ProtocolError, ValueError) as problem:
        raise Rejection("badPOP", "no challenge can be encrypted to this key") from problem
    return encode(made), number


def popdecc(parts: Sequence[Part]) -> Answer:
    """The challenges of these parts."""
    return Answer("popdecc", POPO_DEC_KEY_CHALL.encode(tuple(decode(Challenge, part.challenge) for part in parts)))


def numbers_in(request: Request, expected: int) -> tuple[int, ...]:
    """The numbers in a popdecr: as many as there were challenges."""
    try:
        numbers: tuple[int, ...] = POPO_DEC_KEY_RESP.decode(request.content)
    except Malformed as problem:
        raise Rejection("badDataFormat", f"not a popdecr: {problem.what}") from problem
    if not expected or len(numbers) != expected:
        raise Rejection("badRequest", f"{len(numbers)} answers to {expected} challenges")
    return numbers
