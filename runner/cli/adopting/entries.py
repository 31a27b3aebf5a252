"""Pairs to entries of a manifest, which say exactly what their certificates say: a plan finds nothing to do.

What cannot be said in words (a name of a rare kind, a dollar, characters that no manifest may have) is taken from the
certificate itself, as a template.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import yaml

from runner.pki.extensions import KEY_USAGES, alt_names_in, extended_key_usage_name
from runner.pki.names import comparable, parse_general_name, parse_name, same_name
from runner.pki.profile import profile_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from runner.cli.adopting.findings import Pair
    from runner.pki.certificates import Certificate

USUAL_MODE = 0o644
_FIT = re.compile(r"[^A-Za-z0-9._@+-]+")
_LONGEST = 100
_KINDS = ("dns", "ip", "email", "uri", "dn", "rid")


def named(pairs: Sequence[Pair]) -> dict[str, Pair]:
    """A name for each pair: its common name, its first DNS name, or its file's."""
    found: dict[str, Pair] = {}
    for pair in pairs:
        wish = _FIT.sub("-", _name_in(pair.certificate) or pair.path.stem).strip("-._@+")[:_LONGEST] or "item"
        name, number = wish, 2
        while name in found:
            name, number = f"{wish}-{number}", number + 1
        found[name] = pair
    return found


def _name_in(certificate: Certificate) -> str:
    common = re.search(r"(?:^|, ?)CN=((?:[^,\\+]|\\.)+)", certificate.subject.text)
    if common:
        return common[1]
    return next((name.text for name in alt_names_in(certificate.extensions) if name.kind == "dns"), "")


def entry_of(name: str, pair: Pair, base: Path, authority: str) -> dict[str, Any]:
    """One entry of `enrollments`; paths are relative to `base` where they are below it."""
    output: dict[str, Any] = {"file": relative(pair.path, base)}
    if pair.form != "pem":
        output["format"] = pair.form
    if pair.mode != USUAL_MODE:
        output["mode"] = f"{pair.mode:04o}"
    wishes = _wishes(pair.certificate) or {"certificate": relative(pair.path, base)}
    key = relative(pair.key, base).replace("%", "%25")  # what stands in a URL is decoded
    return {"name": name, "authority": authority, **wishes, "key": f"file:{key}", "output": output}


def relative(path: Path, base: Path) -> str:
    """The path as a manifest in `base` names it: below it, or whole; a dollar is no variable's."""
    full, folder = os.path.abspath(path), os.path.abspath(base)  # noqa: PTH100 - links stay as they are
    named = os.path.relpath(full, folder) if full.startswith(folder + os.sep) else full
    return named.replace("$", "$$")


def _wishes(certificate: Certificate) -> dict[str, Any] | None:
    """What the certificate says, in the manifest's words; None where they do not come to the same."""
    profile = profile_of(certificate)
    wishes: dict[str, Any] = {}
    if profile.subject.text:
        if not _comes_back(profile.subject.text, profile.subject.der):
            return None
        wishes["subject"] = profile.subject.text
    names = [str(name) for name in profile.alt_names]
    if any(name.kind not in _KINDS for name in profile.alt_names) or not _names_come_back(names, profile.alt_names):
        return None
    if names:
        wishes["alt_names"] = names
    if profile.key_usage:
        wishes["key_usage"] = [usage for usage in KEY_USAGES if usage in profile.key_usage]
    if profile.extended_key_usage:
        wishes["extended_key_usage"] = [extended_key_usage_name(oid) for oid in profile.extended_key_usage]
    return wishes if "subject" in wishes or names else None


def _comes_back(text: str, der: bytes) -> bool:
    try:
        return _is_plain(text) and same_name(parse_name(text).der, der)
    except ValueError:
        return False


def _names_come_back(texts: Iterable[str], names: Sequence[Any]) -> bool:
    try:
        read = [parse_general_name(text) for text in texts if _is_plain(text)]
    except ValueError:
        return False
    return [comparable(name) for name in read] == [comparable(name) for name in names]


def _is_plain(text: str) -> bool:
    return text.isprintable() and "$" not in text and text == text.strip()


def manifest_text(head: Mapping[str, Any], entries: Sequence[Mapping[str, Any]], comments: Sequence[str]) -> str:
    """The manifest. Texts that YAML would take for something else are quoted by the library."""
    lines = [f"# {line}" if line else "#" for line in comments]
    dumped = yaml.safe_dump(
        {**head, "enrollments": list(entries)},
        sort_keys=False,
        allow_unicode=True,
        width=1 << 20,
        default_flow_style=None,
    )
    return "\n".join([*lines, dumped])
