"""Shows the progress of a batch on stderr: a bar on a terminal, else a line every ten seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from rewriter.batch.at_work import BatchState
from rewriter.batch.record import Record, Status
from rewriter.batch.schedule import OnRecord
from rewriter.views.escape import visible

Watch = Callable[[BatchState], None]
_EVERY = 10.0
"""Seconds between two lines, and until a file in progress counts as long."""


class Lines:
    """Lines on a stderr that is no terminal.

    Args:
        now: the clock, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._failed = 0
        self._started = self._last = now()

    def told(self, record: Record, through: int, of: int) -> None:
        """Count a failed file."""
        self._failed += record.status is not Status.DONE

    def watch(self, state: BatchState) -> None:
        """Print the news of the workers, and every ten seconds the state."""
        for line in state.news:
            _say(line)
        now = self._now()
        if now - self._last >= _EVERY:
            self._last = now
            spent = f"{now - self._started:.0f} s"
            _say(
                " · ".join(
                    [
                        f"{state.through:,} of {state.of:,} files",
                        *_failures(self._failed),
                        spent,
                        *_waits(state),
                    ]
                )
            )


@contextmanager
def shown() -> Iterator[tuple[OnRecord, Watch]]:
    """Yield callbacks for each record and for the state of the run, which show both on stderr."""
    console = Console(stderr=True)
    if not console.is_terminal:  # in rich before 14.3, a disabled bar prints an empty line
        lines = Lines()
        yield lines.told, lines.watch
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("rewrite", total=None)
        failed = 0
        latest = "rewrite"

        def told(record: Record, through: int, of: int) -> None:
            nonlocal failed, latest
            failed += record.status is not Status.DONE
            latest = visible(record.target)[-40:]

        def watch(state: BatchState) -> None:
            for line in state.news:
                console.print(visible(line), markup=False, highlight=False)
            said = " · ".join([latest, *_failures(failed), *_waits(state)])
            progress.update(task, total=state.of, completed=state.through, description=escape(said))

        yield told, watch


def _failures(failed: int) -> list[str]:
    return [f"{failed:,} failed"] if failed else []


def _waits(state: BatchState) -> list[str]:
    """Return the event that the run waits for: of the engine, or the end of a file that takes long."""
    if state.awaited:
        return [f"waiting for {state.awaited}"]
    target, seconds = max(state.under_way.items(), key=lambda each: each[1], default=("", 0.0))
    return [f"{visible(target)[-60:]} takes {seconds:.0f} s"] if seconds >= _EVERY else []


def _say(line: str) -> None:
    click.echo(f"rewriter: {visible(line)}", err=True)
