"""Whether execution settles before planning.

HICRA §2.2 says that training first consolidates execution and then explores strategies. Its curves have no seeds and no
intervals, and in most of them the planning tokens move more. So the question is put to two curves of one quantity, such
as token entropy. The answer is

- "yes" if the 95 % interval of (step of planning - step of execution) lies above 0, where each step is the one from
  which the class has made 90 % of its own total change (see `settling`),
- "no" if the interval lies below 0,
- "cannot say" otherwise, also if the total change of a class cannot be distinguished from 0.

The answer is about the curves of one run and about one definition of settling, not about training in general.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sgram.metrics.curve import Curve, has_samples, problem_names, trend_draws
from sgram.metrics.settling import MIN_STEPS, SHARE, Settling, interval_with_value, settle_with_draws
from sgram.statistics import N_DRAWS, Estimate

PhaseAnswer = Literal["yes", "no", "cannot say"]
ResampledUnit = Literal["problems", "residuals"]


@dataclass(frozen=True, slots=True)
class PhaseOrder:
    """Whether execution settles first, as a word and a sentence, with the numbers behind it."""

    answer: PhaseAnswer
    sentence: str
    execution: Settling
    planning: Settling
    difference: Estimate
    """Steps from the settling of execution to that of planning; above 0 if execution is first."""
    n_steps: int
    resampled: ResampledUnit
    """Source of the intervals: draws of problems and of the noise between steps beyond them (`trend_draws`), or of the
    residuals of the smoothed curves alone."""


def phase_order(
    execution: Curve, planning: Curve, share: float = SHARE, seed: int = 0, n_draws: int = N_DRAWS
) -> PhaseOrder:
    """Return whether execution tokens settle before planning tokens; the module docstring has the rule.

    Steps that only one curve has are left out. If both curves have at least two problems at every step, problems are
    drawn, the same draws for both curves, and the noise from step to step that they do not explain; otherwise the noise
    about the smoothed curves is. Neither curve's unit nor
    its level changes more than the numbers in the sentence.

    >>> steps = tuple(range(40))
    >>> execution = Curve(steps, tuple(math.exp(-step / 2) for step in steps))
    >>> planning = Curve(steps, tuple(math.exp(-step / 12) for step in steps))
    >>> phase_order(execution, planning, n_draws=50).answer
    'yes'
    """
    common_steps = set(execution.steps) & set(planning.steps)
    execution, planning = execution.at(common_steps), planning.at(common_steps)
    resampled: ResampledUnit = "problems" if has_samples(execution) and has_samples(planning) else "residuals"
    settlings = []
    for curve in (execution, planning):
        if len(curve.steps) < MIN_STEPS:
            draws = np.zeros((1, len(curve.steps)))  # not used
        elif resampled == "problems":
            draws = trend_draws(curve, n_draws, seed, problem_names(execution, planning))
        else:
            draws = trend_draws(Curve(curve.steps, curve.values), n_draws, seed)
        settlings.append(settle_with_draws(curve.steps, curve.values, draws, share))
    (execution_settling, execution_draws), (planning_settling, planning_draws) = settlings
    if execution_draws is None or planning_draws is None:
        reason = _missing_reason(execution_settling, planning_settling, len(common_steps))
        sentence = f"Execution settles first: cannot say, as {reason}."
        difference = Estimate(None, undefined=reason)
        answer: PhaseAnswer = "cannot say"
    else:
        steps_between = float(_defined(planning_settling.step) - _defined(execution_settling.step))
        low, high = interval_with_value(planning_draws - execution_draws, steps_between)
        difference = Estimate(steps_between, low, high)
        answer = "yes" if low > 0 else "no" if high < 0 else "cannot say"
        sentence = _sentence(answer, execution_settling, planning_settling, difference, share, resampled)
    return PhaseOrder(answer, sentence, execution_settling, planning_settling, difference, len(common_steps), resampled)


def _missing_reason(execution: Settling, planning: Settling, n_steps: int) -> str:
    """Return why at least one of the classes has no step of settling."""
    if n_steps < MIN_STEPS:
        return execution.undefined
    return "; ".join(
        f"for {name} tokens {settling.undefined}"
        for name, settling in (("execution", execution), ("planning", planning))
        if settling.undefined
    )


def _sentence(
    answer: PhaseAnswer,
    execution: Settling,
    planning: Settling,
    difference: Estimate,
    share: float,
    resampled: ResampledUnit,
) -> str:
    reason = {
        "yes": "the interval lies above 0",
        "no": "the interval lies below 0: planning settles first",
        "cannot say": "the interval holds 0",
    }[answer]
    return (
        f"Execution settles first: {answer}. Execution tokens have made {100 * share:g} % of their total change "
        f"{_change_text(execution)} by step {_steps_text(execution.step, execution.low, execution.high)}, "
        f"planning tokens {_change_text(planning)} by step "
        f"{_steps_text(planning.step, planning.low, planning.high)}; the difference is "
        f"{_steps_text(difference.value, difference.low, difference.high)} steps, and {reason} "
        f"(95 % intervals, {resampled} drawn).{_turn_text('execution', execution)}{_turn_text('planning', planning)}"
    )


def _change_text(settling: Settling) -> str:
    start, end = _defined(settling.start), _defined(settling.end)
    ratio = end / start if start else math.nan
    ratio_text = f", to {ratio:.2f} of the start" if math.isfinite(ratio) and ratio > 0 else ""
    return f"({start:.3g} to {end:.3g}{ratio_text})"


def _steps_text(steps: float | None, low: float | None, high: float | None) -> str:
    return f"{_defined(steps):g} [{round(_defined(low), 1):.10g}, {round(_defined(high), 1):.10g}]"


def _turn_text(name: str, settling: Settling) -> str:
    if settling.turn is None:
        return ""
    return (
        f" The curve of {name} tokens turned back at step {settling.turn}, at {settling.turn_value:.3g}; it counts as "
        "settled once it has come back to its end."
    )


def _defined(number: float | None) -> float:
    """Return a number that is never None where the callers ask for it: both classes have settled."""
    if number is None:
        raise ValueError("a settled curve has all its numbers")
    return number
