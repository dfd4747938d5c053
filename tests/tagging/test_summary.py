import json

import pytest

from sgram.lexicon import MOVES, Cluster, Gram, Lexicon
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


def summed(to_keep: int = 0, traces=TRACES) -> TagSummary:
    summary = TagSummary(LEXICON, to_keep)
    passed = list(summary.passing(RolloutTagger(LEXICON)(traces)))
    assert [one.trace for one in passed] == traces
    return summary


def test_grams_are_counted_as_people_see_them():
    # the "wait" inside "wait a minute" is not seen
    assert summed().grams(10) == [
        ("so", "other", 3, 2),
        ("let me", "goal-setting", 1, 1),
        ("wait", "backtracking", 1, 1),
        ("wait a minute", "backtracking", 1, 1),
    ]
    assert [row.gram for row in summed().grams(1)] == ["so"]


def test_moves_stand_in_their_order_with_their_share_of_the_spans():
    rows = summed().moves()
    assert [row.move for row in rows] == list(MOVES)
    counted = {row.move: (row.spans, row.share) for row in rows if row.spans}
    # 6 spans: wait a minute, wait, so; so, let me, so
    assert counted == {"backtracking": (2, 2 / 6), "goal-setting": (1, 1 / 6), "other": (3, 3 / 6)}
    assert all(row.share is None for row in summed(traces=[]).moves())


def test_shares_are_of_all_then_by_outcome_by_model_by_both():
    rows = summed().shares()
    # characters that are not space: 17 of 19 ("." and "!" not), 9 of 11, 0 of 1
    assert [(row.model, row.outcome, row.n_planning, row.n_units) for row in rows] == [
        (None, None, 26, 31),
        (None, "correct", 17, 19),
        (None, "wrong", 9, 11),
        (None, "not judged", 0, 1),
        ("not told", None, 26, 31),
        ("not told", "correct", 17, 19),
        ("not told", "wrong", 9, 11),
        ("not told", "not judged", 0, 1),
    ]


def test_the_first_traces_are_kept():
    assert [one.trace.id for one in summed(2).kept] == ["a", "b"]
    assert summed(0).kept == []
    assert len(summed(9).kept) == 3


@pytest.mark.parametrize("traces", [TRACES, []])
def test_all_of_it_is_json(traces):
    told = summed(traces=traces).to_json(seed=3, most_grams=2)
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["lexicon"] == {"name": "made", "digest": LEXICON.digest, "n_grams": 4}
    assert (told["n_traces"], told["seed"], len(told["grams"])) == (len(traces), 3, 2 if traces else 0)
