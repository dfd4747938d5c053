"""The responses sampled at one step, collected until they are written as traces.

Log-probabilities and entropies become known when the loss is computed, micro-batch by micro-batch and with rows
shuffled. Each row is filled in by its number, and the traces are written when all rows are filled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sgram.array_types import AnyArray, BoolArray, FloatArray
from sgram.files import digest
from sgram.grading.outcome import TaskOutcome
from sgram.traces import Trace, TraceReader, write_traces
from sgram.training.trainer.rewards import completion_text

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
    rewards: "torch.Tensor"
    """(rows of all processes, reward functions), weighted; NaN if missing."""
    outcomes: Sequence[TaskOutcome] | None
    """One outcome a response if a reward function has them."""
    judging_seconds: float = 0.0


@dataclass(slots=True)
class Rollouts:
    """The responses sampled at one step by one process, as traces; row i of the batch is ``traces[i]``."""

    traces: list[Trace]
    filled_rows: set[int] = field(default_factory=set)
    """Rows that the loss has been computed for."""

    def fill(self, rows: Sequence[int], logprobs: AnyArray, entropies: AnyArray, mask: BoolArray) -> None:
        """Fill in the log-probabilities and entropies, (B, T), of these batch `rows`, the first time that each occurs.

        Positions outside `mask` (padding, words of tools) at the end of a row are dropped. If a position inside the
        response is missing, the trace gets neither.
        """
        for index, row in enumerate(rows):
            trace = self.traces[row]
            size = len(trace.token_ids or ())
            self.filled_rows.add(row)
            if not size or size > mask.shape[1] or not mask[index, :size].all():
                continue
            row_logprobs, row_entropies = _round(logprobs[index, :size]), _round(entropies[index, :size])
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
    columns = zip(batch.inputs, batch.prompts, batch.completions, batch.token_ids, outcomes, strict=True)
    traces = []
    for index, (dataset_row, prompt, completion, token_ids, outcome) in enumerate(columns):
        reward = None if is_missing[index] else rewards[index].item()
        if outcome is not None:
            correct = outcome.correct
        else:
            correct = None if reward is None or success_reward is None else reward >= success_reward
        text = prompt_text(prompt)
        problem = str(dataset_row.get("problem") or dataset_row.get("id") or digest(text.encode())[:12])
        meta: dict[str, Any] = {"error": outcome.error} if outcome is not None and outcome.error else {}
        meta |= {} if outcome is None else outcome.details
        traces.append(
            Trace(
                id=f"{step:06d}-{rows.start + index:05d}",
                group=f"{step:06d}-{problem}",
                prompt=text,
                text=completion_text(completion),
                reward=reward,
                correct=correct,
                answer=None if outcome is None else outcome.answer,
                step=step,
                token_ids=tuple(token_ids),
                meta=meta,
            )
        )
    return traces


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
