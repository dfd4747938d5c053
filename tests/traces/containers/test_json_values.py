import json
import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.traces.containers.json_values import is_too_deep, loads, may_be_deep

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | st.text(max_size=20),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4),
    max_leaves=20,
)


def with_missing(value: object) -> tuple[object, int]:
    """Value with None for every number that is not finite, and how many there are."""
    if isinstance(value, float) and not math.isfinite(value):
        return None, 1
    if isinstance(value, list):
        parts = [with_missing(child) for child in value]
        return [part for part, _ in parts], sum(n for _, n in parts)
    if isinstance(value, dict):
        parts = {key: with_missing(child) for key, child in value.items()}
        return {key: part for key, (part, _) in parts.items()}, sum(n for _, n in parts.values())
    return value, 0


@given(VALUES)
def test_what_python_writes_is_read_with_none_for_numbers_that_are_not_finite(value):
    assert loads(json.dumps(value, ensure_ascii=False).encode()) == with_missing(value)


LONG = st.integers(2**64, 10**40) | st.integers(-(10**40), -(2**63) - 1)


@given(
    st.recursive(
        LONG | st.integers(-(2**63), 2**64 - 1), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_integers_beyond_64_bits_are_strings_of_their_digits(value):
    def expected(part):
        if isinstance(part, list):
            return [expected(child) for child in part]
        if isinstance(part, dict):
            return {key: expected(child) for key, child in part.items()}
        return part if -(2**63) <= part < 2**64 else str(part)

    assert loads(json.dumps(value, ensure_ascii=False).encode()) == (expected(value), 0)


def test_a_large_float_stays_a_float_beside_a_long_integer():
    assert loads(b'{"x": 1.5e30, "y": -18446744073709551617, "z": NaN}') == (
        {"x": 1.5e30, "y": "-18446744073709551617", "z": None},
        1,
    )
    digits = "9" * 5000  # more than int() reads
    assert loads(f'{{"x": [{digits[:30]}, 2], "y": "{digits}"}}'.encode())[0] == {"x": [digits[:30], 2], "y": digits}


@pytest.mark.parametrize(
    "text",
    [
        *('{"a": NaN', '{"a": -NaN}', '{"a": NaNs}', "[1NaN]", '{"a": "NaN}', "[Infinity", "[1e999, NaN]", "nan"),
        *('["\\ud800", NaN]', "[" * 2000 + "NaN" + "]" * 2000),
    ],
)
def test_what_is_not_json_beside_a_nan_is_refused_with_the_error_of_the_text_as_it_stands(text):
    with pytest.raises(orjson.JSONDecodeError) as expected:
        orjson.loads(text)
    with pytest.raises(orjson.JSONDecodeError) as error:
        loads(text.encode())
    assert (error.value.msg, error.value.pos) == (expected.value.msg, expected.value.pos)


def test_a_nan_inside_a_string_stays(tmp_path):
    text = r'["NaN", "a \" NaN", "\\", NaN, "Infinity", -Infinity, {"NaN": Infinity}]'
    assert loads(text.encode()) == (["NaN", 'a " NaN', "\\", None, "Infinity", None, {"NaN": None}], 3)


@given(VALUES, st.integers(min_value=0, max_value=5))
def test_depth_is_that_of_brackets(value, limit):
    def depth(child: object) -> int:
        if isinstance(child, dict | list):
            return 1 + max(map(depth, child.values() if isinstance(child, dict) else child), default=0)
        return 0

    assert is_too_deep(value, limit) == (depth(value) > limit)


def test_few_brackets_cannot_be_deep_and_a_deep_value_does_not_recurse():
    deep = "[" * 900 + "]" * 900
    assert may_be_deep(deep.encode())
    assert is_too_deep(orjson.loads(deep))
    assert not may_be_deep(b'{"text": "a"}')
    wide = orjson.dumps([[number] for number in range(1000)])
    assert may_be_deep(wide)
    assert not is_too_deep(orjson.loads(wide))
