"""A request in words: what a plan shows, what a person is asked about, what a report says. Whoever prints cleans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.pki.certificates import readable_certificates
from runner.pki.extensions import extended_key_usage_name
from runner.ra.asked import Asked

if TYPE_CHECKING:
    from runner.asn1.structures import Chosen
    from runner.pki.certificates import Certificate
    from runner.ra.asked import AskedRevocation

_MOST_NAMES = 8


def told_request(asked: Asked | AskedRevocation) -> str:
    """`"CN=web", dns=web.example, ec:p256, digitalSignature, serverAuth`."""
    if not isinstance(asked, Asked):
        return f'revoke {asked.serial:x} of "{asked.issuer}" ({asked.reason})'
    names = [f'"{asked.subject}"', *_few([str(name) for name in asked.alt_names])]
    usages = [*asked.key_usage, *map(extended_key_usage_name, asked.extended_key_usage)]
    powers = ["CA:TRUE"] if asked.ca else []
    return ", ".join([*names, str(asked.key) if asked.key else "a key made by the CA", *_few(usages), *powers])


def _few(words: list[str]) -> list[str]:
    return words if len(words) <= _MOST_NAMES else [*words[:_MOST_NAMES], f"and {len(words) - _MOST_NAMES} more"]


def certificate_in(body: Chosen) -> Certificate | None:
    """The certificate in an answer, where there is one that can be read."""
    if body.name not in ("ip", "cp", "kup"):
        return None
    pairs = [response.certified_key_pair for response in body.value.response]
    ders = [pair.cert_or_enc_cert.value for pair in pairs if pair and pair.cert_or_enc_cert.name == "certificate"]
    return next(iter(readable_certificates(ders)), None)
