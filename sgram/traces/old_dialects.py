"""How each tool writes a rollout, as one pure function a dialect: record -> fields of traces.

What is missing stays missing; what has no field of its own goes to `meta`. docs/formats.md is the same in prose.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from sgram.errors import UsageError
from sgram.traces.fields import (
    Fields,
    Record,
    as_text,
    convert_fields,
    is_number,
    require_fields,
    split_meta,
    whole_number,
)
from sgram.traces.ids import content_digest
from sgram.traces.messages import prompt_text, reply_text, split_messages
from sgram.traces.trace import RowError, json_type


@dataclass(frozen=True, slots=True)
class DialectOptions:
    """What the dialects need beside the record."""

    rewards: Mapping[str, float] = field(default_factory=dict)
    """Weight of each reward column; empty: every reward column counts once."""
    decode: Callable[[list[int]], str] | None = None
    """Token ids to text, for exports that hold ids alone."""


_ALIASES = {"response": "text", "problem": "prompt", "problem_id": "group", "reference_answer": "reference"}


def from_sgram(record: Record, options: DialectOptions) -> list[Fields]:
    """Our own fields, four of which may go by the names in `_ALIASES`."""
    fields = split_meta(record)
    meta = fields["meta"]
    for alias, name in _ALIASES.items():
        if alias in record and name not in fields:  # not in the record's own `meta`, which is read back as it was
            fields[name] = record[alias]
            meta.pop(alias)
    return [convert_fields(fields)]


def from_openai(record: Record, options: DialectOptions) -> list[Fields]:
    """`messages`, or `prompt` and `completion`, each a string or messages."""
    fields = split_meta(record, ("messages", "prompt", "completion", "reasoning_content"))
    asked: Any
    reply: Any
    if record.get("messages") is not None:
        asked, reply = split_messages(record["messages"])
    else:
        require_fields(record, "completion")
        asked, reply = record.get("prompt"), record["completion"]
        if record.get("reasoning_content") is not None:
            reply = {"content": reply, "reasoning_content": record["reasoning_content"]}
    fields["prompt"] = prompt_text(asked) or None
    fields["text"], parts = reply_text(reply)
    if parts:
        fields["meta"]["parts"] = parts
    if fields.get("group") is None and fields["prompt"] is not None:
        fields["group"] = _group(fields.get("step"), fields["prompt"])
    return [convert_fields(fields)]


def weighted_reward(columns: Mapping[str, Any], weights: Mapping[str, float]) -> float | None:
    """Weighted sum of the numbers among `columns`; None where there is none. NaN counts as missing.

    Without weights: columns with "reward" in their name count once each, or else all of them.
    """
    for name in weights if columns else ():
        if name not in columns:
            known = ", ".join(name for name, value in columns.items() if is_number(value)) or "none"
            raise UsageError(f"no reward is called {name!r}; the numbers here are: {known}")
    if not weights:
        named = [name for name in columns if "reward" in name.lower()]
        weights = dict.fromkeys(named or columns, 1.0)
    terms = [
        weight * float(columns[name])
        for name, weight in weights.items()
        if isinstance(columns.get(name), int | float) and math.isfinite(columns[name])
    ]
    return sum(terms) if terms else None


def _group(step: Any, prompt: str | None, *more: Any) -> str | None:
    """The group of traces sampled for `prompt` at `step`, where the tool wrote none."""
    if prompt is None:
        return None
    return content_digest(None if step is None else whole_number("step", step), prompt, *more)


_TRL = ("step", "prompt", "completion")


def from_trl(record: Record, options: DialectOptions) -> list[Fields]:
    """A row of a TRL completions file: `step, prompt, completion, <reward functions>, advantage`."""
    require_fields(record, "completion")
    meta = {key: value for key, value in record.items() if key not in _TRL}
    text, parts = reply_text(record["completion"])
    if parts:
        meta["parts"] = parts
    prompt, step = prompt_text(record.get("prompt")), record.get("step")
    columns = {
        name: value
        for name, value in meta.items()
        if name != "advantage" and (value is None or isinstance(value, int | float))
    }
    accuracy = columns.get("accuracy_reward")
    fields = {
        "prompt": prompt,
        "text": text,
        "step": step,
        "reward": weighted_reward(columns, options.rewards),
        "correct": accuracy if accuracy in (0, 1) else None,
        "meta": {name: None if value != value else value for name, value in meta.items()},
    }
    return [convert_fields({**fields, "group": _group(step, prompt)})]


def from_verl(record: Record, options: DialectOptions) -> list[Fields]:
    """A line of a verl rollout dump: `input, output, gts, score, step`, reward extras."""
    require_fields(record, "input", "output")
    fields = {
        "prompt": prompt_text(record["input"]),
        "text": record["output"],
        "reference": as_text(record.get("gts")),
        "reward": record.get("score"),
        "step": record.get("step"),
        "meta": {key: value for key, value in record.items() if key not in _VERL},
    }
    accuracy, answer = record.get("acc"), record.get("pred")
    if accuracy in (0, 1):
        fields["correct"] = accuracy
    if type(answer) is str:
        fields["answer"] = answer
    if options.rewards:
        fields["reward"] = weighted_reward({**fields["meta"], "score": record.get("score")}, options.rewards)
    return [convert_fields({**fields, "group": _group(record.get("step"), fields["prompt"])})]


_VERL = ("input", "output", "gts", "score", "step")


def from_verifiers(record: Record, options: DialectOptions) -> list[Fields]:
    """A line of a verifiers results file: `example_id, prompt, completion, answer, reward, ...`."""
    require_fields(record, "completion")
    fields = split_meta(record, ("prompt", "completion", "answer", "reward"))
    fields["prompt"] = prompt_text(record.get("prompt"))
    fields["text"], parts = reply_text(record["completion"])
    fields["reference"] = record.get("answer")
    fields["reward"] = record.get("reward")
    meta = fields["meta"]
    if parts:
        meta["parts"] = parts
    if options.rewards:
        fields["reward"] = weighted_reward({**meta, "reward": record.get("reward")}, options.rewards)
    if fields.get("group") is None:
        key = [as_text(meta[name]) or "" for name in ("task", "example_id") if meta.get(name) is not None]
        fields["group"] = "/".join(key) if "example_id" in meta else _group(None, fields["prompt"])
    return [convert_fields(fields)]


def _lm_eval_prompt(arguments: Any) -> str | None:
    while isinstance(arguments, dict | list) and arguments:
        arguments = next(iter(arguments.values())) if isinstance(arguments, dict) else arguments[0]
    if not isinstance(arguments, str):
        return None
    if arguments.startswith('[{"role"'):
        try:
            return prompt_text(orjson.loads(arguments))
        except (orjson.JSONDecodeError, RowError):
            return arguments
    return arguments


def from_lm_eval(record: Record, options: DialectOptions) -> list[Fields]:
    """A line of an lm-eval samples file; each of its responses is a trace of one group."""
    written = record.get("resps") or record.get("filtered_resps")
    nested = written if isinstance(written, list) else [written]
    responses = [one for some in nested for one in (some if isinstance(some, list) else [some])]
    if not responses or not all(isinstance(one, str) for one in responses):
        raise RowError("resps holds no text: a row of a loglikelihood task")
    listed = record.get("metrics")
    names = listed if isinstance(listed, list) else ["exact_match"]
    scores = [record[name] for name in names if isinstance(name, str) and is_number(record.get(name))]
    score = scores[0] if scores and len(responses) == 1 else None
    answers = record.get("filtered_resps")
    answer = answers[0] if isinstance(answers, list) and answers and len(responses) == 1 else None
    fields = {
        "group": as_text(record.get("doc_hash") or record.get("doc_id")),
        "prompt": _lm_eval_prompt(record.get("arguments")),
        "reward": score,
        "correct": score if score in (0, 1) else None,
        "answer": answer if isinstance(answer, str) else None,
        "reference": as_text(record.get("target")),
        "model": record.get("model"),
        "meta": {key: value for key, value in record.items() if key not in _LM_EVAL},
    }
    return [convert_fields({**fields, "text": text}) for text in responses]


_LM_EVAL = ("arguments", "resps", "filtered_resps", "target", "model")


def from_prime_rl(record: Record, options: DialectOptions) -> list[Fields]:
    """A line of a prime-rl token export: the response is the tokens whose `loss_mask` is true."""
    require_fields(record, "token_ids", "loss_mask")
    if options.decode is None:
        raise UsageError("prime-rl exports hold token ids, not text; name the tokenizer (--tokenizer tokenizer.json)")
    ids, mask = record["token_ids"], record["loss_mask"]
    if type(ids) is not list or type(mask) is not list or len(ids) != len(mask):
        raise RowError("token_ids and loss_mask are not two arrays of one length")
    if any(type(one) is not int or not 0 <= one < 1 << 31 for one in ids):
        raise RowError("field token_ids holds something else than token ids")
    chosen = [place for place, keep in enumerate(mask) if keep]
    if not chosen:
        raise RowError("loss_mask selects no token")
    response = [ids[place] for place in chosen]
    prompt = options.decode(ids[: chosen[0]]) or None
    step = record.get("step") if record.get("export_step") is None else record["export_step"]
    rewards = _at(record, "rewards", chosen, len(ids))
    advantages = _at(record, "advantages", chosen, len(ids))
    meta = {key: value for key, value in record.items() if type(value) is not list}
    if advantages is not None:
        meta["advantages"] = advantages
    fields = {
        "group": _group(step, prompt, as_text(record.get("env_name"))),
        "prompt": prompt,
        "text": options.decode(response),
        "reward": rewards[-1] if rewards else None,
        "step": step,
        "token_ids": response,
        "logprobs": _at(record, "inference_logprobs", chosen, len(ids)),
        "entropies": _at(record, "entropy", chosen, len(ids)),
        "meta": meta,
    }
    return [convert_fields(fields)]


def _at(record: Record, name: str, chosen: list[int], length: int) -> list[float] | None:
    """Values of one per-token column at the `chosen` places; None unless all are numbers."""
    column = record.get(name)
    if column is None:
        return None
    if type(column) is not list or len(column) != length:
        raise RowError(f"field {name} has another length than token_ids")
    values = [column[place] for place in chosen]
    return values if all(is_number(value) for value in values) else None


_GRADES = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}


def from_inspect(record: Record, options: DialectOptions) -> list[Fields]:
    """A sample of an Inspect log, as `sgram.traces.inspect_logs` hands it out."""
    reply = split_messages(record["messages"])[1] if record.get("messages") else record.get("completion")
    if reply is None:
        raise RowError("the sample has no assistant message")
    text, parts = reply_text(reply)
    scores = record.get("scores") or {}
    graded = {name: _grade(score["value"]) for name, score in scores.items()}
    first = next(iter(scores), None)
    meta = {key: record[key] for key in ("task", "epoch", "error") if record.get(key) is not None}
    if scores:
        meta["scores"] = {name: score["value"] for name, score in scores.items()}
    if parts:
        meta["parts"] = parts
    weights = options.rewards or dict.fromkeys(list(graded)[:1], 1.0)
    target = record.get("target")
    fields = {
        "id": record.get("uuid") or f"{record['run']}/{record['id']}/{record['epoch']}",
        "group": f"{record['task']}/{record['id']}",
        "prompt": prompt_text(record.get("input")),
        "text": text,
        "reward": weighted_reward(graded, weights) if weights else None,
        "correct": graded[first] if first and graded[first] in (0, 1) else None,
        "answer": scores[first].get("answer") if first else None,
        "reference": "\n".join(target) if isinstance(target, list) else target,
        "model": record.get("model"),
        "meta": meta,
    }
    return [convert_fields(fields)]


def _grade(value: Any) -> float | None:
    if isinstance(value, int | float):
        return float(value)
    return _GRADES.get(value) if isinstance(value, str) else None


DIALECTS: dict[str, Callable[[Record, DialectOptions], list[Fields]]] = {
    "sgram": from_sgram,
    "openai": from_openai,
    "trl": from_trl,
    "verl": from_verl,
    "inspect": from_inspect,
    "prime-rl": from_prime_rl,
    "lm-eval": from_lm_eval,
    "verifiers": from_verifiers,
}

MARKS: tuple[tuple[str, tuple[frozenset[str], ...]], ...] = (
    ("prime-rl", (frozenset({"token_ids", "loss_mask"}),)),
    ("lm-eval", (frozenset({"doc_id", "resps"}), frozenset({"doc_id", "filtered_resps"}))),
    ("verl", (frozenset({"input", "output", "score"}), frozenset({"input", "output", "gts"}))),
    (
        "verifiers",
        (
            frozenset({"prompt", "completion", "reward", "example_id"}),
            frozenset({"prompt", "completion", "reward", "task"}),
        ),
    ),
    ("trl", (frozenset({"prompt", "completion", "advantage"}), frozenset({"step", "prompt", "completion"}))),
    ("sgram", (frozenset({"text"}), frozenset({"response"}))),
    ("openai", (frozenset({"messages"}), frozenset({"completion"}))),
)


def detect(keys: Iterable[str]) -> str | None:
    """The dialect that a record with these `keys` is written in, or None."""
    present = set(keys)
    for name, marks in MARKS:
        if any(mark <= present for mark in marks):
            return name
    return None


def fields_of(record: Any, dialect: str, options: DialectOptions) -> list[Fields]:
    """Fields of the traces that `record` holds; `RowError` when it is none of this dialect."""
    if type(record) is not dict:
        raise RowError(f"row is {json_type(record)}, not an object")
    return DIALECTS[dialect](record, options)
