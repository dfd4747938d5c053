"""Is the located step the one that people marked as the first error?

    python benchmarks/error_location.py [--labels ../shared/data/labels]

Sets: ProcessBench (3,400 solutions), Mr-Ben's mathematics (918), BIG-Bench-Mistake (2,186). A method names a step or
"no error". "error": share of the solutions with an error where it names the marked step; "none": share of those
without one where it says so; F1: their harmonic mean, ProcessBench's figure. Intervals: 95 % bootstrap over problems,
the same draws for all methods, so that differences are paired. "cross-validated": fitted on all three sets less a
fifth of the problems, five times. "transferred": fitted on the two other sets. The weights shipped are those of all
sets together. "known wrong": a step is always named, as where the answer is known to be wrong; nothing else is told.
Also: how often an equation that people let pass is called wrong.
"""

import argparse
import hashlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "data"))
from build_error_locator import WEIGHTS, marked

from sgram.diagnosis.error_locator import ErrorLocator
from sgram.diagnosis.fit_locator import MarkedSolution, fit_locator
from sgram.diagnosis.step_features import step_evidence
from sgram.statistics import Resamples, Statistic

FOLDS = 5
LABELS = Path(__file__).parents[2] / "shared" / "data" / "labels"
NONE = -1


def fold(problem_id: str) -> int:
    """The fold that a problem is held out in."""
    return int.from_bytes(hashlib.sha256(problem_id.encode()).digest()[:4], "big") % FOLDS


# -- what a method says: chances of the marked step being named, and of "no error" -------------------------------

Said = np.ndarray  # (solutions, 2): the chance of naming the marked step, of saying "no error"


def said(solutions: Sequence[MarkedSolution], name: Callable[[int, MarkedSolution], int]) -> Said:
    """What a method says that names one step, or NONE."""
    named = [name(at, each) for at, each in enumerate(solutions)]
    pairs = zip(named, solutions, strict=True)
    return np.array([(step == each.first_error, step == NONE) for step, each in pairs], float)


def first_wrong_equation(_: int, solution: MarkedSolution) -> int:
    """The first step with a wrong equation."""
    for step, found in enumerate(solution.evidence.equations):
        if any(each.verdict == "wrong" for each in found):
            return step
    return NONE


def first_wrong(at: int, solution: MarkedSolution) -> int:
    """The first step with a wrong equation or claim."""
    claims = [step for step, found in enumerate(solution.evidence.claims) if any(not each.right for each in found)]
    equation = first_wrong_equation(at, solution)
    both = [step for step in (*claims[:1], equation) if step != NONE]
    return min(both, default=NONE)


def last(_: int, solution: MarkedSolution) -> int:
    """The last step."""
    return len(solution.evidence.step_features) - 1


def chance(solutions: Sequence[MarkedSolution]) -> Said:
    """A step drawn at random, as its exact expectation."""
    return np.array(
        [(each.first_error is not None and 1 / len(each.evidence.step_features), 0) for each in solutions], float
    )


def usual_place(training: Sequence[MarkedSolution]) -> float:
    """The place, as a share of the way, that holds most first errors."""
    wrong = [each for each in training if each.first_error is not None]
    places = np.linspace(0, 1, 21)
    hits = [sum(round(place * last(0, each)) == each.first_error for each in wrong) for place in places]
    return float(places[int(np.argmax(hits))])


def usual_number(training: Sequence[MarkedSolution]) -> int:
    """The step, counted from 0, that is the first error most often."""
    marks = [each.first_error for each in training if each.first_error is not None]
    return int(np.argmax(np.bincount(marks)))


def step_of(locator: ErrorLocator, solution: MarkedSolution, known_wrong: bool) -> int:
    """What `locate_error` says."""
    parts, none = locator.probabilities(solution.evidence, known_wrong)
    return NONE if none > 0.5 else int(np.argmax(parts))


def methods(solutions: Sequence[MarkedSolution], source: str) -> tuple[list[MarkedSolution], dict[str, Said]]:
    """(the solutions of `source`, what every method says of them)."""
    ours = [each for each in solutions if each.source == source]
    folds = [fold(each.problem_id) for each in ours]
    held = [[each for each in solutions if fold(each.problem_id) != k] for k in range(FOLDS)]
    places = [usual_place([each for each in kept if each.source == source]) for kept in held]
    numbers = [usual_number([each for each in kept if each.source == source]) for kept in held]
    fitted = [fit_locator(kept, WEIGHTS) for kept in held]
    other = fit_locator([each for each in solutions if each.source != source], WEIGHTS)
    found = {
        "first wrong equation": said(ours, first_wrong_equation),
        "first wrong equation, else last step": said(
            ours,
            lambda at, each: (
                max(first_wrong_equation(at, each), NONE) if first_wrong_equation(at, each) != NONE else last(at, each)
            ),
        ),
        "last step": said(ours, last),
        "random step": chance(ours),
        "most frequent place": said(ours, lambda at, each: round(places[folds[at]] * last(at, each))),
        "most frequent number": said(ours, lambda at, each: min(numbers[folds[at]], last(at, each))),
        "first wrong equation or claim": said(ours, first_wrong),
    }
    for name, chosen in (("cross-validated", lambda at: fitted[folds[at]]), ("transferred", lambda at: other)):
        found[f"sgram, {name}"] = said(ours, lambda at, each, chosen=chosen: step_of(chosen(at), each, False))
        found[f"sgram, {name}, known wrong"] = said(
            ours, lambda at, each, chosen=chosen: step_of(chosen(at), each, True)
        )
    return ours, found


BASELINES = (
    "first wrong equation",
    "first wrong equation, else last step",
    "last step",
    "random step",
    "most frequent place",
    "most frequent number",
)
OURS, OURS_KNOWN = "sgram, cross-validated", "sgram, cross-validated, known wrong"


# -- intervals ---------------------------------------------------------------------------------------------------


def sums(ours: Sequence[MarkedSolution], found: dict[str, Said]) -> np.ndarray:
    """(problems, 2 + 2 * methods): solutions with an error, without; then for each method its hits in both."""
    wrong = np.array([each.first_error is not None for each in ours], float)
    columns = [wrong, 1 - wrong]
    for each in found.values():
        columns += [each[:, 0] * wrong, each[:, 1] * (1 - wrong)]
    _, problem = np.unique([each.problem_id for each in ours], return_inverse=True)
    table = np.zeros((problem.max() + 1, len(columns)))
    np.add.at(table, problem, np.stack(columns, axis=1))
    return table


def shares(totals: np.ndarray, method: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(error, none, F1) of each row of `totals`."""
    with np.errstate(divide="ignore", invalid="ignore"):
        error = totals[:, 2 + 2 * method] / totals[:, 0]
        none = totals[:, 3 + 2 * method] / totals[:, 1]
        f1 = np.where(error + none > 0, 2 * error * none / (error + none), 0.0)
    return error, none, f1


def told(rows: np.ndarray, value: Callable[[np.ndarray], np.ndarray], digits: int = 1) -> str:
    """A figure in per cent with its interval."""
    resamples = Resamples(rows)
    estimate = resamples.estimate(Statistic(rows[resamples.representatives], value))
    if estimate.value is None or np.isnan(estimate.value):
        return "-"
    each = [100 * x for x in (estimate.value, estimate.low, estimate.high)]
    return f"{each[0]:.{digits}f} [{each[1]:.{digits}f}, {each[2]:.{digits}f}]"


def report(title: str, ours: Sequence[MarkedSolution], found: dict[str, Said]) -> None:
    """Print the table of a set, or of a part of one."""
    rows, names = sums(ours, found), list(found)
    totals = rows.sum(axis=0)
    print(
        f"\n{title}: {int(totals[0]):,} solutions with an error, {int(totals[1]):,} without, {len(rows):,} problems\n"
    )
    print("| method | error | none | F1 |\n|---|---|---|---|")
    for at, name in enumerate(names):
        cells = [told(rows, lambda t, at=at, part=part: shares(t, at)[part]) for part in range(3)]
        if name.endswith("known wrong"):
            cells[1:] = ["-", "-"]
        shown = f"**{name}**" if name.startswith("sgram, cross") else name
        print(f"| {shown} | {' | '.join(cells)} |")
    for part, name, what in ((0, OURS_KNOWN, "error"), (2, OURS, "F1")):
        values = {each: shares(totals[None], names.index(each))[part][0] for each in BASELINES}
        best = max(values, key=values.__getitem__)
        one, other = names.index(name), names.index(best)
        gap = told(rows, lambda t, a=one, b=other, part=part: shares(t, a)[part] - shares(t, b)[part])
        print(f"\n{what}: {name}, less the best baseline ({best}): {gap} points")


def part_row(title: str, ours: Sequence[MarkedSolution], found: dict[str, Said]) -> str:
    """One line on a part of a set: how the two chief methods and the best baselines fare, and the paired gap."""
    rows, names = sums(ours, found), list(found)
    totals = rows.sum(axis=0)[None]
    best = max(BASELINES, key=lambda name: shares(totals, names.index(name))[0][0])
    known, base, blind = (names.index(name) for name in (OURS_KNOWN, best, OURS))
    cells = [
        told(rows, lambda t: shares(t, known)[0]),
        f"{100 * shares(totals, base)[0][0]:.1f} ({best})",
        told(rows, lambda t: shares(t, known)[0] - shares(t, base)[0]),
        *(told(rows, lambda t, part=part: shares(t, blind)[part]) for part in range(3)),
        f"{100 * shares(totals, names.index(BASELINES[0]))[2][0]:.1f}",
    ]
    return f"| {title} | {int(totals[0, 0])} / {int(totals[0, 1])} | {' | '.join(cells)} |"


PART_HEAD = (
    "\n| part | with / without error | error, known wrong | best baseline | difference | error | none | F1 | "
    "F1 of first wrong equation |\n|---|---|---|---|---|---|---|---|---|"
)


def equations(solutions: Sequence[MarkedSolution]) -> None:
    """Print how equations are judged by where they stand."""
    counts = {
        name: np.zeros(3, int)
        for name in ("in solutions without an error", "before the marked step", "in the marked step", "after it")
    }
    for each in solutions:
        for step, found in enumerate(each.evidence.equations):
            place = (
                0
                if each.first_error is None
                else 1
                if step < each.first_error
                else 2
                if step == each.first_error
                else 3
            )
            name = list(counts)[place]
            for equation in found:
                counts[name][("right", "wrong", "unchecked").index(equation.verdict)] += 1
    print("\n| ProcessBench's equations | right | wrong | unchecked | wrong in 1,000 checked |\n|---|---|---|---|---|")
    for name, (right, wrong, unchecked) in counts.items():
        print(f"| {name} | {right:,} | {wrong:,} | {unchecked:,} | {1000 * wrong / max(right + wrong, 1):.1f} |")


def main(labels: Path) -> None:
    """Everything, in some minutes."""
    rows = marked(labels)
    solutions = [MarkedSolution(row[0], row[2], step_evidence(row[3], row[4]), row[5]) for row in rows]
    for source in WEIGHTS:
        ours, found = methods(solutions, source)
        report(source, ours, found)
        parts = np.array([row[1] for row in rows if row[0] == source])
        lines = []
        for part in dict.fromkeys(parts):
            chosen = np.flatnonzero(parts == part)
            lines.append(
                part_row(part, [ours[at] for at in chosen], {name: each[chosen] for name, each in found.items()})
            )
        if len(lines) > 1:
            print(PART_HEAD, *lines, sep="\n")
    equations([each for each in solutions if each.source == "ProcessBench"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=Path, default=LABELS)
    main(parser.parse_args().labels)
