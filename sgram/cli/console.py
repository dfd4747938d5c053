"""What every verb needs to talk: safe text, tables, progress. Knows nothing about grams or traces.

stdout carries data, stderr carries talk. Traces are untrusted: whatever comes from them passes
`printable` first, so that no escape sequence, bidi override or line break reaches the terminal.
"""

import sys
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

# Okabe and Ito's palette: told apart with any kind of color vision, on light and dark ground.
MOVE_COLORS = {
    "deduction": "#56b4e9",
    "branching": "#e69f00",
    "backtracking": "#d55e00",
    "verification": "#009e73",
    "goal-setting": "#cc79a7",
    "other": "default",
}

_UNSAFE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def printable(text: str) -> str:
    """`text` with control, format and bidi characters shown as visible escapes; newline becomes a space."""
    text = text.replace("\r\n", " ").replace("\n", " ").replace("\t", " ")
    return "".join(
        character.encode("unicode_escape").decode() if unicodedata.category(character) in _UNSAFE else character
        for character in text
    )


def talk() -> Console:
    """Console on stderr; honours NO_COLOR."""
    return Console(stderr=True, highlight=False)


def note(message: str) -> None:
    """One line of talk on stderr."""
    talk().print(Text(printable(message)), soft_wrap=True)


def show_table(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str = "") -> None:
    """Print a table on stdout; numbers to the right, text as plain text (never markup)."""
    table = Table(title=title or None, box=None, pad_edge=False, header_style="bold", title_justify="left")
    for place, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[place], int | float) for row in rows)
        table.add_column(column, justify="right" if numeric else "left", no_wrap=numeric)
    for row in rows:
        table.add_row(*(Text(f"{cell:,}" if isinstance(cell, int) else printable(str(cell))) for cell in row))
    Console(highlight=False).print(table)


class Meter:
    """Progress of one stage: bar, rate, ETA on a terminal; a plain line every 30 s elsewhere."""

    def __init__(self, stage: str, total: float | None, unit: str):
        self.stage, self.total, self.unit = stage, total, unit
        self.done, self.started, self.spoken, self.extra = 0.0, time.monotonic(), time.monotonic(), ""
        self._bar = self._task = None
        if sys.stderr.isatty():
            columns = (
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[extra]}"),
            )
            self._bar = Progress(*columns, console=talk(), transient=True)
            self._task = self._bar.add_task(stage, total=total, rate="", extra="")
            self._bar.start()

    def rate(self) -> str:
        """Units a second since the start; nothing in the first half second, when it would mislead."""
        seconds = time.monotonic() - self.started
        if seconds < 0.5 or not self.done:
            return ""
        return f"{self.done / seconds:,.0f} {self.unit}/s"

    def update(self, done: float, extra: str = "") -> None:
        """Set how much is `done` in all."""
        self.done, self.extra = done, extra
        if self._bar is not None:
            self._bar.update(self._task, completed=done, rate=self.rate(), extra=extra)
        elif time.monotonic() - self.spoken >= 30:
            self.spoken = time.monotonic()
            of = f" of {self.total:,.0f}" if self.total else ""
            note(f"{self.stage}: {self.done:,.0f}{of} {self.unit}, {self.rate()} {extra}".rstrip(", "))

    def close(self) -> None:
        """Leave the terminal clean."""
        if self._bar is not None:
            self._bar.stop()


@contextmanager
def meter(stage: str, total: float | None = None, unit: str = "rows") -> Iterator[Meter]:
    """A `Meter` that is closed whatever happens."""
    made = Meter(stage, total, unit)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def stages(units: Mapping[str, str] | None = None) -> Iterator[Callable[[str, int, int], None]]:
    """A function that shows (stage, done, in all), one `Meter` a stage; `units` says what a stage counts."""
    held: list[Meter] = []

    def shown(stage: str, done: int, total: int) -> None:
        if not held or held[0].stage != stage:
            if held:
                held.pop().close()
            held.append(Meter(stage, total, (units or {}).get(stage, "parts")))
        held[0].update(done)

    try:
        yield shown
    finally:
        if held:
            held[0].close()
