"""Evaluations that SkyRL dumps."""

import pytest
from hypothesis import given

from sgram.traces.dialect import detect
from sgram.traces.dialects.skyrl import SKYRL
from sgram.traces.trace import FailedRowError, RowError
from tests.builders.api_rows import gives_fields_or_row_error, mutations, read_row

ROW = {
    "input_prompt": "<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n",
    "output_response": "It is 4.<|im_end|>",
    "score": 1.0,
    "stop_reason": "stop",
    "env_class": "gsm8k",
    "env_extras": {"reward_spec": {"method": "rule", "ground_truth": "4"}, "extra_info": {"index": 3}},
    "data_source": "openai/gsm8k",
}


def test_the_reference_stands_in_what_the_environment_got():
    assert detect(ROW) is SKYRL
    (fields,) = read_row(ROW)
    assert (fields["text"], fields["reward"], fields["reference"]) == ("It is 4.<|im_end|>", 1.0, "4")
    assert fields["prompt"] == ROW["input_prompt"]
    assert fields["meta"] == {name: ROW[name] for name in ("stop_reason", "env_class", "env_extras", "data_source")}


def test_rewards_of_tokens_add_up():
    (fields,) = read_row({**ROW, "score": [0, 0.25, 0.5]})
    assert fields["reward"] == 0.75


def test_a_dump_with_ids_and_uid_has_tokens_and_groups():
    (fields,) = read_row({**ROW, "response_ids": [5, 6], "uid": "u", "env_extras": None})
    assert (fields["token_ids"], fields["group"], "reference" in fields) == ((5, 6), "u", False)


def test_a_foreign_response_is_refused_and_a_missing_one_is_skipped():
    with pytest.raises(RowError, match="output_response is an array, not a string"):
        read_row({**ROW, "output_response": ["4"]})
    with pytest.raises(FailedRowError, match="the response is missing"):
        read_row({**ROW, "output_response": None})


@given(mutations(ROW))
def test_any_mutation_gives_fields_or_one_sentence(row):
    assert gives_fields_or_row_error(SKYRL, row)
