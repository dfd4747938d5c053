import pytest

from sgram.errors import UsageError
from sgram.traces.reward_columns import finite_sum, main_reward, names_reward, said_correct, weighted_sum


@pytest.mark.parametrize(
    ("column", "is_one"),
    [
        ("accuracy_reward", True),
        ("soft_format_reward_func", True),
        ("reward_len", True),
        ("formatReward", True),
        ("reward_std", False),
        ("reward_model", False),
        ("rewarding", False),
        ("score", False),
        ("difficulty", False),
    ],
)
def test_columns_are_rewards_by_name(column, is_one):
    assert names_reward(column) is is_one


@pytest.mark.parametrize(
    ("value", "reward"),
    [
        (0.5, 0.5),
        ("0.5", 0.5),
        (True, 1.0),
        ({"score": 1, "acc": False}, 1.0),
        ({"reward": "2"}, 2.0),
        ({"accuracy": 1.0}, 1.0),
        ([0.25], 0.25),
        ({"accuracy": 1.0, "format": 0.5}, None),
        ([1.0, 0.5], None),
        ({}, None),
        ({"note": "ok"}, None),
    ],
)
def test_one_number_is_the_reward_and_of_several_the_main_one(value, reward):
    assert main_reward("reward", value).value == reward


def test_a_reward_tells_what_it_was_read_from():
    assert main_reward("score", 1).columns == ("score",)
    assert main_reward("reward", {"score": 1, "acc": 1}).columns == ("score",)
    assert main_reward("reward", {"accuracy": 1, "format": 0}).columns == ("accuracy", "format")
    assert main_reward("rewards", [1, 0]).columns == ("rewards",)


def test_a_truth_value_says_what_is_correct_and_a_number_does_not():
    assert [said_correct(value) for value in (True, {"acc": 0}, {"accuracy": 1.0}, 1.0, {"accuracy": 0.5}, None)] == [
        True,
        False,
        True,
        None,
        None,
        None,
    ]


def test_rewards_are_weighted_by_name_key_or_path():
    sources = [("rewards", {"accuracy": 1.0, "format": 0.5}), ("steps", [0.25, 0.75]), ("length", "3")]
    assert weighted_sum(sources, {"accuracy": 2, "rewards.format": 1}, ()) == 2.5
    assert weighted_sum(sources, {"steps.1": 4, "length": -1}, ()) == 0.0


def test_a_reward_that_is_missing_in_a_row_is_left_out_and_an_unknown_one_is_an_error():
    sources = [("a", 1.0), ("b", None)]
    assert weighted_sum(sources, {"a": 1, "b": 1}, ("a", "b")) == 1.0
    assert weighted_sum(sources, {"b": 1}, ("a", "b")) is None
    with pytest.raises(UsageError, match="no reward is called 'c'; the numbers here are: a"):
        weighted_sum(sources, {"c": 1}, ("a", "b"))
    assert weighted_sum([("a", None)], {"c": 1}, ()) is None  # a row without any number does not say that c is unknown


def test_a_sum_that_is_not_finite_is_missing():
    assert finite_sum([1e308, 1e308]) is None
    assert finite_sum([1e308, -1e308, 1.0]) == 1.0
