"""Reads `policy:`: rules as a manifest says them, to the plain data of policy.py."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

from runner.manifest.durations import parse_duration
from runner.manifest.policy import NAME_KINDS, Network, Policy
from runner.pki.keyspecs import KINDS, KeySpec, parse_key_spec

if TYPE_CHECKING:
    from runner.manifest.parts import Part
    from runner.manifest.reader import Reader


def read_policy(reader: Reader) -> Policy:
    """The policy in a part of a manifest; what cannot be read is a finding, and no rule."""
    part = reader.part
    names, bits = part.part("allowed_names"), part.part("min_key_bits")
    patterns = {
        kind: tuple(text.value for text in names.texts(kind)) for kind in NAME_KINDS if names and kind in names.values
    }
    networks = reader.elsewhere(names).parsed_all("ip", _network) if names and "ip" in names.values else None
    return Policy(
        place=part.key_place,
        min_key_bits={kind: int(bits.number(kind, 0)) for kind in bits.values} if bits else {},
        key_types=reader.parsed_all("key_types", _key_type),
        max_lifetime=reader.parsed("max_lifetime", parse_duration),
        names=patterns,
        networks=networks,
        wildcards=_allowed(part, "wildcards"),
        key_reuse=_allowed(part, "key_reuse"),
        psk_reuse=_allowed(part, "psk_reuse"),
        weak_digests=_allowed(part, "weak_digests"),
        max_issues=_most(part, "max_issues"),
        max_revocations=_most(part, "max_revocations"),
        lenient=frozenset(text.value for text in part.texts("warn")),
    )


def _allowed(part: Part, key: str) -> bool:
    return part.values.get(key) is not False


def _most(part: Part, key: str) -> int | None:
    value = part.values.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _key_type(text: str) -> KeySpec | str:
    """`rsa`: of any size; `ec:p256`: this one."""
    return text if text in KINDS else parse_key_spec(text)


def _network(text: str) -> Network:
    return ip_network(text, strict=False)
