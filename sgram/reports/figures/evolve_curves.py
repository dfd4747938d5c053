"""Curves of runs of `sgram evolve` by step: what proposer, solver and judge do, several arms side by side.

Curves of steps are running means; bands reach from the lowest to the highest run of an arm. Up to six arms share their
panels, in a row for each role. More arms get a column each, with the other arms in pale gray behind.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from sgram.errors import UsageError
from sgram.files import write_bytes
from sgram.reports.figures.canvas import COLORS, GRAY, LINES, figure_format, label, render_figure
from sgram.reports.figures.figure import Point, draw_background, draw_curve, draw_key
from sgram.reports.figures.learning_curves import WINDOW, Band, build_band
from sgram.training.evolve.evolve_comparison import QUANTITIES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sgram.training.evolve.evolve_run import EvolveRun

_MAX_SHARED_ARMS = 6
"""Maximum arms that share a panel."""


class PanelSpec(NamedTuple):
    """A number that a panel shows."""

    role: str
    title: str
    name: str
    """Column of metrics.jsonl if it holds a slash, else a name of `evolve_comparison.QUANTITIES`."""
    kind: Literal["share", "AUC", "number"] = "share"


PANELS = (
    PanelSpec("Proposer", "true difficulty, accepted", "proposer/true_difficulty"),
    PanelSpec("Proposer", "judged difficulty", "proposer/difficulty"),
    PanelSpec("Proposer", "solve rate, valid and fresh", "proposer/solve_rate"),
    PanelSpec("Proposer", "valid questions, share", "proposer/valid"),
    PanelSpec("Proposer", "effective classes", "classes", "number"),
    PanelSpec("Proposer", "new questions a step", "proposer/new", "number"),
    PanelSpec("Solver", "held-out accuracy", "accuracy"),
    PanelSpec("Solver", "accuracy on easy kinds", "easy"),
    PanelSpec("Solver", "accuracy on hard kinds", "hard"),
    PanelSpec("Solver", "accuracy, questions of the pool", "solver/true_accuracy"),
    PanelSpec("Solver", "judge's score of these answers", "solver/score"),
    PanelSpec("Solver", "wrong answers that claim a check", "claims_check"),
    PanelSpec("Judge", "AUC on own answers", "auc", "AUC"),
    PanelSpec("Judge", "frozen judge, same answers", "frozen_auc", "AUC"),
    PanelSpec("Judge", "AUC within a question", "auc_within", "AUC"),
    PanelSpec("Judge", "score of wrong answers (leniency)", "wrong"),
    PanelSpec("Judge", "AUC on fixed pairs", "fixed_auc", "AUC"),
    PanelSpec("Judge", "unparsable judgements", "unparsable"),
)
"""Panels in their order, those of one role in one row."""
Panel = tuple[PanelSpec, Mapping[str, Band]]
Arms = Mapping[str, Sequence["EvolveRun"]]


def evaluation_band(runs: Sequence["EvolveRun"], name: str) -> Band:
    """Return the means of a quantity over runs, by the step of the evaluations that all of them have."""
    curves = [
        {step: number for step, evaluation in run.evaluations if (number := QUANTITIES[name](evaluation)) is not None}
        for run in runs
    ]
    band = []
    for step in sorted(set.intersection(*(set(curve) for curve in curves))) if curves else []:
        numbers = [curve[step] for curve in curves]
        ends = (min(numbers), max(numbers)) if len(numbers) > 1 else (None, None)
        band.append(Point(step, sum(numbers) / len(numbers), *ends))
    return band


def draw_evolve_curves(arms: Arms, path: str | Path) -> None:
    """Draw the curves of `arms`, runs by name, into `path` (.svg, .png or .pdf).

    Raise `UsageError` without a run or without a number that the figure shows.
    """
    arms = {arm: tuple(runs) for arm, runs in arms.items() if runs}
    if not arms:
        raise UsageError("curves need at least one finished run")
    panels: list[Panel] = []
    for spec in PANELS:
        bands = {arm: _band(runs, spec.name) for arm, runs in arms.items()}
        if any(bands.values()):
            panels.append((spec, bands))
    if not panels:
        raise UsageError("the runs have no number that this figure shows")
    are_shared = len(arms) <= _MAX_SHARED_ARMS
    size = (13.6, 6.9) if are_shared else (1.3 + 1.35 * len(arms), 1.2 + 1.05 * len(panels))
    draw = _draw_roles if are_shared else _draw_columns
    write_bytes(path, render_figure(size, lambda figure: draw(figure, arms, panels), figure_format(str(path))))


def _band(runs: Sequence["EvolveRun"], name: str) -> Band:
    if "/" not in name:
        return evaluation_band(runs, name)
    return build_band(runs, lambda row: row.get(name))


def _key(arms: Arms) -> str:
    sizes = sorted({len(runs) for runs in arms.values()})
    n = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    bands = "" if sizes == [1] else "; bands: least and greatest run"
    runs = f"Mean of {n} run{'' if sizes == [1] else 's'} an arm{bands}."
    return f"{runs} Lines: means of {WINDOW} steps. Dots: evaluations. Gray line at .5: an AUC by chance."


def _draw_roles(figure: "Figure", arms: Arms, panels: Sequence[Panel]) -> None:
    panels_of_role: dict[str, list[Panel]] = {}
    for panel in panels:
        panels_of_role.setdefault(panel[0].role, []).append(panel)
    grid = figure.subplots(len(panels_of_role), max(map(len, panels_of_role.values())), squeeze=False)
    for row, (role, role_panels) in zip(grid, panels_of_role.items(), strict=True):
        row[0].set_ylabel(role, fontsize=10, fontweight="bold")
        for axes in row[len(role_panels) :]:
            axes.remove()
        for axes, (spec, bands) in zip(row, role_panels, strict=False):
            _draw_panel(axes, arms, spec, bands)
            if row is grid[-1]:
                axes.set_xlabel("step", fontsize=8)
    lines = [
        figure.axes[0].plot([], [], color=COLORS[index], linestyle=_line_style(index), label=_arm_label(arm, runs))[0]
        for index, (arm, runs) in enumerate(arms.items())
    ]
    figure.legend(handles=lines, loc="outside lower center", ncols=len(arms), handlelength=2.6)
    draw_key(figure, _key(arms))


def _draw_panel(axes: "Axes", arms: Arms, spec: PanelSpec, bands: Mapping[str, Band]) -> None:
    for index, arm in enumerate(arms):
        draw_curve(axes, bands[arm], COLORS[index], line_style=_line_style(index))
    axes.set_title(_broken(spec.title), fontsize=8)
    axes.tick_params(labelsize=7)
    _set_limits(axes, spec)


def _draw_columns(figure: "Figure", arms: Arms, panels: Sequence[Panel]) -> None:
    grid = figure.subplots(len(panels), len(arms), sharex=True, sharey="row", squeeze=False)
    for row, (spec, bands) in enumerate(panels):
        for column, (arm, runs) in enumerate(arms.items()):
            axes = grid[row][column]
            draw_background(axes, [band for name, band in bands.items() if name != arm])
            draw_curve(axes, bands[arm], COLORS[0])
            axes.tick_params(labelsize=7)
            if row == 0:
                axes.set_title(f"{_broken_arm(arm)}\n(n={len(runs)})", fontsize=8)
            if row == len(panels) - 1:
                axes.set_xlabel("step", fontsize=8)
        grid[row][0].set_ylabel(_broken(spec.title), fontsize=7)
        for axes in grid[row]:
            _set_limits(axes, spec)
    draw_key(figure, f"{_key(arms)} Gray: the other arms.")


def _arm_label(arm: str, runs: Sequence["EvolveRun"]) -> str:
    return f"{label(arm, 30)} (n={len(runs)})"


def _broken_arm(arm: str) -> str:
    """Return an arm's name on several lines.

    >>> _broken_arm("judge=oracle:trials=4")
    'judge=\\noracle:\\ntrials=\\n4'
    """
    name = label(arm, 60)
    for sign in "=-:":
        name = name.replace(sign, f"{sign}\n")
    return name


def _broken(title: str) -> str:
    """Return a title on two lines, broken at the space next to its middle."""
    spaces = [index for index, character in enumerate(title) if character == " "]
    if not spaces or len(title) < 14:
        return title
    middle = min(spaces, key=lambda index: abs(index - len(title) / 2))
    return f"{title[:middle]}\n{title[middle + 1 :]}"


def _line_style(index: int) -> "str | tuple[int, tuple[int, ...]]":
    return LINES[index % len(LINES)]


def _set_limits(axes: "Axes", spec: PanelSpec) -> None:
    """Set the limits: shares and numbers begin at 0; an AUC is shown about the line of chance, up to 1."""
    bottom, top = axes.get_ylim()
    if spec.kind == "AUC":
        axes.set_ylim(min(bottom, 0.4), 1)
        axes.axhline(0.5, color=GRAY, linewidth=0.8, zorder=1)
    else:
        axes.set_ylim(0, min(1.02, max(top, 0.1)) if spec.kind == "share" else max(top, 1))
    axes.set_xlim(left=0)
