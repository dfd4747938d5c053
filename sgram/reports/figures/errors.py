"""Figures of wrong traces: kinds of errors by source and step, and the order of long and short steps."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sgram.reports.figures.canvas import COLORS, GRAY, PALE, spread_labels
from sgram.reports.figures.dot_plot import DotPanel, DotRow, build_dot_plot, read_dot
from sgram.reports.figures.dynamics import curve_points, smooth
from sgram.reports.figures.figure import Figure, draw_key
from sgram.reports.figures.shares import INTERVALS, first_match, list_outcomes
from sgram.reports.figures.source_selection import Row, SourceSelection, distinct_labels, headings
from sgram.statistics import finite_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

    from sgram.analysis.table import Table

KINDS = ("strategic", "procedural", "other", "unfinished", "degenerate")
_COLORS = dict(zip(KINDS, (COLORS[0], COLORS[1], PALE, COLORS[4], COLORS[3]), strict=True))
_CLASSES = {"ordered": COLORS[0], "anti-ordered": COLORS[1], "similar": PALE, "mixed": COLORS[4]}
_KINDS_NOTE = "Kinds are as the traces tell them (meta.error), or else the guesses of an offline classifier."


def plot_errors(table: "Table", selection: SourceSelection) -> Figure | None:
    """Return the figure of errors by kind: over steps if the traces have steps, else by source."""
    by_step = [source for source in selection.sources if len(_steps(table.records(source=source))) > 1]
    if not any(finite_number(cell) is not None for cell in table.column("share")):
        return None
    return _plot_over_steps(table, by_step, selection) if by_step else _plot_by_source(table, selection)


def _steps(rows: Sequence[Row]) -> list[float]:
    return sorted({step for row in rows if (step := finite_number(row["step"])) is not None})


def _plot_by_source(table: "Table", selection: SourceSelection) -> Figure | None:
    rows = []
    totals = [row for row in table.records(step=None) if finite_number(row["count"])]
    kinds = [kind for kind in KINDS if any(row["kind"] == kind for row in totals)]
    for source in selection.sources:
        for kind in kinds:
            row = first_match(table.records(source=source), kind=kind, step=None)
            n = row.number("count")
            rows.append(
                DotRow(
                    source,
                    kind,
                    (read_dot("SGs", row, "share", factor=100),),
                    "" if n is None else f"{int(n):,} traces",
                )
            )
    return build_dot_plot(
        "errors",
        "What went wrong in the wrong traces",
        f"Share of the wrong traces by kind of error. {INTERVALS} {_KINDS_NOTE} {selection.omission_note}".strip(),
        "dots: share of wrong traces, with 95 % intervals",
        [DotPanel("", "% of wrong traces")],
        rows,
    )


def _plot_over_steps(table: "Table", sources: Sequence[str], selection: SourceSelection) -> Figure:
    records = {source: table.records(source=source) for source in sources}
    n_wrong = sum(
        int(finite_number(row["count"]) or 0) for rows in records.values() for row in rows if row["step"] is not None
    )

    labels = headings(sources)

    def draw(canvas: "Canvas") -> None:
        grid = canvas.subplots(2, len(sources), squeeze=False, sharex=True, sharey="row")
        for column, source in enumerate(sources):
            _draw_stack(grid[0][column], records[source])
            _draw_lines(grid[1][column], records[source])
            grid[1][column].margins(x=0)
            grid[0][column].set_title(labels[source], fontsize=8)
            grid[1][column].set_xlabel("step", fontsize=8)
        grid[0][0].set_ylabel("% of judged traces", fontsize=8)
        grid[1][0].set_ylabel("% of wrong traces", fontsize=8)
        _write_stack_names(grid[0][-1], records[sources[-1]])
        _write_line_names(grid[1][-1], records[sources[-1]])
        draw_key(
            canvas, "above: stacked shares of the judged traces; below: shares of the wrong ones; bands: 95 % intervals"
        )

    return Figure(
        "errors",
        "What went wrong, over training steps",
        f"Kinds of error of {n_wrong:,} wrong traces. Above, as shares of all judged traces, stacked: the total is the "
        f"error rate. Below, as shares of the wrong ones. {INTERVALS} {_KINDS_NOTE} {selection.omission_note}".strip(),
        (1.7 + min(2.3 * max(2, len(sources)), 8.4), 4.6),
        draw,
    )


def _share_by_step(rows: Sequence[Row], kind: str, name: str) -> dict[float, float]:
    """Return for each step the share of that kind in per cent, smoothed if there are many steps."""
    line = [
        (step, 100 * share, None, None)
        for row in rows
        if row["kind"] == kind
        and (step := finite_number(row["step"])) is not None
        and (share := finite_number(row[name])) is not None
    ]
    return {point[0]: point[1] for point in smooth(sorted(line))}


def _layers(rows: Sequence[Row]) -> tuple[list[float], list[tuple[str, list[float], list[float]]]]:
    """Return the steps, and (kind, bottoms, tops) of each kind that occurs."""
    steps = _steps(rows)
    layers, bottoms = [], [0.0] * len(steps)
    for kind in KINDS:
        shares = _share_by_step(rows, kind, "of_judged")
        if any(shares.values()):
            tops = [bottom + shares.get(step, 0.0) for bottom, step in zip(bottoms, steps, strict=True)]
            layers.append((kind, bottoms, tops))
            bottoms = tops
    return steps, layers


def _draw_stack(axes: "Axes", rows: Sequence[Row]) -> None:
    steps, layers = _layers(rows)
    for kind, bottoms, tops in layers:
        axes.fill_between(steps, bottoms, tops, color=_COLORS[kind], linewidth=0, alpha=0.85)
    axes.set_ylim(bottom=0)


def _draw_lines(axes: "Axes", rows: Sequence[Row]) -> None:
    for kind in KINDS:
        line = smooth(
            curve_points([{**row, "value": row["share"]} for row in rows if row["kind"] == kind], False, 100.0)
        )
        if not any(point[1] for point in line):
            continue
        with_interval = [point for point in line if None not in point]
        color = GRAY if kind == "other" else _COLORS[kind]
        if len(with_interval) > 1:
            steps, _, low, high = zip(*with_interval, strict=True)
            axes.fill_between(steps, low, high, color=color, alpha=0.16, linewidth=0)
        axes.plot([point[0] for point in line], [point[1] for point in line], color=color, linewidth=1.4)
    axes.set_ylim(bottom=0)


def _write_stack_names(axes: "Axes", rows: Sequence[Row]) -> None:
    _, layers = _layers(rows)
    _write_names(axes, [(kind, (bottoms[-1] + tops[-1]) / 2) for kind, bottoms, tops in layers])


def _write_line_names(axes: "Axes", rows: Sequence[Row]) -> None:
    ends = {kind: line[max(line)] for kind in KINDS if any((line := _share_by_step(rows, kind, "share")).values())}
    _write_names(axes, list(ends.items()))


def _write_names(axes: "Axes", ends: Sequence[tuple[str, float]]) -> None:
    bottom, top = axes.get_ylim()
    positions = spread_labels([height for _, height in ends], 0.1 * (top - bottom), minimum=bottom)
    for (kind, _), position in zip(ends, positions, strict=True):
        axes.annotate(
            kind,
            (1.02, position),
            xycoords=axes.get_yaxis_transform(),
            fontsize=8,
            va="center",
            color=GRAY if kind == "other" else _COLORS[kind],
            annotation_clip=False,
        )


def plot_architecture(table: "Table", selection: SourceSelection) -> Figure | None:
    """Return the figure of how lengths of execution between SGs follow each other, by source and outcome."""
    bars = []
    for source in selection.sources:
        records = table.records(source=source)
        for outcome in list_outcomes(records):
            rows = [row for row in records if row["outcome"] == outcome]
            shares = {row.text("kind"): share for row in rows if (share := row.number("share")) is not None}
            if any(shares.values()):
                n = sum(int(finite_number(row["traces"]) or 0) for row in rows)
                bars.append((source, outcome, shares, n))
    if not bars:
        return None
    labels = distinct_labels(source for source, *_ in bars)

    def draw(canvas: "Canvas") -> None:
        axes, ticks, y = canvas.subplots(), [], 0.0
        for index, (source, outcome, shares, n) in enumerate(bars):
            if index == 0 or bars[index - 1][0] != source:
                ticks.append((y, labels[source], True))
                y += 1
            _draw_bar(axes, y, shares)
            axes.annotate(
                f"n = {n:,}",
                (1.01, y),
                xycoords=axes.get_yaxis_transform(),
                fontsize=7,
                va="center",
                color=GRAY,
                annotation_clip=False,
            )
            ticks.append((y, outcome, False))
            y += 1
        axes.set_yticks([tick_y for tick_y, _, _ in ticks], [text for _, text, _ in ticks])
        for tick, (_, _, is_head) in zip(axes.get_yticklabels(), ticks, strict=True):
            tick.set_fontweight("bold" if is_head else "normal")
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False)
        axes.set(xlim=(0, 100), ylim=(y - 0.4, -0.6))
        _draw_class_key(axes)
        axes.set_xlabel("% of traces with at least two spans of execution", fontsize=8)

    return Figure(
        "architecture",
        "The order of long and short steps",
        "Lengths of the text between SGs: growing (ordered), shrinking (anti-ordered), alike (similar) or neither "
        "(mixed), by the classes that Mishra et al. (2023) use for planets; an analogy, which explains nothing. "
        f"{selection.omission_note}".strip(),
        (7.4, 1.0 + 0.25 * (len(bars) + len(labels))),
        draw,
    )


def _draw_bar(axes: "Axes", y: float, shares: Mapping[str, float]) -> None:
    x = 0.0
    for kind, color in _CLASSES.items():
        width = 100 * shares.get(kind, 0.0)
        axes.barh([y], [width], left=x, height=0.72, color=color, edgecolor="white", linewidth=0.6)
        if width >= 7:
            axes.text(
                x + width / 2,
                y,
                f"{width:.0f}",
                ha="center",
                va="center",
                fontsize=7,
                color="black" if kind in ("similar", "mixed") else "white",
            )
        x += width


def _draw_class_key(axes: "Axes") -> None:
    for index, (kind, color) in enumerate(_CLASSES.items()):
        axes.annotate(
            "\u25a0",
            (0.25 * index, 1.0),
            (0, 6),
            xycoords="axes fraction",
            textcoords="offset points",
            color=color,
            fontsize=10,
            annotation_clip=False,
        )
        axes.annotate(
            kind,
            (0.25 * index, 1.0),
            (11, 6),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=8,
            annotation_clip=False,
        )
