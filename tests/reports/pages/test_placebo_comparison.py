"""SGs beside placebos: which rows stand together, what is said of them, and the sources at a glance."""

import dataclasses
import itertools

import numpy as np
import pytest
from scipy.stats import t

from sgram.analysis import all_measures
from sgram.analysis.measure import Quantity
from sgram.analysis.measures.tokens import OVERLAP
from sgram.analysis.table import build_table
from sgram.analysis.trace_counts import summarize_draws
from sgram.reports.pages.placebo_comparison import compare_with_placebos, summarize_sources
from sgram.reports.pages.table_cells import format_table
from tests.builders.report_analyses import column, low_high, tables


def overlap(*rows: tuple):
    columns = [column("source"), column("list"), column("high_given_planning", "share"), *low_high("share")]
    names = ("source", "list", "high_given_planning", "low", "high")
    return {"overlap": build_table("overlap", "t", columns, [dict(zip(names, row, strict=True)) for row in rows])}


def drawn(*scopes: tuple):
    """Return the table of draws: for each scope of texts, its lexicon, and its draws that were made and that failed."""
    columns = [column("draw", "count"), column("texts"), column("lexicon"), column("met", "flag")]
    rows = [
        {"draw": draw, "texts": texts, "lexicon": lexicon, "met": draw <= n_made}
        for texts, lexicon, n_made, n_failed in scopes
        for draw in range(1, n_made + n_failed + 1)
    ]
    return {"placebo": build_table("placebo", "t", columns, rows)}


def compare(tables):
    return compare_with_placebos(all_measures(), tables)


def draw_cells(draws) -> tuple:
    """Return the cells of a placebo's row: the mean of its draws and its ends."""
    return summarize_draws(draws).numbers


def verdicts(*comparisons) -> list[str]:
    return [row["verdict"] for comparison in comparisons for row in comparison.table.records()]


def verdict(sgs: tuple, draws: tuple, n_drawn: int | None = None, scope: str = "a") -> str:
    rows = overlap(("a", "SGs", *sgs), ("a", "placebo", *draw_cells(draws)))
    tables = {**rows, **drawn((scope, "l", len(draws) if n_drawn is None else n_drawn, 0))}
    (only,) = verdicts(*compare(tables))
    return only


def test_a_value_beyond_the_draws_lies_outside_the_prediction_interval_of_one_more():
    # draws .28, .31, .31: mean .3, s = .03 / √3, and half the interval is 4.3027 * .01732 * √(4/3) = .08605
    draws = (0.28, 0.31, 0.31)
    assert verdict((0.387, 0.38, 0.39), draws) == "above the placebos"
    assert verdict((0.213, 0.21, 0.22), draws) == "below the placebos"
    assert verdict((0.386, 0.38, 0.39), draws) == "no difference shown"
    assert verdict((0.214, 0.21, 0.22), draws) == "no difference shown"


def test_its_interval_shares_no_point_with_the_draws():
    draws = (0.28, 0.31, 0.31)
    assert verdict((0.50, 0.32, 0.67), draws) == "above the placebos"
    assert verdict((0.50, 0.31, 0.68), draws) == "no difference shown"
    assert verdict((0.10, 0.01, 0.27), draws) == "below the placebos"
    assert verdict((0.10, 0.01, 0.28), draws) == "no difference shown"


def is_beyond(draws: tuple, distance: float, n_drawn: int | None = None) -> bool:
    """Return whether a value that lies so far above the mean of the draws is beyond them."""
    value = float(np.mean(draws)) + distance
    return verdict((value, value, value), draws, n_drawn) == "above the placebos"


def student_half_width(draws: tuple) -> float:
    k = len(draws)
    return float(t.ppf(0.975, k - 1) * np.std(draws, ddof=1) * np.sqrt(1 + 1 / k))


@pytest.mark.parametrize("draws", [(0.25, 0.5), (0.25, 0.5, 0.875), (0.25, 0.25, 0.75), (0.1, 0.7, 0.5)])
def test_two_and_three_draws_follow_from_their_mean_and_ends(draws):
    half_width = student_half_width(draws)
    assert is_beyond(draws, half_width * 1.000001)
    assert not is_beyond(draws, half_width * 0.999999)


def test_draws_whose_mean_lies_in_the_middle_of_their_ends_count_as_two():
    # a quantity may have two draws where three were made: 12.706 * .25 / √2 * √1.5 = 2.751
    assert is_beyond((0.25, 0.5), 2.752, n_drawn=3)
    assert not is_beyond((0.25, 0.5), 2.750, n_drawn=3)
    assert not is_beyond((0.25, 0.375, 0.5), 2.750)


def test_the_interval_of_more_draws_is_never_too_narrow():
    # of draws that are all at the ends the deviation is exact, and t(.975; 4) is within .3 %
    at_the_ends = (0.0, 0.0, 0.0, 1.0, 1.0)
    half_width = student_half_width(at_the_ends)
    assert is_beyond(at_the_ends, half_width * 1.003)
    assert not is_beyond(at_the_ends, half_width * 0.997)
    for inner in itertools.combinations((0.1, 0.2, 0.45, 0.7, 0.9), 3):
        draws = (0.0, *inner, 1.0)
        assert not is_beyond(draws, student_half_width(draws))


def test_the_number_of_draws_is_that_of_the_scope_of_the_source():
    # Their mean is .3. Five draws from 0 to .9 with that mean spread most if they are .9, .6, 0, 0, 0: s = .424, and
    # half the interval is 2.776 * .424 * √1.2 = 1.29. The least number that has that mean is three: .9, 0, 0, s = .520,
    # half 4.303 * .520 * √(4/3) = 2.58. A value of 2.5 lies 2.2 above the mean, one of 3 lies 2.7 above it.
    draws = (0.0, 0.2, 0.2, 0.2, 0.9)
    placebo = ("a", "placebo", *draw_cells(draws))

    def verdict_by(*scopes, value=2.5):
        return verdicts(*compare({**overlap(("a", "SGs", value, value, value), placebo), **drawn(*scopes)}))

    assert verdict_by(value=3.0) == ["above the placebos"]
    assert verdict_by(("a", "l", 5, 0)) == ["above the placebos"]
    assert verdict_by(("a", "l", 5, 0), ("training runs", "l", 3, 0)) == ["above the placebos"]
    assert verdict_by(("training runs", "l", 5, 0), ("b", "l", 3, 0)) == ["above the placebos"]
    assert verdict_by(("a", "l", 3, 0), ("training runs", "l", 5, 0)) == ["no difference shown"]
    assert verdict_by(("a", "l", 3, 2)) == ["no difference shown"]
    assert verdict_by(("training runs", "l", 5, 0), ("training runs", "m", 3, 0)) == ["no difference shown"]
    assert verdict_by(("b", "l", 5, 0)) == verdict_by() == ["no difference shown"]


def test_what_cannot_be_compared_says_why():
    assert verdict((0.5, None, None), (0.28, 0.30, 0.32)) == "no interval"
    assert verdict((0.5, 0.4, 0.6), (0.3,)) == "one draw only"
    assert verdict((0.5, 0.4, 0.6), (0.3, 0.3, 0.3)) == "all draws are equal"
    assert verdict((0.5, 0.4, 0.6), (0.1 + 0.2, 0.3, 0.3)) == "all draws are equal"


@pytest.mark.parametrize("k", [2, 3, 4, 8])
def test_a_random_lexicon_lies_beyond_the_others_in_five_of_a_hundred_quantities(k):
    n = 8000
    draws = np.random.default_rng(k).normal(10, 1, (n, k + 1))
    names = ("source", "list", "high_given_planning", "low", "high")
    numbers = {
        "SGs": np.stack([draws[:, 0]] * 3, axis=1),
        "placebo": np.stack([summary(draws[:, 1:], axis=1) for summary in (np.mean, np.min, np.max)], axis=1),
    }
    rows = [
        dict(zip(names, (str(index), list_name, *cells), strict=True))
        for list_name, columns in numbers.items()
        for index, cells in enumerate(columns.tolist())
    ]
    columns = [column("source"), column("list"), *(column(name, "number") for name in names[2:])]
    tables = {"overlap": build_table("overlap", "t", columns, rows), **drawn(("training runs", "l", k, 0))}
    (comparison,) = compare_with_placebos([OVERLAP], tables)
    share = np.mean([verdict.endswith("the placebos") for verdict in verdicts(comparison)])
    # the standard error of a share of .05 is √(.05 * .95 / 8000) = .0024; intervals of 4 or more draws are too wide
    assert share < 0.05 + 3 * 0.0024
    assert share > 0.05 - 3 * 0.0024 or k > 3
    # outside the range of k others lie 2 of k + 1
    is_outside = (draws[:, 0] < draws[:, 1:].min(axis=1)) | (draws[:, 0] > draws[:, 1:].max(axis=1))
    assert is_outside.mean() == pytest.approx(2 / (k + 1), abs=0.02)


def test_numbers_and_places_are_those_of_the_table():
    overlap_tables = overlap(("a", "SGs", 0.5, 0.4, 0.6), ("a", "placebo", 0.3, 0.2, 0.35))
    (comparison,) = compare({**overlap_tables, **drawn(("a", "l", 3, 0))})
    formatted = format_table(comparison.table, 9)
    assert [(column.name, column.unit) for column in formatted.columns] == [
        ("of", ""),
        ("SGs", "%"),
        ("interval", "%"),
        ("placebo", "%"),
        ("draws", "%"),
        ("verdict", ""),
    ]
    assert [cell.text for cell in formatted.rows[0]] == [
        "a",
        "50.0",
        "40.0 – 60.0",
        "30.0",
        "20.0 – 35.0",
        "no difference shown",  # draws .20, .35, .35: .3 + 4.303 * .0866 * √(4/3) = .73
    ]
    # from 0.2 to 0.6 with 6 % of that at either end: 0.176 to 0.624; 0.4 is (0.4 - 0.176) / 0.448 = 0.5 of it
    assert comparison.positions == ((500, 723, 946, 54, 277, 388),)


def test_without_an_interval_its_ends_have_the_place_of_the_value():
    (comparison,) = compare(overlap(("a", "SGs", 0.5, None, None), ("a", "placebo", 0.3, 0.3, 0.3)))
    # from 0.3 to 0.5 with 6 % of that at either end: 0.012 / 0.224 = 0.054 and 0.212 / 0.224 = 0.946
    assert comparison.positions == ((946, 946, 946, 54, 54, 54),)


def test_a_line_without_its_placebo_is_not_shown():
    assert compare(overlap(("a", "SGs", 0.5, 0.4, 0.6), ("b", "placebo", 0.3, 0.2, 0.4))) == []
    assert compare(overlap(("a", "SGs", 0.5, 0.4, 0.6), ("a", "placebo", None, None, None))) == []
    assert compare(overlap(("a", "SGs", None, None, None), ("a", "placebo", 0.3, 0.2, 0.4))) == []
    assert compare({}) == []


def test_equal_numbers_have_places_too():
    (comparison,) = compare(overlap(("a", "SGs", 0.5, 0.5, 0.5), ("a", "placebo", 0.5, 0.5, 0.5)))
    assert set(comparison.positions[0]) == {500}


def test_every_quantity_that_is_known_of_both_is_compared():
    subjects = {
        comparison.table.title: (comparison.table.column("of"), comparison.table.columns[1].kind)
        for comparison in compare(tables())
    }
    source = "grpo, seed 0"
    assert subjects == {
        # no planning share: placebos mark as much of the traces by construction
        "Semantic entropy at equal size, nats": ([f"{source} · grams"], "number"),
        "Entropy of what follows a span, nats": ([source], "number"),
        "Token entropy, nats": ([f"{source} · planning", f"{source} · execution"], "number"),
        "Perplexity": ([f"{source} · planning", f"{source} · execution"], "number"),
        "Planning tokens that are of high entropy": ([source], "share"),
    }
    names = [comparison.table.name for comparison in compare(tables())]
    assert len(set(names)) == len(names)


def test_a_measure_that_the_report_does_not_show_is_not_compared():
    rows = overlap(("a", "SGs", 0.5, 0.4, 0.6), ("a", "placebo", 0.3, 0.2, 0.4))
    assert len(compare_with_placebos([OVERLAP], rows)) == 1
    assert compare_with_placebos([dataclasses.replace(OVERLAP, section="")], rows) == []
    without_quantities = dataclasses.replace(OVERLAP, quantities=())
    assert compare_with_placebos([without_quantities], rows) == []


def test_a_share_in_a_column_of_numbers_is_compared_in_per_cent():
    columns = [column("source"), column("list"), column("value", "number"), *low_high("number")]
    rows = [
        {"source": "a", "list": list_name, "value": 0.5, "low": 0.4, "high": 0.6} for list_name in ("SGs", "placebo")
    ]
    curves = {"curves": build_table("curves", "t", columns, rows)}
    for unit, title, shown in (
        ("share", "Planning share", ("%", "50.0")),
        ("nats", "Planning share, nats", ("", "0.500")),
        ("", "Planning share", ("", "0.500")),
    ):
        measure = dataclasses.replace(OVERLAP, name="curves", quantities=(Quantity("planning share", unit=unit),))
        (comparison,) = compare_with_placebos([measure], curves)
        formatted = format_table(comparison.table, 9)
        assert (comparison.table.title, (formatted.columns[1].unit, formatted.rows[0][1].text)) == (title, shown)


def test_the_sources_at_a_glance():
    (row,) = summarize_sources(tables()).records()
    assert (row["traces"], row["problems"], row["correct"], row["words_a_trace"]) == (1200, 36, 300 / 1200, 102.88)
    assert (row["planning"], row["low"], row["high"]) == (0.123, 0.113, 0.133)
    assert "placebo" not in row  # placebos are drawn to mark as much: beside it, theirs says nothing
    assert summarize_sources({}) is None
    corpus_only = {"corpus": tables()["corpus"]}
    assert summarize_sources(corpus_only).records()[0]["planning"] is None
