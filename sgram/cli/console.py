"""Safe text, tables and progress bars for all verbs.

stdout carries data, stderr carries messages. Traces are untrusted: `printable` escapes every text that comes from
data, so that no escape sequence, bidi override or line break reaches the terminal, and rich gets `Text` objects,
never strings that it would parse as markup.
"""

import json
import os
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from sgram.cli.table_layout import column_widths, crop_words

# Okabe and Ito's palette: distinct for any kind of color vision, on light and dark backgrounds.
MOVE_COLORS = {
    "deduction": "#56b4e9",
    "branching": "#e69f00",
    "backtracking": "#d55e00",
    "verification": "#009e73",
    "goal-setting": "#cc79a7",
    "monitoring": "#0072b2",
    "other": "default",
}

KIND_COLORS = {
    "strategic": "#d55e00",
    "procedural": "#0072b2",
    "unfinished": "#e69f00",
    "degenerate": "#cc79a7",
    "format": "#56b4e9",
    "not-wrong": "#009e73",
    "undecided": "default",
}
COLORED_COLUMNS: Mapping[str, Mapping[str, str]] = {
    **dict.fromkeys(("move", "main move"), MOVE_COLORS),
    **dict.fromkeys(("kind", "kind of error", "classifier's kind"), KIND_COLORS),
}
"""Columns of tables whose cells have the color of their move or of their kind of error."""

ShowProgress = Callable[[str, float, float | None, str, str], None]
"""A function of (stage, done, total, unit, suffix) that shows the progress of a stage."""
_UNSAFE_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
_LOG_INTERVAL = 30
"""Seconds between two progress lines where stderr is not a terminal."""


def printable(text: str) -> str:
    r"""Return `text` with control, format and bidi characters as visible escapes; a line break becomes a space.

    >>> printable("wait\x1b[31m,\nlet me check")
    'wait\\x1b[31m, let me check'
    """
    text = text.replace("\r\n", " ").replace("\n", " ").replace("\t", " ")
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in _UNSAFE_CATEGORIES
        else character
        for character in text
    )


def stderr_console() -> Console:
    """Return a console on stderr; it honors NO_COLOR."""
    return Console(stderr=True, highlight=False)


def stdout_console(width_elsewhere: int | None = None) -> Console:
    """Return a console on stdout, as wide as the terminal, or as COLUMNS says.

    Where there is neither, such as in a pipe, it has `width_elsewhere` columns, by default 80.
    """
    is_known = sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdecimal()
    return Console(highlight=False, width=None if is_known else width_elsewhere)


def name_width(least: int) -> int:
    """Return how many characters a name in a table may have: `least` at 80 columns, more in a wider terminal."""
    return least + max(0, stdout_console().width - 80)


def note(message: str) -> None:
    """Print one line on stderr."""
    stderr_console().print(Text(printable(message)), soft_wrap=True)


def note_hidden(n_hidden: int, noun: str, remedy: str = "--json lists all") -> None:
    """Print on stderr how many rows a table does not show, and what shows them; nothing if there are none."""
    if n_hidden > 0:
        note(f"{n_hidden:,} more {noun}; {remedy}")


def print_line(line: str = "") -> None:
    """Print one line on stdout."""
    print(printable(line))


def print_heading(kind: str, rest: str, before: str = "") -> None:
    """Print the line "--- `before``kind``rest`" on stdout, the kind of error in its color."""
    line = Text.assemble("--- ", printable(before), (printable(kind), KIND_COLORS.get(kind, "")), printable(rest))
    stdout_console().print(line, soft_wrap=True)


def print_lines(lines: Iterable[tuple[str, str]]) -> None:
    """Print pairs of a title and a text on stdout, one pair a line, texts below each other."""
    for title, text in lines:
        print_line(f"{title:<8} {text}")


def describe_settings(settings: Mapping[str, object]) -> str:
    """Return settings as text, without those that are not set.

    >>> describe_settings({"seed": 0, "top": None, "where": []})
    'seed=0'
    """
    return ", ".join(f"{name}={setting}" for name, setting in settings.items() if setting not in (None, "", [], {}))


def print_json(kind: str, fields: Mapping[str, object]) -> None:
    """Print an object of the format sgram-`kind` on one line of stdout.

    The line is ASCII, so that no escape sequence reaches a terminal. Raise `ValueError` for NaN and infinities.
    """
    print(json.dumps({"format": f"sgram-{kind}", "version": 1, **fields}, sort_keys=True, allow_nan=False))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str = "") -> None:
    """Print a table on stdout, numbers aligned right; title, headers and cells are plain text, never markup."""
    console = stdout_console()
    cells = [[cell if isinstance(cell, Text) else _cell_text(cell) for cell in row] for row in rows]
    heads = [printable(column) for column in columns]
    widths = column_widths(
        [[head, *(row[index].plain for row in cells)] for index, head in enumerate(heads)], console.width, 2
    )
    heading = Text(printable(title)) if title else None
    table = Table(
        title=heading, box=None, pad_edge=False, header_style="bold", title_justify="left", padding=(0, 2, 0, 0)
    )
    for index, head in enumerate(heads):
        is_numeric = bool(rows) and all(isinstance(row[index], int | float) for row in rows)
        title_text = Text(head, KIND_COLORS.get(head, ""))
        table.add_column(title_text, justify="right" if is_numeric else "left", width=widths[index])
        for row in cells:
            row[index].stylize(COLORED_COLUMNS.get(head, {}).get(row[index].plain, ""))
    for row in cells:
        table.add_row(*row)
    console.width = max(console.width, sum(widths) + 2 * len(widths))  # a line is wider than the terminal, not cut
    console.print(table)


def _cell_text(cell: object) -> Text:
    """Return a cell as plain text; whole numbers get commas."""
    return Text(f"{cell:,}" if isinstance(cell, int) else printable(str(cell)))


def print_next_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table on stdout, below a blank line."""
    print()
    print_table(columns, rows)


class WholeWords:
    """A cell of one line that shows as many whole words as its column takes."""

    def __init__(self, text: Text):
        self.text = text

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(1, max(1, self.text.cell_len)).clamp(max_width=options.max_width)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield crop_words(self.text, options.max_width)


class Meter:
    """Progress of one stage: bar, rate and remaining time on a terminal; elsewhere a plain line every 30 s."""

    def __init__(self, stage: str, total: float | None, unit: str):
        self.stage, self.total, self.unit = stage, total, unit
        self.done, self.suffix = 0.0, ""
        self.started = self.last_logged = time.monotonic()
        self._bar: Progress | None = None
        self._task = TaskID(0)
        if sys.stderr.isatty():
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=24),
                TextColumn("{task.fields[rate]}", markup=False),
                TimeRemainingColumn(),
                TextColumn("{task.fields[suffix]}", markup=False),
            )
            self._bar = Progress(*columns, console=stderr_console(), transient=True)
            self._task = self._bar.add_task(printable(stage), total=total, rate="", suffix="")
            self._bar.start()

    def rate(self) -> str:
        """Return units a second since the start; "" in the first half second, when it would mislead."""
        seconds = time.monotonic() - self.started
        if seconds < 0.5 or not self.done:
            return ""
        rate = self.done / seconds
        return f"{rate:,.0f} {self.unit}/s" if rate >= 10 else f"{rate:.2g} {self.unit}/s"

    def update(self, done: float, suffix: str = "") -> None:
        """Set how many units are done in all; `suffix` stands behind the bar."""
        self.done, self.suffix = done, printable(suffix)
        if self._bar is not None:
            self._bar.update(self._task, completed=done, rate=self.rate(), suffix=self.suffix)
        elif time.monotonic() - self.last_logged >= _LOG_INTERVAL:
            self.last_logged = time.monotonic()
            total = f" of {self.total:,.0f}" if self.total else ""
            parts = [f"{self.done:,.0f}{total} {self.unit}", self.rate(), suffix]
            note(f"{self.stage}: {', '.join(part for part in parts if part)}")

    def close(self) -> None:
        """Remove the bar from the terminal."""
        if self._bar is not None:
            self._bar.stop()


def meter(stage: str, total: float | None = None, unit: str = "rows") -> closing[Meter]:
    """Return a context of a `Meter`, which is closed also if an error is raised."""
    return closing(Meter(stage, total, unit))


@contextmanager
def switching_meter() -> Iterator[ShowProgress]:
    """Yield a function that shows one `Meter` a stage, one after the other."""
    current: Meter | None = None
    with ExitStack() as open_meter:

        def update(stage: str, done: float, total: float | None, unit: str, suffix: str) -> None:
            nonlocal current
            if current is None or current.stage != stage:
                open_meter.close()
                current = open_meter.enter_context(meter(stage, total, unit))
            current.update(done, suffix)

        yield update


@contextmanager
def stage_meters(units: Mapping[str, str] | None = None) -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function of (stage, done, total) that shows one `Meter` a stage; `units` names the unit of each stage."""
    with switching_meter() as update:
        yield lambda stage, done, total: update(stage, done, total, (units or {}).get(stage, "parts"), "")
