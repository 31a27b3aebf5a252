"""By what a one-time secret is known again once it was used: a mark that does not give it away.

PBKDF2-HMAC-SHA256 keyed by the secret, the reference number in its salt. What somebody who sees the state could try
secrets on is no easier than the MAC of the request, which is in the state, and was on the wire, too.
"""

from __future__ import annotations

from hashlib import pbkdf2_hmac

ITERATIONS = 2000
_OCTETS = 20


def mark_of(reference: bytes, key: bytes) -> str:
    """The mark (hex) of a secret with its reference number."""
    return pbkdf2_hmac("sha256", key, b"cmp-batch one-time secret\0" + reference, ITERATIONS, _OCTETS).hex()
