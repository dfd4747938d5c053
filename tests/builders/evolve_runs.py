"""Hand-made runs of `sgram evolve`: rows of steps and evaluations with chosen numbers."""

from sgram.training.evolve.evolve_run import EvolveRun
from sgram.training.evolve.measures import AcceptedMeasures, EvolveEvaluation, JudgeMeasures, ProposalMeasures

LEVELS = {"double/0": "easy", "gain/0": "middle", "hands/0": "hard"}


def evaluation(accuracy, *, auc=0.8, frozen_auc=0.8, wrong=0.3, classes=8.0, valid=0.7, difficulty=0.6, proposed=()):
    """Return an evaluation of 240 answers, 120 of them easy, as are two thirds of the right ones."""
    n_right = round(240 * accuracy)
    n_easy = round(n_right * 2 / 3)
    by_kind = {"double/0": (120, n_easy), "gain/0": (60, (n_right - n_easy) // 2)}
    by_kind["hands/0"] = (60, n_right - n_easy - by_kind["gain/0"][1])
    return EvolveEvaluation(
        n=240,
        accuracy=accuracy,
        by_kind=by_kind,
        levels=LEVELS,
        errors={"strategic": 0.5, "procedural": 0.1, "format": 0.05},
        wrong_details={"testbed/claims_check": 0.25},
        length=40.0,
        own={
            "policy": JudgeMeasures(240, auc, auc - 0.02, 0.7, wrong, 0.1),
            "frozen": JudgeMeasures(240, frozen_auc, frozen_auc - 0.02, 0.7, 0.3, 0.1),
        },
        fixed={"policy": JudgeMeasures(160, auc, auc, 0.7, wrong, 0.1)},
        questions={"policy": JudgeMeasures(64, 0.6, None, 0.7, 0.5, 0.1)},
        proposals=ProposalMeasures(
            256, 0.9, valid, difficulty, classes, 0.5, {"double/0": 128, "gain/0": 51}, {"range": 77}
        ),
        accepted=AcceptedMeasures(200, valid, 0.5, difficulty, 0.25, classes),
        proposed_kinds=tuple(sorted(proposed)),
    )


def step_rows(n=20, *, difficulty=(0.6, 0.6), valid=(0.7, 0.7), judged=(0.5, 0.5), solve_rate=(0.4, 0.4), new=12.0):
    """Return rows of `n` steps whose numbers change evenly from the first to the second of each pair."""

    def line(ends, step):
        return ends[0] + (ends[1] - ends[0]) * (step - 1) / (n - 1)

    return tuple(
        {
            "step": step,
            "proposer/true_difficulty": line(difficulty, step),
            "proposer/valid": line(valid, step),
            "proposer/difficulty": line(judged, step),
            "proposer/kinds": 7.0,
            "proposer/solve_rate": line(solve_rate, step),
            "proposer/new": new,
            "solver/true_accuracy": 0.3,
            "judge/auc": 0.8,
            "judge/leniency": 0.3,
            "judge/unparsable": 0.1,
        }
        for step in range(1, n + 1)
    )


def run(seed, accuracies=(0.25, 0.4), *, steps=20, last=None, **rows):
    """Return a run of `steps` steps with evenly spaced evaluations; `last` are settings of all but the first."""
    n = len(accuracies) - 1
    evaluations = [(0, evaluation(accuracies[0]))]
    evaluations += [(steps * (k + 1) // n, evaluation(accuracies[k + 1], **(last or {}))) for k in range(n)]
    return EvolveRun(seed, 0, step_rows(steps, **rows), tuple(evaluations))
