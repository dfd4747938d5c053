"""Rollouts of verifiers: results of version 0 (``results.jsonl``) and traces of version 1 (``traces.jsonl``).

A trace holds its messages as a tree; the words are those of the path to its last message. Messages that no model call
produced are no words, whatever their role.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sgram.traces.aliases import ALIASES, find_column
from sgram.traces.api_objects import has_words
from sgram.traces.column_values import number
from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.eval_rows import conversation_text, error_text, keep_words, mapping, reply_pieces, split_generated
from sgram.traces.fields import as_text, is_number
from sgram.traces.policy_tokens import PolicyTokens, add_policy_tokens
from sgram.traces.trace import FailedRowError, RowError, json_type

_READ = frozenset({"prompt", "completion", "answer", "reward", "error"})
_NOT_REWARDS = frozenset({"example_id", "step", "id"})
_VERDICTS = frozenset({*ALIASES["correct"], "correct_answer", "exact_match"})
"""Names of rewards that say themselves whether the answer is correct."""
_SUFFIXES = ("_reward_func", "_reward", "_func")


# -- version 0 ----------------------------------------------------------------------------------------------


def parse(record: Record, _: DialectOptions) -> list[Fields]:
    """Return the trace of a result of version 0."""
    if record.get("error"):
        raise FailedRowError(f"the rollout failed: {error_text(record['error'])}")
    completion = record.get("completion")
    if not completion:
        raise FailedRowError("the rollout has no completion")
    numbers = {
        name: value
        for name, value in record.items()
        if (is_number(value) or isinstance(value, bool)) and name not in _READ and name not in _NOT_REWARDS
    }
    fields: Fields = {
        "prompt": record.get("prompt"),
        "pieces": reply_pieces(completion),
        "reference": record.get("answer"),
        "correct": find_verdict(numbers),
        "reward": record.get("reward"),
        "columns": {name: value for name, value in record.items() if name not in _READ and name not in numbers},
        "meta": dict(numbers),
    }
    key = [as_text(record[name]) or "" for name in ("task", "example_id") if record.get(name) is not None]
    if record.get("example_id") is not None:
        fields["group"] = "/".join(key)
    return keep_words([fields], record.get("stop_condition"))


def find_verdict(rewards: Mapping[str, Any]) -> bool | None:
    """Return what rewards say of correctness by their names; None if none does, or they disagree.

    >>> find_verdict({"correct_answer_reward_func": 1.0, "format": 0.0}), find_verdict({"reward": 1.0})
    (True, None)
    """
    verdicts = {bool(value) for name, value in rewards.items() if _plain_name(name) in _VERDICTS and value in (0, 1)}
    return verdicts.pop() if len(verdicts) == 1 else None


def _plain_name(name: str) -> str:
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    return name


# -- version 1 ----------------------------------------------------------------------------------------------


def parse_v1(record: Record, options: DialectOptions) -> list[Fields]:
    """Return the trace of a record of version 1."""
    return keep_words([trace_fields(record, options)], record.get("stop_condition"))


def trace_fields(record: Record, options: DialectOptions) -> Fields:
    """Return the fields of a trace of version 1. Raise `FailedRowError` if it says that it failed."""
    check_ok(record)
    task, agent = mapping(record.get("task")), mapping(record.get("agent"))
    data, config = mapping(task.get("data")), mapping(agent.get("config"))
    nodes = _check_nodes(record.get("nodes"))
    path = _last_path(nodes)
    prompt, reply = _split(path)
    rewards, weights = _rewards(record.get("rewards"))
    terms = [score * weights[name] for name, score in rewards.items() if score is not None]
    metrics = {name: value for name, value in mapping(record.get("metrics")).items() if is_number(value)}
    model = config.get("model")
    fields: Fields = {
        "id": record.get("id"),
        "prompt": conversation_text(prompt) or conversation_text(data.get("prompt")),
        "pieces": reply_pieces(reply),
        "reference": data["answer"] if data.get("answer") is not None else _column(data, "reference"),
        "model": _column(model, "model") if isinstance(model, Mapping) else model,
        "correct": find_verdict({name: score for name, score in rewards.items() if score is not None}),
        "rewards": rewards,
        "meta": _meta(record, task, agent),
    }
    n_leaves = len(nodes) - len({node.get("parent") for node in nodes} - {None})
    if n_leaves > 1:
        fields["meta"]["branches"] = n_leaves
    if rewards:
        fields["meta"]["rewards"] = rewards
    if any(weight != 1 for weight in weights.values()) or len(terms) > 1:  # a single one goes by its name
        fields["reward"] = sum(terms) if terms else None
        fields["meta"]["reward_weights"] = weights
    if correct_by_metric := find_verdict(metrics):
        fields["correct"] = correct_by_metric if fields["correct"] is None else fields["correct"]
    key = task.get("key") or task.get("hash")
    if isinstance(key, str):
        fields["group"] = f"{task.get('type')}/{key}{agent_suffix(record)}"
    if has_words(fields["pieces"]):
        add_policy_tokens(fields, _tokens(path), options)
    return fields


def check_ok(record: Record) -> None:
    """Raise `FailedRowError` if a trace or an episode says that it failed.

    Errors before a retry that worked are none.
    """
    ok, errors = record.get("ok"), record.get("errors") or record.get("error")
    if ok is True or (ok is None and not errors):
        return
    last = errors[-1] if isinstance(errors, list) and errors else errors
    raise FailedRowError(f"the rollout failed: {error_text(last)}")


def agent_suffix(record: Record) -> str:
    """Return what tells apart the groups of several agents in one environment: their names, but the usual one."""
    name = mapping(record.get("agent")).get("name")
    return f"/{name}" if isinstance(name, str) and name not in ("", "agent") else ""


def _check_nodes(nodes: Any) -> Sequence[Record]:
    """Return the nodes of a tree of messages, each behind its parent. Raise `RowError` if they are no tree."""
    if not isinstance(nodes, list):
        raise RowError(f"nodes is {json_type(nodes)}, not an array")
    if not nodes:
        raise FailedRowError("the rollout has no message")
    for row, node in enumerate(nodes):
        if not isinstance(node, Mapping) or not isinstance(node.get("message"), Mapping):
            raise RowError(f"node {row} holds no message")
        parent = node.get("parent")
        if parent is not None and (type(parent) is not int or not 0 <= parent < row):
            raise RowError(f"node {row} has no node before it as its parent")
    return nodes


def _last_path(nodes: Sequence[Record]) -> list[Record]:
    """Return the nodes from the root to the last one."""
    path: list[Record] = []
    row: int | None = len(nodes) - 1
    while row is not None:
        path.append(nodes[row])
        row = nodes[row].get("parent")
    return path[::-1]


def _split(path: Sequence[Record]) -> tuple[list[Any], list[Any]]:
    """Return (messages before the model's first one, messages from there that the model wrote or was shown)."""
    messages = [node["message"] for node in path]
    sampled = {row for row, node in enumerate(path) if node.get("sampled") is True}
    if not sampled:
        if any("sampled" in node for node in path):
            raise FailedRowError("the model wrote no message")
        first = next((row for row, message in enumerate(messages) if message.get("role") == "assistant"), len(path))
        return messages[:first], messages[first:]
    return split_generated(messages, sampled)


def _rewards(rewards: Any) -> tuple[dict[str, float | None], dict[str, float]]:
    """Return the score of each reward, None if it was not scored, and the weight of each."""
    scores: dict[str, float | None] = {}
    weights: dict[str, float] = {}
    for name, reward in mapping(rewards).items():
        parts: Record = reward if isinstance(reward, Mapping) else {"score": reward}
        scores[name], weight = number(parts.get("score")), number(parts.get("weight"))
        weights[name] = 1.0 if weight is None else weight
    return scores, weights


def _meta(record: Record, task: Record, agent: Record) -> dict[str, Any]:
    """Return what of a trace has no field of its own, without its messages and calls."""
    values = {
        "task": task.get("type"),
        "task_key": task.get("key"),
        "agent": agent.get("name"),
        "trainable": agent.get("trainable"),
        "stop_condition": record.get("stop_condition"),
        "metrics": record.get("metrics") or None,
        "info": record.get("info") or None,
    }
    return {name: value for name, value in values.items() if value is not None}


def _column(columns: Record, field: str) -> Any:
    name = find_column(columns, field)
    return None if name is None else columns[name]


def _tokens(path: Sequence[Record]) -> PolicyTokens:
    """Return the tokens of a path, with what the nodes hold for each."""
    tokens = PolicyTokens()
    for node in path:
        tokens.extend(node.get("token_ids"), node.get("mask"), node.get("logprobs"), node.get("entropies"))
    return tokens


def recognize_v1(record: Record) -> bool:
    """Return whether a record is a trace: messages as nodes."""
    nodes = record.get("nodes")
    return isinstance(nodes, list) and all(isinstance(node, Mapping) and "message" in node for node in nodes[:3])


VERIFIERS = Dialect(
    "verifiers",
    "verifiers before version 1, `results.jsonl`; data sets that its environments push to the hub",
    parse,
    columns=(
        frozenset({"prompt", "completion", "reward", "example_id"}),
        frozenset({"prompt", "completion", "reward", "task"}),
    ),
    becomes={
        "completion": "text",
        "prompt": "prompt",
        "answer": "reference",
        "reward": "reward",
        "correct_answer, exact_match, ...": "correct, by the name of the reward",
        "task, example_id": "group",
    },
    source="PrimeIntellect-ai/verifiers verifiers/utils/save_utils.py",
    rank=40,
)
VERIFIERS_V1 = Dialect(
    "verifiers-1",
    "verifiers from version 1, `traces.jsonl`",
    parse_v1,
    columns=(frozenset({"task", "nodes"}),),
    recognize=recognize_v1,
    becomes={
        "nodes": "prompt and text, the path to the last node",
        "rewards": "reward, the weighted sum of the scores",
        "task.data.answer": "reference",
        "task.type, task.key": "group",
        "agent.config.model": "model",
        "nodes[].token_ids, nodes[].mask": "token_ids, meta.policy_ids, with --tokenizer",
    },
    source="PrimeIntellect-ai/verifiers verifiers/v1/trace.py, verifiers/v1/graph.py",
    rank=22,
)
