"""Progress on standard error: bars on a terminal, a line now and then elsewhere, or nothing."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fcpref.shell.pace import WINDOW, Pace, duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

LINE_EVERY = 10.0


class Bar:
    """How far one piece of work is; this one shows nothing."""

    def __init__(self, total: int | None) -> None:
        """Start at 0.

        Args:
            total: units of work, or None while that is unknown.
        """
        self.total = total
        self.done = 0
        self.text = ""

    def advance(self, units: int = 1, text: str | None = None) -> None:
        """Add finished units."""
        self.to(self.done + units, text=text)

    def to(self, done: int, total: int | None = None, text: str | None = None) -> None:
        """Set what is finished, and the total and the text beside it where they are given."""
        self.done = done
        self.total = self.total if total is None else total
        self.text = self.text if text is None else text
        self._show()

    def _show(self) -> None:
        pass


class _RichBar(Bar):
    def __init__(self, total: int | None, rich: RichProgress, task: TaskID) -> None:
        super().__init__(total)
        self._rich, self._task = rich, task

    def _show(self) -> None:
        self._rich.update(self._task, completed=self.done, total=self.total, text=self.text)


class _LineBar(Bar):
    def __init__(self, total: int | None, label: str, progress: Progress) -> None:
        super().__init__(total)
        self._label, self._progress = label, progress
        self._pace = Pace(progress.clock)

    def _show(self) -> None:
        self._pace.to(self.done)
        of = "" if self.total is None else f" of {self.total}"
        text = f", {self.text}" if self.text else ""
        self._progress.line(f"{self._label}: {self.done}{of}{text}{self._left()}")

    def _left(self) -> str:
        if self.total is None or self.done >= self.total:
            return ""
        seconds = self._pace.seconds_left(self.total - self.done)
        return "" if seconds is None else f", {duration(seconds)} left"


class Progress:
    """Makes bars; one object for a whole command, so that its lines are spaced together."""

    def __init__(self, *, quiet: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        """Look at where standard error goes.

        Args:
            quiet: show nothing.
            clock: seconds, from any start.
        """
        self.quiet, self.clock = quiet, clock
        self._last = clock()

    def note(self, text: str) -> None:
        """Say one thing, such as what is being downloaded."""
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)  # noqa: T201 - what this class is for

    def line(self, text: str) -> None:
        """Say how far something is, unless something was said just before."""
        now = self.clock()
        if now - self._last >= LINE_EVERY:
            self._last = now
            self.note(text)

    @contextmanager
    def bar(self, label: str, total: int | None = None) -> Iterator[Bar]:
        """Show a piece of work while the block runs."""
        if self.quiet:
            yield Bar(total)
        elif sys.stderr.isatty():
            with self._rich() as rich:
                task = rich.add_task(label, total=total, text="")
                yield _RichBar(total, rich, task)
        else:
            yield _LineBar(total, label, self)

    def _rich(self) -> RichProgress:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as RichProgress

        return RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[text]}"),
            console=Console(stderr=True),
            speed_estimate_period=WINDOW,
        )


SILENT = Progress(quiet=True)
