"""Figures of success, planning share, moves, grams and length."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sgram.analysis.table import Cell, Record
from sgram.reports.figures.canvas import COLORS, GRAY, label
from sgram.reports.figures.dot_plot import DotPanel, DotRow, build_dot_plot, read_dot
from sgram.reports.figures.figure import Figure, draw_key
from sgram.reports.figures.source_selection import Row, SourceSelection, distinct_labels
from sgram.statistics import finite_number, select_discoveries, share_difference

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

    from sgram.analysis.table import Table

OUTCOMES = ("all", "correct", "wrong", "not judged")
INTERVALS = "Bars are 95 % bootstrap intervals over problems."
DRAWS = (
    "A placebo is a list of random grams that marks as much text; its bar reaches from its smallest to its "
    "largest draw."
)
PLACEBO_KEY = "dots: SGs with 95 % intervals; gray diamonds: placebo, bars from its smallest to its largest draw"


def list_outcomes(rows: Sequence[Row]) -> list[str]:
    """Return the outcomes of a source's rows; only ``all`` if it equals the one other outcome.

    >>> list_outcomes([{"outcome": "wrong"}, {"outcome": "all"}])
    ['all']
    """
    outcomes = [outcome for outcome in OUTCOMES if any(row["outcome"] == outcome for row in rows)]
    return outcomes if len(outcomes) != 2 or outcomes[0] != "all" else ["all"]


def sample_size(row: Row) -> str:
    """Return the number of traces and problems of a row, as a remark."""
    counts = [
        f"{int(count):,} {word if count != 1 else word[:-1]}"
        for word in ("traces", "problems")
        if (count := finite_number(row.get(word))) is not None
    ]
    return ", ".join(counts)


def plot_success(table: "Table", selection: SourceSelection) -> Figure | None:
    """Return the figure of how often the sources are correct, a panel for each measure."""
    measures = list(dict.fromkeys(table.texts("measure")))[:4]
    rows = []
    for source in selection.sources:
        rows_by_measure = {row.text("measure"): row for row in table.records(source=source)}
        dots = tuple(read_dot("all", rows_by_measure.get(measure, {}), factor=100) for measure in measures)
        remark = next((f"{int(n):,} problems" for row in rows_by_measure.values() if (n := row.number("problems"))), "")
        rows.append(DotRow(source, "", dots, remark))
    return build_dot_plot(
        "success",
        "How often the answer is right",
        f"Share of problems solved. {INTERVALS} {selection.omission_note}".strip(),
        "dots: estimate with its 95 % interval over problems",
        [DotPanel(label(measure), "% of problems") for measure in measures],
        rows,
    )


def plot_planning_share(table: "Table", selection: SourceSelection) -> Figure | None:
    """Return the figure of the planning share, by source and outcome, beside the placebo."""
    rows, units = [], []
    for source in selection.sources:
        records = table.records(source=source)
        for outcome in list_outcomes(records):
            lexicon_row, placebo = (
                first_match(records, outcome=outcome, list="SGs"),
                first_match(records, outcome=outcome, list="placebo"),
            )
            dots = read_dot(outcome, lexicon_row, factor=100) + read_dot("placebo", placebo, factor=100)
            rows.append(DotRow(source, outcome, (dots,), sample_size(lexicon_row)))
            units.append(lexicon_row.get("unit"))
    unit = next((str(unit) for unit in units if unit), "words")
    return build_dot_plot(
        "planning-share",
        "How much of a trace is planning",
        f"Share of the {unit} that belong to a Strategic Gram. {INTERVALS} {DRAWS} {selection.omission_note}".strip(),
        PLACEBO_KEY,
        [DotPanel("planning share", f"% of {unit}")],
        rows,
    )


def plot_moves(table: "Table", selection: SourceSelection) -> Figure | None:
    """Return the figure of SGs of each move in 1,000 words, in correct and in wrong traces."""
    rows = []
    for source in selection.sources:
        records = table.records(source=source)
        outcomes = list_outcomes(records)
        plotted_outcomes = ["correct", "wrong"] if {"correct", "wrong"} <= set(outcomes) else outcomes[:1]
        for move in dict.fromkeys(row["move"] for row in records):
            outcome_rows = [(outcome, first_match(records, move=move, outcome=outcome)) for outcome in plotted_outcomes]
            dots = tuple(
                mark for outcome, row in outcome_rows for mark in read_dot(outcome, row, value="per_1000_words")
            )
            counts = [f"{int(n):,}" for _, row in outcome_rows if (n := row.number("count")) is not None]
            rows.append(DotRow(source, str(move), (dots,), f"{' + '.join(counts)} SGs" if counts else ""))
            if counts and not any(row.number("count") for _, row in outcome_rows):
                rows.pop()  # leave out a move that never occurs
    if any(len(row.dots[0]) > 1 for row in rows):
        key = "blue dots: correct traces; orange squares: wrong traces; with 95 % intervals"
    else:
        key = "dots: all traces, with 95 % intervals"
    return build_dot_plot(
        "moves",
        "Moves, in correct and in wrong traces",
        "Strategic Grams of each move in 1,000 words; at the right how many were found; moves that a source never "
        f"makes are left out. {INTERVALS} "
        "Random grams make no moves: no placebo stands beside these. "
        f"{selection.omission_note}".strip(),
        key,
        [DotPanel("", "SGs in 1,000 words")],
        rows,
    )


MAX_GRAMS = 16


def plot_grams(table: "Table", n_correct: int, n_wrong: int) -> Figure | None:
    """Return the figure of the grams whose share of traces differs most between correct and wrong traces."""
    compared = [(difference, row) for row in table.records() if (difference := row.number("difference")) is not None]
    largest = sorted(compared, key=lambda pair: (-abs(pair[0]), pair[1].text("gram")))[:MAX_GRAMS]
    compared_rows = [row for _, row in compared]
    discoveries = {
        row["gram"] for row in select_discoveries(compared_rows, lambda row: share_difference(row, n_correct, n_wrong))
    }
    rows = []
    for difference, row in sorted(largest, key=lambda pair: (-pair[0], pair[1].text("gram"))):
        outcome = "correct" if difference > 0 else "wrong"
        dots = read_dot(outcome, row, "difference", factor=100, hollow=row["gram"] not in discoveries)
        n = row.number("traces")
        rows.append(DotRow("", row.text("gram"), (dots,), "" if n is None else f"{int(n):,} traces"))
    return build_dot_plot(
        "grams",
        "Grams that correct and wrong traces differ in",
        f"Share of correct traces that hold the gram less share of wrong traces: the {len(rows):,} largest "
        f"differences of {len(compared):,} grams compared. The intervals are of one gram each: chance alone would put "
        "one in twenty clear of 0. Filled are those that stand when all are judged together (Benjamini and "
        "Hochberg, 5 %). "
        "Differences are taken within sources, weighted as Mantel and Haenszel have it. "
        "No placebo stands beside single grams: random ones may differ as much.",
        "blue dots: more often in correct traces; orange squares: in wrong ones; hollow: does not stand among "
        f"{len(compared):,} compared; 95 % intervals of one gram each",
        [DotPanel("", "share of correct less share of wrong traces, percentage points", chance=0.0, from_zero=False)],
        rows,
    )


def plot_scaling(table: "Table", selection: SourceSelection) -> Figure | None:
    """Return the figure of planning share against trace length, a panel for each source, beside the placebo."""
    records = {source: table.records(source=source) for source in selection.sources}
    plotted_sources = [
        (source, rows)
        for source, rows in records.items()
        if any(finite_number(row["value"]) is not None for row in rows)
    ]
    if not plotted_sources:
        return None
    columns, labels = min(3, len(plotted_sources)), distinct_labels((source for source, _ in plotted_sources), 28)
    n_rows = -(-len(plotted_sources) // columns)

    def draw(canvas: "Canvas") -> None:
        grid = canvas.subplots(n_rows, columns, squeeze=False, sharex=True, sharey=True)
        panels = [axes for row in grid for axes in row]
        for axes in panels[len(plotted_sources) :]:
            axes.remove()
        for index, (axes, (source, rows)) in enumerate(zip(panels, plotted_sources, strict=False)):
            for list_name, color in (("placebo", GRAY), ("SGs", COLORS[0])):
                _draw_bins(axes, [row for row in rows if row["list"] == list_name], list_name, color)
            n = sum(int(finite_number(row["traces"]) or 0) for row in rows if row["list"] == "SGs")
            axes.set_title(f"{labels[source]} (n = {n:,})", fontsize=8)
            if index + columns >= len(plotted_sources):
                axes.tick_params(labelbottom=True)
                axes.set_xlabel("length of the trace, words", fontsize=8)
            if index % columns == 0:
                axes.set_ylabel("planning share, %", fontsize=8)
        _set_lengths(panels[0], [row for _, rows in plotted_sources for row in rows])
        draw_key(canvas, PLACEBO_KEY.replace("dots", "blue"))

    return Figure(
        "length",
        "Length against planning",
        f"Planning share of traces binned by length; a point stands at the middle of its bin. {INTERVALS} {DRAWS} "
        f"{selection.omission_note}".strip(),
        (max(5.4, 0.8 + 2.8 * columns), 0.7 + 2.2 * n_rows),
        draw,
    )


def _draw_bins(axes: "Axes", rows: Sequence[Row], list_name: str, color: str) -> None:
    binned = sorted(
        (
            (middle, mark)
            for row in rows
            for mark in read_dot(list_name, row, factor=100)
            if (middle := _middle(row)) is not None
        ),
        key=lambda pair: pair[0],
    )
    lengths, dots = [length for length, _ in binned], [mark for _, mark in binned]
    axes.plot(
        lengths,
        [mark.value for mark in dots],
        color=color,
        linewidth=1.3,
        markersize=4,
        zorder=3,
        marker="D" if list_name == "placebo" else "o",
        markerfacecolor="white" if list_name == "placebo" else color,
    )
    for length, mark in binned:
        if mark.low is not None and mark.high is not None:
            axes.plot([length, length], [mark.low, mark.high], color=color, linewidth=1.1, zorder=2)


def _middle(row: Row) -> float | None:
    """Return the middle of a length bin on a logarithmic scale; a bin from 0 has the half of its end."""
    ends = [end for name in ("bin_low", "bin_high") if (end := finite_number(row[name])) is not None]
    if not ends:
        return None
    low, high = ends[0], ends[-1]
    return float((low * high) ** 0.5) if low > 0 else high / 2


def _set_lengths(axes: "Axes", rows: Sequence[Row]) -> None:
    """Set the axes; lengths that span more than a factor of 10 get a logarithmic axis with whole numbers."""
    middles = [middle for row in rows if (middle := _middle(row)) is not None]
    axes.set_ylim(bottom=0)
    if min(middles, default=0) > 0 and max(middles) > 10 * min(middles):
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.xaxis.set_minor_formatter(lambda *_: "")
    elif middles:
        axes.set_xlim(left=0)


def first_match(rows: Sequence[Record], **cells: Cell) -> Record:
    """Return the first row with these cells; an empty one if there is none.

    >>> first_match([Record(list="SGs", value=1), Record(list="placebo", value=2)], list="placebo")["value"]
    2
    """
    return next((row for row in rows if all(row[name] == cell for name, cell in cells.items())), Record())
