"""What the documents say about the program is so: links, commands, manifests, keys, outcomes, reasons, statuses."""

from __future__ import annotations

import ast
import re
import shlex
from importlib import import_module

import pytest
from support.markdown import ROOT, anchors, commands, documents, fences, inline_code, links, named, text_of

from runner.cli import exits, main
from runner.errors import BadInput, Severity
from runner.execute.results import Outcome
from runner.manifest.load import load_manifest
from runner.plan.steps import Verb
from runner.state.inventory import Stage

USER_FOLDERS = (ROOT, ROOT / "docs", ROOT / "docs" / "howto", ROOT / "benchmarks")
USER_DOCUMENTS = [path for path in documents() if path.parent in USER_FOLDERS]
OPEN_STAGES = [stage.value for stage in Stage if stage is not Stage.KEYED]
OUTCOMES = text_of(ROOT / "docs" / "outcomes.md")
README = text_of(ROOT / "README.md")


def parse(argv: list[str]) -> None:
    """Parse a command line as `main` does; BadInput where there is no such command or option."""
    parser, subparsers = main._parsers()
    if argv and argv[0] in main.COMMANDS:
        import_module(main.module_of(argv[0])).add_arguments(subparsers[argv[0]])
    parser.parse_args(argv)


@pytest.mark.parametrize("path", documents(), ids=named)
def test_links_lead_somewhere(path):
    broken = []
    for link in links(text_of(path)):
        if link.startswith("https://"):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.exists() or (anchor and anchor not in anchors(text_of(target))):
            broken.append(link)
    assert broken == []


def lines_to_parse() -> list[str]:
    return sorted({line for path in USER_DOCUMENTS for line in commands(text_of(path))})


@pytest.mark.parametrize("line", lines_to_parse())
def test_commands_in_blocks_are_understood(line):
    parse(shlex.split(line)[1:])


def mentions() -> list[str]:
    """Commands in running text, which may hold placeholders: `cmp-batch plan PATH…`."""
    found = {code for path in documents() for code in inline_code(text_of(path)) if code.startswith("cmp-batch ")}
    return sorted(code for code in found if "COMMAND" not in code)


@pytest.mark.parametrize("code", mentions())
def test_commands_in_running_text_are_understood(code):
    argv = re.sub(r"\[[^\]]*\]|…| [|>].*", "", code).split()[1:]
    if len(argv) == 1:
        assert argv[0] in main.COMMANDS or argv[0].startswith("--")
    else:
        parse(argv)


def options_of(parser) -> set[str]:
    """The options of a command, and of the commands below it."""
    deeper = [p for action in parser._actions if isinstance(action.choices, dict) for p in action.choices.values()]
    return set(parser._option_string_actions).union(*map(options_of, deeper))


def test_options_in_running_text_exist():
    parser, subparsers = main._parsers()
    for name, subparser in subparsers.items():
        import_module(main.module_of(name)).add_arguments(subparser)
    known = options_of(parser)
    assert {"--allow-remote", "--yes", "--version"} <= known
    named_ones = {code.split()[0] for path in documents() for code in inline_code(text_of(path)) if code[0] == "-"}
    assert {option for option in named_ones if option not in known and option != "-"} == set()


def test_the_text_cannot_hide_a_command_that_is_not_understood():
    with pytest.raises(BadInput):
        parse(["plan", "--no-such-option", "x.yaml"])


def manifests() -> list[object]:
    return [
        pytest.param(fence.text, id=f"{named(path)}-{number}")
        for path in USER_DOCUMENTS
        for number, fence in enumerate(fences(text_of(path)))
        if fence.kind == "yaml" and fence.mark != "excerpt" and not fence.mark.startswith("append: ")
    ]


@pytest.mark.parametrize("text", manifests())
def test_manifests_in_documents_are_valid(text, tmp_path):
    """Files that the reader has and we do not are no mistake; everything else is, a warning too."""
    file = tmp_path / "manifest.yaml"
    file.write_text(text, encoding="utf-8")
    assert mistakes_in(file) == []


def excerpts() -> list[object]:
    return [
        pytest.param(fence.text, id=f"{named(path)}-{number}")
        for path in USER_DOCUMENTS
        for number, fence in enumerate(fences(text_of(path)))
        if fence.kind == "yaml" and fence.mark == "excerpt"
    ]


@pytest.mark.parametrize("text", excerpts())
def test_excerpts_are_pieces_of_manifests(text, tmp_path):
    """An excerpt may leave out what it needs; keys that do not exist are a mistake in an excerpt, too."""
    file = tmp_path / "manifest.yaml"
    file.write_text(f"apiVersion: cmp-batch/v1\n{text}", encoding="utf-8")
    assert [words for words in mistakes_in(file) if "unknown key" in words or "YAML" in words] == []


def mistakes_in(file) -> list[str]:
    try:
        findings = load_manifest([file]).warnings
    except BadInput as problem:
        findings = problem.diagnostics
    return [f"{finding.place}: {finding.summary}" for finding in findings if not told_of_a_missing_file(finding)]


def told_of_a_missing_file(finding) -> bool:
    return finding.severity is Severity.ERROR and finding.summary.startswith("file not found: ")


def test_every_outcome_is_explained():
    explained = {row.split("|")[1].strip() for row in OUTCOMES.splitlines() if row.startswith("| `")}
    assert {f"`{outcome.value}`" for outcome in Outcome} <= explained


def test_every_step_and_its_mark_are_explained():
    for verb in Verb:
        assert f"| `{verb.mark}` | `{verb.value}` |" in OUTCOMES


def test_every_exit_status_is_explained():
    statuses = {value for name, value in vars(exits).items() if name.isupper() and isinstance(value, int)}
    explained = set(map(int, re.findall(r"^\| (\d+) \|", OUTCOMES, re.MULTILINE)))
    assert explained == statuses - {exits.CHANGES}
    assert "`plan` returns 2" in OUTCOMES


def reason_codes() -> set[str]:
    """The codes that the rules of the planner are able to give, read from their source."""
    places = {"decide": 1, "restored": 1, "Reason": 0}
    nodes = [node for path in (ROOT / "runner" / "plan").glob("*.py") for node in ast.walk(ast.parse(text_of(path)))]
    calls = [node for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    given = [call.args[places[call.func.id]] for call in calls if call.func.id in places]
    return {code.value for code in given if isinstance(code, ast.Constant)} | {f"open-{stage}" for stage in OPEN_STAGES}


def test_every_reason_is_in_the_reference():
    codes = reason_codes()
    assert {"no-certificate", "key_type", "good"} <= codes
    assert codes - set(inline_code(OUTCOMES)) == set()


def test_the_readme_lists_every_command():
    listed = re.findall(r"^\| `cmp-batch ([\w-]+)", README, re.MULTILINE)
    assert sorted(listed) == sorted(main.COMMANDS)


def test_the_readme_does_not_deny_what_is_there():
    """Sections, commands and formats that are `not there yet` must be taken out of that list when they come."""
    later = README.split("## What is not there yet")[1].split("\n## ")[0]
    keys = re.findall(r"^\| `(\w+)` \|", text_of(ROOT / "docs" / "manifest.md"), re.MULTILINE)
    denied = {code.rstrip(":/") for code in inline_code(later)}
    assert denied & {*main.COMMANDS, *keys} == set()
    assert "other formats than JSON" not in later
