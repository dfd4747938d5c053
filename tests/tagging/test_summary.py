import json

import pytest

from sgram.lexicon import Cluster, Gram, Lexicon, LinearWeights, SentenceScorer
from sgram.tagging.summary import TagSummary
from sgram.tagging.tagged_rollouts import RolloutTagger
from sgram.traces import Trace

LEXICON = Lexicon.build(
    "made",
    [
        Cluster(0, (Gram(("wait",)), Gram(("wait", "a", "minute"))), None, "wait", "backtracking"),
        Cluster(0, (Gram(("let", "me")),), None, "let me", "goal-setting"),
        Cluster(0, (Gram(("so",)),), None, "so", "other"),
    ],
    {},
)
TRACES = [
    Trace(id="a", text="Wait a minute. Wait! So", correct=True),
    Trace(id="b", text="so, let me: so", correct=False),
    Trace(id="c", text="7"),
]


def summarize(max_first_traces: int = 0, traces=TRACES) -> TagSummary:
    summary = TagSummary(LEXICON, max_first_traces)
    tagged_traces = list(summary.count_traces(RolloutTagger(LEXICON)(traces)))
    assert [tagged.trace for tagged in tagged_traces] == traces
    return summary


def test_grams_are_counted_as_they_are_displayed():
    # the "wait" inside "wait a minute" is not displayed
    assert summarize().grams(10) == [
        ("so", "other", 3, 2),
        ("let me", "goal-setting", 1, 1),
        ("wait", "backtracking", 1, 1),
        ("wait a minute", "backtracking", 1, 1),
    ]
    assert [row.gram for row in summarize().grams(1)] == ["so"]


def test_moves_are_in_order_with_their_share_of_the_spans():
    rows = summarize().moves()
    # 6 spans: wait a minute, wait, so; so, let me, so
    assert rows == [("backtracking", 2, 2 / 6), ("goal-setting", 1, 1 / 6), ("other", 3, 3 / 6)]
    assert all(row.share is None for row in summarize(traces=[]).moves())


def summarize_sentences(mask, scorer) -> TagSummary:
    summary = TagSummary(LEXICON, mask=mask, scorer=scorer)
    tagged_traces = RolloutTagger(LEXICON, mask=mask, scorer=scorer)(TRACES)
    assert len(list(summary.count_traces(tagged_traces))) == len(TRACES)
    return summary


DOUBT = LinearWeights(0, {"^ wait": 10})
SCORER = SentenceScorer(
    "example", LinearWeights(-1000, {"wait": 2000}), {"guessing": LinearWeights(5, {}), "monitoring": DOUBT}
)


def test_planning_sentences_are_counted_by_their_move_and_are_no_grams():
    summary = summarize_sentences("sentences", SCORER)
    # "Wait a minute." and "Wait!" plan; a move of the scorer alone comes last; "So" and trace b have no "wait"
    assert summary.moves() == [("monitoring", 2, 1.0), ("guessing", 0, 0.0)]
    assert summary.grams(10) == []
    document = summary.to_json()
    assert (document["mask"], document["scorer"]["digest"]) == ("sentences", SCORER.digest)


def test_grams_inside_sentences_have_the_move_of_their_sentences():
    summary = summarize_sentences("grams-in-sentences", SCORER)
    assert summary.grams(10) == [("wait", "monitoring", 1, 1), ("wait a minute", "monitoring", 1, 1)]
    assert summary.moves() == [("monitoring", 2, 1.0), ("guessing", 0, 0.0)]


def test_sentences_of_a_scorer_without_moves_are_called_planning():
    summary = summarize_sentences("sentences", SentenceScorer("bare", SCORER.planning, {}))
    assert summary.moves() == [("planning", 2, 1.0)]


def test_shares_are_of_all_then_by_outcome_by_model_by_both():
    rows = summarize().shares()
    # characters that are not space: 17 of 19 ("." and "!" not), 9 of 11, 0 of 1
    assert [(row.model, row.outcome, row.n_planning, row.n_units) for row in rows] == [
        (None, None, 26, 31),
        (None, "correct", 17, 19),
        (None, "wrong", 9, 11),
        (None, "not judged", 0, 1),
        ("unknown model", None, 26, 31),
        ("unknown model", "correct", 17, 19),
        ("unknown model", "wrong", 9, 11),
        ("unknown model", "not judged", 0, 1),
    ]


def test_the_first_traces_are_kept():
    assert [tagged.trace.id for tagged in summarize(2).first_traces] == ["a", "b"]
    assert summarize(0).first_traces == []
    assert len(summarize(9).first_traces) == 3


@pytest.mark.parametrize("traces", [TRACES, []])
def test_the_summary_is_json(traces):
    document = summarize(traces=traces).to_json(seed=3, max_grams=2)
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert (document["mask"], document["scorer"]) == ("grams", None)
    assert document["lexicon"] == {"name": "made", "digest": LEXICON.digest, "n_grams": 4}
    assert (document["n_traces"], document["seed"], len(document["grams"])) == (len(traces), 3, 2 if traces else 0)
