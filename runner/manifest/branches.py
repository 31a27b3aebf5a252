"""Of several shapes that a value may have (oneOf, anyOf), the one that its writer meant.

A person who writes {certificate: …} and forgets the key wants to hear of the key, not of five shapes that do not
fit. The branch is chosen by the type of the value and by the keys that it has; what is then wrong is put into words
by runner.manifest.schema.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.manifest.words import JSON_TYPES, kind_of
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PYTHON = {
    "string": str,
    "object": dict,
    "array": list,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}


@frozen
class Choice:
    """The errors of the branch that was meant, and what is to be said where no branch stands out."""

    errors: Sequence[Any] = ()
    summary: str = ""


def chosen(error: Any) -> Choice:
    """What to tell about a oneOf or anyOf that nothing fits."""
    branches: list[dict[str, Any]] = error.validator_value
    fitting = [index for index, branch in enumerate(branches) if isinstance(error.instance, _types(branch))]
    if not fitting:
        return Choice(summary=f"should be {_wanted(branches)}, not {kind_of(error.instance)}")
    if isinstance(error.instance, dict):
        return _by_keys(error, [(index, branches[index]) for index in fitting])
    by_enum = [index for index in fitting if "enum" in branches[index]]
    return Choice(_errors(error, (by_enum or fitting)[0]))


def foreign(error: Any) -> frozenset[str]:
    """For an unknown key: the keys that the other branches know."""
    if error.parent is None or error.relative_path:
        return frozenset()
    branches = error.parent.validator_value
    return frozenset(key for branch in branches for key in branch.get("properties", ()))


def _types(branch: Mapping[str, Any]) -> tuple[Any, ...]:
    if "enum" in branch:
        return tuple({type(value) for value in branch["enum"]})
    return (_PYTHON[branch["type"]],)


def _wanted(branches: Sequence[Mapping[str, Any]]) -> str:
    names = dict.fromkeys(branch["type"] for branch in branches if "type" in branch)
    return " or ".join(JSON_TYPES[name] for name in names)


def _by_keys(error: Any, branches: Sequence[tuple[int, Mapping[str, Any]]]) -> Choice:
    scores = [_score(error.instance, branch) for _, branch in branches]
    best = max(scores)
    free = [index for index, branch in branches if "properties" not in branch]
    if best[0] == 0 and free:
        return Choice(_errors(error, free[0]))
    if best[0] == 0 and scores.count(best) > 1:
        return _undecided(error, branches)
    return Choice(_errors(error, branches[scores.index(best)][0]))


def _score(value: Mapping[str, Any], branch: Mapping[str, Any]) -> tuple[int, int]:
    needed, known = branch.get("required", ()), branch.get("properties", ())
    return sum(key in value for key in needed), sum(key in known for key in value)


def _undecided(error: Any, branches: Sequence[tuple[int, Mapping[str, Any]]]) -> Choice:
    unknown = [each for each in _errors(error, branches[0][0]) if each.validator == "additionalProperties"]
    if unknown:
        return Choice(unknown)
    needs = [" and ".join(repr(key) for key in branch["required"]) for _, branch in branches]
    return Choice(summary=f"needs {', or '.join(needs)}")


def _errors(error: Any, index: int) -> list[Any]:
    return [inner for inner in error.context if inner.relative_schema_path[0] == index]
