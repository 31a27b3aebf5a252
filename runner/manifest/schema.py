"""Holds a manifest against its JSON Schema and says in plain words, at its place, what does not fit.

The schema (schemas/manifest.schema.json, Draft 2020-12) knows shapes: keys, types, ranges. What names refer to and
what texts mean is left to runner.manifest.resolve. Values of keys that the schema marks `writeOnly` are never quoted.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from runner.errors import Diagnostic
from runner.manifest.branches import chosen, foreign
from runner.manifest.words import JSON_TYPES, choose, kind_of, listed, shortened, spelled
from runner.resources import resource_text
from runner.values import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from runner.manifest.source import Source, ValuePath

API_VERSION = "cmp-batch/v1"

_FOR_EXAMPLE = "for example "
_LONGEST_EXAMPLE = 80
_SPOKEN_BOOLEANS = ("yes", "no", "on", "off")


def check_schema(source: Source) -> tuple[Diagnostic, ...]:
    """Everything about the shape of a manifest that is not as it should be."""
    if stranger := _stranger(source):
        return (stranger,)
    if (quick := _quick()) is not None and quick.is_valid(source.value):
        return ()
    errors = _validator().iter_errors(source.value)
    return tuple(dict.fromkeys(found for error in errors for found in _explained(error, source)))


def _ruled(finding: Diagnostic, keyword: str) -> Diagnostic:
    return replace(finding, rule=f"schema/{keyword}")


def is_manifest(source: Source) -> bool:
    """Whether a file says that it is a manifest of ours; what is in another one is never quoted."""
    return _stranger(source) is None


def _stranger(source: Source) -> Diagnostic | None:
    value = source.value
    if isinstance(value, dict) and value.get("apiVersion") == API_VERSION:
        return None
    step = f"a manifest begins with apiVersion: {API_VERSION}"
    if isinstance(value, dict) and isinstance(version := value.get("apiVersion"), str):
        place = source.place(("apiVersion",))
        return Diagnostic(f"unknown apiVersion {shortened(version)}", place, next_step=step)
    return Diagnostic("this is not a cmp-batch manifest", source.place(()), "apiVersion is missing", step)


def _text() -> str:
    return resource_text("schemas", "manifest.schema.json")


@cache
def _schema() -> dict[str, Any]:
    return inlined(json.loads(_text()))


@cache
def _quick() -> Any:
    """Decides, in a thousandth of the time; what is wrong, the other one explains. None where it is not installed."""
    try:
        return import_module("jsonschema_rs").Draft202012Validator(_text())
    except ImportError:
        return None  # compiled code, which not every platform has


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - slow to import, and only a mistake needs it

    return Draft202012Validator(_schema())


def inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with each `$ref` into itself replaced by what it names: quicker, and easier to explain."""

    def named(pointer: str) -> Any:
        part: Any = schema
        for step in pointer.removeprefix("#/").split("/"):
            part = part[step]
        return part

    def replaced(part: Any) -> Any:
        if isinstance(part, list):
            return [replaced(each) for each in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            return replaced(named(part["$ref"]))
        return {key: replaced(value) for key, value in part.items()}

    return {key: replaced(value) for key, value in schema.items() if key not in ("$defs", "$id")}


def _explained(error: Any, source: Source) -> Iterator[Diagnostic]:
    """One error of jsonschema in our words; those of a oneOf by the branch that was meant."""
    if error.validator in ("oneOf", "anyOf"):
        branch = chosen(error)
        for inner in branch.errors:
            yield from _explained(inner, source)
        if branch.summary:
            yield Diagnostic(f"{_where(error)} {branch.summary}", source.place(_path(error)))
        return
    yield from (_ruled(finding, error.validator) for finding in _WORDS[error.validator](error, source))


def _path(error: Any) -> ValuePath:
    return tuple(error.absolute_path)


def _where(error: Any) -> str:
    return spelled(_path(error))


def _unknown_keys(error: Any, source: Source) -> Iterator[Diagnostic]:
    known = error.schema["properties"]
    siblings = foreign(error)
    for key in error.instance:
        if key in known:
            continue
        place = source.key_place((*_path(error), key))
        if key in siblings:
            beside = listed([repr(each) for each in error.schema["required"]])
            yield Diagnostic(f"key {key!r} in {_where(error)} does not go together with {beside}", place)
        else:
            step = choose(key, sorted(known.keys() | siblings))
            yield Diagnostic(f"unknown key {shortened(key)} in {_where(error)}", place, next_step=step)


def _missing_keys(error: Any, source: Source) -> Iterator[Diagnostic]:
    for key in error.validator_value:
        if key not in error.instance:
            step = _example(error.schema["properties"][key], f"{key}: ")
            yield Diagnostic(f"missing key {key!r} in {_where(error)}", source.place(_path(error)), next_step=step)


def _wrong_type(error: Any, source: Source) -> Iterator[Diagnostic]:
    wanted = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
    words = " or ".join(JSON_TYPES[each] for each in wanted)
    summary = f"{_where(error)} should be {words}, not {kind_of(error.instance)}"
    yield Diagnostic(summary, source.place(_path(error)), next_step=_retyped(error, wanted, source))


def _retyped(error: Any, wanted: list[str], source: Source) -> str:
    if "boolean" in wanted and str(error.instance).lower() in _SPOKEN_BOOLEANS:
        return "write true or false"
    step = _example(error.schema)
    lacks_unit = step.removeprefix(_FOR_EXAMPLE)[:1].isdigit()
    quotable = "string" in wanted and isinstance(error.instance, bool | int | float)
    if quotable and not lacks_unit and not error.schema.get("writeOnly"):
        return f'put it in quotes: "{source.written[_path(error)].text}"'
    return step


def _example(schema: Mapping[str, Any], before: str = "") -> str:
    for example in schema.get("examples", ())[:1]:
        text = example if isinstance(example, str) else json.dumps(example, ensure_ascii=False)
        return f"{_FOR_EXAMPLE}{before}{text}" if len(text) <= _LONGEST_EXAMPLE else ""
    return ""


def _not_listed(error: Any, source: Source) -> Iterator[Diagnostic]:
    known = [str(each) for each in error.validator_value]
    if not isinstance(error.instance, str | int | float):
        summary = f"{_where(error)} should be one of {listed(known)}, not {kind_of(error.instance)}"
        yield Diagnostic(summary, source.place(_path(error)))
        return
    said = source.written[_path(error)].text
    summary = f"{_where(error)} cannot be {shortened(said)}"
    yield Diagnostic(summary, source.place(_path(error)), next_step=choose(said, known))


def _not_the_one(error: Any, source: Source) -> Iterator[Diagnostic]:
    said, step = source.written.get(_path(error)), f"write {json.dumps(error.validator_value)}"
    shown = shortened(said.text) if said else kind_of(error.instance)
    yield Diagnostic(f"{_where(error)} cannot be {shown}", source.place(_path(error)), next_step=step)


def example_of(section: str, key: str) -> str:
    """The next step for somebody who left `key` out of an entry."""
    known = _schema()["properties"][section]["items"]["properties"]
    return _example(known[key], f"{key}: ")


def _unfit_text(error: Any, source: Source) -> Iterator[Diagnostic]:
    why = error.schema.get("description", "")
    if "propertyNames" in error.absolute_schema_path:
        place = source.key_place((*_path(error), error.instance))
        yield Diagnostic(f"{shortened(error.instance)} is no name for a key of {_where(error)}", place, why)
    else:
        said = "this" if error.schema.get("writeOnly") else shortened(error.instance)
        yield Diagnostic(f"{_where(error)} cannot be {said}", source.place(_path(error)), why)


def _out_of_range(error: Any, source: Source) -> Iterator[Diagnostic]:
    bound = "at least" if error.validator == "minimum" else "at most"
    summary = f"{_where(error)} should be {bound} {error.validator_value}, not {error.instance}"
    yield Diagnostic(summary, source.place(_path(error)))


def _empty(error: Any, source: Source) -> Iterator[Diagnostic]:
    yield Diagnostic(f"{_where(error)} is empty", source.place(_path(error)), next_step=_example(error.schema))


def _too_many(error: Any, source: Source) -> Iterator[Diagnostic]:
    given = listed([repr(key) for key in error.instance])
    step = f"keep one of {listed(list(error.schema['properties']))}"
    yield Diagnostic(f"{_where(error)} takes one key, not {given}", source.place(_path(error)), next_step=step)


def _lacking(error: Any, source: Source) -> Iterator[Diagnostic]:
    for key, needed in error.validator_value.items():
        for other in needed if key in error.instance else ():
            if other not in error.instance:
                place, step = (
                    source.key_place((*_path(error), key)),
                    _example(error.schema["properties"][other], f"{other}: "),
                )
                yield Diagnostic(f"{key!r} in {_where(error)} wants {other!r} beside it", place, next_step=step)


_WORDS: Mapping[str, Callable[[Any, Source], Iterator[Diagnostic]]] = {
    "additionalProperties": _unknown_keys,
    "required": _missing_keys,
    "type": _wrong_type,
    "enum": _not_listed,
    "const": _not_the_one,
    "pattern": _unfit_text,
    "minimum": _out_of_range,
    "maximum": _out_of_range,
    "minLength": _empty,
    "minItems": _empty,
    "minProperties": _empty,
    "maxProperties": _too_many,
    "dependentRequired": _lacking,
}
