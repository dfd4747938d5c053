"""Arms of `sgram evolve` side by side: claims, tables by arm, and what is missing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from sgram.files import excerpt, pretty_json, write_bytes
from sgram.frames import Backend, CellKind, build_frame, interval_columns
from sgram.statistics import MeanInterval, round_number
from sgram.training.evolve.arm_names import ARMS, arm_title
from sgram.training.evolve.claims import Claim, Condition, judge_claims
from sgram.training.evolve.evaluation import FROZEN, POLICY
from sgram.training.evolve.evolve_run import EvolveRun, Quantity
from sgram.training.evolve.measures import CLAIMS_CHECK, LEVELS, EvolveEvaluation, JudgeMeasures
from sgram.training.evolve.run_statistics import (
    RunsByArm,
    accepted_quantity,
    accuracy,
    judge_quantity,
    over_runs,
    proposal_quantity,
)
from sgram.training.experiments.comparison_io import format_number
from sgram.training.experiments.markdown_tables import table_cell, table_head, table_line
from sgram.training.experiments.matrix import Cell, Failure

NOTES = (
    "Brackets are 95 % intervals over the runs of different seeds: Student's with one start policy. A condition "
    'holds ("yes") if its interval lies above its bound, fails ("no") if it lies below, else it cannot say; numbers '
    "without a verdict decide nothing. Arrows lead from the start to the last evaluation, means over runs. True "
    "difficulty is the failure rate of the start policy on the kinds of the valid questions. The judge is that of "
    "the current weights, in every arm; leniency is the mean score of wrong answers."
)


@dataclass(frozen=True, slots=True)
class MissingRun:
    """A run that the comparison should have and does not."""

    arm: str
    seed: int
    warmup_seed: int
    reason: str = "not run"


_CLAIM_COLUMNS: dict[str, CellKind] = {
    **dict.fromkeys(("claim", "condition"), "text"),
    "runs": "offset",
    **interval_columns("mean"),
    **dict.fromkeys(("verdict", "note"), "text"),
}


@dataclass(frozen=True, slots=True, repr=False)
class EvolveComparison:
    """Runs by the short name of their arm, the verdicts on the claims, and the runs that are missing."""

    arms: RunsByArm
    claims: tuple[Claim, ...]
    missing: tuple[MissingRun, ...]
    steps: int

    def frame(self, backend: Backend | None = None) -> Any:
        """Return a data frame with one row per condition of each claim, and per number that stands beside a claim.

        `backend` is ``pandas`` or ``polars`` (`sgram.frames.build_frame`). Raise `MissingExtraError` if it is not
        installed.
        """
        rows = (
            (
                *(claim.key, condition.name, condition.interval.n),
                *(condition.interval.mean, condition.interval.low, condition.interval.high),
                *(condition.verdict, condition.note or None),
            )
            for claim in self.claims
            for condition in (*claim.conditions, *claim.beside)
        )
        return build_frame(_CLAIM_COLUMNS, rows, backend)

    def __repr__(self) -> str:
        n_runs = sum(map(len, self.arms.values()))
        return f"EvolveComparison({excerpt(', '.join(self.arms), 160)}; {n_runs:,} runs, {len(self.missing):,} missing)"


def compare_evolve(
    arms: RunsByArm,
    seeds: Sequence[int],
    warmup_seeds: Sequence[int] = (0,),
    *,
    expected: Sequence[str] = tuple(ARMS),
    failures: Mapping[tuple[str, int, int], str] | None = None,
) -> EvolveComparison:
    """Return the comparison of `arms`, runs by the short name of their arm (`sgram.training.evolve.arm_names`).

    `expected` are the arms that a whole comparison has, each with all seeds; `failures` says of (arm, seed, warm-up
    seed) why a run failed.
    """
    names = [*expected, *(name for name in arms if name not in expected)]
    present = {name: tuple(sorted(arms[name], key=lambda run: run.pair)) for name in names if arms.get(name)}
    failures = failures or {}
    missing = tuple(
        MissingRun(name, seed, warmup_seed, failures.get((name, seed, warmup_seed), "not run"))
        for name in names
        for warmup_seed in warmup_seeds
        for seed in seeds
        if (seed, warmup_seed) not in {run.pair for run in present.get(name, ())}
    )
    steps = max((run.evaluations[-1][0] for runs in present.values() for run in runs), default=0)
    return EvolveComparison(present, judge_claims(present), missing, steps)


class FinishedRun(Protocol):
    """A finished run, like `sgram.training.evolve.run.EvolveResult`."""

    @property
    def start(self) -> EvolveEvaluation:
        """The evaluation before the first step."""

    @property
    def final(self) -> EvolveEvaluation:
        """The evaluation after the last step."""

    @property
    def steps(self) -> Sequence[Mapping[str, Any]]:
        """Rows of the steps."""

    @property
    def evaluations(self) -> Sequence[Mapping[str, Any]]:
        """``{"step", "evaluation"}`` of the evaluations during training."""


def summarize_evolve(
    cells: Sequence[Cell], outcomes: Sequence[FinishedRun | Failure | None], expected: Sequence[str] | None = None
) -> EvolveComparison:
    """Return the comparison of the runs of `cells`; an outcome is a run, a failure, or None if it was not run.

    `expected` are the short names of the arms that a whole comparison has; by default those of `cells`.
    """
    arms: dict[str, list[EvolveRun]] = {}
    failures: dict[tuple[str, int, int], str] = {}
    for cell, outcome in zip(cells, outcomes, strict=True):
        name, seed, warmup_seed = arm_title(cell.arm), cell.config.seed, cell.config.warmup_seed
        arms.setdefault(name, [])
        if isinstance(outcome, Failure):
            failures[name, seed, warmup_seed] = outcome.message
        elif outcome is not None:
            parts = (outcome.steps, outcome.start, outcome.final, outcome.evaluations)
            arms[name].append(EvolveRun.from_parts(seed, warmup_seed, *parts))
    return compare_evolve(
        arms,
        sorted({cell.config.seed for cell in cells}),
        sorted({cell.config.warmup_seed for cell in cells}),
        expected=tuple(arms) if expected is None else expected,
        failures=failures,
    )


def write_evolve_comparison(comparison: EvolveComparison, directory: str | Path) -> list[Path]:
    """Write comparison.json and comparison.md, each atomically, and return their paths."""
    contents = {"comparison.json": pretty_json(to_json(comparison)), "comparison.md": to_markdown(comparison).encode()}
    for name, content in contents.items():
        write_bytes(Path(directory) / name, content)
    return [Path(directory) / name for name in contents]


def level_quantity(level: str) -> Quantity:
    """Return what reads the accuracy on kinds of one level.

    >>> evaluation = EvolveEvaluation(4, 0.5, {"double/0": (4, 1)}, {"double/0": "easy"})
    >>> level_quantity("easy")(evaluation), level_quantity("hard")(evaluation)
    (0.25, None)
    """

    def quantity(evaluation: EvolveEvaluation) -> float | None:
        n, n_right = evaluation.by_level().get(level, (0, 0))
        return n_right / n if n else None

    return quantity


def unproposed_quantity(run: EvolveRun) -> Quantity:
    """Return what reads the accuracy on the kinds that the proposer of `run` never wrote; None if it proposes nothing.

    The kinds are those of the whole run, at every evaluation.
    """
    proposed_kinds = set(run.last.proposed_kinds)

    def quantity(evaluation: EvolveEvaluation) -> float | None:
        n, n_right = evaluation.tally(set(evaluation.by_kind) - proposed_kinds)
        return n_right / n if n and proposed_kinds else None

    return quantity


def _error_quantity(kind: str) -> Quantity:
    return lambda evaluation: evaluation.errors.get(kind)


def _fixed_quantity(name: str) -> Quantity:
    return lambda evaluation: getattr(evaluation.fixed.get(POLICY, JudgeMeasures(0)), name)


def _question_quantity(name: str) -> Quantity:
    return lambda evaluation: getattr(evaluation.questions.get(POLICY, JudgeMeasures(0)), name)


QUANTITIES: Mapping[str, Quantity] = {
    "accuracy": accuracy,
    **{level: level_quantity(level) for level in LEVELS},
    **{kind: _error_quantity(kind) for kind in ("strategic", "procedural", "format")},
    "claims_check": lambda evaluation: evaluation.wrong_details.get(CLAIMS_CHECK),
    "length": lambda evaluation: evaluation.length,
    **{name: proposal_quantity(name) for name in ("readable", "valid", "true_difficulty", "classes", "new")},
    **{f"accepted_{name}": accepted_quantity(name) for name in ("valid", "judged_difficulty", "true_difficulty")},
    "correlation": accepted_quantity("correlation"),
    **{name: judge_quantity(POLICY, name) for name in ("auc", "auc_within", "right", "wrong", "unparsable")},
    **{f"frozen_{name}": judge_quantity(FROZEN, name) for name in ("auc", "auc_within", "wrong", "unparsable")},
    **{f"fixed_{name}": _fixed_quantity(name) for name in ("auc", "auc_within", "wrong")},
    **{f"question_{name}": _question_quantity(name) for name in ("auc", "wrong")},
}
"""What an evaluation gives in numbers, by name."""
ArmCell = Callable[[Sequence[EvolveRun]], str]
"""Text of a cell of a table for the runs of an arm."""


def _ends(name: str) -> ArmCell:
    """Return a cell with the means of a quantity over runs, at the start and at the last evaluation."""

    def cell(runs: Sequence[EvolveRun]) -> str:
        first, last = (
            over_runs(runs, lambda run, at=at: QUANTITIES[name](getattr(run, at))).mean  # type: ignore[misc]
            for at in ("start", "last")
        )
        if first is None and last is None:
            return "-"
        return format_number(last) if first is None else f"{format_number(first)} → {format_number(last)}"

    return cell


def _last(name: str) -> ArmCell:
    return lambda runs: format_number(over_runs(runs, lambda run: QUANTITIES[name](run.last)).mean)


def _best(runs: Sequence[EvolveRun]) -> str:
    return format_number(over_runs(runs, lambda run: run.best(accuracy)).mean)


def _change(runs: Sequence[EvolveRun]) -> str:
    return format_interval(over_runs(runs, lambda run: run.change(accuracy)), signed=True)


def _unproposed(runs: Sequence[EvolveRun]) -> str:
    first, last = (
        over_runs(runs, lambda run, at=at: unproposed_quantity(run)(getattr(run, at))).mean  # type: ignore[misc]
        for at in ("start", "last")
    )
    return "-" if last is None else f"{format_number(first)} → {format_number(last)}"


def _end(name: str) -> ArmCell:
    return lambda runs: format_number(over_runs(runs, lambda run: run.end(name)).mean)


TABLES: Mapping[str, Mapping[str, ArmCell]] = {
    "Accuracy on held-out problems": {
        "start": lambda runs: format_number(over_runs(runs, lambda run: run.start.accuracy).mean),
        "best": _best,
        "last": _last("accuracy"),
        "last - start": _change,
        **{level: _ends(level) for level in LEVELS},
        "kinds never proposed": _unproposed,
    },
    "Fresh proposals, and questions that entered the pool": {
        "valid": _ends("valid"),
        "true difficulty": _ends("true_difficulty"),
        "effective classes": _ends("classes"),
        "entered: valid": _last("accepted_valid"),
        "true difficulty, last": _last("accepted_true_difficulty"),
        "judged, last": _last("accepted_judged_difficulty"),
        "correlation": _last("correlation"),
        "new a step": _end("proposer/new"),
    },
    "The policy as judge of its own answers": {
        "AUC": _ends("auc"),
        "frozen judge": _last("frozen_auc"),
        "within a question": _ends("auc_within"),
        "frozen judge, within": _last("frozen_auc_within"),
        "leniency": _ends("wrong"),
        "frozen judge, leniency": _last("frozen_wrong"),
        "unparsable": _ends("unparsable"),
        "AUC, fixed pairs": _ends("fixed_auc"),
        "AUC, questions": _ends("question_auc"),
    },
    "What is wrong with answers": {
        "plan": _ends("strategic"),
        "execution": _ends("procedural"),
        "form": _ends("format"),
        "wrong answers that claim a passed check": _ends("claims_check"),
        "tokens": _ends("length"),
    },
}
"""Title of a table -> title of a column -> cell of an arm's runs."""


def to_markdown(comparison: EvolveComparison) -> str:
    """Return the verdicts on the claims, the tables by arm, and what is missing."""
    n_runs = sum(map(len, comparison.arms.values()))
    lines = [f"{len(comparison.arms)} arms, {n_runs} runs of {comparison.steps} steps.", ""]
    lines += [*_missing_lines(comparison.missing), *_claim_table(comparison.claims)]
    for title, columns in TABLES.items():
        lines += [f"### {title}", "", *table_head(["arm", "runs", *columns])]
        for arm, runs in comparison.arms.items():
            lines.append(table_line([arm, len(runs), *(cell(runs) for cell in columns.values())]))
        lines.append("")
    return "\n".join([*lines, NOTES, ""])


def format_interval(interval: MeanInterval, signed: bool = False) -> str:
    """Return a mean with its interval, or the reason why it has none.

    >>> format_interval(MeanInterval(3, 0.1, -0.05, 0.25)), format_interval(MeanInterval(0, None, undefined="no run"))
    ('0.100 [-0.050, 0.250]', '- (no run)')
    """
    mean = format_number(interval.mean, signed)
    if interval.low is None or interval.high is None:
        return f"{mean} ({interval.undefined})"
    return f"{mean} [{format_number(interval.low, signed)}, {format_number(interval.high, signed)}]"


def _missing_lines(missing: Sequence[MissingRun]) -> list[str]:
    """Return one line for each arm that lacks runs."""
    if not missing:
        return []
    reasons: dict[tuple[str, str], list[str]] = {}
    for run in missing:
        label = str(run.seed) if not run.warmup_seed else f"{run.seed} (start {run.warmup_seed})"
        reasons.setdefault((run.arm, run.reason), []).append(label)
    lines = [
        f"- {table_cell(arm)}: seed{'s' if len(labels) > 1 else ''} {', '.join(labels)}: {table_cell(reason)}"
        for (arm, reason), labels in reasons.items()
    ]
    return ["Missing:", "", *lines, ""]


def _claim_table(claims: Sequence[Claim]) -> list[str]:
    lines = ["### Claims", "", *table_head(["claim, and what it depends on", "over runs", "n", "verdict"])]
    for claim in claims:
        note = f" ({claim.note})" if claim.note else ""
        lines.append(f"| **{table_cell(claim.title)}**{note} | | | **{claim.verdict}** |")
        lines += [_condition_line(condition) for condition in claim.conditions]
        lines += [_condition_line(condition) for condition in claim.beside]
    return [*lines, ""]


def _condition_line(condition: Condition) -> str:
    name = f"{condition.name} ({condition.note})" if condition.note else condition.name
    return table_line([name, format_interval(condition.interval), condition.interval.n, condition.verdict or ""])


def to_json(comparison: EvolveComparison) -> dict[str, Any]:
    """Return the comparison as JSON values: claims, what is missing, and the numbers of all evaluations of all runs."""
    return {
        "format": "sgram-evolve-comparison",
        "version": 1,
        "steps": comparison.steps,
        "claims": [claim.to_json() for claim in comparison.claims],
        "missing": [asdict(run) for run in comparison.missing],
        "runs": [_run_json(arm, run) for arm, runs in comparison.arms.items() for run in runs],
        "notes": NOTES,
    }


def _run_json(arm: str, run: EvolveRun) -> dict[str, Any]:
    return {
        "arm": arm,
        "seed": run.seed,
        "warmup_seed": run.warmup_seed,
        "best_accuracy": round_number(run.best(accuracy)),
        "evaluations": [
            {"step": step, **_numbers(evaluation), "unproposed": round_number(unproposed_quantity(run)(evaluation))}
            for step, evaluation in run.evaluations
        ],
    }


def _numbers(evaluation: EvolveEvaluation) -> dict[str, float | None]:
    return {name: round_number(quantity(evaluation)) for name, quantity in QUANTITIES.items()}
