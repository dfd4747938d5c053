"""Trajectories that AReaL dumps."""

import pytest
from hypothesis import given

from sgram.traces.dialect import detect
from sgram.traces.dialects.areal import AREAL
from sgram.traces.ids import content_digest
from sgram.traces.trace import FailedRowError, RowError
from tests.builders.api_rows import gives_fields_or_row_error, mutations, read_row

ROW = {
    "task_id": 12,
    "sample_idx": 1,
    "seqlen": 30,
    "prompt_len": 10,
    "head_version": 3,
    "tail_version": 4,
    "reward": 1.0,
    "prompt": "<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n",
    "completion": "It is 4.<|im_end|>",
}


def test_a_line_is_a_sample_of_its_task():
    assert detect(ROW) is AREAL
    (fields,) = read_row(ROW)
    assert (fields["text"], fields["reward"], fields["step"]) == ("It is 4.<|im_end|>", 1.0, 4)
    assert fields["group"] == f"12/{content_digest(ROW['prompt'])}"
    assert fields["meta"] == {"task_id": 12, "sample_idx": 1, "seqlen": 30, "prompt_len": 10, "head_version": 3}


def test_samples_of_a_task_are_one_group_whatever_version_ended_them():
    (one,) = read_row(ROW)
    (other,) = read_row({**ROW, "tail_version": 5})
    (next_process,) = read_row({**ROW, "prompt": "3+3?"})
    assert one["group"] == other["group"] != next_process["group"]


def test_a_foreign_completion_is_refused_and_a_missing_one_is_skipped():
    with pytest.raises(RowError, match="completion is an array, not a string"):
        read_row({**ROW, "completion": []})
    with pytest.raises(FailedRowError, match="the completion is missing"):
        read_row({**ROW, "completion": None})


@given(mutations(ROW))
def test_any_mutation_gives_fields_or_one_sentence(row):
    assert gives_fields_or_row_error(AREAL, row)
