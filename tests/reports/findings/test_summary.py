"""The summary in words: what may be claimed of intervals, beside the placebo, and nothing where there is no table."""

import math
import re
from dataclasses import dataclass, replace

import pytest

from sgram.reports.figures.entropy import high_entropy_share
from sgram.reports.findings import dynamics as sentences_dynamics
from sgram.reports.findings import entropy as sentences_entropy
from sgram.reports.findings import shares as sentences_shares
from sgram.reports.findings.summary import _some, summary
from sgram.reports.findings.wording import Sentence, SourceClaim, amount, beside, led, listed, told, typeset
from sgram.statistics import Interval, share_difference
from tests.builders import report_tables
from tests.builders.report_tables import TableAnalysis, full_analysis, table


@dataclass(frozen=True)
class Order:
    answer: str
    sentence: str = "Execution settles first: yes."


def sentence_texts(analysis, section=None):
    return [sentence.text for sentence in summary(analysis) if section in (None, sentence.section)]


def alone(name, records, sources=("m",)):
    return TableAnalysis({name: table(name, records)}, sources)


def find_text(name, records, pattern, sources=("m",)):
    """The one sentence of this pattern that is not a lead."""
    sentences = summary(alone(name, records, sources))
    (text,) = [
        sentence.text for sentence in sentences if sentence.section != "summary" and re.search(pattern, sentence.text)
    ]
    return text


# -- words -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (Interval(0.1234, 0.101, 0.142), "12.3 % [10.1, 14.2]"),
        (Interval(-0.1234, -0.2, -0.0001), "−12.34 % [−20.00, −0.01]"),  # no end that is not 0 seems to be 0
        (Interval(0.02, 0.0, 0.04), "2.0 % [0.0, 4.0]"),
    ],
)
def test_amounts_are_rounded_with_their_intervals(interval, text):
    assert amount(interval, 1, "%", 100) == text


def test_lists_read_as_people_write_them():
    assert [listed(parts) for parts in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]


def test_many_sources_are_counted_and_one_is_the_example():
    claims = [SourceClaim(name, "it rose" if name != "d" else "it fell", f"{name}: it moved.") for name in "abcde"]
    assert told(claims[:2], "x") == [Sentence("a: it moved.", "finding", "x"), Sentence("b: it moved.", "finding", "x")]
    assert told(claims, "x")[0].text == "Of 5 sources, in 4 it rose; in 1 (d) it fell. For example, a: it moved."
    assert told(claims[:3], "x")[0].text == "In all 3 sources it rose. For example, a: it moved."
    commas = [SourceClaim(name, verdict, "t") for name, verdict in (("a, 1", "up"), ("a, 2", "up"), ("b", "down"))]
    assert "in 2 (a, 1; a, 2) up; in 1 (b) down" in told(commas, "x")[0].text


def test_it_is_said_where_only_some_sources_can_tell():
    sentence = Sentence("In all 3 sources it rose.", "finding", "x", "Of 3 sources, in 2 it rose; in 1 it fell.")
    assert _some(sentence, 3) == sentence
    counted = _some(sentence, 6)
    assert counted.text == "In all 3 sources where this was measured, it rose."
    assert counted.lead == "Of 3 sources where this was measured, in 2 it rose; in 1 it fell."
    assert _some(Sentence("In both sources it rose."), 3).text == "In both sources where this was measured, it rose."
    assert _some(Sentence("a: in all 3 sources"), 6).text == "a: in all 3 sources"


def test_a_lead_says_what_all_claims_come_to():
    def lead_of(*verdicts):
        return led([SourceClaim(name, verdict, "t") for name, verdict in zip("abcdefgh", verdicts, strict=False)])

    assert lead_of() == ""
    assert lead_of("it rose") == "a: it rose."
    assert lead_of("it rose", "it rose") == "In both sources it rose."
    assert lead_of("it rose", "it fell") == "a: it rose; b: it fell."
    assert lead_of(*["it rose"] * 3) == "In all 3 sources it rose."
    assert lead_of("p", "q", "p", "r", "s", "r", "r") == "Of 7 sources, in 3 r; in 2 p; in 1 q; in 1 something else."
    claims = [SourceClaim("a", "it rose", "t"), SourceClaim("b", "it rose", "u")]
    assert [sentence.lead for sentence in told(claims, "x", leads=True)] == ["In both sources it rose.", ""]


def test_leads_come_first_and_say_nothing_that_is_not_said_with_numbers_below():
    sentences = summary(full_analysis(("a", "b", "c")))
    leads = [sentence.text for sentence in sentences if sentence.section == "summary"]
    assert leads == [sentence.text for sentence in sentences[: len(leads)]]
    assert leads == [sentence.lead for sentence in sentences if sentence.lead][: len(leads)]
    assert summary(full_analysis(("m",)))[0].text == "Accuracy (pass@1) rose."  # of one source no name is needed
    assert 0 < len(leads) <= 7


def test_a_minus_is_set_as_one_and_a_hyphen_stays():
    text = "(-0.5 [-0.07, +0.6]), 2-3 steps, gpt-4, x-1, a -.5"
    assert typeset(text) == "(−0.5 [−0.07, +0.6]), 2-3 steps, gpt-4, x-1, a −.5"


@pytest.mark.parametrize(
    ("share", "placebo", "words"),
    [
        (Interval(0.3, 0.2, 0.4), None, "no more often than chance"),
        (Interval(0.5, 0.4, 0.6), None, "more often than chance"),
        (Interval(0.1, 0.05, 0.2), None, "less often than chance"),
        (Interval(0.5, 0.4, 0.6), Interval(0.45, 0.3, 0.5), "more often than chance, but cannot be told apart from"),
        (Interval(0.1, 0.05, 0.2), Interval(0.25, 0.2, 0.4), "less often than chance, but cannot be told apart from"),
        (Interval(0.5, 0.4, 0.6), Interval(0.3, 0.2, 0.39), "more often than chance and than those of random grams"),
        (Interval(0.1, 0.05, 0.2), Interval(0.3, 0.21, 0.4), "less often than chance and than those of random grams"),
        (
            Interval(0.5, 0.4, 0.6),
            Interval(0.7, 0.61, 0.8),
            "more often than chance, but less often than those of random",
        ),
        (
            Interval(0.2, 0.15, 0.25),
            Interval(0.1, 0.05, 0.14),
            "less often than chance, but more often than those of random",
        ),
    ],
)
def test_an_overlap_is_judged_against_chance_of_30_per_cent_and_the_placebo_either_way(share, placebo, words):
    assert words in sentences_entropy._overlap_verdict(share, 0.3, placebo)


@pytest.mark.parametrize(
    ("chance", "worth", "words"),
    [
        (None, "", ""),
        (0.05, "no more than", "cannot be told apart"),
        (0.3, "no more than", "which is more"),
        (0.02, "no more than", "cannot be told apart"),
        (0.01, "more than", "clear of it"),
        (-0.3, "unlike", "clear of it"),
    ],
)
def test_a_difference_is_worth_what_random_grams_do_not_show_too(chance, worth, words):
    """0.1 with 0.06 at each side: apart from a placebo that is as sure where they are hypot(.06, .06) = .085 apart."""
    found_worth, text = beside(Interval(0.1, 0.04, 0.16), chance)
    assert found_worth == worth
    assert words in text


# -- the researcher's questions ----------------------------------------------------------------------------


def curve(series, of_list, first, last, by=0.01):
    return [
        {
            "source": "m",
            "step": step,
            "series": series,
            "list": of_list,
            "value": value,
            "low": value - by,
            "high": value + by,
            "n": 10**6,
            "relative": value / first,
        }
        for step, value in ((0, first), (1, last))
    ]


@pytest.mark.parametrize(
    ("last", "placebo", "words"),
    [
        (3.5, 3.0, "Strategic exploration grew"),
        (2.5, 3.0, "Strategic exploration shrank"),
        (3.5, 3.5, "nothing here is particular"),
        (3.5, 4.0, "SGs less than they"),
        (3.005, 3.0, "neither growth nor loss of exploration can be claimed"),
        (3.5, None, "No placebo stands beside it"),
    ],
)
def test_exploration_grew_only_if_it_did_so_more_than_with_random_grams(last, placebo, words):
    rows = curve("semantic entropy", "SGs", 3.0, last)
    rows += [] if placebo is None else curve("semantic entropy", "placebo", 3.0, placebo)
    text = find_text("curves", rows, "semantic entropy")
    assert words in text
    for phrase in ("Strategic exploration grew", "neither growth"):
        assert (phrase in text) == (phrase in words)


def test_first_and_last_steps_are_means_of_a_tenth():
    rows = [
        {"step": step, "value": value, "low": value - 1, "high": value + 1}
        for step, value in enumerate([0, 4, *[9] * 16, 10, 20])
    ]
    first, last = sentences_dynamics.ends(rows)
    assert (first.value, last.value) == (2, 15)
    assert first.high == 2 + math.sqrt(2) / 2  # two independent intervals of 1
    assert sentences_dynamics.ends(rows[:1]) is None
    assert sentences_dynamics.ends(list(reversed(rows))) == (first, last)


def test_which_errors_fell_is_said_in_points_and_relative():
    """30 to 20 % is 10 points and a third; 10 to 4 % is 6 points and 60 %: the claim holds in one of them only."""
    rows = curve("strategic errors", "SGs", 0.3, 0.2) + curve("procedural errors", "SGs", 0.1, 0.04)
    text = find_text("curves", rows, "errors went")
    assert "−10.0 points [−11.4, −8.6]; −33 % relative" in text
    assert "−6.0 points [−7.4, −4.6]; −60 % relative" in text
    assert text.endswith("strategic errors fell more in points, procedural ones relative to where they began.")
    assert any("meta.error" in text for text in sentence_texts(alone("curves", rows)))
    both = replace(
        alone("curves", rows), tables={"curves": table("curves", rows), "errors": report_tables.errors(("m",))}
    )
    assert not any("of 40 wrong traces" in text for text in sentence_texts(both))  # over steps it is said already


@pytest.mark.parametrize(
    ("strategic", "procedural", "words"),
    [
        ((0.3, 0.1), (0.1, 0.09), "strategic errors fell and no change of procedural errors can be claimed"),
        ((0.3, 0.1), (0.1, 0.2), "strategic errors fell and procedural errors rose"),
        ((0.3, 0.3), (0.1, 0.1), "no change of strategic or of procedural errors can be claimed"),
        ((0.3, 0.1), (0.2, 0.1), "strategic errors fell more, in points and relative to where they began"),
        (
            (0.3, 0.2),
            (0.2, 0.1),
            "both fell, which more cannot be told in points; relative to where they began procedural ones",
        ),
        ((0.2, 0.1), (0.3, 0.1), "procedural errors fell more, in points and relative to where they began"),
    ],
)
def test_what_fell_is_claimed_only_where_intervals_allow_it(strategic, procedural, words):
    rows = curve("strategic errors", "SGs", *strategic) + curve("procedural errors", "SGs", *procedural)
    assert find_text("curves", rows, "errors went").endswith(f": {words}.")


def test_two_wrong_traces_of_80_are_no_trend():
    """2 of 80 to 0 of 80: an end without any has the interval [0, 0], yet (3/82, 1/82) allow -2.5 +- 4.7 points."""
    rows = curve("strategic errors", "SGs", 0.3, 0.3) + curve("procedural errors", "SGs", 0.025, 0.0, by=0)
    text = find_text("curves", [{**row, "n": 80} for row in rows], "errors went")
    half = 100 * 1.959964 * math.sqrt((3 * 79 + 1 * 81) / 82**3)
    assert f"−2.5 points [−{2.5 + half:.1f}, {half - 2.5:.1f}]" in text
    assert text.endswith("no change of strategic or of procedural errors can be claimed.")


def test_every_k_is_told_with_its_own_problems():
    rows = [
        {"source": "m", "measure": f"pass@{k}", "value": 0.9, "low": 0.8, "high": 0.95, "problems": n, "samples": 99}
        for k, n in ((1, 86), (8, 55))
    ]
    text = find_text("success", rows, "reaches")
    assert text == ("m reaches pass@1 90.0 % [80.0, 95.0] on 86 and pass@8 90.0 % [80.0, 95.0] on 55 problems.")


def test_the_order_of_phases_stands_beside_that_of_random_grams():
    analysis = replace(
        TableAnalysis({}, ("m",)), phase_orders={"m": Order("yes")}, placebo_phase_orders={"m": Order("yes")}
    )
    assert sentence_texts(analysis, "summary") == ["Execution settles first, as with random grams."]
    assert sentence_texts(analysis, "dynamics") == [
        "m: Execution settles first: yes. Asked of random grams in place of SGs: execution settles first, so "
        "the order is "
        "not particular to planning."
    ]
    undecided = replace(analysis, placebo_phase_orders={"m": Order("cannot say")})
    assert sentence_texts(undecided)[0] == "Execution settles first, which random grams do not show."
    assert sentence_texts(undecided)[1].endswith(
        "in place of SGs: it cannot be told whether execution or planning settles first."
    )
    alone = replace(analysis, placebo_phase_orders={})
    assert sentence_texts(alone) == ["Execution settles first.", "m: Execution settles first: yes."]


def tokens(planning, execution, placebo):
    rows = [
        {
            "source": "m",
            "token_class": token_class,
            "list": list_name,
            "entropy": value,
            "entropy_low": value - 0.05,
            "entropy_high": value + 0.05,
        }
        for token_class, list_name, value in (
            ("planning", "SGs", planning),
            ("execution", "SGs", execution),
            ("planning", "placebo", placebo),
        )
        if value is not None
    ]
    return find_text("tokens", rows, "entropy")


def test_planning_tokens_differ_only_if_they_differ_from_placebo_tokens():
    assert "planning tokens lie above every draw" in tokens(0.9, 0.3, 0.5)
    assert "it need not be planning" in tokens(0.9, 0.3, 0.82)
    assert "planning tokens lie below every draw" in tokens(0.2, 0.6, 0.5)
    assert "none can be claimed" in tokens(0.5, 0.45, 0.4)
    assert "less sure where it plans" in tokens(0.9, 0.3, None)


def test_the_overlap_is_told_against_chance_and_placebo():
    """P(high | planning) = .5, planning 6 %, P(planning | high) = .1: the top share is .5 * .06 / .1 = .3."""
    row = {
        "source": "m",
        "high_given_planning": 0.5,
        "low": 0.45,
        "high": 0.55,
        "planning_given_high": 0.1,
        "chance": 0.06,
    }
    assert high_entropy_share(row) == 0.3
    assert high_entropy_share({**row, "planning_given_high": 0.0}) is None
    rows = [{**row, "list": "SGs"}, {**row, "list": "placebo", "high_given_planning": 0.35, "low": 0.3, "high": 0.4}]
    text = find_text("overlap", rows, "planning tokens")
    assert "50.0 % [45.0, 55.0] of the planning tokens are among the 30 %" in text
    assert "chance gives 30 %, random grams 35.0 % (30.0 to 40.0 over the draws)" in text
    assert "10.0 % are planning, as are 6.0 % of all tokens" in text


def test_semantic_entropies_are_compared_at_one_size_only():
    def rows(size):
        pairs = (("correct", 2.0, 100), ("wrong", 3.0, size))
        return [
            {
                "source": "m",
                "outcome": outcome,
                "bins": "grams",
                "list": "SGs",
                "at_size": value,
                "low": value - 0.1,
                "high": value + 0.1,
                "size": n,
            }
            for outcome, value, n in pairs
        ]

    assert find_text("semantic_entropy", rows(100), "entropy").startswith(
        "m: at 100 SGs each, semantic entropy is 3.00"
    )
    assert sentence_texts(alone("semantic_entropy", rows(200))) == []


def shares(right, wrong, placebo=None):
    rows = [
        {
            "source": "m",
            "outcome": outcome,
            "list": list_name,
            "value": value,
            "low": value - by,
            "high": value + by,
            "unit": "words",
        }
        for outcome, list_name, value, by in (
            ("correct", "SGs", right, 0.01),
            ("wrong", "SGs", wrong, 0.01),
            ("correct", "placebo", right, 0.0),
            ("wrong", "placebo", right + (placebo or 0), 0.0),
        )
        if list_name == "SGs" or placebo is not None
    ]
    return find_text("shares", rows, "wrong")


def test_wrong_traces_plan_more_only_where_the_interval_says_so():
    assert (
        "wrong traces plan more, +5.0 points [3.6, 6.4]. With random grams it is 0.0 points, which is clear of it"
        in shares(0.1, 0.15, 0.0)
    )
    assert "nothing here is particular to planning" in shares(0.1, 0.15, 0.05)
    assert "wrong traces plan less, −5.0 points" in shares(0.15, 0.1)
    assert "the interval holds 0, so no difference can be claimed" in shares(0.1, 0.11, 0.2)


def test_grams_are_named_only_if_they_stand_among_all():
    rows = [
        {
            "gram": name,
            "difference": value,
            "low": value - by,
            "high": value + by,
            "correct_share": 0.4 + value,
            "wrong_share": 0.4,
        }
        for name, value, by in (("sure", 0.2, 0.05), ("alone", -0.1, 0.095), ("none", 0.0, 0.1))
    ]
    text = find_text("grams", rows, "grams compared")
    assert "Of 3 grams compared between correct and wrong traces of the same source 1 stands" in text
    assert "“sure” +20.0 points [15.0, 25.0]" in text
    assert "alone" not in text
    nothing = sentence_texts(alone("grams", rows[1:]))
    assert len(nothing) == 1
    assert "none stands" in nothing[0]
    assert sentence_texts(alone("grams", [{**row, "difference": None} for row in rows])) == []


def test_a_handful_of_wrong_traces_proves_nothing():
    """Of 16 correct traces 4 hold a gram, of 4 wrong ones none. Agresti and Caffo: 5/18 and 1/6; the variance is
    .2778 * .7222 / 18 + .1667 * .8333 / 6 = .0343 and the interval .25 -+ 1.96 * .1852 = .363, which holds 0."""
    row = {"gram": "so", "difference": 0.25, "low": 0.1, "high": 0.4, "correct_share": 0.25, "wrong_share": 0.0}
    interval = share_difference(row, 16, 4)
    assert (interval.low, interval.high) == (pytest.approx(-0.113, abs=0.001), pytest.approx(0.613, abs=0.001))
    assert share_difference(row, 10**6, 10**6) == Interval(0.25, 0.1, 0.4)
    counts = {**report_tables.corpus(("m",)).records()[0], "correct": 16, "wrong": 4}
    whole = full_analysis(("m",), steps=())
    sparse = replace(whole, tables={**whole.tables, "corpus": table("corpus", [counts])})
    assert any("fewer than 10 of either: in 1 of 1 sources" in text for text in sentence_texts(sparse))
    for words in ("grams compared", "comparison", "wrong and", "semantic entropy", "equations"):
        assert any(words in text for text in sentence_texts(whole)), words
        assert not any(words in text for text in sentence_texts(sparse)), words


def test_moves_are_judged_together_too():
    rows = [
        {"source": "m", "move": move, "outcome": outcome, "per_1000_words": rate, "low": rate - 0.5, "high": rate + 0.5}
        for move, outcome, rate in (
            ("branching", "correct", 2.0),
            ("branching", "wrong", 9.0),
            ("deduction", "correct", 5.0),
            ("deduction", "wrong", 5.2),
        )
    ]
    text = find_text("moves", rows, "comparison")
    assert text.startswith("1 of 2 comparisons of a move's rate")
    assert "branching in m (9.00 in 1,000 words when wrong, 2.00 when correct)" in text
    assert find_text("moves", rows[2:], "comparison").startswith("None of 1 comparison of")
    rows_of_sources = [{**row, "source": name} for name in "abc" for row in rows]
    assert find_text("moves", rows_of_sources, "comparison", tuple("abc")).endswith(
        ": branching is more frequent when wrong in 3 sources."
    )


def test_clusters_that_grew_are_judged_by_the_logarithm_of_their_ratio():
    rows = [
        {"source": "m", "medoid": name, "start_rate": 1.0, "end_rate": ratio, "ratio": ratio, "low": low, "high": high}
        for name, ratio, low, high in (("wait", 4.0, 2.5, 6.4), ("but", 1.1, 0.5, 2.0), ("no", 0.0, 0.0, 1.0))
    ]
    text = find_text("aha", rows, "reflection")
    assert "Of 2 reflection clusters" in text  # the logarithm of 0 is none
    assert "1 grew and 0 shrank" in text
    assert "“wait” in m (from 1.00 to 4.00 in 1,000 words, × 4.00 [2.50, 6.40])" in text


def test_how_much_was_measured_is_told_last():
    assert sentence_texts(full_analysis(("m",)))[-1] == (
        "Measured were 100 traces of 1 source, 12,345 words (23,456 tokens): 60 correct, 35 wrong, 5 not judged."
    )
    row = {
        "source": "m",
        "traces": 2,
        "problems": 1,
        "correct": 0,
        "wrong": 0,
        "not_judged": 2,
        "words": 9,
        "tokens": None,
    }
    sentences = summary(alone("corpus", [row]))
    assert sentences[0].text == "Measured were 2 traces of 1 source, 9 words, none of them judged correct or wrong."
    assert (sentences[1].kind, sentences[1].section) == ("caution", "corpus")
    assert [sentence.section for sentence in summary(alone("corpus", [{**row, "wrong": 1}]))] == ["planning", "corpus"]


def test_placebos_are_told_with_what_they_mark_and_what_failed():
    rows = [
        {"draw": 1, "lexicon": "l", "share_wanted": 0.1, "share": 0.099, "met": True},
        {"draw": 2, "lexicon": "l", "share_wanted": None, "share": None, "met": False},
    ]
    control, caution = summary(alone("placebo", rows))
    assert control.kind == "control"
    assert (
        "1 placebo, lists of random grams that mark as much text as the SGs of l (10.0 % of the words)" in control.text
    )
    assert control.text.startswith("Whatever is said of SGs")
    assert "to within 0.10 points in the texts that they were drawn from" in control.text
    assert (caution.kind, caution.text[:14]) == ("caution", "1 of 2 placebo")


def test_equations_of_wrong_and_correct_traces_are_compared():
    (text,) = [text for text in sentence_texts(full_analysis(("m",))) if "equations" in text]
    # .1 - .02 = .08, by hypot(.02, .02) = .028
    assert text == (
        "m: of 200 equations that could be checked 10.0 % [8.0, 12.0] are wrong in wrong traces and 2.0 % "
        "[0.0, 4.0] in "
        "correct ones: +8.0 points [5.2, 10.8]."
    )


# -- the whole ----------------------------------------------------------------------------------------------


def test_no_sentence_where_its_table_is_absent():
    whole = full_analysis(("m",))
    assert summary(TableAnalysis({}, ())) == ()
    for name in whole.tables:
        without = replace(
            whole, tables={key: report_table for key, report_table in whole.tables.items() if key != name}
        )
        assert set(sentence_texts(without)) != set(sentence_texts(whole)) or name in (
            "settling",
            "conditional_entropy",
            "success",
            "errors",
        )
        lone = TableAnalysis({name: whole.tables[name]}, ("m",))
        assert all(text.endswith(".") for text in sentence_texts(lone))


def test_accuracy_over_steps_takes_the_place_of_accuracy_over_all():
    assert not sentence_texts(full_analysis(("m",)), "success")
    assert sentence_texts(full_analysis(("m",), steps=()), "success") == [
        "m reaches pass@1 60.0 % [54.0, 66.0], pass@4 80.0 % [72.0, 88.0] and maj@4 70.0 % [63.0, 77.0] on 20 problems."
    ]
    assert any("of 40 wrong traces" in text for text in sentence_texts(full_analysis(("m",), steps=()), "errors"))


def test_tables_without_numbers_say_nothing_untrue():
    whole = full_analysis(("m",))
    for name, full_table in whole.tables.items():
        is_text = [column.kind == "text" for column in full_table.columns]
        rows = tuple(
            tuple(cell if keep else None for cell, keep in zip(row, is_text, strict=True)) for row in full_table.rows
        )
        emptied = replace(whole.tables[name], rows=rows)
        texts = sentence_texts(TableAnalysis({name: emptied}, ("m",)))
        assert not [text for text in texts if "nan" in text or "None [" in text], name


def test_many_sources_do_not_make_many_sentences():
    three_sources, twenty_sources = full_analysis(("a", "b", "c")), full_analysis(tuple(f"m{at}" for at in range(20)))
    assert len(summary(twenty_sources)) == len(summary(three_sources)) + 1 < 32
    assert any("there are 20 sources" in text for text in sentence_texts(twenty_sources, "summary"))
    assert {sentence.kind for sentence in summary(twenty_sources)} <= {"finding", "control", "caution"}
    assert {sentence.section for sentence in summary(three_sources)} == {
        "summary",
        "architecture",
        "corpus",
        "dynamics",
        "planning",
        "entropy",
        "tokens",
        "errors",
    }
    assert sentences_shares.success(report_tables.success(tuple("abcd")), tuple("abcd"))[0].text.startswith(
        "The best and the worst of 4 sources, which need not have had the same problems: a reaches"
    )
