"""A finished run of `sgram evolve` as curves: what its steps logged and what its evaluations measured."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sgram.errors import UsageError
from sgram.training.evolve.measures import EvolveEvaluation

MIN_POINTS = 5
"""Points that a trend needs."""
LAST_PART = 1 / 5
"""Part of the steps whose mean is the end of a curve, as in `sgram.metrics.settle`."""
Quantity = Callable[[EvolveEvaluation], float | None]
"""Reads one number of an evaluation; None if it is undefined."""


@dataclass(frozen=True, slots=True)
class EvolveRun:
    """One run: rows of its steps, and evaluations by step, the first of them at step 0. Raise `UsageError` without one.

    >>> run = EvolveRun(0, 0, (), ((0, EvolveEvaluation(4, 0.25)), (20, EvolveEvaluation(4, 0.75))))
    >>> run.change(lambda evaluation: evaluation.accuracy)
    0.5
    """

    seed: int
    warmup_seed: int
    steps: tuple[Mapping[str, Any], ...]
    """Rows of metrics.jsonl: `step` (from 1) and numbers such as ``proposer/valid``; absent is not measured."""
    evaluations: tuple[tuple[int, EvolveEvaluation], ...]

    def __post_init__(self) -> None:
        if not self.evaluations or self.evaluations[0][0] != 0:
            raise UsageError("a run needs an evaluation of the start policy, at step 0")

    @classmethod
    def from_parts(
        cls,
        seed: int,
        warmup_seed: int,
        steps: Sequence[Mapping[str, Any]],
        start: EvolveEvaluation,
        final: EvolveEvaluation,
        evaluations: Iterable[Mapping[str, Any]] = (),
    ) -> "EvolveRun":
        """Return the run of a result: `evaluations` are ``{"step", "evaluation"}``, as values or as JSON."""
        by_step = {
            int(row["step"]): row["evaluation"]
            if isinstance(row["evaluation"], EvolveEvaluation)
            else EvolveEvaluation.from_json(row["evaluation"])
            for row in evaluations
        }
        last_step = max((int(row["step"]) for row in steps), default=0)
        if last_step:
            by_step[last_step] = final
        by_step[0] = start
        return cls(seed, warmup_seed, tuple(steps), tuple(sorted(by_step.items(), key=lambda pair: pair[0])))

    @property
    def pair(self) -> tuple[int, int]:
        """Seed and warm-up seed, by which runs of different arms are paired."""
        return self.seed, self.warmup_seed

    @property
    def start(self) -> EvolveEvaluation:
        """The evaluation before the first step."""
        return self.evaluations[0][1]

    @property
    def last(self) -> EvolveEvaluation:
        """The evaluation after the last step."""
        return self.evaluations[-1][1]

    def change(self, quantity: Quantity) -> float | None:
        """Return the last number less that of the start; None if one of them is undefined."""
        first, last = quantity(self.start), quantity(self.last)
        return None if first is None or last is None else last - first

    def best(self, quantity: Quantity) -> float | None:
        """Return the largest number of all evaluations after the start; None if there is none."""
        numbers = [number for _, evaluation in self.evaluations[1:] if (number := quantity(evaluation)) is not None]
        return max(numbers, default=None)

    def curve(self, name: str) -> tuple[list[int], list[float]]:
        """Return (steps, numbers) of the steps that logged `name`."""
        points = [(int(row["step"]), float(row[name])) for row in self.steps if row.get(name) is not None]
        return [step for step, _ in points], [number for _, number in points]

    def trend(self, name: str) -> float | None:
        """Return the change of `name` over the run by the least-squares line; None with fewer than `MIN_POINTS`.

        >>> rows = tuple({"step": step, "proposer/valid": 0.5 + 0.01 * step} for step in range(1, 11))
        >>> round(EvolveRun(0, 0, rows, ((0, EvolveEvaluation(4, 0.25)),)).trend("proposer/valid"), 6)
        0.09
        """
        steps, numbers = self.curve(name)
        if len(steps) < MIN_POINTS:
            return None
        slope = np.polynomial.Polynomial.fit(steps, numbers, 1).convert().coef
        return float(slope[1]) * (steps[-1] - steps[0]) if len(slope) > 1 else 0.0

    def end(self, name: str) -> float | None:
        """Return the mean of `name` over the last fifth of the steps that logged it; None if none did."""
        _, numbers = self.curve(name)
        if not numbers:
            return None
        n_last = max(1, round(len(numbers) * LAST_PART))
        return sum(numbers[-n_last:]) / n_last
