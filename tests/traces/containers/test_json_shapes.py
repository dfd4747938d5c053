import pytest

from sgram.traces.containers.json_shapes import looks_like_rollout, open_document, open_line
from sgram.traces.rows import DOCUMENT_KEY, ROW_KEY

USER = {"role": "user", "content": "2+2?"}
REPLY = {"role": "assistant", "content": "4"}


def records(value: object) -> list | None:
    opened = open_document(value)
    return None if opened is None else [element.record for element in opened]


# -- shapes that hold several rows ------------------------------------------------------------------------------

ROWS = [{"prompt": "2+2?", "completion": "4"}, {"prompt": "3+3?", "completion": "6"}]
COLUMNS = {"prompt": ["2+2?", "3+3?"], "completion": ["4", "6"]}

SHAPES = {
    "array": ROWS,
    "wrapper": {"data": ROWS},
    "wrapper of an unknown name": {"my_run": ROWS},
    "datasets server": {"features": [{"name": "prompt"}], "rows": [{"row_idx": 0, "row": row} for row in ROWS]},
    "table of W&B": {"columns": ["prompt", "completion"], "data": [["2+2?", "4"], ["3+3?", "6"]]},
    "pandas split": {"columns": ["prompt", "completion"], "index": [0, 1], "data": [["2+2?", "4"], ["3+3?", "6"]]},
    "pandas columns": {"prompt": {"0": "2+2?", "1": "3+3?"}, "completion": {"0": "4", "1": "6"}},
    "pandas index": {"0": ROWS[0], "1": ROWS[1]},
    "pandas table": {"schema": {"fields": []}, "data": ROWS},
    "lists": COLUMNS,
    "lists in a wrapper": {"data": COLUMNS},
    "objects in a wrapper": {"results": {"0": ROWS[0], "1": ROWS[1]}},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_a_document_gives_the_same_rows(shape):
    assert records(SHAPES[shape]) == ROWS


def test_a_wrapper_gives_its_other_fields_to_each_row():
    document = {
        "model": "m",
        "adapter_spec": {"temperature": 0.5},
        "n": 2,
        "long": "x" * 5000,
        "large": {"x": "y" * 5000},
        "list": [1],
        "none": None,
        "request_states": [{"instance": {"id": 1}}, {"instance": {"id": 2}}],
    }
    shared = {"model": "m", "adapter_spec": {"temperature": 0.5}, "n": 2}
    assert records(document) == [{"instance": {"id": n}, DOCUMENT_KEY: shared} for n in (1, 2)]


def test_objects_by_name_keep_their_names():
    document = {"task/1": {"question": "q", "response": "r"}, "task/2": {"question": "p", "response": "s"}}
    assert records(document) == [
        {"question": "q", "response": "r", ROW_KEY: "task/1"},
        {"question": "p", "response": "s", ROW_KEY: "task/2"},
    ]


def test_numbers_beside_lists_of_prompts_and_responses_belong_to_each_row():
    assert records({"step": 3, **COLUMNS, "rewards": [1, 0]}) == [
        {"step": 3, "prompt": "2+2?", "completion": "4", "rewards": 1},
        {"step": 3, "prompt": "3+3?", "completion": "6", "rewards": 0},
    ]


def test_a_prompt_column_may_hold_messages():
    assert (
        records({"prompt": [[USER], [USER]], "completion": [[REPLY], [REPLY]]})
        == [{"prompt": [USER], "completion": [REPLY]}] * 2
    )


def test_a_list_of_messages_is_one_conversation():
    assert records([USER, REPLY]) == [{"messages": [USER, REPLY]}]
    assert records([[USER, REPLY], [USER]]) == [{"messages": [USER, REPLY]}, {"messages": [USER]}]
    assert [row.record for row in open_line([USER, REPLY])] == [{"messages": [USER, REPLY]}]


def test_what_is_wrong_with_a_row_of_a_shape_is_its_fault():
    short = open_document({"columns": ["a", "b"], "data": [["1", "2"], ["1"]]})
    assert [element.fault for element in short] == ["", "the row has 1 cells, the table 2 columns"]
    cut = open_document({"rows": [{"row": {"text": "so"}, "truncated_cells": ["text"]}]})
    assert [element.fault for element in cut] == ["the server cut cells short: text"]


def test_answers_of_a_server_are_opened_on_a_line_too():
    assert [row.record for row in open_line({"rows": [{"row": {"text": "so"}, "truncated_cells": []}]})] == [
        {"text": "so"}
    ]
    assert [row.record for row in open_line({"data": [{"text": "so"}], "page": 3})] == [
        {"text": "so", DOCUMENT_KEY: {"page": 3}}
    ]


# -- one record ---------------------------------------------------------------------------------------------------

RECORDS = {
    "a list of responses": {"problem": "2+2?", "generations": ["4", "5"], "correctness": [True, False]},
    "a list of responses alone": {"responses": ["4", "5"], "rewards": [1, 0]},
    "a list of outputs": {"prompt": "2+2?", "outputs": [{"text": "4"}, {"text": "5"}]},
    "samples of a prompt": {"prompt": "2+2?", "samples": [{"text": "4"}, {"text": "5"}]},
    "messages": {"messages": [USER, REPLY], "tools": [{"name": "a"}, {"name": "b"}]},
    "messages as prompt and completion": {"prompt": [USER], "completion": [REPLY]},
    "conversations": {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "r"}]},
    "token ids": {"token_ids": [1, 2], "loss_mask": [True, False], "advantages": [0.5, 0.5]},
    "tokens as strings": {"tokens": ["wait", ","], "logprobs": [-0.5, -0.1]},
    "choices": {"id": "c", "choices": [{"index": 0, "message": REPLY}, {"index": 1, "message": REPLY}]},
    "lists of other lengths": {"prompt": ["2+2?"], "response": ["4", "5"]},
    "empty lists": {"prompt": [], "response": []},
    "a prompt and a response as objects": {"prompt": USER, "response": REPLY},
    "settings": {"lr": 0.1, "betas": [0.9, 0.99], "layers": [1, 2]},
    "a trajectory": {"task": "a", "trajectory": [USER, REPLY]},
    "lm-eval": {"doc_id": 0, "doc": {"q": "2+2?"}, "resps": [["4"]], "filtered_resps": ["4"], "arguments": [["2+2?"]]},
    "objects of one kind": {"request": {"prompt": "q"}, "response": {"text": "r"}},
}


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_that_only_looks_like_a_shape_stays_one_row(name):
    assert open_document(RECORDS[name]) is None
    assert open_line(RECORDS[name]) is None


def test_a_line_among_others_is_opened_only_if_nothing_else_can_be_meant():
    assert open_line({"my_run": ROWS}) is None
    assert open_line({"0": ROWS[0], "1": ROWS[1]}) is None
    assert len(open_line(ROWS)) == len(open_line(COLUMNS)) == 2


# -- what looks like a rollout --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "record",
    [
        *({"Question": "q", "model_response": "r"}, {"instruction": "q", "input": "", "output": "r"}),
        *({"messages": [USER]}, {"choices": [{}]}, {"doc": {}, "resps": []}, {"origin_prompt": "q", "prediction": "r"}),
        *({"request": {}, "response": {}}, {"instance": {}, "request": {}, "result": {}}),
    ],
)
def test_rollouts_are_told_by_their_columns(record):
    assert looks_like_rollout(record)


@pytest.mark.parametrize(
    "record",
    [
        *({"step": 1, "loss": 0.5}, {"id": 0, "content": "<unk>", "special": True}, {"prompt": "q"}, "text", None),
        *({"file_name": "a.json"}, {"messages": "none"}, {"choices": []}),
    ],
)
def test_settings_and_metrics_are_not_rollouts(record):
    assert not looks_like_rollout(record)


def test_an_array_of_an_api_s_responses_is_no_conversation():
    responses = [
        {"type": "message", "role": "assistant", "content": text, "stop_reason": "end_turn"} for text in ("4", "6")
    ]
    assert [element.record for element in open_document(responses)] == responses
    assert [element.record for element in open_line(responses)] == responses
