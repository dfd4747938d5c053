"""Figures of wrong traces: kinds of errors by source and step, and orders of steps. Knows nothing about causes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sgram.reports.figures.canvas import COLORS, GRAY, PALE, spread
from sgram.reports.figures.dot_plot import DotRow, Panel, dot, dot_plot
from sgram.reports.figures.dynamics import points, smoothed
from sgram.reports.figures.figure import Figure, say_key
from sgram.reports.figures.shares import INTERVALS, one, outcomes_of
from sgram.reports.figures.source_selection import Chosen, headings, short_names
from sgram.statistics import finite_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

    from sgram.analysis.table import Table

KINDS = ("strategic", "procedural", "other", "unfinished", "degenerate")
_COLORS = dict(zip(KINDS, (COLORS[0], COLORS[1], PALE, COLORS[4], COLORS[3]), strict=True))
_CLASSES = {"ordered": COLORS[0], "anti-ordered": COLORS[1], "similar": PALE, "mixed": COLORS[4]}
_ASIDE = "Kinds are as the traces tell them (meta.error), or else the guesses of an offline classifier."


def errors(table: "Table", chosen: Chosen) -> Figure | None:
    """Errors by kind: over steps where there are any, else by source."""
    by_step = [source for source in chosen.sources if len(_steps(table.records(source=source))) > 1]
    if not any(finite_number(cell) is not None for cell in table.column("share")):
        return None
    return _over_steps(table, by_step, chosen) if by_step else _by_source(table, chosen)


def _steps(rows: Sequence[Mapping]) -> list[float]:
    return sorted({step for row in rows if (step := finite_number(row["step"])) is not None})


def _by_source(table: "Table", chosen: Chosen) -> Figure | None:
    rows = []
    totals = [row for row in table.records(step=None) if finite_number(row["count"])]
    kinds = [kind for kind in KINDS if any(row["kind"] == kind for row in totals)]
    for source in chosen.sources:
        for kind in kinds:
            row = one(table.records(source=source), kind=kind, step=None)
            n = finite_number(row.get("count"))
            rows.append(
                DotRow(
                    str(source), kind, (dot("SGs", row, "share", times=100),), "" if n is None else f"{int(n):,} traces"
                )
            )
    return dot_plot(
        "errors",
        "What went wrong in the wrong traces",
        f"Share of the wrong traces by kind of error. {INTERVALS} {_ASIDE} {chosen.said}".strip(),
        "dots: share of wrong traces, with 95 % intervals",
        [Panel("", "% of wrong traces")],
        rows,
    )


def _over_steps(table: "Table", sources: Sequence[str], chosen: Chosen) -> Figure:
    held = {source: table.records(source=source) for source in sources}
    wrong = sum(
        int(finite_number(row["count"]) or 0) for rows in held.values() for row in rows if row["step"] is not None
    )

    named = headings(sources)

    def draw(canvas: "Canvas") -> None:
        grid = canvas.subplots(2, len(sources), squeeze=False, sharex=True, sharey="row")
        for column, source in enumerate(sources):
            _stack(grid[0][column], held[source])
            _lines(grid[1][column], held[source])
            grid[1][column].margins(x=0)
            grid[0][column].set_title(named[source], fontsize=8)
            grid[1][column].set_xlabel("step", fontsize=8)
        grid[0][0].set_ylabel("% of judged traces", fontsize=8)
        grid[1][0].set_ylabel("% of wrong traces", fontsize=8)
        _name_stack(grid[0][-1], held[sources[-1]])
        _name_kinds(grid[1][-1], held[sources[-1]])
        say_key(
            canvas, "above: stacked shares of the judged traces; below: shares of the wrong ones; bands: 95 % intervals"
        )

    return Figure(
        "errors",
        "What went wrong, over training steps",
        f"Kinds of error of {wrong:,} wrong traces. Above, as shares of all judged traces, stacked: the total is the "
        f"error rate. Below, as shares of the wrong ones. {INTERVALS} {_ASIDE} {chosen.said}".strip(),
        (1.7 + min(2.3 * max(2, len(sources)), 8.4), 4.6),
        draw,
    )


def _shares(rows: Sequence[Mapping], kind: str, name: str) -> dict[float, float]:
    """Step -> a share of that kind in per cent, smoothed where there are many steps."""
    found = [
        (step, 100 * value, None, None)
        for row in rows
        if row["kind"] == kind
        and (step := finite_number(row["step"])) is not None
        and (value := finite_number(row[name])) is not None
    ]
    return {point[0]: point[1] for point in smoothed(sorted(found))}


def _layers(rows: Sequence[Mapping]) -> tuple[list[float], list[tuple[str, list[float], list[float]]]]:
    """The steps, and (kind, bottoms, tops) of each kind that occurs."""
    steps = _steps(rows)
    found, bottoms = [], [0.0] * len(steps)
    for kind in KINDS:
        at = _shares(rows, kind, "of_judged")
        if any(at.values()):
            tops = [bottom + at.get(step, 0.0) for bottom, step in zip(bottoms, steps, strict=True)]
            found.append((kind, bottoms, tops))
            bottoms = tops
    return steps, found


def _stack(axes: "Axes", rows: Sequence[Mapping]) -> None:
    steps, layers = _layers(rows)
    for kind, bottoms, tops in layers:
        axes.fill_between(steps, bottoms, tops, color=_COLORS[kind], linewidth=0, alpha=0.85)
    axes.set_ylim(bottom=0)


def _lines(axes: "Axes", rows: Sequence[Mapping]) -> None:
    for kind in KINDS:
        known = smoothed(points([{**row, "value": row["share"]} for row in rows if row["kind"] == kind], False, 100.0))
        if not any(point[1] for point in known):
            continue
        banded = [point for point in known if None not in point]
        color = GRAY if kind == "other" else _COLORS[kind]
        if len(banded) > 1:
            steps, _, low, high = zip(*banded, strict=True)
            axes.fill_between(steps, low, high, color=color, alpha=0.16, linewidth=0)
        axes.plot([point[0] for point in known], [point[1] for point in known], color=color, linewidth=1.4)
    axes.set_ylim(bottom=0)


def _name_stack(axes: "Axes", rows: Sequence[Mapping]) -> None:
    _, layers = _layers(rows)
    _names(axes, [(kind, (bottoms[-1] + tops[-1]) / 2) for kind, bottoms, tops in layers])


def _name_kinds(axes: "Axes", rows: Sequence[Mapping]) -> None:
    ends = {kind: at[max(at)] for kind in KINDS if any((at := _shares(rows, kind, "share")).values())}
    _names(axes, list(ends.items()))


def _names(axes: "Axes", ends: Sequence[tuple[str, float]]) -> None:
    bottom, top = axes.get_ylim()
    places = spread([at for _, at in ends], 0.1 * (top - bottom), least=bottom)
    for (kind, _), place in zip(ends, places, strict=True):
        axes.annotate(
            kind,
            (1.02, place),
            xycoords=axes.get_yaxis_transform(),
            fontsize=8,
            va="center",
            color=GRAY if kind == "other" else _COLORS[kind],
            annotation_clip=False,
        )


def architecture(table: "Table", chosen: Chosen) -> Figure | None:
    """How the lengths of execution between SGs follow each other, by source and outcome."""
    bars = []
    for source in chosen.sources:
        held = table.records(source=source)
        for outcome in outcomes_of(held):
            rows = [row for row in held if row["outcome"] == outcome]
            shares = {row["kind"]: value for row in rows if (value := finite_number(row["share"])) is not None}
            if any(shares.values()):
                n = sum(int(finite_number(row["traces"]) or 0) for row in rows)
                bars.append((str(source), outcome, shares, n))
    if not bars:
        return None
    named = short_names(source for source, *_ in bars)

    def draw(canvas: "Canvas") -> None:
        axes, ticks, at = canvas.subplots(), [], 0.0
        for place, (source, outcome, shares, n) in enumerate(bars):
            if place == 0 or bars[place - 1][0] != source:
                ticks.append((at, named[source], True))
                at += 1
            _bar(axes, at, shares)
            axes.annotate(
                f"n = {n:,}",
                (1.01, at),
                xycoords=axes.get_yaxis_transform(),
                fontsize=7,
                va="center",
                color=GRAY,
                annotation_clip=False,
            )
            ticks.append((at, outcome, False))
            at += 1
        axes.set_yticks([where for where, _, _ in ticks], [text for _, text, _ in ticks])
        for tick, (_, _, head) in zip(axes.get_yticklabels(), ticks, strict=True):
            tick.set_fontweight("bold" if head else "normal")
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False)
        axes.set(xlim=(0, 100), ylim=(at - 0.4, -0.6))
        _name_classes(axes)
        axes.set_xlabel("% of traces with at least two spans of execution", fontsize=8)

    return Figure(
        "architecture",
        "The order of long and short steps",
        "Lengths of the text between SGs: growing (ordered), shrinking (anti-ordered), alike (similar) or neither "
        "(mixed), by the classes that Mishra et al. (2023) use for planets; an analogy, which explains nothing. "
        f"{chosen.said}".strip(),
        (7.4, 1.0 + 0.25 * (len(bars) + len(named))),
        draw,
    )


def _bar(axes: "Axes", at: float, shares: Mapping[str, float]) -> None:
    left = 0.0
    for kind, color in _CLASSES.items():
        width = 100 * shares.get(kind, 0.0)
        axes.barh([at], [width], left=left, height=0.72, color=color, edgecolor="white", linewidth=0.6)
        if width >= 7:
            axes.text(
                left + width / 2,
                at,
                f"{width:.0f}",
                ha="center",
                va="center",
                fontsize=7,
                color="black" if kind in ("similar", "mixed") else "white",
            )
        left += width


def _name_classes(axes: "Axes") -> None:
    for place, (kind, color) in enumerate(_CLASSES.items()):
        axes.annotate(
            "\u25a0",
            (0.25 * place, 1.0),
            (0, 6),
            xycoords="axes fraction",
            textcoords="offset points",
            color=color,
            fontsize=10,
            annotation_clip=False,
        )
        axes.annotate(
            kind,
            (0.25 * place, 1.0),
            (11, 6),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=8,
            annotation_clip=False,
        )
