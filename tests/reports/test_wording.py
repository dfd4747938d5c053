"""The words of findings: one sentence for each, in which numbers, intervals and names are parts of their own."""

from dataclasses import replace
from typing import get_args

import pytest

from sgram.analysis.findings import Change, Contrast, Discoveries, Finding, Level, Question, Verdict
from sgram.analysis.kind_change import KindChange
from sgram.analysis.measures.dynamics import ClusterGrowth
from sgram.analysis.measures.errors import KindBounds, KindLead
from sgram.diagnosis.kind_shares import KindShare, KindsOfErrors
from sgram.diagnosis.kinds import KINDS
from sgram.reports.wording import MAX_HEADLINES, Words, findings_json, group_statements, headlines, word
from sgram.statistics import Estimate
from tests.builders.report_tables import TableAnalysis, full_analysis

ACCURACY = Change(name="accuracy", subject="accuracy", series="pass@1", rank=1)
PLANNING = Contrast(
    name="planning",
    subject="the planning share",
    by="outcome",
    sides=("correct", "wrong"),
    side_names=("correct traces", "wrong traces"),
)
GRAMS = Discoveries(name="grams", subject="grams", things="grams", named_by="gram", words=("rarer", "more frequent"))
LEVEL = Level(name="level", subject="accuracy (pass@1)")


def estimate(value, by=0.0625):
    return Estimate(value, value - by, value + by)


def finding(question, verdict, source="hicra", **fields):
    defaults = {"estimate": estimate(0.25), "sides": (estimate(0.25), estimate(0.5)), "n": 3}
    return Finding("curves", question, source, verdict=verdict, **{**defaults, **fields})


@pytest.mark.parametrize(
    ("verdict", "placebo", "text"),
    [
        ("up", None, "hicra: accuracy rose from 25.0 % to 50.0 %, +25.0 points [18.8, 31.2]."),
        (
            "up",
            0.125,
            "hicra: accuracy rose from 25.0 % to 50.0 %, +25.0 points [18.8, 31.2]; random phrases: +12.5 points.",
        ),
        ("no change", None, "hicra: accuracy: no change shown (25.0 % to 50.0 %, +25.0 points [18.8, 31.2])."),
        (
            "as placebo",
            0.25,
            "hicra: accuracy: no change beyond random phrases (25.0 % to 50.0 %, +25.0 points [18.8, 31.2]; random "
            "phrases: +25.0 points).",
        ),
    ],
)
def test_a_change_is_said_with_both_ends_the_difference_and_random_phrases(verdict, placebo, text):
    assert word(finding(ACCURACY, verdict, placebo=None if placebo is None else Estimate(placebo))).text == text


def test_of_one_source_no_name_is_needed():
    text = "Accuracy rose from 25.0 % to 50.0 %, +25.0 points [18.8, 31.2]."
    assert word(finding(ACCURACY, "up"), with_source=False).text == text


def test_below_a_headline_the_subject_is_left_out():
    text = "hicra: rose from 25.0 % to 50.0 %, +25.0 points [18.8, 31.2]."
    assert word(finding(ACCURACY, "up"), with_subject=False).text == text
    text = "hicra: higher, 50.0 % against 25.0 %, +25.0 points [18.8, 31.2]."
    assert word(finding(PLANNING, "up"), with_subject=False).text == text


@pytest.mark.parametrize(
    ("verdicts", "text"),
    [
        ("up up up", "Accuracy rose in all 3 runs, by 12.5 to 37.5 points."),
        ("down down", "Accuracy fell in both runs, by 12.5 and 37.5 points."),
        ("nochange nochange", "Accuracy: no change shown in either of the 2 runs."),
        ("placebo placebo placebo", "Accuracy: no change beyond random phrases in any of the 3 runs."),
        ("nochange up up", "Accuracy: rose in 2 of 3 runs (b, c); no change shown in 1 (a)."),
        ("up up up up down", "Accuracy: rose in 4 of 5 runs; fell in 1 (e)."),
    ],
)
def test_several_sources_make_one_sentence(verdicts, text):
    names = {"nochange": "no change", "placebo": "as placebo"}
    pairs = tuple(zip("abcde", [names.get(verdict, verdict) for verdict in verdicts.split()], strict=False))
    distinct = {verdict for _, verdict in pairs}
    common = pairs[0][1] if len(distinct) == 1 else "mixed"
    sides = estimate(0.125), estimate(0.375)
    together = finding(ACCURACY, common, None, estimate=None, sides=sides, n=len(pairs), verdicts=pairs)
    assert word(together, "run").text == text


def test_names_with_commas_are_separated_by_semicolons():
    pairs = (("a, 1", "up"), ("a, 2", "up"), ("b", "down"))
    together = finding(ACCURACY, "mixed", None, estimate=None, sides=None, verdicts=pairs)
    assert word(together).text == "Accuracy: rose in 2 of 3 sources (a, 1; a, 2); fell in 1 (b)."


def test_a_contrast_names_both_sides_alone_and_together():
    assert word(finding(PLANNING, "down")).text == (
        "hicra: the planning share is lower for wrong traces than for correct traces: 50.0 % against 25.0 %, "
        "+25.0 points [18.8, 31.2]."
    )
    together = finding(PLANNING, "up", None, estimate=None, verdicts=(("a", "up"), ("b", "up")))
    assert word(together, "model").text == (
        "The planning share is higher for wrong traces than for correct traces in both models, by 25.0 and 50.0 points."
    )
    mixed = replace(together, verdict="mixed", verdicts=(("a", "up"), ("b", "cannot say")))
    assert word(mixed, "model").text == (
        "The planning share, wrong traces against correct traces: higher in 1 of 2 models (a); cannot say in 1 (b)."
    )


def test_levels_of_several_sources_are_a_range():
    together = finding(LEVEL, "measured", None, estimate=None, verdicts=(("a", "measured"), ("b", "measured")))
    assert word(together).text == "Accuracy (pass@1): from 25.0 % (a) to 50.0 % (b)."
    assert word(finding(LEVEL, "measured")).text == "hicra: accuracy (pass@1): 25.0 % [18.8, 31.2]."


def test_discoveries_are_counted_and_named():
    pairs = (("wait", "up"), ("so", "down"), ("but", "down"))
    together = finding(GRAMS, "mixed", None, estimate=None, sides=None, n=1234, verdicts=pairs)
    assert word(together).text == ("Of 1,234 grams, judged together: 1 more frequent, 2 rarer.")
    nothing = finding(GRAMS, "no change", None, estimate=None, sides=None, n=9)
    assert word(nothing).text == ("Of 9 grams, judged together, none differs between correct and wrong traces.")
    named = finding(GRAMS, "down", None, subject="so", estimate=estimate(-0.25))
    assert word(named).text == "“so”: rarer, by 25.0 points [18.8, 31.2].", "the words tell the direction"
    in_source = replace(named, source="grpo, seed 0")
    assert word(in_source).text == "“so” in grpo, seed 0: rarer, by 25.0 points [18.8, 31.2]."
    ratio = Discoveries(
        name="r", subject="r", unit="ratio", things="clusters", named_by="medoid", words=("rarer", "more frequent")
    )
    assert word(finding(ratio, "up", None, subject="so", estimate=estimate(2.5, 0.5))).text == (
        "“so”: more frequent, × 2.50 [2.00, 3.00]."
    )


def test_growth_is_said_of_a_cluster_not_of_the_gram_that_names_it():
    growth = ClusterGrowth(
        name="r", subject="r", unit="ratio", things="clusters", named_by="gram", words=("rarer", "more frequent")
    )
    grown = finding(growth, "up", "grpo, seed 0", subject="so", estimate=estimate(2.5, 0.5))
    assert word(grown).text == "The cluster of “so” in grpo, seed 0: more frequent, × 2.50 [2.00, 3.00]."


def kinds(source="m", n_diagnosed=40, **counts):
    """Kinds of 40 wrong traces of a source, each share known to 6 points; without undecided ones by default."""
    total = sum(counts.values())
    shares = []
    for kind in KINDS:
        share = counts.get(kind.replace("-", "_"), 0) / total
        most = share + (counts.get("undecided", 0) / total if kind != "undecided" else 0)
        rival = {"strategic": "procedural", "procedural": "strategic"}.get(kind)
        lead = None
        if rival is not None:
            lead = estimate(share - (counts.get(rival, 0) + counts.get("undecided", 0)) / total)
        shares.append(KindShare(kind, counts.get(kind.replace("-", "_"), 0), estimate(share), estimate(most), lead))
    return KindsOfErrors(source, 40, n_diagnosed, tuple(shares))


def bounds_of(*errors):
    fields = {"errors": errors, "estimate": None, "sides": None}
    source = errors[0].source if len(errors) == 1 else None
    verdicts = tuple((error.source, "measured") for error in errors) if len(errors) > 1 else ()
    question = KindBounds(name="kinds", subject="kinds of errors")
    return word(finding(question, "measured", source, verdicts=verdicts, **fields), with_source=False).text


def test_kinds_are_said_as_what_they_are_at_least():
    # 10, 4 and 26 of 40, each give or take 6.25 points
    assert bounds_of(kinds(strategic=10, procedural=4, undecided=26)) == (
        "Of 40 wrong traces: strategic at least 25.0 % [18.8, 31.2], procedural at least 10.0 % [3.8, 16.2], "
        "undecided 65.0 % [58.8, 71.2]."
    )


def test_without_undecided_traces_shares_are_shares_and_a_sample_is_said():
    assert bounds_of(kinds(strategic=5, procedural=3, not_wrong=2, n_diagnosed=10)) == (
        "Of 40 wrong traces, 10 of them diagnosed: strategic 50.0 % [43.8, 56.2], procedural 30.0 % [23.8, 36.2]; "
        "not wrong by their answers: 20.0 % [13.8, 26.2] (2)."
    )


def test_kinds_of_several_sources_are_ranges_with_their_sources():
    assert bounds_of(kinds("a", strategic=30, procedural=10), kinds("b", strategic=10, undecided=30)) == (
        "Wrong traces of 2 sources: strategic at least 25.0 % (b) to 75.0 % (a), procedural at least 0.0 % (b) to "
        "25.0 % (a), undecided 0.0 % (a) to 75.0 % (b)."
    )


@pytest.mark.parametrize(
    ("counts", "verdict", "text"),
    [
        (
            {"strategic": 30, "procedural": 6, "undecided": 4},
            "up",
            "Strategic errors are more frequent than procedural ones, even if all undecided ones are procedural: at "
            "least 75.0 % [68.8, 81.2] against at most 25.0 % [18.8, 31.2].",
        ),
        (
            {"strategic": 10, "procedural": 30},
            "down",
            "Procedural errors are more frequent than strategic ones: 75.0 % [68.8, 81.2] against 25.0 % [18.8, 31.2].",
        ),
        (
            {"strategic": 10, "procedural": 4, "undecided": 26},
            "cannot say",
            "Strategic or procedural, which is more frequent: cannot say, as it depends on the undecided (65.0 % "
            "[58.8, 71.2]).",
        ),
        (
            {"strategic": 20, "procedural": 20},
            "no change",
            "Strategic or procedural, which is more frequent: no difference shown (50.0 % [43.8, 56.2] against 50.0 % "
            "[43.8, 56.2]).",
        ),
    ],
)
def test_which_kind_is_more_frequent_is_said_only_if_the_undecided_cannot_turn_it(counts, verdict, text):
    question = KindLead(name="rivals", subject="strategic or procedural")
    one = finding(question, verdict, errors=(kinds(**counts),))
    assert word(one, with_source=False).text == text


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        (
            "down",
            "Slips fell from at least 50.0 % [43.8, 56.2] to at most 25.0 % [18.8, 31.2], −25.0 points [−31.2, −18.8] "
            "at least.",
        ),
        (
            "cannot say",
            "Slips: cannot say if there was a rise or a fall, between 50.0 % [43.8, 56.2] and 60.0 % [53.8, 66.2] at "
            "first and between 12.5 % [6.2, 18.8] and 25.0 % [18.8, 31.2] at the end, as some kinds are undecided.",
        ),
        (
            "no change",
            "Slips: no change shown (between 50.0 % [43.8, 56.2] and 60.0 % [53.8, 66.2] at first, between 12.5 % "
            "[6.2, 18.8] and 25.0 % [18.8, 31.2] at the end, −25.0 points [−31.2, −18.8]).",
        ),
    ],
)
def test_a_change_with_undecided_traces_names_the_ends_that_hold_whatever_they_are(verdict, text):
    question = KindChange(name="slips", subject="slips", series="slips")
    sides, at_most = (estimate(0.5), estimate(0.125)), (estimate(0.6), estimate(0.25))
    one = finding(question, verdict, estimate=estimate(-0.25), sides=sides, at_most=at_most)
    assert word(one, with_source=False).text == text


def test_a_kind_without_undecided_traces_has_one_share_at_each_end():
    one = finding(KindChange(name="slips", subject="slips", series="slips"), "no change", estimate=estimate(0.25))
    assert word(one, with_source=False).text == (
        "Slips: no change shown (25.0 % at first, 50.0 % at the end, +25.0 points [18.8, 31.2])."
    )


def test_notes_follow_as_sentences():
    text = word(finding(LEVEL, "measured", notes=("few traces", "Another note."))).text
    assert text.endswith("31.2]. Few traces. Another note.")


@pytest.mark.parametrize(
    ("value", "low", "high", "unit", "text"),
    [
        (0.1234, 0.101, 0.142, "share", "12.3 % [10.1, 14.2]"),
        (-0.1234, -0.2, -0.0001, "share", "−12.34 % [−20.00, −0.01]"),  # no end that is not 0 seems to be 0
        (0.02, 0.0, 0.04, "share", "2.0 % [0.0, 4.0]"),
        (3.14159, 3.0, 3.5, "nats", "3.14 nats [3.00, 3.50]"),
        (1234.5, 1200.0, 1300.0, "words", "1,234.5 words [1,200.0, 1,300.0]"),
        (7.0, None, None, "hedges", "7.00 hedges"),
        (None, None, None, "nats", "unknown"),
    ],
)
def test_numbers_are_rounded_with_their_intervals(value, low, high, unit, text):
    level = Level(name="x", subject="x", unit=unit)
    assert word(finding(level, "measured", None, estimate=Estimate(value, low, high))).text == f"X: {text}."


def test_numbers_intervals_and_names_are_parts_of_their_own():
    assert word(finding(LEVEL, "measured", source="<b>")).parts == (
        Words("<b>", "name"),
        Words(": "),
        Words("accuracy (pass@1)"),
        Words(": "),
        Words("25.0 %", "number"),
        Words(" "),
        Words("[18.8, 31.2]", "aside"),
        Words("."),
    )


def test_every_verdict_of_every_question_has_words():
    """No template misses a field, and none is empty, also for a question of another package."""

    class Surprise(Question):
        """A question of a plug-in."""

    questions = [question for measure in TableAnalysis({}, ()).measures for question in measure.questions]
    for question in [*questions, Surprise(name="surprise", subject="surprise", unit="gasps")]:
        for verdict in get_args(Verdict):
            if verdict != "mixed":
                assert word(finding(question, verdict, placebo=Estimate(0.125), subject="x")).text.endswith("."), (
                    verdict
                )
                assert word(finding(question, verdict)).text.endswith("."), verdict
            pairs = (("a", "up"), ("b", "cannot say"), ("c", "as placebo"))
            together = finding(question, verdict, None, verdicts=pairs)
            assert word(together).text.endswith("."), (question.name, verdict)


def test_a_report_is_one_group_for_each_question_in_the_order_of_the_measures():
    analysis = full_analysis(("a", "b", "c"))
    groups = group_statements(analysis)
    questions = [group.headline.finding.question.name for group in groups]
    assert len(questions) == len(set(questions))
    order = [question.name for measure in analysis.measures for question in measure.questions]
    assert questions == [name for name in order if name in questions]
    for group in groups:
        sections = {measure.section for measure in analysis.measures if measure.name == group.headline.finding.measure}
        assert {group.section} == sections
    statements = [statement for group in groups for statement in (group.headline, *group.details)]
    assert [statement.finding for statement in statements] == list(analysis.findings)


def test_headlines_are_the_ranked_questions_the_first_rank_first():
    statements = headlines(full_analysis(("a", "b", "c")))
    ranks = [statement.finding.question.rank for statement in statements]
    assert 0 < len(statements) <= MAX_HEADLINES
    assert ranks == sorted(ranks)
    assert min(ranks) > 0
    assert statements[0].text.startswith("Accuracy rose in all 3 models, ")
    # of one source no name is needed
    assert headlines(full_analysis(("m",)))[0].text.startswith("Accuracy rose from ")


def test_accuracy_over_steps_takes_the_place_of_accuracy_over_all():
    def texts(steps):
        return [statement.text for statement in headlines(full_analysis(("m",), steps=steps))]

    assert any(text.startswith("Accuracy (pass@1): 60.0 %") for text in texts(()))
    assert not any(text.startswith("Accuracy (pass@1)") for text in texts(range(0, 81, 5)))


def test_findings_as_json_have_their_words():
    analysis = full_analysis(("a", "b"))
    documents = findings_json(analysis)
    assert len(documents) == len(analysis.findings)
    assert all(document["text"].endswith(".") for document in documents)
    (accuracy,) = [d for d in documents if d["question"] == "accuracy over training" and d["source"] is None]
    assert accuracy["text"].startswith("Accuracy rose in both models, ")
    assert accuracy["verdicts"] == {"a": "up", "b": "up"}


def test_no_sentence_says_nan_none_or_not_told():
    for sources in (("m",), ("a", "b"), tuple(f"m{index}" for index in range(20))):
        for group in group_statements(full_analysis(sources)):
            for statement in (group.headline, *group.details):
                text = statement.text
                assert not [bad for bad in ("nan", "None", "not told", "{", "  ", "..") if bad in text], text
