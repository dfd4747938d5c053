"""How answers follow from the numbers of a problem."""

from fractions import Fraction

import pytest

from sgram.diagnosis.derivations import derive, digit_numbers, problem_numbers
from sgram.diagnosis.operations import extract_work
from sgram.traces import Trace

PROMPT = "Ann buys 3 boxes of 12 pens, gives 20% of them away and loses two."


def derivation(text, prompt=PROMPT):
    trace = Trace(id="1", prompt=prompt, text=text)
    return derive(extract_work(trace), trace)


def test_numbers_of_a_problem_are_digits_and_words():
    assert digit_numbers(PROMPT) == {3, 12, 20}
    assert problem_numbers(PROMPT) == {3, 12, 20, 2}
    assert problem_numbers("1,234 is a third of .5 dozen") == {1234, 3, Fraction(1, 2), 12}
    assert problem_numbers(None) == set()


@pytest.mark.parametrize(
    ("text", "steps", "missing"),
    [
        # each number is a result, one of the problem, or a constant
        ("3 * 12 = 36, 36 * 0.8 = 28.8. The answer is 28.8.", ["3*12", "36*0.8"], set()),
        ("3 * 12 = 36 pens.\nPens left = 36 - 2\nThe answer is 34.", ["3*12", "36-2"], set()),
        ("12 * 3 = <<12*3=36>>36. A: 36", ["3*12"], set()),
        # 31 comes from nowhere
        ("31 * 12 = 372. The answer is 372.", ["12*31"], {31}),
        # the first side of a chain is the operation, the others follow from it
        ("12 * 3 - 2 = 36 - 2 = 34. The answer is 34.", ["12*3-2"], set()),
        # small constants need no source where all numbers of the problem are used
        ("12 * 3 = 36, 36 * 20 = 720, 720 / 9 = 80. The answer is 80.", ["3*12", "20*36", "720/9"], set()),
        ("12 * 3 = 36, 36 / 9 = 4. The answer is 4.", ["3*12", "36/9"], {9}),
    ],
)
def test_a_derivation_goes_back_to_the_numbers_of_the_problem(text, steps, missing):
    found = derivation(text)
    assert [step.key for step in found.steps] == steps
    assert found.missing == missing
    assert found.is_closed == (not missing)
    assert found.is_right


def test_a_wrong_result_and_a_rounded_one():
    assert not derivation("3 * 12 = 38, 38 - 2 = 36. The answer is 36.").is_right
    assert derivation("12 / 20 = 0.6, 3 / 0.6 = 5. The answer is 5.").is_right
    rounded = derivation("3 * 12 = 36, 20 * 36 / 12.1 = 59.504. The answer is 59.5.")
    assert rounded.steps[-1].result == Fraction("59.504")
    # 216 seconds are 3.6 minutes: 3 is no rounding of it
    assert derivation("3 * 12 = 36, 36 / 20 = 1.8. The answer is 1.") is None


def test_an_answer_that_is_no_result_has_no_derivation():
    assert derivation("3 * 12 = 36. The answer is 40.") is None
    assert derivation("The answer is unclear.") is None


def test_the_answer_with_another_result_of_a_step():
    found = derivation("3 * 12 = 38, 38 - 2 = 36. The answer is 36.")
    assert found.answer_with(0, Fraction(36)) == 34
    assert found.answer_with(1, Fraction(7)) == 7
    assert found.answer_with(0, None) is None
