"""SGs beside placebos: which rows stand together, what is said of them, and the sources at a glance."""

from sgram.analysis.table import build_table
from sgram.reports.pages.placebo_comparison import compare_with_placebos, summarize_sources
from tests.builders.report_analyses import column, low_high, tables


def overlap(*rows: tuple):
    columns = [column("source"), column("list"), column("high_given_planning", "share"), *low_high("share")]
    names = ("source", "list", "high_given_planning", "low", "high")
    return {"overlap": build_table("overlap", "t", columns, [dict(zip(names, row, strict=True)) for row in rows])}


def verdict(sgs: tuple, placebo: tuple) -> str:
    ((row,),) = [
        comparison.rows
        for comparison in compare_with_placebos(overlap(("a", "SGs", *sgs), ("a", "placebo", *placebo)), 9)
    ]
    return row.verdict


def test_the_interval_of_sgs_is_told_from_the_range_of_placebos_only_where_they_share_no_point():
    assert verdict((0.5, 0.4, 0.6), (0.3, 0.2, 0.39)) == "above the placebos"
    assert verdict((0.1, 0.05, 0.15), (0.3, 0.2, 0.39)) == "below the placebos"
    assert verdict((0.5, 0.4, 0.6), (0.3, 0.2, 0.4)) == "not told apart"
    assert verdict((0.3, 0.2, 0.4), (0.5, 0.4, 0.6)) == "not told apart"
    assert verdict((0.5, None, None), (0.3, 0.2, 0.39)) == "no interval"


def test_numbers_and_places_are_those_of_the_table():
    overlap_tables = overlap(("a", "SGs", 0.5, 0.4, 0.6), ("a", "placebo", 0.3, 0.2, 0.35))
    (comparison,) = compare_with_placebos(overlap_tables, 9)
    (row,) = comparison.rows
    assert (row.subject, row.sgs, row.interval, row.placebo, row.draw_range) == (
        "a",
        "50.0",
        "40.0 – 60.0",
        "30.0",
        "20.0 – 35.0",
    )
    # from 0.2 to 0.6 with 6 % of that at either end: 0.176 to 0.624; 0.4 is (0.4 - 0.176) / 0.448 = 0.5 of it
    assert row.positions == (500, 723, 946, 54, 277, 388)
    assert comparison.unit == "%"


def test_a_line_without_its_placebo_is_not_shown():
    assert compare_with_placebos(overlap(("a", "SGs", 0.5, 0.4, 0.6), ("b", "placebo", 0.3, 0.2, 0.4)), 9) == []
    assert compare_with_placebos(overlap(("a", "SGs", 0.5, 0.4, 0.6), ("a", "placebo", None, None, None)), 9) == []
    assert compare_with_placebos({}, 9) == []


def test_equal_numbers_have_places_too():
    (comparison,) = compare_with_placebos(overlap(("a", "SGs", 0.5, 0.5, 0.5), ("a", "placebo", 0.5, 0.5, 0.5)), 9)
    assert set(comparison.rows[0].positions) == {500}


def test_lines_beyond_the_most_are_counted():
    rows = [(name, list_name, 0.5, 0.4, 0.6) for name in "abcde" for list_name in ("SGs", "placebo")]
    (comparison,) = compare_with_placebos(overlap(*rows), 2)
    assert ([row.subject for row in comparison.rows], comparison.n_omitted) == (["a", "b"], 3)


def test_every_quantity_that_is_known_of_both_is_compared():
    subjects = {
        comparison.title: [row.subject for row in comparison.rows] for comparison in compare_with_placebos(tables(), 9)
    }
    source = "grpo, seed 0"
    assert subjects == {
        "Share of words or tokens that are marked": [f"{source} · all", f"{source} · wrong"],
        "Semantic entropy at equal size": [f"{source} · all · grams"],
        "Conditional entropy of what follows": [source],
        "Token entropy of the marked tokens": [source],
        "Marked tokens that are of high entropy": [source],
    }


def test_the_sources_at_a_glance():
    (row,) = summarize_sources(tables()).records()
    assert (row["traces"], row["problems"], row["correct"], row["words_a_trace"]) == (1200, 36, 300 / 1200, 102.88)
    assert (row["planning"], row["low"], row["high"], row["placebo"]) == (0.123, 0.113, 0.133, 0.121)
    assert summarize_sources({}) is None
    corpus_only = {"corpus": tables()["corpus"]}
    assert summarize_sources(corpus_only).records()[0]["planning"] is None
