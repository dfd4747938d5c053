"""What rows of evaluation tools have in common."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.traces.eval_rows import choose_score, keep_words, read_messages
from sgram.traces.trace import FailedRowError


@pytest.mark.parametrize(
    ("scores", "name", "correct", "disagree"),
    [
        ({"acc": 1, "acc_norm": 0}, "acc", True, True),
        ({"exact_match": 0, "acc": 1}, "exact_match", False, True),
        ({"acc": 1, "exact_match,strict": 1}, "exact_match,strict", True, False),
        ({"format": 1, "acc": 0}, "acc", False, False),
        ({"format": 1}, "format", None, False),
        ({"f1": 1.0, "em": 0.0}, "em", False, False),
        ({"length": 532, "score": 0.5}, "score", None, False),
        ({"prompt_level_strict_acc": True, "inst_level": [True]}, "prompt_level_strict_acc", True, False),
        ({"bleu": ["a", "b"]}, None, None, False),
        ({"acc": float("nan")}, None, None, False),
    ],
)
def test_the_likeliest_verdict_counts(scores, name, correct, disagree):
    choice = choose_score(scores)
    assert (choice.name, choice.correct, choice.disagree) == (name, correct, disagree)


def test_the_score_that_the_tool_names_counts():
    choice = choose_score({"exact_match": 1, "pass": 0}, "pass")
    assert (choice.value, choice.correct, choice.disagree) == (0.0, False, True)
    assert choose_score({"exact_match": 1}, "missing").name == "exact_match"


@given(st.dictionaries(st.text(max_size=8), st.none() | st.booleans() | st.integers() | st.floats() | st.text()))
def test_a_choice_is_among_the_scores(scores):
    choice = choose_score(scores)
    assert choice.name is None or choice.name in scores
    assert choice.correct is None or choice.value in (0, 1)


def test_what_was_put_into_the_models_mouth_is_no_word_of_its_own():
    generated = {"role": "assistant", "content": "so 4", "source": "generate"}
    given = {"role": "assistant", "content": "an example"}
    asked = [{"role": "user", "content": "1+1?"}, given, {"role": "user", "content": "2+2?"}]
    prompt, pieces = read_messages([*asked, generated, given])
    assert prompt == "1+1?\n\nan example\n\n2+2?"
    assert pieces == [("answer", "so 4")]
    assert read_messages([asked[0], given])[1] == [("answer", "an example")]  # nothing says what was generated


def test_one_empty_response_among_several_is_counted_and_nothing_but_empty_ones_has_failed():
    assert keep_words([{"text": "4"}, {"pieces": [("turn", ""), ("answer", " ")]}]) == [
        {"text": "4", "meta": {"empty_responses": 1}}
    ]
    with pytest.raises(FailedRowError, match="the response has no text: it ended with max_tokens"):
        keep_words([{"text": " "}], "max_tokens")
