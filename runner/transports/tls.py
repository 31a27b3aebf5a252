"""TLS under a framing: whom we believe, who we are, and words that name the certificate and the reason.

TLS 1.2 or later. The anchors here are TLS's own and have nothing to do with CMP's; whatever TLS proves, a CMP message
is judged by its own protection. Keys must be at hand as octets: Python's ssl takes no key that stays in a device.
"""

from __future__ import annotations

import contextlib
import os
import ssl
from dataclasses import field
from functools import lru_cache
from hashlib import sha256
from hmac import compare_digest
from typing import TYPE_CHECKING

from runner.errors import BadInput, NotSent
from runner.transports.words import short
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography import x509

    from runner.transports.endpoint import Endpoint


@frozen
class Identity:
    """Who we are in a handshake: certificates and private key, both in PEM."""

    chain: bytes
    key: bytes = field(repr=False)


@frozen
class TlsSettings:
    """How TLS is spoken: `trust` are anchors in PEM (empty: the system's), `pins` SHA-256 digests of public keys.

    `server_name` stands in for the host, in SNI and in what the certificate must name. A pin is checked besides the
    path, never instead of it.
    """

    trust: str = ""
    identity: Identity | None = None
    server_name: str = ""
    pins: tuple[bytes, ...] = ()


_CAUSES = {  # X509_V_ERR_…: the cause, and what to do about it
    9: ("tls-not-yet-valid", "compare the clocks of this machine and of the server"),
    10: ("tls-expired", "ask the server's operator to renew it; check this machine's clock"),
    18: ("tls-self-signed", "if it is the right one, give it as `tls: {trust: …}`"),
    19: ("tls-untrusted", "if its root is the right one, give it as `tls: {trust: …}`"),
    20: ("tls-untrusted", "for a certificate of your own PKI give its CA as `tls: {trust: …}`"),
    21: ("tls-untrusted", "for a certificate of your own PKI give its CA as `tls: {trust: …}`"),
    62: ("tls-name", "check the host in `url:`; if the certificate is the right one, set `tls: {server_name: …}`"),
    64: ("tls-name", "check the host in `url:`; if the certificate is the right one, set `tls: {server_name: …}`"),
}
_OTHER_CAUSE = ("tls-untrusted", "ask the server's operator; nothing was sent")
_PLAIN = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")
_OLD = ("UNSUPPORTED_PROTOCOL", "PROTOCOL_VERSION")
_OURS_WANTED = "the server wants a certificate of ours, or another one: see `tls: {certificate, key}`"
_OUR_CERTIFICATE = ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED")


@lru_cache(maxsize=16)
def context_of(settings: TlsSettings) -> ssl.SSLContext:
    """One context for all connections of the same settings: reading the system's anchors takes milliseconds.

    Raises BadInput where the anchors, or our own certificate and key, are of no use.
    """
    try:
        context = ssl.create_default_context(cadata=settings.trust or None)
    except ssl.SSLError as error:
        raise BadInput(
            "The trust anchors for TLS cannot be used", why="they are no certificates", next_step="correct `tls:`"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.identity is not None:
        _load(context, settings.identity)
    return context


def unjudging_context() -> ssl.SSLContext:
    """A context that accepts every certificate: to look at one that was refused, and for nothing else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _load(context: ssl.SSLContext, identity: Identity) -> None:
    try:
        with _as_file(identity.key + identity.chain) as path:
            context.load_cert_chain(path)
    except ssl.SSLError as error:
        raise BadInput(
            "Our certificate and key for TLS cannot be used",
            why="they do not belong together" if error.reason == "KEY_VALUES_MISMATCH" else "TLS does not take them",
            next_step="check `certificate:` and `key:` of `tls:`",
        ) from None


@contextlib.contextmanager
def _as_file(octets: bytes) -> Iterator[str]:
    """A path that leads to `octets`: in memory where the system can do that, else a file of ours that is gone after."""
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("tls"), "wb", buffering=0) as memory:
            memory.write(octets)
            yield f"/proc/self/fd/{memory.fileno()}"
        return
    import tempfile  # noqa: PLC0415 - where the system has no files in memory

    with tempfile.NamedTemporaryFile() as file:
        file.write(octets)
        file.flush()
        yield file.name


def check_pin(endpoint: Endpoint, settings: TlsSettings, der: bytes) -> None:
    """Raise NotSent where the server's certificate (DER) has none of the pinned public keys."""
    if not settings.pins:
        return
    found = _key_digest(der)
    if found is not None and any(compare_digest(found, pin) for pin in settings.pins):
        return
    raise NotSent(
        f"The TLS certificate of {endpoint} has another public key than the pinned one",
        why=f"it is {described(der)}; its public key's SHA-256 is {found.hex() if found else 'unreadable'}",
        next_step="if the server has a new key, ask its operator for the digest by another way, and correct `pins:`",
        cause="tls-pin",
    )


def _key_digest(der: bytes) -> bytes | None:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415 - with pins only

    certificate = _parsed(der)
    if certificate is None:
        return None
    return sha256(certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


def _parsed(der: bytes) -> x509.Certificate | None:
    from cryptography import x509  # noqa: PLC0415 - for words about failures, and with pins

    try:
        return x509.load_der_x509_certificate(der)
    except ValueError:
        return None


def described(der: bytes) -> str:
    """A server's certificate in a line: whose it is, whom it names, who issued it, until when, and its fingerprint."""
    print_of = sha256(der).hexdigest()
    certificate = _parsed(der)
    if certificate is None:
        return f"a certificate that cannot be read (SHA-256 {print_of})"
    names = short(", ".join(_names(certificate))) or "nobody"
    return (
        f"“{short(certificate.subject.rfc4514_string())}” for {names}, "
        f"issued by “{short(certificate.issuer.rfc4514_string())}”, "
        f"valid {certificate.not_valid_before_utc:%F} to {certificate.not_valid_after_utc:%F}, SHA-256 {print_of}"
    )


def _names(certificate: x509.Certificate) -> list[str]:
    from cryptography import x509  # noqa: PLC0415 - as above

    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [*found.get_values_for_type(x509.DNSName), *map(str, found.get_values_for_type(x509.IPAddress))]


def untrusted(endpoint: Endpoint, error: ssl.SSLCertVerificationError, seen: bytes | None) -> NotSent:
    """Words for a certificate that does not verify; `seen` is its DER where it could be looked at."""
    cause, next_step = _CAUSES.get(error.verify_code, _OTHER_CAUSE)
    reason = str(error.verify_message).rstrip(".")
    return NotSent(
        f"The TLS certificate of {endpoint} is not acceptable",
        why=f"{reason}: it is {described(seen)}" if seen else reason,
        next_step=next_step,
        cause=cause,
    )


def failed(endpoint: Endpoint, error: ssl.SSLError, *, anonymous: bool) -> NotSent:
    """Words for a handshake that broke off; `anonymous`: we showed no certificate, which TLS 1.2 refuses so vaguely."""
    reason = error.reason or "the handshake broke off"
    if any(word in reason for word in _PLAIN):
        cause, next_step = "tls-plain", "this port may speak plain http://"
    elif any(word in reason for word in _OLD):
        cause, next_step = "tls-old", "TLS 1.2 or later is needed: ask the server's operator"
    elif refuses_us(error) or (anonymous and "HANDSHAKE_FAILURE" in reason):
        cause, next_step = "tls-client-certificate", _OURS_WANTED
    else:
        cause, next_step = "tls-handshake", "compare the server's TLS settings: TLS 1.2 or later is needed"
    return NotSent(
        f"TLS with {endpoint} failed", why=reason.replace("_", " ").lower(), next_step=next_step, cause=cause
    )


def refuses_us(error: BaseException) -> bool:
    """Whether the server's alert is about our certificate, or that we showed none."""
    reason = (error.reason or "") if isinstance(error, ssl.SSLError) else ""
    return "ALERT" in reason and any(word in reason for word in _OUR_CERTIFICATE)
