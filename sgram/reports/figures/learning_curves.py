"""Learning curves of training runs by step, several arms side by side.

Bands reach from the lowest to the highest run of an arm. Up to four arms share their panels; more arms get a column
each, with the other arms in pale gray behind.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from sgram.errors import UsageError
from sgram.files import write_bytes
from sgram.reports.figures.canvas import COLORS, LINES, figure_format, label, render_figure
from sgram.reports.figures.figure import Point, draw_background, draw_curve, draw_key, write_curve_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sgram.training.experiments.run import RunResult

WINDOW = 10
"""Number of steps that a point of a curve averages."""
_MAX_SHARED_ARMS = 4
"""Maximum arms that share a panel."""
StepRow: TypeAlias = Mapping[str, Any]
"""A logged step of a run: numbers by name."""
Quantity: TypeAlias = Callable[[StepRow], float | None]
"""Reads one number of a logged step; None if it was not logged."""
Band: TypeAlias = list[Point]
"""Mean of several runs by step, with the lowest and the highest of them."""
Panel: TypeAlias = "tuple[str, Mapping[str, Band]]"
"""Title of a panel, and its bands by arm."""
Arms: TypeAlias = "Mapping[str, Sequence[RunResult]]"
"""Runs by arm."""


def _field(name: str) -> Quantity:
    return lambda row: row.get(name)


_PANELS: tuple[tuple[str, Quantity], ...] = (
    ("accuracy, sampled problems", _field("pass_at_1")),
    ("strategic errors, share", _field("error_strategic")),
    ("procedural errors, share", _field("error_procedural")),
    ("entropy of planning tokens, nats", _field("entropy_planning")),
    ("entropy of execution tokens, nats", _field("entropy_execution")),
    ("semantic entropy, nats", _field("semantic_entropy")),
    ("length of a response, tokens", _field("length")),
)
_SHARES = ("accuracy", "strategic", "procedural")


def running_means(rows: Iterable[StepRow], quantity: Quantity, window: int = WINDOW) -> dict[int, float]:
    """Return for each step the mean of `quantity` over it and the steps before it, `window` steps in all.

    The first mean is that of the first full window; with fewer steps there is one mean, at the last step. Steps
    without the quantity are skipped.
    """
    step_numbers = [(int(row["step"]), number) for row in rows if (number := quantity(row)) is not None]
    window = min(window, len(step_numbers)) or 1
    return {
        step_numbers[index][0]: sum(number for _, number in step_numbers[index - window + 1 : index + 1]) / window
        for index in range(window - 1, len(step_numbers))
    }


class SteppedRun(Protocol):
    """A run with the rows of its steps."""

    @property
    def steps(self) -> Sequence[StepRow]:
        """Rows of the steps."""


def build_band(runs: Sequence[SteppedRun], quantity: Quantity, window: int = WINDOW) -> Band:
    """Return the means of the runs of one arm over the steps that all have, from the lowest to the highest run."""
    curves = [running_means(run.steps, quantity, window) for run in runs]
    band = []
    for step in sorted(set.intersection(*(set(curve) for curve in curves))) if curves else []:
        numbers = [curve[step] for curve in curves]
        ends = (min(numbers), max(numbers)) if len(curves) > 1 else (None, None)
        band.append(Point(step, sum(numbers) / len(numbers), *ends))
    return band


def draw_learning_curves(results: Arms, path: str | Path) -> None:
    """Draw accuracy, error shares and entropies by step into `path` (.svg, .png or .pdf), with a band for each arm.

    Raise `UsageError` without a finished run or without logged quantities.
    """
    arms = {arm: tuple(runs) for arm, runs in results.items() if runs}
    if not arms:
        raise UsageError("learning curves need at least one finished run")
    panels = [
        (title, bands)
        for title, quantity in _PANELS
        if any((bands := {arm: build_band(runs, quantity) for arm, runs in arms.items()})[arm] for arm in arms)
    ]
    if not panels:
        raise UsageError("the runs have logged no quantity that this figure shows")
    share_panels = len(arms) <= _MAX_SHARED_ARMS
    size = (9.6, 5.6) if share_panels else (1.1 + 1.42 * len(arms), 1.0 + 1.28 * len(panels))
    draw = _draw_together if share_panels else _draw_columns
    write_bytes(path, render_figure(size, lambda figure: draw(figure, arms, panels), figure_format(str(path))))


def _data_note(arms: Arms) -> str:
    sizes = {len(runs) for runs in arms.values()}
    n = f"{min(sizes)} to {max(sizes)}" if len(sizes) > 1 else str(*sizes)
    steps = f"means of {WINDOW} steps"
    if sizes == {1}:
        return f"{steps}; one run an arm; rings: held-out pass@1 before and after"
    return f"{steps}, mean of {n} runs an arm; bands: least and greatest run; rings: held-out pass@1 before and after"


def _draw_together(figure: "Figure", arms: Arms, panels: Sequence[Panel]) -> None:
    rows = max(2, -(-(len(panels) - 1) // 2))
    grid = figure.add_gridspec(rows, 4)
    cells = [grid[:, :2] if len(panels) > 1 else grid[:, :]]
    cells += [grid[number // 2, 2 + number % 2] for number in range(len(panels) - 1)]
    for number, ((title, bands), cell) in enumerate(zip(panels, cells, strict=True)):
        axes = figure.add_subplot(cell)
        for index, arm in enumerate(arms):
            draw_curve(axes, bands[arm], COLORS[index], line_style=LINES[index])
        if title.startswith("accuracy"):
            _draw_rings(axes, [(runs, COLORS[index]) for index, runs in enumerate(arms.values())])
        axes.set_title(title, fontsize=9 if number == 0 else 7.5)
        _set_limits(axes, title, bands.values())
        if number == 0:
            names = [f"{label(arm, 30)} (n={len(runs)})" for arm, runs in arms.items()]
            lines = zip(names, bands.values(), COLORS, strict=False)
            ends = [(name, band[-1], color) for name, band, color in lines if band]
            write_curve_names(axes, ends, 0.045, has_arrows=True)
        if number == 0 or number >= len(panels) - 2:
            axes.set_xlabel("step")
    draw_key(figure, _data_note(arms))


def _draw_columns(figure: "Figure", arms: Arms, panels: Sequence[Panel]) -> None:
    grid = figure.subplots(
        len(panels),
        len(arms),
        sharex=True,
        sharey="row",
        squeeze=False,
        gridspec_kw={"height_ratios": [1.7, *[1] * (len(panels) - 1)]},
    )
    for row, (title, bands) in enumerate(panels):
        for column, (arm, runs) in enumerate(arms.items()):
            axes = grid[row][column]
            draw_background(axes, [band for name, band in bands.items() if name != arm])
            draw_curve(axes, bands[arm], COLORS[0])
            if title.startswith("accuracy"):
                _draw_rings(axes, [(runs, COLORS[1])])
            axes.tick_params(labelsize=7)
            if row == 0:
                heading = label(arm, 60).replace(":", ":\n").replace("-", "-\n")
                axes.set_title(f"{heading}\n(n={len(runs)})", fontsize=8)
            if row == len(panels) - 1:
                axes.set_xlabel("step", fontsize=8)
        grid[row][0].set_ylabel(title.replace(", ", ",\n").replace(" tokens", "\ntokens"), fontsize=7)
        _set_limits(grid[row][0], title, bands.values())
    draw_key(figure, f"{_data_note(arms)}; gray: the other arms")


def _draw_rings(axes: "Axes", arms: Iterable[tuple[Sequence["RunResult"], str]]) -> None:
    for runs, color in arms:
        last_step = max(row["step"] for run in runs for row in run.steps) if runs[0].steps else 0
        for step, name in ((0, "start"), (last_step, "final")):
            accuracies = [accuracy for run in runs if (accuracy := getattr(run, name).pass_at_1) is not None]
            if accuracies:
                axes.plot(
                    [step],
                    [sum(accuracies) / len(accuracies)],
                    marker="o",
                    markersize=4.5,
                    markerfacecolor="white",
                    markeredgecolor=color,
                    markeredgewidth=1.1,
                    zorder=4,
                    clip_on=False,
                )


def _set_limits(axes: "Axes", title: str, bands: Iterable[Band]) -> None:
    """Set the limits of the axes. Shares range from 0 to at least .1, so that noise stays small."""
    low = min((point.value if point.low is None else point.low for band in bands for point in band), default=0.0)
    bottom, top = axes.get_ylim()
    if title.startswith(_SHARES):
        axes.set_ylim(0, max(top, 0.1))
    else:
        axes.set_ylim(0 if 0 <= low < 0.35 * top else bottom, top)
    axes.set_xlim(left=0)
