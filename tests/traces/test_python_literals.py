"""Python literals in strings."""

import math
from contextlib import suppress

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


def test_numbers_that_are_not_finite_are_missing():
    assert read_literal(str({"em": math.nan, "f1": -math.inf})) == {"em": None, "f1": None}


@pytest.mark.parametrize(
    "text",
    [
        *("__import__('os').remove('x')", "1+1", "[x for x in ()]", "print", "lambda: 0", "f'{1}'", "b'x'", "'a", "["),
        *("{[]: 1}", "", "1_0", "[" * 100 + "]" * 100, "'\\N{no such name}'", "array([1])", "0777", "'a' % 1"),
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
