"""`completions.jsonl` of ms-swift, after the container made rows of its lists, and results of `swift infer`."""

from hypothesis import given

from sgram.traces.dialect import detect
from sgram.traces.dialects.columns import COLUMNS
from sgram.traces.dialects.ms_swift import MS_SWIFT
from tests.builders.api_rows import gives_fields_or_row_error, mutations, read_row

ROW = {
    "step": "3",
    "prompt": "<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n",
    "completion": "It is 5.",
    "MathAccuracy": 0.0,
    "Format": 1.0,
    "advantages": -0.5,
}


def test_classes_of_reward_functions_are_summed_and_accuracy_says_what_is_correct():
    assert detect(ROW) is MS_SWIFT
    (fields,) = read_row(ROW)
    assert (fields["step"], fields["reward"], fields["correct"]) == (3, 1.0, False)
    assert fields["prompt"] == ROW["prompt"]
    assert fields["meta"] == {"MathAccuracy": 0.0, "Format": 1.0, "advantages": -0.5}


def test_the_trainer_on_megatron_counts_generation_steps():
    row = {name: value for name, value in ROW.items() if name != "step"} | {"gen_step": 7}
    (fields,) = read_row(row)
    assert (fields["step"], "gen_step" in fields["meta"]) == (7, False)


def test_results_of_inference_have_usual_columns():
    talk = [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "It is 4."}]
    row = {"response": "It is 4.", "labels": "4", "logprobs": None, "messages": talk}
    assert detect(row) is COLUMNS
    (fields,) = read_row(row)
    assert (fields["text"], fields["prompt"], fields["reference"], fields["meta"]) == ("It is 4.", "2+2?", "4", {})


@given(mutations(ROW))
def test_any_mutation_gives_fields_or_one_sentence(row):
    assert gives_fields_or_row_error(MS_SWIFT, row)
