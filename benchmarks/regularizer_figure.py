"""Figure of token entropy by step under entropy regularizers of several strengths."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from sgram.errors import UsageError
from sgram.files import write_bytes
from sgram.reports.figures.canvas import GRAY, PALE, figure_format, render_figure
from sgram.reports.figures.figure import Point, draw_curve, draw_key, write_curve_names
from sgram.reports.figures.learning_curves import Quantity, StepRow, build_band

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sgram.training.experiments.run import RunResult

Strengths: TypeAlias = dict[float | None, list["RunResult"]]
"""Runs by coefficient; None means the method's default."""


def token_entropy(row: StepRow) -> float | None:
    """Return the mean token entropy of a step in nats, as logged or combined from planning and execution tokens.

    >>> token_entropy({"step": 3, "planning_share": 0.25, "entropy_planning": 2.0, "entropy_execution": 1.0})
    1.25
    """
    logged = _logged_number(row, "entropy")
    if logged is not None:
        return logged
    names = ("planning_share", "entropy_planning", "entropy_execution")
    share, planning, execution = (_logged_number(row, name) for name in names)
    if share is None or planning is None or execution is None:
        return None
    return share * planning + (1 - share) * execution


def peak_entropy(row: StepRow) -> float | None:
    """Return the entropy that SIREN keeps at its anchor: of the nucleus, at the peaks of each response, in nats."""
    return _logged_number(row, "siren/entropy")


def _logged_number(row: StepRow, name: str) -> float | None:
    number: float | None = row.get(name)
    return number


def draw_entropy_regularizers(results: Iterable["RunResult"], path: str | Path) -> None:
    """Draw token entropy by step under the uniform bonus and under SIREN, a line for each coefficient, into `path`.

    `results` are runs of the methods ``entropy`` and ``siren``, and of other methods, which both panels show. The
    dotted line is the mean token entropy of the first step. If SIREN's own entropy is logged, a third panel shows it
    with the mean of its anchors. A cross marks a run that ended early. Raise `UsageError` if no run logs entropies.
    """
    runs = list(results)
    uniform, siren = _by_strength(runs, "entropy"), _by_strength(runs, "siren")
    unregularized = [run for run in runs if run.config.method not in ("entropy", "siren")]
    first_entropies = _logged_entropies(
        run.steps[:1] for run in (*_all_runs(uniform), *_all_runs(siren), *unregularized)
    )
    if not (uniform or siren) or not first_entropies:
        raise UsageError("the figure needs runs of the methods entropy or siren that log token entropies")
    start = sum(first_entropies) / len(first_entropies)
    panels = [
        (f"{name}: token entropy, nats", runs_by_strength, token_entropy, unregularized, start)
        for name, runs_by_strength in (("uniform bonus", uniform), ("SIREN", siren))
        if runs_by_strength
    ]
    anchors = [row["siren/anchor"] for run in _all_runs(siren) for row in run.steps[:1] if "siren/anchor" in row]
    if anchors:
        anchor_mean = sum(anchors) / len(anchors)
        panels.append(("SIREN: nucleus entropy at the peaks, nats", siren, peak_entropy, [], anchor_mean))

    def draw(figure: "Figure") -> None:
        grid = figure.subplots(1, len(panels), squeeze=False)[0]
        labels = []
        for axes, (title, runs_by_strength, quantity, baselines, anchor) in zip(grid, panels, strict=True):
            axes.axhline(anchor, color=GRAY, linewidth=1.0, linestyle=":", zorder=1)
            labels.append(_draw_strengths(axes, runs_by_strength, quantity, baselines))
            axes.set_title(title)
            axes.set_xlabel("step")
            axes.set_xlim(left=0)
        token_axes = [axes for axes, panel in zip(grid, panels, strict=True) if panel[2] is token_entropy]
        top = max(axes.get_ylim()[1] for axes in token_axes)
        for axes, lines in zip(grid, labels, strict=True):
            axes.set_ylim(0, top if axes in token_axes else None)  # panels of one quantity on one scale
            write_curve_names(axes, lines, 0.045, has_arrows=True)
        draw_key(
            figure,
            "at the lines: coefficients; bands: least and greatest run; dotted: entropy before training, SIREN's "
            "anchor; cross: ended early",
        )

    write_bytes(path, render_figure((0.8 + 4.2 * len(panels), 3.7), draw, figure_format(str(path))))


def _by_strength(runs: Sequence["RunResult"], method: str) -> Strengths:
    runs_by_strength: Strengths = {}
    for run in runs:
        if run.config.method == method:
            runs_by_strength.setdefault(getattr(run.config, f"{method}_coef"), []).append(run)
    return dict(sorted(runs_by_strength.items(), key=lambda pair: -1.0 if pair[0] is None else pair[0]))


def _all_runs(runs_by_strength: Strengths) -> list["RunResult"]:
    return [run for runs in runs_by_strength.values() for run in runs]


def _logged_entropies(rows: Iterable[Sequence[StepRow]]) -> list[float]:
    return [entropy for run_rows in rows for row in run_rows if (entropy := token_entropy(row)) is not None]


def _draw_strengths(
    axes: "Axes", runs_by_strength: Strengths, quantity: Quantity, baselines: Sequence["RunResult"]
) -> list[tuple[str, Point, str]]:
    """Draw a line for each coefficient; return (name, last point, color) of each."""
    lines = [("without", baselines, PALE, GRAY)] if baselines else []
    for index, (coefficient, runs) in enumerate(runs_by_strength.items()):
        text, color = "default" if coefficient is None else f"{coefficient:g}", _shade(index, len(runs_by_strength))
        lines.append((f"{text} (n={len(runs)})", runs, color, color))
    bands = [(name, _draw_runs(axes, runs, quantity, color), name_color) for name, runs, color, name_color in lines]
    return [(name, band[-1], color) for name, band, color in bands if band]


def _draw_runs(axes: "Axes", runs: Sequence["RunResult"], quantity: Quantity, color: str) -> list[Point]:
    band = build_band(runs, quantity, window=1)
    draw_curve(axes, band, color)
    for run in runs:
        last_row = run.steps[-1] if run.steps else None
        height = None if last_row is None else quantity(last_row)
        if last_row is not None and last_row["step"] < run.config.steps and height is not None:
            axes.plot([last_row["step"]], [height], marker="x", color=color, markersize=6, zorder=4)
    return band


def _shade(index: int, n: int) -> str:
    """Return the color of coefficient `index` of `n`, from dark to light, distinct for all kinds of color vision."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return to_hex(colormaps["cividis"](0.74 * index / max(1, n - 1)))
