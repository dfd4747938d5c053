"""Tables of ``sgram evolve``: columns of its live table by role, start and end of a run, verdicts of a comparison."""

from typing import TYPE_CHECKING

from sgram.cli.console import print_line, print_next_table, print_table
from sgram.cli.train_tables import Columns, change_text, number_text
from sgram.training.evolve.evolve_comparison import QUANTITIES, EvolveComparison

if TYPE_CHECKING:
    from sgram.training.evolve.run import EvolveResult

COLUMNS: Columns = (
    ("proposer/quality", "P: quality"),
    ("proposer/difficulty", "difficulty"),
    ("proposer/valid", "valid"),
    ("solver/score", "S: score"),
    ("solver/true_accuracy", "true"),
    ("judge/auc", "J: AUC"),
    ("judge/leniency", "lenient"),
    ("pool/questions", "pool"),
    ("seconds", "s/step"),
)
"""Numbers of a step in the live table: proposer (P), solver (S) and judge (J)."""
_ENDS = {
    "accuracy": "accuracy",
    **{level: f"accuracy, {level} kinds" for level in ("easy", "middle", "hard")},
    "length": "tokens of an answer",
    "valid": "valid proposals",
    "true_difficulty": "their true difficulty",
    "classes": "their effective kinds",
    "new": "new proposals",
    "auc": "judge: AUC on own answers",
    "auc_within": "judge: AUC within a question",
    "wrong": "judge: score of wrong answers",
    "unparsable": "judge: unparsable",
    "frozen_auc": "frozen judge: AUC",
    "frozen_wrong": "frozen judge: score of wrong answers",
}
"""Quantity of an evaluation -> its title."""


def show_evolve(result: "EvolveResult") -> None:
    """Print start and end of one run side by side."""
    config = result.config
    print_line(
        f"evolve on {config.task}, {config.steps} steps, seed {config.seed}, warm-up seed {config.warmup_seed}; "
        f"judge {config.judge}, proposer {config.proposer}, gate {config.gate}, method {config.method}"
    )
    print_line(f"trained roles: {', '.join(config.roles)}")
    print()
    rows = []
    for name, title in _ENDS.items():
        before, after = QUANTITIES[name](result.start), QUANTITIES[name](result.final)
        if before is not None or after is not None:
            rows.append((title, number_text(before), number_text(after), change_text(before, after)))
    print_table((f"{result.final.n} answers", "start", "end", "change"), rows)


def show_verdicts(comparison: EvolveComparison) -> None:
    """Print accuracy by arm and the verdict on each claim; the files have the rest."""
    rows = []
    for arm, runs in comparison.arms.items():
        changes = [change for run in runs if (change := run.change(QUANTITIES["accuracy"])) is not None]
        ends = [end for run in runs if (end := QUANTITIES["accuracy"](run.last)) is not None]
        rows.append((arm, len(runs), _mean_text(ends), _mean_text(changes)))
    print_table(("arm", "runs", "accuracy", "change"), rows)
    print_next_table(("claim", "verdict"), [(claim.title, claim.verdict) for claim in comparison.claims])


def _mean_text(numbers: list[float]) -> str:
    return number_text(sum(numbers) / len(numbers)) if numbers else "-"
