"""Rewards that are no numbers are refused; what a task says of responses is kept."""

import math

import pytest
import torch

from sgram.errors import InputError, UsageError
from sgram.grading.outcome import Problem, TaskOutcome
from sgram.training.trainer.rewards import TaskReward, check_rewards, completion_text, find_error_kinds, find_outcomes


def constant(value):
    def named(completions, **_):
        return [value] * len(completions)

    return named


@pytest.mark.parametrize("value", [0, 1.5, -2, None, True])
def test_numbers_and_missing_rewards_pass(value):
    assert check_rewards(constant(value))(completions=["a", "b"]) == [value, value]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, torch.tensor(math.nan)])
def test_what_is_no_number_is_refused_with_the_response(value):
    with pytest.raises(InputError, match=r"reward function named returned .* for response 0 \('half \\\\x1b\[2J'\)"):
        check_rewards(constant(value))(completions=["half \x1b[2J"])


def test_a_watched_function_keeps_its_name_and_what_it_was():
    reward = constant(1.0)
    checked = check_rewards(reward)
    assert checked.__name__ == "named"  # TRL logs rewards by it
    assert checked.reward_function is reward

    class Callable:
        def __call__(self, completions):
            return (number for number in [1.0])

    assert check_rewards(Callable()).__name__ == "Callable"
    assert check_rewards(Callable())(["x"]) == [1.0]


def test_models_and_coroutines_are_left_alone():
    async def later(completions):
        return []

    model = torch.nn.Linear(1, 1)
    for reward in (later, model, "some/model"):
        assert check_rewards(reward) is reward


class Judge:
    """Right is what ends with its problem's reference; "?" cannot be judged."""

    def judge(self, problems, responses):
        return [
            TaskOutcome(None, None)
            if text == "?"
            else TaskOutcome(float(text.endswith(problem.reference)), text.endswith(problem.reference), text[-1:])
            for problem, text in zip(problems, responses, strict=True)
        ]


PROBLEMS = [Problem("a", "1+1", "2"), Problem("b", "2+2", "4")]


def test_a_task_judges_each_response_by_its_own_problem():
    reward = TaskReward(Judge(), PROBLEMS)
    assert check_rewards(reward)(completions=["so 4", "so 2", "?", "4"], problem=["a", "a", "b", "b"], prompts=[]) == [
        0,
        1,
        None,
        1,
    ]
    assert [outcome.answer for outcome in reward.outcomes] == ["4", "2", None, "4"]
    assert check_rewards(reward).__name__ == "task"


def test_the_verdicts_are_those_of_the_last_call():
    reward = TaskReward(Judge(), PROBLEMS)
    rewards = [constant(0.0), check_rewards(reward)]
    for texts in (["2"], ["3", "2"]):
        rewards[1](completions=texts, problem=["a"] * len(texts))
        assert [outcome.correct for outcome in find_outcomes(rewards, len(texts))] == [text == "2" for text in texts]
    assert find_outcomes([constant(0.0)], 2) is None
    with pytest.raises(UsageError, match="2 outcomes for 3 responses"):
        find_outcomes(rewards, 3)


def test_kinds_of_errors_are_those_of_the_task_that_judges():
    class FormJudge(Judge):
        error_kinds = frozenset({"format"})

    assert find_error_kinds([constant(0.0), check_rewards(TaskReward(FormJudge(), PROBLEMS))]) == {"format"}
    assert find_error_kinds([check_rewards(TaskReward(Judge(), PROBLEMS))]) is None  # it does not say
    assert find_error_kinds([constant(0.0)]) is None  # nobody judges


def test_a_response_of_messages_is_what_the_assistant_says():
    messages = [
        {"role": "assistant", "content": "Let me look. "},
        {"role": "tool", "content": "42"},
        {"role": "assistant", "content": None},
        {"role": "assistant", "content": "So 42."},
    ]
    assert completion_text(messages) == "Let me look. \n\nSo 42."
    assert completion_text("So 42.") == "So 42."
