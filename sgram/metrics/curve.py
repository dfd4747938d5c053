"""A quantity over training steps, and how it might have come out otherwise. Knows nothing about what it measures.

Draws of a curve are what a bootstrap of its problems gives, where they are known: every problem gets a random weight
with mean 1 (exponential, Rubin 1981), the same wherever the problem occurs, so a problem that is looked at in every
step moves the whole curve. Where they are not known, noise is what a smoothed curve leaves, drawn anew with its
correlation from step to step; slow wandering it cannot tell from change, so draws of problems are better. Curves of the
same problems, or of the same steps, get the same draws, so that what they have in common cancels in their difference.
"""

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sgram.errors import UsageError
from sgram.statistics import N_DRAWS

_AT_ONCE = 1 << 22
MAX_CORRELATION = 0.95
"""Of noise from one step to the next; more is a trend."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Values at increasing steps; with the values of the problems of each step, and their weights, where known."""

    steps: tuple[int, ...]
    values: tuple[float, ...]
    samples: tuple[tuple[float, ...], ...] | None = None
    """One value a problem, at each step; `values` are their weighted means."""
    weights: tuple[tuple[float, ...], ...] | None = None
    """How much each counts, such as its tokens; 1 where None. A problem of weight 0 has no value."""
    problems: tuple[tuple[str, ...], ...] | None = None
    """Which problem each is; where None, all are different."""

    def __post_init__(self) -> None:
        if len(self.steps) != len(self.values):
            raise UsageError(f"{len(self.steps)} steps and {len(self.values)} values; give one value a step")
        if any(later <= step for step, later in zip(self.steps, self.steps[1:], strict=False)):
            raise UsageError("the steps of a curve must increase; sort them, and join what is of one step")
        if not np.isfinite(np.asarray(self.values, np.float64)).all():
            raise UsageError("a value of a curve is missing or not finite; leave its step out")
        shape = None if self.samples is None else [len(each) for each in self.samples]
        for name, given in (("weights", self.weights), ("problems", self.problems)):
            if given is not None and [len(each) for each in given] != shape:
                raise UsageError(f"{name} of a curve must be one for each sample of each step")
        if shape is not None and len(shape) != len(self.steps):
            raise UsageError(f"{len(self.steps)} steps and samples of {len(shape)}; give samples for each step")
        if shape:
            samples, weights = _flat(self)
            if not (np.isfinite(weights) & (weights >= 0)).all():
                raise UsageError("a weight of a curve is missing or below 0")
            if not np.isfinite(samples).all():
                raise UsageError("a sample of a curve is missing or not finite; give it the weight 0")

    def at(self, steps: Iterable[int]) -> "Curve":
        """The curve at those of its steps that are among `steps`."""
        wanted = set(steps)
        kept = [place for place, step in enumerate(self.steps) if step in wanted]
        parts = (self.steps, self.values, self.samples, self.weights, self.problems)
        return Curve(*(None if part is None else tuple(part[place] for place in kept) for part in parts))


def curve_of(
    steps: Sequence[int], problems: Sequence[str], above: Sequence[float], below: Sequence[float] | None = None
) -> Curve:
    """The curve of sum(`above`) / sum(`below`) by step, from rows such as traces; `below` is 1 where not given.

    So entropies by tokens, planning tokens by tokens, correct by 1. Steps at which `below` is 0 are left out. The order
    of rows does not matter.
    """
    below = [1.0] * len(steps) if below is None else below
    cells: dict[tuple[int, str], tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for step, problem, part, whole in zip(steps, problems, above, below, strict=True):
        cell = cells[int(step), problem]
        cell[0].append(part)
        cell[1].append(whole)
    of_step: dict[int, list[tuple[str, float, float]]] = defaultdict(list)
    for (step, problem), (parts, wholes) in sorted(cells.items()):
        of_step[step].append((problem, math.fsum(parts), math.fsum(wholes)))
    rows = [(step, of_step[step]) for step in sorted(of_step)]
    rows = [(step, cells_of) for step, cells_of in rows if any(whole > 0 for _, _, whole in cells_of)]
    return Curve(
        tuple(step for step, _ in rows),
        tuple(
            math.fsum(part for _, part, whole in of if whole > 0) / math.fsum(whole for _, _, whole in of)
            for _, of in rows
        ),
        tuple(tuple(part / whole if whole > 0 else 0.0 for _, part, whole in of) for _, of in rows),
        tuple(tuple(max(0.0, whole) for _, _, whole in of) for _, of in rows),
        tuple(tuple(problem for problem, _, _ in of) for _, of in rows),
    )


def curve_draws(
    curve: Curve, n_draws: int = N_DRAWS, seed: int = 0, names: Iterable[Hashable] | None = None
) -> np.ndarray:
    """(draws, steps): curves as they might have come out, around this one.

    `names` are the problems that weights are drawn for, those of the curve where None; give the problems of several
    curves to draw them together.
    """
    rng = np.random.default_rng([seed, 0xC0])
    values = np.asarray(curve.values, np.float64)
    if not has_samples(curve):
        return values + noise_like(*residuals(values), n_draws, rng)
    sizes = [len(each) for each in curve.samples]
    firsts = np.concatenate(([0], np.cumsum(sizes)[:-1])).astype(np.int64)
    samples, weights = _flat(curve)
    if curve.problems is None:
        slot, n_names = np.arange(len(samples)), len(samples)
    else:
        places = {name: place for place, name in enumerate(dict.fromkeys(names or problem_names(curve)))}
        slot = np.array([places[name] for each in curve.problems for name in each], np.int64)
        n_names = len(places)
    each_once = n_names == len(slot) and bool((slot == np.arange(n_names)).all())
    n_known = np.add.reduceat(weights > 0, firsts, dtype=np.float64)
    # exponential weights give n - 1 / n + 1 of the variance that independent problems have
    widened = np.sqrt((n_known + 1) / (n_known - 1))
    drawn = []
    at_once = max(1, _AT_ONCE // max(1, n_names))
    for first in range(0, n_draws, at_once):
        chance = rng.standard_exponential((min(at_once, n_draws - first), n_names))
        chance = (chance if each_once else chance[:, slot]) * weights  # (some draws, slots)
        drawn.append(np.add.reduceat(chance * samples, firsts, axis=1) / np.add.reduceat(chance, firsts, axis=1))
    means = np.add.reduceat(weights * samples, firsts) / np.add.reduceat(weights, firsts)
    return values + (np.concatenate(drawn) - means) * widened


def has_samples(curve: Curve) -> bool:
    """Whether problems are known at every step, at least two of them."""
    if not curve.samples or min(len(each) for each in curve.samples) < 2:
        return False
    weights = curve.weights or [(1.0,) * len(each) for each in curve.samples]
    return all(sum(weight > 0 for weight in each) >= 2 for each in weights)


def curve_band(curve: Curve, n_draws: int = N_DRAWS, seed: int = 0) -> tuple[np.ndarray, np.ndarray] | None:
    """(low, high) of each step, 95 % over problems, each (steps,); None where problems are not known."""
    if not has_samples(curve):
        return None
    low, high = np.percentile(curve_draws(curve, n_draws, seed), (2.5, 97.5), axis=0)
    return low, high


def problem_names(*curves: Curve) -> list[str] | None:
    """The problems of all `curves`, each once, in the order in which they occur; None where one does not name them."""
    if any(curve.problems is None for curve in curves):
        return None
    return list(dict.fromkeys(name for curve in curves for each in curve.problems for name in each))


def _flat(curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    """(values, weights) of the problems of all steps, each (slots,); a value without weight is 0."""
    given = curve.weights or [(1.0,) * len(each) for each in curve.samples]
    samples, weights = (
        np.concatenate([np.asarray(each, np.float64) for each in part]) for part in (curve.samples, given)
    )
    return np.where(weights > 0, samples, 0.0), weights


def smoothed(values: np.ndarray, half: int) -> tuple[np.ndarray, float]:
    """(values smoothed by lines fitted in windows, their degrees of freedom).

    Local linear, tricube weights (Cleveland 1979), `half` neighbors on each side. Steps count by their rank.
    """
    n = len(values)
    found, freedom, places = np.empty(n), 0.0, np.arange(n)
    for first in range(0, n, max(1, _AT_ONCE // n)):
        rows = places[first : first + max(1, _AT_ONCE // n)]
        far = places - rows[:, None]  # (rows, steps)
        weights = (1 - np.minimum(1, np.abs(far) / (half + 1)) ** 3) ** 3
        total, slope, square = (
            each.sum(axis=1, keepdims=True) for each in (weights, weights * far, weights * far * far)
        )
        linear = weights * (square - slope * far) / (total * square - slope**2)
        found[rows] = linear @ values
        freedom += float(linear[np.arange(len(rows)), rows].sum())
    return found, freedom


def residuals(values: np.ndarray) -> tuple[np.ndarray, float]:
    """(what smoothing over an eighth of the steps on each side leaves of `values`, the freedom of the smoothed curve).

    It is widened for what the smoothed curve follows by itself.
    """
    n = len(values)
    fitted, freedom = smoothed(values, max(2, round(n / 8)))
    return (values - fitted) * math.sqrt(n / max(1.0, n - freedom)), freedom


def noise_like(left: np.ndarray, n_fitted: float, n_draws: int, rng: np.random.Generator) -> np.ndarray:
    """(draws, steps) of noise like `left`, (steps,): its spread, and its correlation from step to step.

    An autoregression of order 1 with its residuals drawn with replacement (Bühlmann 1997). Fitting `n_fitted`
    parameters to a curve takes correlation out of what is left, about (n_fitted + (n_fitted + 2) r) / n of it, which
    is put back; correlation below 0 is taken for 0, as smoothing makes such.
    """
    n = len(left)
    left = left - left.mean()
    squares = float(left @ left)
    if not squares:
        return np.zeros((n_draws, n))
    again = float(left[1:] @ left[:-1]) / squares
    again = min(max(0.0, again + (n_fitted + (n_fitted + 2) * again) / n), MAX_CORRELATION)
    new = left[1:] - again * left[:-1]
    new -= new.mean()
    spread = math.sqrt(float(new @ new) / len(new))
    if spread:
        new *= math.sqrt(squares / n * (1 - again**2)) / spread
    drawn = new[rng.integers(len(new), size=(n_draws, n))]
    drawn[:, 0] /= math.sqrt(1 - again**2)
    for place in range(1, n):
        drawn[:, place] += again * drawn[:, place - 1]
    return drawn
