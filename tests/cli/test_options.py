"""Options that commands share: what they take, and what they say about the rest."""

from __future__ import annotations

from argparse import ArgumentError, ArgumentParser, ArgumentTypeError
from pathlib import Path

import pytest

from runner.cli import options


@pytest.fixture
def parser():
    made = ArgumentParser(exit_on_error=False)
    options.manifest(made)
    options.state(made)
    options.execution(made)
    return made


def test_nothing_is_asked_for_by_default(parser):
    args = parser.parse_args(["m.yaml"])
    assert (args.paths, args.base, args.state, args.parallel, args.max_failures) == (
        [Path("m.yaml")],
        None,
        None,
        None,
        None,
    )
    assert (args.target, args.report, args.allow_path) == ([], [], [])
    assert (args.yes, args.allow_commands, args.retry_unknown) == (False, False, False)
    assert options.variables(args) == {}


def test_repeated_options_add_up(parser):
    said = """a.yaml b.yaml -C base --var n=1 --var n=2 --var who=a=b --target x y --report 1.json --report 2.json
              --target z --allow-path p --allow-path q --parallel 8 -y --state s.db"""
    args = parser.parse_args(said.split())
    assert args.paths == [Path("a.yaml"), Path("b.yaml")]
    assert options.variables(args) == {"n": "2", "who": "a=b"}
    assert args.target == ["x", "y", "z"]
    assert args.report == ["1.json", "2.json"]
    assert args.allow_path == ["p", "q"]
    assert (args.base, args.state, args.parallel, args.yes) == (Path("base"), Path("s.db"), 8, True)


@pytest.mark.parametrize(
    ("text", "count", "share"), [("0", 0, None), ("3", 3, None), ("25%", None, 0.25), ("100%", None, 1.0)]
)
def test_a_limit_of_failures_is_a_number_or_a_share(text, count, share):
    assert options.failure_limit(text) == options.FailureLimit(count, share)


@pytest.mark.parametrize("text", ["", "%", "-1", "1.5", "101%", "ten", "²"])
def test_other_limits_are_refused(text):
    with pytest.raises(ArgumentTypeError):
        options.failure_limit(text)


@pytest.mark.parametrize("text", ["0", "-1", "", "x", "٣"])
def test_a_count_is_a_whole_number_from_one(text):
    with pytest.raises(ArgumentTypeError):
        options.positive(text)


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("8080", 8080), ("65535", 65535)])
def test_ports(text, number):
    assert options.port(text) == number
    with pytest.raises(ArgumentTypeError):
        options.port("65536")


@pytest.mark.parametrize("text", ["hunter2", "=hunter2", "a b=hunter2", "1n=hunter2"])
def test_a_variable_that_is_none_is_not_quoted(text, parser):
    with pytest.raises(ArgumentError) as refused:
        parser.parse_args(["m.yaml", "--var", text])
    assert "NAME=VALUE is needed" in str(refused.value)
    assert "hunter2" not in str(refused.value)
