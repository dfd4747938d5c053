"""The four claims of Multi-Agent Evolve (arXiv 2510.23595), each with a verdict: yes, no or cannot say.

A claim has conditions. It holds if all of them do, and fails if one of them fails. A condition compares a number of
each run with a bound, by the 95 % interval over the runs of different seeds: above it yes, below it no, else it cannot
say. With one start policy the verdicts speak of that policy only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sgram.metrics import settle
from sgram.statistics import MeanInterval, round_number, t_interval
from sgram.training.evolve.arm_names import METHOD
from sgram.training.evolve.evaluation import FROZEN, POLICY
from sgram.training.evolve.evolve_run import MIN_POINTS, EvolveRun, Quantity
from sgram.training.evolve.run_statistics import (
    Runs,
    RunsByArm,
    accepted_quantity,
    accuracy,
    judge_quantity,
    name_reason,
    over_runs,
    paired,
    proposal_quantity,
)

ClaimVerdict = Literal["yes", "no", "cannot say"]
VALID_MARGIN = AUC_MARGIN = 0.05
"""What a share of valid questions, or an AUC, may lose and still count as no loss."""
RANDOM_MARGIN = 0.05
"""How far accuracy may stray from the start under a random judge, if settings are to be accepted."""
MIN_CLASSES_SHARE = 0.5
"""Share of the start's effective classes below which the proposer has collapsed."""
MIN_NEW = 1.0
"""New questions a step at the end, below which the proposer has collapsed."""
SETTLED_BY = 2 / 3
"""Part of a run by which a curve must have settled. A straight line settles at .81."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One part of a claim: what was measured over runs, and whether it holds."""

    name: str
    interval: MeanInterval
    verdict: ClaimVerdict | None = None
    """None for a number that stands beside a claim without deciding it."""
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the condition as JSON values, numbers with 6 decimals."""
        numbers = {name: round_number(getattr(self.interval, name)) for name in ("mean", "low", "high")}
        undefined = self.interval.undefined or None
        return {
            "name": self.name,
            **numbers,
            "n": self.interval.n,
            "undefined": undefined,
            "verdict": self.verdict,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim with its conditions, and numbers that stand beside it without deciding it."""

    key: str
    title: str
    conditions: tuple[Condition, ...]
    beside: tuple[Condition, ...] = ()
    note: str = ""

    @property
    def verdict(self) -> ClaimVerdict:
        """Return yes if all conditions hold, no if one fails, else "cannot say"."""
        return all_of([condition.verdict or "cannot say" for condition in self.conditions])

    def to_json(self) -> dict[str, Any]:
        """Return the claim as JSON values."""
        parts = {name: [part.to_json() for part in getattr(self, name)] for name in ("conditions", "beside")}
        return {"key": self.key, "title": self.title, "verdict": self.verdict, "note": self.note, **parts}


def all_of(verdicts: Sequence[ClaimVerdict]) -> ClaimVerdict:
    """Return no if one verdict is no, yes if all are yes, else "cannot say".

    >>> all_of(["yes", "cannot say"]), all_of(["yes", "no", "cannot say"]), all_of(["yes"]), all_of([])
    ('cannot say', 'no', 'yes', 'cannot say')
    """
    if "no" in verdicts:
        return "no"
    return "yes" if verdicts and set(verdicts) == {"yes"} else "cannot say"


def above(interval: MeanInterval, bound: float) -> ClaimVerdict:
    """Return on which side of `bound` an interval lies. Equal numbers of several runs are their own interval.

    >>> above(t_interval([0.3, 0.4, 0.5]), 0), above(t_interval([0.4]), 0), above(t_interval([2.0, 2.0]), 1)
    ('yes', 'cannot say', 'yes')
    """
    low, high = interval.low, interval.high
    if interval.n > 1 and interval.mean is not None and low is None:
        low = high = interval.mean
    if low is None or high is None:
        return "cannot say"
    return "yes" if low > bound else "no" if high < bound else "cannot say"


def not_below(interval: MeanInterval, margin: float) -> ClaimVerdict:
    """Return whether a change is no loss: yes if its interval lies above -margin, no if it lies below 0, or both ends
    allow a loss and a gain: "cannot say".

    >>> [not_below(MeanInterval(3, 0, low, high), 0.05) for low, high in ((-0.04, 0.1), (-0.3, -0.1), (-0.3, 0.1))]
    ['yes', 'no', 'cannot say']
    """
    verdict = above(interval, -margin)
    return "no" if verdict != "yes" and above(interval, 0) == "no" else "yes" if verdict == "yes" else "cannot say"


def judge_claims(arms: RunsByArm) -> tuple[Claim, ...]:
    """Return the claims about the arm `METHOD`, and whether the settings leave a random judge harmless.

    Controls are found by the short names of `sgram.training.evolve.arm_names`. What a missing control would decide
    cannot be said.
    """
    runs = arms.get(METHOD, ())
    return (
        _settings_claim(arms.get("judge=random", ())),
        _difficulty_claim(runs, arms),
        _judge_claim(runs),
        _equilibrium_claim(runs),
        _accuracy_claim(runs, arms),
    )


def _settings_claim(random_runs: Runs) -> Claim:
    """Return whether accuracy stays at the start under a random judge; if not, no fall can be blamed on the judge."""
    deviations_by_step: dict[int, list[float]] = {}
    for run in random_runs:
        for step, evaluation in run.evaluations:
            if evaluation.accuracy is not None and run.start.accuracy is not None:
                deviations_by_step.setdefault(step, []).append(evaluation.accuracy - run.start.accuracy)
    deviations = {step: sum(numbers) / len(numbers) for step, numbers in deviations_by_step.items()}
    worst = max(deviations.items(), key=lambda pair: abs(pair[1]), default=None)
    interval = over_runs(random_runs, lambda run: run.change(accuracy))
    if worst is None:
        condition = Condition("accuracy under judge=random, last - start", interval, "cannot say", "no run")
    else:
        verdict: ClaimVerdict = "yes" if abs(worst[1]) <= RANDOM_MARGIN else "no"
        note = f"largest mean deviation of all evaluations {worst[1]:+.3f}, at step {worst[0]}"
        condition = Condition("accuracy under judge=random, last - start", interval, verdict, note)
    title = f"settings are acceptable: accuracy under a random judge stays within {RANDOM_MARGIN:g} of the start"
    return Claim("settings", title, (condition,))


def _difficulty_claim(runs: Runs, arms: RunsByArm) -> Claim:
    def trend(run: EvolveRun) -> float | None:
        return run.trend("proposer/true_difficulty")

    slope = over_runs(runs, trend)
    conditions = [Condition("true difficulty of accepted questions, change over the run", slope, above(slope, 0))]
    for control in ("frozen-proposer", "no-difficulty"):
        difference = paired(runs, arms.get(control, ()), trend)
        conditions.append(Condition(f"that change, less that of {control}", difference, above(difference, 0)))
    valid = over_runs(runs, lambda run: run.trend("proposer/valid"))
    conditions.append(Condition("share of valid questions, change over the run", valid, not_below(valid, VALID_MARGIN)))
    judged = over_runs(runs, lambda run: run.trend("proposer/difficulty"))
    beside = (Condition("judged difficulty, change over the run", judged),)
    return Claim("harder", "the proposer first proposes easy questions, then harder ones", tuple(conditions), beside)


def _judge_claim(runs: Runs) -> Claim:
    change = over_runs(runs, lambda run: run.change(judge_quantity(POLICY, "auc")))
    condition = Condition("AUC on own answers, last - start", change, not_below(change, AUC_MARGIN))
    beside = []
    for title, quantity in (
        ("AUC on own answers, last", judge_quantity(POLICY, "auc")),
        ("AUC within a question, last", judge_quantity(POLICY, "auc_within")),
        ("AUC of the frozen judge on the same answers, last", judge_quantity(FROZEN, "auc")),
        ("leniency (mean score of wrong answers), last", judge_quantity(POLICY, "wrong")),
        ("leniency of the frozen judge, last", judge_quantity(FROZEN, "wrong")),
        ("correlation of judged with true difficulty, last", accepted_quantity("correlation")),
    ):
        interval = over_runs(runs, lambda run, quantity=quantity: quantity(run.last))  # type: ignore[misc]
        beside.append(Condition(title, interval))
    leniency = over_runs(runs, lambda run: run.change(judge_quantity(POLICY, "wrong")))
    beside.append(Condition("leniency, last - start", leniency))
    return Claim(
        "judge", "the judge refines the difficulty: it does not lose sight of the truth", (condition,), tuple(beside)
    )


def _equilibrium_claim(runs: Runs) -> Claim:
    classes = over_runs(runs, lambda run: _ratio(run, proposal_quantity("classes")))
    new = over_runs(runs, lambda run: run.end("proposer/new"))
    narrow = (
        Condition("effective classes of fresh proposals, last / start", classes, above(classes, MIN_CLASSES_SHARE)),
        Condition("new questions a step, last fifth of the run", new, above(new, MIN_NEW)),
    )
    settled = (
        _settled(runs, "proposer/solve_rate", "solve rate of valid fresh questions"),
        _settled(runs, "proposer/true_difficulty", "true difficulty of accepted questions"),
    )
    is_collapse = any(condition.verdict == "no" for condition in narrow)
    note = "the proposer has collapsed" if is_collapse else ""
    return Claim(
        "equilibrium", "the roles reach an equilibrium, and the proposer stays wide", (*settled, *narrow), (), note
    )


def _ratio(run: EvolveRun, quantity: Quantity) -> float | None:
    first, last = quantity(run.start), quantity(run.last)
    return last / first if first and last is not None else None


def _settled(runs: Runs, name: str, title: str) -> Condition:
    """Return whether a curve settles in the first `SETTLED_BY` of every run; one that does not move has settled."""
    fractions, flags = [], []
    for run in runs:
        steps, numbers = run.curve(name)
        if len(steps) < MIN_POINTS:
            continue
        settling = settle(steps, numbers)
        if settling.step is None:
            flags.append(True)
            continue
        fraction = (settling.step - steps[0]) / (steps[-1] - steps[0])
        fractions.append(fraction)
        flags.append(fraction <= SETTLED_BY)
    verdict: ClaimVerdict = "cannot say"
    if len(flags) > 1:
        verdict = "yes" if all(flags) else "cannot say" if any(flags) else "no"
    interval = name_reason(t_interval(fractions), "no run has a step at which it settles")
    note = f"settled in {sum(flags)} of {len(flags)} runs, without a change in {len(flags) - len(fractions)}"
    return Condition(f"{title} settles, part of the run", interval, verdict, note if flags else "no run has this curve")


def _accuracy_claim(runs: Runs, arms: RunsByArm) -> Claim:
    def change(run: EvolveRun) -> float | None:
        return run.change(accuracy)

    def best_change(run: EvolveRun) -> float | None:
        best = run.best(accuracy)
        return None if best is None or run.start.accuracy is None else best - run.start.accuracy

    last = over_runs(runs, change)
    beside = []
    best = over_runs(runs, best_change)
    beside.append(Condition("best - start (a maximum of noisy numbers: too high)", best))
    for control in ("fixed-questions", "narrow-questions"):
        control_runs = arms.get(control, ())
        control_change = over_runs(control_runs, change)
        beside.append(Condition(f"{control}: last - start", control_change))
        difference = paired(runs, control_runs, change)
        beside.append(Condition(f"evolve less {control}, last", difference))
    condition = Condition("held-out accuracy, last - start", last, above(last, 0))
    return Claim("accuracy", "accuracy rises", (condition,), tuple(beside))
