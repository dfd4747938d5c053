"""Request states of HELM."""

import pytest
from hypothesis import given, settings

from sgram.traces.dialect import detect
from sgram.traces.dialects.helm import HELM
from sgram.traces.trace import FailedRowError, RowError
from tests.builders.api_rows import gives_fields_or_row_error, mutations, parts_of, read_row

SAMPLE = {
    "instance": {
        "input": {"text": "2+2?"},
        "references": [{"output": {"text": "4"}, "tags": ["correct"]}, {"output": {"text": "5"}, "tags": []}],
        "split": "test",
        "id": "id3",
    },
    "train_trial_index": 0,
    "request": {"model": "org/m", "prompt": "Q: 2+2?", "num_completions": 2, "max_tokens": 100},
    "result": {
        "success": True,
        "embedding": [],
        "completions": [
            {
                "text": "It is 4",
                "logprob": -1.0,
                "tokens": [],
                "finish_reason": {"reason": "stop"},
                "thinking": {"text": "Hmm."},
            },
            {"text": "It is 5", "logprob": -2.0, "tokens": []},
        ],
        "cached": False,
    },
    "num_train_instances": 0,
    "prompt_truncated": False,
}


def with_request(**changes):
    return {**SAMPLE, "request": {**SAMPLE["request"], **changes}}


def with_result(**changes):
    return {**SAMPLE, "result": {**SAMPLE["result"], **changes}}


def test_the_completions_of_a_request_are_one_group():
    assert detect(SAMPLE) is HELM
    first, second = read_row(SAMPLE)
    assert parts_of(first) == [("reasoning", "Hmm."), ("answer", "It is 4")]
    assert second["text"] == "It is 5"
    assert first["group"] == second["group"]
    for fields in (first, second):
        assert (fields["prompt"], fields["reference"], fields["model"]) == ("Q: 2+2?", "4", "org/m")
        assert (fields["meta"]["id"], fields["meta"]["split"]) == ("id3", "test")
        assert not {"correct", "reward"} & fields.keys()
    assert first["meta"]["finish_reason"] == "stop"


def test_the_model_may_stand_in_the_document():
    row = {**with_request(model=None), "__document__": {"adapter_spec": {"model": "m", "method": "generation"}}}
    assert read_row(row)[0]["model"] == "m"
    assert read_row(with_request(model_deployment="together/m"))[0]["model"] == "together/m"


def test_letters_that_stand_for_the_references_are_the_reference():
    assert read_row({**SAMPLE, "output_mapping": {"A": "5", "B": "4"}})[0]["reference"] == "B"


def test_messages_are_a_prompt_and_so_is_the_input():
    messages = [{"role": "system", "content": "S"}, {"role": "user", "content": "2+2?"}]
    assert read_row(with_request(prompt="", messages=messages))[0]["prompt"] == "S\n\n2+2?"
    assert read_row(with_request(prompt=""))[0]["prompt"] == "2+2?"


def test_an_echoed_prompt_is_no_response():
    row = with_result(completions=[{"text": "Q: 2+2? It is 4"}])
    assert read_row({**row, "request": {**row["request"], "echo_prompt": True}})[0]["text"] == " It is 4"


def test_failed_requests_are_failed_rows():
    with pytest.raises(FailedRowError, match="the request failed: rate limit"):
        read_row(with_result(success=False, error="rate limit", completions=[]))
    with pytest.raises(FailedRowError, match="the request was not made"):
        read_row({**SAMPLE, "result": None})


def test_requests_for_probabilities_are_no_responses():
    for row in ({**SAMPLE, "reference_index": 0}, with_request(max_tokens=0), with_request(embedding=True)):
        with pytest.raises(RowError, match="probabilities or an embedding"):
            read_row(row)
    with pytest.raises(RowError, match=r"result\.completions is an array"):
        read_row(with_result(completions=[]))


@given(mutations(SAMPLE))
@settings(max_examples=300)
def test_no_mutation_raises_anything_but_a_row_error(row):
    assert gives_fields_or_row_error(HELM, row)
