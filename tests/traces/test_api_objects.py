"""What the objects of APIs have in common."""

import pytest

from sgram.traces.api_objects import (
    add_tokens,
    find_error,
    find_failure,
    join_blocks,
    name_samples,
    read_message,
    request_prompt,
)
from sgram.traces.dialect import DialectOptions
from sgram.traces.trace import RowError

USER = {"role": "user", "content": "2+2?"}


@pytest.mark.parametrize(
    ("record", "error"),
    [
        ({"error": "timeout"}, "timeout"),
        ({"error": {"message": "Rate limit", "type": "requests", "code": 429}}, "Rate limit"),
        ({"error": {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}}, "Overloaded"),
        ({"error": {"code": 500, "message": None}}, "error 500"),
        ({"error": {"errorCode": 400, "errorMessage": "bad"}}, "bad"),
        ({"error": {"reason": "x"}}, "unknown error"),
        ({"error_str": "RateLimitError"}, "RateLimitError"),
        ({"error_information": {"error_code": "", "error_message": "Timed out"}}, "Timed out"),
        ({"error": {"error": {"error": {"error": {"error": "deep"}}}}}, "unknown error"),
        ({"level": "ERROR", "statusMessage": "Timeout"}, "Timeout"),
        ({"error": None}, None),
        ({"error": ""}, None),
        ({"error": {}}, None),
        ({"error": False}, None),
        ({"error": 0.25}, None),
        ({"error": {"code": None, "message": ""}}, None),
        ({"error": "a\nb"}, "a\\nb"),
    ],
)
def test_an_error_is_told_in_words(record, error):
    assert find_failure(record) == error
    if "level" not in record:
        assert find_error(record) == error


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"status": "failure"}, "failure"),
        ({"status": "Cancelled"}, "Cancelled"),
        ({"status_code": 503}, "status 503"),
        ({"responseStatus": 429}, "status 429"),
        ({"exception": "ReadTimeout"}, "ReadTimeout"),
        ({"status": "success", "status_code": 200, "exception": None}, None),
        ({"status": 5, "status_code": True}, None),
    ],
)
def test_a_status_explains_only_that_there_is_no_text(record, reason):
    assert find_failure(record) == reason
    assert find_error(record) is None


@pytest.mark.parametrize(
    ("request_body", "prompt"),
    [
        ("2+2?", "2+2?"),
        (USER, "2+2?"),
        ([USER], "2+2?"),
        ([{"type": "text", "text": "2+2?"}], "2+2?"),
        ({"prompt": ["2+2?"]}, "2+2?"),
        ({"prompt": ["2+2?", "3+3?"]}, None),
        ({"prompt": [15, 16]}, None),
        ({"contents": "2+2?", "system_instruction": "Be brief."}, "Be brief.\n\n2+2?"),
        ({"contents": {"parts": [{"text": "2+2?"}]}}, "2+2?"),
        ({"system": [{"type": "text", "text": "Be brief."}], "messages": [USER]}, "Be brief.\n\n2+2?"),
        ({"instructions": "Be brief.", "input": "2+2?"}, "Be brief.\n\n2+2?"),
        ({"inputs": "2+2?", "parameters": {}}, "2+2?"),
        ({"url": "/v1", "body": {"messages": [USER]}}, "2+2?"),
        ({"system": "Be brief."}, None),
        ({"messages": []}, None),
        ({"messages": [{"role": "user", "content": 4}]}, None),
        ({"messages": [4]}, None),
        ({"messages": 4}, None),
        ("", None),
        (None, None),
        (4, None),
    ],
)
def test_the_prompt_of_a_request(request_body, prompt):
    assert request_prompt(request_body) == prompt


def test_a_message_that_is_none_is_refused_with_a_sentence():
    with pytest.raises(RowError, match="the message is a string, not an object"):
        read_message("4")


def test_blocks_of_one_kind_are_one_text_unless_something_stands_between():
    blocks = [("answer", "a"), ("answer", "b"), ("tool", ""), ("answer", ""), ("answer", "c"), ("reasoning", "d")]
    assert join_blocks(blocks) == [("answer", "ab"), ("answer", "c"), ("reasoning", "d")]


def test_one_sample_has_the_name_of_its_response_and_no_group():
    assert name_samples([{"text": "4"}], 7, None, {"prompt": []}) == [{"text": "4", "columns": {}, "id": "7"}]


def test_samples_without_a_name_are_still_one_group():
    first, second = name_samples([{"text": "4"}, {"pieces": [("answer", "5")]}], None, None, {})
    assert first["group"] == second["group"]
    assert "id" not in first


def test_token_ids_that_are_none_stay_in_meta():
    for token_ids in ([1, -1], [1.5], ["a"], [True], [1 << 31]):
        fields = {"text": "4"}
        add_tokens(fields, token_ids, [-1.0] * len(token_ids), DialectOptions())
        assert fields == {"text": "4", "meta": {"token_ids": token_ids}}
    for nothing in (None, [], {}, 4):
        fields = {"text": "4"}
        add_tokens(fields, nothing, None, DialectOptions())
        assert fields == {"text": "4"}


def test_log_probabilities_must_be_some_and_as_many_as_tokens():
    for logprobs in (None, [-1.0], [-1.0, None], [-1.0, 0.5], [-1.0, float("nan")], [-1.0, -(10**400)]):
        fields = {"text": "4"}
        add_tokens(fields, [1, 2], logprobs, DialectOptions())
        assert "logprobs" not in fields
    fields = {"text": "4"}
    add_tokens(fields, [1, 2], [-1, 1e-6], DialectOptions())
    assert fields["logprobs"] == [-1.0, 0.0]
