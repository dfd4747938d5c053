"""What was sampled at one step, until it is written as traces. Knows nothing about advantages or losses.

Log-probabilities and entropies become known when the loss is computed, micro-batch by micro-batch and with rows
shuffled: each row is filled in by its number, and the traces are written once all are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from sgram.files import digest
from sgram.traces import Trace, write_traces
from sgram.training.trainer.rewards import completion_text

DIGITS = 5
"""Decimals of log-probabilities and entropies in a file; training itself uses them as they are."""


@dataclass(slots=True)
class Rollouts:
    """The responses sampled at one step by one process, as traces; row i of the batch is ``traces[i]``."""

    traces: list[Trace]
    filled: set[int] = field(default_factory=set)

    def fill(self, rows: Sequence[int], logprobs: np.ndarray, entropies: np.ndarray, mask: np.ndarray) -> None:
        """Log-probabilities and entropies, (B, T), of the rows `rows`; only the first time that a row is seen.

        Positions outside `mask` (padding, words of tools) are left out where they end a row; a response whose
        positions are not all known keeps neither.
        """
        for place, row in enumerate(rows):
            trace = self.traces[row]
            size = len(trace.token_ids or ())
            self.filled.add(row)
            if not size or size > mask.shape[1] or not mask[place, :size].all():
                continue
            known = _rounded(logprobs[place, :size]), _rounded(entropies[place, :size])
            if trace.entropies is None and all(np.isfinite(each).all() for each in known):
                self.traces[row] = replace(trace, logprobs=tuple(known[0].tolist()), entropies=tuple(known[1].tolist()))

    @property
    def complete(self) -> bool:
        """Whether every row has been seen by the loss."""
        return len(self.filled) == len(self.traces)


def as_traces(sampled: Mapping[str, Any], step: int, own: slice, success_reward: float | None) -> list[Trace]:
    """One process's responses of one step as traces; `own` are its rows among the rewards of all processes.

    The group is the prompt at this step. A response is correct as its verdict says or, where there is none, when its
    reward is at least `success_reward`.
    """
    rewards = sampled["rewards"][own].nansum(1)
    missing = sampled["rewards"][own].isnan().all(1)
    verdicts = sampled["verdicts"] or [None] * len(rewards)
    rows = zip(sampled["inputs"], sampled["prompts"], sampled["completions"], sampled["ids"], verdicts, strict=True)
    traces = []
    for number, (given, prompt, completion, ids, verdict) in enumerate(rows):
        reward = None if missing[number] else rewards[number].item()
        known = reward is not None and success_reward is not None
        correct = (reward >= success_reward if known else None) if verdict is None else verdict.correct
        text = prompt_text(prompt)
        problem = str(given.get("problem") or given.get("id") or digest(text.encode())[:12])
        meta = {"error": verdict.error} if verdict is not None and verdict.error else {}
        traces.append(
            Trace(
                id=f"{step:06d}-{own.start + number:05d}",
                group=f"{step:06d}-{problem}",
                prompt=text,
                text=completion_text(completion),
                reward=reward,
                correct=correct,
                answer=None if verdict is None else verdict.answer,
                step=step,
                token_ids=tuple(ids),
                meta=meta,
            )
        )
    return traces


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.round(values.astype(np.float64), DIGITS) + 0.0  # + 0.0: no minus zero


def rollouts_path(directory: str | Path, step: int, process: int = 0, n_processes: int = 1) -> Path:
    """Where the rollouts of a step lie; each process writes a file of its own."""
    part = f".{process:03d}" if n_processes > 1 else ""
    return Path(directory) / "rollouts" / f"step-{step:06d}{part}.jsonl.gz"


def write_rollouts(path: Path, rollouts: Rollouts) -> None:
    """Write the traces, atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_traces(rollouts.traces, path)


def prompt_text(prompt: Any) -> str:
    """A prompt as text: itself, or the contents of a chat's messages."""
    if isinstance(prompt, str):
        return prompt
    parts = []
    for message in prompt:
        content = message.get("content") if isinstance(message, Mapping) else None
        if isinstance(content, str):
            parts.append(content)
        elif isinstance(content, Sequence):
            parts += [each["text"] for each in content if isinstance(each, Mapping) and each.get("text")]
    return "\n\n".join(parts)
