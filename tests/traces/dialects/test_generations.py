"""Rows with a list of responses."""

import json

import pytest
from hypothesis import given

from sgram.traces.dialect import DialectOptions, detect
from sgram.traces.dialects.columns import COLUMNS
from sgram.traces.dialects.generations import GENERATIONS, find_generations, is_parallel, parse_list, share_row
from sgram.traces.trace import FailedRowError, RowError
from tests.builders.api_rows import complete, gives_fields_or_row_error, mutations, parts_of, read_row

TALK = [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "<think>\nHmm.\n</think>\n\n4"}]
OPEN_R1 = {  # open-r1/OpenR1-Math-220k
    "problem": "2+2?",
    "solution": "2 and 2 are 4.",
    "answer": "4",
    "uuid": "u-7",
    "is_reasoning_complete": [True, False],
    "generations": ["<think>\nHmm.\n</think>\n\n4", "<think>\nSo 5"],
    "correctness_math_verify": [True, False],
    "correctness_llama": None,
    "finish_reasons": ["stop", "length"],
    "correctness_count": 1,
    "messages": TALK,
}


def column(row, name):
    return [fields.get(name) for fields in read_row(row)]


def test_each_generation_is_a_trace_of_one_group_with_its_own_correctness():
    assert detect(OPEN_R1) is GENERATIONS
    first, second = read_row(OPEN_R1)
    assert (first["text"], second["text"]) == tuple(OPEN_R1["generations"])
    assert (first["id"], second["id"]) == ("u-7/0", "u-7/1")
    assert (first["correct"], second["correct"]) == (True, False)
    assert first["group"] == second["group"]
    assert (first["reference"], first["prompt"]) == ("4", "2+2?")
    assert parts_of(first) == [("reasoning", "<think>\nHmm.\n</think>"), ("answer", "4")]
    del first["meta"]["parts"]
    assert first["meta"] == {
        "solution": "2 and 2 are 4.",
        "is_reasoning_complete": True,
        "finish_reason": "stop",
        "correctness_count": 1,
    }
    assert second["meta"]["is_reasoning_complete"] is False


def test_messages_that_hold_none_of_the_generations_stay_in_meta():
    other = [TALK[0], {"role": "assistant", "content": "Six?"}]
    assert column({**OPEN_R1, "messages": other}, "meta")[0]["messages"] == other
    without_prompt = {"generations": ["4", "5"], "messages": TALK}
    assert column(without_prompt, "prompt") == ["2+2?", "2+2?"]


@pytest.mark.parametrize(
    "name",
    [
        *("responses", "completions", "outputs", "samples", "candidates", "output_list", "response", "output", "code"),
        *("r1_generations", "deepseek_responses", "Generations"),
    ],
)
def test_lists_of_responses_have_many_names(name):
    assert column({"question": "2+2?", name: ["It is 4.", "5"]}, "text") == ["It is 4.", "5"]


@pytest.mark.parametrize(
    "row",
    [
        {"problem": "2+2?", "solutions": ["4", "5"]},
        {"problem": "2+2?", "reference_outputs": ["4", "5"]},
        {"problem": "2+2?", "options": ["4", "5"]},
        {"problem": "2+2?", "response": "[4, 5]"},
        {"problem": "2+2?", "outputs": []},
        {"problem": "2+2?", "outputs": [1, 2]},
        {"problem": "2+2?", "outputs": [None, None]},
        {"outputs": [{"prompt": "2+2?", "text": "4"}]},
        {"response": TALK},
    ],
)
def test_other_lists_are_no_responses(row):
    assert find_generations(row) is None


def test_elements_may_be_objects_or_messages():
    objects = [{"response": "4", "model": "a", "overall_score": 5.0}, {"response": "5", "model": "b"}]
    row = {"instruction": "2+2?", "completions": objects, "models": ["a", "b"]}
    assert column(row, "text") == ["4", "5"]
    assert column(row, "model") == ["a", "b"]
    assert [meta.get("overall_score") for meta in column(row, "meta")] == [5.0, None]
    messages = [{"role": "assistant", "reasoning": "Hmm.", "content": "4"}, {"role": "assistant", "content": "5"}]
    assert column({"prompt": "2+2?", "completions": messages}, "text") == ["Hmm.\n\n4", "5"]
    assert column({"prompt": "2+2?", "completions": [[message] for message in messages]}, "text") == ["Hmm.\n\n4", "5"]


def test_responses_may_be_numbered_keys_of_an_object():
    assert column({"problem": "2+2?", "generations": {"0": "4", "1": "5"}}, "text") == ["4", "5"]
    assert find_generations({"problem": "2+2?", "generations": {"a": "4"}}) is None


def test_answers_as_many_as_responses_are_the_expected_one_if_they_agree():
    row = {"question": "2+2?", "responses": ["It is 4.", "It is 5."]}
    assert column({**row, "answers": ["4", "4"]}, "reference") == ["4", "4"]
    assert column({**row, "answer": ["4", "5"], "gold": "4"}, "answer") == ["4", "5"]
    either = read_row({**row, "answers": ["4", "5"]})
    assert [fields["meta"] for fields in either] == [{"answers": ["4", "5"]}] * 2
    assert not any({"answer", "reference"} & fields.keys() for fields in either)


def test_lists_may_stand_in_strings():
    row = {"problem": "2+2?", "generations": json.dumps(["4", "5"]), "scores": "[1, 0]", "tags": "[1, 2]"}
    assert column(row, "text") == ["4", "5"]
    assert column(row, "reward") == [1.0, 0.0]
    assert column({**row, "generations": "['4', 'it''s 5']"}, "text") == ["4", "it's 5"]


@pytest.mark.parametrize(
    ("name", "value", "field", "values"),
    [
        ("correctness", [True, False], "correct", [True, False]),
        ("is_corrects", [1, 0], "correct", [True, False]),
        ("graded_list", [True, False], "correct", [True, False]),
        ("score", [True, False], "correct", [True, False]),
        ("rewards", [0.5, 0.25], "reward", [0.5, 0.25]),
        ("pred", ["4", "5"], "answer", ["4", "5"]),
        ("models", ["a", "b"], "model", ["a", "b"]),
        ("generation_models", ["a", "b"], "model", ["a", "b"]),
        ("token_ids", [[1, 2], [3]], "token_ids", [(1, 2), (3,)]),
        ("gold", ["4", "four"], "reference", ['["4","four"]'] * 2),
        ("gold", "4", "reference", ["4", "4"]),
        ("answer", "4", "reference", ["4", "4"]),
        ("problem_id", 3, "group", ["3", "3"]),
        ("step", 3, "step", [3, 3]),
    ],
)
def test_lists_beside_the_responses_are_taken_apart(name, value, field, values):
    assert column({"question": "2+2?", "responses": ["It is 4.", "5"], name: value}, field) == values


def test_each_reasoning_comes_before_its_response():
    row = {"question": "2+2?", "responses": ["4", "5"], "reasoning": ["Hmm, 2 and 2.", "So be it."]}
    assert column(row, "text") == ["Hmm, 2 and 2.\n\n4", "So be it.\n\n5"]


def test_what_is_said_once_is_not_every_response_s():
    once = {"pred": "4", "score": 0.5, "correct": True, "majority": "4"}
    for fields in read_row({"question": "2+2?", "responses": ["4", "5"], **once}):
        assert not {"answer", "reward", "correct"} & fields.keys()
        assert fields["meta"] == once
    (alone,) = read_row({"question": "2+2?", "responses": ["4"], **once})
    assert (alone["answer"], alone["reward"], alone["correct"]) == ("4", 0.5, True)


def test_a_model_of_each_response_comes_before_that_of_the_row():
    row = {"question": "2+2?", "responses": ["4", "5"], "generation_models": ["a", "b"], "model_name": "row"}
    assert column(row, "model") == ["a", "b"]
    assert column(row, "meta")[0] == {"model_name": "row"}


@pytest.mark.parametrize("name", ["test_cases", "tags", "options", "gold", "answer", "messages", "languages"])
def test_lists_that_belong_to_the_prompt_stay_whole(name):
    assert not is_parallel(name, ["a", "b"], 2)


def test_a_response_that_is_missing_is_left_out():
    row = {"question": "2+2?", "responses": [None, "5"], "scores": [0, 1]}
    assert column(row, "text") == ["5"]
    assert column(row, "reward") == [1.0]
    with pytest.raises(FailedRowError, match="the row has no response"):
        share_row([], {"question": "2+2?"})


def test_responses_without_a_prompt_are_still_one_group():
    first, second = read_row({"responses": ["4", "5"]})
    assert first["group"] == second["group"] != read_row({"responses": ["4", "6"]})[0]["group"]


def test_a_column_that_the_user_names_may_hold_the_list():
    options = DialectOptions(columns={"text": "tries"})
    traces = complete(COLUMNS, {"question": "2+2?", "tries": ["4", "5"], "scores": [1, 0]}, options)
    assert [(fields["text"], fields["reward"]) for fields in traces] == [("4", 1.0), ("5", 0.0)]
    with pytest.raises(RowError, match="tries holds no responses"):
        parse_list({"tries": [4, 5]}, "tries")


@given(mutations(OPEN_R1) | mutations({"instruction": "2+2?", "completions": [{"response": "4"}, {"response": "5"}]}))
def test_any_mutation_gives_fields_or_one_sentence(row):
    assert gives_fields_or_row_error(GENERATIONS, row)


def test_a_list_of_contents_is_no_list_of_responses():
    # NeMo-RL logs the contents of a conversation without their roles
    row = {"content": ["2+2?", "It is 4."], "rewards": 1.0, "input_lengths": 9}
    assert find_generations(row) is None
    assert detect(row) is None


def test_continuations_of_a_prompt_are_responses():
    # OLMES
    row = {"doc_id": 0, "model_output": [{"continuation": "It is 4.", "num_tokens": 5}], "label": "4"}
    (fields,) = read_row(row)
    assert (fields["text"], fields["reference"], fields["meta"]["num_tokens"]) == ("It is 4.", "4", 5)


def test_messages_of_a_prompt_beside_a_response_are_the_prompt():
    (fields,) = read_row({"prompt_messages": [{"role": "user", "content": "2+2?"}], "response": "It is 4."})
    assert (fields["prompt"], fields["text"]) == ("2+2?", "It is 4.")
