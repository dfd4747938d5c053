"""Tables of small traces; the computation of each number is given beside it."""

import math
from dataclasses import replace

import pytest

from sgram.analysis import AnalysisConfig, analyze
from sgram.analysis.count_pass import answer_key
from sgram.diagnosis.kinds import KINDS
from sgram.errors import InputError, UsageError
from sgram.traces import ReadOptions
from tests.builders.analysis_examples import build_lexicon, build_trace, write_rollouts


@pytest.fixture(scope="module")
def traces_folder(tmp_path_factory):
    """Two models, two problems of two samples each for "m", one for "n"."""
    folder = tmp_path_factory.mktemp("hand")
    build_lexicon().save(folder / "lexicon.json")
    traces = [
        build_trace("1", "so we add. wait no that is bad", group="p", correct=True, answer="4"),  # 8 words, 3 planning
        build_trace("2", "we add and add", group="p", correct=False, answer="5"),  # 4 words, 0 planning
        build_trace("3", "let me check it. so so", group="q", correct=True, answer="7"),  # 6 words, 5 planning
        build_trace("4", "so it is", group="q", correct=True, answer="7"),  # 3 words, 1 planning
        build_trace("5", "we go on", group="p", model="n"),  # 3 words, 0 planning
    ]
    write_rollouts(folder, traces)
    return folder


@pytest.fixture(scope="module")
def analysis(traces_folder):
    config = AnalysisConfig(lexicon=str(traces_folder / "lexicon.json"), n_placebos=0, n_draws=200)
    return analyze([traces_folder / "rollouts.jsonl"], config)


def record_of(analysis, table, **cells):
    (record,) = analysis.tables[table].records(**cells)
    return record


def test_the_corpus_is_counted_by_source(analysis):
    record = record_of(analysis, "corpus", source="m")
    assert (record["traces"], record["problems"], record["correct"], record["wrong"]) == (4, 2, 3, 1)
    assert (record["words"], record["tokens"], record["length"]) == (8 + 4 + 6 + 3, None, 21 / 4)
    assert record_of(analysis, "corpus", source="n")["not_judged"] == 1
    assert analysis.sources == ("m", "n"), "the larger first"


def test_success_is_a_mean_over_problems_and_votes_count(analysis):
    # problem p: 1 of 2 correct, q: 2 of 2. pass@1 = (1/2 + 1) / 2; of both samples of p one is correct: pass@2 = 1;
    # the vote of p is 4 against 5, shared: maj@2 = (1/2 + 1) / 2
    values = {record["measure"]: record["value"] for record in analysis.tables["success"].records(source="m")}
    assert values == {"pass@1": 0.75, "pass@2": 1.0, "maj@2": 0.75, "avg@2": 0.75}
    assert analysis.tables["success"].records(source="n") == [], "not judged"


def test_a_sample_without_an_answer_casts_no_vote(tmp_path):
    # of three samples two answer nothing: the only vote is right
    traces = [build_trace(f"{n}", "so", group="g", correct=n == 0, answer="4" if n == 0 else None) for n in range(3)]
    analysis = analyze([write_rollouts(tmp_path, traces)], AnalysisConfig(n_placebos=0, n_draws=20))
    assert record_of(analysis, "success", measure="maj@3")["value"] == 1
    assert record_of(analysis, "success", measure="pass@1")["value"] == pytest.approx(1 / 3)


def success_of(tmp_path, *problems):
    """Success of problems, each of (correct, answer) of its samples, by measure."""
    traces = [
        build_trace(f"{problem}-{number}", "so", group=f"g{problem}", correct=correct, answer=answer)
        for problem, samples in enumerate(problems)
        for number, (correct, answer) in enumerate(samples)
    ]
    analysis = analyze([write_rollouts(tmp_path, traces)], AnalysisConfig(n_placebos=0, n_draws=20))
    return {row["measure"]: row for row in analysis.tables["success"].records()}


def test_a_problem_whose_answers_are_not_recorded_has_no_majority(tmp_path):
    # all are right; of one problem no answer is known, of the other every vote is 7
    success = success_of(tmp_path, [(True, None)] * 4, [(True, "7")] * 4, [(False, None)] * 4)
    assert (success["maj@4"]["value"], success["maj@4"]["problems"], success["maj@4"]["samples"]) == (1, 1, 4)
    assert (success["avg@4"]["value"], success["avg@4"]["problems"]) == (pytest.approx(2 / 3), 3)


def test_a_problem_that_no_sample_answers_is_a_lost_vote(tmp_path):
    # right traces have their answers, so a wrong one without any states none: one of two problems is won
    success = success_of(tmp_path, [(True, "7")] * 4, [(False, None)] * 4)
    assert (success["maj@4"]["value"], success["maj@4"]["problems"]) == (0.5, 2)


def test_no_recorded_answer_at_all_is_no_majority_vote(tmp_path):
    assert set(success_of(tmp_path, [(True, None), (False, " ")])) == {"pass@1", "pass@2", "avg@2"}


def test_spellings_of_an_answer_vote_together(tmp_path):
    # 4 votes for 5 in two spellings against 3 for 6: of all 7 samples the most frequent answer is right
    samples = [(True, "5"), (True, "$5"), (True, "5.0"), (True, "5.00"), *[(False, "6")] * 3]
    assert success_of(tmp_path, samples)["maj@7"]["value"] == 1


@pytest.mark.parametrize(
    "spellings",
    [
        ("1000", "1,000", "1{,}000", "1000 apples"),
        ("1/2", "\\frac{1}{2}", "0.5", "50%"),
        ("Paris", "paris.", "\\text{Paris}"),
        ("B", "(B)", "b"),
        ("(1, 2)", "(1,2)"),
        ("{1, 2}", "2, 1", "\\{1,2\\}"),
        ("x^2 + 1", "x^2+1"),
        ("1e5000", "10^{5000}"),
        ("a " * 300, "a  " * 300),
    ],
)
def test_an_answer_is_one_in_every_spelling(spellings):
    assert len({answer_key(spelling) for spelling in spellings}) == 1


def test_different_answers_are_not_one():
    # (1, 2) is no set, 10 is written "a" in base 16, "not 5" is what the grader writes for an answer that looks like 5
    answers = ("5", "-5", "5.01", "a", "10", "(1, 2)", "(2, 1)", "1, 2", "x+1", "x-1", "not 5", "yes", "no", "x < 2")
    assert len({answer_key(answer) for answer in answers}) == len(answers)
    assert answer_key(None) == answer_key("") == answer_key(" \n") == 0


def test_traces_of_one_length_are_in_one_bin(tmp_path):
    # 40 traces are at most 4 bins; their quartiles are all 3 words, so that there are two: 30 traces and 10
    traces = [build_trace(f"{n}", "so we add" + " and add" * (n < 10)) for n in range(40)]
    table = analyze([write_rollouts(tmp_path, traces)], AnalysisConfig(n_placebos=0, n_draws=20)).tables["scaling"]
    assert [(row["bin_low"], row["bin_high"], row["traces"]) for row in table.records()] == [(3, 3, 30), (5, 5, 10)]
    assert "about equal numbers" in table.note
    assert "traces of one length stay together" in table.note


def test_shares_are_pooled_over_words(analysis):
    assert record_of(analysis, "shares", source="m", outcome="all")["value"] == 9 / 21
    assert record_of(analysis, "shares", source="m", outcome="correct")["value"] == 9 / 17
    assert record_of(analysis, "shares", source="m", outcome="wrong")["value"] == 0
    assert record_of(analysis, "shares", source="m", outcome="all")["unit"] == "words"
    assert {record["outcome"] for record in analysis.tables["shares"].records(source="n")} == {"all", "not judged"}


def test_nothing_that_does_not_vary_has_an_interval(analysis):
    assert record_of(analysis, "shares", source="m", outcome="wrong")["low"] is None
    # the two problems of m have 3 of 12 and 6 of 9 planning words: a resample of one of them alone gives the ends
    record = record_of(analysis, "shares", source="m", outcome="all")
    assert (record["low"], record["high"]) == (3 / 12, 6 / 9)


def test_moves_are_spans_that_do_not_overlap(analysis):
    # "wait no" is one span of backtracking although "wait" is a gram too; "so" four times is deduction
    record = record_of(analysis, "moves", source="m", outcome="all", move="backtracking")
    assert (record["count"], record["per_1000_words"], record["traces_share"]) == (1, 1000 / 21, 1 / 4)
    record = record_of(analysis, "moves", source="m", outcome="all", move="deduction")
    assert (record["count"], record["traces_share"]) == (4, 3 / 4)
    assert record_of(analysis, "moves", source="m", outcome="wrong", move="deduction")["count"] == 0


def test_grams_are_compared_between_outcomes_over_all_sources(analysis):
    # "so" is in all three correct traces and not in the wrong one; 5 traces in all
    record = record_of(analysis, "grams", gram="so")
    assert (record["count"], record["traces"], record["traces_share"]) == (4, 3, 3 / 5)
    assert (record["correct_share"], record["wrong_share"], record["difference"]) == (1, 0, 1)
    assert (record["low"], record["high"]) == (1, 1), "whichever problems are drawn"
    assert analysis.tables["grams"].column("gram") == ["so", "let me check", "wait no"], "the most frequent first"


def test_semantic_entropy_of_the_whole_is_that_of_the_counts(analysis):
    # spans of m: so 4, let me check 1, wait no 1; plug-in -(2/3 ln 2/3 + 2 * 1/6 ln 1/6)
    record = record_of(analysis, "semantic_entropy", source="m", outcome="all", bins="grams")
    entropy = -(2 / 3 * math.log(2 / 3) + 2 / 6 * math.log(1 / 6))
    assert record["plugin"] == pytest.approx(entropy)
    assert (record["occurrences"], record["n_bins"], record["size"]) == (6, 3, 6)
    assert record["at_size"] == pytest.approx(entropy), "at its own size"
    assert record_of(analysis, "semantic_entropy", source="m", outcome="all", bins="moves")["plugin"] == pytest.approx(
        entropy
    )


def test_conditional_entropy_is_of_the_word_that_follows(analysis):
    # after so: we, so, nothing, it; after let me check: it; after wait no: that. 4/6 ln 4
    record = record_of(analysis, "conditional_entropy", source="m")
    assert record["value"] == pytest.approx(4 / 6 * math.log(4))
    assert record["occurrences"] == 6


def test_tables_that_the_inputs_do_not_allow_are_absent_and_a_note_says_why(analysis):
    assert not {"tokens", "overlap", "curves", "settling", "aha", "placebo"} & set(analysis.tables)
    assert analysis.phase_orders == {}
    assert any("sgram metrics --model" in note for note in analysis.notes)
    with pytest.raises(UsageError, match=r"no table 'curves' in this analysis; it has corpus, success"):
        analysis.frame("curves")


def test_a_wrong_trace_is_diagnosed_and_its_equations_are_checked(tmp_path):
    traces = [
        build_trace("1", "We have 17 * 3 = 52. The answer is 52.", group="p", correct=False, answer="52"),
        build_trace("2", "We have 17 * 3 = 51. The answer is 51.", group="p", correct=True, answer="51"),
        build_trace("3", "We say 4.", group="q", correct=False, meta={"error": "format"}),
        build_trace(
            "4", "We say 7.", group="r", correct=True, meta={"error": "strategic"}
        ),  # a correct trace makes none
    ]
    analysis = analyze([write_rollouts(tmp_path, traces)], AnalysisConfig(n_placebos=0, n_draws=50))
    # trace 1 is diagnosed: a slip; trace 3 has the recorded kind format, which stays "format"
    kinds = {record["kind"]: record["count"] for record in analysis.tables["errors"].records(source="m")}
    assert kinds == dict.fromkeys(KINDS, 0) | {"procedural": 1, "format": 1}
    assert record_of(analysis, "errors", kind="format")["of_judged"] == pytest.approx(1 / 2 * 2 / 4)
    assert record_of(analysis, "diagnoses", trace="1")["kind"] == "procedural"
    assert "51" in record_of(analysis, "diagnoses", trace="1")["evidence"]
    record = record_of(analysis, "equations", outcome="wrong")
    assert (record["right"], record["wrong"], record["wrong_share"]) == (0, 1, 1)
    assert record_of(analysis, "equations", outcome="correct")["right"] == 1
    (pair,) = analysis.sibling_pairs
    assert (pair.correct.trace.id, pair.wrong.trace.id) == ("2", "1")
    assert pair.divergence.kind == "result"
    assert {example.trace.id: example.equations[0].verdict for example in analysis.examples if example.equations} == {
        "1": "wrong",
        "2": "right",
    }


def undecided_run(n_steps=3, n=8):
    """Wrong traces of which nothing shows what kind of error they make, and one slip at each step."""
    slip = "We get 6 + 9 = 16, so 16 * 2 = 32. The answer is 32."
    return [
        build_trace(
            f"{step}-{number}",
            slip if number == 0 else "",
            prompt=f"p{number % 4}",
            group=f"{step}-p{number % 4}",
            correct=False,
            step=step,
        )
        for step in range(n_steps)
        for number in range(n)
    ]


def test_the_undecided_are_between_what_a_kind_has_at_least_and_at_most(tmp_path):
    path = write_rollouts(tmp_path, undecided_run())
    analysis = analyze([path], AnalysisConfig(n_placebos=0, n_draws=100))
    kinds = {row["kind"]: row for row in analysis.tables["errors"].records(step=None)}
    # 3 slips of 24; an empty response shows nothing of its kind
    assert (kinds["procedural"]["share"], kinds["procedural"]["at_most"]) == (3 / 24, 1)
    assert (kinds["strategic"]["share"], kinds["strategic"]["at_most"]) == (0, 21 / 24)
    assert kinds["undecided"]["at_most"] == kinds["undecided"]["share"] == 21 / 24
    # in the curves the share is of the judged traces of a step, all of which are wrong here
    curves = analysis.tables["curves"]
    assert [row["value"] for row in curves.records(series="procedural errors")] == [1 / 8] * 3
    assert [row["value"] for row in curves.records(series="procedural errors, at most")] == [1] * 3
    (lead,) = [finding for finding in analysis.findings if finding.question.name == "strategic or procedural"]
    assert lead.verdict == "cannot say"


def test_a_sample_of_the_wrong_traces_stands_for_all_of_them(tmp_path):
    # steps of 4, 16 and 40 wrong traces, a quarter of each with a slip: 12 diagnosed are 4 of each step
    traces = [
        build_trace(
            f"{step}-{number}",
            "We get 6 + 9 = 16, so 16 * 2 = 32. The answer is 32." if number % 4 == 0 else "",
            prompt=f"p{number % 4}",
            group=f"{step}-p{number % 4}",
            correct=False,
            step=step,
        )
        for step, size in ((1, 4), (2, 16), (3, 40))
        for number in range(size)
    ]
    path = write_rollouts(tmp_path, traces)
    analysis = analyze([path], AnalysisConfig(n_placebos=0, n_draws=100, max_diagnosed=12))
    row = record_of(analysis, "errors", kind="procedural", step=None)
    # one of the four of each step stands for 1, 4 and 10 traces: 15 of 60
    assert (row["count"], row["diagnosed"], row["wrong"]) == (3, 12, 60)
    assert row["share"] == pytest.approx(15 / 60)
    assert [row["value"] for row in analysis.tables["curves"].records(series="procedural errors")] == [0.25] * 3
    assert "12 of 60 wrong traces" in analysis.tables["errors"].note
    assert any(note.startswith("12 of 60 wrong traces were diagnosed, a sample stratified") for note in analysis.notes)


def test_a_recorded_kind_stands_for_itself_beside_a_sample_of_the_others(tmp_path):
    slip = "We get 6 + 9 = 16, so 16 * 2 = 32. The answer is 32."
    traces = [
        build_trace(f"{n}", slip, group=f"g{n}", correct=False, meta={"error": "strategic"} if n < 10 else {})
        for n in range(20)
    ]
    path = write_rollouts(tmp_path, traces)
    table = analyze([path], AnalysisConfig(n_placebos=0, n_draws=20, max_diagnosed=5)).tables["errors"]
    strategic, procedural = (table.records(kind=kind)[0] for kind in ("strategic", "procedural"))
    # ten recorded; five slips that stand for ten
    assert (strategic["count"], strategic["share"]) == (10, 0.5)
    assert (procedural["count"], procedural["share"]) == (5, 0.5)
    assert (procedural["diagnosed"], procedural["wrong"]) == (15, 20)


def test_accuracy_by_the_grader_stands_beside_that_of_the_file(tmp_path):
    traces = [
        build_trace("1", "It is 4. The answer is 4.", group="p", reference="4", correct=True),
        build_trace("2", "It is 5. The answer is 5.", group="p", reference="4", correct=True),  # wrong by the grader
        build_trace("3", "It is 4. The answer is 4.", group="q", reference="4", correct=False),  # right by the grader
        build_trace("4", "It is 6. The answer is 6.", group="q", reference="4", correct=False),
        build_trace("5", "So 2 + 2 = 4. The answer is 4.", group="r", reference="4", correct=True),
    ]
    analysis = analyze([write_rollouts(tmp_path, traces)], AnalysisConfig(n_placebos=0, n_draws=50))
    row = record_of(analysis, "regrading")
    # 3 of 5 by the file; 1, 3 and 5 by the grader
    assert (row["accuracy"], row["regraded"]) == (0.6, pytest.approx(0.6))
    assert (row["not_wrong"], row["not_right"], row["graded_again"], row["diagnosed"]) == (1, 1, 3, 2)
    assert regrading_notes(analysis) == (
        "3 of 3 correct and 2 of 2 wrong traces were graded again; right by the file and wrong by the grader: 1; "
        "wrong by the file and right by the grader: 1",
    )
    assert record_of(analysis, "corpus")["correct"] == 3, "the verdicts of the file stay"
    assert record_of(analysis, "errors", kind="not-wrong")["count"] == 1
    without = [replace(trace, reference=None) for trace in traces]
    analysis = analyze([write_rollouts(tmp_path, without, "w.jsonl")], AnalysisConfig(n_placebos=0, n_draws=50))
    assert "regrading" not in analysis.tables


def regrading_notes(analysis):
    return next(finding.notes for finding in analysis.findings if finding.measure == "regrading")


def test_accuracy_by_the_grader_is_called_an_estimate_if_only_some_traces_are_graded_again(tmp_path):
    traces = [
        build_trace(f"{n}", "It is 4. The answer is 4.", group=f"g{n}", reference="4", correct=True) for n in range(20)
    ] + [
        build_trace(f"w{n}", "It is 6. The answer is 6.", group=f"g{n}", reference="4", correct=False)
        for n in range(10)
    ]
    path = write_rollouts(tmp_path, traces)
    few, all_of_them = (
        analyze([path], AnalysisConfig(n_placebos=0, n_draws=50, max_diagnosed=limit)) for limit in (5, 50)
    )
    few_row, row = record_of(few, "regrading"), record_of(all_of_them, "regrading")
    assert regrading_notes(few) == (
        "5 of 20 correct and 5 of 10 wrong traces were graded again; right by the file and wrong by the grader: 0; "
        "wrong by the file and right by the grader: 0",
        "accuracy by the grader is an estimate from these",
    )
    assert len(regrading_notes(all_of_them)) == 1
    # 20 of 30 by either, as nothing that was graded differs
    assert few_row["regraded"] == row["regraded"] == pytest.approx(2 / 3)
    # Wilson's interval of 5 of 5 begins at 0.566: 0.434 * 20/30 * sqrt(15/20) = 0.251 lower by itself;
    # that of 0 of 5 ends at 0.434: 0.434 * 10/30 * sqrt(5/10) = 0.102 higher
    below, above = row["regraded"] - row["regraded_low"], row["regraded_high"] - row["regraded"]
    assert few_row["regraded_low"] == pytest.approx(2 / 3 - math.hypot(below, 0.2509), abs=1e-3)
    assert few_row["regraded_high"] == pytest.approx(2 / 3 + math.hypot(above, 0.1024), abs=1e-3)


def test_recorded_error_kinds_can_be_ignored(tmp_path):
    traces = [
        build_trace("1", "17 * 3 = 52. The answer is 52.", correct=False, meta={"error": "strategic"}),
        build_trace("2", "so", correct=True),
    ]
    path = write_rollouts(tmp_path, traces)
    recorded, diagnosed = (
        analyze([path], AnalysisConfig(n_placebos=0, n_draws=20, recorded_errors=use_recorded)).tables["errors"]
        for use_recorded in (True, False)
    )
    assert recorded.records(kind="strategic")[0]["count"] == 1
    assert diagnosed.records(kind="procedural")[0]["count"] == 1


def test_lengths_between_plans_are_classed(tmp_path):
    # execution words between the plans: 1, 3, 9: C_S = log10(9) / 2 = 0.477 > 0.2, ordered
    text = "so " + "we " + "so " + "we " * 3 + "so " + "we " * 9 + "so"
    path = write_rollouts(tmp_path, [build_trace("1", text, correct=True)])
    analysis = analyze([path], AnalysisConfig(lexicon="wang2025", n_placebos=0, n_draws=20))
    record = record_of(analysis, "architecture", outcome="all", kind="ordered")
    assert (record["traces"], record["share"]) == (1, 1)
    assert record["similarity"] == pytest.approx(math.log10(9) / 2)
    assert record_of(analysis, "architecture", outcome="all", kind="mixed")["similarity"] is None


def test_no_traces_at_all_is_an_error_with_a_way_out(tmp_path):
    path = write_rollouts(tmp_path, [build_trace("1", "so")])
    with pytest.raises(InputError, match="contain no trace"):
        analyze([path], options=ReadOptions(where=("correct=true",)))


def test_settings_out_of_range_are_refused():
    with pytest.raises(UsageError, match=r"n_placebos must be >= 0 \(got -1\)"):
        AnalysisConfig(n_placebos=-1)
    with pytest.raises(UsageError, match=r"top must be between 0 and 1 \(got 1.0\)"):
        AnalysisConfig(top=1.0)


def test_a_frame_holds_a_table(analysis):
    frame = analysis.frame("corpus")
    assert frame["traces"].tolist() == [4, 1]
    assert str(frame["tokens"].dtype) == "Int64"
