import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.safe_reading import DamagedInputError
from sgram.traces.containers.json_scanner import JsonEndError, JsonScanner
from tests.traces.containers.test_json_values import VALUES


class Blocks:
    """Stream of blocks of a few bytes."""

    def __init__(self, content: bytes, size: int = 3, damage: bool = False):
        self._file, self._size, self._damage = io.BytesIO(content), size, damage

    def read(self) -> bytes:
        block = self._file.read(self._size)
        if not block and self._damage:
            raise DamagedInputError("corrupt data after byte 7")
        return block


@given(st.lists(VALUES, max_size=6), st.integers(min_value=1, max_value=9), st.sampled_from([None, 1]))
def test_values_and_elements_are_those_of_the_json_module(values, size, indent):
    parts = [json.dumps(value, indent=indent).encode() for value in values]
    scanner = JsonScanner(Blocks(b"\xef\xbb\xbf" + b"\n".join(parts), size), 10_000)
    taken = []
    while scanner.peek():
        taken.append(scanner.take())
    assert taken == parts
    array = json.dumps(values, indent=indent).encode()
    elements = list(JsonScanner(Blocks(array, size), 10_000).iter_array())
    assert [json.loads(data) for _, data in elements] == json.loads(array) or "NaN" in array.decode()
    assert [array[offset : offset + len(data)] for offset, data in elements] == [data for _, data in elements]


def test_lines_and_offsets_are_those_of_the_next_value():
    scanner = JsonScanner(Blocks(b'\n\n {"a":\n"x\\n"}\n[1]'), 100)
    assert (scanner.peek(), scanner.line, scanner.offset) == (b"{", 3, 3)
    assert scanner.take() == b'{"a":\n"x\\n"}'
    # the object has one line feed in it and one behind it: 3 + 2; it begins at 3 and has 12 bytes: 3 + 12 + 1
    assert (scanner.peek(), scanner.line, scanner.offset) == (b"[", 5, 16)


def test_a_value_over_the_cap_is_skipped():
    long = b'"' + b"x" * 500 + b'\\""'
    scanner = JsonScanner(Blocks(b"[" + long + b', {"a": ' + long + b"}, 7, 12345678901, 8]"), 10)
    assert [data for _, data in scanner.iter_array()] == [None, None, b"7", None, b"8"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"[1, 2", "the array is cut short"),
        (b'[{"a": 1}, {"b"', "a value is cut short"),
        (b'["a', "a value is cut short"),
        (b'["a\\', "a value is cut short"),
        (b"[1 2]", "a comma is missing in the array"),
        (b"[1,]", "a value is missing"),
        (b"[", "a value is missing"),
        (b"{}", "an array is missing"),
    ],
)
def test_an_array_that_is_not_whole_says_so(text, reason):
    with pytest.raises(JsonEndError, match=f"^{reason}$"):
        list(JsonScanner(Blocks(text), 100).iter_array())


def test_damage_is_passed_on():
    scanner = JsonScanner(Blocks(b'[1, "abc', damage=True), 100)
    with pytest.raises(DamagedInputError, match="after byte 7"):
        list(scanner.iter_array())


def test_a_long_string_with_many_escapes_is_scanned_in_little_time():
    text = b'["' + b'\\"' * 300_000 + b'"]'
    ((_, data),) = JsonScanner(Blocks(text, 4096), 10**7).iter_array()
    assert len(data) == len(text) - 2
