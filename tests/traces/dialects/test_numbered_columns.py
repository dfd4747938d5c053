"""Rows with a column for each response."""

import pytest
from hypothesis import given

from sgram.traces.dialect import detect
from sgram.traces.dialects.numbered_columns import NUMBERED_COLUMNS, find_numbered, split_number
from sgram.traces.ids import content_digest
from tests.builders.api_rows import gives_fields_or_row_error, mutations, read_row

DEEP_MATH = {  # zwhe99/DeepMath-103K
    "question": "2+2?",
    "final_answer": "4",
    "difficulty": 6.0,
    "r1_solution_1": "<think>\nHmm.\n</think>\n\n4",
    "r1_solution_2": "<think>\nSo 5.\n</think>\n\n5",
    "r1_solution_3": None,
}
TABLE = {  # verl, val/generations on W&B
    "step": 10,
    **{"input_1": "2+2?", "output_1": "It is 4.", "score_1": 1.0},
    **{"input_2": "3+3?", "output_2": "It is 5.", "score_2": 0.0},
}


def test_each_numbered_solution_is_a_trace_of_one_group():
    assert detect(DEEP_MATH) is NUMBERED_COLUMNS
    first, second = read_row(DEEP_MATH)
    assert (first["text"], second["text"]) == (DEEP_MATH["r1_solution_1"], DEEP_MATH["r1_solution_2"])
    assert first["group"] == second["group"] == content_digest(None, "2+2?")
    assert (first["reference"], first["meta"]["difficulty"]) == ("4", 6.0)
    assert not any(name.startswith("r1_solution") for name in first["meta"])


def test_numbered_prompts_and_scores_belong_to_the_response_of_their_number():
    first, second = read_row(TABLE)
    assert [(fields["prompt"], fields["text"], fields["reward"], fields["step"]) for fields in (first, second)] == [
        ("2+2?", "It is 4.", 1.0, 10),
        ("3+3?", "It is 5.", 0.0, 10),
    ]
    assert first["group"] != second["group"]


def test_what_follows_the_number_may_say_what_is_correct():
    row = {
        "problem": "2+2?",
        **{"response_0": "It is 4.", "response_0_correct": "Yes", "response_0_tokens": 5},
        **{"response_1": "It is 5.", "response_1_correct": "No", "response_1_tokens": 6},
    }
    first, second = read_row(row)
    assert (first["correct"], second["correct"]) == (True, False)
    assert (first["meta"], second["meta"]) == ({"response_0_tokens": 5}, {"response_1_tokens": 6})


def test_numbers_of_other_columns_are_theirs():
    (first, _) = read_row({"question": "2+2?", "output_1": "4", "output_2": "5", "option_1": "4", "hint_7": "x"})
    assert first["meta"] == {"option_1": "4", "hint_7": "x"}


def test_letters_are_numbers_too():
    row = {"prompt": "2+2?", "model_a": "x", "model_b": "y", "response_a": "4", "response_b": "5", "winner": "model_a"}
    assert [(fields["model"], fields["text"], fields["meta"]) for fields in read_row(row)] == [
        ("x", "4", {"winner": "model_a"}),
        ("y", "5", {"winner": "model_a"}),
    ]
    assert find_numbered({"prompt": "2+2?", "option_a": "4", "option_b": "5"}) == {}


@pytest.mark.parametrize(
    "row",
    [
        {"question": "2+2?", "solution_1": "4", "solution_2": "5"},
        {"question": "2+2?", "option_1": "4", "option_2": "5"},
        {"question": "2+2?", "response_1": "4"},
        {"question": "2+2?", "response_3": "4", "response_7": "5"},
        {"question": "2+2?", "response_1": 4, "response_2": 5},
        {"question": "2+2?", "response_1": None, "response_2": None},
        {"question": "2+2?", "response": "4", "output_1": "4", "output_2": "5"},
    ],
)
def test_other_numbered_columns_are_no_responses(row):
    assert find_numbered(row) == {}


def test_numbers_may_be_joined_in_several_ways():
    assert [split_number(name).number for name in ("output1", "output_1", "output-1", "Output 1")] == [1] * 4
    assert split_number("r1_solution_2").stem == "r1_solution"
    assert [split_number(name) for name in ("output", "1", "gpt4_response")] == [
        None,
        None,
        split_number("gpt4_response"),
    ]


@given(mutations(DEEP_MATH) | mutations(TABLE))
def test_any_mutation_gives_fields_or_one_sentence(row):
    assert gives_fields_or_row_error(NUMBERED_COLUMNS, row)
