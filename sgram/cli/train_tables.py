"""What ``sgram train`` shows: a live table, or lines without a terminal; tables at the end. Nothing but printing."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.live import Live
from rich.table import Table
from rich.text import Text

from sgram.cli.console import note, printable, show_table, talk

if TYPE_CHECKING:
    from sgram.training.experiments.compare import Comparison, Difference
    from sgram.training.experiments.evaluate import Evaluation
    from sgram.training.experiments.run import RunResult

EVERY = 10
"""Steps between lines."""
_HISTORY = 10
_COLUMNS = (
    ("reward", "reward"),
    ("pass_at_1", "accuracy"),
    ("planning_share", "planning"),
    ("entropy_planning", "H plan"),
    ("entropy_execution", "H exec"),
    ("semantic_entropy", "H sem"),
    ("length", "tokens"),
    ("seconds", "s/step"),
)


def duration(seconds: float) -> str:
    """A time as people say it."""
    whole = round(seconds)
    if whole < 90:
        return f"{whole} s"
    return (
        f"{whole // 60} min {whole % 60:02d} s" if whole < 5400 else f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    )


def cell(name: str, value: Any) -> str:
    """A number of a step, as wide as it needs to be; "-" where it was not measured."""
    if value is None:
        return "-"
    if name == "planning_share":
        return f"{100 * value:.0f} %"
    return f"{value:.0f}" if name == "length" else f"{value:.2f}"


@dataclass(slots=True)
class _Shown:
    """What is known of one run that goes on."""

    labels: str
    steps: int
    stage: str = ""
    row: Mapping[str, Any] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)

    @property
    def step(self) -> int:
        return int(self.row.get("step", 0))

    def left(self) -> float | None:
        """Seconds to the last step, as the last ten went."""
        return (self.steps - self.step) * sum(self.times) / len(self.times) if self.times else None


class Board:
    """Progress of one run or many: a live table on a terminal, else a line every ten steps of a run.

    Rows are those that `sgram.training.experiments.matrix.run_matrix` tells.
    """

    def __init__(self, n_runs: int, live: bool):
        self.n_runs, self.n_finished, self.n_failed = n_runs, 0, 0
        self._running: dict[int, _Shown] = {}
        self._history: list[tuple[str, Mapping[str, Any]]] = []
        self._live = Live(console=talk(), transient=True, auto_refresh=False) if live else None

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Take note of what happened, and show it."""
        labels = f"{event['arm']}, seed {event['seed']}, start {event['warmup_seed']}"
        run = self._running.setdefault(event["cell"], _Shown(labels, event["steps"]))
        kind = event["event"]
        if kind == "step":
            self._step(run, event)
        elif kind == "stage":
            if run.stage != event["stage"] and self._live is None:
                note(f"{run.labels}: {event['stage']}")
            run.stage = event["stage"]
            if event.get("told"):
                self._say(f"{run.labels}: {event['told']}")
        elif kind in ("finished", "failed"):
            del self._running[event["cell"]]
            self._end(run, event)
        if self._live is not None:
            self._live.update(self.table(), refresh=True)

    def _step(self, run: _Shown, event: Mapping[str, Any]) -> None:
        run.row, run.stage = event, ""
        if event.get("seconds"):
            run.times = [*run.times[1 - EVERY :], event["seconds"]]
        if run.step % EVERY == 0 or run.step == run.steps:
            self._history = [*self._history[1 - _HISTORY :], (run.labels, event)]
            if self._live is None:
                note(self._line(run))

    def _end(self, run: _Shown, event: Mapping[str, Any]) -> None:
        self.n_finished += event["event"] == "finished"
        self.n_failed += event["event"] == "failed"
        if event["event"] == "failed":
            self._say(f"{run.labels} failed: {event['message']}")
        elif self.n_runs > 1:
            self._say(f"{run.labels}: finished ({self.n_finished + self.n_failed} of {self.n_runs})")

    def _say(self, text: str) -> None:
        if self._live is None:
            note(text)
        else:
            self._live.console.print(Text(printable(text)), soft_wrap=True)

    def _line(self, run: _Shown) -> str:
        told = [f"{title} {cell(name, run.row[name])}" for name, title in _COLUMNS if run.row.get(name) is not None]
        left = run.left()
        if left and run.step < run.steps:
            told.append(f"{duration(left)} left")
        return f"{run.labels}: step {run.step}/{run.steps}  {', '.join(told)}"

    def table(self) -> Table:
        """Steps on the way and the newest one; of several runs, those that go on."""
        told = f"{self.n_finished} of {self.n_runs} runs ended" + (f", {self.n_failed} failed" if self.n_failed else "")
        made = Table(box=None, pad_edge=False, header_style="bold", caption=told if self.n_runs > 1 else None)
        made.caption_justify = "left"
        made.add_column("run", no_wrap=True, overflow="ellipsis")
        for title in ("step", *(title for _, title in _COLUMNS), "left"):
            made.add_column(title, justify="right", no_wrap=True)
        newest = [run.row for run in self._running.values()]
        for labels, row in self._history if self.n_runs == 1 else ():
            if row not in newest:
                made.add_row(printable(labels), *self._cells(row), "", style="dim")
        for run in self._running.values():
            left = run.left()
            state = run.stage or (duration(left) if left is not None else "")
            made.add_row(printable(run.labels), *self._cells(run.row, run.steps), printable(state))
        return made

    def _cells(self, row: Mapping[str, Any], steps: int | None = None) -> list[str]:
        step = f"{int(row.get('step', 0))}" + (f"/{steps}" if steps else "")
        return [step, *(cell(name, row.get(name)) for name, _ in _COLUMNS)]

    @contextmanager
    def shown(self) -> Iterator["Board"]:
        """The board on the terminal, which is left clean whatever happens."""
        if self._live is None:
            yield self
        else:
            with self._live:
                yield self


def board(n_runs: int) -> Board:
    """A live board where stderr is a terminal that may have colors, else one of plain lines."""
    return Board(n_runs, live=sys.stderr.isatty() and not os.environ.get("NO_COLOR"))


# -- at the end -----------------------------------------------------------------------------------------


def show_run(result: "RunResult") -> None:
    """Start and end of one run side by side, and the curve between them."""
    start, final = result.start, result.final
    print(
        printable(
            f"{result.config.method} on {result.config.task}, {result.config.steps} steps, "
            f"seed {result.config.seed}, warm-up seed {result.config.warmup_seed}"
        )
    )
    print()
    rows = [("pass@1 [95 %]", _pass(start), _pass(final), _change(start.pass_at_1, final.pass_at_1))]
    for kind in ("strategic", "procedural", "format"):
        before, after = start.errors.get(kind), final.errors.get(kind)
        if before is not None or after is not None:
            rows.append((f"{kind} errors", _number(before), _number(after), _change(before, after)))
    for name, told in (
        ("planning_entropy", "planning entropy, nats"),
        ("semantic_entropy", "semantic entropy, nats"),
        ("execution_entropy", "execution entropy, nats"),
        ("length", "tokens a response"),
    ):
        before, after = getattr(start, name), getattr(final, name)
        if before is not None or after is not None:
            rows.append((told, _number(before), _number(after), _change(before, after)))
    show_table(("held-out problems", "start", "end", "change"), rows)
    means = curve(result.steps)
    if means:
        print()
        print(f"accuracy, means of {EVERY} steps: " + " ".join(_number(mean) for mean in means))


def curve(rows: Sequence[Mapping[str, Any]]) -> list[float]:
    """Accuracy on the sampled problems, mean of every ten steps."""
    blocks = [rows[first : first + EVERY] for first in range(0, len(rows), EVERY)]
    known = [[row["pass_at_1"] for row in block if row.get("pass_at_1") is not None] for block in blocks]
    return [sum(block) / len(block) for block in known if block]


def show_comparison(comparison: "Comparison") -> None:
    """The arms, then every arm less every control in pass@1; the files of the comparison hold the other measures."""
    from sgram.training.experiments.comparison_io import NOTES, arm_means

    columns = {
        "start": "start",
        "pass_at_1": "pass@1",
        "accuracy": "of run",
        "strategic": "strategic",
        "planning_entropy": "H plan",
        "execution_entropy": "H exec",
    }
    means = arm_means(comparison)
    show_table(
        ("arm", "runs", *columns.values()),
        [(arm, n_runs, *(_number(found[name]) for name in columns)) for arm, n_runs, found in means],
    )
    rows = [_difference_row(each) for each in comparison.differences if each.measure == "pass_at_1"]
    if rows:
        print()
        show_table(("pass@1 of", "less", "difference [95 %]", "above 0", "verdict"), rows)
        note(NOTES)


def _difference_row(each: "Difference") -> tuple[str, ...]:
    found = each.interval
    told = f"{_signed(found.mean)}, no interval"
    if found.low is not None:
        told = f"{_signed(found.mean)} [{_signed(found.low)} {_signed(found.high)}]"
    alone = each.verdict != "cannot say" and each.holm_verdict == "cannot say"
    verdict = f"{each.verdict}, not among all" if alone else each.verdict
    return each.arm, each.control, told, f"{found.n_above} of {found.n}", verdict


def _pass(found: "Evaluation") -> str:
    """pass@1 with an interval over problems, else over responses."""
    if found.pass_at_1 is None:
        return "-"
    low, high = _ends(found)
    return f"{_number(found.pass_at_1)} [{_number(low)} {_number(high)}]"


def _ends(found: "Evaluation") -> tuple[float | None, float | None]:
    from sgram.annotation.strategic_share import wilson

    if len(found.by_problem) < 2:
        return wilson(found.pass_at_1 * found.n, found.n)
    from sgram.statistics.intervals import problem_interval

    drawn = problem_interval(found.by_problem)
    if drawn.low == drawn.high:  # all solved or none: draws cannot tell how sure that is
        return wilson(found.pass_at_1 * len(found.by_problem), len(found.by_problem))
    return drawn.low, drawn.high


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def _change(before: float | None, after: float | None) -> str:
    if before is None or after is None:
        return "-"
    return f"{after - before:+.1f}" if abs(after) >= 10 else _signed(after - before)


def _signed(value: float | None) -> str:
    text = _number(value)
    return text if text.startswith("-") else f"+{text}"
