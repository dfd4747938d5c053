"""Rows with columns for each model."""

import pytest
from hypothesis import given

from sgram.traces.dialect import detect
from sgram.traces.dialects.model_columns import MODEL_COLUMNS, find_models
from tests.builders.api_rows import gives_fields_or_row_error, mutations, parts_of, read_row

S1K = {  # simplescaling/s1K-1.1
    "solution": "4",
    "question": "2+2?",
    "source_type": "own",
    "gemini_thinking_trajectory": "Perhaps 5.",
    "gemini_attempt": "It is 5.",
    "gemini_grade": "No",
    "gemini_grade_reason": "It is not 5.",
    "deepseek_thinking_trajectory": "Hmm, 2 and 2.",
    "deepseek_attempt": "It is 4.",
    "deepseek_grade": "Yes",
    "deepseek_grade_reason": "Right.",
}
OPEN_THOUGHTS = {  # open-thoughts/OpenThoughts-114k, metadata
    "problem": "2+2?",
    "deepseek_reasoning": "Hmm, 2 and 2.",
    "deepseek_solution": "It is 4.",
    "ground_truth_solution": "2 and 2 are 4.",
    "domain": "math",
    "test_cases": None,
}


def test_each_model_s_attempt_is_a_trace_of_one_group():
    assert detect(S1K) is MODEL_COLUMNS
    gemini, deepseek = read_row(S1K)
    assert (gemini["model"], gemini["text"], gemini["correct"]) == ("gemini", "Perhaps 5.\n\nIt is 5.", False)
    assert (deepseek["model"], deepseek["text"], deepseek["correct"]) == ("deepseek", "Hmm, 2 and 2.\n\nIt is 4.", True)
    assert parts_of(deepseek) == [("reasoning", "Hmm, 2 and 2."), ("answer", "It is 4.")]
    assert gemini["group"] == deepseek["group"]
    assert (gemini["prompt"], gemini["reference"]) == ("2+2?", "4")
    del deepseek["meta"]["parts"]
    assert deepseek["meta"] == {"source_type": "own", "deepseek_grade_reason": "Right."}


def test_a_model_that_did_not_answer_has_no_trace_and_its_columns_stay():
    (deepseek,) = read_row({**S1K, "gemini_attempt": None})
    assert (deepseek["model"], deepseek["meta"]["gemini_thinking_trajectory"]) == ("deepseek", "Perhaps 5.")


def test_one_pair_is_one_trace():
    (fields,) = read_row(OPEN_THOUGHTS)
    assert (fields["text"], fields["model"]) == ("Hmm, 2 and 2.\n\nIt is 4.", "deepseek")
    assert (fields["reference"], fields["meta"]["domain"]) == ("2 and 2 are 4.", "math")


def test_a_model_that_no_column_names_is_the_row_s():
    row = {"question": "2+2?", "model_reasoning": "Hmm, 2 and 2.", "model_answer": "4", "reference_answer": "4"}
    (fields,) = read_row({**row, "model_name": "r1"})
    assert (fields["text"], fields["model"], fields["reference"]) == ("Hmm, 2 and 2.\n\n4", "r1", "4")
    assert "model" not in read_row(row)[0]
    (named,) = read_row({**OPEN_THOUGHTS, "model": "deepseek-ai/DeepSeek-R1"})
    assert named["model"] == "deepseek-ai/DeepSeek-R1"


def test_responses_of_named_models_need_no_reasoning():
    row = {"prompt": "2+2?", "gpt4_response": "4", "claude_response": "5", "r1_output_correct": True, "r1_output": "4"}
    traces = read_row(row)
    assert [(fields["model"], fields["text"]) for fields in traces] == [("gpt4", "4"), ("claude", "5"), ("r1", "4")]


def test_the_model_may_stand_behind():
    row = {"prompt": "2+2?", "response_gpt4": "4", "score_gpt4": 0.5, "reasoning_r1": "Hmm, so.", "response_r1": "5"}
    first, second = read_row(row)
    assert (first["model"], first["text"], first["reward"]) == ("gpt4", "4", 0.5)
    assert (second["model"], second["text"], "reward" in second) == ("r1", "Hmm, so.\n\n5", False)


@pytest.mark.parametrize(
    "row",
    [
        {"question": "2+2?", "judge_reasoning": "Hmm, so.", "judge_response": "ok"},
        {"question": "2+2?", "human_reasoning": "Hmm, so.", "human_answer": "4"},
        {"question": "2+2?", "ground_truth_solution": "4", "user_response": "5"},
        {"question": "2+2?", "chosen_response": "4", "rejected_response": "5"},
        {"question": "2+2?", "response": "4", "deepseek_reasoning": "Hmm, so.", "deepseek_solution": "5"},
        {"question": "2+2?", "deepseek_reasoning": "Hmm, so."},
    ],
)
def test_what_others_say_is_no_response(row):
    assert find_models(row) == []


@given(mutations(S1K) | mutations(OPEN_THOUGHTS))
def test_any_mutation_gives_fields_or_one_sentence(row):
    assert gives_fields_or_row_error(MODEL_COLUMNS, row)


def test_a_conversation_that_says_all_of_a_response_and_more_is_read_in_its_place():
    # KodCode: the code of the response stands in a column of its own
    messages = [
        {"from": "human", "value": "Write it."},
        {"from": "gpt", "value": "<think>Hmm.</think>```python\nprint(4)\n```"},
    ]
    row = {"question": "Write it.", "r1_solution": "print(4)", "conversations": messages, "r1_correctness": "True"}
    (fields,) = read_row(row)
    assert fields["text"] == messages[1]["value"]
    # another text in the conversation, such as the data set's own solution, is not the model's
    messages[1]["value"] = "The old solution."
    (fields,) = read_row(row)
    assert (fields["text"], fields["model"]) == ("print(4)", "r1")
