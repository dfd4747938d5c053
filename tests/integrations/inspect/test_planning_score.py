"""What is said of one sample."""

import math

import pytest

from sgram.errors import UsageError
from sgram.integrations.inspect.planning_score import ERRORS, PlanningScorer
from sgram.lexicon import Cluster, Gram, Lexicon, LinearWeights, SentenceScorer
from sgram.traces import Trace

WAITS = Cluster(0, (Gram(("wait",), df=9),), 9, "wait", "backtracking")
CHECKS = Cluster(1, (Gram(("let", "me", "check"), df=7),), 7, "let me check", "verification")
LEXICON = Lexicon.build("test", [WAITS, CHECKS], {})
TEXT = "Wait, wait, let me check it. 6 + 9 = 14. The answer is 14."


def test_shares_are_of_non_space_characters_and_by_move():
    score = PlanningScorer(LEXICON)(Trace(id="1", text="Wait, let me check.", correct=True))
    # 16 characters that are no space: "Wait," 5, "let" 3, "me" 2, "check." 6; planning: 4 + 10
    assert score.value["planning_share"] == 14 / 16
    assert (score.value["backtracking"], score.value["verification"]) == (4 / 16, 10 / 16)
    assert score.explanation == "88 % of the text plans: 1 x backtracking, 1 x verification. The answer is correct."


def test_a_wrong_sample_is_diagnosed():
    score = PlanningScorer(LEXICON)(Trace(id="1", text=TEXT, correct=False))
    assert {kind: score.value[f"error_{kind}"] for kind in ERRORS} == {
        **dict.fromkeys(ERRORS, 0.0),
        "procedural": 1.0,  # 6 + 9 is 15
    }
    assert score.metadata["diagnosis"]["kind"] == "procedural"
    assert "The error is procedural: " in score.explanation
    assert score.metadata["spans"] == {"backtracking": 2, "verification": 1}
    assert score.metadata["grams"] == {"wait": 2, "let me check": 1}
    assert score.metadata["lexicon"] == {"name": "test", "digest": LEXICON.digest}


def test_a_sample_is_judged_by_its_reference_unless_that_is_turned_off():
    trace = Trace(id="1", text=TEXT, reference="15")
    assert PlanningScorer(LEXICON)(trace).value["error_procedural"] == 1.0
    unjudged = PlanningScorer(LEXICON, judge_answers=False)(trace)
    assert all(math.isnan(unjudged.value[f"error_{kind}"]) for kind in ERRORS)
    # 44 characters that are no space, 18 of them in "Wait", "wait" and "let me check"
    assert unjudged.explanation == "41 % of the text plans: 2 x backtracking, 1 x verification."
    assert "error_procedural" not in PlanningScorer(LEXICON, diagnosis=False)(trace).value


def test_moves_are_those_of_the_lexicon_or_of_the_scorer():
    assert PlanningScorer(LEXICON).moves == ("backtracking", "verification")
    scorer = SentenceScorer("s", LinearWeights(-1000, {"let me check": 3000}), {})
    by_sentences = PlanningScorer(LEXICON, "sentences", scorer)
    assert by_sentences.moves == ("planning",)
    # the first sentence of two, all of its characters but the spaces: 16 of 22 with "It is 4." (6)
    value = by_sentences(Trace(id="1", text="Wait, let me check. It is 4.")).value
    assert (value["planning_share"], value["planning"]) == (16 / 22, 16 / 22)


def test_one_part_of_a_response_is_read():
    trace = Trace(id="1", text="<think>Wait.</think>4")
    assert PlanningScorer(LEXICON, part="answer")(trace).value["planning_share"] == 0.0
    assert PlanningScorer(LEXICON, part="reasoning")(trace).value["backtracking"] > 0
    assert PlanningScorer(LEXICON, part="reasoning")(Trace(id="2", text="Wait. 4")) is None
    assert PlanningScorer(LEXICON)(Trace(id="3", text=" ")) is None
    with pytest.raises(UsageError, match="unknown part"):
        PlanningScorer(LEXICON, part="thoughts")
