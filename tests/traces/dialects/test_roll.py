"""Rollouts that ROLL dumps, after the container made rows of the lists of a step."""

import pytest
from hypothesis import given

from sgram.traces.containers.json_shapes import open_line
from sgram.traces.dialect import detect
from sgram.traces.dialects.roll import ROLL
from sgram.traces.trace import FailedRowError, RowError
from tests.builders.api_rows import gives_fields_or_row_error, mutations, read_row

STEP = {
    "global_step": [4, 4],
    "id": ["17", "17"],
    "difficulty": ["2", "2"],
    "prompt": ["user: 2+2?", "user: 2+2?"],
    "messages": ['[{"role": "user", "content": "2+2?"}]'] * 2,
    "ground_truth": ["4", "4"],
    "domain": ["math", "math"],
    "responses": ["It is 4.", "It is 5."],
    "scores": [1.0, 0.0],
}
ROW = {name: values[0] for name, values in STEP.items()}


def test_the_lists_of_a_step_are_rows_of_one_group():
    rows = [element.record for element in open_line(STEP)]
    assert rows[0] == ROW
    first, second = (read_row(row)[0] for row in rows)
    assert [first["text"], second["text"]] == ["It is 4.", "It is 5."]
    assert first["group"] == second["group"] == "4/17"
    assert (first["reward"], second["reward"], first["reference"], first["step"]) == (1.0, 0.0, "4", 4)
    assert (first["prompt"], first["meta"]["domain"]) == ("user: 2+2?", "math")


def test_without_a_prompt_the_messages_are_it():
    row = {name: value for name, value in ROW.items() if name != "prompt"}
    (fields,) = read_row(row)
    assert (fields["prompt"], "messages" in fields["meta"]) == ("2+2?", False)


def test_a_foreign_response_is_refused_and_a_missing_one_is_skipped():
    assert detect(ROW) is ROLL
    with pytest.raises(RowError, match="responses is an object, not a string"):
        read_row({**ROW, "responses": {}})
    with pytest.raises(FailedRowError, match="the response is missing"):
        read_row({**ROW, "responses": None})


@given(mutations(ROW))
def test_any_mutation_gives_fields_or_one_sentence(row):
    assert gives_fields_or_row_error(ROLL, row)
