"""Python literals in strings."""

import math
from contextlib import suppress

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.traces.python_literals import read_literal
from sgram.traces.trace import RowError

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=8,
)


@given(VALUES)
def test_what_str_wrote_is_read_back(value):
    assert read_literal(str([value])) == orjson.loads(orjson.dumps([value]))  # tuples become lists


@given(st.lists(st.text(), min_size=1, max_size=20))
def test_what_numpy_wrote_of_texts_is_read_back(texts):
    assert read_literal(str(np.array([*texts, None], dtype=object))) == [*texts, None]


def test_arrays_of_numbers_and_truth_values_are_lists():
    assert read_literal(str(np.array([[1.0, 0.5], [-2.0, np.nan]]))) == [[1.0, 0.5], [-2.0, None]]
    assert read_literal(str(np.array([True, False]))) == [True, False]


def test_a_doubled_quote_is_a_quote_and_not_the_end_of_a_string():
    assert read_literal("['it''s', \"a\"\"b\"]") == ["it's", 'a"b']


def test_numbers_that_are_not_finite_are_missing():
    assert read_literal(str({"em": math.nan, "f1": -math.inf})) == {"em": None, "f1": None}


@pytest.mark.parametrize(
    "text",
    [
        *("__import__('os').remove('x')", "1+1", "[x for x in ()]", "print", "lambda: 0", "f'{1}'", "b'x'", "'a", "["),
        *("{[]: 1}", "", "1_0", "[" * 100 + "]" * 100, "'\\N{no such name}'", "array([1])", "0777", "'a' % 1"),
        *("('a' 'b')", "{1: 'a' 'b'}", "[1-2]", "['a'\"b\"]"),
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(RowError, match="Python literal"):
        read_literal(text)


@given(st.text(alphabet="[]{}(),:'\"\\ 1.eNoneTrufals-", max_size=40))
def test_no_string_raises_anything_but_a_row_error(text):
    with suppress(RowError):
        value = read_literal(text)
        assert read_literal(str([value])) == [value]
