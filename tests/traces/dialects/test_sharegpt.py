"""Conversations of ShareGPT and its kin."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.traces.dialect import DialectOptions, detect
from sgram.traces.dialects.sharegpt import SHAREGPT, parse
from sgram.traces.trace import FailedRowError, RowError
from tests.builders.api_rows import gives_fields_or_row_error, mutations, parts_of, read_row

FROM_VALUE = {
    "id": "c1",
    "conversations": [
        {"from": "system", "value": "Be brief."},
        {"from": "human", "value": "2+2?"},
        {"from": "gpt", "value": "<think>\nHmm.\n</think>\n\n4"},
    ],
    "source": "own",
}
ROLE_CONTENT = {
    "conversation": [
        {"role": "user", "content": "2+2?"},
        {"role": "assistant", "content": "4", "reasoning_content": "Hmm."},
    ]
}
TURNS = {
    "conversations": [
        {"from": "human", "value": "2+2?"},
        {"from": "gpt", "value": "It is 4."},
        {"from": "observation", "value": "Checked."},
        {"from": "gpt", "value": "So 4."},
    ]
}


def test_from_and_value_are_role_and_content():
    (fields,) = read_row(FROM_VALUE)
    assert (fields["id"], fields["prompt"]) == ("c1", "Be brief.\n\n2+2?")
    assert parts_of(fields) == [("reasoning", "<think>\nHmm.\n</think>"), ("answer", "4")]
    assert fields["meta"]["source"] == "own"


@pytest.mark.parametrize("human", ["human", "user", "prompter", "USER"])
@pytest.mark.parametrize("model", ["gpt", "assistant", "model", "bot", "chatbot", "ai"])
def test_any_usual_name_of_a_role_is_known(human, model):
    row = {"conversations": [{"from": human, "value": "2+2?"}, {"from": model, "value": "4"}]}
    (fields,) = read_row(row)
    assert (fields["prompt"], fields["text"]) == ("2+2?", "4")


def test_reasoning_inside_of_a_message_is_text():
    (fields,) = read_row(ROLE_CONTENT)
    assert parts_of(fields) == [("reasoning", "Hmm."), ("answer", "4")]


def test_all_turns_of_the_model_are_the_text():
    (fields,) = read_row(TURNS)
    assert (fields["prompt"], fields["text"]) == ("2+2?", "It is 4.\n\nSo 4.")
    assert [kind for kind, _ in parts_of(fields)] == ["turn", "answer", "turn", "answer"]


def test_a_reasoning_beside_the_conversation_is_text():
    row = {"conversations": [*TURNS["conversations"][:2]], "reasoning": "First, I add."}
    assert read_row(row)[0]["text"] == "First, I add.\n\nIt is 4."


@pytest.mark.parametrize("row", [FROM_VALUE, ROLE_CONTENT, TURNS])
def test_a_column_named_messages_and_a_json_string_give_the_same(row):
    name = next(name for name in row if name.startswith("conversation"))
    others = {key: value for key, value in row.items() if key != name}
    expected = read_row(row)
    assert detect(row) is SHAREGPT
    assert read_row({**others, "messages": row[name]}) == expected
    assert read_row({**others, name: json.dumps(row[name])}) == expected


def test_items_of_the_first_sharegpt_dumps_are_read():
    row = {"id": "c1", "items": FROM_VALUE["conversations"]}
    assert detect(row) is SHAREGPT
    assert read_row(row)[0]["text"] == read_row(FROM_VALUE)[0]["text"]
    assert not SHAREGPT.fits({"items": ["a"], "text": "4"})
    assert not SHAREGPT.fits({"items": [{"name": "a"}], "text": "4"})


def test_a_conversation_without_a_reply_is_skipped():
    for messages in (
        [],
        FROM_VALUE["conversations"][:2],
        [*FROM_VALUE["conversations"][:2], {"from": "gpt", "value": ""}],
    ):
        with pytest.raises(FailedRowError, match="assistant"):
            parse({"conversations": messages}, DialectOptions())


def test_a_conversation_beside_the_response_is_its_prompt():
    row = {"conversation": FROM_VALUE["conversations"][:2], "response": "4"}
    assert detect(row) is not SHAREGPT
    (fields,) = read_row(row)
    assert (fields["prompt"], fields["text"]) == ("Be brief.\n\n2+2?", "4")


def test_a_conversation_is_taken_before_its_own_rendering():
    (fields,) = read_row({**FROM_VALUE, "text": "<|user|>2+2?<|assistant|>4"})
    assert fields["text"] == "<think>\nHmm.\n</think>\n\n4"


def test_an_unknown_role_is_refused_with_a_sentence():
    with pytest.raises(RowError, match="unknown role of a message: 'judge'"):
        read_row({"conversations": [{"from": "judge", "value": "4"}]})


def test_conversations_of_another_kind_are_not_of_this_dialect():
    assert not SHAREGPT.fits({"conversations": 4, "text": "4"})
    assert not SHAREGPT.fits({"conversation": "a name", "text": "4"})


@given(st.sampled_from([FROM_VALUE, ROLE_CONTENT, TURNS]).flatmap(mutations))
def test_any_mutation_gives_fields_or_one_sentence(row):
    assert gives_fields_or_row_error(SHAREGPT, row)
