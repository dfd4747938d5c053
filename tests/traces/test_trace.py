import dataclasses

import pytest

from sgram.errors import InputError
from sgram.traces.trace import RowError, Trace, check_trace

FULL = Trace(
    id="a",
    group="g",
    run="r",
    prompt="p",
    text="t",
    reward=0.5,
    correct=True,
    answer="4",
    reference="4",
    step=3,
    model="m",
    token_ids=(1, 2),
    logprobs=(-0.5, -0.25),
    entropies=(0.1, 0.2),
    meta={"dataset": "d"},
)


def test_only_id_and_text_are_required_and_the_rest_is_missing():
    trace = Trace(id="a", text="t")
    optional_fields = [field.name for field in dataclasses.fields(Trace) if field.name not in ("id", "text", "meta")]
    assert all(getattr(trace, name) is None for name in optional_fields)
    assert trace.meta == {}
    for missing in ("id", "text"):
        with pytest.raises(TypeError, match=missing):
            Trace(**{name: "x" for name in ("id", "text") if name != missing})


def test_fields_stand_in_the_agreed_order():
    assert [field.name for field in dataclasses.fields(Trace)] == [
        "id",
        "group",
        "run",
        "prompt",
        "text",
        "reward",
        "correct",
        "answer",
        "reference",
        "step",
        "model",
        "token_ids",
        "logprobs",
        "entropies",
        "meta",
    ]


def test_traces_are_values():
    assert dataclasses.replace(FULL) == FULL
    assert hash(dataclasses.replace(FULL)) == hash(FULL)
    assert dataclasses.replace(FULL, meta={"dataset": "e"}) != FULL
    with pytest.raises(dataclasses.FrozenInstanceError):
        FULL.text = "other"
    assert not hasattr(FULL, "__dict__")


def test_a_good_trace_passes_the_check_unchanged():
    assert check_trace(FULL, 1) is FULL
    assert check_trace(Trace(id="a", text="")).text == ""


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": 1}, "field id is a number, not a string"),
        ({"id": ""}, "field id is empty"),
        ({"text": None}, "field text is null, not a string"),
        ({"text": "a\ud800"}, "field text holds a lone surrogate"),
        ({"group": "\udfff"}, "field group holds a lone surrogate"),
        ({"run": 1}, "field run is a number, not a string"),
        ({"prompt": ["p"]}, "field prompt is an array, not a string"),
        ({"model": 4}, "field model is a number, not a string"),
        ({"answer": True}, "field answer is a boolean, not a string"),
        ({"reference": {}}, "field reference is an object, not a string"),
        ({"reward": 1}, "field reward is no finite number: 1"),
        ({"reward": float("nan")}, "field reward is no finite number: nan"),
        ({"reward": float("-inf")}, "field reward is no finite number: -inf"),
        ({"correct": 1}, "field correct is a number, not a boolean"),
        ({"step": 1.0}, "field step is a number, not a whole number"),
        ({"step": True}, "field step is a boolean, not a whole number"),
        ({"token_ids": [1, 2]}, "field token_ids is an array, not a tuple of numbers"),
        ({"token_ids": (1, 2.0)}, "field token_ids holds something else than numbers"),
        ({"token_ids": (1, True)}, "field token_ids holds something else than numbers"),
        ({"token_ids": (1, -1)}, "field token_ids holds a number that is no token id"),
        ({"token_ids": (1, 1 << 31)}, "field token_ids holds a number that is no token id"),
        ({"step": 1 << 63}, "field step has more than 64 bits"),
        ({"logprobs": (-0.5,)}, "field logprobs has another length than token_ids: 1, not 2"),
        ({"entropies": (0.1, float("inf"))}, "field entropies holds a number that is not finite"),
        ({"entropies": (0.1, None)}, "field entropies holds something else than numbers"),
        ({"meta": []}, "field meta is an array, not an object"),
    ],
)
def test_an_invalid_field_raises_a_row_error_with_the_reason(changes, reason):
    with pytest.raises(RowError) as raised:
        check_trace(dataclasses.replace(FULL, **changes))
    assert str(raised.value).startswith(reason)
    assert isinstance(raised.value, InputError)


def test_lengths_are_compared_only_where_both_are_known():
    check_trace(Trace(id="a", text="t", logprobs=(-0.5,), entropies=(0.1, 0.2)))


def test_a_text_at_the_cap_passes_and_one_character_more_does_not():
    check_trace(Trace(id="a", text="é" * 10), 10)
    with pytest.raises(RowError, match="text is longer than the cap of 10 characters"):
        check_trace(Trace(id="a", text="é" * 11), 10)
