"""The judge and the truth of the testbed: each kind of error and each span, worked out by hand."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import UsageError
from sgram.grading.outcome import Problem
from sgram.lexicon import MOVES
from sgram.tagging.span_finder import SpanFinder
from sgram.testbed import PRESETS, Testbed, TestbedConfig
from sgram.testbed.wording import PHRASES
from sgram.training.tasks.task import TaskWithTruth

TESTBED = Testbed()
# "In a square are 6 by 6 pens, and 7 others. How many pens?": 6 * 6 + 7 = 43; two crates would be (6 + 7) * 2 = 26
SQUARE = Problem(
    "square-0-6-7",
    "In a square are 6 by 6 pens, and 7 others. How many pens?\n",
    "43",
    {"method": "square", "story": 0, "a": 6, "b": 7},
)
RIGHT = "Let's try to square the first and add. This makes 6 * 6 = 36, so 36 + 7 = 43. The answer is 43."
TWO_ATTEMPTS = (
    "My first idea is to add both and then double. We get 6 plus 7 is 13, so 13 times 2 is 26. To verify, the text "
    "says a square, this isn't right, backtrack. Alternatively, we could square the first and add. That gives "
    "6 * 6 = 36, so 36 + 7 = 43. Looking back, we are told a square, it works. It follows that the answer is 43."
)
WRONG_PLAN = "Perhaps we can add both and then double. We get 6 + 7 = 13, so 13 * 2 = 26. The answer is 26."


def judge(response, problem=SQUARE):
    (outcome,) = TESTBED.judge([problem], [response])
    return outcome.reward, outcome.correct, outcome.answer, outcome.error


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        (RIGHT, (1.0, True, "43", None)),
        (TWO_ATTEMPTS, (1.0, True, "43", None)),
        (RIGHT.replace("43", "0043"), (1.0, True, "43", None)),
        (RIGHT.upper(), (1.0, True, "43", None)),
        # the plan: the method announced last is wrong, whatever stood before; or no answer before the end
        (WRONG_PLAN, (0.0, False, "26", "strategic")),
        (
            RIGHT.replace(" The answer is 43.", "") + " Another way is to add both and then double. "
            "This makes 6 + 7 = 13, so 13 * 2 = 26. The answer is 26.",
            (0.0, False, "26", "strategic"),
        ),
        (RIGHT.replace(" The answer is 43.", ""), (0.0, False, None, "strategic")),
        (RIGHT[:45], (0.0, False, None, "strategic")),
        ("Let's try to square the first and add. The answer is none.", (0.0, False, None, "strategic")),
        # its execution: the right method, a wrong answer
        (RIGHT.replace("= 36", "= 35").replace("43", "42"), (0.0, False, "42", "procedural")),
        (RIGHT + " The answer is 44.", (0.0, False, "44", "procedural")),
        (RIGHT.replace("is 43", "is 43.5"), (0.0, False, "43.5", "procedural")),
        (RIGHT.replace("is 43", "is -43"), (0.0, False, "-43", "procedural")),
        (RIGHT.replace("is 43", "is 43" + "0" * 5000), (0.0, False, "430000000000...", "procedural")),
        # form: no method is announced, even where the answer is right
        ("", (0.0, False, None, "format")),
        ("The answer is 43.", (0.0, False, "43", "format")),
        ("We square the first and add. The answer is 43.", (0.0, False, "43", "format")),
        ("Let's try to. Square the first and add.", (0.0, False, None, "format")),
        ("Let's try to squared the first and add.", (0.0, False, None, "format")),
        ("To verify square the first and add. The answer is 43.", (0.0, False, "43", "format")),
        # the known gap: right by luck is right
        (WRONG_PLAN.replace("is 26.", "is 43."), (1.0, True, "43", None)),
    ],
)
def test_each_kind_of_error_is_recognized(response, outcome):
    assert judge(response) == outcome


def test_a_batch_is_judged_row_by_row():
    rewards = [outcome.reward for outcome in TESTBED.judge([SQUARE] * 3, [RIGHT, WRONG_PLAN, ""])]
    assert rewards == [1.0, 0.0, 0.0]
    with pytest.raises(UsageError, match=r"one response a problem .* \(got 1 for 2 problems\)"):
        TESTBED.judge([SQUARE, SQUARE], [RIGHT])


def test_true_spans_are_the_phrases_and_the_announced_names():
    spans = [(TWO_ATTEMPTS[span.start : span.end], span.label) for span in TESTBED.planning_spans(SQUARE, TWO_ATTEMPTS)]
    assert spans == [
        ("My first idea is to", "branching"),
        ("add both and then double", "goal-setting"),
        ("To verify", "verification"),
        ("this isn't right, backtrack", "backtracking"),
        ("Alternatively, we could", "branching"),
        ("square the first and add", "goal-setting"),
        ("Looking back", "verification"),
        ("it works", "verification"),
        ("It follows that", "deduction"),
    ]
    assert [span.gram for span in TESTBED.planning_spans(SQUARE, TWO_ATTEMPTS)][3:5] == [
        "this isn't right backtrack",
        "alternatively we could",
    ]


def test_a_name_without_an_announcement_is_not_a_span():
    response = "Add both and then double. Let's try to, add both and then double. To verify, add both and then double."
    spans = TESTBED.planning_spans(SQUARE, response)
    assert [(span.start, span.gram) for span in spans] == [
        (26, "let's try to"),
        (40, "add both and then double"),
        (66, "to verify"),
    ]


def test_the_longest_phrase_is_the_span():
    (span,) = TESTBED.planning_spans(SQUARE, "So, instead, let's try to see.")
    assert (span.start, span.gram) == (4, "instead let's try to")


def test_a_parsed_response_has_its_methods_equations_and_checks():
    parsed = TESTBED.parse(SQUARE, TWO_ATTEMPTS)
    assert [method.key for method in parsed.methods] == ["double", "square"]
    assert (parsed.n_equations, parsed.n_wrong_equations, parsed.n_unrelated_equations) == (4, 0, 0)
    assert (parsed.n_checks, parsed.n_false_verdicts, parsed.answer) == (2, 0, "43")


@pytest.mark.parametrize(
    ("old", "new", "n_wrong", "n_unrelated", "n_false"),
    [
        ("7 is 13", "7 is 14", 1, 0, 0),  # 6 + 7 is no 14
        ("6 * 6 = 36", "6 * 7 = 42", 0, 1, 0),  # true, but squaring multiplies 6 by 6
        ("6 plus 7 is 13", "7 plus 6 is 13", 0, 1, 0),  # true, but the other way round
        ("backtrack. Alternatively", "backtrack. 6 * 6 = 36. Alternatively", 0, 1, 0),  # what is announced is the sum
        ("My first idea", "9 + 9 = 18. My first idea", 0, 1, 0),  # before any method
        ("it works", "so that can't be it", 0, 0, 1),
        ("this isn't right, backtrack", "so this fits", 0, 0, 1),
        ("the text says a square", "the text says two crates", 0, 0, 1),
        ("36 + 7 = 43", "36 + 7 = 999999999999", 1, 0, 0),
        ("36 + 7 = 43", "36 + 7 = 9999999999999", 0, 0, 0),  # too long to be read; one equation fewer
    ],
)
def test_each_fault_inside_a_response_is_counted(old, new, n_wrong, n_unrelated, n_false):
    assert TWO_ATTEMPTS.count(old) == 1
    parsed = TESTBED.parse(SQUARE, TWO_ATTEMPTS.replace(old, new))
    assert (parsed.n_wrong_equations, parsed.n_unrelated_equations, parsed.n_false_verdicts) == (
        n_wrong,
        n_unrelated,
        n_false,
    )


def test_a_verdict_rests_on_the_clue_of_its_own_check():
    response = TWO_ATTEMPTS.replace("the text says a square", "the text says two crates").replace(
        "we are told a square, ", ""
    )
    parsed = TESTBED.parse(SQUARE, response)
    assert (parsed.n_checks, parsed.n_false_verdicts) == (2, 1)  # the first alone


def test_partial_results_belong_to_what_was_announced():
    testbed = Testbed(TestbedConfig(execution=2))
    response = (
        "Let's try to add both and then double. This makes 6 + 7 = 13. Then 13 * 2: 10 * 2 = 20, 3 * 2 = 6, "
        "20 + 6 = 26, so 13 * 2 = 26. The answer is 26."
    )
    parsed = testbed.parse(SQUARE, response)
    assert (parsed.n_equations, parsed.n_unrelated_equations) == (5, 0)
    assert TESTBED.parse(SQUARE, response).n_unrelated_equations == 3  # where one equation a step is the rule


fragments = st.sampled_from(
    [phrase for phrases in PHRASES.values() for phrase in phrases]
    + [
        "square the first and add",
        "add both and then double",
        "the answer is",
        "43",
        "9" * 30,
        "6 * 6 = 36",
        "we are told",
        "a square",
        ",",
        ".",
        "\n",
        "is",
        "=",
        "-",
        "٤٣",
        "ſ",
        "K",
        "\x00",
        "\ud800",
        "…",
        "𝟒𝟑",
    ]
)
garbage = st.one_of(st.text(), st.lists(fragments, max_size=30).map(" ".join), st.lists(fragments).map("".join))


@given(garbage)
def test_anything_is_judged(response):
    reward, correct, answer, error = judge(response)
    assert (reward == 1.0) == correct == (error is None)
    assert error in (None, "strategic", "procedural", "format")
    assert answer is None or len(answer) <= 16
    assert not correct or answer == "43"
    parsed = TESTBED.parse(SQUARE, response)
    assert parsed.n_wrong_equations + parsed.n_unrelated_equations <= parsed.n_equations
    assert parsed.n_false_verdicts <= parsed.n_checks
    spans = TESTBED.planning_spans(SQUARE, response)
    assert all(first.end <= second.start for first, second in pairwise(spans))
    assert all(0 <= span.start < span.end <= len(response) for span in spans)


@given(garbage)
def test_every_true_span_is_a_gram_of_the_lexicon(response):
    tagged = {(span.start, span.end, span.label, span.gram) for span in FIND(response)}
    true = {(span.start, span.end, span.label, span.gram) for span in TESTBED.planning_spans(SQUARE, response)}
    assert true <= tagged


FIND = SpanFinder(TESTBED.lexicon())


@pytest.mark.parametrize(
    "response",
    [
        "Let's try to square the first and add. " * 10_000 + "6 * 6 = 36 " * 10_000,
        "the answer is 1" + ".1" * 400_000,
        "9" * 1_000_000,
        "it works, " * 20_000,
        "let's try to" + " , : " * 100_000,
        "-" * 1_000_000,
    ],
    ids=["announcements", "points", "digits", "matches", "gaps", "hyphens"],
)
def test_a_very_long_response_is_read_in_one_go(response):
    assert judge(response)[0] == 0.0  # quadratic reading would run into the limit on a test's time
    assert TESTBED.parse(SQUARE, response).n_wrong_equations == 0
    TESTBED.planning_spans(SQUARE, response)


def test_the_lexicon_holds_the_phrases_and_the_methods_in_play():
    lexicon = TESTBED.lexicon()
    texts = {gram.text for gram in lexicon.grams}
    assert {"let's try to", "this isn't right backtrack", "square the first and add"} <= texts
    assert "triple the sum of both" not in texts
    assert "triple the sum of both" in {gram.text for gram in Testbed(TestbedConfig(methods=8)).lexicon().grams}
    assert len(texts) == sum(map(len, PHRASES.values())) + 5
    assert {cluster.move for cluster in lexicon.clusters} <= set(MOVES)
    assert lexicon == Testbed(TestbedConfig(seed=3, largest=20)).lexicon()


def test_a_problem_of_another_task_is_refused():
    with pytest.raises(UsageError, match="problem other is not one of the testbed's"):
        TESTBED.judge([Problem("other", "How many?", "3")], ["3"])
    copied = Problem(SQUARE.id, SQUARE.prompt, SQUARE.reference, json.loads(json.dumps(dict(SQUARE.meta))))
    assert judge(RIGHT, copied)[0] == 1.0


def test_it_is_a_task_with_truth():
    assert isinstance(TESTBED, TaskWithTruth)
    assert SQUARE.id in {problem.id for split in ("train", "test") for problem in TESTBED.problems(split)}
    assert {problem.prompt for split in ("train", "test") for problem in TESTBED.problems(split)} >= {SQUARE.prompt}
    assert PRESETS["default"] == TestbedConfig() == TESTBED.config
    TESTBED.close()
    TESTBED.close()
