"""Figures of an analysis: what is drawn of which cells, what is left out and said, the same bytes again."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

pytest.importorskip("matplotlib", reason="figures need matplotlib")

from hypothesis import given
from hypothesis import strategies as st

from sgram.analysis import Column, Measure, all_measures
from sgram.analysis.figure_specs import DotMark, DotPlot, Panel, sgs_and_placebo
from sgram.analysis.table import Record, Table, build_table
from sgram.errors import UsageError
from sgram.reports.figures.canvas import label
from sgram.reports.figures.curve_plot import read_curve, smooth
from sgram.reports.figures.dot_plot import draw_dot_plot, fill_template
from sgram.reports.figures.figure import Point
from sgram.reports.figures.report_figures import build_figures
from sgram.reports.figures.source_selection import MAX_SOURCES, distinct_labels, headings, select_sources
from tests.builders import report_tables
from tests.builders.report_tables import TableAnalysis, full_analysis, table

QUESTION_FIGURES = ("question-accuracy", "question-exploration", "question-planning", "question-length")
TABLE_OF = {
    **dict.fromkeys(QUESTION_FIGURES, "curves"),
    "success": "success",
    "planning-share": "shares",
    "moves": "moves",
    "grams": "grams",
    "semantic-entropy": "semantic_entropy",
    "conditional-entropy": "conditional_entropy",
    "tokens": "tokens",
    "overlap": "overlap",
    "dynamics": "curves",
    "exploration": "curves",
    "reflection": "aha",
    "length": "scaling",
    "errors": "errors",
}
"""The figures, in the order of a report, with the tables that they show."""


def named(analysis):
    return {figure.name: figure for figure in build_figures(analysis)}


def drawn(*tables, sources=("m",), **fields):
    """The figures of an analysis that has these tables only."""
    return named(TableAnalysis({full_table.name: full_table for full_table in tables}, sources, **fields))


def plotted(records, *marks, **fields):
    """The dot plot of records that have the columns of their cells."""
    columns = [Column(name, name) for name in dict.fromkeys(name for record in records for name in record)]
    spec = DotPlot("a", "A", "All.", fields.pop("panels", (Panel("", "nats", marks),)), **fields)
    return draw_dot_plot(spec, build_table("t", "T", columns, records), TableAnalysis({}, ("m", "n")))


def canvas_of(figure):
    """The figure drawn on a canvas that can be looked into."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=figure.size)
    figure.draw(canvas)
    return canvas


def texts(figure):
    """Everything that is written in a figure."""
    from matplotlib.text import Text

    return [text.get_text() for text in canvas_of(figure).findobj(Text) if text.get_text()]


def titled(figure):
    """The panels by their titles."""
    return {axes.get_title() or axes.get_title(loc="left"): axes for axes in canvas_of(figure).axes}


def lines(figure, panel=0):
    """(xs, ys, color, marker) of every line of a panel."""
    return [
        (
            [float(x) for x in line.get_xdata()],
            [float(y) for y in line.get_ydata()],
            line.get_color(),
            line.get_marker(),
        )
        for line in canvas_of(figure).axes[panel].lines
    ]


def dots(figure, panel=0):
    """(x, marker) of every dot of a panel."""
    return [(xs[0], marker) for xs, _, _, marker in lines(figure, panel) if len(xs) == 1]


def row_names(figure):
    return [tick.get_text() for tick in canvas_of(figure).axes[0].get_yticklabels()]


# -- which figures there are -----------------------------------------------------------------------------


def test_figures_of_questions_are_drawn_first_then_those_of_measures_in_their_order():
    figures = build_figures(full_analysis())
    assert [figure.name for figure in figures] == list(TABLE_OF)
    sections = {measure.name: measure.section for measure in all_measures()}
    for figure in figures:
        is_panel = figure.name in QUESTION_FIGURES
        assert figure.section == ("summary" if is_panel else sections[TABLE_OF[figure.name]]) != ""
        assert figure.render().is_panel == is_panel
        assert re.fullmatch("[a-z]+(-[a-z]+)*", figure.name)
        assert figure.caption.endswith(".")
        assert "  " not in figure.caption
        assert not re.search("[{}]", figure.caption + " ".join(texts(figure)))


def test_measures_of_other_packages_are_drawn_if_they_have_a_section():
    columns = (Column("source", "source"), Column("lines", "lines of a trace", "number"))
    spec = DotPlot("lines", "Lines", "Lines of a trace.", (Panel("", "lines", (DotMark("SGs", "lines", "", ""),)),))
    records = [{"source": "m", "lines": 3}]
    measure = Measure("lines", "Lines", columns, lambda data: records, section="errors", figures=(spec,))
    tables = {"lines": build_table("lines", "Lines", columns, records)}
    (figure,) = build_figures(TableAnalysis(tables, ("m",), measures=(measure,)))
    assert (figure.name, figure.section, figure.caption) == ("lines", "errors", "Lines of a trace.")
    assert build_figures(TableAnalysis(tables, ("m",), measures=(replace(measure, section=""),))) == []


def test_a_figure_is_absent_where_its_table_is():
    whole = full_analysis()
    for name in whole.tables:
        without = replace(
            whole, tables={key: report_table for key, report_table in whole.tables.items() if key != name}
        )
        lost = {figure for figure, needs in TABLE_OF.items() if needs == name}
        assert set(named(without)) == set(TABLE_OF) - lost


def test_a_table_without_a_number_gives_no_figure():
    whole = full_analysis(("a",))
    for name in dict.fromkeys(TABLE_OF.values()):
        full_table = whole.tables[name]
        text_columns = [
            index for index, column in enumerate(full_table.columns) if column.kind == "text" or column.name == "step"
        ]
        rows = tuple(
            tuple(cell if index in text_columns else None for index, cell in enumerate(row)) for row in full_table.rows
        )
        emptied = Table(full_table.name, full_table.title, full_table.columns, rows)
        figures = named(replace(whole, tables={**whole.tables, name: emptied}))
        assert set(figures) == set(TABLE_OF) - {figure for figure, needs in TABLE_OF.items() if needs == name}, name
        no_rows = Table(full_table.name, full_table.title, full_table.columns, ())
        assert set(named(replace(whole, tables={**whole.tables, name: no_rows}))) == set(figures)


# -- dots ------------------------------------------------------------------------------------------------


def test_a_planning_share_is_drawn_in_per_cent_with_its_interval_and_without_the_matched_placebo():
    cells = {"source": "m", "outcome": "all", "traces": 12, "problems": 1, "unit": "tokens"}
    rows = [
        {**cells, "list": list_name, "value": value, "low": value - 0.05, "high": value + 0.1}
        for list_name, value in (("SGs", 0.25), ("placebo", 0.2))
    ]
    figure = drawn(table("shares", rows))["planning-share"]
    drawn_lines = lines(figure)
    spans = [(xs, color) for xs, _, color, _ in drawn_lines if len(xs) == 2]
    assert spans == [([pytest.approx(20.0), pytest.approx(35.0)], "#000000")]
    assert dots(figure) == [(25.0, "o")]
    assert {"% of tokens", "12 traces, 1 problem", "m", "planning share"} <= set(texts(figure))
    assert "Bars are 95 % intervals over problems." in figure.caption
    assert "placebo" not in figure.caption
    other = [{**row, "source": "n", "unit": "words"} for row in rows]  # its token ids are not known
    both = drawn(table("shares", rows + other), sources=("m", "n"))["planning-share"]
    assert "% of tokens or % of words" in texts(both)


def test_a_placebo_is_a_gray_diamond_below_the_dot_that_it_controls():
    rows = [
        {"source": "m", "list": list_name, "value": value, "low": value - 0.5, "high": value + 1.0}
        for list_name, value in (("SGs", 2.5), ("placebo", 2.0))
    ]
    figure = plotted(rows, *sgs_and_placebo())
    spans = [(xs, color) for xs, _, color, _ in lines(figure) if len(xs) == 2]
    assert spans == [([2.0, 3.5], "#0072b2"), ([1.5, 3.0], "#767676")]
    assert dots(figure) == [(2.5, "o"), (2.0, "D")]
    assert "A placebo is a list of random grams" in figure.caption


def test_a_value_without_an_interval_has_no_bar_and_a_missing_count_no_remark():
    rows = [{"source": "m", "outcome": "all", "list": "SGs", "value": 0.5, "low": None, "high": 0.6, "traces": 1}]
    figure = drawn(table("shares", [{**rows[0], "problems": None, "unit": "words"}]))["planning-share"]
    assert [xs for xs, *_ in lines(figure)] == [[50.0]]
    assert {"% of words", "1 trace"} <= set(texts(figure))


@pytest.mark.parametrize("cell", [None, "0.5", True, float("nan"), float("inf")])
def test_what_is_no_finite_number_is_no_point(cell):
    records = [{"source": "m", "value": cell}]
    assert plotted(records, DotMark("all")) is None
    assert read_curve([Record(step=1, value=cell), Record(step=cell, value=1.0)]) == []


def test_names_in_braces_are_cells():
    records = [Record(traces=1234, ratio=1.236, unit="words"), Record(traces=0, ratio=2.0)]
    assert fill_template("{traces} traces, × {ratio}", records[:1]) == "1,234 traces, × 1.2"
    assert fill_template("{traces} traces", records) == "1,234 + 0 traces"  # such as correct and wrong ones
    assert fill_template("from {low} to {high}, {traces} traces", records[:1]) == "1,234 traces"
    assert fill_template("{traces} traces, {unit}", [Record(traces=1, unit="a\u202eb")]) == "1 trace, a\\u202eb"


def test_chance_is_dotted_where_the_table_says_it_lies():
    """Of high entropy are 0.55 * 0.05 / (0.55 / 6) = 30 % of all tokens."""
    figure = drawn(report_tables.overlap(("m",)))["overlap"]
    left, right = canvas_of(figure).axes
    dotted = [line.get_xdata()[0] for line in left.lines if line.get_linestyle() == ":"]
    assert dotted == [pytest.approx(30.0)]
    assert not [line for line in right.lines if line.get_linestyle() == ":"]
    assert dots(figure, 1) == [(pytest.approx(100 * 0.55 / 6), "o"), (5.0, "|")]
    assert "9,000 tokens" in texts(figure)


def test_planning_and_execution_tokens_stand_over_their_placebos():
    figure = drawn(report_tables.tokens(("m",)))["tokens"]
    at = {xs[0]: ys[0] for xs, ys, _, _ in lines(figure) if len(xs) == 1}
    assert list(at) == [0.9, 0.5, 0.3, 0.34]  # planning and its placebo, execution and its placebo
    assert at[0.9] < at[0.5] < at[0.3] < at[0.34]  # the first on top
    assert [marker for _, marker in dots(figure)] == ["o", "D", "s", "D"]
    assert row_names(figure) == ["m", "planning", "execution"]


def test_entropies_are_those_at_equal_size_with_a_panel_for_each_kind_of_bins():
    figure = drawn(report_tables.semantic_entropy(("m",), ("all",)))["semantic-entropy"]
    assert dots(figure) == [(4.0, "o"), (pytest.approx(4.4), "D")]
    assert {"nats at 200 SGs", "500 SGs"} <= set(texts(figure))
    assert list(titled(figure)) == ["over grams", "over clusters", "over moves"]


def test_of_many_panels_the_first_four_are_drawn():
    records = [{"source": "m", "kind": f"kind {index}", "value": index + 1.0} for index in range(6)]
    figure = plotted(records, panels=(Panel("of {kind}", "nats", (DotMark("all"),)),), panel_by="kind")
    assert list(titled(figure)) == ["of kind 0", "of kind 1", "of kind 2", "of kind 3"]
    assert [dots(figure, panel) for panel in range(4)] == [[(index + 1.0, "o")] for index in range(4)]


def test_of_the_grams_those_that_stand_among_all_are_filled():
    """Two-sided p-values by hand: 0.2 with its low end at 0.1 is z = 3.92, p = .00009; 0.1 down to 0.005 is z = 2.06,
    p = .039, which is below .05 but above .05 * 2 / 3. Traces are many, so that no interval is widened."""
    rows = [
        {"gram": name, "difference": value, "low": low, "high": high, "traces": 5}
        for name, value, low, high in (
            ("sure", 0.2, 0.1, 0.3),
            ("alone", 0.1, 0.005, 0.2),
            ("nothing", -0.01, -0.2, 0.2),
        )
    ]
    corpus = table("corpus", [{"source": "m", "traces": 1800, "correct": 900, "wrong": 900, "not_judged": 0}])
    figure = drawn(table("grams", rows), corpus)["grams"]
    points = canvas_of(figure).axes[0].lines
    filled = {
        round(line.get_xdata()[0], 6): line.get_markerfacecolor() for line in points if len(line.get_xdata()) == 1
    }
    assert filled == {20.0: "#0072b2", 10.0: "white", -1.0: "white"}
    assert row_names(figure) == ["sure", "alone", "nothing"]
    (zero,) = [line for line in points if line.get_linestyle() == ":"]
    assert set(zero.get_xdata()) == {0.0}
    sure = [{**rows[0], "gram": f"gram {index}"} for index in range(9)]  # more than have a finding of their own
    nine = canvas_of(drawn(table("grams", sure), corpus)["grams"]).axes[0].lines
    assert [line.get_markerfacecolor() for line in nine if len(line.get_xdata()) == 1] == ["#0072b2"] * 9


def test_of_many_rows_the_largest_are_drawn_in_order():
    """Of -0.1, -0.09, ..., 0.18 the 16 largest are 0.18 to 0.07 (12) and -0.07 to -0.1 (4)."""
    figure = drawn(report_tables.grams(29))["grams"]
    numbers = [int(name.split()[-1]) for name in row_names(figure)]
    assert numbers == [*range(28, 16, -1), 3, 2, 1, 0]
    assert "Shown are the 16 largest of 29." in figure.caption
    few = plotted(
        [{"source": source, "kind": f"k{index}", "value": float(index)} for source in "mn" for index in range(1, 9)],
        DotMark("all"),
        row_by="kind",
        largest=("value",),
        max_rows=4,
    )
    assert row_names(few) == ["m", "k8", "k7", "k6", "n", "k8", "k7", "k6"]  # 4 // 2 is less than 3 a source


def test_a_change_is_ranked_by_its_length_and_joins_its_ends():
    """Rates change by 1.5, 0.7, -0.1, -0.9, -1.7 from 0.5, 1.5, 2.5, 3.5, 4.5; of 5 clusters all are drawn."""
    figure = drawn(report_tables.aha(("m",)))["reflection"]
    assert row_names(figure)[1:] == [f"wait let me check {index}" for index in range(5)]
    assert [xs for xs, *_ in lines(figure) if len(xs) == 2][:2] == [[0.5, 2.0], [0.5, 2.0]]
    assert dots(figure)[:2] == [(0.5, "D"), (2.0, "o")]
    assert "× 4 [0.3 to 4.5], from step 0" in texts(figure)
    assert "A placebo" not in figure.caption  # the diamonds are the first steps
    many = drawn(report_tables.aha(("m",), 20))["reflection"]
    assert len(row_names(many)) == 1 + 12
    assert "Shown are the 12 largest of 20." in many.caption


def test_correct_and_wrong_moves_share_a_row():
    figure = drawn(report_tables.moves(("m",)))["moves"]
    # a rate of 12 is 12 * 1.3 = 15.6 in correct and 12 * 1.6 = 19.2 in wrong traces
    assert dots(figure)[:2] == [(pytest.approx(15.6), "o"), (pytest.approx(19.2), "s")]
    assert "156 + 192 SGs" in texts(figure)
    for outcomes in (("all",), ("all", "correct")):  # the same traces
        unjudged = drawn(report_tables.moves(("m",), outcomes))["moves"]
        assert [marker for _, marker in dots(unjudged)] == ["o"] * 4
        assert "120 SGs" in texts(unjudged)


def test_moves_that_a_source_never_makes_are_left_out():
    rows = [
        {**row, "count": 0, "per_1000_words": 0.0, "low": 0.0, "high": 0.0} if row["move"] == "branching" else row
        for row in report_tables.moves(("m",)).records()
    ]
    assert row_names(drawn(table("moves", rows))["moves"]) == ["m", "deduction", "backtracking", "verification"]
    zero = plotted([{"source": "m", "value": 0.0}], DotMark("all"))  # a value of 0 without a count is a value
    assert dots(zero) == [(0.0, "o")]


def test_of_outcomes_all_stands_alone_if_it_equals_the_other():
    for outcomes, names in (
        (("all", "wrong"), ["m", "all"]),
        (("all", "wrong", "not judged"), ["m", "all", "wrong", "not judged"]),
    ):
        assert row_names(drawn(report_tables.shares(("m",), outcomes))["planning-share"]) == names
    text = plotted(  # names of grams are no outcomes
        [{"source": "m", "gram": gram, "value": 1.0} for gram in ("all", "wrong")], DotMark("SGs"), row_by="gram"
    )
    assert row_names(text) == ["m", "all", "wrong"]
    assert [marker for _, marker in dots(text)] == ["o", "o"]


# -- curves, bins, shares --------------------------------------------------------------------------------


def test_the_curves_of_a_question_are_those_of_all_runs_smoothed_over_the_steps_and_named():
    figure = named(full_analysis(("a", "b"), steps=range(0, 200, 10)))["question-exploration"]
    (axes,) = canvas_of(figure).axes
    colors = [line.get_color() for line in axes.lines]
    # of each run random phrases, the steps and the smoothed curve, in one color
    assert len(colors) == 6
    assert len(set(colors[:3])) == len(set(colors[3:])) == 1
    assert colors[0] != colors[3]
    steps, smooth = axes.lines[1], axes.lines[2]
    assert steps.get_alpha() < 0.5 < smooth.get_linewidth()
    heights = steps.get_ydata().tolist()
    # 20 steps: means of 3 of them
    assert smooth.get_ydata()[5] == pytest.approx(sum(heights[4:7]) / 3)
    assert {"a", "b", "random phrases"} <= set(texts(figure))
    assert axes.get_legend() is None
    assert figure.caption == "Smoothed; faint: the steps. Dashed: random phrases."


def test_a_single_run_has_no_name_in_its_panel():
    assert "a" not in texts(named(full_analysis(("a",)))["question-accuracy"])


def test_curves_are_relative_where_the_panel_says_so():
    """0.5 is a quarter of the first value, 2: its interval of 0.4 to 0.8 is drawn from 0.2 to 0.4."""
    rows = [
        Record(step=10, value=0.5, low=0.4, high=0.8),
        Record(step=0, value=None, low=1, high=2),
        Record(step=5, value=2.0, low=None, high=3.0),
    ]
    assert read_curve(rows, is_relative=True) == [Point(5.0, 1.0, None, 1.5), Point(10.0, 0.25, 0.2, 0.4)]
    assert read_curve(rows, scale=100) == [Point(5.0, 200.0, None, 300.0), Point(10.0, 50.0, 40.0, 80.0)]
    assert read_curve([Record(step=1, value=0.0), Record(step=2, value=1.0)], is_relative=True) == []
    panels = titled(drawn(report_tables.curves(("m",)))["dynamics"])
    dotted = [title for title, axes in panels.items() if any(line.get_linestyle() == ":" for line in axes.lines)]
    assert dotted == ["token entropy / first step", "perplexity / first step"]


def test_triangles_mark_the_step_by_which_the_change_is_made():
    curves, settling = report_tables.curves(("m",)), report_tables.settling(("m",))
    panels = titled(drawn(curves, settling)["dynamics"])
    marks = [line for line in panels["token entropy / first step"].lines if line.get_marker() == "^"]
    assert [line.get_xdata()[0] for line in marks] == [30.0, 30.0]  # planning and execution, no placebo
    plain = canvas_of(drawn(curves)["dynamics"]).axes
    assert not [line for axes in plain for line in axes.lines if line.get_marker() == "^"]


def test_lines_are_named_beside_the_last_source_that_has_them():
    figure = drawn(report_tables.curves(("m",)))["dynamics"]
    panels = titled(figure)
    assert [text.get_text() for text in panels["perplexity / first step"].texts] == ["placebo", "execution", "planning"]
    assert "A step has 64 traces." in figure.caption
    rows = report_tables.curves(("m", "n")).records()
    rows = [row for row in rows if row["source"] == "m" or row["series"] != "semantic entropy"]
    exploration = canvas_of(drawn(table("curves", rows), sources=("m", "n"))["exploration"])
    names = [[text.get_text() for text in axes.texts] for axes in exploration.axes]
    assert names == [["placebo", "SGs"], [], [], ["placebo", "SGs"], [], ["placebo", "SGs"]]


def test_many_points_become_running_means():
    """41 points: each is the mean of itself and one neighbor at each side (41 // 32 = 1); intervals of independent
    means shrink by the root of their number: hypot(1, 1, 1) / 3."""
    line = [Point(float(step), float(step % 2), float(step % 2) - 1, float(step % 2) + 1) for step in range(41)]
    means = smooth(line)
    assert means[1].value == pytest.approx(1 / 3)
    assert means[2].value == pytest.approx(2 / 3)
    assert means[2].low == pytest.approx(2 / 3 - 3**0.5 / 3)
    assert means[0].value == pytest.approx(1 / 2)  # the ends have fewer neighbors
    assert smooth(line[:40]) == line[:40]
    assert smooth([Point(step, value) for step, value, _, _ in line])[2].low is None


def test_points_of_bins_stand_at_their_middles():
    """Middles of 0 to 40 and of 40 to 1,000 are 20 and 200, a factor of 10; more has a logarithmic axis."""
    rows = [
        {"bin_low": low, "bin_high": high, "traces": 5, "list": "SGs", **report_tables.ends(0.25)}
        for low, high in ((0, 40), (40, 1000))
    ]
    figure = drawn(table("scaling", [{"source": "m", **row} for row in rows]))["length"]
    (axes,) = canvas_of(figure).axes
    assert axes.lines[-1].get_xydata().tolist() == [[20.0, 25.0], [200.0, 25.0]]
    assert axes.get_xscale() == "linear"
    assert axes.get_title() == "m (n = 10)"
    assert axes.get_ylim()[0] == 0
    heights = [y for _, y in axes.collections[0].get_paths()[0].vertices.tolist()]
    assert (min(heights), max(heights)) == (22.5, pytest.approx(27.5))  # the ends are 10 % away
    rows[0] = {**rows[0], "bin_high": 39}  # its middle is 19.5
    (axes,) = canvas_of(drawn(table("scaling", [{"source": "m", **row} for row in rows]))["length"]).axes
    assert axes.get_xscale() == "log"


def edges(axes):
    """The greatest height of each filled area."""
    return [float(area.get_paths()[0].vertices[:, 1].max()) for area in axes.collections]


def test_stacked_errors_add_up_to_the_error_rate():
    figure = drawn(report_tables.errors(("m",), (1, 2)))["errors"]
    upper, lower = canvas_of(figure).axes
    # of 100 judged traces 40 are wrong at the first step: 20 + 12 + 2.4 + 1.6 + 4
    assert edges(upper) == [pytest.approx(top) for top in (20, 32, 34.4, 36, 40)]
    assert edges(lower) == [pytest.approx(100 * part + 5) for part in (0.5, 0.3, 0.06, 0.04, 0.1)]  # upper ends
    assert [text.get_text() for text in upper.texts] == list(report_tables.SHARES)
    assert (upper.get_ylabel(), lower.get_ylabel()) == ("% of judged traces", "% of wrong traces")


def test_kinds_that_the_last_source_lacks_are_named_too():
    rows = report_tables.errors(("m", "n"), (1, 2)).records()
    rows = [
        {**row, "share": 0.0, "of_judged": 0.0} if (row["source"], row["kind"]) == ("n", "undecided") else row
        for row in rows
    ]
    figure = drawn(table("errors", rows), sources=("m", "n"))["errors"]
    assert [text.get_text() for text in canvas_of(figure).axes[1].texts] == list(report_tables.SHARES)


def test_errors_without_steps_are_drawn_by_source():
    written = texts(drawn(report_tables.errors(("m",)))["errors"])
    assert {"strategic", "procedural", "20 traces", "% of wrong traces"} <= set(written)
    without_degenerate = [
        {**row, "count": 0, "share": 0.0} if row["kind"] == "degenerate" else row
        for row in report_tables.errors(("m",)).records()
    ]
    assert "degenerate" not in texts(drawn(table("errors", without_degenerate))["errors"])
    both = [*report_tables.errors(("m",)).records(), *report_tables.errors(("m",), (4,)).records()]
    assert "20 traces" in texts(drawn(table("errors", both))["errors"])  # a step is no course


def test_totals_over_all_steps_do_not_count_twice():
    steps = report_tables.errors(("m",), (1, 2)).records()
    both = drawn(table("errors", [*report_tables.errors(("m",)).records(), *steps]))["errors"]
    assert edges(canvas_of(both).axes[0])[-1] == pytest.approx(40)
    assert both.bytes() == drawn(table("errors", steps))["errors"].bytes()


# -- many sources, odd names ------------------------------------------------------------------------------


def test_of_many_sources_the_largest_are_drawn_and_the_rest_is_counted():
    names = tuple(f"m{at:02}" for at in range(30))  # m29 has the most traces
    for figure in build_figures(full_analysis(names)):
        if figure.name == "grams":
            continue
        n_omitted = 6 if figure.name == "success" else 24  # a line each has room for more than a block each
        assert f"{n_omitted} more are in the tables" in figure.caption, figure.name
    shares = drawn(report_tables.corpus(names), report_tables.shares(names), sources=names)["planning-share"]
    shown = [text for text in dict.fromkeys(texts(shares)) if re.fullmatch(r"m\d\d", text)]
    assert shown == [f"m{at}" for at in range(24, 30)]


def sized(sizes, sources):
    """An analysis of sources with so many traces."""
    rows = [{"source": source, "traces": sizes.get(source, 0)} for source in sources]
    return TableAnalysis({"corpus": table("corpus", rows)}, sources)


def test_sources_are_selected_by_their_traces_in_the_order_of_the_analysis():
    names = tuple(f"m{at:02}" for at in range(30))
    assert select_sources(names, sized({"m07": 3, "m02": 9}, names), 2)[0] == ("m02", "m07")
    sources, note = select_sources(names, TableAnalysis({}, names[::-1]), 29)
    assert sources == names[:0:-1]  # equal sizes: the first of the analysis
    assert note == "Shown are the 29 sources with the most traces; 1 more is in the tables."
    assert select_sources(names[:2], TableAnalysis({}, names), MAX_SOURCES) == (("m00", "m01"), "")


def test_of_equal_runs_one_of_each_kind_comes_first():
    runs = ("grpo, seed 0", "grpo, seed 1", "hicra, seed 0", "hicra, seed 1", "placebo, seed 0")
    assert select_sources(runs, sized({}, runs), 3)[0] == ("grpo, seed 0", "hicra, seed 0", "placebo, seed 0")
    assert select_sources(runs, sized({"grpo, seed 1": 9}, runs), 1)[0] == ("grpo, seed 1",)


@given(st.lists(st.text(min_size=1, max_size=80), min_size=1, max_size=12, unique=True), st.integers(12, 40))
def test_short_names_are_short_and_all_different(names, longest):
    labels = distinct_labels(names, longest)
    assert list(labels) == names
    assert len(set(labels.values())) == len(names)
    assert all(len(text) <= longest for text in labels.values())
    assert all(not re.search(r"[\x00-\x1f\u202e]", text) for text in labels.values())


def test_long_names_keep_what_models_of_a_family_differ_in():
    labels = distinct_labels(["a-very-long-family-of-models seed 1", "a-very-long-family-of-models seed 2"], 20)
    assert list(labels.values()) == ["a-very-lo...s seed 1", "a-very-lo...s seed 2"]
    alike = distinct_labels(["a" * 30 + "b" * 30, "a" * 31 + "b" * 31, "a" * 32 + "b" * 32], 20)
    assert list(alike.values()) == ["aaaaaaaaa...bbbbbbbb", "aaaaaaa...bbbbbb (2)", "aaaaaaa...bbbbbb (3)"]
    assert headings(["hicra, seed 1, alpha 0.2"])["hicra, seed 1, alpha 0.2"] == "hicra, seed 1,\nalpha 0.2"
    assert label("多" * 30, 11) == "多多...多多"  # two wide each: 4 * 2 + 3 = 11


ODD = ("$\\frac{", "x" * 400, "<script>alert(1)</script>", "\x1b[31mred\x07", "abc\u202efed", "多" * 60)


@pytest.mark.filterwarnings("ignore:Glyph")
def test_odd_names_are_drawn_as_text():
    analysis = full_analysis(ODD, steps=(0, 40))
    tables = dict(analysis.tables)
    for name, column in (("aha", "gram"), ("grams", "gram"), ("errors", "kind"), ("shares", "unit")):
        rows = tables[name].records()
        tables[name] = table(name, [{**row, column: ODD[index % len(ODD)]} for index, row in enumerate(rows)])
    odd_figures = named(replace(analysis, tables=tables))
    assert set(odd_figures) == set(TABLE_OF)
    for figure in odd_figures.values():
        assert not any(re.search("[\x1b\u202e\ud800]", text) for text in texts(figure))
    ET.fromstring(odd_figures["reflection"].bytes())  # noqa: S314


def test_single_rows_and_a_single_step_are_drawn():
    for figure in build_figures(full_analysis(("m",), steps=(3,))):
        canvas_of(figure)
    alone = drawn(report_tables.curves(("m",), (3,)))["dynamics"]
    assert ET.fromstring(alone.bytes()).tag.endswith("svg")  # noqa: S314


# -- bytes ------------------------------------------------------------------------------------------------


def test_equal_tables_give_equal_bytes_in_every_form():
    first, again = (named(full_analysis(("a",), steps=(0, 5, 10))) for _ in range(2))
    for name in ("length", "errors", "exploration"):
        assert first[name].bytes() == again[name].bytes()
    figure = first["success"]
    for form, start in (("png", b"\x89PNG"), ("pdf", b"%PDF")):
        assert figure.bytes(form).startswith(start)
        assert figure.bytes(form) == again["success"].bytes(form)
    assert figure.render().svg == figure.bytes()
    with pytest.raises(UsageError, match="unknown figure format 'gif'"):
        figure.bytes("gif")


def test_the_order_of_rows_does_not_matter():
    whole = full_analysis(("a", "b"), steps=(0, 5, 10))
    turned = {
        name: Table(full_table.name, full_table.title, full_table.columns, tuple(reversed(full_table.rows)))
        for name, full_table in whole.tables.items()
        if name in ("shares", "curves", "scaling", "overlap", "semantic_entropy")
    }
    before, after = named(whole), named(replace(whole, tables={**whole.tables, **turned}))

    def marks(figure):
        return {
            axes.get_title(): [(line.get_xydata().tolist(), line.get_color()) for line in axes.lines]
            for axes in canvas_of(figure).axes
        }

    for name in ("planning-share", "exploration", "length", "overlap", "semantic-entropy"):
        assert marks(before[name]) == marks(after[name]), name  # panels of bins are in the order of the table
        assert sorted(texts(before[name])) == sorted(texts(after[name]))


@pytest.mark.parametrize("name", ["moves", "exploration", "success", "question-exploration"])
def test_nothing_that_is_written_overlaps_in_a_crowded_figure(name):
    """The boxes of the names beside the panels, as they are laid out."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = tuple(f"deepseek-r1-distill-qwen-a-long-name-of-a-model-{index:02}" for index in range(30))
    figure = named(full_analysis(names))[name]
    canvas = Figure(figsize=figure.size, layout="constrained")
    agg = FigureCanvasAgg(canvas)
    figure.draw(canvas)
    agg.draw()
    edge = canvas.bbox.x1 + 1
    for axes in canvas.axes:
        boxes = [
            label.get_window_extent() for label in axes.get_yticklabels() if label.get_text() and label.get_visible()
        ]
        boxes.sort(key=lambda box: box.y0)
        assert all(below.y1 <= above.y0 + 1 for below, above in zip(boxes, boxes[1:], strict=False))
        assert all(box.x0 >= -1 and box.x1 <= edge for box in boxes)
    heads = [axes.title.get_window_extent() for axes in canvas.axes if axes.get_title()]
    assert not any(upper.overlaps(lower) for index, upper in enumerate(heads) for lower in heads[:index])
