"""The responses sampled at one step, collected until they are written as traces.

Log-probabilities and entropies become known when the loss is computed, micro-batch by micro-batch and with rows
shuffled. Each row is filled in by its number, and the traces are written when all rows are filled.

Rows of several turns (tools, environments, a ``rollout_func`` with ``env_mask``) are written as `sgram.traces` reads
them: the text is the policy's turns, joined by a blank line, ``meta.parts`` are its parts, and ``meta.policy_ids`` are
the half-open ranges of ``token_ids`` that the policy wrote.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sgram.array_types import AnyArray, BoolArray, FloatArray
from sgram.files import digest
from sgram.grading.outcome import TaskOutcome
from sgram.traces import Trace, TraceReader, write_traces
from sgram.traces.parts import Piece, text_and_parts
from sgram.traces.policy_tokens import TURN_SPACE, policy_ranges, written_by_policy

if TYPE_CHECKING:
    import torch

DIGITS = 5
"""Decimals of log-probabilities and entropies in a file; training itself does not round them."""


@dataclass(frozen=True, slots=True)
class SampledBatch:
    """The responses that one process sampled at one step, before they become traces."""

    inputs: Sequence[Mapping[str, Any]]
    """The dataset row of each response."""
    prompts: Sequence[Any]
    """Text or messages."""
    completions: Sequence[Any]
    """Text or messages."""
    token_ids: Sequence[Sequence[int]]
    decode: Callable[[Sequence[int]], str]
    """Spells token ids, without special tokens."""
    rewards: "torch.Tensor"
    """(rows of all processes, reward functions), weighted; NaN if missing."""
    outcomes: Sequence[TaskOutcome] | None
    """One outcome a response if a reward function has them."""
    judging_seconds: float = 0.0
    tool_masks: Sequence[Sequence[int]] | None = None
    """For each row, 1 for tokens that the policy wrote, 0 for those of tools; None if the policy wrote all of them."""


@dataclass(slots=True)
class Rollouts:
    """The responses sampled at one step by one process, as traces; row i of the batch is ``traces[i]``."""

    traces: list[Trace]
    filled_rows: set[int] = field(default_factory=set)
    """Rows that the loss has been computed for."""

    def fill(self, rows: Sequence[int], logprobs: AnyArray, entropies: AnyArray, mask: BoolArray) -> None:
        """Fill in the log-probabilities and entropies, (B, T), of these batch `rows`, the first time that each occurs.

        Positions behind the response are dropped, and tokens that the policy did not write (`policy_ids`) have zeros.
        If a token of the policy lies outside `mask` or has a number that is not finite, the trace gets neither.
        """
        for index, row in enumerate(rows):
            trace = self.traces[row]
            size = len(trace.token_ids or ())
            self.filled_rows.add(row)
            by_policy = np.array(written_by_policy(trace) or [True] * size, bool)
            if not by_policy.any() or size > mask.shape[1] or not mask[index, :size][by_policy].all():
                continue
            row_logprobs, row_entropies = (
                _round(np.where(by_policy, numbers[index, :size], 0.0)) for numbers in (logprobs, entropies)
            )
            is_finite = np.isfinite(row_logprobs).all() and np.isfinite(row_entropies).all()
            if trace.entropies is None and is_finite:
                self.traces[row] = replace(
                    trace, logprobs=tuple(row_logprobs.tolist()), entropies=tuple(row_entropies.tolist())
                )

    @property
    def is_complete(self) -> bool:
        """Whether the loss has been computed for every row."""
        return len(self.filled_rows) == len(self.traces)


def make_traces(batch: SampledBatch, step: int, rows: slice, success_reward: float | None) -> list[Trace]:
    """Return the responses of one process at one step as traces. `rows` are its rows among `batch.rewards`.

    The group is the prompt at this step. Whether a response is correct is what its outcome says; without an outcome, it
    is correct if its reward is >= `success_reward`.
    """
    rewards = batch.rewards[rows].nansum(1)
    is_missing = batch.rewards[rows].isnan().all(1)
    outcomes: Sequence[TaskOutcome | None] = batch.outcomes or [None] * len(rewards)
    tool_masks: Sequence[Sequence[int] | None] = batch.tool_masks or [None] * len(rewards)
    columns = zip(batch.inputs, batch.prompts, batch.completions, batch.token_ids, outcomes, tool_masks, strict=True)
    traces = []
    for index, (dataset_row, prompt, completion, token_ids, outcome, tool_mask) in enumerate(columns):
        reward = None if is_missing[index] else rewards[index].item()
        if outcome is not None:
            correct = outcome.correct
        else:
            correct = None if reward is None or success_reward is None else reward >= success_reward
        text = prompt_text(prompt)
        problem = str(dataset_row.get("problem") or dataset_row.get("id") or digest(text.encode())[:12])
        response, meta = _text_and_meta(completion, token_ids, tool_mask, batch.decode)
        if outcome is not None and outcome.error:
            meta["error"] = outcome.error
        meta |= {} if outcome is None else outcome.details
        traces.append(
            Trace(
                id=f"{step:06d}-{rows.start + index:05d}",
                group=f"{step:06d}-{problem}",
                prompt=text,
                text=response,
                reward=reward,
                correct=correct,
                answer=None if outcome is None else outcome.answer,
                step=step,
                token_ids=tuple(token_ids),
                meta=meta,
            )
        )
    return traces


def _text_and_meta(
    completion: Any, token_ids: Sequence[int], tool_mask: Sequence[int] | None, decode: Callable[[Sequence[int]], str]
) -> tuple[str, dict[str, Any]]:
    """Return the policy's words, and what `meta` holds of turns.

    The words are what the ids spell: TRL takes reasoning and tool calls out of the contents of messages.
    """
    if tool_mask is None or all(tool_mask):
        return completion if isinstance(completion, str) else decode(token_ids), {}
    ranges = policy_ranges(bool(is_sampled) for is_sampled in tool_mask)
    pieces: list[Piece] = []
    for start, end in ranges:
        pieces += [("turn", ""), ("answer", decode(token_ids[start:end]).strip(TURN_SPACE))]
    text, parts = text_and_parts(pieces)
    return text, {"policy_ids": ranges, **({"parts": parts} if parts else {})}


def _round(numbers: AnyArray) -> FloatArray:
    return np.asarray(np.round(numbers.astype(np.float64), DIGITS) + 0.0, np.float64)  # + 0.0 removes minus zero


def rollouts_path(directory: str | Path, step: int, process: int = 0, n_processes: int = 1) -> Path:
    """Return the path of the rollouts of a step; each process writes a file of its own.

    >>> rollouts_path("run", 4).as_posix()
    'run/rollouts/step-000004.jsonl.gz'
    """
    part = f".{process:03d}" if n_processes > 1 else ""
    return Path(directory) / "rollouts" / f"step-{step:06d}{part}.jsonl.gz"


def write_rollouts(path: Path, rollouts: Rollouts) -> None:
    """Write the traces atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_traces(rollouts.traces, path)


def read_rollouts(path: Path) -> list[Trace]:
    """Return the traces that `write_rollouts` wrote, as they were: the name of the file does not become their run."""
    return list(TraceReader([path], runs={str(path): ""}))


def prompt_text(prompt: Any) -> str:
    """Return a prompt as text: a string as it is, of a chat the contents of its messages.

    >>> prompt_text([{"role": "system", "content": "Think."}, {"role": "user", "content": "How many?"}])
    'Think.\\n\\nHow many?'
    """
    if isinstance(prompt, str):
        return prompt
    parts: list[str] = []
    for message in prompt:
        content = message.get("content") if isinstance(message, Mapping) else None
        if isinstance(content, str):
            parts.append(content)
        elif isinstance(content, Sequence):
            parts += [part["text"] for part in content if isinstance(part, Mapping) and part.get("text")]
    return "\n\n".join(parts)
