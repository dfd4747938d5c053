"""Samples of the lm-evaluation-harness (``samples_<task>_<date>.jsonl``) and of lmms-eval.

A file repeats the responses of a task once for each filter, which extracts answers in its own way: the filter is
``meta.filter``, and a reader that counts each response once takes the rows of one filter. Several responses of a row
are one group; a row's scores are then those of all together, so that no response has one.
"""

from collections.abc import Mapping
from typing import Any

from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.eval_rows import add_group_scores, choose_score, keep_words
from sgram.traces.fields import as_text
from sgram.traces.trace import RowError

_READ = frozenset({"arguments", "input", "resps", "raw_resps", "filtered_resps", "target", "metrics", "filter"})
_NO_METRICS = _READ | {"doc_id", "doc", "doc_hash", "prompt_hash", "target_hash", "bypass", "model"}
_NO_ANSWER = "[invalid]"
"""What a filter writes that found no answer."""


def find_responses(record: Record) -> list[str]:
    """Return the responses of a row: those before the reasoning was cut off, if it holds them.

    Raise `RowError` if it holds log-likelihoods.
    """
    raw, responses = _flat(record.get("raw_resps")), _flat(record.get("resps") or record.get("filtered_resps"))
    if not responses or not all(isinstance(response, str) for response in responses):
        raise RowError("resps holds no text: a row of a loglikelihood task")
    if len(raw) == len(responses) and all(isinstance(response, str) and response.strip() for response in raw):
        return raw
    return responses


def _flat(nested: Any) -> list[Any]:
    """Return responses out of one list for each request, each with a list of samples."""
    outer = nested if isinstance(nested, list) else [nested] if nested is not None else []
    return [inner for item in outer for inner in (item if isinstance(item, list) else [item])]


def find_prompt(arguments: Any) -> Any:
    """Return the prompt out of the arguments of a row's first request; None if there is none.

    >>> find_prompt({"gen_args_0": {"arg_0": "2+2?", "arg_1": {}}}), find_prompt([["2+2?", {"until": []}]])
    ('2+2?', '2+2?')
    """
    while isinstance(arguments, dict | list) and arguments:
        if isinstance(arguments, list) and isinstance(arguments[0], dict) and "content" in arguments[0]:
            return arguments
        arguments = next(iter(arguments.values())) if isinstance(arguments, dict) else arguments[0]
    return arguments if isinstance(arguments, str) else None


def find_scores(record: Record) -> dict[str, Any]:
    """Return the scores of a row: the columns that it lists under ``metrics``, or all numbers of an old one."""
    listed = record.get("metrics")
    if isinstance(listed, list):
        names = [name for name in listed if isinstance(name, str) and name != "bypass"]
        return {name: record[name] for name in names if record.get(name) is not None and name not in _READ}
    numbers = {name: value for name, value in record.items() if isinstance(value, int | float)}
    return {name: value for name, value in numbers.items() if name not in _NO_METRICS}


def parse(record: Record, _: DialectOptions) -> list[Fields]:
    """Return a trace for each response of the row."""
    responses, scores = find_responses(record), find_scores(record)
    prompt = find_prompt(record.get("arguments"))
    shared: Fields = {"prompt": record.get("input") if prompt is None else prompt, "reference": record.get("target")}
    keys = [as_text(record[name]) for name in ("doc_hash", "prompt_hash") if record.get(name) is not None]
    if record.get("doc_hash") is not None:
        shared["group"] = "/".join(str(key) for key in keys)
    elif shared["prompt"] is None and record.get("doc_id") is not None:
        shared["group"] = as_text(record["doc_id"])
    meta = {"filter": record["filter"]} if record.get("filter") is not None else {}
    columns = {name: value for name, value in record.items() if name not in _READ and name not in scores}
    answers = _answers(record.get("filtered_resps"), responses)
    traces: list[Fields] = []
    for row, text in enumerate(responses):
        fields: Fields = {**shared, "text": text, "columns": columns, "meta": dict(meta)}
        if answers[row] is not None:
            fields["answer"] = answers[row]
        own_scores = scores if len(responses) == 1 else _own_scores(scores, row, len(responses))
        if own_scores:
            choose_score(own_scores).add_to(fields)
        else:
            add_group_scores(fields, scores)
        traces.append(fields)
    return keep_words(traces)


def _answers(filtered: Any, responses: list[str]) -> list[str | None]:
    """Return the answer that the filter took out of each response, where it took one for each."""
    extracted = _flat(filtered)
    if len(extracted) != len(responses):
        return [None] * len(responses)
    pairs = zip(extracted, responses, strict=True)
    return [
        answer if isinstance(answer, str) and answer not in ("", _NO_ANSWER, response) else None
        for answer, response in pairs
    ]


def _own_scores(scores: Mapping[str, Any], row: int, n_responses: int) -> dict[str, Any]:
    """Return the scores of one of several responses, out of those that are lists with a number for each."""
    return {
        name: values[row]
        for name, values in scores.items()
        if isinstance(values, list)
        and len(values) == n_responses
        and all(isinstance(value, int | float) for value in values)
    }


LM_EVAL = Dialect(
    "lm-eval",
    "lm-evaluation-harness and lmms-eval, `--log_samples`",
    parse,
    columns=(
        frozenset({"doc_id", "resps"}),
        frozenset({"doc_id", "filtered_resps"}),
        frozenset({"resps", "filtered_resps"}),
    ),
    repeated_by="filter",
    becomes={
        "resps": "text, one trace for each",
        "raw_resps": "text, in place of resps",
        "arguments": "prompt",
        "input": "prompt",
        "target": "reference",
        "filtered_resps": "answer",
        "filter": "meta.filter",
        "doc_hash": "group",
        "exact_match, math_verify, acc, ...": "reward and correct, all of them meta.metrics",
    },
    source="EleutherAI/lm-evaluation-harness lm_eval/evaluator.py",
    rank=40,
)
