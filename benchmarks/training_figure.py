"""The figure of the comparison on the hard testbed: curves by arm, and the treatment less each control."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from training_design import ARMS, BASELINE, SEEDS, STARTS, TREATMENT
from training_page import Design, PrimaryRow, Records, primary_family
from training_records import BLOCK, RunRecord

from sgram.files import write_bytes
from sgram.reports.figures.canvas import COLORS, GRAY, PALE, ROLES, figure_format, render_figure
from sgram.reports.figures.figure import Point, draw_curve, draw_key, write_curve_names
from sgram.statistics import t_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CURVE_COLORS = {
    BASELINE: GRAY,
    TREATMENT: COLORS[0],
    "scale 1": COLORS[2],
    "push 1": COLORS[1],
    "symmetric 1": COLORS[3],
    "execution symmetric 1": COLORS[4],
}
"""Arms with a curve in color; the others are pale."""
WITH_INTERVAL = (BASELINE, TREATMENT)


def draw_comparison(
    records: Records, arms: Sequence[str], path: Path, seeds: Sequence[int] = SEEDS, starts: Sequence[int] = STARTS
) -> None:
    """Draw the comparison into `path`; nothing if the baseline or the treatment has no run."""
    design = Design(records, arms, seeds, starts)
    if not (design.runs(BASELINE) and design.runs(TREATMENT)):
        return

    def draw(figure: "Figure") -> None:
        panels = figure.subplots(1, 3, width_ratios=(1.15, 1.0, 0.8))
        _draw_accuracy(panels[0], design)
        _draw_phases(panels[1], design)
        _draw_differences(panels[2], primary_family(design))
        rates = ", ".join(f"{arm} {design.rates[arm]:g}" for arm in ARMS if arm in design.rates)
        draw_key(
            figure,
            "Means of 10 steps over runs; bands are Student's 95 % intervals over seeds, of means over start models; "
            f"bars are 95 % intervals over seeds and start models. Numbers behind arms are alpha. Learning rates: "
            f"{rates}.",
        )

    write_bytes(path, render_figure((11.5, 4.2), draw, figure_format(str(path))))


def curve(runs: Sequence[RunRecord], numbers: Sequence[Sequence[float | None]], has_interval: bool) -> list[Point]:
    """Return the points of an arm: the mean over runs of each block of steps, at the middle of the block.

    `numbers` holds the blocks of each run. The interval is Student's over the seeds' means.
    """
    points = []
    for block in range(min(map(len, numbers))):
        by_seed: dict[int, list[float]] = {}
        for run, blocks in zip(runs, numbers, strict=True):
            number = blocks[block]
            if number is not None:
                by_seed.setdefault(run.seed, []).append(number)
        means = [statistics.fmean(seed_numbers) for seed_numbers in by_seed.values()]
        if means:
            interval = t_interval(means) if has_interval else None
            low, high = (None, None) if interval is None else (interval.low, interval.high)
            points.append(Point(BLOCK * (block + 0.5), statistics.fmean(means), low, high))
    return points


def _accuracy_blocks(run: RunRecord) -> list[float]:
    return [
        statistics.fmean(run.accuracy[first : first + BLOCK])
        for first in range(0, len(run.accuracy) - BLOCK + 1, BLOCK)
    ]


def _draw_accuracy(axes: "Axes", design: Design) -> None:
    ends = []
    for arm in sorted(design.arms, key=lambda arm: (arm in CURVE_COLORS, arm in WITH_INTERVAL, arm == TREATMENT)):
        runs = design.runs(arm)
        if not runs:
            continue
        points = curve(runs, [_accuracy_blocks(run) for run in runs], arm in WITH_INTERVAL)
        color = CURVE_COLORS.get(arm, PALE)
        draw_curve(axes, points, color, marker="")
        ends.append((arm, points[-1], GRAY if color == PALE else color))
    axes.set(ylim=(0, 1), xlabel="step")
    axes.set_xlim(left=0)
    axes.set_title("accuracy on the sampled problems")
    write_curve_names(axes, ends, 0.06, size=7.5, has_arrows=True)


def _draw_phases(axes: "Axes", design: Design) -> None:
    ends = []
    for arm, style in ((BASELINE, "--"), (TREATMENT, "-")):
        runs = design.runs(arm)
        for name, color in (("right_execution", COLORS[1]), ("right_method", COLORS[0])):
            points = curve(runs, [run.series[name] for run in runs], False)
            if points:
                draw_curve(axes, points, color, marker="", line_style=style)
                ends.append((f"{name.removeprefix('right_')}, {arm}", points[-1], color))
    axes.set(ylim=(0, 1), xlabel="step")
    axes.set_xlim(left=0)
    axes.set_title("right execution, right method")
    write_curve_names(axes, ends, 0.06, size=7.5, has_arrows=True)


def _draw_differences(axes: "Axes", family: Sequence[PrimaryRow]) -> None:
    known = [row for row in family if row.interval.mean is not None]
    for position, row in enumerate(known):
        color, marker = ROLES[row.verdict]
        mean, low, high = row.interval.mean, row.interval.low, row.interval.high
        if low is not None and high is not None:
            axes.hlines(position, low, high, color=color, linewidth=1.4)
        fill = "white" if row.verdict == "cannot say" else color
        axes.plot([mean], [position], marker=marker, color=color, markerfacecolor=fill, markersize=6)
    axes.axvline(0, color=GRAY, linewidth=0.8)
    axes.set_yticks(range(len(known)), [f"less {row.control}" for row in known])
    axes.invert_yaxis()
    axes.set_xlabel("mean of run, difference")
    axes.set_title(f"{TREATMENT} less its controls")
