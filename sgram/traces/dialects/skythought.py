"""Results of SkyThought (``results.json``): a problem with its responses, which are one group, and their verdicts."""

from collections.abc import Mapping
from typing import Any

from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.eval_rows import keep_words
from sgram.traces.trace import RowError, json_type

_READ = frozenset({"responses", "token_usages", "input_conversation", "messages"})


def find_responses(record: Record) -> list[Record]:
    """Return the responses of a row: a list, or lists (old versions: one response) by temperature."""
    responses = record.get("responses")
    listed = list(responses.values()) if isinstance(responses, Mapping) else responses
    flat: list[Any] = []
    for response in listed if isinstance(listed, list) else ():
        flat += response if isinstance(response, list) else [response]
    return flat if all(isinstance(response, Mapping) and "content" in response for response in flat) else []


def parse(record: Record, _: DialectOptions) -> list[Fields]:
    """Return a trace for each response; columns of the data set are read by their names."""
    columns = {name: value for name, value in record.items() if name not in _READ}
    traces: list[Fields] = []
    for response in find_responses(record):
        content = response["content"]
        if not isinstance(content, str):
            raise RowError(f"content of a response is {json_type(content)}, not a string")
        fields: Fields = {"text": content, "columns": columns, "correct": response.get("correctness")}
        if response.get("reasoning_content"):
            fields["reasoning"] = response["reasoning_content"]
        if response.get("reason"):
            fields["meta"] = {"reason": response["reason"]}
        traces.append(fields)
    return keep_words(traces)


def recognize(record: Record) -> bool:
    """Return whether a record has responses with verdicts."""
    responses = find_responses(record)
    return bool(responses) and all("correctness" in response for response in responses)


SKYTHOUGHT = Dialect(
    "skythought",
    "SkyThought, `results.json`",
    parse,
    columns=(frozenset({"responses"}),),
    recognize=recognize,
    becomes={
        "responses[].content": "text, one trace for each",
        "responses[].reasoning_content": "reasoning",
        "responses[].correctness": "correct",
        "prompt": "prompt",
    },
    source="NovaSky-AI/SkyThought skythought/evals/inference_and_check.py, util/response.py",
    rank=40,
)
