"""The authorities, credentials and templates of a manifest: what items refer to by name.

Names are unique over all files. A declaration that cannot be read keeps its name, so that one mistake is told once
and not again at everything that refers to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from runner.manifest.durations import parse_duration
from runner.manifest.model import (
    LAB_URL,
    Authority,
    CertificateCredential,
    Credential,
    Limits,
    PskCredential,
    SecretRef,
)
from runner.manifest.reader import Reader, cached_name
from runner.manifest.templates import check_template

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from runner.manifest.ledger import Ledger
    from runner.manifest.parts import Part

_REFNUM_AND_KEY = re.compile(r"[^:]+:.+", re.DOTALL)
_URL = re.compile(r"[\x21-\x7e]+")


@dataclass(slots=True)
class Declared:
    """What items may refer to, by name; None stands for a declaration that cannot be read."""

    authorities: dict[str, Authority | None] = field(default_factory=dict)
    credentials: dict[str, Credential | None] = field(default_factory=dict)
    templates: dict[str, Part] = field(default_factory=dict)


def read_declarations(roots: Sequence[Part], variables: Mapping[str, str], ledger: Ledger) -> Declared:
    """All declarations of all files."""
    declared = Declared()
    for name, part in _unique(roots, "credentials", ledger):
        declared.credentials[name] = _credential(name, Reader(part, variables, ledger))
    for name, part in _unique(roots, "authorities", ledger):
        declared.authorities[name] = _authority(name, Reader(part, variables, ledger), declared)
    for name, part in _unique(roots, "templates", ledger):
        declared.templates[name] = part
        check_template(Reader(part, variables, ledger))
    return declared


def _unique(roots: Sequence[Part], section: str, ledger: Ledger) -> Iterator[tuple[str, Part]]:
    seen: dict[str, Part] = {}
    for root in roots:
        for name, part in root.named(section):
            if name in seen:
                ledger.error(f"{name!r} is in {section} twice", part.key_place, why=f"first at {seen[name].key_place}")
                continue
            seen[name] = part
            yield name, part


def _authority(name: str, reader: Reader, declared: Declared) -> Authority | None:
    part = reader.part
    url = reader.parsed("url", parse_url)
    authority = Authority(
        name=name,
        place=part.key_place,
        url=url or "",
        recipient=reader.parsed("name", cached_name),
        certificate=reader.input("certificate"),
        trust=reader.inputs("trust"),
        version=int(part.number("version", 2)),
        credential=reader.reference("credential", declared.credentials, "credential"),
        implicit_confirm=part.flag("implicit_confirm"),
        limits=_limits(reader),
        max_wait=_max_wait(reader),
    )
    complete = url and (authority.credential is not None or "credential" not in part.values)
    return authority if complete else None


def parse_url(text: str) -> str:
    """The URL of an authority, as it is written. ValueError says what it may be."""
    if text == LAB_URL:
        return text
    parts = urlsplit(text) if _URL.fullmatch(text) else None
    if parts is None or parts.scheme not in ("http", "https"):
        raise ValueError("a CA is reached at http://…, https://… or lab: (the embedded lab CA)")
    if not parts.hostname or parts.port == 0:
        raise ValueError("the host is missing, for example https://pki.example.com/cmp")
    if "@" in parts.netloc or parts.fragment:
        raise ValueError("a CA's URL has neither user:password@ nor a #fragment")
    return text


def _limits(reader: Reader) -> Limits:
    part = reader.part.part("limits")
    if part is None:
        return Limits()
    usual = Limits()
    return Limits(
        concurrency=int(part.number("concurrency", usual.concurrency)),
        messages_per_second=float(part.number("messages_per_second", usual.messages_per_second)),
        timeout=reader.elsewhere(part).parsed("timeout", _parse_timeout) or usual.timeout,
        retries=int(part.number("retries", usual.retries)),
    )


def _parse_timeout(text: str) -> float:
    seconds = parse_duration(text)
    if not seconds:
        raise ValueError("no answer comes in no time; for example 30s")
    return seconds


def _max_wait(reader: Reader) -> float:
    part = reader.part.part("polling")
    return (reader.elsewhere(part).parsed("max_wait", parse_duration) if part else None) or 0.0


def _credential(name: str, reader: Reader) -> Credential | None:
    part = reader.part
    if "psk" in part.values:
        secret = _secret(reader)
        iterations = int(part.number("iterations", 10_000))
        return PskCredential(name, part.key_place, secret, iterations) if secret else None
    certificate, key = reader.input("certificate"), reader.key_url("key", generate=False)
    return CertificateCredential(name, part.key_place, certificate, key) if certificate and key else None


def _secret(reader: Reader) -> SecretRef | None:
    inner = reader.part.part("psk")
    if inner is None:
        return _literal(reader)
    reader = reader.elsewhere(inner)
    if env := reader.text("env"):
        return SecretRef("env", env)
    if file := reader.input("file"):
        return SecretRef("file", file)
    command = [text.value for text in inner.texts("command")]
    return SecretRef("command", "\0".join(command)) if command else None


def _literal(reader: Reader) -> SecretRef | None:
    """A secret in the manifest itself, which the old tool took (-p refnum:key). Dollars in it are its own."""
    text = reader.part.text("psk")
    if text is None:
        return None
    if not _REFNUM_AND_KEY.fullmatch(text.value):
        reader.ledger.error("psk: this is not refnum:key", text.place, next_step="for example psk: {env: LINE7_PSK}")
        return None
    reader.ledger.warn(
        "a secret stands in the manifest",
        text.place,
        why="everybody who reads the file or its history can use it",
        next_step="refer to it, for example psk: {env: LINE7_PSK}",
    )
    return SecretRef("literal", text.value)
