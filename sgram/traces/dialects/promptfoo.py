"""Results of promptfoo (``promptfoo eval -o results.json`` or ``.jsonl``)."""

from collections.abc import Iterable, Mapping
from typing import Any

from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.eval_rows import conversation_text, error_text, mapping
from sgram.traces.fields import as_text
from sgram.traces.trace import FailedRowError, RowError

_KEPT = ("vars", "namedScores", "metadata", "testIdx", "promptIdx")


def parse(record: Record, _: DialectOptions) -> list[Fields]:
    """Return the trace of a result, or those of a whole evaluation."""
    if "response" in record or "error" in record:
        return [_trace(record)]
    traces: list[Fields] = []
    failures: list[FailedRowError] = []
    for result in _results(record):
        try:
            traces.append(_trace(mapping(result)))
        except FailedRowError as error:
            failures.append(error)
    if not traces:
        raise failures[0] if failures else RowError("results hold no result of a test")
    return traces


def _trace(result: Mapping[str, Any]) -> Fields:
    response = mapping(result.get("response"))
    output, error = response.get("output"), response.get("error") or result.get("error")
    # a failed assertion stands in `error` too, beside its output
    if not output:
        raise FailedRowError(f"the request failed: {error_text(error)}" if error else "the response has no output")
    prompt, provider = mapping(result.get("prompt")), mapping(result.get("provider"))
    return {
        "id": result.get("id"),
        "prompt": conversation_text(prompt.get("raw")) if isinstance(prompt.get("raw"), str | list) else None,
        "text": as_text(output),
        "model": provider.get("label") or provider.get("id"),
        "reward": result.get("score"),
        "correct": result.get("success"),
        "meta": {name: result[name] for name in _KEPT if result.get(name)},
    }


def _results(record: Record) -> Iterable[Any]:
    results = mapping(record.get("results")).get("results")
    return results if isinstance(results, list) else []


def recognize(record: Record) -> bool:
    """Return whether a record is the result of a test, or a whole evaluation."""
    if {"testIdx", "promptIdx"} <= record.keys():
        return "response" in record or "error" in record
    first = next(iter(_results(record)), None)
    return {"testIdx", "promptIdx"} <= mapping(first).keys()


PROMPTFOO = Dialect(
    "promptfoo",
    "promptfoo, results of an evaluation",
    parse,
    recognize=recognize,
    becomes={
        "results.results[]": "one trace for each",
        "response.output": "text",
        "prompt.raw": "prompt",
        "provider.label, provider.id": "model",
        "success": "correct",
        "score": "reward",
    },
    source="promptfoo/promptfoo src/types/index.ts, EvaluateResult",
    rank=30,
)
