import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.traces.column_readers import reader
from sgram.traces.column_values import CONVERTERS, flag, floats, lookup, number, reference, string, token_ids, whole
from tests.builders.api_rows import JSON


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (True, True),
        ("TRUE ", True),
        ("Yes", True),
        ("correct", True),
        (1, True),
        (1.0, True),
        ("1.0", True),
        (0, False),
        ("No", False),
        ("incorrect", False),
        ("failed", False),
        (0.5, None),
        (2, None),
        ("B", None),
        ("", None),
        (None, None),
        ([True], None),
    ],
)
def test_truth_values_numbers_and_words_are_truth_values(value, read):
    assert flag(value) is read


def test_numbers_may_stand_in_strings_and_must_be_finite():
    assert [number(value) for value in ("1.5", " 2 ", True, 3, -0.0)] == [1.5, 2.0, 1.0, 3.0, 0.0]
    assert [number(value) for value in ("nan", "inf", math.nan, "1,5", "", None, [1], 10**400, "9" * 400)] == [None] * 9


def test_steps_are_whole_numbers_of_64_bits():
    assert [whole(value) for value in ("12", "-3", 12.0, "12.0", 0)] == [12, -3, 12, 12, 0]
    assert [whole(value) for value in (1.5, "x", True, 1 << 63, "9" * 40, math.inf, None)] == [None] * 7


def test_strings_are_strings_numbers_and_truth_values():
    assert [string(value) for value in ("a", 42, 0.5, True)] == ["a", "42", "0.5", "True"]
    assert [string(value) for value in ("", None, math.nan, ["a"], {}, 10**5000)] == [None] * 6


def test_a_reference_may_be_one_of_a_list_or_a_list_of_forms():
    assert [reference(value) for value in (["42"], [42], ["4", "four"], {"target": 24}, 7)] == [
        "42",
        "42",
        '["4","four"]',
        '{"target":24}',
        "7",
    ]
    assert [reference(value) for value in ([], {}, "", [""], None)] == [None] * 5


def test_lists_of_tokens_hold_nothing_but_their_numbers():
    assert token_ids([1, 2**31 - 1]) == (1, 2**31 - 1)
    assert [token_ids(value) for value in ([1, -1], [2**31], [1.0], [True], "12", None)] == [None] * 6
    assert floats([0, -0.5]) == (0.0, -0.5)
    assert [floats(value) for value in ([None], [math.inf], ["1"], {}, [10**400])] == [None] * 5


def test_a_key_inside_a_column_is_looked_up_also_in_json():
    columns = {"info": {"gold": {"value": "42"}}, "extra": '{"gold": "7"}', "a.b": 1, "broken": "{"}
    paths = ("info.gold.value", "extra.gold", "a.b", "info.none", "broken.x", "info.gold.value.x", "none")
    assert [lookup(columns, path) for path in paths] == ["42", "7", 1, None, None, None, None]


@pytest.mark.parametrize(
    ("field", "column", "value", "fits"),
    [
        ("reasoning", "reasoning", "on", False),
        ("reasoning", "reasoning", "high_effort", False),
        ("reasoning", "reasoning", "Hmm.", True),
        ("reasoning", "thinking", True, False),
        ("reasoning", "reasoning", [0.1, 0.2], False),
        ("prompt", "user", "u-17", False),
        ("prompt", "user", "What is 2+2?", True),
        ("prompt", "prompt", "x", True),
        ("prompt", "prompt", [{"role": "user", "content": "x"}], True),
        ("prompt", "prompt", 17, False),
        ("reference", "label", True, False),
        ("reference", "labels", [1, 2, 3], False),
        ("reference", "labels", ["42"], True),
        ("reference", "gold", True, True),
        ("reference", "label", 1, False),
        ("reference", "label", 42, True),
        ("reference", "label", "1", True),
        ("correct", "grade", 1, False),
        ("correct", "grade", "1", False),
        ("correct", "grade", "Yes", True),
        ("correct", "acc", 1, True),
        ("text", "response", {"reasoning": "Hmm.", "answer": "4"}, True),
        ("text", "response", {"answer": "4"}, False),
        ("text", "response", {"rows": 4}, False),
        ("run", "run", "3", False),
        ("run", "run", "base", True),
        ("group", "problem_id", 0, True),
        ("group", "problem_id", 0.5, False),
        ("text", "response", ["a", "b"], False),
        ("text", "response", {"role": "assistant", "content": "a"}, True),
        ("model", "model", {"name": "m"}, False),
        ("reward", "reward", {"accuracy": 1}, True),
        ("reward", "reward", "high", False),
    ],
)
def test_a_name_alone_is_no_proof(field, column, value, fits):
    assert (reader(field, column)(value) is not None) is fits


@given(st.sampled_from(sorted(CONVERTERS)), JSON)
def test_every_value_is_read_or_is_none(field, value):
    kinds = {"reward": float, "correct": bool, "step": int, "token_ids": tuple, "logprobs": tuple, "entropies": tuple}
    assert isinstance(CONVERTERS[field](value), kinds.get(field, str) | None)
    # what a column's reader leaves for later (messages, rewards of several parts) is not converted yet
    assert reader(field, field)(value) is None or value is not None
