"""The first screen: each question with what the tables and findings say of each source."""

from types import SimpleNamespace

import numpy as np
import pytest

from sgram.analysis import AnalysisConfig, analyze
from sgram.analysis.arms import ArmContrast
from sgram.analysis.findings import Change, Finding, Level
from sgram.analysis.table import build_table
from sgram.files import data_path
from sgram.lexicon import Lexicon
from sgram.reports.pages.grid_pictures import HEIGHT, WIDTH
from sgram.reports.pages.placebo_comparison import compare_with_placebos
from sgram.reports.pages.question_grid import build_grid
from sgram.reports.pages.report_alerts import find_alerts
from sgram.reports.wording import group_statements
from sgram.statistics import Estimate
from sgram.traces import Trace
from tests.builders.report_analyses import column

CURVE_COLUMNS = (
    column("source"),
    *(column(name, "number") for name in ("step", "value")),
    *(column(name) for name in ("series", "list")),
)
LEXICON = Lexicon.from_grams(["wait", "ba"])
ACCURACY = Change(name="accuracy over training", subject="accuracy", series="pass@1")


def grid_of(analysis):
    """Return the grid, with the comparisons that the page shows."""
    return build_grid(analysis, compare_with_placebos(analysis.measures, analysis.tables))


def hand_made(rows, findings=(), sources=("a", "b"), tables=()):
    """Return what a grid reads of an analysis."""
    return SimpleNamespace(
        sources=sources,
        tables={"curves": build_table("curves", "", CURVE_COLUMNS, rows), **dict(tables)},
        findings=tuple(findings),
        measures=(),
        provenance={},
    )


def curve(source, heights, series="pass@1", list_name=""):
    return [
        {"source": source, "step": step, "value": height, "series": series, "list": list_name}
        for step, height in enumerate(heights)
    ]


def risen(source, first, last, verdict="up"):
    sides = Estimate(first), Estimate(last)
    return Finding("curves", ACCURACY, source, Estimate(last - first, 0.1, 0.9), verdict=verdict, sides=sides)


def test_a_change_has_its_ends_its_verdict_and_a_curve_on_the_scale_of_the_row():
    rows = [*curve("a", [0.0, 0.5, 1.0]), *curve("b", [0.5, 0.5, 0.5])]
    grid = grid_of(hand_made(rows, [risen("a", 0.0, 1.0), risen("b", 0.5, 0.5, "no change")]))
    row = next(row for row in grid.rows if row.name == "accuracy")
    first, second = row.cells
    assert (first.numbers, first.sign, first.verdict) == (("0.0", "100.0"), "▲", "up")
    assert first.detail == "change +100.0 points [10.0, 90.0]"
    assert (second.numbers, second.verdict) == (("50.0", "50.0"), "no change shown")
    # margins of 4 %: x = 40, 500, 960 of 1000; 0 lies at 288 of 300, .5 at 150, 1 at 12
    assert first.curve.raw == "40,288 500,150 960,12"
    assert second.curve.raw == "40,150 500,150 960,150"
    assert (first.curve.band, first.curve.placebo) == ("", "")


def test_a_source_without_the_series_has_no_answer_and_a_row_without_answers_is_left_out():
    grid = grid_of(hand_made(curve("a", [0.0, 1.0]), [risen("a", 0.0, 1.0)]))
    assert [row.name for row in grid.rows] == ["accuracy", "placebo"]
    assert grid.rows[0].cells[1] is None
    assert [(cell.verdict, cell.detail) for cell in grid.rows[1].cells] == [
        ("cannot say", "no random phrases stand beside it")
    ] * 2


def level(name, source, value, low, high):
    return Finding("success", Level(name=name, subject=name), source, Estimate(value, low, high))


def test_a_source_without_steps_beside_runs_has_its_level_and_no_verdict_of_change():
    corpus_table = build_table(
        "corpus",
        "",
        (column("source"), *(column(name, "number") for name in ("correct", "wrong", "length"))),
        [{"source": "b", "correct": 3, "wrong": 1, "length": 40.0}],
    )
    errors_table = build_table(
        "errors",
        "",
        (
            *(column(name) for name in ("source", "kind")),
            *(column(name, "number") for name in ("step", "share", "low", "at_most", "at_most_high")),
        ),
        [{"source": "b", "kind": "strategic", "step": None, "share": 0.5, "low": 0.2, "at_most": 0.75}],
    )
    change = Change(name="strategic errors over training", subject="strategic errors", series="strategic errors")
    fallen = Finding("curves", change, "a", Estimate(-0.3), verdict="down", sides=(Estimate(0.6), Estimate(0.3)))
    rows = [*curve("a", [0.0, 1.0]), *curve("a", [0.6, 0.3], "strategic errors")]
    findings = [risen("a", 0.0, 1.0), level("accuracy", "b", 0.75, 0.5, 0.875), fallen]
    tables = {"corpus": corpus_table, "errors": errors_table}.items()
    by_name = {row.name: row for row in grid_of(hand_made(rows, findings, tables=tables)).rows}
    accuracy = by_name["accuracy"].cells[1]
    assert (accuracy.numbers, accuracy.sign, accuracy.verdict, accuracy.curve) == (("75.0",), "", "no steps", None)
    assert accuracy.detail == "75.0 % [50.0, 87.5] over all traces; no training steps"
    # on the scale of the curves, from 0 to 1: 40 + 920 * .75 = 730, of .5 500, of .875 845
    assert (accuracy.dot.low, accuracy.dot.value, accuracy.dot.high) == (500, 730, 845)
    # of 4 judged traces 1 is wrong: half to three quarters of it, as shares of the judged traces
    assert by_name["strategic errors"].cells[1].numbers == ("12.5–18.8",)
    assert by_name["length"].cells[1].numbers == ("40.0",)


def test_a_run_with_too_few_steps_of_a_series_says_so():
    rows = [*curve("a", [0.0, 1.0]), *curve("b", [0.5])]
    findings = [risen("a", 0.0, 1.0), level("accuracy", "b", 0.5, 0.25, 0.75)]
    cell = grid_of(hand_made(rows, findings)).rows[0].cells[1]
    assert cell.verdict == "all steps together"
    assert cell.detail.endswith("over all traces; too few steps")


def test_rows_say_in_a_sentence_what_holds_of_all_runs_or_how_methods_differ():
    rows = [*curve("a", [0.0, 1.0]), *curve("b", [0.0, 1.0])]
    both = Finding("curves", ACCURACY, None, verdict="up", n=2, verdicts=(("a", "up"), ("b", "up")))
    analysis = hand_made(rows, [both, risen("a", 0.0, 1.0), risen("b", 0.0, 1.0)])
    analysis.source_kind = "run"

    def sentences():
        grid = build_grid(analysis, [], group_statements(analysis))
        return {row.name: "".join(part.text for part in row.sentence) for row in grid.rows}

    assert sentences()["accuracy"] == "Accuracy rose in both runs."
    assert sentences()["placebo"] == "What random phrases show, too, is not about planning."
    contrast = ArmContrast(name="accuracy of methods", subject="accuracy", series="pass@1")
    gap = Estimate(0.125, -0.25, 0.5)
    pairs = ("hicra against grpo", "hicra against placebo")
    analysis.findings += tuple(
        Finding("curves", contrast, None, gap, verdict="no change", n=1, subject=pair) for pair in pairs
    )
    assert "no difference shown for hicra against grpo" in sentences()["accuracy"]
    assert "no difference shown for hicra against placebo" in sentences()["placebo"]


def test_undecided_kinds_are_a_band_and_the_numbers_are_bounds():
    change = Change(name="strategic errors over training", subject="strategic errors", series="strategic errors")
    finding = Finding(
        "curves",
        change,
        "a",
        Estimate(-0.2, -0.5, 0.1),
        verdict="cannot say",
        sides=(Estimate(0.4), Estimate(0.2)),
        at_most=(Estimate(0.6), Estimate(0.5)),
    )
    rows = [*curve("a", [0.4, 0.2], "strategic errors"), *curve("a", [0.6, 0.5], "strategic errors, at most")]
    (row,) = [row for row in grid_of(hand_made(rows, [finding], ("a",))).rows if row.name == "strategic errors"]
    assert row.cells[0].numbers == ("40.0–60.0", "20.0–50.0")
    assert row.cells[0].verdict == "cannot say"
    # on a scale from 0 to .6: y of .6 is 12, of .5 is 58, of .2 is 196, of .4 is 104
    assert row.cells[0].curve.band == "40,12 960,58 960,196 40,104"


def test_random_phrases_are_drawn_beside_the_variety_of_strategies_only():
    change = Change(name="exploration over training", subject="x", unit="nats", series="semantic entropy")
    finding = Finding("curves", change, "a", Estimate(1.0), verdict="up", sides=(Estimate(1.0), Estimate(2.0)))
    rows = [
        *curve("a", [1.0, 2.0], "semantic entropy", "SGs"),
        *curve("a", [1.0, 1.0], "semantic entropy", "placebo"),
        *curve("a", [0.0, 1.0]),
        *curve("a", [0.5, 0.5], list_name="placebo"),
    ]
    grid = grid_of(hand_made(rows, [finding, risen("a", 0.0, 1.0)], ("a",)))
    curves = {row.name: row.cells[0].curve for row in grid.rows if row.cells[0].curve}
    assert curves["exploration"].placebo == "40,288 960,288"
    assert curves["accuracy"].placebo == ""


@pytest.mark.parametrize(("n_steps", "n_points"), [(2, 2), (120, 120), (121, 61), (10_000, 120)])
def test_long_curves_are_thinned(n_steps, n_points):
    grid = grid_of(hand_made(curve("a", [step / n_steps for step in range(n_steps)]), [risen("a", 0, 1)], ("a",)))
    points = [tuple(map(int, point.split(","))) for point in grid.rows[0].cells[0].curve.raw.split()]
    assert len(points) == n_points
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)


def test_models_are_rows_with_dots_and_intervals():
    analysis = analyze(data_path("sample_traces.jsonl"), AnalysisConfig(n_placebos=2, n_draws=50))
    grid = grid_of(analysis)
    assert grid.questions_are_columns
    by_name = {row.name: row for row in grid.rows}
    # 22 of 36, 22 of 36 and 24 of 36 right; of the 14, 14 and 12 wrong, half have a wrong plan
    assert [cell.numbers for cell in by_name["accuracy"].cells] == [("61.1",), ("61.1",), ("66.7",)]
    assert [cell.numbers for cell in by_name["strategic errors"].cells] == [("50.0",)] * 3
    for row in grid.rows:
        for cell in row.cells:
            if cell is not None and cell.dot is not None:
                assert 0 <= cell.dot.low <= cell.dot.value <= cell.dot.high <= WIDTH
    assert by_name["exploration"].cells[0].dot.placebo is not None
    assert "phases" not in by_name


def exploration(source):
    change = Change(name="exploration over training", subject="exploration", series="semantic entropy", unit="nats")
    sides = Estimate(2.0), Estimate(1.5)
    return Finding("curves", change, source, Estimate(-0.5, -0.75, -0.25), verdict="down", sides=sides)


def test_a_run_without_the_dashed_line_of_the_others_says_why():
    rows = [
        *curve("a", [2.0, 1.5], "semantic entropy"),
        *curve("a", [2.0, 2.0], "semantic entropy", "placebo"),
        *curve("b", [2.0, 1.5], "semantic entropy"),
    ]
    grid = grid_of(hand_made(rows, [exploration("a"), exploration("b")]))
    with_line, without = next(row for row in grid.rows if row.name == "exploration").cells
    assert with_line.detail == "change −0.50 nats [−0.75, −0.25]"
    assert without.detail == f"{with_line.detail}; too few random phrases for a dashed line"


@pytest.mark.parametrize(
    ("verdict", "detail"),
    [
        ("cannot say", "change between −10.0 and +15.0 points"),
        ("no change", "change between −10.0 and +15.0 points"),
        ("up", "change at least +5.0 points [−10.0, 15.0]"),
    ],
)
def test_the_change_of_a_kind_with_undecided_traces_is_no_single_number(verdict, detail):
    rows = [*curve("a", [0.05, 0.10], "procedural errors"), *curve("a", [0.15, 0.20], "procedural errors, at most")]
    change = Change(name="procedural errors over training", subject="procedural errors", series="procedural errors")
    finding = Finding(
        "curves",
        change,
        "a",
        Estimate(0.05, -0.10, 0.15),
        verdict=verdict,
        sides=(Estimate(0.05), Estimate(0.10)),
        at_most=(Estimate(0.15), Estimate(0.20)),
    )
    grid = grid_of(hand_made(rows, [finding], sources=("a",)))
    cell = next(row for row in grid.rows if row.name == "procedural errors").cells[0]
    assert cell.numbers == ("5.0–15.0", "10.0–20.0")
    assert cell.detail == detail


def placebo_cells(*quantities, rows=()):
    """Return the cells of "Is it the planning tokens?" of a and b; a quantity is its title and (source, verdict)s."""
    columns = (column("of"), column("verdict"))
    comparisons = [
        SimpleNamespace(
            table=build_table("beside", title, columns, [{"of": of, "verdict": verdict} for of, verdict in verdicts])
        )
        for title, *verdicts in quantities
    ]
    steps = [*curve("a", [0.0, 1.0]), *curve("b", [0.0, 1.0]), *rows]
    grid = build_grid(hand_made(steps, [risen("a", 0.0, 1.0)]), comparisons)
    return next(row for row in grid.rows if row.name == "placebo").cells


def test_the_quantities_on_both_sides_of_random_phrases_are_named():
    of_a, of_b = placebo_cells(
        ("Entropy of what follows, nats", ("a", "above the placebos"), ("b", "no difference shown")),
        ("Semantic entropy, nats", ("a", "no difference shown"), ("b", "no interval")),
    )
    assert (of_a.numbers, of_a.sign, of_a.verdict) == (("1 of 2",), "≠", "shown in part")
    assert of_a.detail == "entropy of what follows; not semantic entropy"
    # no sign: that no difference is shown does not make both equal
    assert (of_b.numbers, of_b.sign, of_b.verdict) == (("0 of 1",), "", "not shown")
    assert of_b.detail == "not entropy of what follows"


def test_planning_tokens_are_shown_if_every_quantity_lies_beyond_random_phrases():
    cell, _ = placebo_cells(("Perplexity", ("a", "below the placebos"), ("a · wrong", "above the placebos")))
    assert (cell.numbers, cell.verdict, cell.detail) == (("2 of 2",), "shown", "perplexity, perplexity (wrong)")


@pytest.mark.parametrize(
    ("verdicts", "reason"),
    [
        (["no interval"] * 2, "too few SGs or problems to compare"),
        (["one draw only"] * 2, "one draw of random phrases has no spread"),
        (
            ["no interval", "all draws are equal"],
            "too few SGs or problems to compare; all draws of random phrases are equal",
        ),
    ],
)
def test_quantities_that_cannot_be_compared_say_why(verdicts, reason):
    cell, _ = placebo_cells(("Perplexity", *(("a", verdict) for verdict in verdicts)))
    assert (cell.numbers, cell.sign, cell.verdict, cell.detail) == ((), "?", "cannot say", reason)


def test_only_a_source_without_rows_of_random_phrases_has_none_beside_it():
    random_phrases = curve("a", [0.0, 1.0], "semantic entropy", "placebo")
    of_a, of_b = placebo_cells(rows=random_phrases)
    assert (of_a.verdict, of_a.detail) == ("cannot say", "too few SGs or problems to compare")
    assert (of_b.verdict, of_b.detail) == ("cannot say", "no random phrases stand beside it")


@pytest.mark.parametrize(
    ("n_placebos", "n_problems", "reason"),
    [
        (0, 20, "no random phrases stand beside it"),
        (1, 20, "one draw of random phrases has no spread"),
        (3, 1, "too few SGs or problems to compare"),
    ],
)
def test_the_reason_is_that_of_the_analysis(n_placebos, n_problems, reason, tmp_path):
    LEXICON.save(tmp_path / "lexicon.json")
    rng = np.random.default_rng(0)
    words = np.array(["wait", *(f"{first}{second}" for first in "bcdfg" for second in "aeiou")])
    traces = [
        Trace(id=str(number), group=str(number % n_problems), text=" ".join(rng.choice(words, 120)), model="m")
        for number in range(40)
    ]
    config = AnalysisConfig(lexicon=str(tmp_path / "lexicon.json"), n_placebos=n_placebos, n_draws=20)
    (row,) = [row for row in grid_of(analyze(traces, config)).rows if row.name == "placebo"]
    assert [(cell.verdict, cell.detail) for cell in row.cells] == [("cannot say", reason)]


def test_more_runs_than_fit_beside_each_other_are_rows():
    sources = tuple("abcde")
    rows = [row for source in sources for row in curve(source, [0.0, 1.0])]
    grid = grid_of(hand_made(rows, [risen(source, 0.0, 1.0) for source in sources], sources))
    assert grid.has_steps
    assert grid.questions_are_columns
    assert not grid_of(hand_made(rows, [risen("a", 0.0, 1.0)], sources[:4])).questions_are_columns


def corpus(correct, wrong):
    names = ("source", "correct", "wrong")
    columns = (column("source"), column("correct", "count"), column("wrong", "count"))
    return build_table("corpus", "", columns, [dict(zip(names, ("a", correct, wrong), strict=True))])


def run_input(method, seed):
    return {"kind": "run", "config": {"method": method, "seed": seed}}


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ([run_input("grpo", 0)], "One run: what differs from other runs may be the seed."),
        ([run_input("grpo", 0), run_input("hicra", 0)], "One run of each method"),
        ([run_input("grpo", 0), run_input("grpo", 1), run_input("hicra", 0)], ""),
        ([{"kind": "traces"}], ""),
    ],
)
def test_runs_without_another_seed_are_an_alert(inputs, sentence):
    analysis = hand_made([], sources=("a",), tables={"corpus": corpus(1, 1)}.items())
    analysis.provenance = {"inputs": inputs}
    alerts = [alert for alert in find_alerts(analysis) if "seed" in alert]
    assert len(alerts) == bool(sentence)
    assert all(alert.startswith(sentence) for alert in alerts)


def test_nothing_judged_and_no_placebo_are_alerts():
    analysis = hand_made([], sources=("a",), tables={"corpus": corpus(0, 0)}.items())
    assert [alert.partition(",")[0] for alert in find_alerts(analysis)] == [
        "No trace is known to be right or wrong",
        "No random phrases stand beside the results",
    ]
    level = Level(name="accuracy", subject="accuracy")
    analysis.findings = (Finding("success", level, "a", Estimate(1.0)),)
    assert len(find_alerts(analysis)) == 2


def test_the_alerts_of_the_sample():
    analysis = analyze(data_path("sample_traces.jsonl"), AnalysisConfig(n_placebos=0, n_draws=20))
    assert [alert.partition(",")[0] for alert in find_alerts(analysis)] == [
        "No random phrases stand beside the results"
    ]
