"""Slots: the rows of a step, each of one role, in the order in which TRL wants them.

TRL samples a fixed number of rows for each row of a data set. The data set of `sgram evolve` holds one row for each
group of slots; what a slot is asked is decided when its step comes (`rollout`).
"""

from collections.abc import Sequence
from typing import Any

from sgram.training.evolve.evolve_config import JUDGES, EvolveConfig
from sgram.training.evolve.protocols import ROLES, Role

WRITING_JUDGES = ("policy", "frozen")
"""Judges of `JUDGES` that write a text; an endpoint does, too."""


def slot_roles(config: EvolveConfig) -> tuple[Role, ...]:
    """Return the role of each row of a step: proposer, solver, judge.

    >>> slot_roles(EvolveConfig(proposals=2, questions=1, answers=2, judge_rows=2))
    ('proposer', 'proposer', 'solver', 'solver', 'judge', 'judge')
    """
    return tuple(role for role in ROLES for _ in range(config.n_rows(role)))


def slot_rows(config: EvolveConfig) -> list[dict[str, Any]]:
    """Return the rows of TRL's data set: one for each group of slots, which is all that a step samples."""
    roles = slot_roles(config)
    return [{"prompt": f"{roles[row]} {row // config.answers}"} for row in range(0, len(roles), config.answers)]


def count_generations(config: EvolveConfig) -> dict[str, int]:
    """Return the largest number of texts that a step samples, by kind. Proposals that cannot be read need no more.

    The first step also samples as many answers as there are judge rows, for the judge to have something to judge.

    >>> config = EvolveConfig(proposals=128, trials=5, judge_samples=5, questions=32, judge_rows=128)
    >>> count_generations(config)["judgements of trial answers"], sum(count_generations(config).values())
    (3200, 5504)
    """
    n_proposals = 0 if config.proposer == "none" else config.proposals
    n_trials = n_proposals * config.trials
    n_judgements = config.judge_samples if _writes(config.judge) else 0
    counts = {
        "proposals": n_proposals,
        "trial answers": n_trials,
        "answers": config.n_rows("solver"),
        "judge rows": config.n_rows("judge"),
        "judgements of proposals": n_proposals * n_judgements,
        "judgements of trial answers": n_trials * n_judgements,
        "judgements of answers": config.n_rows("solver") * n_judgements,
    }
    return counts


def _writes(judge: str) -> bool:
    return judge in WRITING_JUDGES or judge not in JUDGES


def rows_of(roles: Sequence[Role], role: Role) -> list[int]:
    """Return the rows of one role.

    >>> rows_of(["proposer", "solver", "solver"], "solver")
    [1, 2]
    """
    return [row for row, row_role in enumerate(roles) if row_role == role]
