"""Responses of Bedrock's Converse."""

import pytest
from hypothesis import given

from sgram.traces.dialect import DialectOptions, detect
from sgram.traces.dialects.bedrock_converse import BEDROCK_CONVERSE, parse
from sgram.traces.trace import FailedRowError, RowError
from tests.builders.api_rows import gives_fields_or_row_error, mutations, parts_of, read_row

CONVERSE = {
    "output": {
        "message": {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "Hmm.", "signature": "s"}}},
                {"reasoningContent": {"redactedContent": "c2Vj"}},
                {"text": "It is 4."},
                {"toolUse": {"name": "add"}},
            ],
        }
    },
    "stopReason": "end_turn",
    "usage": {"inputTokens": 3},
    "metrics": {"latencyMs": 5},
}


def test_reasoning_comes_before_the_text():
    assert detect(CONVERSE) is BEDROCK_CONVERSE
    (fields,) = read_row({**CONVERSE, "modelId": "m", "prompt": "2+2?"})
    assert parts_of(fields) == [("reasoning", "Hmm."), ("answer", "It is 4.")]
    assert (fields["prompt"], fields["meta"]["stopReason"]) == ("2+2?", "end_turn")


def test_a_message_without_text_is_skipped():
    row = {**CONVERSE, "output": {"message": {"role": "assistant", "content": [{"toolUse": {}}]}}}
    with pytest.raises(FailedRowError, match="end_turn"):
        parse(row, DialectOptions())


def test_a_block_of_another_shape_is_refused_with_a_sentence():
    row = {**CONVERSE, "output": {"message": {"role": "assistant", "content": ["4"]}}}
    with pytest.raises(RowError, match="a block of the content is a string"):
        read_row(row)


@given(mutations(CONVERSE))
def test_any_mutation_gives_fields_or_one_sentence(row):
    assert gives_fields_or_row_error(BEDROCK_CONVERSE, row)
