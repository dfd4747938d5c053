"""Did execution settle before planning? Knows nothing about how the curves came, but which class each is of.

HICRA §2.2 says that training first consolidates execution and then explores strategies. Its curves have no seeds and no
intervals, and in most of them the planning tokens move more. So the question is put to two curves of one quantity, such
as token entropy: the verdict is

- "yes" where the 95 % interval of (step of planning - step of execution) lies above 0, each step being that from which
  the class has made 90 % of its own total change (see `settling`),
- "no" where it lies below 0,
- "cannot say" in any other case, so also where the total change of a class cannot be told from 0.

It speaks about the curves of one run, and about one way to tell settling; not about what training does in general.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sgram.metrics.curve import Curve, curve_draws, has_samples, problem_names
from sgram.metrics.settling import MIN_STEPS, SHARE, Settling, interval, settle_drawn
from sgram.statistics import N_DRAWS, Estimate

Answer = Literal["yes", "no", "cannot say"]


@dataclass(frozen=True, slots=True)
class PhaseOrder:
    """Whether execution settles first, in a word and in a sentence, with what it rests on."""

    answer: Answer
    sentence: str
    execution: Settling
    planning: Settling
    difference: Estimate
    """Steps from the settling of execution to that of planning; above 0 where execution is first."""
    n_steps: int
    resampled: Literal["problems", "residuals"]
    """What the intervals come from."""


def phase_order(
    execution: Curve, planning: Curve, share: float = SHARE, seed: int = 0, n_draws: int = N_DRAWS
) -> PhaseOrder:
    """Whether execution tokens settle before planning tokens; the module gives the rule.

    Steps that only one curve has are left out. Problems are drawn where both curves have at least two at every step,
    the same draws for both; else the noise about the smoothed curves. Scales do not matter: neither curve's units nor
    its level change anything but the numbers in the sentence.
    """
    common = set(execution.steps) & set(planning.steps)
    execution, planning = execution.at(common), planning.at(common)
    by_problem = has_samples(execution) and has_samples(planning)
    settled = []
    for curve in (execution, planning):
        if len(curve.steps) < MIN_STEPS:
            drawn = np.zeros((1, len(curve.steps)))  # not looked at
        elif by_problem:
            drawn = curve_draws(curve, n_draws, seed, problem_names(execution, planning))
        else:
            drawn = curve_draws(Curve(curve.steps, curve.values), n_draws, seed)
        settled.append(settle_drawn(curve.steps, curve.values, drawn, share))
    (of_execution, drawn_execution), (of_planning, drawn_planning) = settled
    resampled = "problems" if by_problem else "residuals"
    reasons = [
        f"for {name} tokens {found.undefined}"
        for name, found in (("execution", of_execution), ("planning", of_planning))
        if found.undefined
    ]
    if reasons:
        reason = "; ".join(reasons) if len(common) >= MIN_STEPS else of_execution.undefined
        sentence = f"Execution settles first: cannot say, as {reason}."
        missing = Estimate(None, undefined=reason)
        return PhaseOrder("cannot say", sentence, of_execution, of_planning, missing, len(common), resampled)
    apart = float(of_planning.step - of_execution.step)
    low, high = interval(drawn_planning - drawn_execution, apart)
    difference = Estimate(apart, low, high)
    answer: Answer = "yes" if low > 0 else "no" if high < 0 else "cannot say"
    sentence = _sentence(answer, of_execution, of_planning, difference, share, resampled)
    return PhaseOrder(answer, sentence, of_execution, of_planning, difference, len(common), resampled)


def _sentence(
    answer: Answer, execution: Settling, planning: Settling, difference: Estimate, share: float, resampled: str
) -> str:
    why = {
        "yes": "the interval lies above 0",
        "no": "the interval lies below 0: planning settles first",
        "cannot say": "the interval holds 0",
    }[answer]
    return (
        f"Execution settles first: {answer}. Execution tokens have made {100 * share:g} % of their total change "
        f"{_changed(execution)} by step {_steps(execution.step, execution.low, execution.high)}, planning tokens "
        f"{_changed(planning)} by step {_steps(planning.step, planning.low, planning.high)}; the difference is "
        f"{_steps(difference.value, difference.low, difference.high)} steps, and {why} "
        f"(95 % intervals, {resampled} drawn).{_turned('execution', execution)}{_turned('planning', planning)}"
    )


def _changed(found: Settling) -> str:
    relative = found.end / found.start if found.start else math.nan
    times = f", to {relative:.2f} of the start" if math.isfinite(relative) and relative > 0 else ""
    return f"({found.start:.3g} to {found.end:.3g}{times})"


def _steps(value: float, low: float, high: float) -> str:
    return f"{value:g} [{round(low, 1):.10g}, {round(high, 1):.10g}]"


def _turned(name: str, found: Settling) -> str:
    if found.turn is None:
        return ""
    return (
        f" The curve of {name} tokens turned back at step {found.turn}, at {found.turn_value:.3g}; it counts as "
        "settled once it has come back to its end."
    )
