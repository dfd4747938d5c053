"""What a response computes, and what its answer rests on."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.diagnosis.operations import (
    extract_work,
    final_answer,
    format_fraction,
    operation_key,
    operations_behind,
    parse_number,
    replace_operator_words,
)
from sgram.traces import Trace


def operations(text: str) -> list[tuple[str, str]]:
    work = extract_work(Trace(id="t", text=text))
    return [(operation.text, operation.verdict) for operation in work.operations]


@pytest.mark.parametrize(
    ("text", "number"),
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
def test_a_number_is_read_only_where_there_is_nothing_else(text, number):
    assert parse_number(text) == number


@given(st.integers(-(10**9), 10**9), st.integers(1, 999))
def test_every_fraction_is_read_back(numerator, denominator):
    fraction = Fraction(numerator, denominator)
    assert parse_number(f"{numerator}/{denominator}") == fraction
    assert parse_number(format_fraction(fraction)) == pytest.approx(fraction)


@pytest.mark.parametrize(
    ("first", "second"),
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
def test_one_operation_has_one_key_however_it_is_written(first, second):
    assert operation_key(first) == operation_key(second)


def test_other_operations_have_other_keys():
    keys = [operation_key(text) for text in ("6 - 9", "9 - 6", "6 + 9", "6 * 9", "6 / 9", "9 / 6", "6^9", "69")]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("text", ["$5,000 * 2.5%", "2.5\\% \\cdot 5000", "2.5 percent * 5000", "5000 × (2.5 per cent)"])
def test_an_operation_with_a_percentage_has_a_key_of_its_own(text):
    assert operations(f"So {text} = 125.")[0][0] == "2.5%*5000 = 125"
    assert operation_key(text, with_percent=True) != operation_key("2.5 * 5000", with_percent=True)
    assert operation_key("5000 * 2.5 * .01", with_percent=True) == "5000*2.5*.01", "a factor of .01 is kept"


def test_words_for_signs_keep_every_character_in_its_place():
    text = "That gives 6 times 6 is 36, so 36 plus 9 is 45; he is 7."
    with_signs = replace_operator_words(text)
    assert with_signs == "That gives 6 *     6 =  36, so 36 +    9 =  45; he is 7."
    assert len(with_signs) == len(text)


def test_equations_in_words_and_in_signs_are_operations_with_verdicts():
    assert operations("We get 7 plus 8 is 16, so 16 * 2 = 32.") == [("7+8 = 16", "wrong"), ("2*16 = 32", "right")]
    assert operations("He has 16 * .75 = <<16*.75=12.0>>12 bags.") == [("16*.75 = 12", "right")]
    assert operations("Solve 2x + 3 = 7, so x = 2.") == []


def test_the_answer_rests_on_what_gives_it_and_on_what_gives_that():
    text = "Try 6 * 9 = 54. No. 6 + 9 = 15, so 15 * 2 = 30. Also 4 + 4 = 8. The answer is 30."
    work = extract_work(Trace(id="t", text=text))
    assert work.answer == 30
    # 30 = 2*15 and 15 = 6+9; 54 and 8 lead nowhere
    assert [operation.text for operation in work.behind_answer()] == ["6+9 = 15", "2*15 = 30"]
    assert operations_behind(work.operations, None) == ()


def test_what_comes_after_is_not_what_an_answer_rests_on():
    text = "15 * 2 = 30, where 7 + 8 = 15. The answer is 30."
    assert [operation.text for operation in extract_work(Trace(id="t", text=text)).behind_answer()] == ["2*15 = 30"]


def test_the_answer_is_the_recorded_then_the_marked_then_the_named_then_the_stated_one():
    assert final_answer(Trace(id="t", text="The answer is 5, \\boxed{6}.", answer="7")) == 7
    assert final_answer(Trace(id="t", text="The answer is 5, \\boxed{6}.")) == 6
    assert final_answer(Trace(id="t", text="The answer is 4. No, the answer is $1,005.")) == 1005
    assert final_answer(Trace(id="t", text="4 * 5 = 20.\n\nSo she has **20 eggs** after 4 days.")) == 20
    assert final_answer(Trace(id="t", text="Nothing here.", answer="x+1")) is None


def test_a_position_has_its_step():
    text = "First, 1 + 1 = 2.\n\nThen 2 + 2 = 5.\n\nDone."
    work = extract_work(Trace(id="t", text=text))
    assert work.step_of(text.index("2 + 2")) == 1
    assert work.step_of(0) == 0
    assert work.step_of(None) is None
