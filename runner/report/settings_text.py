"""The settings in effect for each authority, as text: what the manifest says, what its profile does, the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.execute.access import chosen
from runner.manifest.credentials import PskCredential
from runner.pki.servers import PROFILES, Tolerance
from runner.report.sanitise import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.manifest.model import Authority, Document
    from runner.pki.mac_parameters import MacParameters


def settings_text(document: Document) -> str:
    """A block for each authority, ready to print."""
    return "".join(
        f"authority {clean(name)}: {clean(_profile(authority))}\n{''.join(_lines(authority, document))}"
        for name, authority in document.authorities.items()
    )


def _profile(authority: Authority) -> str:
    names = [name for name, profile in PROFILES.items() if profile is authority.server]
    return f"profile {names[0]}" if names else "no profile"


def _lines(authority: Authority, document: Document) -> Iterator[str]:
    tolerated = [each.value for each in Tolerance if each in authority.tolerates]
    names_old = authority.server.old_cert_id if authority.asking.old_cert_id is None else authority.asking.old_cert_id
    rows = (
        ("version", str(authority.version)),
        ("implicit_confirm", _word(truth=authority.implicit_confirm)),
        ("accept", ", ".join(sorted(authority.accepts))),
        ("tolerate", ", ".join(tolerated) or "nothing"),
        ("old_cert_id", _word(truth=names_old)),
        ("send_extra_certs", authority.send_extra_certs),
        ("message_time", _word(truth=authority.message_time)),
        ("template_version", _word(truth=authority.template_version)),
        ("absolute_uri", _word(truth=authority.reach.http.absolute_uri)),
        *_macs(authority, document),
    )
    yield from (f"  {key:<17} {clean(value)}\n" for key, value in rows)


def _word(*, truth: bool) -> str:
    return "true" if truth else "false"


def _macs(authority: Authority, document: Document) -> Iterator[tuple[str, str]]:
    """The MAC and the sender of each shared key that is used with the authority."""
    items = {item.credential for item in document.items if item.authority == authority.name}
    for name in sorted({authority.credential or "", *(each or "" for each in items)}):
        credential = document.credentials.get(name)
        if isinstance(credential, PskCredential):
            yield "mac", f"{_measures(chosen(credential.mac, authority.server.mac))} ({name})"
            yield "sender", f"{credential.presenting.sender or authority.server.sender} ({name})"


def _measures(mac: MacParameters) -> str:
    return f"{mac.kind}, {mac.owf}, {mac.mac}, {mac.iterations} iterations"
