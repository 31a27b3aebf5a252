"""What an old command line says a certificate should say (-s, -u, -U, -T), as the keys of an entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.errors import BadInput
from runner.pki.extensions import extended_key_usage_name, parse_extended_key_usage, parse_key_usage
from runner.pki.names import parse_general_name, parse_name

if TYPE_CHECKING:
    from runner.manifest.oldline import OldLine


def template_of(line: OldLine, notes: list[str]) -> dict[str, Any]:
    """-s, -T, -u and -U as the keys of an entry."""
    found: dict[str, Any] = {}
    subject, *others = line.value("s").split(";")
    if subject:
        found["subject"] = name_of(subject, "-s")
    if names := _alt_names(others, notes):
        found["alt_names"] = names
    if line.said("u"):
        found["key_usage"] = [_fitting(parse_key_usage, each, "-u") for each in _several(line, "u")]
    if line.said("U"):
        usages = [_fitting(parse_extended_key_usage, each, "-U") for each in _several(line, "U")]
        found["extended_key_usage"] = [extended_key_usage_name(each) for each in usages]
    if line.said("T"):
        found["certificate"] = line.value("T")
    return found


def _several(line: OldLine, letter: str) -> list[str]:
    return [each for value in line.options[letter] for each in value.split(";") if each]


def _alt_names(texts: list[str], notes: list[str]) -> list[str]:
    names = []
    for text in filter(None, texts):
        kind, _, value = text.partition("=")
        if not value:
            notes.append(f"-s has {kind}= without a value: it is left out.")
            continue
        names.append(f"{kind.strip().lower()}={_dollars(value)}")
        _fitting(parse_general_name, f"{kind.strip().lower()}={value}", "-s")
    return names


def _fitting(parse: Any, text: str, option: str) -> Any:
    try:
        return parse(text)
    except ValueError as problem:
        raise BadInput(f"{option}: {problem}") from None


def name_of(text: str, option: str) -> str:
    """A distinguished name as a manifest has it. BadInput names the option."""
    _fitting(parse_name, text, option)
    return _dollars(text)


def _dollars(text: str) -> str:
    return text.replace("$", "$$")
