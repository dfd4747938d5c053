"""Question curves: a small panel for each question of a report, with the curves of all runs over each other.

A curve is smoothed as in the grid of questions; the steps themselves are faint behind it, and its name stands at its
end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sgram.analysis.step_series import AT_MOST
from sgram.analysis.trace_counts import PLACEBO, SGS
from sgram.reports.figures.canvas import COLORS, GRAY, NEAR_ZERO
from sgram.reports.figures.figure import Figure, Point, join_sentences, write_curve_names
from sgram.reports.figures.source_selection import distinct_labels, select_sources
from sgram.reports.questions import QUESTIONS, ReportQuestion, StepPoint, read_steps, smooth_steps

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

    from sgram.analysis import Analysis

SECTION = "summary"
_SIZE = (4.9, 2.35)
"""Width and height of a panel in inches; letters of 9 points are readable on a phone."""
_LONGEST_NAME = 20
_PLACEBO_NAME = "random phrases"


@dataclass(frozen=True, slots=True)
class _RunCurves:
    """What a panel draws of a run."""

    steps: list[StepPoint]
    at_most: list[StepPoint]
    """The same with the undecided kinds of errors; empty where none is undecided."""
    placebo: list[StepPoint]


def draw_question_curves(analysis: "Analysis") -> list[Figure]:
    """Return a figure for each question that has a curve of at least two steps; none without training steps."""
    if "curves" not in analysis.tables:
        return []
    figures = (_draw_question(question, analysis) for question in QUESTIONS)
    return [figure for figure in figures if figure is not None]


def _draw_question(question: ReportQuestion, analysis: "Analysis") -> Figure | None:
    scale = 100.0 if question.unit == "share" else 1.0
    runs = {source: _read_run(question, analysis, source, scale) for source in analysis.sources}
    sources, omission_note = select_sources((source for source, run in runs.items() if len(run.steps) > 1), analysis)
    if not sources:
        return None
    names = distinct_labels(sources, _LONGEST_NAME)

    def draw(canvas: "Canvas") -> None:
        axes = canvas.subplots()
        ends = []
        for source, color in zip(sources, COLORS, strict=False):
            _draw_run(axes, runs[source], color)
            if len(sources) > 1:
                ends.append((names[source], Point(*smooth_steps(runs[source].steps)[-1]), color))
        placebo = next((runs[source].placebo for source in reversed(sources) if runs[source].placebo), [])
        if placebo:
            ends.append((_PLACEBO_NAME, Point(*smooth_steps(placebo)[-1]), GRAY))
        _set_limits(axes, [runs[source] for source in sources])
        axes.set_title(question.units[0], fontsize=9, color=GRAY)
        axes.set_xlabel("step", fontsize=9, color=GRAY)
        axes.tick_params(labelsize=9)
        write_curve_names(axes, ends, 0.13, size=9, has_arrows=False)

    has_band = any(runs[source].at_most for source in sources)
    caption = join_sentences(
        "Smoothed; faint: the steps.",
        "Pale: with the undecided." if has_band else "",
        "Dashed: random phrases." if any(runs[source].placebo for source in sources) else "",
        omission_note,
    )
    name = f"question-{question.name.replace(' ', '-')}"
    return Figure(name, question.question, caption, _SIZE, draw, SECTION, is_panel=True)


def _read_run(question: ReportQuestion, analysis: "Analysis", source: str, scale: float) -> _RunCurves:
    table = analysis.tables["curves"]

    def read(series: str, list_name: str = SGS) -> list[StepPoint]:
        return [(step, scale * value) for step, value in read_steps(table, source, series, list_name)]

    steps = read(question.series)
    at_most = read(f"{question.series}{AT_MOST}") if question.has_band else []
    is_open = len(at_most) == len(steps) and any(
        most > least for (_, most), (_, least) in zip(at_most, steps, strict=True)
    )
    placebo = read(question.series, PLACEBO) if question.has_placebo else []
    return _RunCurves(steps, at_most if is_open else [], placebo)


def _draw_run(axes: "Axes", run: _RunCurves, color: str) -> None:
    smooth = smooth_steps(run.steps)
    x, heights = zip(*smooth, strict=True)
    if run.at_most:
        axes.fill_between(
            x, heights, [most for _, most in smooth_steps(run.at_most)], color=color, alpha=0.13, linewidth=0
        )
    if run.placebo:
        axes.plot(
            *zip(*smooth_steps(run.placebo), strict=True), color=color, linewidth=1.1, linestyle=(0, (4, 3)), alpha=0.7
        )
    axes.plot(*zip(*run.steps, strict=True), color=color, linewidth=0.8, alpha=0.3)
    axes.plot(x, heights, color=color, linewidth=1.9)


def _set_limits(axes: "Axes", runs: Sequence[_RunCurves]) -> None:
    """Let the steps fill the panel; a scale begins at 0 if the smallest value is near it."""
    steps = [step for run in runs for step, _ in run.steps]
    values = [value for run in runs for curve in (run.steps, run.at_most, run.placebo) for _, value in curve]
    axes.set_xlim(min(steps), max(steps))
    if values and 0 <= min(values) < NEAR_ZERO * max(values):
        axes.set_ylim(bottom=0)
