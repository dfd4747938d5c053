"""Rollouts of prime-rl: token exports (``token_exports/step_N/rank_R.jsonl``) and episodes (``.../traces.jsonl``).

A token export holds ids alone, so that its words need the tokenizer. An episode holds traces of verifiers.
"""

from collections.abc import Mapping
from typing import Any

from sgram.errors import UsageError
from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.dialects.verifiers import agent_suffix, check_ok, trace_fields
from sgram.traces.eval_rows import keep_words, mapping
from sgram.traces.fields import as_text, is_number
from sgram.traces.ids import content_digest
from sgram.traces.option_names import name_option
from sgram.traces.policy_tokens import PolicyTokens, add_policy_tokens, check_tokens
from sgram.traces.trace import FailedRowError, RowError

_READ = frozenset({"step", "export_step", "run_id", "sample_id"})


def parse(record: Record, options: DialectOptions) -> list[Fields]:
    """Return the trace of a line of a token export: the tokens from the first to the last one under `loss_mask`."""
    for name in ("token_ids", "loss_mask"):
        if record.get(name) is None:
            raise RowError(f"field {name} is missing")
    if options.decode is None:
        tokenizer = name_option("tokenizer", "tokenizer.json")
        raise UsageError(f"prime-rl exports hold token ids, not text; name the tokenizer: {tokenizer}")
    token_ids, mask = check_tokens(record["token_ids"], record["loss_mask"], "token_ids", "loss_mask")
    if not any(mask):
        raise RowError("loss_mask selects no token")
    logprobs, entropies = _column(record, "inference_logprobs", mask), _column(record, "entropy", mask)
    tokens = PolicyTokens(token_ids, mask, logprobs, entropies)
    step = record.get("step") if record.get("export_step") is None else record["export_step"]
    prompt = options.decode(token_ids[: tokens.n_before]) or None
    rewards, advantages = _column(record, "rewards", mask), _column(record, "advantages", mask)
    # the export's own numbers, such as its rank, are no columns: none of them is a reward or a group
    meta = {name: value for name, value in record.items() if type(value) is not list and name not in _READ}
    meta = {name: value for name, value in meta.items() if value is not None}
    if advantages is not None:
        meta["advantages"] = advantages[tokens.span]
    fields: Fields = {
        "id": _id(record),
        "run": record.get("run_id"),
        "prompt": prompt,
        "group": None if prompt is None else content_digest(as_text(step), prompt, as_text(record.get("env_name"))),
        "reward": None if rewards is None else rewards[tokens.span.stop - 1],
        "step": step,
        "meta": meta,
    }
    add_policy_tokens(fields, tokens, options)
    return keep_words([fields])


def _id(record: Record) -> str | None:
    """Return the id of the sample that the export names, at its step: a sample may be exported at several."""
    sample, step = record.get("sample_id"), record.get("export_step")
    return f"{sample}/{step}" if isinstance(sample, str) and sample else None


def _column(record: Record, name: str, mask: list[bool]) -> list[float] | None:
    """Return the numbers of a column, one for each token; None unless each token of the policy has one."""
    column = record.get(name)
    if column is None:
        return None
    if type(column) is not list or len(column) != len(mask):
        raise RowError(f"field {name} has another length than token_ids")
    if not all(is_number(value) for value, sampled in zip(column, mask, strict=True) if sampled):
        return None
    return [value if is_number(value) else 0.0 for value in column]


def parse_episode(record: Record, options: DialectOptions) -> list[Fields]:
    """Return the traces of an episode. Those that failed are counted in the `meta` of the others."""
    check_ok(record)
    env, run = mapping(record.get("env")), mapping(record.get("run"))
    work, group = mapping(run.get("work")), mapping(record.get("group")).get("id")
    listed = record["traces"]
    traces: list[Fields] = []
    failure: FailedRowError | None = None
    for trace in listed:
        try:
            fields = trace_fields(trace, options)
        except FailedRowError as error:
            failure = error
            continue
        if record.get("id") is not None:
            fields["id"] = f"{as_text(record['id'])}/{as_text(fields.get('id')) or len(traces)}"
        if group is not None:
            fields["group"] = f"{as_text(group)}{agent_suffix(trace)}"
        fields["run"] = run.get("name") or run.get("id")
        fields["step"] = work.get("step")
        episode_values = {
            "env": env.get("name") or env.get("id"),
            "work": work.get("type"),
            "policy": work.get("policy"),
        }
        fields["meta"] |= {name: value for name, value in episode_values.items() if value is not None}
        traces.append(fields)
    if not traces:
        raise failure or FailedRowError("the episode has no trace")
    if len(traces) < len(listed):
        for fields in traces:
            fields["meta"]["failed_traces"] = len(listed) - len(traces)
    return keep_words(traces)


def recognize_episode(record: Record) -> bool:
    """Return whether a record is an episode: traces of verifiers in one environment."""
    traces: Any = record["traces"]
    return isinstance(traces, list) and all(isinstance(trace, Mapping) and "nodes" in trace for trace in traces)


PRIME_RL = Dialect(
    "prime-rl",
    "prime-rl, token exports",
    parse,
    columns=(frozenset({"token_ids", "loss_mask"}),),
    needs_decode=True,
    becomes={
        "token_ids under loss_mask": "token_ids and text; prompt before them",
        "loss_mask": "meta.policy_ids, if others wrote tokens between those of the policy",
        "inference_logprobs": "logprobs",
        "entropy": "entropies",
        "rewards": "reward, that of the last token",
        "export_step, step": "step",
        "run_id": "run",
        "sample_id": "id",
    },
    source="PrimeIntellect-ai/prime-rl src/prime_rl/trainer/rl/token_export.py",
    rank=20,
)
PRIME_RL_EPISODES = Dialect(
    "prime-rl-episodes",
    "prime-rl, `traces/step_N/train/traces.jsonl`; verifiers, episodes",
    parse_episode,
    columns=(frozenset({"env", "task", "traces"}),),
    recognize=recognize_episode,
    becomes={
        "traces": "one trace for each, as of verifiers-1",
        "group.id": "group",
        "run.name, run.id": "run",
        "run.work.step": "step",
        "env.name, env.id": "meta.env",
    },
    source="PrimeIntellect-ai/prime-rl src/prime_rl/monitors/file.py; verifiers verifiers/v1/episode.py",
    rank=21,
)
