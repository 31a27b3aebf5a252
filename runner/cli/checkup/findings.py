"""What an examination finds, as data: one Finding a step, in the order in which a message meets them."""

from __future__ import annotations

from enum import Enum

from runner.values import frozen

SETTINGS, NAME, PROXY, CONNECTION, TLS, HTTP, CONTENT, GENM, CLOCK, PROTECTION, IMPLICIT, BATCHING = (
    "settings",
    "name",
    "proxy",
    "connection",
    "TLS",
    "HTTP",
    "content type",
    "genm",
    "clock",
    "protection",
    "implicitConfirm",
    "batching",
)
STEPS = (SETTINGS, NAME, PROXY, CONNECTION, TLS, HTTP, CONTENT, GENM, CLOCK, PROTECTION, IMPLICIT, BATCHING)
"""Every step, in order. Over tcp:// the step HTTP is the framing."""
YOU, NETWORK, CA = "you", "the network", "the CA"
"""Whose something is: who can put it right."""


class Verdict(Enum):
    """How a step went. A NOTE is worth knowing and stops nobody."""

    OK = "ok"
    NOTE = "note"
    FAILED = "failed"
    SKIPPED = "skipped"


@frozen
class Finding:
    """One step: what was seen, and where it failed why, whose it is and the next step."""

    step: str
    verdict: Verdict
    what: str
    why: str = ""
    whose: str = ""
    next_step: str = ""


CAUSES = {
    "name-unknown": (NAME, YOU),
    "name-service": (NAME, NETWORK),
    "name-timeout": (NAME, NETWORK),
    "proxy-unreachable": (PROXY, NETWORK),
    "proxy-timeout": (PROXY, NETWORK),
    "proxy-denied": (PROXY, NETWORK),
    "proxy-cannot-reach": (PROXY, NETWORK),
    "proxy-credentials": (PROXY, YOU),
    "not-a-proxy": (PROXY, YOU),
    "refused": (CONNECTION, CA),
    "no-route": (CONNECTION, NETWORK),
    "connect-timeout": (CONNECTION, NETWORK),
    "tls-timeout": (TLS, CA),
    "tls-hangup": (TLS, CA),
    "tls-handshake": (TLS, CA),
    "tls-old": (TLS, CA),
    "tls-expired": (TLS, CA),
    "tls-pin": (TLS, CA),
    "tls-not-yet-valid": (TLS, YOU),
    "tls-self-signed": (TLS, YOU),
    "tls-untrusted": (TLS, YOU),
    "tls-name": (TLS, YOU),
    "tls-plain": (TLS, YOU),
    "tls-client-certificate": (TLS, YOU),
    "not-http": (HTTP, YOU),
    "not-framed": (HTTP, YOU),
    "frame-version": (HTTP, YOU),
    "peer-error": (HTTP, CA),
    "no-answer": (HTTP, CA),
    "silent": (HTTP, CA),
    "slow": (HTTP, CA),
    "broken-off": (HTTP, CA),
    "too-large": (HTTP, CA),
    "empty": (HTTP, CA),
    "redirect": (HTTP, YOU),
    "unauthorized": (HTTP, YOU),
    "not-found": (HTTP, YOU),
    "method": (HTTP, YOU),
    "media-type": (HTTP, YOU),
    "http-version": (HTTP, YOU),
    "forbidden": (HTTP, CA),
    "bad-request": (HTTP, CA),
    "request-size": (HTTP, CA),
    "busy": (HTTP, CA),
    "server-error": (HTTP, CA),
    "gateway": (HTTP, CA),
    "web-page": (CONTENT, YOU),
    "not-cmp": (CONTENT, YOU),
    "folder": (SETTINGS, YOU),
    "poll-unknown": (HTTP, CA),
}
"""TransportError.cause → the step that failed, and whose it is."""
