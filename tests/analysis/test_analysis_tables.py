"""Tables of hand-made traces: every number worked out beside it."""

import math

import pytest

from sgram.analysis import AnalysisConfig, analyze
from sgram.errors import InputError, UsageError
from sgram.traces import ReadOptions
from tests.builders.analysis_examples import lexicon, rollouts, trace


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """Two models, two problems of two samples each for "m", one for "n"."""
    folder = tmp_path_factory.mktemp("hand")
    lexicon().save(folder / "lexicon.json")
    traces = [
        trace("1", "so we add. wait no that is bad", group="p", correct=True, answer="4"),  # 8 words, 3 planning
        trace("2", "we add and add", group="p", correct=False, answer="5"),  # 4 words, 0 planning
        trace("3", "let me check it. so so", group="q", correct=True, answer="7"),  # 6 words, 5 planning
        trace("4", "so it is", group="q", correct=True, answer="7"),  # 3 words, 1 planning
        trace("5", "we go on", group="p", model="n"),  # 3 words, 0 planning
    ]
    rollouts(folder, traces)
    return folder


@pytest.fixture(scope="module")
def made(held):
    config = AnalysisConfig(lexicon=str(held / "lexicon.json"), n_placebos=0, n_draws=200)
    return analyze([held / "rollouts.jsonl"], config)


def row(made, table, **wanted):
    (found,) = made.tables[table].records(**wanted)
    return found


def test_the_corpus_is_counted_by_source(made):
    found = row(made, "corpus", source="m")
    assert (found["traces"], found["problems"], found["correct"], found["wrong"]) == (4, 2, 3, 1)
    assert (found["words"], found["tokens"], found["length"]) == (8 + 4 + 6 + 3, None, 21 / 4)
    assert row(made, "corpus", source="n")["not_judged"] == 1
    assert made.sources == ("m", "n"), "the larger first"


def test_success_is_a_mean_over_problems_and_votes_count(made):
    # problem p: 1 of 2 correct, q: 2 of 2. pass@1 = (1/2 + 1) / 2; of both samples of p one is correct: pass@2 = 1;
    # the vote of p is 4 against 5, shared: maj@2 = (1/2 + 1) / 2
    values = {each["measure"]: each["value"] for each in made.tables["success"].records(source="m")}
    assert values == {"pass@1": 0.75, "pass@2": 1.0, "maj@2": 0.75, "avg@2": 0.75}
    assert made.tables["success"].records(source="n") == [], "not judged"


def test_a_sample_without_an_answer_casts_no_vote(tmp_path):
    # of three samples two answer nothing: the only vote is right
    traces = [trace(f"{n}", "so", group="g", correct=n == 0, answer="4" if n == 0 else None) for n in range(3)]
    made = analyze([rollouts(tmp_path, traces)], AnalysisConfig(n_placebos=0, n_draws=20))
    assert row(made, "success", measure="maj@3")["value"] == 1
    assert row(made, "success", measure="pass@1")["value"] == pytest.approx(1 / 3)


def test_shares_are_pooled_over_words(made):
    assert row(made, "shares", source="m", outcome="all")["value"] == 9 / 21
    assert row(made, "shares", source="m", outcome="correct")["value"] == 9 / 17
    assert row(made, "shares", source="m", outcome="wrong")["value"] == 0
    assert row(made, "shares", source="m", outcome="all")["unit"] == "words"
    assert {each["outcome"] for each in made.tables["shares"].records(source="n")} == {"all", "not judged"}


def test_nothing_that_does_not_vary_has_an_interval(made):
    assert row(made, "shares", source="m", outcome="wrong")["low"] is None
    # the two problems of m have 3 of 12 and 6 of 9 planning words: a resample of one of them alone gives the ends
    found = row(made, "shares", source="m", outcome="all")
    assert (found["low"], found["high"]) == (3 / 12, 6 / 9)


def test_moves_are_spans_that_do_not_overlap(made):
    # "wait no" is one span of backtracking although "wait" is a gram too; "so" four times is deduction
    found = row(made, "moves", source="m", outcome="all", move="backtracking")
    assert (found["count"], found["per_1000_words"], found["traces_share"]) == (1, 1000 / 21, 1 / 4)
    found = row(made, "moves", source="m", outcome="all", move="deduction")
    assert (found["count"], found["traces_share"]) == (4, 3 / 4)
    assert row(made, "moves", source="m", outcome="wrong", move="deduction")["count"] == 0


def test_grams_are_compared_between_outcomes_over_all_sources(made):
    # "so" is in all three correct traces and not in the wrong one; 5 traces in all
    found = row(made, "grams", gram="so")
    assert (found["count"], found["traces"], found["traces_share"]) == (4, 3, 3 / 5)
    assert (found["correct_share"], found["wrong_share"], found["difference"]) == (1, 0, 1)
    assert (found["low"], found["high"]) == (1, 1), "whichever problems are drawn"
    assert made.tables["grams"].column("gram") == ["so", "let me check", "wait no"], "the most frequent first"


def test_semantic_entropy_of_the_whole_is_that_of_the_counts(made):
    # spans of m: so 4, let me check 1, wait no 1; plug-in -(2/3 ln 2/3 + 2 * 1/6 ln 1/6)
    found = row(made, "semantic_entropy", source="m", outcome="all", bins="grams")
    entropy = -(2 / 3 * math.log(2 / 3) + 2 / 6 * math.log(1 / 6))
    assert found["plugin"] == pytest.approx(entropy)
    assert (found["occurrences"], found["n_bins"], found["size"]) == (6, 3, 6)
    assert found["at_size"] == pytest.approx(entropy), "at its own size"
    assert row(made, "semantic_entropy", source="m", outcome="all", bins="moves")["plugin"] == pytest.approx(entropy)


def test_conditional_entropy_is_of_the_word_that_follows(made):
    # after so: we, so, nothing, it; after let me check: it; after wait no: that. 4/6 ln 4
    found = row(made, "conditional_entropy", source="m")
    assert found["value"] == pytest.approx(4 / 6 * math.log(4))
    assert found["occurrences"] == 6


def test_what_the_inputs_do_not_allow_is_absent_and_told(made):
    assert not {"tokens", "overlap", "curves", "settling", "aha", "placebo"} & set(made.tables)
    assert made.orders == {}
    assert any("sgram metrics --model" in said for said in made.notes)
    with pytest.raises(UsageError, match=r"no table 'curves' in this analysis; there are corpus, success"):
        made.frame("curves")


def test_a_wrong_trace_is_diagnosed_and_its_equations_are_checked(tmp_path):
    traces = [
        trace("1", "We have 17 * 3 = 52. The answer is 52.", group="p", correct=False, answer="52"),
        trace("2", "We have 17 * 3 = 51. The answer is 51.", group="p", correct=True, answer="51"),
        trace("3", "We say 4.", group="q", correct=False, meta={"error": "format"}),
        trace("4", "We say 7.", group="r", correct=True, meta={"error": "strategic"}),  # a correct trace makes none
    ]
    made = analyze([rollouts(tmp_path, traces)], AnalysisConfig(n_placebos=0, n_draws=50))
    # trace 1 is diagnosed: a slip; trace 3 was told to be of a wrong form, which is "other" here
    kinds = {each["kind"]: each["count"] for each in made.tables["errors"].records(source="m")}
    assert kinds == {"strategic": 0, "procedural": 1, "other": 1, "unfinished": 0, "degenerate": 0}
    assert row(made, "errors", kind="other")["of_judged"] == pytest.approx(1 / 2 * 2 / 4)
    assert row(made, "diagnoses", trace="1")["kind"] == "procedural"
    assert "51" in row(made, "diagnoses", trace="1")["evidence"]
    found = row(made, "equations", outcome="wrong")
    assert (found["right"], found["wrong"], found["wrong_share"]) == (0, 1, 1)
    assert row(made, "equations", outcome="correct")["right"] == 1
    (pair,) = made.siblings
    assert (pair.correct.trace.id, pair.wrong.trace.id) == ("2", "1")
    assert pair.divergence.kind == "result"
    assert {each.trace.id: each.equations[0].verdict for each in made.examples if each.equations} == {
        "1": "wrong",
        "2": "right",
    }


def test_told_kinds_can_be_left_aside(tmp_path):
    traces = [
        trace("1", "17 * 3 = 52. The answer is 52.", correct=False, meta={"error": "strategic"}),
        trace("2", "so", correct=True),
    ]
    path = rollouts(tmp_path, traces)
    told, own = (
        analyze([path], AnalysisConfig(n_placebos=0, n_draws=20, told_errors=told)).tables["errors"]
        for told in (True, False)
    )
    assert told.records(kind="strategic")[0]["count"] == 1
    assert own.records(kind="procedural")[0]["count"] == 1


def test_lengths_between_plans_are_classed(tmp_path):
    # execution words between the plans: 1, 3, 9: C_S = log10(9) / 2 = 0.477 > 0.2, ordered
    text = "so " + "we " + "so " + "we " * 3 + "so " + "we " * 9 + "so"
    path = rollouts(tmp_path, [trace("1", text, correct=True)])
    made = analyze([path], AnalysisConfig(n_placebos=0, n_draws=20))
    found = row(made, "architecture", outcome="all", kind="ordered")
    assert (found["traces"], found["share"]) == (1, 1)
    assert found["similarity"] == pytest.approx(math.log10(9) / 2)
    assert row(made, "architecture", outcome="all", kind="mixed")["similarity"] is None


def test_no_traces_at_all_is_an_error_with_a_way_out(tmp_path):
    path = rollouts(tmp_path, [trace("1", "so")])
    with pytest.raises(InputError, match="hold no trace"):
        analyze([path], options=ReadOptions(where=("correct=true",)))


def test_settings_that_mean_nothing_are_refused():
    with pytest.raises(UsageError, match="n_placebos is a number from 0"):
        AnalysisConfig(n_placebos=-1)
    with pytest.raises(UsageError, match="top is a share"):
        AnalysisConfig(top=1.0)


def test_a_frame_holds_a_table(made):
    frame = made.frame("corpus")
    assert frame["traces"].tolist() == [4, 1]
    assert str(frame["tokens"].dtype) == "Int64"
