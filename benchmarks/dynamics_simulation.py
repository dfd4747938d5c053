"""How often is the verdict "execution settles first" right, on curves whose order is known?

    python benchmarks/dynamics_simulation.py [--runs 40]

Each setting is two curves, drawn anew in each run: 8 problems a step, whose mean has the noise given as its standard
error, in parts of the total change. Exponential curves lose all but 1/e in 1/16 (early), 1/8 or 1/4 (late) of the
steps; logistic ones are half way at 1/4, 2/5 or 5/9 of them. "Problems drawn": the problems are known; "residuals
drawn": their means only are, and the noise is what smoothing leaves. With a wander, the mean of each step is also off
by a noise of 0.1 that all of its problems share, so that the problems do not show it. A verdict is false where it says
the wrong order, or any where there is none: classes that settle at once, that do not move, or of which only one does.
Nothing is read from disk; the same numbers come out every time. About three minutes on one core.
"""

import argparse
import itertools
from collections import Counter

import numpy as np

from sgram.metrics import Curve, phase_order

STEPS = (20, 80, 200)
NOISE = ((0.02, 0.02), (0.02, 0.08), (0.05, 0.05), (0.1, 0.1))
WANDERS = (0.0, 0.1)
N_PROBLEMS, N_DRAWS = 8, 300
TRUE = {"execution first": "yes", "planning first": "no"}
PLACES = {
    "exponential": {"early": 1 / 16, "both": 1 / 8, "late": 1 / 4},
    "logistic": {"early": 1 / 4, "both": 2 / 5, "late": 5 / 9},
}
ORDERS = {
    "execution first": ("early", "late"),
    "planning first": ("late", "early"),
    "at once": ("both", "both"),
    "neither moves": ("flat", "flat"),
    "only planning moves": ("flat", "both"),
}


def truth(shape: str, place: str, n: int) -> np.ndarray:
    """A curve from 1 to about 0 without noise, or one that stays at 1."""
    steps = np.arange(n) / n
    if place == "flat":
        return np.ones(n)
    at = PLACES[shape][place]
    return np.exp(-steps / at) if shape == "exponential" else 1 / (1 + np.exp((steps - at) * 20))


def sample_curve(values: np.ndarray, noise: float, wander: float, rng: np.random.Generator) -> Curve:
    """Return `values` as a few problems a step show them, if each step is off by `wander`."""
    spread = noise * np.sqrt(N_PROBLEMS)
    samples = values[:, None] + rng.normal(0, spread, (len(values), N_PROBLEMS))
    if wander:
        samples += rng.normal(0, wander, (len(values), 1))
    return Curve(tuple(range(len(values))), tuple(samples.mean(axis=1)), tuple(map(tuple, samples)))


def count_verdicts(
    shape: str, order: str, n: int, noise: tuple[float, float], wander: float, runs: int
) -> dict[str, Counter]:
    """Return how often each answer came, by what is drawn."""
    answers = {"problems": Counter(), "residuals": Counter()}
    rng = np.random.default_rng([n, *(int(1000 * level) for level in noise), *order.encode(), *shape.encode()])
    for seed in range(runs):
        curves = [
            sample_curve(truth(shape, place, n), level, wander, rng)
            for place, level in zip(ORDERS[order], noise, strict=True)
        ]
        by_problem = phase_order(*curves, seed=seed, n_draws=N_DRAWS)
        by_residual = phase_order(*(Curve(curve.steps, curve.values) for curve in curves), seed=seed, n_draws=N_DRAWS)
        answers["problems"][by_problem.answer] += 1
        answers["residuals"][by_residual.answer] += 1
    return answers


def count_false(order: str, counts: Counter) -> int:
    """Return the number of verdicts that are not true."""
    return sum(count for answer, count in counts.items() if answer not in ("cannot say", TRUE.get(order)))


def format_shares(counts: Counter) -> str:
    n = sum(counts.values())
    return " / ".join(f"{counts[answer] / n:.2f}" for answer in ("yes", "no", "cannot say"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=40, help="pairs of curves a setting")
    runs = parser.parse_args().runs
    totals: dict[tuple[str, float, str], Counter] = {}
    print("yes / no / cannot say, problems drawn:\n")
    print("| shape | order | wander | noise, execution; planning | " + " | ".join(f"{n} steps" for n in STEPS) + " |")
    print("|---|---|--:|---|" + "---|" * len(STEPS))
    for shape, order, wander, noise in itertools.product(PLACES, ORDERS, WANDERS, NOISE):
        cells = []
        for n in STEPS:
            answers = count_verdicts(shape, order, n, noise, wander, runs)
            cells.append(format_shares(answers["problems"]))
            for drawn, counts in answers.items():
                totals.setdefault((order, wander, drawn), Counter()).update(counts)
        if order != "neither moves":
            print(f"| {shape} | {order} | {wander} | {noise[0]}; {noise[1]} | " + " | ".join(cells) + " |", flush=True)
    print("\nAll shapes, noises and numbers of steps:\n")
    print("| order | wander | drawn | pairs of curves | yes / no / cannot say | false verdicts |")
    print("|---|--:|---|--:|---|--:|")
    for (order, wander, drawn), counts in totals.items():
        n = sum(counts.values())
        shares = format_shares(counts)
        print(f"| {order} | {wander} | {drawn} | {n} | {shares} | {count_false(order, counts) / n:.3f} |")


if __name__ == "__main__":
    main()
