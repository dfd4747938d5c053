"""Rollouts and validation samples that verl dumps."""

import pytest
from hypothesis import given

from sgram.traces.completing import ColumnNotes, ColumnOptions, complete_fields
from sgram.traces.dialect import DialectOptions, detect
from sgram.traces.dialects.verl import VERL, parse
from sgram.traces.ids import content_digest
from sgram.traces.trace import FailedRowError, RowError
from tests.builders.api_rows import gives_fields_or_row_error, mutations, read_row

PROMPT = "<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n"
ROW = {
    "input": PROMPT,
    "output": "It is 4.",
    "gts": "4",
    "score": 1.0,
    "step": 5,
    "acc": True,
    "pred": "4",
    "reward": 1.0,
    "format": None,
    "uid": "u-1",
}
UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def test_a_line_keeps_its_extras_and_the_markers_of_its_prompt():
    assert detect(ROW) is VERL
    notes = ColumnNotes()
    (fields,) = parse(ROW, DialectOptions())
    assert complete_fields(fields, ColumnOptions(), notes) == {
        "prompt": PROMPT,
        "text": "It is 4.",
        "reference": "4",
        "reward": 1.0,
        "step": 5,
        "correct": True,
        "answer": "4",
        "group": "5/u-1",
        "meta": {"reward": 1.0},
    }
    assert notes.reward_columns == {"score"}


def test_prompts_drawn_twice_are_told_apart_by_uid_and_otherwise_not():
    groups = [read_row({**ROW, "uid": uid})[0]["group"] for uid in ("a", "a", "b", None, None)]
    assert groups == ["5/a", "5/a", "5/b", content_digest(5, PROMPT), content_digest(5, PROMPT)]


def test_a_key_of_a_sample_holds_the_uid_of_its_prompt():
    groups = [read_row({**ROW, "uid": f"{UUID}_0_{number}"})[0]["group"] for number in range(2)]
    assert groups == [UUID, UUID]
    assert read_row({**ROW, "uid": "a_0_1"})[0]["group"] == "5/a_0_1"


def test_references_and_extras_may_have_other_shapes():
    (fields,) = read_row({**ROW, "gts": ["4", "four"], "acc": 0.5, "pred": None, "score": "-1.0"})
    assert (fields["reference"], fields["reward"]) == ('["4","four"]', -1.0)
    assert not {"correct", "answer"} & fields.keys()
    assert fields["meta"]["acc"] == 0.5


def test_a_line_without_a_reference_or_without_a_score_is_a_dump_too():
    assert detect({"input": "i", "output": "o", "score": 1}) is VERL
    (fields,) = read_row({"input": "i", "output": "o", "gts": None, "score": None, "reward": 0.5})
    assert fields["reward"] == 0.5


def test_the_user_chooses_an_extra_as_the_reward():
    (fields,) = parse({**ROW, "format": 0.25}, DialectOptions())
    assert complete_fields(fields, ColumnOptions(rewards={"format": 2}), ColumnNotes())["reward"] == 0.5


def test_a_foreign_output_is_refused_and_a_missing_one_is_skipped():
    with pytest.raises(RowError, match="output is a number, not a string"):
        read_row({**ROW, "output": 4})
    with pytest.raises(FailedRowError, match="the output is missing"):
        read_row({**ROW, "output": None})


@given(mutations(ROW))
def test_any_mutation_gives_fields_or_one_sentence(row):
    assert gives_fields_or_row_error(VERL, row)
