"""Output of ``sgram train``: a live table, or lines without a terminal; result tables at the end."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.live import Live
from rich.table import Table
from rich.text import Text

from sgram.cli.console import note, print_line, print_next_table, print_table, printable, stderr_console

if TYPE_CHECKING:
    from sgram.training.experiments.compare import ArmComparison, Difference
    from sgram.training.experiments.evaluate import PolicyEvaluation
    from sgram.training.experiments.run import RunResult

EVERY = 10
"""Steps between two progress lines."""
_HISTORY = 10
Columns = Sequence[tuple[str, str]]
"""Numbers of a step that a board shows: names and titles."""
_COLUMNS: Columns = (
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
    """Return a duration as text, such as 12 min 05 s."""
    rounded = round(seconds)
    if rounded < 90:
        return f"{rounded} s"
    minutes, remainder = divmod(rounded, 60)
    return f"{minutes} min {remainder:02d} s" if rounded < 5400 else f"{minutes // 60} h {minutes % 60:02d} min"


def cell(name: str, number: float | None) -> str:
    """Return a number of a step as text; "-" means not measured."""
    if number is None:
        return "-"
    if name == "planning_share":
        return f"{100 * number:.0f} %"
    return f"{number:.0f}" if name == "length" else f"{number:.2f}"


@dataclass(slots=True)
class _RunProgress:
    """Progress of one running run."""

    labels: str
    steps: int
    stage: str = ""
    row: Mapping[str, Any] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)

    @property
    def step(self) -> int:
        """Return the last finished step; 0 before the first."""
        return int(self.row.get("step", 0))

    def seconds_left(self) -> float | None:
        """Return the estimated seconds to the last step, from the last ten steps; None before the first step."""
        return (self.steps - self.step) * sum(self.times) / len(self.times) if self.times else None


class Board:
    """Progress of one or several runs: a live table on a terminal, else a line every ten steps of a run.

    Events are the rows of `sgram.training.experiments.matrix.run_matrix`.
    """

    def __init__(self, n_runs: int, live: bool, columns: Columns = _COLUMNS):
        self.n_runs, self.n_finished, self.n_failed = n_runs, 0, 0
        self._columns = columns
        self._running: dict[int, _RunProgress] = {}
        self._history: list[tuple[str, Mapping[str, Any]]] = []
        self._sentences: set[str] = set()
        self._live = Live(console=stderr_console(), transient=True, auto_refresh=False) if live else None

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Update the board with one event."""
        labels = f"{event['arm']}, seed {event['seed']}, start {event['warmup_seed']}"
        run = self._running.setdefault(event["cell"], _RunProgress(labels, event["steps"]))
        kind = event["event"]
        if kind == "step":
            self._record_step(run, event)
        elif kind == "stage":
            if event.get("note"):
                self._tell(run, event["stage"], event["note"])
            elif run.stage != event["stage"] and self._live is None:
                note(f"{run.labels}: {event['stage']}")
            run.stage = event["stage"]
        elif kind in ("finished", "failed"):
            del self._running[event["cell"]]
            self._record_end(run, event)
        if self._live is not None:
            self._live.update(self.table(), refresh=True)

    def _tell(self, run: _RunProgress, stage: str, sentence: str) -> None:
        """Print a sentence of a run; one on the start model once, because all runs share it."""
        if stage == "start" and sentence in self._sentences:
            return
        self._sentences.add(sentence)
        self._print(f"{run.labels}: {sentence}")

    def _record_step(self, run: _RunProgress, event: Mapping[str, Any]) -> None:
        run.row, run.stage = event, ""
        if event.get("seconds"):
            run.times = [*run.times[1 - EVERY :], event["seconds"]]
        if run.step % EVERY == 0 or run.step == run.steps:
            self._history = [*self._history[1 - _HISTORY :], (run.labels, event)]
            if self._live is None:
                note(self._line(run))

    def _record_end(self, run: _RunProgress, event: Mapping[str, Any]) -> None:
        self.n_finished += event["event"] == "finished"
        self.n_failed += event["event"] == "failed"
        if event["event"] == "failed":
            self._print(f"{run.labels} failed: {event['message']}")
        elif self.n_runs > 1:
            self._print(f"{run.labels}: finished ({self.n_finished + self.n_failed} of {self.n_runs})")

    def _print(self, text: str) -> None:
        if self._live is None:
            note(text)
        else:
            self._live.console.print(Text(printable(text)), soft_wrap=True)

    def _line(self, run: _RunProgress) -> str:
        numbers = [
            f"{title} {cell(name, run.row[name])}" for name, title in self._columns if run.row.get(name) is not None
        ]
        seconds_left = run.seconds_left()
        if seconds_left and run.step < run.steps:
            numbers.append(f"{duration(seconds_left)} left")
        return f"{run.labels}: step {run.step}/{run.steps}  {', '.join(numbers)}"

    def table(self) -> Table:
        """Return the live table: of one run its last steps, of several runs those that are running."""
        caption = f"{self.n_finished} of {self.n_runs} runs ended"
        caption += f", {self.n_failed} failed" if self.n_failed else ""
        table = Table(box=None, pad_edge=False, header_style="bold", caption=caption if self.n_runs > 1 else None)
        table.caption_justify = "left"
        table.add_column("run", no_wrap=True, overflow="ellipsis")
        for title in ("step", *(title for _, title in self._columns), "left"):
            table.add_column(title, justify="right", no_wrap=True)
        newest = [run.row for run in self._running.values()]
        for labels, row in self._history if self.n_runs == 1 else ():
            if row not in newest:
                table.add_row(Text(printable(labels)), *self._cells(row), "", style="dim")
        for run in self._running.values():
            seconds_left = run.seconds_left()
            state = run.stage or (duration(seconds_left) if seconds_left is not None else "")
            table.add_row(Text(printable(run.labels)), *self._cells(run.row, run.steps), Text(printable(state)))
        return table

    def _cells(self, row: Mapping[str, Any], steps: int | None = None) -> list[str]:
        step = f"{int(row.get('step', 0))}" + (f"/{steps}" if steps else "")
        return [step, *(cell(name, row.get(name)) for name, _ in self._columns)]

    @contextmanager
    def shown(self) -> Iterator["Board"]:
        """Show the board on the terminal, and remove it at the end, also if an error is raised."""
        with self._live or nullcontext():
            yield self


def board(n_runs: int, columns: Columns = _COLUMNS) -> Board:
    """Return a live board if stderr is a terminal and NO_COLOR is not set, else one of plain lines."""
    return Board(n_runs, live=sys.stderr.isatty() and not os.environ.get("NO_COLOR"), columns=columns)


# -- at the end -----------------------------------------------------------------------------------------


def show_run(result: "RunResult") -> None:
    """Print start and end of one run side by side, and the accuracy between them."""
    start, final = result.start, result.final
    config = result.config
    print_line(
        f"{config.method} on {config.task}, {config.steps} steps, seed {config.seed}, warm-up seed {config.warmup_seed}"
    )
    by_scorer = f" by the sentence scorer {result.scorer[:12]}" if result.scorer else ""
    print_line(f"planning tokens: mask {config.mask}{by_scorer}")
    print()
    kinds = ("strategic", "procedural", "format")
    measures = {f"{kind} errors": (start.errors.get(kind), final.errors.get(kind)) for kind in kinds}
    for name, title in (
        ("planning_entropy", "planning entropy, nats"),
        ("semantic_entropy", "semantic entropy, nats"),
        ("execution_entropy", "execution entropy, nats"),
        ("length", "tokens in a response"),
    ):
        measures[title] = (getattr(start, name), getattr(final, name))
    rows = [("pass@1 [95 %]", _pass_at_1(start), _pass_at_1(final), change_text(start.pass_at_1, final.pass_at_1))]
    for title, (before, after) in measures.items():
        if before is not None or after is not None:
            rows.append((title, number_text(before), number_text(after), change_text(before, after)))
    print_table(("held-out problems", "start", "end", "change"), rows)
    means = curve(result.steps)
    if means:
        print()
        print(f"accuracy, {_describe_blocks(len(result.steps))}: " + " ".join(number_text(mean) for mean in means))


def _describe_blocks(n_steps: int) -> str:
    """Return over how many steps the means of `curve` are.

    >>> _describe_blocks(4), _describe_blocks(20), _describe_blocks(21)
    ('mean of 4 steps', 'means of 10 steps', 'means of 10 steps, the last of 1')
    """
    n_last = n_steps % EVERY
    if n_steps <= EVERY:
        return f"mean of {n_steps} steps" if n_steps > 1 else "of 1 step"
    return f"means of {EVERY} steps" + (f", the last of {n_last}" if n_last else "")


def curve(rows: Sequence[Mapping[str, Any]]) -> list[float]:
    """Return the accuracy on the sampled problems, as means over blocks of ten steps."""
    blocks = [rows[first : first + EVERY] for first in range(0, len(rows), EVERY)]
    accuracies = [[row["pass_at_1"] for row in block if row.get("pass_at_1") is not None] for block in blocks]
    return [sum(block) / len(block) for block in accuracies if block]


def show_comparison(comparison: "ArmComparison") -> None:
    """Print the arms, then the differences in pass@1 of arms and controls; the files contain the other measures."""
    from sgram.training.experiments.comparison_io import NOTES, arm_means, known_columns

    all_columns = {
        "start": "start",
        "pass_at_1": "pass@1",
        "accuracy": "of run",
        "strategic": "strategic",
        "planning_entropy": "H plan",
        "execution_entropy": "H exec",
    }
    columns = known_columns(comparison, all_columns)
    print_table(
        ("arm", "runs", *columns.values()),
        [
            (arm, n_runs, *(number_text(means[name]) for name in columns))
            for arm, n_runs, means in arm_means(comparison)
        ],
    )
    rows = [_difference_row(row) for row in comparison.differences if row.measure == "pass_at_1"]
    if rows:
        print_next_table(("pass@1 of", "less", "difference [95 %]", "above 0", "verdict"), rows)
        note(NOTES)


def _difference_row(difference: "Difference") -> tuple[str, ...]:
    interval, text = difference.interval, f"{_signed(difference.interval.mean)}, no interval"
    if interval.low is not None:
        text = f"{_signed(interval.mean)} [{_signed(interval.low)} {_signed(interval.high)}]"
    only_alone = difference.verdict != "cannot say" and difference.holm_verdict == "cannot say"
    verdict = f"{difference.verdict}, not among all" if only_alone else difference.verdict
    return difference.arm, difference.control, text, f"{interval.n_above} of {interval.n}", verdict


def _pass_at_1(evaluation: "PolicyEvaluation") -> str:
    """Return pass@1 with its interval over problems; over responses if there are fewer than two problems."""
    if evaluation.pass_at_1 is None:
        return "-"
    low, high = _pass_at_1_interval(evaluation, evaluation.pass_at_1)
    return f"{number_text(evaluation.pass_at_1)} [{number_text(low)} {number_text(high)}]"


def _pass_at_1_interval(evaluation: "PolicyEvaluation", pass_at_1: float) -> tuple[float | None, float | None]:
    from sgram.statistics import wilson_interval
    from sgram.training.experiments.pass_rate import pass_rate_by_problem

    n_problems = len(evaluation.by_problem)
    if n_problems < 2:
        return wilson_interval(pass_at_1 * evaluation.n, evaluation.n)
    estimate = pass_rate_by_problem(evaluation.by_problem)
    if estimate.low == estimate.high:  # all solved or none: the bootstrap gives an interval of width 0
        return wilson_interval(pass_at_1 * n_problems, n_problems)
    return estimate.low, estimate.high


def number_text(number: float | None) -> str:
    """Return a number for a table of runs: three decimals, one from 10 on, "-" if it is unknown.

    >>> number_text(0.25), number_text(47.6), number_text(None)
    ('0.250', '47.6', '-')
    """
    if number is None:
        return "-"
    return f"{number:.1f}" if abs(number) >= 10 else f"{number:.3f}"


def change_text(before: float | None, after: float | None) -> str:
    """Return the signed change between two numbers, with as many decimals as the second one has; "-" if one is unknown.

    >>> change_text(0.25, 0.75), change_text(43.2, 47.6), change_text(None, 1.0)
    ('+0.500', '+4.4', '-')
    """
    if before is None or after is None:
        return "-"
    return f"{after - before:+.1f}" if abs(after) >= 10 else _signed(after - before)


def _signed(number: float | None) -> str:
    text = number_text(number)
    return text if text.startswith("-") else f"+{text}"
