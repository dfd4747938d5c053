"""JSON values as text."""

import pytest

from sgram.traces.fields import as_text
from sgram.traces.trace import RowError


def test_text_of_a_value_is_the_string_itself_or_json():
    assert (as_text(None), as_text("x"), as_text(["4", 4.5])) == (None, "x", '["4",4.5]')
    deep = []
    for _ in range(900):
        deep = [deep]
    with pytest.raises(RowError, match=r"^a value cannot be written as JSON"):
        as_text(deep)
