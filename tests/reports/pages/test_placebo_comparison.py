"""SGs beside placebos: which rows stand together, what is said of them, and the sources at a glance."""

import dataclasses

from sgram.analysis import all_measures
from sgram.analysis.measure import Quantity
from sgram.analysis.measures.tokens import OVERLAP
from sgram.analysis.table import build_table
from sgram.reports.pages.placebo_comparison import compare_with_placebos, summarize_sources
from sgram.reports.pages.table_cells import format_table
from tests.builders.report_analyses import column, low_high, tables


def overlap(*rows: tuple):
    columns = [column("source"), column("list"), column("high_given_planning", "share"), *low_high("share")]
    names = ("source", "list", "high_given_planning", "low", "high")
    return {"overlap": build_table("overlap", "t", columns, [dict(zip(names, row, strict=True)) for row in rows])}


def compare(tables):
    return compare_with_placebos(all_measures(), tables)


def verdict(sgs: tuple, placebo: tuple) -> str:
    (comparison,) = compare(overlap(("a", "SGs", *sgs), ("a", "placebo", *placebo)))
    (row,) = comparison.table.records()
    return row["verdict"]


def test_a_difference_is_shown_only_if_the_interval_and_the_range_of_draws_share_no_point():
    assert verdict((0.5, 0.4, 0.6), (0.3, 0.2, 0.39)) == "above the placebos"
    assert verdict((0.1, 0.05, 0.15), (0.3, 0.2, 0.39)) == "below the placebos"
    assert verdict((0.5, 0.4, 0.6), (0.3, 0.2, 0.4)) == "no difference shown"
    assert verdict((0.3, 0.2, 0.4), (0.5, 0.4, 0.6)) == "no difference shown"
    assert verdict((0.5, None, None), (0.3, 0.2, 0.39)) == "no interval"


def test_numbers_and_places_are_those_of_the_table():
    overlap_tables = overlap(("a", "SGs", 0.5, 0.4, 0.6), ("a", "placebo", 0.3, 0.2, 0.35))
    (comparison,) = compare(overlap_tables)
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
        "above the placebos",
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
