"""Verdicts on responses: right, wrong or not judged. Expected verdicts are those of people who read both."""

import importlib.util
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sgram
from sgram.errors import SgramError
from sgram.grading.grader import Grade, Grader
from sgram.grading.pool import PoolConfig

needs_math_verify = pytest.mark.skipif(importlib.util.find_spec("math_verify") is None, reason="needs sgram[train]")
OPTIONS = "Which is even? (A) 1 (B) 2 (C) 3"
CITIES = "What is the capital of France?\nA. Berlin\nB. Paris\nC. Rome\nD. Madrid"
LETTER_FORMS = [
    *("Answer: {}", "ANSWER: {}", "**Answer: {}**", "Answer: ({})", "**Final Answer**: ({})", "<answer>({})</answer>"),
    *("The answer is {}.", "So the answer is **{}**.", "The correct answer is ({}).", "The correct answer is {}"),
    *(
        "Therefore, the correct option is ({}).",
        "Answer: {}) 4 apples",
        "**{}**",
        "({})",
        "{}",
        "\\boxed{{\\text{{({})}}}}",
    ),
    *(
        "\\boxed{{{}}}",
        "\\boxed{{\\textbf{{({})}}\\ 12}}",
        "I choose option {}.",
        "{} is the correct answer.",
        "So ({}).",
    ),
    *(
        "The best choice is {}, since it is even.",
        "My answer: **{}**",
        "The answer is option {}: 4 apples.",
        "答案：{}",
    ),
]


@pytest.fixture(scope="module")
def grader():
    """One worker for all tests."""
    with Grader(config=PoolConfig(workers=1, seconds=60.0)) as one_grader:
        yield one_grader


def grade_of(grader, reference, response, prompt=None):
    return grader.grade_many([response], [reference], [prompt])[0]


# -- multiple choice --------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", LETTER_FORMS)
@pytest.mark.parametrize("letter", "ABJ")
def test_a_letter_is_understood_in_every_way_of_naming_it(grader, form, letter):
    response = "Let us reason. D is wrong because x.\n\n" + form.format(letter)
    assert grade_of(grader, letter, response).correct is True
    assert grade_of(grader, f"\\text{{({letter})}}", response).correct is True
    assert grade_of(grader, "C", response).correct is False


@pytest.mark.parametrize(
    ("reference", "response", "correct"),
    [
        ("A", "A good choice would be B because C is wrong. So B.", False),
        ("D", "The answer is not D but C.", False),
        ("C", "The answer is not D but C.", True),
        ("B", "Answer: B or C", False),
        ("A", "The answer is (A) or (B).", False),
        ("A", "The answer is [A], [B] or [C]", False),
        ("A, C", "\\boxed{A and C}", True),
        ("AC", "Answer: A, C", False),  # without options AC is a product
        ("B", "A, C and D are incorrect, so it must be B.", True),
        ("B", "I am torn between A and B, but choose B.", True),
        ("A", "a", True),
        ("B", "I do not know.", False),
    ],
)
def test_other_letters_of_a_sentence_are_not_its_answer(grader, reference, response, correct):
    if reference != "AC":
        assert grade_of(grader, reference, response).correct is correct
    else:
        assert grade_of(grader, reference, response, "Pick all.\n(A) 1\n(B) 2\n(C) 3").correct is True


@pytest.mark.parametrize(
    ("prompt", "reference", "response", "correct"),
    [
        (OPTIONS, "B", "\\boxed{2}", True),
        (OPTIONS, "B", "So it is 3.", False),
        (OPTIONS, "2", "The answer is B.", True),
        (OPTIONS, "2", "\\boxed{C}", False),
        (CITIES, "B", "The capital of France is Paris.", True),
        (CITIES, "B", "It is Rome.", False),
        (CITIES, "Paris", "B", True),
        (CITIES, "Paris", "Answer: B. Paris", True),
        (CITIES, "C", "**Paris**", False),
    ],
)
def test_a_letter_and_the_text_of_its_option_are_one_answer(grader, prompt, reference, response, correct):
    assert grade_of(grader, reference, response, prompt).correct is correct


# -- where the answer is ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reference", "response", "correct"),
    [
        ("9", "<think>maybe \\boxed{8}</think>\nThe final answer is 9.", True),
        ("8", "<think>maybe \\boxed{8}</think>\nThe final answer is 9.", False),
        ("5", "hm 4</think>The answer is 5", True),
        ("5", "<think>\n\\boxed{5} and on and on", False),  # never closed
        ("5", "<think>\nIt is 5.</think>", False),  # nothing follows
        ("5", "<think>\nIt is 4.\nanswer\nAnswer: It is 5.", True),  # s1 without its special tokens
        ("7", "The answer is 7.\n\nIf you have 2 more questions, feel free to ask!", True),
        ("7", "\\boxed{7}\n\nI hope this helps! Have 3 great days.", True),
        ("7", "So x = 7.\n\nQuestion: What is 3+3?\nAnswer: 6", True),  # it goes on with another problem
        ("1, 2", "so \\boxed{1} and \\boxed{2}", True),
        ("4", "so \\boxed{3} and \\boxed{4}", False),  # two answers where one is right
        ("4", "so \\boxed{3}, wait, \\boxed{4}", True),
        ("1,2", "(a) We get \\boxed{1}.\n\nLong text.\n\n(b) We get \\boxed{2}.", True),
        ("18", "He earns 9 * 2 = $18 a day.\n#### 18", True),
        ("3", "#### Step 3\nSo x = 4.", False),  # a heading
        ("120", "24 * 5 = 120.\n\n**Answer: He deals with 120 calls in his 5-day week.**", True),
        ("24", "First we multiply 4 by 6 to get 24, and then we", False),  # cut off
        ("5", "We compute 2 + 3 =", False),
        ("18", "The most precise expression is **\\(18\\text{ hours} + x\\)**.", False),
        ("4", "La respuesta es 4.", True),
        ("4", "Die Antwort ist 4.", True),
        ("42", "因此，答案是 42。", True),
        ("3.75", "It takes 3 hours and 45 minutes.", True),
        ("3", "It takes 3 hours and 45 minutes.", False),
        ("160", "It takes 160 minutes, which is 2 hours and 40 minutes.", True),
        ("4", "6 - 2 = 4.\n\n**Answer**: 3 loaves cost $4 more than 2 bagels.", True),
        ("1000000", "About one million people.", True),
        ("5", "She has 5 left. Is there anything else? I can do 20 more.", True),
        ("12", "It's 12, not 13.", True),
        ("13", "It's 12, not 13.", False),
        ("12", "There are 12 of 20 left.", True),
        ("12", "The answer is 12 or 13.", False),
        ("0.5", "The answer is 1/2 or 50%.", True),
        ("5600", "**Answer: Sue ate 5\u202f600 more calories than her sister.**", True),
        ("42", "I have no idea.", False),
        ("42", "", False),
    ],
)
@needs_math_verify
def test_the_answer_is_what_the_response_ends_on(grader, reference, response, correct):
    assert grade_of(grader, reference, response).correct is correct


def test_a_response_without_an_answer_is_wrong_and_says_so(grader):
    assert grade_of(grader, "5", "<think>It is 5.") == Grade(
        False, None, "the response ends with its thinking", "an answer read out of its thinking"
    )
    assert grade_of(grader, "5", "Hello.") == Grade(False, None, "the response states no answer")


def test_where_marks_are_demanded_a_statement_is_no_answer():
    with Grader(marked_only=True) as strict:
        assert [grade_of(strict, "4", text).correct for text in ("It is 4.", "\\boxed{4}", "#### 4")] == [
            False,
            True,
            True,
        ]


# -- when answers are equal -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reference", "answer", "correct"),
    [
        *[
            ("1234", spelling, True)
            for spelling in ("1,234", "1{,}234", "1\\,234", "1 234", "\\$1,234.00", "1234 dollars")
        ],
        *[
            ("5.89e-7", f"5.89{times}10{power}", True)
            for times in ("\\times ", "×", "*", " x ", "\\cdot ")
            for power in ("^{-7}", "^-7", "⁻⁷", "^(-7)")
        ],
        ("5.89 \\times 10^{-7}", "5.89E-07", True),
        ("5.89e-7", "5.9 \\times 10^{-7}", False),
        ("3e8", "3.0 \\times 10^8 \\text{ m/s}", True),
        ("1e11", "10^{11}", True),
        ("0.5", "50\\%", True),
        ("50", "50\\%", True),
        ("50\\%", "50", True),
        ("0.5", "0.5\\%", False),
        ("2.5", "2\\frac{1}{2}", True),
        ("2\\frac12", "\\frac52", True),
        ("2½", "2.5", True),
        ("0.333", "\\frac13", False),
        ("3.14", "\\pi", False),
        ("073", "73", True),
        ("-7", "−7", True),
        ("42", "\\text{forty-two}", True),
        ("52_8", "52", True),
        ("52_8", "42", False),
        ("35", "35\\text{ cm}", True),
        ("35 cm", "35 m", False),
        ("5 hours", "300 minutes", False),
        ("90^\\circ", "90", True),
        ("2:3", "\\frac{2}{3}", True),
        ("4:30 p.m.", "4:30 PM", True),
        ("(-\\infty, 2)", "x < 2", True),
        ("[2,5)", "2 \\le x < 5", True),
        ("[2,5]", "(2,5)", False),
        ("(-\\infty,-1)\\cup(2,\\infty)", "x<-1 \\text{ or } x>2", True),
        ("x \\ge 3", "x > 3", False),
        ("[\\frac{1}{2},8]", "[0.5, 8]", True),
        ("\\{1, 2\\}", "2, 1", True),
        ("(1,2)", "(2,1)", False),
        ("(1,2)", "x=1, y=2", True),
        ("3, -3", "\\pm 3", True),
        ("(0,2),(0,-2)", "(0, \\pm 2)", True),
        ("TTH", "HTT", False),  # not a product of letters
        ("(-\\infty,\\infty)", "\\text{all real numbers}", True),
        ("1,2", "1", False),
        ("(1,1),(3,2)", "(3,2) \\text{ and } (1,1)", True),
        ("\\begin{pmatrix}1\\\\2\\end{pmatrix}", "\\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}", True),
        ("7", "x = 7", True),
        ("x=5", "y=5", False),
        ("5x-7y+11z+4=0", "-5x+7y-11z=4", True),
        ("y=2x+1", "2x-y+1=0", True),
        ("x^2+2x+1", "(x+1)^2", True),
        ("-8-8\\sqrt{3}i", "-8 - 8i\\sqrt{3}", True),
        ("\\frac{1}{3}E_{1}+\\frac{2}{3}E_{2}", "2/3", False),  # what math-verify falls back to
        ("\\sqrt{2}", "1.414214", False),  # math-verify rounds to six decimals
        ("Tuesday", "\\text{Tuesday}", True),
        ("yes", "\\text{Yes}", True),
        ("Evelyn", "levyEn", False),  # not a product of letters
        ("6", "3!", True),
    ],
)
@needs_math_verify
def test_answers_are_equal_as_people_take_them(grader, reference, answer, correct):
    assert grade_of(grader, reference, f"So \\boxed{{{answer}}}.").correct is correct


@pytest.mark.parametrize(
    ("reference", "response", "correct"),
    [
        ("The answer is 42", "\\boxed{42}", True),
        ("Mia has 42 pens. #### 42", "\\boxed{42}", True),
        ("She has 42 apples left.", "\\boxed{43}", False),
        ("Therefore $x = \\boxed{7}$.", "It is 7.", True),
        ('["42"]', "\\boxed{42}", True),
        ("['42']", "\\boxed{42}", True),
        ('["1", "2"]', "\\boxed{1, 2}", True),
    ],
)
def test_a_reference_that_is_a_sentence_or_a_list_is_read(grader, reference, response, correct):
    assert grade_of(grader, reference, response).correct is correct


@pytest.mark.parametrize(
    ("reference", "response", "correct"),
    [
        ("even", "The function is even.", True),
        ("even", "The function is neither even nor odd.", False),
        ("even", "Perhaps even functions are more useful here.", False),
        ("Paris", "The capital is Lyon, not Paris.", False),
        ("Evelyn", "So Evelyn ran the farthest.", True),
        ("Evelyn", "Ann won against Evelyn.", False),
        ("red", "The ball is red.", True),
        ("yes", "Yes, it is true.", True),
        ("no", "Yes, it is true.", False),
    ],
)
def test_words_count_where_a_sentence_states_them(grader, reference, response, correct):
    assert grade_of(grader, reference, response).correct is correct


@pytest.mark.parametrize(
    ("reference", "response", "why"),
    [
        ("", "\\boxed{4}", "it holds no answer"),
        ("N/A", "\\boxed{4}", "it holds no answer"),
        ("answers vary", "\\boxed{4}", "it holds no answer"),
        ("\\frac{}{2}", "It is 5.", "a part of the formula is missing"),
        ("![the graph](graph.png)", "\\boxed{4}", "it is code, a link or a picture"),
        ("```python\nprint(4)\n```", "\\boxed{4}", "it is code, a link or a picture"),
        ("https://example.org/solution", "\\boxed{4}", "it is code, a link or a picture"),
        (
            "Assume that there are finitely many primes, multiply all of them, add one, and find a new prime divisor.",
            "There are infinitely many, because the product plus one has a new divisor.",
            "it is prose",
        ),
        ("f(x)=x+b,wherebisanarbitraryinteger", "\\boxed{x+b}", "its words have lost their spaces"),
        ('["1", "2"]', "\\boxed{1}", "the reference lists several answers"),
        (
            "the French Revolution",
            "<answer>Between the storming of a prison in Paris and the rise of a general many old powers were swept "
            "away and others came</answer>",
            "the answer is prose",
        ),
    ],
)
def test_what_cannot_be_compared_is_not_judged_and_says_why(grader, reference, response, why):
    grade = grade_of(grader, reference, response)
    assert grade.correct is None
    assert why in grade.why


@needs_math_verify
def test_a_formula_that_cannot_be_read_or_computed_is_not_judged():
    with Grader(config=PoolConfig(workers=1, seconds=1.0)) as grader:
        unreadable = grade_of(grader, "n-\\lfloor/2\\rfloor", "\\boxed{n}")
        endless = grade_of(grader, "4", "\\boxed{9^{9^{9^9}}}")
    assert (unreadable.correct, unreadable.why) == (None, "the reference cannot be read as mathematics")
    assert (endless.correct, endless.why) == (None, "not compared: the check took longer than 1 s of CPU time")


@pytest.mark.parametrize(
    ("reference", "response", "prompt", "equal_after"),
    [
        ("5 hours", "\\boxed{300 \\text{ minutes}}", None, "a unit converted"),
        ("2", "So it takes 120 minutes.", None, None),  # a statement's number has no unit
        ("2", "\\boxed{120 \\text{ minutes}}", None, "a unit converted"),
        ("50", "\\boxed{0.5}", "What percentage is it?", "a share and a percentage taken for each other"),
        ("0.5", "\\boxed{0.5\\%}", None, "a percent sign dropped"),
        ("0.333", "\\boxed{\\frac13}", None, "a number rounded to the digits of the reference"),
        ("2.7778e-6", "\\boxed{2.78 \\times 10^{-6}}", None, "the reference rounded to the digits of the answer"),
        ("52_8", "\\boxed{42}", None, "a number of base 8 written in base 10"),
        ("(1,2)", "\\boxed{(2,1)}", None, "a list in another order"),
        ("216", "It takes **3 minutes and 36 seconds**.", None, "a unit converted"),
        ("2", "\\boxed{2:00 \\text{ pm}}", None, "a time of day taken for its hour"),
        ("128", "\\boxed{86} glasses and \\boxed{42} plates.", None, "the parts of an answer added"),
        ("5", "\\boxed{6}", None, None),
    ],
)
def test_a_conversion_that_is_not_accepted_is_named(grader, reference, response, prompt, equal_after):
    grade = grade_of(grader, reference, response, prompt)
    assert (grade.correct, grade.equal_after) == (False, equal_after)


def test_units_are_converted_where_it_is_asked_for():
    with Grader(convert_units=True) as converting:
        assert grade_of(converting, "5 hours", "\\boxed{300 \\text{ minutes}}").correct is True
        assert (
            grade_of(converting, "2", "\\boxed{120 \\text{ minutes}}", "How many hours does it take?").correct is True
        )
        assert grade_of(converting, "5 hours", "\\boxed{200 \\text{ minutes}}").correct is False


@needs_math_verify
def test_all_correct_answers_are_one_string_and_equal_wrong_ones_too(grader):
    spellings = ["0.5", "\\frac{1}{2}", "1/2", "\\frac{2}{4}", "50\\%", "\\sqrt{\\frac14}"]
    right = grader.grade_many([f"\\boxed{{{spelling}}}" for spelling in spellings], ["1/2"] * len(spellings))
    assert {(grade.correct, grade.answer) for grade in right} == {(True, "1/2")}
    wrong = grader.grade_many([f"\\boxed{{{spelling}}}" for spelling in spellings], ["2/3"] * len(spellings))
    assert {(grade.correct, grade.answer) for grade in wrong} == {(False, "1/2")}
    assert grade_of(grader, "x=5", "\\boxed{y=5}").answer == "not 5"  # would look like the right one


def test_the_public_function_grades_without_being_set_up():
    assert sgram.grade("So (B).", "B").correct is True
    assert [grade.correct for grade in sgram.grade_many(["It is 4.", "It is 5."], ["4", "4"])] == [True, False]
    with pytest.raises(ValueError, match="argument"):
        sgram.grade_many(["It is 4."], ["4", "5"])


def test_a_missing_library_matters_for_formulas_only(monkeypatch):
    monkeypatch.setattr("sys.executable", "/bin/true")
    with Grader() as grader:
        assert grade_of(grader, "4", "\\boxed{4}").correct is True
        with pytest.raises(SgramError, match="a worker that checks maths does not start"):
            grade_of(grader, "4", "\\boxed{2^2}")


# -- properties -------------------------------------------------------------------------------------------


def spellings_of(value: Fraction) -> list[str]:
    """Spellings of a fraction whose denominator divides a power of ten."""
    digits, exponent = value, 0
    while digits.denominator > 1:
        digits, exponent = digits * 10, exponent - 1
    whole = int(digits)
    sign, size = "-" if whole < 0 else "", abs(whole)
    decimal = f"{sign}{size:0{1 - exponent}d}"
    decimal = decimal if not exponent else f"{decimal[:exponent]}.{decimal[exponent:]}"
    head, _, tail = decimal.lstrip("-").partition(".")
    grouped = f"{sign}{int(head):,}" + (f".{tail}" if tail else "")
    return [
        decimal,
        f"{decimal}{'' if '.' in decimal else '.'}00",
        grouped,
        grouped.replace(",", "\\,"),
        grouped.replace(",", "{,}"),
        grouped.replace(",", "\u202f"),
        f"{whole}e{exponent}",
        f"{whole} \\times 10^{{{exponent}}}",
        f"{whole}×10^{exponent}",
        f"{sign}\\frac{{{abs(value.numerator)}}}{{{value.denominator}}}",
        f"{value.numerator}/{value.denominator}",
        f"${decimal}$",
        f"x = {decimal}",
        f"\\text{{{decimal} meters}}",
    ]


VALUES = st.decimals(-(10**6), 10**6, places=3).map(Fraction)


@settings(max_examples=60)
@given(value=VALUES, other=VALUES, data=st.data())
def test_a_number_equals_itself_in_every_spelling_and_no_other_number(value, other, data):
    reference = data.draw(st.sampled_from(spellings_of(value)))
    answer = data.draw(st.sampled_from(spellings_of(value)))
    with Grader() as grader:
        assert grade_of(grader, reference, f"So \\boxed{{{answer}}}.").correct is True
        wrong = data.draw(st.sampled_from(spellings_of(other)))
        assert grade_of(grader, reference, f"So \\boxed{{{wrong}}}.").correct is (value == other)
        assert grader.pool.report.n_questions == 0


@settings(max_examples=40)
@given(st.lists(st.integers(-50, 50), min_size=2, max_size=5, unique=True), st.randoms())
def test_sets_are_equal_in_any_order_and_tuples_in_one(numbers, rng):
    shuffled = rng.sample(numbers, len(numbers))
    text, other = ", ".join(map(str, numbers)), ", ".join(map(str, shuffled))
    with Grader() as grader:
        assert grade_of(grader, f"\\{{{text}\\}}", f"\\boxed{{{other}}}").correct is True
        assert grade_of(grader, f"({text})", f"\\boxed{{({other})}}").correct is (numbers == shuffled)
        assert grade_of(grader, text, f"\\boxed{{{other}, 51}}").correct is False


@settings(max_examples=150, deadline=None)
@given(
    reference=st.text(alphabet="0123456789.,-$*=/\\{}()[]<> \nabxABefrctqu%^_|", max_size=40),
    response=st.text(alphabet="0123456789.,-$*=/\\{}()[]<> \nabxABefrctqu%^_|#answeri:", max_size=80),
)
def test_any_pair_of_texts_gets_a_verdict_with_a_reason(reference, response):
    from sgram.grading.comparing import FormulaNeededError, NoFormulas
    from sgram.grading.final_statement import final_part
    from sgram.grading.judging import judge

    question = {
        **{"reference": reference, "part": final_part(response), "prompt": "", "options": {}},
        **{"marked_only": False, "convert_units": False},
    }
    try:
        grade = judge(question, NoFormulas())
    except FormulaNeededError:
        return
    assert grade["correct"] in (True, False, None)
    assert grade["why"]


def test_a_number_of_thousands_of_digits_is_judged():
    assert sgram.grading.grade("So it is \\boxed{1e5000}.", "7").correct is False
    assert sgram.grading.grade("So it is \\boxed{1e5000}.", "1e5000").correct is True
    assert sgram.grading.grade("So it is \\boxed{1e5000}.", "7").answer == "1e5000"
