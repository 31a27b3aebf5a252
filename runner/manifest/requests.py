"""What goes together in one request, and what does not: key, PKCS #10 request, proof, controls; what is revoked.

Each check notes what is wrong in the ledger, at its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.manifest.templates import FIELDS
from runner.pki.extensions import CRL_REASONS

if TYPE_CHECKING:
    from runner.manifest.reader import Reader
    from runner.manifest.wishes import Asking
    from runner.pki.keyurls import KeyUrl

_STORES = ("pkcs12", "jks")


def check_request(reader: Reader, key: KeyUrl | None, asking: Asking) -> None:
    """Whether an enrollment's key and request fit each other; the proof is looked at by care.py."""
    values = reader.part.values
    if "key" not in values and "csr" not in values:
        step = "for example key: generate://pkcs8@ec:p256/out/${name}, or csr: for a key that is elsewhere"
        reader.ledger.error(f"missing key 'key' in {reader.part.spelled}", reader.part.place, next_step=step)
    if "csr" in values:
        _check_csr(reader, key)
    if "csr" in values or _is(reader, "request", "p10cr"):
        _check_pkcs10(reader, key, asking)


def _is(reader: Reader, key: str, value: str) -> bool:
    text = reader.part.text(key)
    return text is not None and text.value == value


def _check_csr(reader: Reader, key: KeyUrl | None) -> None:
    """The request says it all, and is made already."""
    for field in (*FIELDS, "template"):
        if field in reader.part.values:
            place = reader.part.place_of_key(field)
            why = "the request says itself what the certificate should say"
            reader.ledger.error(
                f"{field} does not go together with csr", place, why=why, next_step="remove one of them"
            )
    request = reader.part.text("request")
    if request is not None and request.value != "p10cr":
        reader.ledger.error(f"a csr cannot go out as {request.value}", request.place, next_step="leave request: out")
    if key is not None and key.generates:
        why = "the request was made with a key that exists"
        reader.ledger.error("a key to be generated does not go together with csr", reader.part.place_of("key"), why=why)
    output = reader.part.part("output")
    for store in _STORES if output is not None and "key" not in reader.part.values else ():
        if output is not None and store in output.values:
            why = "a key store holds the private key"
            reader.ledger.error(f"{store} needs key:", output.place_of_key(store), why=why)


def _check_pkcs10(reader: Reader, key: KeyUrl | None, asking: Asking) -> None:
    """A PKCS #10 request carries no controls and no regInfo, and is signed by its key (RFC 9483 §4.1.4)."""
    backup = ("backup",) if reader.part.flag("backup") else ()
    for field in (*asking.beside_template, *backup):
        place, step = reader.part.place_of_key(field), "request: ir or cr carries it"
        reader.ledger.error(f"a p10cr cannot carry {field}", place, next_step=step)
    if key is not None and key.spec is not None and not key.spec.can_sign:
        place = reader.part.place_of("key")
        reader.ledger.error(f"a key of the kind {key.spec} cannot sign a PKCS #10 request", place)
    if "proof_of_possession" in reader.part.values and not _is(reader, "proof_of_possession", "signature"):
        why = "its signature is the proof"
        reader.ledger.error("a p10cr is proved by its signature", reader.part.place_of("proof_of_possession"), why=why)


def check_revoked(reader: Reader) -> bool:
    """A certificate, or its issuer and serial number; never both. Whether that is so."""
    values, ledger = reader.part.values, reader.ledger
    numbered = [key for key in ("issuer", "serial") if key in values]
    if "certificate" in values and numbered:
        place, step = reader.part.place_of_key(numbered[0]), "keep one way to say which certificate"
        ledger.error(f"{numbered[0]} does not go together with certificate", place, next_step=step)
        return False
    if "certificate" not in values and len(numbered) < 2:  # noqa: PLR2004 - issuer and serial
        missing = "certificate" if not numbered else "serial" if numbered == ["issuer"] else "issuer"
        step = "certificate: FILE, or issuer: and serial:"
        ledger.error(f"missing key {missing!r} in {reader.part.spelled}", reader.part.place, next_step=step)
        return False
    if numbered and "key" in values:
        why = "to sign with it takes the certificate itself"
        ledger.error("key does not go together with serial", reader.part.place_of_key("key"), why=why)
        return False
    return True


def read_reason(reader: Reader) -> str | None:
    """The CRLReason of a revocation, by its name; None where there is none that is known."""
    text = reader.part.text("reason")
    if text and reader.constant("reason") and text.value not in CRL_REASONS:
        return None  # the schema has told of it
    return reader.parsed("reason", _parse_reason, CRL_REASONS)


def _parse_reason(text: str) -> str:
    if text not in CRL_REASONS:
        raise ValueError(f"unknown reason {text!r}: one of {', '.join(CRL_REASONS)}")
    return text
