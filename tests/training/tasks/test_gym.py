"""Tasks of reasoning-gym: questions that differ, answers found and scored, code in answers kept from doing anything."""

import importlib.util

import pytest

from sgram.errors import UsageError
from sgram.grading.outcome import TaskOutcome
from sgram.grading.pool import describe_unjudged
from sgram.training.tasks.gym import GymConfig, GymTask, unknown_dataset_message

pytestmark = pytest.mark.skipif(importlib.util.find_spec("reasoning_gym") is None, reason="needs sgram[gym]")


@pytest.fixture(scope="module")
def pool():
    """One worker for all tests: starting it takes seconds."""
    task = GymTask("countdown", GymConfig(workers=1, seconds=60.0))
    yield task.pool
    task.close()
    task.close()


@pytest.fixture
def make(pool):
    def made(name, **options):
        task = GymTask(name, GymConfig(workers=1, seconds=60.0, **options))
        task.pool = pool
        return task

    return made


FEW = {"min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 1}
"""Two numbers of one digit, a plus or a minus between them: 10 * 10 * 2 = 200 questions at most."""


def test_no_question_is_in_both_splits_or_twice(make):
    task = make("chain_sum", size=60, test_size=40, dataset=FEW)
    train, test = task.problems("train"), task.problems("test")
    assert (len(train), len(test)) == (60, 40)
    assert len({problem.prompt for problem in (*train, *test)}) == 100
    assert len({problem.id for problem in (*train, *test)}) == 100
    assert all(problem.prompt.endswith("between <answer> and </answer>.") for problem in train)


def test_problems_depend_on_the_seed_alone(make):
    first, repeated, reseeded = (make("leg_counting", size=20, test_size=5, seed=seed) for seed in (1, 1, 2))
    assert first.problems("train") == repeated.problems("train")
    prompts, reseeded_prompts = ({problem.prompt for problem in task.problems("train")} for task in (first, reseeded))
    assert not prompts & reseeded_prompts  # the library's own entry 1 of seed 1 is entry 0 of seed 2


def test_too_few_different_questions_are_refused(make):
    task = make("chain_sum", size=400, dataset=FEW)
    with pytest.raises(
        UsageError, match=r"gym:chain_sum makes only \d+ different questions .* but 500 are needed; ask for"
    ):
        task.problems("train")


def test_answers_are_taken_from_tags_boxes_and_last_lines(make):
    task = make("chain_sum", size=1, test_size=0)
    (problem,) = task.problems("train")
    right = problem.reference
    responses = [
        f"<answer>{right}</answer>",
        f"\\boxed{{{right}}}",
        f"so it is\n{right}\n",
        f"{right}\n<answer>no</answer>",
        "",
        f"#### {right} apples",
    ]
    outcomes = task.judge([problem] * 6, responses)
    assert [outcome.correct for outcome in outcomes] == [True, True, True, False, False, False]
    assert {outcome.answer for outcome in outcomes[:3]} == {right}
    assert outcomes[3] == TaskOutcome(0.0, False, "no")
    assert outcomes[4] == TaskOutcome(0.0, False, None, "format")
    # the library gives 1 / 10 of the characters, or so: a part, but not correct
    assert 0 < outcomes[5].reward < 1


def test_where_marks_are_demanded_the_last_line_is_no_answer(make):
    task = make("chain_sum", size=1, test_size=0, marked_only=True)
    (problem,) = task.problems("train")
    assert task.judge([problem], [problem.reference]) == [TaskOutcome(0.0, False, None, "format")]


def test_a_score_above_nothing_is_not_yet_correct(make):
    graded, binary = (make("countdown", size=1, test_size=0), make("countdown", size=1, test_size=0, binary=True))
    (problem,) = graded.problems("train")
    wrong = "<answer>1</answer>"
    assert graded.judge([problem], [wrong]) == [TaskOutcome(0.05, False, "1")]
    assert binary.judge([problem], [wrong]) == [TaskOutcome(0.0, False, "1")]
    (right,) = binary.judge([problem], [f"<answer>{problem.reference}</answer>"])
    assert right == TaskOutcome(1.0, True, problem.reference)


def test_an_answer_that_trips_the_scorer_is_wrong(make):
    task = make("prime_factorization", size=1, test_size=0)  # its scorer raises ValueError here
    assert task.judge(task.problems("train"), ["<answer>zzz</answer>"]) == [TaskOutcome(0.0, False, "zzz")]


@pytest.mark.parametrize(
    "code",
    [
        "open('{path}', 'w')",
        "__import__('os').system('touch {path}')",
        "__import__('os').mkdir('{path}')",
        "__import__('subprocess').run(['touch', '{path}'])",
        "__import__('pathlib').Path('{path}').touch()",
    ],
)
def test_code_in_an_answer_does_nothing(make, tmp_path, code):
    """Countdown evaluates the answer."""
    task = make("countdown", size=1, test_size=0)
    answer = code.format(path=tmp_path / "made")
    (outcome,) = task.judge(task.problems("train"), [f"<answer>{answer}</answer>"])
    assert not outcome.correct
    assert list(tmp_path.iterdir()) == []


def test_code_in_an_answer_is_really_evaluated(make):
    """Without this, the test above could not fail."""
    task = make("countdown", size=1, test_size=0)
    (problem,) = task.problems("train")
    (outcome,) = task.judge([problem], [f"<answer>({problem.reference})*len(str())+({problem.reference})</answer>"])
    assert outcome.reward is not None
    (ended,) = task.judge([problem], ["<answer>__import__('os')._exit(3)</answer>"])
    assert ended == TaskOutcome(None, None)
    assert "the worker ended while it checked" in describe_unjudged(task.pool)


def test_the_instruction_stands_behind_the_question(make):
    (problem,) = make("chain_sum", size=1, test_size=0, instruction="Be brief.").problems("train")
    assert problem.prompt.endswith("\n\nBe brief.")


def test_an_unknown_dataset_or_setting_is_refused(make):
    with pytest.raises(UsageError, match=r"no dataset 'countdwn'; did you mean countdown.*\(106 in all\)"):
        make("countdwn").problems("train")
    with pytest.raises(UsageError, match=r"gym:countdown does not accept its settings: .*'bogus'"):
        make("countdown", dataset={"bogus": 1}).problems("train")
    with pytest.raises(UsageError, match=r"gym:countdown does not accept its settings: max_numbers must be"):
        make("countdown", dataset={"min_numbers": 9, "max_numbers": 3}).problems("train")
    assert "; some are a, d" in unknown_dataset_message("zzzzzz", list("abcdefghijklmnopqr"))


def test_sizes_that_are_none_are_refused():
    for bad in ({"size": 0}, {"test_size": -1}, {"size": "many"}):
        with pytest.raises(UsageError, match=r"must be an integer >= "):
            GymConfig(**bad)
