"""Figures of runs: numbers of the bands by hand, the same bytes for the same runs, names as text."""

import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="figures need matplotlib")
pytest.importorskip("scipy", reason="intervals need scipy")

from hypothesis import given
from hypothesis import strategies as st

from tests.builders.paths import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
import regularizer_figure
from regularizer_figure import draw_entropy_regularizers, peak_entropy, token_entropy

from sgram.errors import UsageError
from sgram.reports.figures import figure as figure_module
from sgram.reports.figures import learning_curves as curves
from sgram.reports.figures.canvas import FORMS, figure_format, label, render_figure, spread_labels
from sgram.reports.figures.figure import Point
from sgram.reports.figures.learning_curves import build_band, draw_learning_curves, running_means
from sgram.reports.figures.paired_differences import draw_paired_differences
from sgram.training.experiments.arms import parse_arms
from sgram.training.experiments.compare import compare
from tests.builders.run_examples import METHODS, SETTINGS, config, result, step_row


def arms_of(*methods, seeds=(0, 1), steps=14, **settings):
    return {
        method: tuple(
            result(config(method=method, seed=seed, steps=steps, **settings), final=0.5 + 0.1 * seed) for seed in seeds
        )
        for method in methods
    }


def short(name="hicra"):
    """An arm of which only the accuracy was logged: one panel."""
    (runs,) = arms_of("hicra").values()
    accuracy_runs = tuple(
        replace(run, steps=tuple({"step": row["step"], "pass_at_1": row["pass_at_1"]} for row in run.steps))
        for run in runs
    )
    return {name: accuracy_runs}


def drawing(tmp_path, draw, *arguments, form="svg"):
    path = tmp_path / f"figure.{form}"
    draw(*arguments, path)
    return path.read_bytes()


# -- numbers --------------------------------------------------------------------------------------------


def rows(*values):
    return [{"step": step, "x": value} for step, value in enumerate(values, 1)]


def test_a_point_of_a_curve_is_the_mean_of_its_step_and_those_before():
    value = lambda row: row["x"]  # noqa: E731
    assert running_means(rows(1, 2, 3, 6), value, 2) == {2: 1.5, 3: 2.5, 4: 4.5}
    assert running_means(rows(1, None, 3), value, 2) == {3: 2.0}  # what was not measured is passed over
    assert running_means(rows(1, 2, 6), value, 10) == {3: 3.0}  # fewer steps than a window
    assert running_means(rows(None, None), value) == running_means([], value) == {}


def test_a_band_reaches_from_the_least_to_the_greatest_run_over_shared_steps():
    first = replace(result(config(steps=3)), steps=tuple(rows(1, 2, 3)))
    second = replace(result(config(steps=3, seed=1)), steps=tuple(rows(3, 2)))
    assert build_band([first, second], lambda row: row["x"], window=1) == [Point(1, 2, 1, 3), Point(2, 2, 2, 2)]
    assert build_band([second], lambda row: row["x"], window=1) == [Point(1, 3), Point(2, 2)]  # of one run no band
    assert build_band([], lambda row: row["x"]) == []


def test_token_entropy_is_as_logged_or_put_together_from_both_kinds():
    row = {"planning_share": 0.25, "entropy_planning": 0.8, "entropy_execution": 0.4}
    assert token_entropy(row) == pytest.approx(0.25 * 0.8 + 0.75 * 0.4)
    assert token_entropy(row | {"entropy": 0.7}) == 0.7
    assert token_entropy({"planning_share": 0.25}) is None
    assert peak_entropy({"siren/entropy": 1.5}) == 1.5


@given(st.lists(st.floats(-5, 5), max_size=8), st.floats(0.01, 2), st.floats(-3, 3))
def test_labels_are_moved_apart_and_no_further_than_they_need_to_be(targets, gap, least):
    positions = spread_labels(targets, gap, least)
    order = sorted(range(len(targets)), key=lambda index: (targets[index], index))
    for below, above in zip(order, order[1:], strict=False):
        assert positions[above] - positions[below] >= gap - 1e-9
    assert all(position >= least - 1e-9 for position in positions)
    are_apart = all(targets[b] - targets[a] >= gap for a, b in zip(order, order[1:], strict=False))
    if are_apart and all(position >= least for position in targets):
        assert positions == pytest.approx(targets)


def test_labels_that_touch_are_spread_about_their_middle():
    # 1.0 and 1.1 with a gap of .5: their middle 1.05 stays, at .8 and 1.3; 5 is not touched
    assert spread_labels([1.1, 5.0, 1.0], 0.5) == pytest.approx([1.3, 5.0, 0.8])
    assert spread_labels([1.0, 1.1], 0.5, minimum=1.0) == pytest.approx([1.0, 1.5])


# -- pictures -------------------------------------------------------------------------------------------


@pytest.fixture
def sketched(monkeypatch):
    """What the figures hold, without the time that it takes to lay them out and save them."""
    from matplotlib.figure import Figure

    figures = []

    def sketch(size, draw, form):
        figures.append(Figure(figsize=size))
        draw(figures[-1])
        return b""

    for module in (curves, figure_module, regularizer_figure):
        monkeypatch.setattr(module, "render_figure", sketch)
    return figures


def titles(figure):
    return [axes.get_title() for axes in figure.axes]


def lines(axes):
    """(x, y) of every line."""
    return [tuple(zip(*np.asarray(line.get_data(), float).round(9).tolist(), strict=True)) for line in axes.lines]


@pytest.mark.parametrize("form", FORMS)
def test_equal_runs_give_equal_bytes_without_a_date(tmp_path, form):
    first, again = (drawing(tmp_path, draw_learning_curves, short(), form=form) for _ in range(2))
    assert first == again
    assert first.startswith({"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}[form])
    assert not any(word in first for word in (b"CreationDate", b"dc:date", b"Creation Time"))


def test_settings_of_the_process_neither_count_nor_change(tmp_path):
    import matplotlib as mpl

    expected = drawing(tmp_path, draw_learning_curves, short())
    with mpl.rc_context({"font.size": 30, "axes.grid": False, "svg.hashsalt": None}):
        assert drawing(tmp_path, draw_learning_curves, short()) == expected
        assert mpl.rcParams["font.size"] == 30


PANELS = {
    "accuracy, sampled problems": "pass_at_1",
    "strategic errors, share": "error_strategic",
    "procedural errors, share": "error_procedural",
    "entropy of planning tokens, nats": "entropy_planning",
    "entropy of execution tokens, nats": "entropy_execution",
    "semantic entropy, nats": "semantic_entropy",
    "length of a response, tokens": "length",
}


def test_every_panel_shows_what_it_is_named_after(tmp_path, sketched):
    arms = arms_of("hicra", steps=11)
    draw_learning_curves(arms, tmp_path / "x.svg")
    assert titles(sketched[0]) == list(PANELS)
    for axes, key in zip(sketched[0].axes, PANELS.values(), strict=True):
        by_run = [[row[key] for row in run.steps] for run in arms["hicra"]]
        means = [sum(values[first : first + 10]) / 10 for first in (0, 1) for values in by_run]
        # steps 10 and 11, each the mean of two runs
        expected = [(10, sum(means[:2]) / 2), (11, sum(means[2:]) / 2)]
        assert any(np.allclose(axes_line, expected) for axes_line in lines(axes) if len(axes_line) == 2), key
    assert "mean of 2 runs an arm; bands: least and greatest run" in sketched[0].get_suptitle()


def test_many_arms_get_a_column_each_and_few_share_theirs(tmp_path, sketched):
    draw_learning_curves(arms_of(*METHODS[:4]), tmp_path / "four.svg")
    draw_learning_curves(arms_of(*METHODS[:5], seeds=(0,)), tmp_path / "five.svg")
    four_arms, five_arms = sketched
    assert titles(four_arms) == list(PANELS)
    names = [text.get_text() for text in four_arms.axes[0].texts]
    assert names == ["grpo (n=2)", "grpo-matched (n=2)", "hicra (n=2)", "hicra-symmetric (n=2)"]
    assert len(five_arms.axes) == 7 * 5
    assert titles(five_arms)[:5] == [
        "grpo\n(n=1)",
        "grpo-\nmatched\n(n=1)",
        "hicra\n(n=1)",
        "hicra-\nsymmetric\n(n=1)",
        "hicra-\ncentered\n(n=1)",
    ]
    assert "one run an arm" in five_arms.get_suptitle()
    # its own line and the four others behind it, and two rings
    assert len(five_arms.axes[0].lines) == 5 + 2


def test_rings_are_held_out_pass_at_1_before_and_after(tmp_path, sketched):
    draw_learning_curves(arms_of("hicra"), tmp_path / "x.svg")
    # both runs start at .2; they end at .5 and .6
    assert [line for line in lines(sketched[0].axes[0]) if len(line) == 1] == [((0.0, 0.2),), ((14.0, 0.55),)]


def test_panels_of_what_was_not_measured_are_left_out_and_nothing_at_all_is_said(tmp_path, sketched):
    draw_learning_curves(short(), tmp_path / "x.svg")
    assert titles(sketched[0]) == ["accuracy, sampled problems"]
    (run,) = arms_of("hicra", seeds=(0,))["hicra"]
    with pytest.raises(UsageError, match="logged no quantity"):
        draw_learning_curves({"hicra": (replace(run, steps=({"step": 1},)),)}, tmp_path / "x.svg")
    with pytest.raises(UsageError, match="need at least one finished run"):
        draw_learning_curves({"hicra": ()}, tmp_path / "x.svg")


@pytest.mark.parametrize("name", ["<script>", "$x^2$", "a\x1b[31m\u202eb", "_hidden", "\\frac$", "x" * 300, "&amp;"])
def test_a_name_is_text_whatever_it_holds(tmp_path, name):
    svg = drawing(tmp_path, draw_learning_curves, short(name))
    ET.fromstring(svg)  # noqa: S314
    assert b"<script" not in svg
    assert b"\x1b" not in svg
    assert len(label(name)) <= 48


def test_a_figure_has_a_form_and_the_old_file_stays_where_it_cannot_be_drawn(tmp_path):
    with pytest.raises(UsageError, match=r"a\.jpg: a figure's name must end in \.svg, \.png, \.pdf"):
        draw_learning_curves(arms_of("hicra"), "a.jpg")
    assert figure_format("x/y.PNG") == "png"
    with pytest.raises(UsageError, match="unknown figure format 'gif'"):
        render_figure((1, 1), lambda figure: None, "gif")


# -- paired differences ---------------------------------------------------------------------------------


def compared(text="grpo,hicra,placebo", seeds=(0, 1, 2), ends=(0.4, 0.55, 0.5)):
    def run(config, root, tell):
        methods = text.split(",")
        wobble = 0.02 * ((config.seed * 7 + 3 * methods.index(config.method)) % 5)
        return result(config, root, ends[methods.index(config.method)] + wobble)

    return compare(config(steps=12), parse_arms(text, METHODS, SETTINGS), seeds, (0,), Path("reports"), run=run)


def points(figure):
    """(control, arm) -> (mean, low, high, pairs) of every difference."""
    (axes,) = figure.axes
    ticks = zip(axes.get_yticks().tolist(), axes.get_yticklabels(), strict=True)
    dots = {line[0][1]: line[0][0] for line in lines(axes) if len(line) == 1}
    bars = {line[0][1]: (line[0][0], line[1][0]) for line in lines(axes) if len(line) == 2 and line[0][1] in dots}
    pairs = {float(text.xy[1]): text.get_text() for text in axes.texts}
    found, control = {}, ""
    for y, tick in ticks:
        if y in dots:
            found[control, tick.get_text()] = (dots[y], *bars.get(y, (None, None)), pairs[y])
        else:
            control = tick.get_text()
    return found


def test_under_each_control_stand_the_differences_of_the_other_arms(tmp_path, sketched):
    comparison = compared()
    draw_paired_differences(comparison, tmp_path / "x.svg")
    found = points(sketched[0])
    # an arm and its control are no pair
    assert list(found) == [
        ("less grpo", "hicra"),
        ("less grpo", "placebo"),
        ("less placebo", "grpo"),
        ("less placebo", "hicra"),
    ]
    for (control, arm), (mean, low, high, pairs) in found.items():
        interval = comparison.difference(arm, control.removeprefix("less ")).interval
        assert (mean, low, high) == pytest.approx((interval.mean, interval.low, interval.high), abs=1e-6)
        assert pairs == f"{interval.n_above} of 3 above 0"
    zero = [line for line in sketched[0].axes[0].lines if line.get_linestyle() == ":"]
    assert [list(line.get_xdata()) for line in zero] == [[0.0, 0.0]]


def test_only_what_excludes_zero_is_filled(tmp_path, sketched):
    comparison = compared(ends=(0.2, 0.55, 0.5))
    draw_paired_differences(comparison, tmp_path / "x.svg")
    dots = [line for axes in sketched[0].axes for line in axes.lines if len(line.get_xdata()) == 1]
    filled = sum(line.get_markerfacecolor() != "white" for line in dots)
    decided = sum(
        difference.verdict != "cannot say" for difference in comparison.differences if difference.measure == "pass_at_1"
    )
    assert 0 < filled == decided < len(dots)


def test_a_difference_without_an_interval_is_a_point_and_one_without_pairs_is_said(tmp_path, sketched):
    draw_paired_differences(compared(seeds=(0,)), tmp_path / "x.svg")
    (mean, low, high, pairs) = points(sketched[0])["less grpo", "hicra"]
    assert (mean, low, high, pairs) == (pytest.approx(0.21), None, None, "1 of 1 above 0")  # .55 + 3 * .02 - .4
    with pytest.raises(UsageError, match="no difference to draw"):
        draw_paired_differences(compared("hicra", ends=(0.5,)), tmp_path / "x.svg")


def test_differences_are_drawn_with_the_same_bytes_whatever_the_order_of_seeds(tmp_path):
    expected = drawing(tmp_path, draw_paired_differences, compared("grpo,hicra", ends=(0.4, 0.5)))
    assert drawing(tmp_path, draw_paired_differences, compared("grpo,hicra", (2, 0, 1), (0.4, 0.5))) == expected
    assert expected.startswith(b"<?xml")


# -- regularizers ---------------------------------------------------------------------------------------


def regularized():
    """Token entropy begins at .4 + c and grows by c a step, for two coefficients of each method."""
    runs = []
    for method in ("entropy", "siren"):
        siren_numbers = {"siren/entropy": 1.0, "siren/anchor": 1.1} if method == "siren" else {}
        for c in (0.001, 0.1):
            step_rows = tuple(step_row(step, 0.3, entropy=0.4 + c * step, **siren_numbers) for step in range(1, 7))
            settings = {"method": method, f"{method}_coef": c, "steps": 6}
            runs.append(replace(result(config(**settings)), steps=step_rows))
    return runs


def test_regularizers_are_drawn_by_coefficient_on_one_scale_about_the_entropy_before(tmp_path, sketched):
    draw_entropy_regularizers(regularized()[::-1], tmp_path / "x.svg")
    uniform, siren, peaks = sketched[0].axes
    assert titles(sketched[0]) == [
        "uniform bonus: token entropy, nats",
        "SIREN: token entropy, nats",
        "SIREN: nucleus entropy at the peaks, nats",
    ]
    assert [text.get_text() for text in uniform.texts] == ["0.001 (n=1)", "0.1 (n=1)"]
    # first steps: .401, .5, .401, .5, their mean .4505; SIREN's own anchor is 1.1
    assert [axes.lines[0].get_ydata()[0] for axes in (uniform, siren, peaks)] == pytest.approx([0.4505, 0.4505, 1.1])
    assert lines(uniform)[2] == tuple((step, pytest.approx(0.4 + 0.1 * step)) for step in range(1, 7))
    assert {value for _, value in lines(peaks)[1]} == {1.0}
    assert uniform.get_ylim() == siren.get_ylim() != peaks.get_ylim()


def test_plain_runs_stand_beside_both(tmp_path, sketched):
    draw_entropy_regularizers([*regularized(), result(config(method="grpo", steps=6))], tmp_path / "x.svg")
    uniform, siren, peaks = sketched[0].axes
    assert uniform.texts[0].get_text() == siren.texts[0].get_text() == "without"
    assert len(peaks.texts) == 2


def test_a_run_that_ended_early_ends_in_a_cross(tmp_path, sketched):
    runs = regularized()
    draw_entropy_regularizers([replace(runs[1], steps=runs[1].steps[:4]), *runs[2:]], tmp_path / "x.svg")
    crosses = [line for axes in sketched[0].axes for line in axes.lines if line.get_marker() == "x"]
    assert [line.get_data() for line in crosses] == [([4], [pytest.approx(0.8)])]


def test_the_picture_of_regularizers_has_the_same_bytes_again(tmp_path):
    first = drawing(tmp_path, draw_entropy_regularizers, regularized()[:2])
    assert drawing(tmp_path, draw_entropy_regularizers, regularized()[1::-1]) == first
    assert first.startswith(b"<?xml")


def test_runs_without_a_regularizer_or_without_entropies_are_refused(tmp_path):
    for runs in ([], [result(config(method="grpo"))], [replace(regularized()[0], steps=())]):
        with pytest.raises(UsageError, match="needs runs of the methods entropy or siren that log token entropies"):
            draw_entropy_regularizers(runs, tmp_path / "x.svg")
