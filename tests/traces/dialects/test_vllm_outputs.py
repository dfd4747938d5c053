"""Outputs of vLLM, SGLang and text-generation-inference, with the tokens as sampled."""

import pytest
from hypothesis import given

from sgram.traces.dialect import DialectOptions, detect
from sgram.traces.dialects.vllm_outputs import (
    SGLANG_OUTPUTS,
    TGI_OUTPUTS,
    VLLM_OUTPUTS,
    parse_sglang,
    parse_tgi,
    parse_vllm,
)
from sgram.traces.trace import FailedRowError, RowError
from tests.builders.api_rows import gives_fields_or_row_error, mutations, parts_of, read_row

VLLM = {
    "request_id": "7",
    "prompt": "2+2?",
    "prompt_token_ids": [5, 6],
    "encoder_prompt": None,
    "prompt_logprobs": None,
    "outputs": [
        {
            "index": 0,
            "text": "<think>\nHmm.\n</think>\n4",
            "token_ids": [11, 12],
            "cumulative_logprob": -0.75,
            "logprobs": [
                {"11": {"logprob": -0.5, "rank": 1, "decoded_token": "a"}, "9": {"logprob": -1.0, "rank": 2}},
                {"12": {"logprob": -0.25, "rank": 1, "decoded_token": "b"}},
            ],
            "finish_reason": "stop",
            "stop_reason": None,
            "lora_request": None,
        },
        {"index": 1, "text": "5", "token_ids": [13], "cumulative_logprob": -1.0, "finish_reason": "length"},
    ],
    "finished": True,
    "metrics": None,
}
SGLANG = {
    "text": "It is 4.",
    "output_ids": [4, 8],
    "meta_info": {
        "id": "s1",
        "finish_reason": {"type": "stop", "matched": 2},
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "output_token_logprobs": [[-0.5, 4, None], [-0.25, 8, None]],
        "weight_version": "default",
    },
}
TGI = {
    "generated_text": "It is 4.",
    "details": {
        "finish_reason": "eos_token",
        "generated_tokens": 2,
        "seed": None,
        "prefill": [],
        "tokens": [
            {"id": 3, "text": "It is", "logprob": -0.5, "special": False},
            {"id": 4, "text": " 4.", "logprob": -0.25, "special": False},
        ],
        "best_of_sequences": [
            {
                "generated_text": "It is 5.",
                "finish_reason": "length",
                "generated_tokens": 1,
                "tokens": [{"id": 9, "text": "It is 5.", "logprob": -1.5, "special": False}],
            }
        ],
    },
}


def test_each_output_of_vllm_is_a_trace_with_its_tokens():
    first, second = read_row(VLLM)
    assert (first["text"], second["text"]) == ("<think>\nHmm.\n</think>\n4", "5")
    assert parts_of(first) == [("reasoning", "<think>\nHmm.\n</think>"), ("answer", "4")]
    assert (first["token_ids"], first["logprobs"]) == ((11, 12), (-0.5, -0.25))
    assert (second["token_ids"], second.get("logprobs")) == ((13,), None)
    assert [first["id"], second["id"]] == ["7/0", "7/1"]
    assert first["prompt"] == "2+2?"
    assert first["group"] == second["group"] != "7"
    assert second["meta"]["finish_reason"] == "length"


def test_outputs_without_a_prompt_are_grouped_by_the_request():
    assert {fields["group"] for fields in read_row({**VLLM, "prompt": None})} == {"7"}
    single = {**VLLM, "prompt": None, "outputs": VLLM["outputs"][1:]}
    assert "group" not in read_row(single)[0]
    assert read_row(single)[0]["id"] == "7"


def test_log_probabilities_may_be_numbers_or_objects():
    for logprobs in ([-1.0], [{"logprob": -1.0, "rank": 1}], [{"13": -1.0}]):
        output = {**VLLM["outputs"][1], "logprobs": logprobs}
        (fields,) = read_row({**VLLM, "outputs": [output]})
        assert fields["logprobs"] == (-1.0,)
    for logprobs in ([-1.0, -1.0], [None], ["a"], [1.0], {"13": -1.0}, [{"14": -1.0}]):
        output = {**VLLM["outputs"][1], "logprobs": logprobs}
        (fields,) = read_row({**VLLM, "outputs": [output]})
        assert "logprobs" not in fields
        assert fields["meta"]["logprobs"] == logprobs
        assert fields["token_ids"] == (13,)


def test_a_prompt_or_text_that_is_written_as_ids_alone_is_decoded():
    row = {**VLLM, "prompt": None, "outputs": [{**VLLM["outputs"][1], "text": ""}]}
    with pytest.raises(FailedRowError, match="length"):
        parse_vllm(row, DialectOptions())
    (fields,) = read_row(row, DialectOptions(decode=lambda ids: f"ids {ids}"))
    assert (fields["prompt"], fields["text"]) == ("ids [5, 6]", "ids [13]")


def test_own_columns_beside_the_outputs_are_read():
    row = {"problem": "2+2?", "gold": "4", "outputs": [{"text": "4", "finish_reason": "stop"}]}
    assert detect(row) is VLLM_OUTPUTS
    (fields,) = read_row(row)
    assert (fields["prompt"], fields["reference"], fields["text"]) == ("2+2?", "4", "4")


def test_a_request_without_outputs_or_text_is_skipped():
    for outputs in ([], [{**VLLM["outputs"][0], "text": "", "finish_reason": "abort"}]):
        with pytest.raises(FailedRowError):
            parse_vllm({**VLLM, "outputs": outputs}, DialectOptions())


def test_a_response_of_sglang_has_its_tokens():
    assert detect(SGLANG) is SGLANG_OUTPUTS
    (fields,) = read_row({**SGLANG, "prompt": "2+2?"})
    assert (fields["text"], fields["prompt"], fields["id"]) == ("It is 4.", "2+2?", "s1")
    assert (fields["token_ids"], fields["logprobs"]) == ((4, 8), (-0.5, -0.25))
    assert fields["meta"]["meta_info"]["completion_tokens"] == 2
    without_ids = {name: value for name, value in SGLANG.items() if name != "output_ids"}
    assert read_row(without_ids)[0]["token_ids"] == (4, 8)
    other_ids = {**SGLANG, "output_ids": [4, 9]}
    assert "logprobs" not in read_row(other_ids)[0]


def test_a_request_of_sglang_that_was_aborted_is_skipped():
    for reason in ({"type": "abort", "message": "x"}, "abort"):
        row = {**SGLANG, "meta_info": {"finish_reason": reason}}
        with pytest.raises(FailedRowError, match="aborted"):
            parse_sglang(row, DialectOptions())


def test_all_sequences_of_tgi_are_one_group():
    assert detect(TGI) is TGI_OUTPUTS
    first, second = read_row({**TGI, "inputs": "2+2?"})
    assert first["prompt"] == second["prompt"] == "2+2?"
    assert (first["text"], second["text"]) == ("It is 4.", "It is 5.")
    assert (first["token_ids"], first["logprobs"]) == ((3, 4), (-0.5, -0.25))
    assert first["group"] == second["group"]
    assert second["meta"]["finish_reason"] == "length"
    (alone,) = read_row({**TGI, "details": {**TGI["details"], "best_of_sequences": None}})
    assert "group" not in alone


@pytest.mark.parametrize(
    ("dialect", "row", "says"),
    [
        (VLLM_OUTPUTS, {**VLLM, "outputs": [VLLM["outputs"][0], {"text": None}]}, "text of an output is null"),
        (SGLANG_OUTPUTS, {**SGLANG, "text": 4}, "text is a number"),
        (TGI_OUTPUTS, {**TGI, "generated_text": None}, "generated_text is null"),
    ],
)
def test_a_text_of_another_shape_is_refused_with_a_sentence(dialect, row, says):
    assert dialect.fits(row)
    with pytest.raises(RowError, match=says):
        read_row(row)


def test_an_empty_response_of_tgi_is_skipped():
    with pytest.raises(FailedRowError, match="eos_token"):
        parse_tgi({**TGI, "generated_text": "", "details": {"finish_reason": "eos_token"}}, DialectOptions())


def test_outputs_of_another_kind_are_not_of_these_dialects():
    assert not VLLM_OUTPUTS.fits({"prompt": "2+2?", "outputs": ["4", "5"]})
    assert not VLLM_OUTPUTS.fits({"prompt": "2+2?", "outputs": [{"text": "4", "score": 1}]})
    assert not SGLANG_OUTPUTS.fits({"text": "4", "meta_info": {"source": "x"}})
    assert not TGI_OUTPUTS.fits({"generated_text": "4", "details": "fine"})


@given(mutations(VLLM))
def test_any_mutation_of_vllm_gives_fields_or_one_sentence(row):
    assert gives_fields_or_row_error(VLLM_OUTPUTS, row)


@given(mutations(SGLANG))
def test_any_mutation_of_sglang_gives_fields_or_one_sentence(row):
    assert gives_fields_or_row_error(SGLANG_OUTPUTS, row)


@given(mutations(TGI))
def test_any_mutation_of_tgi_gives_fields_or_one_sentence(row):
    assert gives_fields_or_row_error(TGI_OUTPUTS, row)
