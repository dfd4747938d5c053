"""Details of lighteval, in both layouts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.traces.dialect import detect
from sgram.traces.dialects.lighteval import LIGHTEVAL, LIGHTEVAL_FLAT
from sgram.traces.ids import content_digest
from sgram.traces.trace import RowError
from tests.builders.api_rows import gives_fields_or_row_error, mutations, parts_of, read_row

SAMPLE = {
    "doc": {
        "query": "2+2?",
        "choices": ["4"],
        "gold_index": 0,
        "instruction": "",
        "id": "3",
        "task_name": "sums|0",
        "num_samples": 1,
        "specific": {"extracted_predictions": ["4", "4"], "extracted_golds": ["4"]},
    },
    "metric": {"extractive_match": 1.0},
    "model_response": {
        "input": "user: 2+2?",
        "input_tokens": [1],
        "text": ["<think>Hmm.</think>It is 4"],
        "output_tokens": [[2, 3]],
        "text_post_processed": ["It is 4"],
        "reasonings": [None],
        "logprobs": [],
    },
}
FLAT = {
    "example": "2+2?",
    "instruction": "",
    "full_prompt": "Q: 2+2?",
    "num_effective_few_shots": 0,
    "predictions": ["It is 4"],
    "input_tokens": [[1]],
    "cont_tokens": [[2]],
    "gold": ["4"],
    "choices": [],
    "gold_index": [],
    "metrics": {"qem": 1.0},
    "specifics": None,
}


def with_response(**changes):
    return {**SAMPLE, "model_response": {**SAMPLE["model_response"], **changes}}


def with_doc(**changes):
    return {**SAMPLE, "doc": {**SAMPLE["doc"], **changes}}


def only(record: dict) -> dict:
    (fields,) = read_row(record)
    return fields


def test_a_row_of_the_new_layout_is_read():
    assert detect(SAMPLE) is LIGHTEVAL
    fields = only(SAMPLE)
    assert parts_of(fields) == [("reasoning", "<think>Hmm.</think>"), ("answer", "It is 4")]
    del fields["meta"]["parts"]
    assert fields == {
        "group": content_digest(None, "user: 2+2?"),
        "prompt": "user: 2+2?",
        "text": "<think>Hmm.</think>It is 4",
        "reward": 1.0,
        "correct": True,
        "answer": "4",
        "reference": "4",
        "meta": {"task_name": "sums|0", "id": "3", "num_samples": 1, "metrics": {"extractive_match": 1.0}},
    }


def test_objects_that_were_written_as_strings_are_read_too():
    assert read_row({name: str(value) for name, value in SAMPLE.items()}) == read_row(SAMPLE)


def test_several_responses_are_one_group_without_the_score_of_all():
    rows = read_row({**with_response(text=["4", "5"], reasonings=[None, None]), "metric": {"pass@k:k=1&n=2": 0.5}})
    assert [fields["text"] for fields in rows] == ["4", "5"]
    assert len({fields["group"] for fields in rows}) == 1
    assert all(not {"reward", "correct", "answer"} & fields.keys() for fields in rows)
    assert rows[0]["meta"]["all_responses"] == {"metrics": {"pass@k:k=1&n=2": 0.5}}


def test_reasoning_beside_the_text_comes_before_it_once():
    fields = only(with_response(text=["It is 4"], reasonings=["Hmm, two and two."]))
    assert parts_of(fields) == [("reasoning", "Hmm, two and two."), ("answer", "It is 4")]
    merged = only(with_response(text=["<think>Hmm.</think>It is 4"], reasonings=["Hmm."]))
    assert merged["text"] == "<think>Hmm.</think>It is 4"


@pytest.mark.parametrize(
    ("choices", "gold_index", "reference"),
    [
        (["A", "B", "C"], 2, "C"),
        (["A", "B", "C"], [1], "B"),
        (["4", "four"], [0, 1], '["4","four"]'),
        (["4"], 1, None),
        (["4"], None, None),
        ([], 0, None),
    ],
)
def test_the_reference_is_the_choice_at_the_gold_index(choices, gold_index, reference):
    assert only(with_doc(choices=choices, gold_index=gold_index)).get("reference") == reference


def test_messages_are_a_prompt_and_the_query_is_one_without_an_input():
    messages = [{"role": "system", "content": "S"}, {"role": "user", "content": "2+2?"}]
    assert only(with_response(input=messages))["prompt"] == "S\n\n2+2?"
    assert only(with_response(input=None))["prompt"] == "2+2?"


def test_answers_that_differ_are_not_taken():
    assert "answer" not in only(with_doc(specific={"extracted_predictions": ["1/2", "0.5"]}))


def test_a_row_of_the_old_layout_is_read_also_where_its_columns_are_strings():
    assert detect(FLAT) is LIGHTEVAL_FLAT
    fields = only(FLAT)
    assert {name: value for name, value in fields.items() if name not in ("group", "meta")} == {
        "prompt": "Q: 2+2?",
        "text": "It is 4",
        "reward": 1.0,
        "correct": True,
        "reference": "4",
    }
    assert fields["meta"] == {"metrics": {"qem": 1.0}}
    assert read_row({name: str(value) for name, value in FLAT.items()}) == [fields]


def test_samples_of_the_old_layout_are_one_group():
    rows = read_row({**FLAT, "predictions": "['It\\'s 4\\n', \"5\"]"})
    assert [fields["text"] for fields in rows] == ["It's 4\n", "5"]
    assert len({fields["group"] for fields in rows}) == 1
    assert all("correct" not in fields for fields in rows)


def test_the_gold_of_a_choice_is_found_in_the_old_layout():
    assert only({**FLAT, "gold": [], "choices": "['A', 'B']", "gold_index": "[1]"})["reference"] == "B"


def test_rows_of_loglikelihood_tasks_are_no_responses():
    with pytest.raises(RowError, match=r"model_response\.text holds no text"):
        read_row(with_response(text=[]))
    with pytest.raises(RowError, match="predictions holds no text"):
        read_row({**FLAT, "predictions": [-3.5, -1.0]})


@given(st.sampled_from([SAMPLE, FLAT, {name: str(value) for name, value in FLAT.items()}]).flatmap(mutations))
@settings(max_examples=300)
def test_no_mutation_raises_anything_but_a_row_error(row):
    assert gives_fields_or_row_error(LIGHTEVAL, row)
    assert gives_fields_or_row_error(LIGHTEVAL_FLAT, row)
