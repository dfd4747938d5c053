"""Findings: what may be claimed of intervals, beside the placebo; expected numbers are worked out by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.analysis.findings import FindingContext, judge, summarize
from sgram.diagnosis.kinds import KINDS
from sgram.metrics import PhaseOrder
from sgram.reports.wording import word
from sgram.statistics import Estimate, Interval, share_difference
from tests.builders.report_tables import TableAnalysis, full_analysis, table


def findings_of(name, records, sources=("m",), question=None, **tables):
    """Return the findings of one hand-made table, optionally of one question."""
    analysis = TableAnalysis({name: table(name, records), **tables}, sources)
    return [finding for finding in analysis.findings if question in (None, finding.question.name)]


# -- judging a difference -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("placebo", "verdict"),
    [(None, "up"), (0.05, "as placebo"), (0.3, "as placebo"), (0.02, "as placebo"), (0.01, "up"), (-0.3, "up")],
)
def test_a_difference_is_claimed_only_beyond_what_random_phrases_show(placebo, verdict):
    """0.1 with 0.06 at each side: apart from a placebo that is as sure where they are hypot(.06, .06) = .085 apart."""
    assert judge(Interval(0.1, 0.04, 0.16), placebo) == verdict


def test_an_interval_with_zero_shows_no_change_whatever_the_placebo():
    assert [judge(Interval(0.1, -0.01, 0.2), placebo) for placebo in (None, 0.0, 9.0)] == ["no change"] * 3


@given(value=st.floats(-10, 10), below=st.floats(0, 10), above=st.floats(0, 10), placebo=st.none() | st.floats(-10, 10))
def test_the_verdict_on_the_mirrored_difference_is_mirrored(value, below, above, placebo):
    mirror = {"up": "down", "down": "up", "no change": "no change", "as placebo": "as placebo"}
    verdict = judge(Interval(value, value - below, value + above), placebo)
    mirrored = judge(Interval(-value, -value - above, -value + below), None if placebo is None else -placebo)
    assert mirrored == mirror[verdict]


# -- change over training -------------------------------------------------------------------------------


def curve(series, list_name, first, last, by=0.01, n=10**6, source="m"):
    return [
        {
            "source": source,
            "step": step,
            "series": series,
            "list": list_name,
            "value": value,
            "low": value - by,
            "high": value + by,
            "n": n,
            "relative": value / first,
        }
        for step, value in ((0, first), (1, last))
    ]


@pytest.mark.parametrize(
    ("last", "placebo", "verdict"),
    [
        (3.5, 3.0, "up"),
        (2.5, 3.0, "down"),
        (3.5, 3.5, "as placebo"),
        (3.5, 4.0, "as placebo"),
        (3.005, 3.0, "no change"),
        (3.5, None, "up"),
    ],
)
def test_exploration_grew_only_if_it_did_so_more_than_with_random_phrases(last, placebo, verdict):
    rows = curve("semantic entropy", "SGs", 3.0, last)
    rows += [] if placebo is None else curve("semantic entropy", "placebo", 3.0, placebo)
    (finding,) = findings_of("curves", rows)
    assert (finding.question.name, finding.verdict, finding.source) == ("exploration over training", verdict, "m")
    assert finding.estimate.value == pytest.approx(last - 3)
    # two independent intervals of .01
    assert finding.estimate.high == pytest.approx(last - 3 + math.hypot(0.01, 0.01))
    assert (finding.placebo is None) == (placebo is None)
    assert finding.placebo is None or finding.placebo.value == pytest.approx(placebo - 3)


def test_first_and_last_steps_are_means_of_a_tenth():
    values = [0, 4, *[9] * 16, 10, 20]
    rows = [
        {"source": "m", "series": "length", "list": None, "step": step, "value": v, "low": v - 1, "high": v + 1, "n": 1}
        for step, v in enumerate(values)
    ]
    for ordered in (rows, list(reversed(rows))):
        (finding,) = findings_of("curves", ordered)
        first, last = finding.sides
        assert (first.value, last.value) == (2, 15)
        assert first.high == 2 + math.sqrt(2) / 2  # two independent intervals of 1
        assert finding.n == 20
    assert findings_of("curves", rows[:1]) == []


def test_two_wrong_traces_of_80_are_no_trend():
    """2 of 80 to 0 of 80: an end without any has the interval [0, 0], yet (3/82, 1/82) allow -2.5 +- 4.7 points."""
    (finding,) = findings_of("curves", curve("strategic errors", None, 0.025, 0.0, by=0, n=80))
    half = 1.959964 * math.sqrt((3 * 79 + 1 * 81) / 82**3)
    assert finding.verdict == "no change"
    assert finding.estimate.low == pytest.approx(-0.025 - half)
    assert finding.estimate.high == pytest.approx(half - 0.025)


def test_steps_that_differ_at_random_are_no_trend():
    """A share that jumps between .2 and .6 from step to step, each known to .01: the ends differ, as any two do."""
    rows = [
        {"source": "m", "series": "strategic errors", "list": None, "step": step, "value": v, "n": 64}
        | {"low": v - 0.01, "high": v + 0.01}
        for step, v in enumerate([0.6, 0.2] * 10)
    ]
    # the first two of 20 steps are .6 and .2, the last two .2 and .2: .2 less .4
    (finding,) = findings_of("curves", [*rows[:-2], {**rows[-1], "step": 18}, rows[-1]])
    assert finding.estimate.value == pytest.approx(-0.2)
    assert finding.verdict == "no change"


# -- kinds of errors ------------------------------------------------------------------------------------


def kinds_over_steps(decided, undecided, n=10**6):
    """Series of strategic errors at two steps, each known to .01, without and with the undecided."""
    most = [share + open_share for share, open_share in zip(decided, undecided, strict=True)]
    return [
        *curve("strategic errors", None, *decided, n=n),
        *(curve("strategic errors, at most", None, *most, n=n) if any(undecided) else ()),
    ]


@pytest.mark.parametrize(
    ("decided", "undecided", "verdict"),
    [
        # .5 at first at least; at the end at most .2 + .1
        ((0.5, 0.2), (0.2, 0.1), "down"),
        # at the end at least .5; at first at most .1 + .2
        ((0.1, 0.5), (0.2, 0.3), "up"),
        # the undecided at the end may all be strategic
        ((0.5, 0.2), (0.0, 0.4), "cannot say"),
        ((0.1, 0.5), (0.45, 0.0), "cannot say"),
        # .3 to .3 without a doubt but their intervals
        ((0.3, 0.3), (0.1, 0.1), "cannot say"),
        ((0.3, 0.3), (0.0, 0.0), "no change"),
        ((0.5, 0.2), (0.0, 0.0), "down"),
    ],
)
def test_errors_fell_only_if_the_undecided_cannot_turn_it(decided, undecided, verdict):
    (finding,) = findings_of("curves", kinds_over_steps(decided, undecided), question="strategic errors over training")
    assert finding.verdict == verdict
    assert (finding.at_most is None) == (not any(undecided))
    assert [side.value for side in finding.sides] == list(decided)


@pytest.mark.parametrize(
    ("last", "verdict"),
    # at first 2 % to 5 %; at the end at least 7 %, above both: +2 points at least, of 100 traces each give or take 7.
    # At the end at least 4 %: the undecided leave open whether it fell by 1 point or rose by 5 or more
    [(0.07, "no change"), (0.04, "cannot say")],
)
def test_the_undecided_are_the_reason_only_where_the_bounds_of_both_ends_overlap(last, verdict):
    rows = kinds_over_steps((0.02, last), (0.03, 0.07), n=100)
    (finding,) = findings_of("curves", rows, question="strategic errors over training")
    assert finding.verdict == verdict
    assert [side.value for side in finding.at_most] == [pytest.approx(0.05), pytest.approx(last + 0.07)]


def test_the_change_that_is_said_is_the_least_one():
    rows = kinds_over_steps((0.5, 0.2), (0.2, 0.1))
    (finding,) = findings_of("curves", rows, question="strategic errors over training")
    # from .5 down to at most .3, both give or take .01
    assert finding.estimate.value == pytest.approx(-0.2)
    assert finding.estimate.high == pytest.approx(-0.2 + math.hypot(0.01, 0.01), abs=2e-3)
    assert [side.value for side in finding.at_most] == [pytest.approx(0.7), pytest.approx(0.3)]


def kind_findings(shares, by=0.02, leads=(0.0, 0.0)):
    """Findings on shares of kinds of 100 wrong traces, each share and lead known to `by`."""
    rows = [
        {
            **{"source": "m", "step": None},
            "kind": kind,
            "count": round(100 * share),
            **{"share": share, "low": share - by, "high": share + by},
            **{
                f"at_most{end}": share + shares.get("undecided", 0) * (kind != "undecided")
                for end in ("", "_low", "_high")
            },
            **{"of_judged": share, "diagnosed": 100, "wrong": 100},
        }
        for kind, share in ({kind: shares.get(kind, 0.0) for kind in KINDS}).items()
    ]
    lead_rows = [
        {"source": "m", "kind": kind, "lead": lead, "low": lead - by, "high": lead + by}
        for kind, lead in zip(("strategic", "procedural"), leads, strict=True)
    ]
    (bounds,) = findings_of("errors", rows)
    (lead,) = findings_of("rivals", lead_rows, ("m",), "strategic or procedural", errors=table("errors", rows))
    return bounds, lead


@pytest.mark.parametrize(
    ("shares", "leads", "verdict"),
    [
        ({"strategic": 0.8, "procedural": 0.1, "undecided": 0.1}, (0.6, -0.8), "up"),
        ({"strategic": 0.1, "procedural": 0.7, "undecided": 0.2}, (-0.8, 0.4), "down"),
        ({"strategic": 0.25, "procedural": 0.07, "undecided": 0.68}, (-0.5, -0.86), "cannot say"),
        ({"strategic": 0.51, "procedural": 0.49}, (0.02, -0.02), "no change"),
    ],
)
def test_a_kind_is_called_more_frequent_only_if_the_undecided_cannot_turn_it(shares, leads, verdict):
    bounds, lead = kind_findings(shares, leads=leads)
    assert (lead.verdict, lead.question.name) == (verdict, "strategic or procedural")
    assert bounds.verdict == "measured"
    (errors,) = bounds.errors
    assert (errors.n_wrong, errors.n_diagnosed) == (100, 100)
    assert errors.kind("strategic").share.value == shares["strategic"]
    assert {row["kind"] for row in bounds.to_json()["kinds"]} == set(KINDS)


# -- what settles first -----------------------------------------------------------------------------------


def order(answer, steps=None, reason=""):
    estimate = Estimate(steps, None if steps is None else steps - 1, None if steps is None else steps + 1, 0, reason)
    return PhaseOrder(answer, "A sentence.", None, None, estimate, 40, "problems")


@pytest.mark.parametrize(
    ("answer", "placebo_answer", "verdict"),
    [
        ("yes", None, "up"),
        ("no", None, "down"),
        ("cannot say", None, "cannot say"),
        ("yes", "yes", "as placebo"),
        ("no", "no", "as placebo"),
        ("yes", "cannot say", "up"),
        ("yes", "no", "up"),
        ("cannot say", "cannot say", "cannot say"),
    ],
)
def test_the_order_of_phases_stands_beside_that_of_random_phrases(answer, placebo_answer, verdict):
    settling = table("settling", [{"source": "m", "series": "planning entropy", "step90": 4}])
    placebos = {} if placebo_answer is None else {"m": order(placebo_answer, 2.0)}
    analysis = TableAnalysis({"settling": settling}, ("m",), phase_orders={"m": order(answer, 9.0)})
    analysis.placebo_phase_orders = placebos
    (finding,) = analysis.findings
    assert (finding.verdict, finding.n, finding.estimate.value) == (verdict, 40, 9.0)


def test_a_phase_order_without_steps_says_why():
    settling = table("settling", [{"source": "m", "series": "planning entropy", "step90": 4}])
    orders = {"m": order("cannot say", reason="there are 2 steps, fewer than 5")}
    (finding,) = TableAnalysis({"settling": settling}, ("m",), phase_orders=orders).findings
    assert (finding.verdict, finding.estimate) == ("cannot say", None)
    assert finding.notes == ("there are 2 steps, fewer than 5",)


# -- contrasts ------------------------------------------------------------------------------------------


def share_rows(correct, wrong, placebo=None):
    return [
        {
            "source": "m",
            "outcome": outcome,
            "list": list_name,
            "value": value,
            "low": value - by,
            "high": value + by,
            "unit": "words",
            "traces": 7,
        }
        for outcome, list_name, value, by in (
            ("correct", "SGs", correct, 0.01),
            ("wrong", "SGs", wrong, 0.01),
            ("correct", "placebo", correct, 0.0),
            ("wrong", "placebo", correct + (placebo or 0), 0.0),
        )
        if list_name == "SGs" or placebo is not None
    ]


@pytest.mark.parametrize(
    ("correct", "wrong", "placebo", "verdict"),
    [(0.1, 0.15, 0.0, "up"), (0.1, 0.15, 0.05, "as placebo"), (0.15, 0.1, None, "down"), (0.1, 0.11, 0.2, "no change")],
)
def test_wrong_traces_plan_more_only_where_the_interval_says_so(correct, wrong, placebo, verdict):
    (finding,) = findings_of("shares", share_rows(correct, wrong, placebo))
    assert (finding.verdict, finding.n) == (verdict, 14)
    assert finding.estimate.value == pytest.approx(wrong - correct)
    assert finding.estimate.high == pytest.approx(wrong - correct + math.hypot(0.01, 0.01))
    assert [side.value for side in finding.sides] == [correct, wrong]


def corpus_row(correct, wrong, **cells):
    return {"source": "m", "traces": correct + wrong, "correct": correct, "wrong": wrong, "not_judged": 0, **cells}


def test_a_handful_of_wrong_traces_is_not_compared():
    """Of 16 correct traces 4 hold a gram, of 4 wrong ones none. Agresti and Caffo: 5/18 and 1/6; the variance is
    .2778 * .7222 / 18 + .1667 * .8333 / 6 = .0343 and the interval .25 -+ 1.96 * .1852 = .363, which holds 0."""
    row = {"gram": "so", "difference": 0.25, "low": 0.1, "high": 0.4, "correct_share": 0.25, "wrong_share": 0.0}
    interval = share_difference(row, 16, 4)
    assert (interval.low, interval.high) == (pytest.approx(-0.113, abs=0.001), pytest.approx(0.613, abs=0.001))
    few, enough = (table("corpus", [corpus_row(16, n_wrong)]) for n_wrong in (4, 10))
    (finding,) = findings_of("shares", share_rows(0.1, 0.15), question="planning by outcome", corpus=few)
    assert (finding.verdict, finding.estimate, finding.n) == ("cannot say", None, 20)
    assert finding.notes == ("16 correct and 4 wrong traces: fewer than 10 of one",)
    assert findings_of("grams", [row], question="grams by outcome", corpus=few) == []
    assert (
        findings_of("shares", share_rows(0.1, 0.15), question="planning by outcome", corpus=enough)[0].verdict == "up"
    )
    assert findings_of("grams", [row], question="grams by outcome", corpus=enough)
    nothing = table("corpus", [corpus_row(0, 0, traces=9)])
    assert findings_of("shares", share_rows(0.1, 0.15), question="planning by outcome", corpus=nothing) == []


def test_semantic_entropies_are_compared_at_one_size_only():
    def rows(size):
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
            for outcome, value, n in (("correct", 2.0, 100), ("wrong", 3.0, size))
        ]

    (finding,) = findings_of("semantic_entropy", rows(100))
    assert (finding.verdict, [side.value for side in finding.sides]) == ("up", [2.0, 3.0])
    assert findings_of("semantic_entropy", rows(200)) == []


def token_verdict(planning, execution, placebo_planning=None, placebo_execution=None):
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
            ("planning", "placebo", placebo_planning),
            ("execution", "placebo", placebo_execution),
        )
        if value is not None
    ]
    (finding,) = findings_of("tokens", rows)
    return finding.verdict


def test_planning_tokens_differ_only_if_marked_tokens_do_not_differ_as_much_with_random_phrases():
    """The gap has hypot(.05, .05) = .071 at each side, two such gaps differ if they are .1 apart."""
    assert token_verdict(0.9, 0.3, 0.5, 0.45) == "up"
    assert token_verdict(0.9, 0.3, 0.85, 0.3) == "as placebo"
    assert token_verdict(0.2, 0.6, 0.5, 0.5) == "down"
    assert token_verdict(0.5, 0.45, 0.4, 0.4) == "no change"
    assert token_verdict(0.9, 0.3) == "up"


@pytest.mark.parametrize(
    ("planning_share", "placebo_share", "verdict"),
    [(0.5, None, "up"), (0.5, 0.35, "up"), (0.5, 0.45, "as placebo"), (0.31, 0.3, "no change"), (0.1, 0.29, "down")],
)
def test_the_overlap_is_judged_against_chance_and_placebo(planning_share, placebo_share, verdict):
    """P(high | planning) = s, planning 6 %, P(planning | high) = s * .06 / .3: the share of high tokens is .3."""
    row = {"source": "m", "chance": 0.06, "planning_given_high": planning_share * 0.2, "tokens": 9, "list": "SGs"}
    rows = [{**row, "high_given_planning": planning_share, "low": planning_share - 0.05, "high": planning_share + 0.05}]
    if placebo_share is not None:
        rows.append({**row, "list": "placebo", "high_given_planning": placebo_share, "low": 0.0, "high": 1.0})
    (finding,) = findings_of("overlap", rows)
    assert finding.verdict == verdict
    assert [side.value for side in finding.sides] == [0.3, planning_share]
    assert finding.estimate.value == pytest.approx(planning_share - 0.3)


def test_equations_of_wrong_and_correct_traces_are_compared():
    """.1 - .02 = .08, by hypot(.02, .02) = .028."""
    (finding,) = [f for f in full_analysis(("m",)).findings if f.question.name == "wrong equations by outcome"]
    assert finding.verdict == "up"
    assert (finding.estimate.low, finding.estimate.high) == (
        pytest.approx(0.08 - math.hypot(0.02, 0.02)),
        pytest.approx(0.08 + math.hypot(0.02, 0.02)),
    )


# -- many comparisons -------------------------------------------------------------------------------------


def gram_rows():
    return [
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


def test_grams_are_named_only_if_they_stand_among_all():
    """p is 4e-15 for "sure" and .039 for "alone", which would have to be at most .05 * 2 / 3 = .033."""
    together, named = findings_of("grams", gram_rows())
    # the column is correct less wrong, .2 from .15 to .25; findings are wrong less correct, as those of moves
    assert (together.n, together.verdict, together.verdicts) == (3, "down", (("sure", "down"),))
    assert (named.subject, named.verdict, named.source) == ("sure", "down", None)
    assert (named.estimate.value, named.estimate.low) == (-0.2, pytest.approx(-0.25))
    assert word(named).text == "“sure”: more frequent in correct traces, by 20.0 points [15.0, 25.0]."
    (nothing,) = findings_of("grams", gram_rows()[1:])
    assert (nothing.n, nothing.verdict, nothing.verdicts) == (2, "no change", ())
    assert findings_of("grams", [{**row, "difference": None} for row in gram_rows()]) == []


def test_moves_are_judged_together_too():
    """Branching: 9 less 2 is 7, give or take hypot(.5, .5) = .71; deduction: .2, give or take .71."""
    rows = [
        {"source": name, "move": move, "outcome": outcome, "per_1000_words": r, "low": r - 0.5, "high": r + 0.5}
        for name in "ab"
        for move, outcome, r in (
            ("branching", "correct", 2.0),
            ("branching", "wrong", 9.0),
            ("deduction", "correct", 5.0),
            ("deduction", "wrong", 5.2),
        )
    ]
    together, first, second = findings_of("moves", rows, ("a", "b"))
    assert (together.n, together.source, together.verdict) == (4, None, "up")
    assert {(finding.source, finding.subject) for finding in (first, second)} == {
        ("a", "branching"),
        ("b", "branching"),
    }
    assert first.estimate.value == 7
    assert [side.value for side in first.sides] == [2.0, 9.0]
    assert word(first).text.startswith("“branching” in a: more frequent in wrong traces, by 7.00 per 1,000 words [")


def test_clusters_that_grew_are_judged_by_the_logarithm_of_their_ratio():
    rows = [
        {"source": "m", "gram": name, "start_rate": 1.0, "end_rate": ratio, "ratio": ratio, "low": low, "high": high}
        for name, ratio, low, high in (("wait", 4.0, 2.5, 6.4), ("but", 1.1, 0.5, 2.0), ("no", 0.25, 0.16, 0.4))
    ]
    together, *named = findings_of("aha", rows)
    assert (together.n, together.verdict) == (3, "mixed")
    assert {(finding.subject, finding.verdict) for finding in named} == {("wait", "up"), ("no", "down")}


def test_a_ratio_of_zero_is_no_discovery():
    rows = [{"source": "m", "gram": "no", "start_rate": 1.0, "end_rate": 0.0, "ratio": 0.0, "low": 0.0, "high": 0.5}]
    (together,) = findings_of("aha", rows)
    assert together.verdict == "no change"


# -- levels, sizes, controls --------------------------------------------------------------------------------


def test_the_corpus_says_how_much_was_judged():
    rows = [corpus_row(60, 35, traces=100, not_judged=5)]
    (finding,) = findings_of("corpus", rows)
    assert (finding.n, finding.estimate.value) == (100, 0.95)
    assert finding.notes == ("60 are correct, 35 wrong and 5 not judged.",)
    (nothing,) = findings_of("corpus", [corpus_row(0, 0, traces=2, not_judged=2)])
    assert "--correct-above" in nothing.notes[0]


def test_placebos_say_what_they_mark_and_what_failed():
    rows = [
        {"draw": 1, "lexicon": "l", "unit": "words", "share_wanted": 0.1, "share": 0.099, "met": True},
        {"draw": 2, "lexicon": "l", "unit": None, "share_wanted": None, "share": None, "met": False},
    ]
    (finding,) = findings_of("placebo", rows)
    assert (finding.n, finding.estimate.value, finding.subject) == (1, pytest.approx(0.001), "words")
    assert finding.notes == ("1 of 2 placebos could not be drawn.",)
    (none,) = findings_of("placebo", rows[1:])
    assert (none.verdict, none.n) == ("cannot say", 0)


def test_levels_of_several_sources_have_the_smallest_and_the_largest():
    rows = [
        {"source": name, "measure": "pass@1", "value": value, "low": value - 0.1, "high": value + 0.1, "problems": 5}
        for name, value in (("a", 0.5), ("b", 0.7), ("c", 0.2))
    ]
    together, *by_source = findings_of("success", rows, ("a", "b", "c"))
    assert [side.value for side in together.sides] == [0.2, 0.7]
    assert [source for source, _ in together.verdicts] == ["c", "b"]
    assert together.estimate is None  # sources are never pooled
    assert [(finding.source, finding.estimate.value, finding.n) for finding in by_source] == [
        ("a", 0.5, 5),
        ("b", 0.7, 5),
        ("c", 0.2, 5),
    ]


def test_sources_that_agree_have_their_verdict_and_others_are_mixed():
    def curves(lasts):
        rows = [row for name, last in lasts.items() for row in curve("length", None, 10.0, last, source=name)]
        return findings_of("curves", rows, tuple(lasts))

    together, *_ = curves({"a": 12.0, "b": 13.0})
    assert (together.verdict, together.n) == ("up", 2)
    together, *_ = curves({"a": 12.0, "b": 8.0, "c": 10.0})
    assert (together.verdict, dict(together.verdicts)) == ("mixed", {"a": "up", "b": "down", "c": "no change"})
    (single,) = curves({"a": 12.0})
    assert summarize([single]) is None


# -- the whole ----------------------------------------------------------------------------------------------


def test_a_question_whose_table_is_absent_has_no_finding():
    whole = full_analysis(("m",))
    assert TableAnalysis({}, ()).findings == ()
    for name in whole.tables:
        others = {other: whole.tables[other] for other in whole.tables if other != name}
        assert name not in {finding.measure for finding in TableAnalysis(others, ("m",)).findings}


def test_tables_without_numbers_claim_nothing():
    whole = full_analysis(("a", "b"))
    for name, full_table in whole.tables.items():
        is_text = [column.kind == "text" for column in full_table.columns]
        records = [
            {column: cell if keep else None for column, cell, keep in zip(full_table.names, row, is_text, strict=True)}
            for row in full_table.rows
        ]
        findings = findings_of(name, records, ("a", "b"))
        assert not [f for f in findings if f.verdict in ("up", "down", "mixed", "as placebo")], name


def test_findings_as_json_hold_every_number_and_no_nan():
    for finding in full_analysis(("a", "b")).findings:
        document = finding.to_json()
        assert document["measure"] == finding.measure
        assert document["question"] == finding.question.name
        if finding.estimate is not None:
            assert document["estimate"]["value"] == pytest.approx(finding.estimate.value, abs=1e-6)


def test_names_of_questions_are_unique():
    names = [question.name for measure in TableAnalysis({}, ()).measures for question in measure.questions]
    assert len(names) == len(set(names))


def test_the_context_knows_the_outcomes_of_a_source_only_with_a_corpus():
    context = FindingContext({"corpus": table("corpus", [corpus_row(3, 4)])}, ("m",))
    assert context.n_judged("m") == (3, 4)
    assert FindingContext({}, ("m",)).n_judged("m") is None
