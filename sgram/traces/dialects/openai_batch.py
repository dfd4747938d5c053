"""Output of OpenAI's Batch API, as vLLM's run_batch, Azure, Mistral, Groq and Together write it too."""

from typing import Any

from sgram.traces.api_objects import check_success, find_error, find_failure, name_samples
from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.dialects.request_response import parse_response, take_request
from sgram.traces.trace import FailedRowError, RowError, json_type

_READ = frozenset({"id", "custom_id", "response", "error"})


def recognize(record: Record) -> bool:
    """Return whether the record is a line of a batch's output, of its errors, or of its input."""
    response = record.get("response")
    if isinstance(response, dict):
        return "body" in response or ("custom_id" in record and "status_code" in response)
    if "custom_id" not in record:
        return False
    if "response" in record or "error" in record:
        return response is None and ("error" in record or "id" in record)
    return {"method", "url", "body"} <= record.keys()


def parse(record: Record, options: DialectOptions) -> list[Fields]:
    """Return the fields of each choice of the response; `custom_id` is the id."""
    check_success(record)
    if "response" not in record:
        raise RowError("a request of a batch is no response; read the output file of the batch")
    response = record["response"]
    if response is None:
        raise FailedRowError("the request has no response")
    if not isinstance(response, dict):
        raise RowError(f"response is {json_type(response)}, not an object")
    body = response.get("body")
    failure = find_failure(response)
    if failure is not None:
        reason = find_error(body) if isinstance(body, dict) else None
        raise FailedRowError(f"the request failed: {f'{failure}, {reason}' if reason else failure}")
    samples = parse_response(body, options)
    meta: dict[str, Any] = {
        "batch_request_id": record.get("id"),
        "request_id": response.get("request_id"),
        "response_id": body.get("id") if isinstance(body, dict) else None,
    }
    meta = {name: value for name, value in meta.items() if value is not None}
    for sample in samples:
        sample["meta"] = {**sample.pop("columns"), **meta, **sample.get("meta", {})}
        sample.pop("id", None)
        sample.pop("group", None)
    prompt = next((sample["prompt"] for sample in samples if sample.get("prompt")), None)
    columns = {name: value for name, value in record.items() if name not in _READ}
    if prompt is None:  # an output has none, a log of requests may
        prompt, _ = take_request(columns)
    return name_samples(samples, record.get("custom_id"), prompt, columns)


OPENAI_BATCH = Dialect(
    "openai-batch",
    "output of OpenAI's Batch API, vLLM's run_batch, Azure, Mistral, Groq and Together",
    parse,
    recognize=recognize,
    becomes={
        "response.body": "text, as the dialect of the API reads it",
        "request": "prompt",
        "custom_id": "id; with several choices followed by / and the choice's place, and the group",
    },
    source="platform.openai.com/docs/guides/batch, vllm/entrypoints/openai/run_batch.py",
    rank=15,
)
