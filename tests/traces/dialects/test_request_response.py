"""Logs of requests and their responses."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.traces.dialect import DialectOptions, detect
from sgram.traces.dialects.request_response import API_DIALECTS, REQUEST_RESPONSE, find_responses, parse
from sgram.traces.trace import FailedRowError, RowError
from tests.builders.api_rows import gives_fields_or_row_error, mutations, parts_of, read_row
from tests.traces.dialects.test_anthropic_messages import MESSAGE
from tests.traces.dialects.test_bedrock_converse import CONVERSE
from tests.traces.dialects.test_chat_completions import COMPLETION, DEEPSEEK, OPENROUTER, VLLM
from tests.traces.dialects.test_gemini import REST
from tests.traces.dialects.test_ollama import CHAT, GENERATE
from tests.traces.dialects.test_openai_responses import OPENAI
from tests.traces.dialects.test_vllm_outputs import SGLANG, TGI
from tests.traces.dialects.test_vllm_outputs import VLLM as VLLM_OFFLINE

ASKED = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2+2?"}]
PROMPT = "Be brief.\n\n2+2?"
TEXT = "Hmm, 2+2.\n\nIt is 4."  # of DEEPSEEK
LITELLM = {
    "id": "l-1",
    "trace_id": "t-1",
    "call_type": "acompletion",
    "status": "success",
    "model": "deepseek-reasoner",
    "model_id": "",
    "messages": ASKED,
    "response": DEEPSEEK,
    "model_parameters": {"temperature": 1},
    "error_str": None,
    "error_information": {"error_code": "", "error_class": "", "llm_provider": ""},
    "metadata": {},
    "response_cost": 0.01,
}
HELICONE = {
    "request_id": "h-1",
    "request_body": {"model": "deepseek-reasoner", "messages": ASKED, "temperature": 0.5},
    "response_body": DEEPSEEK,
    "response_status": 200,
    "model": "deepseek-reasoner",
}
LANGFUSE = {
    "id": "o-1",
    "traceId": "t-1",
    "type": "GENERATION",
    "model": "deepseek-reasoner",
    "input": {"messages": ASKED, "tools": []},
    "output": {"role": "assistant", "content": "It is 4.", "reasoning_content": "Hmm, 2+2."},
    "level": "DEFAULT",
    "statusMessage": "",
}
VERTEX = {
    "status": "",
    "processed_time": "2025-01-01T00:00:00Z",
    "request": {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [{"role": "user", "parts": [{"text": "2+2?"}]}],
        "generationConfig": {"temperature": 0},
    },
    "response": REST,
}
GEMINI_BATCH = {"key": "task-1", "response": REST}
BEDROCK = {
    "recordId": "R1",
    "modelInput": {"anthropic_version": "b", "system": "Be brief.", "messages": ASKED[1:], "max_tokens": 9},
    "modelOutput": MESSAGE,
}
OPENPIPE = {
    "reqPayload": json.dumps({"model": "m", "messages": ASKED}),
    "respPayload": json.dumps(DEEPSEEK),
    "statusCode": 200,
}
OWN = {"problem": "2+2?", "answer": "4", "r1": DEEPSEEK}
LOGS = [LITELLM, HELICONE, LANGFUSE, VERTEX, GEMINI_BATCH, BEDROCK, OPENPIPE, OWN]


def test_all_of_these_are_recognized():
    assert {detect(row).name for row in LOGS} == {"request-response"}


def test_a_log_of_litellm():
    (fields,) = read_row(LITELLM)
    assert (fields["prompt"], fields["text"], fields["model"]) == (PROMPT, TEXT, "deepseek-reasoner")
    assert fields["id"] == "l-1"
    assert fields["meta"]["response_id"] == "930c60df"
    assert fields["meta"]["finish_reason"] == "stop"
    assert fields["meta"]["response_cost"] == 0.01
    assert "messages" not in fields["meta"]


def test_an_export_of_helicone():
    (fields,) = read_row(HELICONE)
    assert (fields["prompt"], fields["text"], fields["id"]) == (PROMPT, TEXT, "h-1")
    assert fields["meta"]["request"] == {"model": "deepseek-reasoner", "temperature": 0.5}


def test_an_observation_of_langfuse_holds_a_bare_message():
    (fields,) = read_row(LANGFUSE)
    assert (fields["prompt"], fields["text"], fields["id"]) == (PROMPT, TEXT, "o-1")
    assert parts_of(fields) == [("reasoning", "Hmm, 2+2."), ("answer", "It is 4.")]
    as_text = {**LANGFUSE, "input": json.dumps(LANGFUSE["input"]), "output": json.dumps(LANGFUSE["output"])}
    assert read_row(as_text)[0]["text"] == TEXT


def test_batches_of_gemini():
    (fields,) = read_row(VERTEX)
    assert (fields["prompt"], fields["text"], fields["model"]) == (PROMPT, TEXT, "gemini-2.5-flash")
    assert fields["id"] == "r1"
    (keyed,) = read_row(GEMINI_BATCH)
    assert (keyed["id"], keyed["text"]) == ("task-1", TEXT)


def test_a_batch_of_bedrock():
    (fields,) = read_row(BEDROCK)
    assert (fields["prompt"], fields["id"], fields["model"]) == (PROMPT, "R1", "claude-x")
    assert read_row({**BEDROCK, "modelOutput": CONVERSE})[0]["text"] == "Hmm.\n\nIt is 4."


def test_request_and_response_may_be_json_in_strings():
    (fields,) = read_row(OPENPIPE)
    assert (fields["prompt"], fields["text"], fields["model"]) == (PROMPT, TEXT, "deepseek-reasoner")


def test_a_response_is_found_in_any_column_and_own_columns_are_read():
    (fields,) = read_row(OWN)
    assert (fields["prompt"], fields["text"], fields["reference"]) == ("2+2?", TEXT, "4")
    assert fields["model"] == "deepseek-reasoner"


@pytest.mark.parametrize(
    "response",
    [
        DEEPSEEK,
        VLLM,
        OPENROUTER,
        COMPLETION,
        OPENAI,
        MESSAGE,
        REST,
        CONVERSE,
        CHAT,
        GENERATE,
        VLLM_OFFLINE,
        SGLANG,
        TGI,
    ],
)
@pytest.mark.parametrize("name", ["response", "output", "completion", "deepseek_r1"])
def test_the_response_may_be_of_any_api(response, name):
    row = {"prompt": "2+2?", name: response}
    assert detect(row) is REQUEST_RESPONSE
    (dialect,) = [dialect for dialect in API_DIALECTS if dialect.fits(response)]
    alone = read_row(response)
    traces = read_row(row)
    assert [trace["text"] for trace in traces] == [trace["text"] for trace in alone], dialect.name
    assert {trace["prompt"] for trace in traces} == {"2+2?"}
    assert len({trace["group"] for trace in traces}) == 1


def test_a_list_of_responses_is_one_group():
    row = {"prompt": "2+2?", "id": 3, "responses": None, "response": [DEEPSEEK, DEEPSEEK, OPENROUTER]}
    traces = read_row(row)
    assert [trace["id"] for trace in traces] == ["3/0", "3/1", "3/2"]
    assert len({trace["group"] for trace in traces}) == 1
    assert len({trace["group"] for trace in read_row({"id": 3, "response": [DEEPSEEK, OPENROUTER]})}) == 1


def test_choices_that_were_logged_without_their_object_are_read():
    traces = read_row({"input": ASKED, "output": VLLM["choices"]})
    assert [trace["text"] for trace in traces] == ["Hmm 0.\n\n4", "Hmm 1.\n\n5", "Hmm 2.\n\n4"]
    assert {trace["prompt"] for trace in traces} == {PROMPT}


def test_a_response_that_is_a_string_is_read_beside_the_body_of_its_request():
    row = {"request": {"model": "m", "messages": ASKED, "n": 1}, "response": "It is 4."}
    assert detect(row) is REQUEST_RESPONSE
    (fields,) = read_row(row)
    assert (fields["prompt"], fields["text"], fields["model"]) == (PROMPT, "It is 4.", "m")
    nested = {"request": {"url": "/v1", "body": row["request"]}, "response": "It is 4."}
    (fields,) = read_row(nested)
    assert (fields["prompt"], fields["model"]) == (PROMPT, "m")
    assert fields["meta"]["request"] == {"url": "/v1", "body": {"model": "m", "n": 1}}


def test_tokens_of_replicate_are_one_text():
    row = {"id": "p", "version": "v", "input": {"prompt": "2+2?"}, "output": ["It", " is", " 4."], "logs": ""}
    (fields,) = read_row(row)
    assert (fields["prompt"], fields["text"]) == ("2+2?", "It is 4.")
    assert not REQUEST_RESPONSE.fits({"request": {"prompt": "2+2?"}, "response": ["4", "5"]})


def test_the_model_of_the_row_is_taken_before_that_of_the_response():
    (fields,) = read_row({**OWN, "model": "my-checkpoint"})
    assert fields["model"] == "my-checkpoint"
    assert fields["meta"]["response_model"] == "deepseek-reasoner"


def test_a_judge_beside_a_text_is_not_the_response():
    assert find_responses({"response": "4", "prompt": "2+2?", "judge": DEEPSEEK}) == []
    assert not REQUEST_RESPONSE.fits({"response": "4", "prompt": "2+2?", "judge": DEEPSEEK})
    assert not REQUEST_RESPONSE.fits({"prediction": "It is 5.", "prompt": "2+2?", "r1": DEEPSEEK})
    assert REQUEST_RESPONSE.fits({"prediction": "4", "prompt": "2+2?", "r1": DEEPSEEK, "judge": OPENROUTER})
    messages = [*ASKED, {"role": "assistant", "content": "4"}]
    assert not REQUEST_RESPONSE.fits({"messages": messages, "judge": DEEPSEEK})


def test_the_raw_response_beside_its_answer_is_read():
    (fields,) = read_row({"prompt": "2+2?", "response": "It is 4.", "raw_response": DEEPSEEK})
    assert fields["text"] == TEXT


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "2+2?", "response": "It is 5.", "raw_response": DEEPSEEK},
        {"prompt": "2+2?", "small": DEEPSEEK, "large": OPENROUTER},
    ],
)
def test_several_responses_in_one_row_are_refused_with_a_sentence(row):
    assert REQUEST_RESPONSE.fits(row)
    with pytest.raises(RowError, match="several columns hold responses of an API, keep one: "):
        parse(row, DialectOptions())


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({**LITELLM, "response": {"error": {"message": "Overloaded"}}}, "Overloaded"),
        ({**HELICONE, "response_status": 500, "response_body": {}}, "status 500"),
        ({**LANGFUSE, "level": "ERROR", "statusMessage": "Timeout", "output": None}, "Timeout"),
        ({**VERTEX, "status": "Bad Request: too long", "response": {}}, "Bad Request: too long"),
        ({"recordId": "R1", "modelInput": BEDROCK["modelInput"], "error": {"errorMessage": "bad"}}, "bad"),
        ({"request": {"messages": ASKED}, "response": "", "exception": "ReadTimeout"}, "ReadTimeout"),
        ({"prompt": "2+2?", "response": {"choices": [], "object": "chat.completion"}}, "no choices"),
    ],
)
def test_a_request_that_failed_is_skipped_and_says_why(row, says):
    assert detect(row) is REQUEST_RESPONSE
    with pytest.raises(FailedRowError, match=says):
        parse(row, DialectOptions())


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "2+2?", "response": None, "error": "timeout after 60 s"},
        {"id": 4, "messages": ASKED, "error": {"code": 500}},
        {**LITELLM, "status": "failure", "response": None},
        {**LITELLM, "status": "failure", "response": "", "error_str": "RateLimitError"},
    ],
)
def test_a_failed_row_without_the_body_of_a_request_is_skipped_too(row):
    with pytest.raises(FailedRowError):
        read_row(row)


def test_a_status_beside_a_text_does_not_drop_the_row():
    # a status may be that of a test: dropping such rows would drop the wrong answers
    (fields,) = read_row({**OWN, "status": "failed", "error_message": "test 3 failed"})
    assert fields["meta"]["status"] == "failed"


def test_a_response_of_no_known_api_is_refused_with_a_sentence():
    row = {"request": {"messages": ASKED}, "response": {"embedding": [0.5]}}
    with pytest.raises(RowError, match="the response is of no known API: an object with embedding"):
        parse(row, DialectOptions())


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "2+2?", "response": "4"},
        {"input": "2+2?", "output": "4", "score": 1.0},
        {"messages": [*ASKED, {"role": "assistant", "content": "4"}], "error": None},
        {"prompt": "2+2?", "completion": [{"role": "assistant", "content": "4"}]},
        {"level": "error", "error": "disk full", "time": 5},
        {"prompt": "2+2?", "text": "4", "error": "judge failed"},
    ],
)
def test_rows_of_other_kinds_are_not_of_this_dialect(row):
    assert not REQUEST_RESPONSE.fits(row)


@given(st.sampled_from(LOGS).flatmap(mutations))
def test_any_mutation_gives_fields_or_one_sentence(row):
    assert gives_fields_or_row_error(REQUEST_RESPONSE, row)
