"""Figures of how much is planning, by which moves, and in how long traces. Knows nothing about how it was counted."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sgram.reports.figures.canvas import COLORS, GRAY, label
from sgram.reports.figures.dot_plot import DotRow, Panel, dot, dot_plot
from sgram.reports.figures.figure import Figure, say_key
from sgram.reports.figures.source_selection import Chosen, short_names
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


def outcomes_of(rows: Sequence[Mapping]) -> list[str]:
    """The outcomes that a source has rows of, ``all`` only where it is not the same as the one other."""
    found = [outcome for outcome in OUTCOMES if any(row["outcome"] == outcome for row in rows)]
    return found if len(found) != 2 or found[0] != "all" else ["all"]


def traces_of(row: Mapping) -> str:
    """How many traces and problems a row is of, as a remark beside it."""
    found = [
        f"{int(count):,} {word if count != 1 else word[:-1]}"
        for word in ("traces", "problems")
        if (count := finite_number(row.get(word))) is not None
    ]
    return ", ".join(found)


def success(table: "Table", chosen: Chosen) -> Figure | None:
    """How often the sources are right, a panel a measure."""
    measures = list(dict.fromkeys(table.column("measure")))[:4]
    rows = []
    for source in chosen.sources:
        by = {row["measure"]: row for row in table.records(source=source)}
        dots = tuple(dot("all", by.get(measure, {}), times=100) for measure in measures)
        remark = next((f"{int(n):,} problems" for row in by.values() if (n := finite_number(row["problems"]))), "")
        rows.append(DotRow(str(source), "", dots, remark))
    return dot_plot(
        "success",
        "How often the answer is right",
        f"Share of problems solved. {INTERVALS} {chosen.said}".strip(),
        "dots: estimate with its 95 % interval over problems",
        [Panel(label(str(measure)), "% of problems") for measure in measures],
        rows,
    )


def planning_share(table: "Table", chosen: Chosen) -> Figure | None:
    """Share of the words or tokens that are planning, by source and outcome, beside the placebo."""
    rows, units = [], []
    for source in chosen.sources:
        held = table.records(source=source)
        for outcome in outcomes_of(held):
            own, placebo = one(held, outcome=outcome, list="SGs"), one(held, outcome=outcome, list="placebo")
            dots = dot(outcome, own, times=100) + dot("placebo", placebo, times=100)
            rows.append(DotRow(str(source), outcome, (dots,), traces_of(own)))
            units.append(own.get("unit"))
    unit = next((str(each) for each in units if each), "words")
    return dot_plot(
        "planning-share",
        "How much of a trace is planning",
        f"Share of the {unit} that belong to a Strategic Gram. {INTERVALS} {DRAWS} {chosen.said}".strip(),
        PLACEBO_KEY,
        [Panel("planning share", f"% of {unit}")],
        rows,
    )


def moves(table: "Table", chosen: Chosen) -> Figure | None:
    """SGs of each move in a thousand words, of correct and of wrong traces."""
    rows = []
    for source in chosen.sources:
        held = table.records(source=source)
        seen = outcomes_of(held)
        shown = ["correct", "wrong"] if {"correct", "wrong"} <= set(seen) else seen[:1]
        for move in dict.fromkeys(row["move"] for row in held):
            found = [(outcome, one(held, move=move, outcome=outcome)) for outcome in shown]
            dots = tuple(each for outcome, row in found for each in dot(outcome, row, value="per_1000_words"))
            counts = [f"{int(n):,}" for _, row in found if (n := finite_number(row.get("count"))) is not None]
            rows.append(DotRow(str(source), str(move), (dots,), f"{' + '.join(counts)} SGs" if counts else ""))
            if counts and not any(finite_number(row.get("count")) for _, row in found):
                rows.pop()  # a move that is never made is no row of noughts
    if any(len(row.dots[0]) > 1 for row in rows):
        key = "blue dots: correct traces; orange squares: wrong traces; with 95 % intervals"
    else:
        key = "dots: all traces, with 95 % intervals"
    return dot_plot(
        "moves",
        "Moves, in correct and in wrong traces",
        "Strategic Grams of each move in 1,000 words; at the right how many were found; moves that a source never "
        f"makes are left out. {INTERVALS} "
        "Random grams make no moves: no placebo stands beside these. "
        f"{chosen.said}".strip(),
        key,
        [Panel("", "SGs in 1,000 words")],
        rows,
    )


GRAMS_SHOWN = 16


def grams(table: "Table", n_correct: int, n_wrong: int) -> Figure | None:
    """The grams whose share of traces differs most between correct and wrong traces."""
    held = [row for row in table.records() if finite_number(row["difference"]) is not None]
    largest = sorted(held, key=lambda row: (-abs(row["difference"]), str(row["gram"])))[:GRAMS_SHOWN]
    found = {row["gram"] for row in select_discoveries(held, lambda row: share_difference(row, n_correct, n_wrong))}
    rows = []
    for row in sorted(largest, key=lambda row: (-row["difference"], str(row["gram"]))):
        of = "correct" if row["difference"] > 0 else "wrong"
        dots = dot(of, row, "difference", times=100, hollow=row["gram"] not in found)
        n = finite_number(row["traces"])
        rows.append(DotRow("", str(row["gram"]), (dots,), "" if n is None else f"{int(n):,} traces"))
    return dot_plot(
        "grams",
        "Grams that correct and wrong traces differ in",
        f"Share of correct traces that hold the gram less share of wrong traces: the {len(rows):,} largest "
        f"differences of {len(held):,} grams compared. The intervals are of one gram each: chance alone would put "
        "one in twenty clear of 0. Filled are those that stand when all are judged together (Benjamini and "
        "Hochberg, 5 %). "
        "Differences are taken within sources, weighted as Mantel and Haenszel have it. "
        "No placebo stands beside single grams: random ones may differ as much.",
        "blue dots: more often in correct traces; orange squares: in wrong ones; hollow: does not stand among "
        f"{len(held):,} compared; 95 % intervals of one gram each",
        [Panel("", "share of correct less share of wrong traces, percentage points", chance=0.0, from_zero=False)],
        rows,
    )


def scaling(table: "Table", chosen: Chosen) -> Figure | None:
    """Planning share against the length of traces, a panel a source, beside the placebo."""
    held = {source: table.records(source=source) for source in chosen.sources}
    drawn = [
        (source, rows) for source, rows in held.items() if any(finite_number(row["value"]) is not None for row in rows)
    ]
    if not drawn:
        return None
    columns, named = min(3, len(drawn)), short_names((source for source, _ in drawn), 28)
    n_rows = -(-len(drawn) // columns)

    def draw(canvas: "Canvas") -> None:
        grid = canvas.subplots(n_rows, columns, squeeze=False, sharex=True, sharey=True)
        places = [axes for row in grid for axes in row]
        for axes in places[len(drawn) :]:
            axes.remove()
        for place, (axes, (source, rows)) in enumerate(zip(places, drawn, strict=False)):
            for of, color in (("placebo", GRAY), ("SGs", COLORS[0])):
                _draw_bins(axes, [row for row in rows if row["list"] == of], of, color)
            n = sum(int(finite_number(row["traces"]) or 0) for row in rows if row["list"] == "SGs")
            axes.set_title(f"{named[source]} (n = {n:,})", fontsize=8)
            if place + columns >= len(drawn):
                axes.tick_params(labelbottom=True)
                axes.set_xlabel("length of the trace, words", fontsize=8)
            if place % columns == 0:
                axes.set_ylabel("planning share, %", fontsize=8)
        _set_lengths(places[0], [row for _, rows in drawn for row in rows])
        say_key(canvas, PLACEBO_KEY.replace("dots", "blue"))

    return Figure(
        "length",
        "Length against planning",
        f"Planning share of traces binned by length; a point stands at the middle of its bin. {INTERVALS} {DRAWS} "
        f"{chosen.said}".strip(),
        (max(5.4, 0.8 + 2.8 * columns), 0.7 + 2.2 * n_rows),
        draw,
    )


def _draw_bins(axes: "Axes", rows: Sequence[Mapping], of: str, color: str) -> None:
    placed = sorted(
        (_middle(row), each) for row in rows for each in dot(of, row, times=100) if _middle(row) is not None
    )
    at, dots = [where for where, _ in placed], [each for _, each in placed]
    axes.plot(
        at,
        [each.value for each in dots],
        color=color,
        linewidth=1.3,
        markersize=4,
        zorder=3,
        marker="D" if of == "placebo" else "o",
        markerfacecolor="white" if of == "placebo" else color,
    )
    for where, each in placed:
        if each.low is not None and each.high is not None:
            axes.plot([where, where], [each.low, each.high], color=color, linewidth=1.1, zorder=2)


def _middle(row: Mapping) -> float | None:
    low, high = finite_number(row["bin_low"]), finite_number(row["bin_high"])
    if low is None and high is None:
        return None
    low, high = (high if low is None else low), (low if high is None else high)
    return (low * high) ** 0.5 if low > 0 else high / 2


def _set_lengths(axes: "Axes", rows: Sequence[Mapping]) -> None:
    """Logarithmic where lengths span more than tenfold, with whole numbers at the ticks."""
    middles = [at for row in rows if (at := _middle(row)) is not None]
    axes.set_ylim(bottom=0)
    if min(middles, default=0) > 0 and max(middles) > 10 * min(middles):
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.xaxis.set_minor_formatter(lambda *_: "")
    elif middles:
        axes.set_xlim(left=0)


def one(rows: Sequence[Mapping], **wanted: object) -> Mapping:
    """The first row that holds the `wanted` cells; nothing where there is none."""
    return next((row for row in rows if all(row[name] == cell for name, cell in wanted.items())), {})
