"""A quantity over training steps, and draws of how it might have come out otherwise.

If the problems of a curve are known, its draws are a bootstrap over them: every problem gets a random weight with mean
1 (exponential; Rubin 1981), the same wherever the problem occurs, so a problem that is sampled at every step moves the
whole curve. If they are not known, the noise is what smoothing removes, drawn anew with its correlation from step to
step. That noise does not distinguish slow wandering from change, so draws of problems are better. Curves of the same
problems, or of the same steps, get the same draws, so that what they have in common cancels in their difference.
"""

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sgram.array_types import FloatArray
from sgram.errors import UsageError
from sgram.frames import Backend, build_frame
from sgram.statistics import N_DRAWS
from sgram.statistics.bootstrap import PERCENTILES
from sgram.statistics.step_noise import FEWEST_STEPS

MAX_CORRELATION = 0.95
"""Largest correlation of noise from one step to the next; more is a trend."""
_MAX_FLOATS = 1 << 22
"""Random numbers or window weights that are held at a time."""


@dataclass(frozen=True, slots=True, repr=False)
class Curve:
    """Values at increasing steps; if known, also the values of the problems of each step and their weights.

    Raise `UsageError` if lengths differ, steps do not increase, or a number is not finite.

    >>> curve = Curve((10, 20, 30), (0.5, 0.25, 0.125))
    >>> curve.at([10, 30]).values
    (0.5, 0.125)
    >>> curve
    Curve(3 steps from 10 to 30, values from 0.5 to 0.125)
    """

    steps: tuple[int, ...]
    values: tuple[float, ...]
    samples: tuple[tuple[float, ...], ...] | None = None
    """One number a problem, at each step; `values` are their weighted means."""
    weights: tuple[tuple[float, ...], ...] | None = None
    """Weight of each sample, such as its tokens; 1 if None. The sample of a problem with weight 0 is ignored."""
    problems: tuple[tuple[str, ...], ...] | None = None
    """Name of each sample's problem; if None, all problems are different."""

    def __post_init__(self) -> None:
        if len(self.steps) != len(self.values):
            raise UsageError(f"{len(self.steps)} steps and {len(self.values)} values; give one value a step")
        if any(later <= step for step, later in zip(self.steps, self.steps[1:], strict=False)):
            raise UsageError("the steps of a curve must increase; sort them and merge rows of one step")
        if not np.isfinite(np.asarray(self.values, np.float64)).all():
            raise UsageError("a value of a curve is missing or not finite; leave its step out")
        sizes = None if self.samples is None else [len(step_samples) for step_samples in self.samples]
        for name, column in (("weights", self.weights), ("problems", self.problems)):
            if column is not None and [len(cells) for cells in column] != sizes:
                raise UsageError(f"a curve must have one of its {name} for each sample of each step")
        if sizes is not None and len(sizes) != len(self.steps):
            raise UsageError(f"{len(self.steps)} steps and samples of {len(sizes)}; give samples for each step")
        if self.samples:
            samples, weights = _flatten(self.samples, self.weights)
            if not (np.isfinite(weights) & (weights >= 0)).all():
                raise UsageError("a weight of a curve is missing or below 0")
            if not np.isfinite(samples).all():
                raise UsageError("a sample of a curve is missing or not finite; give it the weight 0")

    def frame(self, backend: Backend | None = None) -> Any:
        """Return a data frame of the columns step and value; `backend` is ``pandas`` or ``polars``.

        Raise `MissingExtraError` if the library is not installed (`sgram.frames.build_frame`).
        """
        return build_frame({"step": "offset", "value": "number"}, zip(self.steps, self.values, strict=True), backend)

    def __repr__(self) -> str:
        if not self.steps:
            return "Curve(0 steps)"
        values = f"values from {self.values[0]:.4g} to {self.values[-1]:.4g}"
        return f"Curve({len(self.steps):,} steps from {self.steps[0]} to {self.steps[-1]}, {values})"

    def at(self, steps: Iterable[int]) -> "Curve":
        """Return the curve at those of its steps that are among `steps`."""
        allowed = set(steps)
        rows = [row for row, step in enumerate(self.steps) if step in allowed]
        return Curve(
            tuple(self.steps[row] for row in rows),
            tuple(self.values[row] for row in rows),
            None if self.samples is None else tuple(self.samples[row] for row in rows),
            None if self.weights is None else tuple(self.weights[row] for row in rows),
            None if self.problems is None else tuple(self.problems[row] for row in rows),
        )


def build_curve(
    steps: Sequence[int],
    problems: Sequence[str],
    numerators: Sequence[float],
    denominators: Sequence[float] | None = None,
) -> Curve:
    """Return the curve of sum(`numerators`) / sum(`denominators`) by step, from rows such as traces.

    Examples are entropies by tokens, planning tokens by tokens, correct traces by 1. `denominators` are 1 if None.
    Steps whose denominators are all 0 are left out. The order of rows does not matter.

    >>> build_curve([1, 1, 2], ["p", "q", "p"], [3, 1, 5], [10, 10, 20]).values
    (0.2, 0.25)
    """
    denominators = [1.0] * len(steps) if denominators is None else denominators
    cells: dict[tuple[int, str], tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for step, problem, numerator, denominator in zip(steps, problems, numerators, denominators, strict=True):
        cell = cells[int(step), problem]
        cell[0].append(numerator)
        cell[1].append(denominator)
    cells_by_step: dict[int, list[tuple[str, float, float]]] = defaultdict(list)
    for (step, problem), (parts, wholes) in sorted(cells.items()):
        cells_by_step[step].append((problem, math.fsum(parts), math.fsum(wholes)))
    rows = [
        (step, step_cells)
        for step, step_cells in sorted(cells_by_step.items())
        if any(whole > 0 for _, _, whole in step_cells)
    ]
    return Curve(
        tuple(step for step, _ in rows),
        tuple(
            math.fsum(part for _, part, whole in step_cells if whole > 0)
            / math.fsum(whole for _, _, whole in step_cells)
            for _, step_cells in rows
        ),
        tuple(tuple(part / whole if whole > 0 else 0.0 for _, part, whole in step_cells) for _, step_cells in rows),
        tuple(tuple(max(0.0, whole) for _, _, whole in step_cells) for _, step_cells in rows),
        tuple(tuple(problem for problem, _, _ in step_cells) for _, step_cells in rows),
    )


def curve_draws(
    curve: Curve, n_draws: int = N_DRAWS, seed: int = 0, problems: Iterable[Hashable] | None = None
) -> FloatArray:
    """Return curves as they might have come out, around this one, (draws, steps).

    Weights are drawn for `problems`, those of the curve if None; give the problems of several curves to draw them
    together.

    >>> curve_draws(Curve((1, 2), (2.0, 3.0), ((1.0, 3.0), (2.0, 4.0))), n_draws=5).shape
    (5, 2)
    """
    rng = np.random.default_rng([seed, 0xC0])
    values = np.asarray(curve.values, np.float64)
    if not curve.samples or not has_samples(curve):
        return values + draw_noise(*residuals(values), n_draws, rng)
    sizes = [len(step_samples) for step_samples in curve.samples]
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1])).astype(np.int64)
    samples, weights = _flatten(curve.samples, curve.weights)
    if curve.problems is None:
        problem_codes, n_problems = np.arange(len(samples)), len(samples)
    else:
        codes = {name: code for code, name in enumerate(dict.fromkeys(problems or problem_names(curve) or ()))}
        problem_codes = np.array([codes[name] for names in curve.problems for name in names], np.int64)
        n_problems = len(codes)
    all_differ = n_problems == len(problem_codes) and bool((problem_codes == np.arange(n_problems)).all())
    n_weighted = np.add.reduceat(weights > 0, starts, dtype=np.float64)
    # exponential weights give n - 1 / n + 1 of the variance that independent problems have
    widening = np.sqrt((n_weighted + 1) / (n_weighted - 1))
    blocks = []
    block_size = max(1, _MAX_FLOATS // max(1, n_problems))
    for start in range(0, n_draws, block_size):
        chance = rng.standard_exponential((min(block_size, n_draws - start), n_problems))
        chance = (chance if all_differ else chance[:, problem_codes]) * weights  # (draws, samples)
        blocks.append(np.add.reduceat(chance * samples, starts, axis=1) / np.add.reduceat(chance, starts, axis=1))
    means = np.add.reduceat(weights * samples, starts) / np.add.reduceat(weights, starts)
    draws: FloatArray = values + (np.concatenate(blocks) - means) * widening
    return draws


def trend_draws(
    curve: Curve, n_draws: int = N_DRAWS, seed: int = 0, problems: Iterable[Hashable] | None = None
) -> FloatArray:
    """Return `curve_draws` with the noise from step to step that problems do not explain, (draws, steps).

    Problems sampled within a step show how well its value is known, not how much the value wanders from step to step,
    with the policy or with the batch. What smoothing removes from the curve beyond the variance of the draws is drawn
    as well. With fewer than `FEWEST_STEPS` steps this noise is not known, and the draws are those of the problems.

    >>> jumps = Curve(tuple(range(40)), (0.0, 1.0) * 20, ((-0.1, 0.1), (0.9, 1.1)) * 20)
    >>> [round(float(draws(jumps, 200).std(axis=0).mean()), 1) for draws in (curve_draws, trend_draws)]
    [0.1, 0.5]
    """
    draws = curve_draws(curve, n_draws, seed, problems)
    values = np.asarray(curve.values, np.float64)
    if not has_samples(curve) or len(values) < FEWEST_STEPS:
        return draws
    noise, n_fitted = residuals(values)
    variance = float((noise**2).mean())
    explained = float((draws - values).var(axis=1).mean())  # along the steps: a problem at every step moves all of them
    if variance <= explained:
        return draws
    step_noise = draw_noise(noise, n_fitted, n_draws, np.random.default_rng([seed, 0xC1]))
    widened: FloatArray = draws + math.sqrt(1 - explained / variance) * step_noise
    return widened


def has_samples(curve: Curve) -> bool:
    """Return whether every step has samples of at least two problems with a weight above 0."""
    if not curve.samples or min(len(step_samples) for step_samples in curve.samples) < 2:
        return False
    return curve.weights is None or all(
        sum(weight > 0 for weight in step_weights) >= 2 for step_weights in curve.weights
    )


def curve_band(curve: Curve, n_draws: int = N_DRAWS, seed: int = 0) -> tuple[FloatArray, FloatArray] | None:
    """Return the ends (low, high) of the 95 % interval over problems at each step, both (steps,).

    None if the curve does not have samples of at least two problems at every step.
    """
    if not has_samples(curve):
        return None
    low, high = np.percentile(curve_draws(curve, n_draws, seed), PERCENTILES, axis=0)
    return low, high


def problem_names(*curves: Curve) -> list[str] | None:
    """Return the problems of all `curves`, each once, in order of occurrence; None if a curve does not name them."""
    names: dict[str, None] = {}
    for curve in curves:
        if curve.problems is None:
            return None
        names.update(dict.fromkeys(name for step_names in curve.problems for name in step_names))
    return list(names)


def _flatten(
    samples: Sequence[Sequence[float]], weights: Sequence[Sequence[float]] | None
) -> tuple[FloatArray, FloatArray]:
    """Return the samples and weights of all steps, each (samples,); a sample with weight 0 becomes 0."""
    flat_samples = np.concatenate([np.asarray(step_samples, np.float64) for step_samples in samples])
    if weights is None:
        return flat_samples, np.ones(len(flat_samples))
    flat_weights = np.concatenate([np.asarray(step_weights, np.float64) for step_weights in weights])
    return np.where(flat_weights > 0, flat_samples, 0.0), flat_weights


def smooth(values: FloatArray, half_window: int) -> tuple[FloatArray, float]:
    """Return `values` smoothed by lines fitted in windows, and the degrees of freedom of the smoothed curve.

    Local linear regression with tricube weights (Cleveland 1979), `half_window` neighbors on each side. Steps count by
    their rank.

    >>> fitted, freedom = smooth(np.arange(1.0, 6.0), half_window=2)  # a line is smoothed to itself
    >>> fitted.round(6).tolist()
    [1.0, 2.0, 3.0, 4.0, 5.0]
    """
    n = len(values)
    fitted, freedom, ranks = np.empty(n), 0.0, np.arange(n)
    block_size = max(1, _MAX_FLOATS // n)
    for start in range(0, n, block_size):
        rows = ranks[start : start + block_size]
        distances = ranks - rows[:, None]  # (rows, steps)
        weights = (1 - np.minimum(1, np.abs(distances) / (half_window + 1)) ** 3) ** 3
        total, slope, square = (
            moment.sum(axis=1, keepdims=True)
            for moment in (weights, weights * distances, weights * distances * distances)
        )
        smoother = weights * (square - slope * distances) / (total * square - slope**2)
        fitted[rows] = smoother @ values
        freedom += float(smoother[np.arange(len(rows)), rows].sum())
    return fitted, freedom


def residuals(values: FloatArray) -> tuple[FloatArray, float]:
    """Return what smoothing removes from `values`, (steps,), and the degrees of freedom of the smoothed curve.

    The window is an eighth of the steps on each side. The residuals are widened to make up for the noise that the
    smoothed curve follows.
    """
    n = len(values)
    fitted, freedom = smooth(values, max(2, round(n / 8)))
    return (values - fitted) * math.sqrt(n / max(1.0, n - freedom)), freedom


def draw_noise(noise: FloatArray, n_fitted: float, n_draws: int, rng: np.random.Generator) -> FloatArray:
    """Return draws, (draws, steps), with the spread of `noise`, (steps,), and its correlation from step to step.

    An autoregression of order 1 with its residuals drawn with replacement (Bühlmann 1997). Fitting `n_fitted`
    parameters to a curve removes correlation from the residuals, about (n_fitted + (n_fitted + 2) r) / n of it, which
    is put back. A negative correlation is set to 0, because smoothing causes such.
    """
    n = len(noise)
    noise = noise - noise.mean()
    squares = float(noise @ noise)
    if not squares:
        return np.zeros((n_draws, n))
    correlation = float(noise[1:] @ noise[:-1]) / squares
    correlation = min(max(0.0, correlation + (n_fitted + (n_fitted + 2) * correlation) / n), MAX_CORRELATION)
    innovations = noise[1:] - correlation * noise[:-1]
    innovations -= innovations.mean()
    spread = math.sqrt(float(innovations @ innovations) / len(innovations))
    if spread:
        innovations *= math.sqrt(squares / n * (1 - correlation**2)) / spread
    draws: FloatArray = innovations[rng.integers(len(innovations), size=(n_draws, n))]
    draws[:, 0] /= math.sqrt(1 - correlation**2)
    for step in range(1, n):
        draws[:, step] += correlation * draws[:, step - 1]
    return draws
