"""Samples of slime."""

import pytest
from hypothesis import given

from sgram.traces.dialect import detect
from sgram.traces.dialects.columns import COLUMNS
from sgram.traces.dialects.slime import SLIME, policy_ranges
from sgram.traces.trace import FailedRowError, RowError
from tests.builders.api_rows import gives_fields_or_row_error, mutations, read_row

SAMPLE = {
    "group_index": 0,
    "index": 3,
    "prompt": [{"role": "user", "content": "2+2?"}],
    "tokens": [1, 2, 5, 6, 7],
    "response": "It is 4.",
    "response_length": 3,
    "label": "4",
    "reward": 1.0,
    "loss_mask": [1, 1, 1],
    "weight_versions": ["12"],
    "rollout_log_probs": [-0.5, -0.25, -0.125],
    "remove_sample": False,
    "status": "completed",
    "metadata": {"level": 2},
}


def test_the_ids_of_the_response_are_the_last_ones():
    assert detect(SAMPLE) is SLIME
    (fields,) = read_row(SAMPLE)
    assert fields == {
        "text": "It is 4.",
        "prompt": "2+2?",
        "reference": "4",
        "reward": 1.0,
        "group": "0",
        "token_ids": (5, 6, 7),
        "logprobs": (-0.5, -0.25, -0.125),
        "meta": {
            **{"index": 3, "response_length": 3, "weight_versions": ["12"], "remove_sample": False},
            **{"status": "completed", "metadata": {"level": 2}},
        },
    }


def test_tokens_that_the_policy_did_not_write_leave_ranges():
    (fields,) = read_row({**SAMPLE, "loss_mask": [1, 0, 1]})
    assert fields["meta"]["policy_ids"] == [[0, 1], [2, 3]]
    # a mask over prompt and response
    (fields,) = read_row({**SAMPLE, "loss_mask": [0, 0, 1, 1, 0]})
    assert fields["meta"]["policy_ids"] == [[0, 2]]


def test_a_mask_that_takes_the_sample_out_or_does_not_fit_stays_in_meta():
    for mask in ([0, 0, 0], [1, 1], [1, 1, 5]):
        (fields,) = read_row({**SAMPLE, "loss_mask": mask})
        assert (fields["meta"]["loss_mask"], "policy_ids" in fields["meta"]) == (mask, False)
    assert policy_ranges("111", 3) is None


def test_tokens_that_do_not_fit_their_length_stay_in_meta():
    (fields,) = read_row({**SAMPLE, "response_length": 9})
    assert not {"token_ids", "logprobs"} & fields.keys()
    assert fields["meta"]["tokens"] == [1, 2, 5, 6, 7]
    assert fields["meta"]["rollout_log_probs"] == [-0.5, -0.25, -0.125]


def test_a_reward_may_be_an_object():
    (fields,) = read_row({**SAMPLE, "reward": {"score": 0.5, "acc": False, "pred": "5"}})
    assert (fields["reward"], fields["correct"]) == (0.5, False)
    assert fields["meta"]["reward"] == {"score": 0.5, "acc": False, "pred": "5"}
    (fields,) = read_row({**SAMPLE, "reward": {"style": 0.5, "length": 1.0}})
    assert "reward" not in fields


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": "aborted", "response": ""}, "the rollout has no response: it is aborted"),
        ({"status": "failed", "reward": None}, "the rollout says of itself that it is failed"),
        ({"status": "pending", "response": "", "reward": None}, "the rollout has no response: it is pending"),
        ({"response": None}, "the response is missing"),
    ],
)
def test_samples_that_failed_are_skipped(changes, reason):
    with pytest.raises(FailedRowError, match=reason):
        read_row({**SAMPLE, **changes})


@pytest.mark.parametrize("status", ["truncated", "aborted", "failed"])
def test_a_response_that_was_cut_short_is_read_with_its_status(status):
    (fields,) = read_row({**SAMPLE, "status": status})
    assert (fields["text"], fields["meta"]["status"]) == ("It is 4.", status)


def test_the_samples_of_a_step_are_read_together_or_out_of_their_document():
    step = {"rollout_id": 7, "samples": [SAMPLE, {**SAMPLE, "response": None}, {**SAMPLE, "response": "So 5."}]}
    assert detect(step) is SLIME
    assert [(fields["text"], fields["step"]) for fields in read_row(step)] == [("It is 4.", 7), ("So 5.", 7)]
    (fields,) = read_row({**SAMPLE, "__document__": {"rollout_id": 7}})
    assert (fields["step"], "document" in fields["meta"]) == (7, False)


def test_rows_of_other_tools_are_left_to_them():
    assert detect({"prompt": "2+2?", "response": "4", "response_length": 1}) is COLUMNS
    with pytest.raises(RowError, match="response is an array, not a string"):
        read_row({**SAMPLE, "response": ["4"]})


@given(mutations(SAMPLE) | mutations({"rollout_id": 7, "samples": [SAMPLE, SAMPLE]}))
def test_any_mutation_gives_fields_or_one_sentence(row):
    assert gives_fields_or_row_error(SLIME, row)
