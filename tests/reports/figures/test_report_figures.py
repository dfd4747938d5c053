"""Figures of an analysis: what is drawn of which cells, what is left out and said, the same bytes again."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

pytest.importorskip("matplotlib", reason="figures need matplotlib")

from hypothesis import given
from hypothesis import strategies as st

from sgram.analysis.table import Table
from sgram.errors import UsageError
from sgram.reports.figures import dynamics as dynamics
from sgram.reports.figures import entropy as entropy
from sgram.reports.figures import errors as errors
from sgram.reports.figures import shares as shares
from sgram.reports.figures.dot_plot import MAX_SOURCES, Dot, read_dot
from sgram.reports.figures.report_figures import build_figures
from sgram.reports.figures.source_selection import SourceSelection, distinct_labels, fit_label, headings, select_sources
from sgram.statistics import finite_number
from tests.builders import report_tables
from tests.builders.report_tables import TableAnalysis, full_analysis, table

ALL = (
    "success",
    "dynamics",
    "exploration",
    "planning-share",
    "moves",
    "grams",
    "semantic-entropy",
    "conditional-entropy",
    "tokens",
    "overlap",
    "reflection",
    "length",
    "errors",
    "architecture",
)
TABLE_OF = {
    "success": "success",
    "planning-share": "shares",
    "moves": "moves",
    "grams": "grams",
    "reflection": "aha",
    "semantic-entropy": "semantic_entropy",
    "conditional-entropy": "conditional_entropy",
    "tokens": "tokens",
    "overlap": "overlap",
    "dynamics": "curves",
    "exploration": "curves",
    "length": "scaling",
    "errors": "errors",
    "architecture": "architecture",
}


def named(analysis):
    return {figure.name: figure for figure in build_figures(analysis)}


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


def lines(figure):
    """(xs, ys, color, marker) of every line of the first panel."""
    return [
        (
            [float(x) for x in line.get_xdata()],
            [float(y) for y in line.get_ydata()],
            line.get_color(),
            line.get_marker(),
        )
        for line in canvas_of(figure).axes[0].lines
    ]


# -- which figures there are -----------------------------------------------------------------------------


def test_every_table_has_its_figure_in_the_order_of_a_report():
    assert tuple(named(full_analysis())) == ALL
    for figure in build_figures(full_analysis()):
        assert re.fullmatch("[a-z]+(-[a-z]+)*", figure.name)
        assert figure.caption.endswith(".")
        assert "  " not in figure.caption


def test_a_figure_is_absent_where_its_table_is():
    whole = full_analysis()
    for name in whole.tables:
        without = replace(
            whole, tables={key: report_table for key, report_table in whole.tables.items() if key != name}
        )
        lost = {figure for figure, needs in TABLE_OF.items() if needs == name}
        assert set(named(without)) == set(ALL) - lost


def test_a_table_without_a_number_gives_no_figure():
    whole = full_analysis(("a",))
    for name, full_table in whole.tables.items():
        if name in ("corpus", "settling", "equations", "placebo"):
            continue
        text_columns = [
            index for index, column in enumerate(full_table.columns) if column.kind == "text" or column.name == "step"
        ]
        rows = tuple(
            tuple(cell if index in text_columns else None for index, cell in enumerate(row)) for row in full_table.rows
        )
        emptied = Table(full_table.name, full_table.title, full_table.columns, rows)
        figures = named(replace(whole, tables={**whole.tables, name: emptied}))
        assert set(figures) == set(ALL) - {figure for figure, needs in TABLE_OF.items() if needs == name}, name
        no_rows = Table(full_table.name, full_table.title, full_table.columns, ())
        assert set(named(replace(whole, tables={**whole.tables, name: no_rows}))) == set(figures)


# -- what is drawn ---------------------------------------------------------------------------------------


def test_a_planning_share_is_drawn_in_per_cent_with_its_interval_and_its_placebo_in_gray():
    rows = [
        {
            "source": "m",
            "outcome": "all",
            "list": list_name,
            "value": value,
            "low": value - 0.05,
            "high": value + 0.1,
            "traces": 12,
            "problems": 1,
            "unit": "tokens",
        }
        for list_name, value in (("SGs", 0.25), ("placebo", 0.2))
    ]
    figure = shares.plot_planning_share(table("shares", rows), SourceSelection(("m",), 0))
    drawn_lines = lines(figure)
    spans = [(xs, color) for xs, _, color, _ in drawn_lines if len(xs) == 2]
    assert spans == [
        ([pytest.approx(20.0), pytest.approx(35.0)], "#000000"),
        ([pytest.approx(15.0), pytest.approx(30.0)], "#767676"),
    ]
    points = [(xs, marker) for xs, _, _, marker in drawn_lines if len(xs) == 1]
    assert points == [([25.0], "o"), ([pytest.approx(20.0)], "D")]
    assert {"% of tokens", "12 traces, 1 problem", "m"} <= set(texts(figure))


def test_a_value_without_an_interval_has_no_bar():
    (dot,) = read_dot("all", {"value": 0.5, "low": None, "high": 0.6})
    assert dot == Dot("all", 0.5, None, 0.6)
    rows = [
        {
            "source": "m",
            "outcome": "all",
            "list": "SGs",
            "value": 0.5,
            "low": None,
            "high": None,
            "traces": 1,
            "problems": None,
            "unit": None,
        }
    ]
    figure = shares.plot_planning_share(table("shares", rows), SourceSelection(("m",), 0))
    assert [xs for xs, *_ in lines(figure)] == [[50.0]]
    assert {"% of words", "1 trace"} <= set(texts(figure))


@pytest.mark.parametrize("cell", [None, "0.5", True, float("nan"), float("inf")])
def test_what_is_no_finite_number_is_no_point(cell):
    assert finite_number(cell) is None
    assert read_dot("all", {"value": cell}) == ()


def test_chance_is_dotted_where_the_table_says_it_lies():
    figure = entropy.plot_overlap(report_tables.overlap(("m",)), SourceSelection(("m",), 0))
    dotted = [line.get_xdata()[0] for line in canvas_of(figure).axes[0].lines if line.get_linestyle() == ":"]
    assert dotted == [pytest.approx(30.0)]
    assert "30 %" in figure.caption


def test_placebo_tokens_stand_between_planning_and_execution():
    figure = entropy.plot_tokens(report_tables.tokens(("m",)), SourceSelection(("m",), 0))
    at = {xs[0]: ys[0] for xs, ys, _, _ in lines(figure) if len(xs) == 1}
    assert list(at) == [0.9, 0.5, 0.3]  # planning, placebo, execution
    assert at[0.9] < at[0.5] < at[0.3]  # the first on top


def test_entropies_are_those_at_equal_size():
    figure = entropy.plot_semantic_entropy(report_tables.semantic_entropy(("m",), ("all",)), SourceSelection(("m",), 0))
    assert [xs[0] for xs, *_ in lines(figure) if len(xs) == 1] == [4.0, pytest.approx(4.4)]
    assert "200 occurrences" in figure.caption
    assert list(titled(figure)) == ["over grams", "over clusters", "over moves"]


def test_of_the_grams_those_that_stand_among_all_are_filled():
    """Two-sided p-values by hand: 0.2 with its low end at 0.1 is z = 3.92, p = .00009; 0.1 down to 0.005 is z = 2.06,
    p = .039, which is below .05 but above .05 * 2 / 3."""
    rows = [
        {"gram": name, "difference": value, "low": low, "high": high, "traces": 5}
        for name, value, low, high in (
            ("sure", 0.2, 0.1, 0.3),
            ("alone", 0.1, 0.005, 0.2),
            ("nothing", -0.01, -0.2, 0.2),
        )
    ]
    figure = shares.plot_grams(table("grams", rows), 900, 900)
    points = canvas_of(figure).axes[0].lines
    filled = {
        round(line.get_xdata()[0], 6): line.get_markerfacecolor() for line in points if len(line.get_xdata()) == 1
    }
    assert filled == {20.0: "#0072b2", 10.0: "white", -1.0: "white"}
    assert "3 grams compared" in figure.caption


def test_correct_and_wrong_moves_share_a_row():
    figure = shares.plot_moves(report_tables.moves(("m",)), SourceSelection(("m",), 0))
    points = [(xs[0], marker) for xs, _, _, marker in lines(figure) if len(xs) == 1]
    # a rate of 12 is 12 * 1.3 = 15.6 in correct and 12 * 1.6 = 19.2 in wrong traces
    assert points[:2] == [(pytest.approx(15.6), "o"), (pytest.approx(19.2), "s")]
    assert "156 + 192 SGs" in texts(figure)
    assert shares.list_outcomes([{"outcome": "all"}, {"outcome": "wrong"}]) == ["all"]  # the same traces
    unjudged = shares.plot_moves(report_tables.moves(("m",), ("all", "not judged")), SourceSelection(("m",), 0))
    assert [marker for xs, _, _, marker in lines(unjudged) if len(xs) == 1] == ["o"] * 4


def test_curves_are_relative_where_the_panel_says_so():
    """0.5 is a quarter of the first value, 2: its interval of 0.4 to 0.8 is drawn from 0.2 to 0.4."""
    rows = [
        {"step": 10, "value": 0.5, "relative": 0.25, "low": 0.4, "high": 0.8},
        {"step": 0, "value": None, "relative": None, "low": 1, "high": 2},
        {"step": 5, "value": 2.0, "relative": 1.0, "low": None, "high": 3.0},
    ]
    assert dynamics.curve_points(rows, relative=True) == [(5.0, 1.0, None, 1.5), (10.0, 0.25, 0.2, 0.4)]
    assert dynamics.curve_points(rows, relative=False, scale=100) == [
        (5.0, 200.0, None, 300.0),
        (10.0, 50.0, 40.0, 80.0),
    ]


def test_triangles_mark_the_step_by_which_the_change_is_made():
    analysis = full_analysis(("m",))
    figure = named(analysis)["dynamics"]
    marks = [line for line in titled(figure)["token entropy / first step"].lines if line.get_marker() == "^"]
    assert [line.get_xdata()[0] for line in marks] == [30.0, 30.0]  # planning and execution, no placebo
    without = replace(
        analysis, tables={key: report_table for key, report_table in analysis.tables.items() if key != "settling"}
    )
    plain = canvas_of(named(without)["dynamics"]).axes
    assert not [line for report_table in plain for line in report_table.lines if line.get_marker() == "^"]


def test_stacked_errors_add_up_to_the_error_rate():
    rows = report_tables.errors(("m",), (1, 2)).records()
    steps, layers = errors._layers(rows)
    assert steps == [1.0, 2.0]
    assert [kind for kind, _, _ in layers] == list(report_tables.KINDS)
    # of 100 judged traces 40 are wrong at the first step and 39 at the second
    assert layers[-1][2] == [pytest.approx(40.0), pytest.approx(39.0)]
    assert all(below[2] == above[1] for below, above in zip(layers, layers[1:], strict=False))


def test_errors_without_steps_are_drawn_by_source():
    analysis = full_analysis(("m",), steps=())
    written = texts(named(analysis)["errors"])
    assert {"strategic", "procedural", "20 traces"} <= set(written)
    without_degenerate = [
        {**row, "count": 0, "share": 0.0} if row["kind"] == "degenerate" else row
        for row in report_tables.errors(("m",)).records()
    ]
    assert "degenerate" not in texts(
        errors.plot_errors(table("errors", without_degenerate), SourceSelection(("m",), 0))
    )
    both = [*report_tables.errors(("m",)).records(), *report_tables.errors(("m",), (4,)).records()]
    one_step = table("errors", both)
    assert "20 traces" in texts(errors.plot_errors(one_step, SourceSelection(("m",), 0)))  # a step is no course


def test_totals_over_all_steps_do_not_count_twice():
    both = table("errors", [*report_tables.errors(("m",)).records(), *report_tables.errors(("m",), (1, 2)).records()])
    figure = errors.plot_errors(both, SourceSelection(("m",), 0))
    # of 40: 20 + 12 + 4 + 2 + 2; of 39: round(19.5) = 20, 12, 4, 2, 2
    assert "of 80 wrong traces" in figure.caption


# -- many sources, odd names ------------------------------------------------------------------------------


def test_of_many_sources_the_largest_are_drawn_and_the_rest_is_counted():
    names = tuple(f"m{at:02}" for at in range(30))  # m29 has the most traces
    for figure in build_figures(full_analysis(names)):
        if figure.name == "grams":
            continue
        n_omitted = 6 if figure.name == "success" else 24  # a line each has room for more than a block each
        assert f"{n_omitted} more are in the tables" in figure.caption, figure.name
    figure = shares.plot_planning_share(
        report_tables.shares(names), select_sources(report_tables.shares(names), names, {"m07": 3, "m02": 9}, 2)
    )
    assert [text for text in dict.fromkeys(texts(figure)) if re.fullmatch(r"m\d\d", text)] == ["m02", "m07"]
    one_more = select_sources(report_tables.shares(names), names[::-1], {}, 29)
    assert one_more.sources == names[:0:-1]  # equal sizes: the first of the analysis
    assert "1 more is in the tables" in one_more.omission_note
    assert select_sources(report_tables.shares(names[:2]), names, {}, MAX_SOURCES) == SourceSelection(("m00", "m01"), 0)


def test_of_equal_runs_one_of_each_kind_comes_first():
    runs = ("grpo, seed 0", "grpo, seed 1", "hicra, seed 0", "hicra, seed 1", "placebo, seed 0")
    assert select_sources(report_tables.shares(runs), runs, {}, 3).sources == (
        "grpo, seed 0",
        "hicra, seed 0",
        "placebo, seed 0",
    )
    assert select_sources(report_tables.shares(runs), runs, {"grpo, seed 1": 9}, 1).sources == ("grpo, seed 1",)


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
    assert fit_label("多" * 30, 11) == "多多...多多"  # two wide each: 4 * 2 + 3 = 11


ODD = ("$\\frac{", "x" * 400, "<script>alert(1)</script>", "\x1b[31mred\x07", "abc\u202efed", "多" * 60)


@pytest.mark.filterwarnings("ignore:Glyph")
def test_odd_names_are_drawn_as_text():
    analysis = full_analysis(ODD, steps=(0, 40))
    rows = [
        {**row, "medoid": name, "source": name}
        for row, name in zip(report_tables.aha(("m",), 6).records(), ODD, strict=True)
    ]
    odd_figures = named(replace(analysis, tables={**analysis.tables, "aha": table("aha", rows)}))
    for name in ("success", "moves", "reflection", "length", "errors", "architecture"):
        figure = odd_figures[name]
        assert not any(re.search("[\x1b\u202e\ud800]", text) for text in texts(figure))
    ET.fromstring(odd_figures["reflection"].bytes())  # noqa: S314


def test_single_rows_and_a_single_step_are_drawn():
    for figure in build_figures(full_analysis(("m",), steps=(3,))):
        canvas_of(figure)
    (alone,) = build_figures(TableAnalysis({"curves": report_tables.curves(("m",), (3,))}, ("m",)))[:1]
    assert ET.fromstring(alone.bytes()).tag.endswith("svg")  # noqa: S314


# -- bytes ------------------------------------------------------------------------------------------------


def test_equal_tables_give_equal_bytes_in_every_form():
    first, again = (named(full_analysis(("a",), steps=(0, 5, 10))) for _ in range(2))
    for name in ("length", "architecture"):
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
        return [
            (line.get_xydata().tolist(), line.get_color()) for axes in canvas_of(figure).axes for line in axes.lines
        ]

    for name in ("planning-share", "exploration", "length", "overlap", "semantic-entropy"):
        assert marks(before[name]) == marks(after[name]), name
        assert texts(before[name]) == texts(after[name])


@pytest.mark.parametrize("name", ["moves", "exploration", "success"])
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


def test_many_points_become_running_means():
    """41 points: each is the mean of itself and one neighbor at each side (41 // 32 = 1); intervals of independent
    means shrink by the root of their number: hypot(1, 1, 1) / 3."""
    line = [(float(step), float(step % 2), float(step % 2) - 1, float(step % 2) + 1) for step in range(41)]
    means = dynamics.smooth(line)
    assert means[1][1] == pytest.approx(1 / 3)
    assert means[2][1] == pytest.approx(2 / 3)
    assert means[2][2] == pytest.approx(2 / 3 - 3**0.5 / 3)
    assert means[0][1] == pytest.approx(1 / 2)  # the ends have fewer neighbors
    assert dynamics.smooth(line[:40]) == line[:40]
    assert dynamics.smooth([(step, value, None, None) for step, value, _, _ in line])[2][2] is None
