"""Completions that TRL's trainers log: a Parquet file for each step, or the table `completions` on W&B.

The columns between `completion` and `advantage` are one for each reward function, then what reward functions log as
extra (`log_extra`): nothing marks which is which. The numbers that are called a reward count; if none is, all
floating-point numbers do whose names do not end in an id, a length, a level and the like.
"""

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from sgram.traces.aliases import plain_name
from sgram.traces.column_values import flag, number
from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.messages import read_conversation
from sgram.traces.reward_columns import names_reward
from sgram.traces.trace import FailedRowError

_ACCURACY = ("accuracy_reward", "MathAccuracy", "correct", "is_correct")
"""Reward functions that are 1 for the right answer and 0 for a wrong one: of TRL, of ms-swift, by their names."""
_NO_REWARDS = frozenset(
    {
        *("advantage", "advantages", "id", "ids", "idx", "index", "uid", "seed", "step", "steps", "epoch", "length"),
        *("len", "difficulty", "level", "rank", "position", "count", "num", "number", "tokens", "token", "turns"),
        *("turn", "entropy", "kl", "loss", "lr", "logprob", "logprobs", "logp", "temperature", "prob", "probability"),
        *("time", "duration", "latency", "seconds", "cost", "rate", "std", "mean", "weight", "size", "version", "year"),
        *("age", "ratio", "pred", "prediction", "answer", "label", "target", "gold", "solution", "timestamp", "value"),
        *("parsed", "perplexity", "ppl", "s", "ms", "temp", "top", "k", "p", "max", "min", "percent", "percentile"),
    }
)
"""Last words of names of numbers that are no rewards."""
_OF_OTHERS = frozenset(
    {
        *(
            "num",
            "n",
            "avg",
            "mean",
            "max",
            "min",
            "pass",
            "solve",
            "prompt",
            "problem",
            "question",
            "dataset",
            "source",
        ),
        *("gold", "ref", "reference", "target", "model", "token", "tokens", "gen", "generation"),
    }
)
"""First words of names of numbers that are no rewards."""


def find_rewards(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of reward functions; a reward that is missing here is None.

    >>> find_rewards({"accuracy_reward": 1.0, "brevity": 0.5, "advantage": 0.7})
    {'accuracy_reward': 1.0}
    >>> find_rewards({"correctness": 2.0, "length_penalty": -0.1, "problem_id": 0, "difficulty": 5.0})
    {'correctness': 2.0, 'length_penalty': -0.1}
    """
    names = _reward_names(tuple(columns))
    if names.are_sure:
        return {name: columns[name] for name in names.columns}
    return {name: columns[name] for name in names.columns if _is_fraction(columns[name])}


class _RewardNames(NamedTuple):
    """Columns of reward functions by their names."""

    columns: tuple[str, ...]
    are_sure: bool
    """Whether the names speak of rewards; else the columns that hold floating-point numbers are rewards."""


@lru_cache(maxsize=512)
def _reward_names(columns: tuple[str, ...]) -> _RewardNames:
    named = tuple(filter(names_reward, columns))
    return _RewardNames(named or tuple(filter(_may_be_reward, columns)), bool(named))


def _may_be_reward(column: str) -> bool:
    """Return whether nothing in a column's name says that its numbers are no rewards."""
    words = plain_name(column).split("_")
    return words[-1] not in _NO_REWARDS and (len(words) == 1 or words[0] not in _OF_OTHERS)


def _is_fraction(value: Any) -> bool:
    """Return whether a value is a floating-point number, which rewards are, also as CSV and tables hold it."""
    return type(value) is float or (isinstance(value, str) and "." in value and number(value) is not None)


def read_completion(record: Record, step: str) -> Fields:
    """Return the fields of one completion, its step in the column `step`."""
    columns = dict(record)
    completion = columns.pop("completion", None)
    fields: Fields = {"prompt": columns.pop("prompt", None), "step": columns.pop(step, None)}
    rewards = find_rewards(columns)
    fields["meta"] = {name: None if _is_nan(value) else value for name, value in rewards.items()}
    if rewards:
        fields["rewards"] = rewards
    for name in _ACCURACY:
        if name in columns and type(columns[name]) is not str and (correct := flag(columns[name])) is not None:
            fields["correct"] = correct
            break
    for name in rewards:
        del columns[name]
    fields["columns"] = columns
    if isinstance(completion, str) and not completion.startswith('[{"'):
        fields["text"] = completion
        return fields
    if completion is None:
        raise FailedRowError("the completion is missing")
    conversation = read_conversation(completion, prompt_messages="")
    if conversation.failed:
        raise FailedRowError(conversation.failure)
    if conversation.tool_calls:
        fields["meta"]["tool_calls"] = list(conversation.tool_calls)
    return {**fields, "pieces": list(conversation.pieces)}


def _is_nan(value: Any) -> bool:
    return type(value) is float and not math.isfinite(value)


def parse(record: Record, _: DialectOptions) -> list[Fields]:
    """Return the fields of a row of the log."""
    return [read_completion(record, "step")]


TRL = Dialect(
    "trl",
    "TRL: completions of GRPO, RLOO and other trainers (log_completions), as Parquet or as a table of W&B",
    parse,
    columns=(frozenset({"prompt", "completion", "advantage"}), frozenset({"step", "prompt", "completion"})),
    becomes={
        "completion": "text",
        "prompt": "prompt",
        "step": "step",
        "*_reward; without such columns all floating-point numbers": "reward, their sum; they stay in meta",
        "accuracy_reward": "correct, if it is 0 or 1",
        "solution": "reference",
        "answer_parsed": "answer",
        "advantage": "meta.advantage",
    },
    source="trl/trainer/grpo_trainer.py, GRPOTrainer.log",
    rank=45,
)
