"""Entropy by step under regularizers of several strengths, as a figure. Knows nothing about what they compute."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sgram.errors import UsageError
from sgram.files import write_bytes
from sgram.reports.figures.canvas import GRAY, PALE, drawn, figure_form
from sgram.reports.figures.learning_curves import Band, Value, band, draw_band, end_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sgram.training.experiments.run import RunResult

Strengths = dict[float | None, list["RunResult"]]
"""Runs by coefficient; None where the method's default was used."""


def token_entropy(row: Mapping) -> float | None:
    """Mean token entropy of a step in nats, as logged, or put together from planning and execution tokens."""
    if row.get("entropy") is not None:
        return row["entropy"]
    share, planning, execution = (row.get(key) for key in ("planning_share", "entropy_planning", "entropy_execution"))
    if share is None or planning is None or execution is None:
        return None
    return share * planning + (1 - share) * execution


def peak_entropy(row: Mapping) -> float | None:
    """The entropy that SIREN holds to its anchor: of the nucleus, at the peaks of each response, nats."""
    return row.get("siren/entropy")


def entropy_regularizers(results: Iterable["RunResult"], path: str | Path) -> None:
    """Draw token entropy by step under the uniform bonus and under SIREN, a line a coefficient, into `path`.

    `results` are runs of the methods ``entropy`` and ``siren`` and, drawn in both panels, of others without either. The
    dotted line is the mean token entropy of the first step, before anything could move it. Where SIREN's own entropy
    was logged, a third panel shows it with the mean of its anchors. A run that ended early ends in a cross.
    """
    runs = list(results)
    uniform, siren = _by_strength(runs, "entropy"), _by_strength(runs, "siren")
    plain = [run for run in runs if run.config.method not in ("entropy", "siren")]
    firsts = _known(run.steps[:1] for run in (*_all(uniform), *_all(siren), *plain))
    if not (uniform or siren) or not firsts:
        raise UsageError("the figure needs runs of the methods entropy or siren that log token entropies")
    start = sum(firsts) / len(firsts)
    panels = [
        (f"{name}: token entropy, nats", by, token_entropy, plain, start)
        for name, by in (("uniform bonus", uniform), ("SIREN", siren))
        if by
    ]
    anchors = [row["siren/anchor"] for run in _all(siren) for row in run.steps[:1] if "siren/anchor" in row]
    if anchors:
        own = sum(anchors) / len(anchors)
        panels.append(("SIREN: nucleus entropy at the peaks, nats", siren, peak_entropy, [], own))

    def draw(figure: "Figure") -> None:
        grid = figure.subplots(1, len(panels), squeeze=False)[0]
        named = []
        for axes, (title, by, value, beside, anchor) in zip(grid, panels, strict=True):
            axes.axhline(anchor, color=GRAY, linewidth=1.0, linestyle=":", zorder=1)
            named.append(_draw_strengths(axes, by, value, beside))
            axes.set_title(title)
            axes.set_xlabel("step")
            axes.set_xlim(left=0)
        of_tokens = [axes for axes, panel in zip(grid, panels, strict=True) if panel[2] is token_entropy]
        top = max(axes.get_ylim()[1] for axes in of_tokens)
        for axes, lines in zip(grid, named, strict=True):
            axes.set_ylim(0, top if axes in of_tokens else None)  # panels of one quantity on one scale
            end_labels(axes, [(each, text) for each, text, _ in lines], [color for *_, color in lines])
        figure.suptitle(
            "at the lines: coefficients; bands: least and greatest run; dotted: entropy before training, SIREN's "
            "anchor; cross: ended early",
            fontsize=8,
            x=0.01,
            ha="left",
            color=GRAY,
        )

    write_bytes(path, drawn((0.8 + 4.2 * len(panels), 3.7), draw, figure_form(str(path))))


def _by_strength(runs: Sequence["RunResult"], method: str) -> Strengths:
    found: Strengths = {}
    for run in runs:
        if run.config.method == method:
            found.setdefault(getattr(run.config, f"{method}_coef"), []).append(run)
    return dict(sorted(found.items(), key=lambda each: -1.0 if each[0] is None else each[0]))


def _all(by: Strengths) -> list["RunResult"]:
    return [run for runs in by.values() for run in runs]


def _known(rows: Iterable[Sequence[Mapping]]) -> list[float]:
    return [value for each in rows for row in each if (value := token_entropy(row)) is not None]


def _draw_strengths(
    axes: "Axes", by: Strengths, value: Value, beside: Sequence["RunResult"]
) -> list[tuple[Band, str, str]]:
    """A line a coefficient; (line, name, color) of each."""
    named = [(_draw_runs(axes, beside, value, PALE), "without", GRAY)] if beside else []
    for place, (coefficient, runs) in enumerate(by.items()):
        color = _shade(place, len(by))
        text = "default" if coefficient is None else f"{coefficient:g}"
        named.append((_draw_runs(axes, runs, value, color), f"{text} (n={len(runs)})", color))
    return named


def _draw_runs(axes: "Axes", runs: Sequence["RunResult"], value: Value, color: str) -> Band:
    each = band(runs, value, window=1)
    draw_band(axes, each, color)
    for run in runs:
        last = run.steps[-1] if run.steps else None
        if last is not None and last["step"] < run.config.steps and value(last) is not None:
            axes.plot([last["step"]], [value(last)], marker="x", color=color, markersize=6, zorder=4)
    return each


def _shade(place: int, n: int) -> str:
    """The color of coefficient `place` of `n`, from dark to light, told apart with any kind of color vision."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return to_hex(colormaps["cividis"](0.74 * place / max(1, n - 1)))
