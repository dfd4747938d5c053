"""Where a response's answer stands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.grading.answers import MAX_ANSWER_CHARS, MAX_TAIL_CHARS, last_line, marked_answer, response_tail


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        ("so \\boxed{3}", "3"),
        ("\\boxed{3} no, \\boxed{4}.", "4"),
        ("\\boxed{\\frac{1}{2}} done", "\\frac{1}{2}"),
        ("\\boxed{\\{1, 2\\}}", "\\{1, 2\\}"),
        ("\\boxed {7}", "7"),
        ("<answer> 5 </answer> and \\boxed{6}", "5"),  # tags go before boxes
        ("<answer>5</answer> <answer>6</answer>", "6"),
        ("<answer>\\boxed{7}</answer>", "7"),
        ("<answer>\\boxed{7} or \\boxed{8}</answer>", "\\boxed{7} or \\boxed{8}"),
        ("<answer>a\nb</answer>", "a\nb"),
        ("She has 3.\n#### 1,234\n", "1,234"),
        ("#### 3 and \\boxed{4}", "4"),
        ("\\boxed{3} and then \\boxed{4", "3"),  # the last whole one
        ("<answer>5</answer> then <answer>6", "5"),
        ("</answer> \\boxed{2}", "2"),
        ("\\boxed{}", None),
        ("\\boxed", None),
        ("the answer is 4", None),
        ("", None),
    ],
)
def test_the_marked_answer(response, answer):
    assert marked_answer(response) == answer


def test_hashes_are_a_mark_only_where_they_are_wanted():
    assert marked_answer("#### 5", hashes=False) is None
    assert marked_answer("#### \\boxed{5}", hashes=False) == "5"


def test_a_text_over_the_limit_is_not_an_answer():
    for wrap in ("\\boxed{%s}", "<answer>%s</answer>", "#### %s\n"):
        assert marked_answer(wrap % ("9" * MAX_ANSWER_CHARS)) == "9" * MAX_ANSWER_CHARS
        assert marked_answer(wrap % ("9" * (MAX_ANSWER_CHARS + 1))) is None
        assert marked_answer(wrap % ("9" * (MAX_ANSWER_CHARS + 1)), max_chars=MAX_ANSWER_CHARS + 1) == "9" * (
            MAX_ANSWER_CHARS + 1
        )
    assert last_line("9" * (MAX_ANSWER_CHARS + 1)) is None
    assert last_line("a\n" + "9" * MAX_ANSWER_CHARS + "\n\n ") == "9" * MAX_ANSWER_CHARS


def test_ten_million_characters_of_broken_marks_hold_no_answer():
    assert marked_answer("\\boxed{" * 1_400_000) is None
    assert marked_answer("</answer>" * 1_100_000) is None
    assert marked_answer("<answer>" * 1_250_000 + "\\boxed{4}") == "4"


def test_the_last_line_is_one_that_is_not_blank():
    assert last_line("first\n  the 8 \n\n  \n") == "the 8"
    assert last_line(" \n ") is None


def test_the_tail_begins_with_a_whole_word():
    assert response_tail("short ") == "short"
    assert response_tail("  \n") is None
    text = "12345 " * 1000
    end = response_tail(text)
    assert len(end) <= MAX_TAIL_CHARS
    assert set(end.split()) == {"12345"}  # no number is cut through
    assert response_tail("9" * 5000) is None


@given(st.text(alphabet="ab{}\\boxed<answer>/#\n ", max_size=200))
def test_no_response_is_too_odd(response):
    answer = marked_answer(response)
    assert answer is None or (answer == answer.strip() and answer and answer in response)


@given(st.recursive(st.sampled_from(["1", "x", "\\{"]), lambda inner: inner.map("{{{}}}".format), max_leaves=5))
def test_boxes_hold_braces_in_pairs(inner):
    assert marked_answer(f"a }} {{ \\boxed{{{inner}}} }}") == inner
