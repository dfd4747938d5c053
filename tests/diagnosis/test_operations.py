"""What a response computes, and what its answer rests on."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.diagnosis.operations import answered, key_of, resting, shown, spoken, value_of, work_of
from sgram.traces import Trace


def said(text: str, **fields: object) -> list[tuple[str, str]]:
    return [(each.said, each.verdict) for each in work_of(Trace(id="t", text=text, **fields)).operations]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("x = 5", 5),
        ("$\\boxed{18}$", 18),
        ("-5", -5),
        ("1,234 apples", 1234),
        ("\\frac{1}{2}", Fraction(1, 2)),
        ("-\\frac12", Fraction(-1, 2)),
        (".75", Fraction(3, 4)),
        ("3/4", Fraction(3, 4)),
        ("50\\%", 50),
        ("\\$8.00", 8),
        ("15 \\text{ cm}", 15),
        ("2\\pi", None),
        ("\\sqrt{2}", None),
        ("3/0", None),
        ("k < -5", None),
        ("7, 8", None),
        ("2021\\cdot505", None),
        ("six", None),
        ("37/4m", None),
        ("", None),
    ],
)
def test_a_number_is_read_only_where_there_is_nothing_else(text, value):
    assert value_of(text) == value


@given(st.integers(-(10**9), 10**9), st.integers(1, 999))
def test_every_fraction_is_read_back(above, below):
    assert value_of(f"{above}/{below}") == Fraction(above, below)
    assert value_of(shown(Fraction(above, below))) == pytest.approx(Fraction(above, below))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("6 \\times 9", "9 * 6"),
        ("3 + 12", "12+3"),
        ("16 \\text{ pens} \\cdot 2", "2 × 16"),
        ("(4) + 5", "4 + 5"),
        ("\\frac{1}{2} \\cdot 3", "\\frac12 * 3"),
        ("60 miles/hour * 3", "3*60"),
        ("1,200 / 3", "1200/3"),
    ],
)
def test_one_operation_has_one_key_however_it_is_written(one, other):
    assert key_of(one) == key_of(other)


def test_other_operations_have_other_keys():
    keys = [key_of(text) for text in ("6 - 9", "9 - 6", "6 + 9", "6 * 9", "6 / 9", "9 / 6", "6^9", "69")]
    assert len(set(keys)) == len(keys)


def test_words_for_signs_keep_every_character_in_its_place():
    text = "That gives 6 times 6 is 36, so 36 plus 9 is 45; he is 7."
    told = spoken(text)
    assert told == "That gives 6 *     6 =  36, so 36 +    9 =  45; he is 7."
    assert len(told) == len(text)


def test_equations_in_words_and_in_signs_are_operations_with_verdicts():
    assert said("We get 7 plus 8 is 16, so 16 * 2 = 32.") == [("7+8 = 16", "wrong"), ("2*16 = 32", "right")]
    assert said("He has 16 * .75 = <<16*.75=12.0>>12 bags.") == [("16*.75 = 12", "right")]
    assert said("Solve 2x + 3 = 7, so x = 2.") == []


def test_the_answer_rests_on_what_gives_it_and_on_what_gives_that():
    text = "Try 6 * 9 = 54. No. 6 + 9 = 15, so 15 * 2 = 30. Also 4 + 4 = 8. The answer is 30."
    work = work_of(Trace(id="t", text=text))
    assert work.answer == 30
    # 30 = 2*15 and 15 = 6+9; 54 and 8 lead nowhere
    assert [each.said for each in work.behind_answer()] == ["6+9 = 15", "2*15 = 30"]
    assert resting(work.operations, None) == ()


def test_what_comes_after_is_not_what_an_answer_rests_on():
    text = "15 * 2 = 30, where 7 + 8 = 15. The answer is 30."
    assert [each.said for each in work_of(Trace(id="t", text=text)).behind_answer()] == ["2*15 = 30"]


def test_the_answer_is_what_was_told_else_marked_else_said_else_stated():
    assert answered(Trace(id="t", text="The answer is 5, \\boxed{6}.", answer="7")) == 7
    assert answered(Trace(id="t", text="The answer is 5, \\boxed{6}.")) == 6
    assert answered(Trace(id="t", text="The answer is 4. No, the answer is $1,005.")) == 1005
    assert answered(Trace(id="t", text="4 * 5 = 20.\n\nSo she has **20 eggs** after 4 days.")) == 20
    assert answered(Trace(id="t", text="Nothing here.", answer="x+1")) is None


def test_a_place_has_its_step():
    text = "First, 1 + 1 = 2.\n\nThen 2 + 2 = 5.\n\nDone."
    work = work_of(Trace(id="t", text=text))
    assert work.step_of(text.index("2 + 2")) == 1
    assert work.step_of(0) == 0
    assert work.step_of(None) is None
