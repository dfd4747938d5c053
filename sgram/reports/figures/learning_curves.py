"""Training runs as curves by step, arm beside arm. Knows no trainer, and nothing about what the runs prove.

Bands reach from the least to the greatest run of an arm. Up to four arms share their panels; more get a column each,
with the other arms in pale gray behind, so that no color has to be looked for in a knot of lines.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sgram.errors import UsageError
from sgram.files import write_bytes
from sgram.reports.figures.canvas import COLORS, GRAY, LINES, PALE, drawn, figure_form, label, spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sgram.training.experiments.run import RunResult

WINDOW = 10
"""Steps that a point of a curve is the mean of."""
_TOGETHER = 4
"""Most arms that share a panel."""
Value = Callable[[Mapping], float | None]


def _named(key: str) -> Value:
    return lambda row: row.get(key)


_PANELS: tuple[tuple[str, Value], ...] = (
    ("accuracy, sampled problems", _named("pass_at_1")),
    ("strategic errors, share", _named("error_strategic")),
    ("procedural errors, share", _named("error_procedural")),
    ("entropy of planning tokens, nats", _named("entropy_planning")),
    ("entropy of execution tokens, nats", _named("entropy_execution")),
    ("semantic entropy, nats", _named("semantic_entropy")),
    ("length of a response, tokens", _named("length")),
)
_SHARES = ("accuracy", "strategic", "procedural")


@dataclass(frozen=True, slots=True)
class Band:
    """The mean of several runs by step, with the least and the greatest of them."""

    steps: tuple[int, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    n: int


def running_means(rows: Iterable[Mapping], value: Value, window: int = WINDOW) -> dict[int, float]:
    """Step -> mean of `value` over that step and the ones before it, `window` in all.

    Begins where a window is full (at the last step, where there are fewer); steps without a value are passed over.
    """
    known = [(int(row["step"]), found) for row in rows if (found := value(row)) is not None]
    window = min(window, len(known)) or 1
    return {
        known[place][0]: sum(found for _, found in known[place - window + 1 : place + 1]) / window
        for place in range(window - 1, len(known))
    }


def band(runs: Sequence["RunResult"], value: Value, window: int = WINDOW) -> Band:
    """The runs of one arm as a band, over the steps that all of them have."""
    curves = [running_means(run.steps, value, window) for run in runs]
    steps = sorted(set.intersection(*(set(curve) for curve in curves))) if curves else []
    at = [[curve[step] for curve in curves] for step in steps]
    return Band(
        tuple(steps),
        tuple(sum(each) / len(each) for each in at),
        tuple(min(each) for each in at),
        tuple(max(each) for each in at),
        len(runs),
    )


def learning_curves(results: Mapping[str, Sequence["RunResult"]], path: str | Path) -> None:
    """Draw accuracy, error shares and entropies by step, of the runs of each arm, into `path` (.svg, .png or .pdf)."""
    arms = {arm: tuple(runs) for arm, runs in results.items() if runs}
    if not arms:
        raise UsageError("learning curves need at least one run that ended")
    panels = [
        (title, bands)
        for title, value in _PANELS
        if any((bands := {arm: band(runs, value) for arm, runs in arms.items()})[arm].steps for arm in arms)
    ]
    if not panels:
        raise UsageError("the runs have logged nothing that could be drawn")
    together = len(arms) <= _TOGETHER
    size = (9.6, 5.6) if together else (1.1 + 1.42 * len(arms), 1.0 + 1.28 * len(panels))
    draw = _draw_together if together else _draw_columns
    write_bytes(path, drawn(size, lambda figure: draw(figure, arms, panels), figure_form(str(path))))


def _about(arms: Mapping[str, Sequence["RunResult"]]) -> str:
    sizes = {len(runs) for runs in arms.values()}
    n = f"{min(sizes)} to {max(sizes)}" if len(sizes) > 1 else str(*sizes)
    steps = f"means of {WINDOW} steps"
    if sizes == {1}:
        return f"{steps}; one run an arm; rings: held-out pass@1 before and after"
    return f"{steps}, mean of {n} runs an arm; bands: least and greatest run; rings: held-out pass@1 before and after"


def _draw_together(figure: "Figure", arms: Mapping, panels: Sequence[tuple[str, Mapping[str, Band]]]) -> None:
    rows = max(2, -(-(len(panels) - 1) // 2))
    grid = figure.add_gridspec(rows, 4)
    places = [grid[:, :2] if len(panels) > 1 else grid[:, :]]
    places += [grid[number // 2, 2 + number % 2] for number in range(len(panels) - 1)]
    for number, ((title, bands), place) in enumerate(zip(panels, places, strict=True)):
        axes = figure.add_subplot(place)
        for at, arm in enumerate(arms):
            draw_band(axes, bands[arm], COLORS[at], LINES[at])
        if title.startswith("accuracy"):
            _rings(axes, [(runs, COLORS[at]) for at, runs in enumerate(arms.values())])
        axes.set_title(title, fontsize=9 if number == 0 else 7.5)
        _limits(axes, title, bands.values())
        if number == 0:
            named = [(bands[arm], f"{label(arm, 30)} (n={len(arms[arm])})") for arm in arms]
            end_labels(axes, named, COLORS)
        if number == 0 or number >= len(panels) - 2:
            axes.set_xlabel("step")
    figure.suptitle(_about(arms), fontsize=8, x=0.01, ha="left", color=GRAY)


def _draw_columns(figure: "Figure", arms: Mapping, panels: Sequence[tuple[str, Mapping[str, Band]]]) -> None:
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
            for other in arms:
                if other != arm:
                    axes.plot(bands[other].steps, bands[other].mean, color=PALE, linewidth=0.6, zorder=1)
            draw_band(axes, bands[arm], COLORS[0], "-")
            if title.startswith("accuracy"):
                _rings(axes, [(runs, COLORS[1])])
            axes.tick_params(labelsize=7)
            if row == 0:
                named = label(arm, 60).replace(":", ":\n").replace("-", "-\n")
                axes.set_title(f"{named}\n(n={len(runs)})", fontsize=8)
            if row == len(panels) - 1:
                axes.set_xlabel("step", fontsize=8)
        grid[row][0].set_ylabel(title.replace(", ", ",\n").replace(" tokens", "\ntokens"), fontsize=7)
        _limits(grid[row][0], title, bands.values())
    figure.suptitle(f"{_about(arms)}; gray: the other arms", fontsize=8, x=0.01, ha="left", color=GRAY)


def draw_band(axes: "Axes", each: Band, color: str, line: object = "-") -> None:
    """Draw the mean, and from the least to the greatest run where there are several."""
    if each.n > 1:
        axes.fill_between(each.steps, each.low, each.high, color=color, alpha=0.16, linewidth=0, zorder=2)
    axes.plot(
        each.steps,
        each.mean,
        color=color,
        linestyle=line,
        linewidth=1.5,
        zorder=3,
        marker="." if len(each.steps) == 1 else None,
    )


def _rings(axes: "Axes", arms: Iterable[tuple[Sequence["RunResult"], str]]) -> None:
    for runs, color in arms:
        last = max(row["step"] for run in runs for row in run.steps) if runs[0].steps else 0
        for step, name in ((0, "start"), (last, "final")):
            known = [value for run in runs if (value := getattr(run, name).pass_at_1) is not None]
            if known:
                axes.plot(
                    [step],
                    [sum(known) / len(known)],
                    marker="o",
                    markersize=4.5,
                    markerfacecolor="white",
                    markeredgecolor=color,
                    markeredgewidth=1.1,
                    zorder=4,
                    clip_on=False,
                )


def _limits(axes: "Axes", title: str, bands: Iterable[Band]) -> None:
    """Shares begin at 0 and reach to .1 at least, so that noise does not look like news; others where they need to."""
    low = min((value for each in bands for value in each.low), default=0.0)
    bottom, top = axes.get_ylim()
    if title.startswith(_SHARES):
        axes.set_ylim(0, max(top, 0.1))
    else:
        axes.set_ylim(0 if 0 <= low < 0.35 * top else bottom, top)
    axes.set_xlim(left=0)


def end_labels(axes: "Axes", named: Sequence[tuple[Band, str]], colors: Sequence[str]) -> None:
    """A name at the end of each line, moved apart where lines end close to each other."""
    ended = [(each, text, color) for (each, text), color in zip(named, colors, strict=False) if each.steps]
    bottom, top = axes.get_ylim()
    places = spread([each.mean[-1] for each, _, _ in ended], 0.045 * (top - bottom), least=bottom)
    for (each, text, color), place in zip(ended, places, strict=True):
        axes.annotate(
            text,
            (each.steps[-1], each.mean[-1]),
            (1.02, place),
            textcoords=axes.get_yaxis_transform(),
            color=color,
            fontsize=8,
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.5, "alpha": 0.6, "shrinkB": 3},
        )
