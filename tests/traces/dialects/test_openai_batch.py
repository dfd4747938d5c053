"""Output of batches of the OpenAI kind."""

import pytest
from hypothesis import given

from sgram.traces.dialect import DialectOptions, detect
from sgram.traces.dialects.openai_batch import OPENAI_BATCH, parse
from sgram.traces.trace import FailedRowError, RowError
from tests.builders.api_rows import gives_fields_or_row_error, mutations, parts_of, read_row
from tests.traces.dialects.test_chat_completions import DEEPSEEK, VLLM
from tests.traces.dialects.test_openai_responses import OPENAI

OUTPUT = {
    "id": "batch_req_1",
    "custom_id": "task-1",
    "response": {"status_code": 200, "request_id": "req-1", "body": DEEPSEEK},
    "error": None,
}


def with_response(**changes):
    return {**OUTPUT, "response": {**OUTPUT["response"], **changes}}


def test_the_body_is_read_as_its_api_writes_it_and_the_custom_id_is_the_id():
    assert detect(OUTPUT) is OPENAI_BATCH
    (fields,) = read_row(OUTPUT)
    assert (fields["id"], fields["model"]) == ("task-1", "deepseek-reasoner")
    assert parts_of(fields) == [("reasoning", "Hmm, 2+2."), ("answer", "It is 4.")]
    assert fields["meta"]["response_id"] == "930c60df"
    assert fields["meta"]["batch_request_id"] == "batch_req_1"
    assert fields["meta"]["usage"]["total_tokens"] == 26
    assert "group" not in fields
    (response,) = read_row(with_response(body=OPENAI))
    assert response["text"] == "I add.\n\nIt is 4."


def test_several_choices_are_one_group():
    traces = read_row(with_response(body=VLLM))
    assert [trace["id"] for trace in traces] == ["task-1/0", "task-1/1", "task-1/2"]
    assert {trace["group"] for trace in traces} == {"task-1"}


@pytest.mark.parametrize("wrap", [lambda body: body, lambda body: {"method": "POST", "body": body}])
def test_the_request_beside_an_output_is_its_prompt(wrap):
    request = {"model": "m", "messages": [{"role": "user", "content": "2+2?"}]}
    (fields,) = read_row({**OUTPUT, "request": wrap(request)})
    assert fields["prompt"] == "2+2?"
    assert fields["meta"]["request"] == wrap({"model": "m"})  # its settings


def test_a_batch_without_custom_ids_is_read():
    row = {"response": OUTPUT["response"]}
    assert detect(row) is OPENAI_BATCH
    assert read_row(row)[0]["text"] == "Hmm, 2+2.\n\nIt is 4."


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({**OUTPUT, "response": None, "error": {"code": "batch_expired", "message": "Too late"}}, "Too late"),
        (with_response(status_code=400, body={"error": {"message": "Too long"}}), "status 400, Too long"),
        (with_response(status_code=500, body={}), "status 500"),
        (with_response(body={"error": {"message": "Overloaded", "code": 529}}), "Overloaded"),
        ({**OUTPUT, "response": None}, "no response"),
        ({"id": "batch_req_1", "custom_id": "task-1", "error": {"message": "Bad request"}}, "Bad request"),
    ],
)
def test_a_request_that_failed_is_skipped_and_says_why(row, says):
    assert detect(row) is OPENAI_BATCH
    with pytest.raises(FailedRowError, match=says):
        parse(row, DialectOptions())


def test_the_input_of_a_batch_is_refused_with_a_sentence():
    row = {"custom_id": "task-1", "method": "POST", "url": "/v1/chat/completions", "body": {"messages": []}}
    assert detect(row) is OPENAI_BATCH
    with pytest.raises(RowError, match="a request of a batch is no response; read the output file"):
        parse(row, DialectOptions())


def test_a_body_of_another_api_is_refused_with_a_sentence():
    body = {"object": "list", "data": [{"embedding": [0.5]}]}
    with pytest.raises(RowError, match="the response is of no known API: an object with object, data"):
        read_row(with_response(body=body))


def test_a_custom_id_alone_makes_no_batch():
    assert not OPENAI_BATCH.fits({"custom_id": "a", "response": "4"})
    assert not OPENAI_BATCH.fits({"custom_id": "a", "text": "4"})


@given(mutations(OUTPUT))
def test_any_mutation_gives_fields_or_one_sentence(row):
    assert gives_fields_or_row_error(OPENAI_BATCH, row)
