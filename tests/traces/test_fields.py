import pytest

from sgram.traces.fields import TRACE_FIELDS, as_text, convert_fields, require_fields, split_meta, whole_number
from sgram.traces.trace import RowError, Trace, check_trace


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("id", 7, "7"),
        ("id", 1.5, "1.5"),
        ("group", "g", "g"),
        ("model", 4, "4"),
        ("answer", 42, "42"),
        ("reference", -0.5, "-0.5"),
        ("prompt", [{"content": "a"}, {"content": "b"}], "a\n\nb"),
        ("reward", 1, 1.0),
        ("reward", True, 1.0),
        ("correct", 1, True),
        ("correct", 0.0, False),
        ("step", 3.0, 3),
        ("step", "12", 12),
        ("token_ids", [1, 2], (1, 2)),
        ("logprobs", [-1, -0.5], (-1.0, -0.5)),
        ("meta", {}, {}),
        ("meta", '{"x":1}', {"x": 1}),
    ],
)
def test_json_values_are_converted_to_the_type_of_their_field(name, value, expected):
    converted = convert_fields({"text": "t", name: value})[name]
    assert converted == expected
    assert type(converted) is type(expected)
    check_trace(Trace(**{"id": "a", "text": "t", name: converted}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", True),
        ("id", float("inf")),
        ("text", 5),
        ("reward", "1"),
        ("correct", 0.5),
        ("correct", "true"),
        ("step", 1.5),
        ("step", "٣"),
        ("step", "-1"),
        ("step", 1e19),
        ("step", True),
        ("token_ids", "1"),
        ("logprobs", [True]),
        ("entropies", [None]),
        ("meta", "x"),
        ("meta", "[1]"),
        ("meta", 5),
    ],
)
def test_values_that_cannot_be_converted_raise_an_error_with_the_field(name, value):
    with pytest.raises(RowError, match=f"^field {name} "):
        convert_fields({"text": "t", name: value})


def test_missing_values_are_dropped_and_text_is_required():
    assert convert_fields({"text": "", "reward": None, "meta": {}}) == {"text": "", "meta": {}}
    for fields in ({}, {"text": None}):
        with pytest.raises(RowError, match=r"^field text is missing"):
            convert_fields(fields)


def test_required_fields_must_be_present():
    require_fields({"a": 0, "b": ""}, "a", "b")
    with pytest.raises(RowError, match=r"^field b is missing"):
        require_fields({"a": 0, "b": None}, "a", "b")


def test_known_names_are_fields_and_all_others_go_to_meta():
    record = {"text": "t", "step": 1, "x": 2, "used": 3, "meta": {"x": 4, "y": 5}}
    assert split_meta(record, ("used",)) == {"text": "t", "step": 1, "meta": {"x": 4, "y": 5}}
    assert record["meta"] == {"x": 4, "y": 5}
    assert set(split_meta(dict.fromkeys(TRACE_FIELDS - {"meta"}, 1))) == TRACE_FIELDS


def test_whole_numbers_have_64_bits():
    assert whole_number("step", (1 << 63) - 1) == (1 << 63) - 1
    with pytest.raises(RowError, match="not a whole number"):
        whole_number("step", 1 << 63)


def test_text_of_a_value_is_the_string_itself_or_json():
    assert (as_text(None), as_text("x"), as_text(["4", 4.5])) == (None, "x", '["4",4.5]')
    deep = []
    for _ in range(900):
        deep = [deep]
    with pytest.raises(RowError, match=r"^a value cannot be written as JSON"):
        as_text(deep)
