"""`doctor --write-profile`: the `authorities:` entry that fits what was examined, as YAML.

Defaults are left out, paths are as the manifest's folder sees them, and no secret is in it.
"""

from __future__ import annotations

import os.path
from base64 import b64encode
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from runner.manifest.limits import Limits
from runner.manifest.polling import USUAL

if TYPE_CHECKING:
    from runner.cli.checkup.examination import Patient
    from runner.manifest.model import Authority
    from runner.manifest.polling import Polling


def profile(authority: Authority, patient: Patient, base: str) -> str:
    """The entry: what the manifest said, with the changes that helped."""
    import yaml

    entry = {"authorities": {authority.name: _said(_entry(authority, patient, base))}}
    return yaml.safe_dump(entry, sort_keys=False, allow_unicode=True, width=100, default_flow_style=False)


def _said(values: dict[str, Any]) -> dict[str, Any]:
    """What is not said is left out."""
    return {key: value for key, value in values.items() if value not in (None, "", [], {}, False)}


def _entry(authority: Authority, patient: Patient, base: str) -> dict[str, Any]:
    wish = authority.reach
    return {
        "url": _url(authority, patient),
        "name": authority.recipient.text if authority.recipient else None,
        "certificate": _path(authority.certificate, base),
        "trust": [_path(path, base) for path in authority.trust],
        "proxy": _proxy(authority),
        "no_proxy": list(wish.no_proxy),
        "tls": _said(_tls(authority, base)),
        "http": _said(_http(authority, patient)),
        "tcp": {"framing": "rfc2510"} if patient.address.old_framing else None,
        "version": _version(authority, patient),
        "credential": authority.credential,
        "implicit_confirm": authority.implicit_confirm,
        "limits": _limits(authority.limits),
        "polling": _polling(authority),
    }


def _url(authority: Authority, patient: Patient) -> str | list[str]:
    urls = [*patient.address.urls, *authority.reach.further]
    return urls[0] if len(urls) == 1 else urls


def _path(path: str | None, base: str) -> str | None:
    return os.path.relpath(path, base) if path and base else path


def _proxy(authority: Authority) -> str | dict[str, str] | None:
    """The proxy, without a password that stands in its URL."""
    wish = authority.reach.proxy
    if wish is None:
        return None
    scheme, separator, rest = wish.url.partition("://")
    login, at, place = rest.rpartition("@")
    url = f"{scheme}{separator}{login.partition(':')[0]}{at}{place}"
    return {"url": url, "credential": wish.login} if wish.login else url


def _tls(authority: Authority, base: str) -> dict[str, Any]:
    wish = authority.reach.tls
    return {
        "trust": [_path(path, base) for path in wish.trust],
        "certificate": _path(wish.certificate, base),
        "key": f"file:{_path(wish.key.path, base)}" if wish.key else None,
        "server_name": wish.server_name,
        "pins": [f"sha256/{b64encode(pin).decode()}" for pin in wish.pins],
    }


def _http(authority: Authority, patient: Patient) -> dict[str, Any]:
    wish, found = authority.reach.http, patient.address.http
    return {
        "credential": wish.login,
        "headers": dict(wish.headers),
        "version": 1.0 if found.http10 else None,
        "absolute_uri": found.absolute_uri,
        "well_known": wish.well_known or wish.well_known is not None,
        "operation_labels": wish.labels,
    }


def _version(authority: Authority, patient: Patient) -> int:
    return patient.parties.pvno if patient.parties else authority.version


def _polling(authority: Authority) -> dict[str, Any] | None:
    return _changed(authority.polling, USUAL, ("max_wait", "give_up_after")) or None


def _limits(limits: Limits) -> dict[str, Any]:
    return _changed(limits, Limits(), ("timeout", "connect_timeout", "first_byte_timeout"))


def _changed(ours: Polling | Limits, usual: Polling | Limits, durations: tuple[str, ...]) -> dict[str, Any]:
    """What is not as usual, as the manifest says it; `durations` are in seconds."""
    values = {field.name: getattr(ours, field.name) for field in fields(usual)}
    changed = {name: value for name, value in values.items() if value != getattr(usual, name)}
    return {name: f"{value:.0f}s" if name in durations else value for name, value in changed.items()}
