"""Completion for bash, zsh and fish: commands, options, their choices, and files where a file is meant.

The scripts hold words and call nothing of ours, so that a tab costs no start-up.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runner.cli.reference.commands import Command


def bash(commands: Sequence[Command]) -> str:
    """A script for bash 4 and newer: `source <(cmp-batch completion bash)`."""
    cases = [line for command in commands for line in _bash_case(command)]
    return "\n".join(
        (
            "_cmp_batch() {",
            '  local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}"',
            '  local first="${COMP_WORDS[1]}" second="${COMP_WORDS[2]}" words="" files=1',
            "  COMPREPLY=()",
            "  if ((COMP_CWORD == 1)); then",
            f'    COMPREPLY=($(compgen -W {shlex.quote(" ".join(_firsts(commands)))} -- "$current"))',
            "    return",
            "  fi",
            *_bash_seconds(commands),
            '  case "$first $second" in',
            *cases,
            "  esac",
            '  if [[ "$current" == -* || $files == 0 ]]; then',
            '    COMPREPLY=($(compgen -W "$words" -- "$current"))',
            "  else",
            '    COMPREPLY=($(compgen -f -- "$current"))',
            "  fi",
            "}",
            "complete -o filenames -F _cmp_batch cmp-batch",
            "",
        )
    )


def _firsts(commands: Sequence[Command]) -> list[str]:
    return list(dict.fromkeys(command.name.split()[0] for command in commands))


def _seconds(commands: Sequence[Command]) -> dict[str, list[str]]:
    """Of commands of two words: the first → what may follow."""
    found: dict[str, list[str]] = {}
    for command in commands:
        first, *rest = command.name.split()
        if rest:
            found.setdefault(first, []).append(rest[0])
    return found


def _bash_seconds(commands: Sequence[Command]) -> Iterator[str]:
    for first, seconds in _seconds(commands).items():
        words = shlex.quote(" ".join(seconds))
        yield f"  if ((COMP_CWORD == 2)) && [[ $first == {first} ]]; then"
        yield f'    COMPREPLY=($(compgen -W {words} -- "$current"))'
        yield "    return"
        yield "  fi"


def _bash_case(command: Command) -> Iterator[str]:
    pattern = f'"{command.name}"' if " " in command.name else f'"{command.name} "*'
    yield f"    {pattern})"
    words = shlex.quote(" ".join(flag for option in command.options for flag in option.flags))
    yield f"      words={words}"
    chosen = [option for option in command.options if option.flags and option.choices]
    if chosen:
        yield '      case "$previous" in'
        for option in chosen:
            yield f"        {'|'.join(option.flags)}) words={shlex.quote(' '.join(option.choices))}; files=0 ;;"
        yield "      esac"
    yield "      ;;"


def zsh(commands: Sequence[Command]) -> str:
    """A script for zsh: `cmp-batch completion zsh > "${fpath[1]}/_cmp-batch"`."""
    lines = ["#compdef cmp-batch", "_cmp-batch() {", "  local -a commands", "  commands=("]
    firsts = {command.name.split()[0]: command.about for command in commands}
    lines += [f"    {_zsh(f'{name}:{about}')}" for name, about in firsts.items()]
    lines += ["  )", "  if ((CURRENT == 2)); then", "    _describe command commands", "    return", "  fi"]
    for first, seconds in _seconds(commands).items():
        lines += [f"  if ((CURRENT == 3)) && [[ $words[2] == {first} ]]; then"]
        lines += [f"    compadd {' '.join(seconds)}", "    return", "  fi"]
    lines += ['  case "$words[2] $words[3]" in']
    for command in commands:
        pattern = f'"{command.name}"' if " " in command.name else f'"{command.name} "*'
        lines += [
            f"    {pattern})",
            "      _arguments -S \\",
            *_zsh_options(command),
            "        '*:file:_files'",
            "      ;;",
        ]
    return "\n".join([*lines, "  esac", "}", '_cmp-batch "$@"', ""])


def _zsh_options(command: Command) -> Iterator[str]:
    for option in command.options:
        about = option.about.replace("[", "(").replace("]", ")").replace(":", "\\:")
        tail = f":value:({' '.join(option.choices)})" if option.choices else ":value:_files" if option.value else ""
        for flag in option.flags:
            yield f"        {_zsh(f'*{flag}[{about}]{tail}')} \\"


def _zsh(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def fish(commands: Sequence[Command]) -> str:
    """A script for fish: `cmp-batch completion fish > ~/.config/fish/completions/cmp-batch.fish`."""
    lines = ["complete -c cmp-batch -e"]
    for first, about in {command.name.split()[0]: command.about for command in commands}.items():
        lines.append(f"complete -c cmp-batch -f -n __fish_use_subcommand -a {first} -d {_fish(about)}")
    for first, seconds in _seconds(commands).items():
        seen = " ".join(seconds)
        condition = _fish(f"__fish_seen_subcommand_from {first}; and not __fish_seen_subcommand_from {seen}")
        lines.append(f"complete -c cmp-batch -f -n {condition} -a {_fish(seen)}")
    lines += [line for command in commands for line in _fish_options(command)]
    return "\n".join([*lines, ""])


def _fish_options(command: Command) -> Iterator[str]:
    condition = _fish("; and ".join(f"__fish_seen_subcommand_from {word}" for word in command.name.split()))
    for option in command.options:
        names = " ".join(f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags)
        if not names:
            continue
        chosen = f" -xa {_fish(' '.join(option.choices))}" if option.choices else " -r" if option.value else ""
        yield f"complete -c cmp-batch -n {condition} {names}{chosen} -d {_fish(option.about)}"


def _fish(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
