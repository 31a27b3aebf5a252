"""Reads how a server is dealt with: its profile and tolerances, and which protections its answers may bear."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.manifest.credentials import CertificateCredential, PskCredential
from runner.manifest.model import BOTH_KINDS
from runner.manifest.words import choose, shortened
from runner.pki.servers import OF_1999, PROFILES, STRICT, TOLERANCES, ServerProfile, Tolerance
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.manifest.credentials import Credential
    from runner.manifest.declarations import Declared
    from runner.manifest.ledger import Ledger
    from runner.manifest.reader import Reader


@frozen
class Dealings:
    """What the manifest says, and where it does not, the profile."""

    server: ServerProfile = STRICT
    tolerates: frozenset[Tolerance] = frozenset()
    accepts: frozenset[str] = BOTH_KINDS
    answer_credential: str | None = None
    implicit_confirm: bool = False
    send_extra_certs: str = "always"
    message_time: bool = True
    template_version: bool = False


def read_dealings(reader: Reader, credentials: Mapping[str, Credential | None]) -> Dealings:
    """The dealings with one authority."""
    part = reader.part
    name = reader.reference("profile", PROFILES, "profile")
    first = part.number("version", 2) == 1
    server = PROFILES[name] if name else OF_1999 if first else STRICT
    if first:
        _refuse_later_ways(reader)
    accepted = frozenset(text.value for text in part.texts("accept")) & BOTH_KINDS
    often = part.text("send_extra_certs")
    return Dealings(
        server,
        server.tolerates | _tolerances(reader),
        accepted or BOTH_KINDS,
        _answer_credential(reader, credentials),
        implicit_confirm=_flag(reader, "implicit_confirm", usual=server.implicit_confirm),
        send_extra_certs=often.value if often else server.send_extra_certs,
        message_time=_flag(reader, "message_time", usual=server.message_time),
        template_version=_flag(reader, "template_version", usual=server.template_version),
    )


def _refuse_later_ways(reader: Reader) -> None:
    """What CMP version 1 does not have."""
    for key, why in (
        ("implicit_confirm", "a certificate is always confirmed there, and the CA does not answer"),
        ("batching", "its confirmation is about one certificate"),
    ):
        if reader.part.values.get(key):
            reader.ledger.error(f"{key}: CMP version 1 does not have it", reader.part.place_of(key), why=why)


def _tolerances(reader: Reader) -> frozenset[Tolerance]:
    found = set()
    for text in reader.part.texts("tolerate"):
        if text.value in TOLERANCES:
            found.add(TOLERANCES[text.value])
        else:
            step = choose(text.value, list(TOLERANCES))
            reader.ledger.error(f"unknown tolerance {shortened(text.value)}", text.place, next_step=step)
    return frozenset(found)


def _answer_credential(reader: Reader, credentials: Mapping[str, Credential | None]) -> str | None:
    """A shared secret, since a certificate is judged by `trust:`."""
    name = reader.reference("answer_credential", credentials, "credential")
    if name is not None and isinstance(credentials[name], CertificateCredential):
        place, why = reader.part.place_of("answer_credential"), "signed answers are judged by trust:"
        reader.ledger.error(f"answer_credential: {name!r} is no shared secret", place, why=why)
        return None
    return name


def check_iterations(name: str, used: str, declared: Declared, ledger: Ledger) -> None:
    """More iterations than the server takes, as far as its profile knows: what is said wins, and is told."""
    authority, credential = declared.authorities[name], declared.credentials.get(used)
    if authority is None or not isinstance(credential, PskCredential) or not authority.server.most_iterations:
        return
    said, most = credential.mac.iterations or 0, authority.server.most_iterations
    if said > most:
        why, step = f"{name} has a profile of servers that take at most {most}", f"iterations: {most} or fewer"
        ledger.warn(f"{used}: {said} iterations are too many", credential.place, why=why, next_step=step)


def _flag(reader: Reader, key: str, *, usual: bool) -> bool:
    value = reader.part.values.get(key)
    return value if isinstance(value, bool) else usual
