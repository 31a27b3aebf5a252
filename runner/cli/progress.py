"""Progress of an apply on stderr: a bar on a terminal, a few lines anywhere else, never a flood."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Self

from runner.cli import console

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from runner.execute.results import Result

LINES = 20
"""At most so many lines where there is no terminal."""


class Progress:
    """Hears of each result while it is entered."""

    def __init__(self, total: int, *, shown: bool = True) -> None:
        self._total = total
        self._shown = shown
        self._counts: Counter[str] = Counter()
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if self._shown and sys.stderr.isatty() and not (console.is_quiet() or console.is_for_programs()):
            self._bar = _bar()
            self._bar.start()
            self._task = self._bar.add_task("", total=self._total)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, result: Result) -> None:
        """One more result is there."""
        self._counts[result.outcome.value] += 1
        done = self._counts.total()
        if console.is_for_programs():
            failure = result.failure
            console.log(
                "info" if failure is None else "error",
                failure.what if failure else result.outcome.value,
                item=result.name,
                outcome=result.outcome.value,
                why=failure.why if failure else None,
                next=failure.next_step if failure else None,
                seconds=round(result.duration, 3),
            )
        elif self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, description=self._words())
        elif done == self._total or done % max(1, self._total // LINES) == 0:
            console.note(f"{done}/{self._total}: {self._words()}")

    def _words(self) -> str:
        return ", ".join(f"{count} {outcome}" for outcome, count in self._counts.items())


def _bar() -> Bar:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    return Bar(*columns, console=Console(stderr=True), transient=True)
