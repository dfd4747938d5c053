"""Samples of slime as objects: `Sample.to_dict()`, one a line, or a step's `{"rollout_id": ..., "samples": [...]}`.

`tokens` are the ids of prompt and response; the response's are the last `response_length`. `loss_mask` is 0 where the
policy did not write the token, such as the output of a tool.
"""

from typing import Any

from sgram.traces.column_values import token_ids
from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.rows import DOCUMENT_KEY
from sgram.traces.trace import FailedRowError, RowError, json_type

_READ = frozenset({"prompt", "response", "label", "reward", "tokens", "loss_mask", "rollout_log_probs", "group_index"})
_MARKS = frozenset({"loss_mask", "rollout_log_probs", "group_index", "weight_versions", "remove_sample", "tokens"})
_FAILED = frozenset({"failed", "pending"})


def recognize(record: Record) -> bool:
    """Return whether a record is a sample, or holds the samples of a step."""
    samples = record.get("samples")
    if isinstance(samples, list) and "rollout_id" in record:
        return bool(samples) and all(isinstance(sample, dict) and _is_sample(sample) for sample in samples)
    return _is_sample(record)


def _is_sample(record: Record) -> bool:
    return {"response", "response_length"} <= record.keys() and len(_MARKS & record.keys()) > 1


def parse(record: Record, _: DialectOptions) -> list[Fields]:
    """Return the fields of a sample, or of each sample of a step."""
    samples = record.get("samples")
    if not isinstance(samples, list):
        return [_read_sample(record)]
    others = {name: value for name, value in record.items() if name not in ("samples", "rollout_id")}
    rows: list[Fields] = []
    for sample in samples:
        try:
            fields = _read_sample(sample if isinstance(sample, dict) else {})
        except FailedRowError:
            continue
        rows.append({**fields, "step": record.get("rollout_id"), "columns": {**others, **fields["columns"]}})
    if not rows:
        raise FailedRowError("the step has no sample with a response")
    return rows


def _read_sample(record: Record) -> Fields:
    response, status = record.get("response"), record.get("status")
    if response is not None and not isinstance(response, str):
        raise RowError(f"response is {json_type(response)}, not a string")
    if not response and isinstance(status, str) and status != "completed":
        raise FailedRowError(f"the rollout has no response: it is {status[:20]}")
    if isinstance(status, str) and status in _FAILED and record.get("reward") is None:
        raise FailedRowError(f"the rollout says of itself that it is {status}")
    if response is None:
        raise FailedRowError("the response is missing")
    columns = {name: value for name, value in record.items() if name not in _READ}
    fields: Fields = {
        "text": response,
        "prompt": record.get("prompt"),
        "reference": record.get("label"),
        "reward": record.get("reward"),
        "columns": columns,
        "meta": {},
    }
    group = record.get("group_index")
    if group is not None:
        fields["group"] = group
    document = columns.get(DOCUMENT_KEY)
    if isinstance(document, dict) and "rollout_id" in document:
        fields["step"] = document["rollout_id"]
        columns[DOCUMENT_KEY] = {name: value for name, value in document.items() if name != "rollout_id"}
    _add_tokens(fields, record)
    return fields


def _add_tokens(fields: Fields, record: Record) -> None:
    """Add ids, log-probabilities and the ranges that the policy wrote; what does not fit together stays in `meta`."""
    ids, length = token_ids(record.get("tokens")), record.get("response_length")
    mask, logprobs = record.get("loss_mask"), record.get("rollout_log_probs")
    if ids is None or type(length) is not int or not 0 < length <= len(ids):
        names = ("tokens", "loss_mask", "rollout_log_probs")
        fields["meta"].update({name: record[name] for name in names if record.get(name)})
        return
    fields["token_ids"] = ids[-length:]
    if logprobs:
        fields["logprobs"] = logprobs
    if mask:
        is_whole = isinstance(mask, list) and len(mask) == len(ids) > length
        ranges = policy_ranges(mask[-length:] if is_whole else mask, length)
        if ranges is None:
            fields["columns"]["loss_mask"] = mask
        elif ranges != [[0, length]]:
            fields["meta"]["policy_ids"] = ranges


def policy_ranges(mask: Any, length: int) -> list[list[int]] | None:
    """Return the half-open ranges in which a mask of `length` elements is 1; None if it is no such mask or all 0.

    >>> policy_ranges([1, 1, 0, 0, 1], 5), policy_ranges([0, 0], 2), policy_ranges([1, 2], 2)
    ([[0, 2], [4, 5]], None, None)
    """
    if not isinstance(mask, list) or len(mask) != length or any(value not in (0, 1) for value in mask):
        return None
    ranges: list[list[int]] = []
    for token_index, value in enumerate(mask):
        if value and ranges and ranges[-1][1] == token_index:
            ranges[-1][1] = token_index + 1
        elif value:
            ranges.append([token_index, token_index + 1])
    return ranges or None


SLIME = Dialect(
    "slime",
    "slime and its forks: Sample.to_dict() as JSON, such as debug rollout data",
    parse,
    recognize=recognize,
    becomes={
        "response": "text",
        "prompt": "prompt",
        "label": "reference",
        "reward": "reward, or its key score",
        "group_index": "group",
        "tokens": "token_ids, the last response_length",
        "rollout_log_probs": "logprobs",
        "loss_mask": "meta.policy_ids, if it has zeros",
        "rollout_id": "step",
        "status": "meta.status; failed and empty ones are skipped",
    },
    source="slime/utils/types.py, Sample",
    rank=40,
)
