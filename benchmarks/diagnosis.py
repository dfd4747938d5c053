"""How often are decided kinds of errors right, how many are decided, and how sure is the place of a first error?

    python benchmarks/diagnosis.py [--only kinds slips location]

kinds: the wrong traces of ../shared/data/labels/error_kinds.jsonl, which two annotators judged by
error_kinds_guideline.md, diagnosed by weights and thresholds of all other problems (leave one problem out). Precision
with Wilson intervals, Cohen's kappa, the confusion table, and the traces whose answer may be right, one by one.
slips: what is shown as a slip in wrong traces, to be read: of all rated traces and of others drawn by digest.
location: precision of the located step against the share located, on ProcessBench (five folds over problems) and on the
places of error_kinds.jsonl (shipped weights).
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "data"))
from build_error_locator import WEIGHTS, solutions
from corpora import SHARED
from error_location import FOLDS, fold
from rated_errors import Case, decide_without_own, rated_cases

from sgram.annotation.agreement import measure_agreement
from sgram.annotation.ratings import Rating
from sgram.diagnosis.error_locator import MIN_CONFIDENCE, locate_error
from sgram.diagnosis.fit_locator import fit_locator
from sgram.diagnosis.kinds import KINDS, Diagnosis, diagnose, read_solution
from sgram.diagnosis.signals import slip_signals
from sgram.files import digest
from sgram.statistics import wilson_interval
from sgram.traces import read_traces

PARTS = ("kinds", "slips", "location")
CONFIDENCES = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, MIN_CONFIDENCE, 0.8, 0.9)
OTHER_TRACES = 400
"""Wrong traces of each file whose slips are shown."""
MAX_CHARS = 40_000


def wilson(hits: int, n: int) -> str:
    """A share with its 95 % Wilson interval."""
    if not n:
        return "-"
    low, high = wilson_interval(hits, n)
    return f"{hits}/{n} = {hits / n:.2f} [{low:.2f}, {high:.2f}]"


# -- kinds -------------------------------------------------------------------------------------------------


def kind_tables() -> Iterator[str]:
    """Precision, share decided, agreement and confusions."""
    cases = rated_cases()
    diagnoses = [diagnose(case.trace, case.siblings) for case in cases]
    plan_or_slip = [case for case in cases if case.is_plan_or_slip]
    by_others = iter(decide_without_own(plan_or_slip))
    said = [
        _held_out(diagnosis, next(by_others)) if case.is_plan_or_slip else diagnosis.kind
        for case, diagnosis in zip(cases, diagnoses, strict=True)
    ]
    pairs = [(kind, case.kind) for kind, case in zip(said, cases, strict=True) if case.is_plan_or_slip]
    decided = [pair for pair in pairs if pair[0] in ("strategic", "procedural")]
    yield f"\n### Kinds of errors: {len(pairs)} traces that both annotators call strategic or procedural\n"
    yield "| | by weights and thresholds of all other problems |\n|---|---|"
    yield f"| decided | {wilson(len(decided), len(pairs))} |"
    for kind in ("strategic", "procedural"):
        truths = [truth for name, truth in decided if name == kind]
        yield f"| precision of {kind} | {wilson(truths.count(kind), len(truths))} |"
        found = [name for name, truth in pairs if truth == kind]
        yield f"| {kind} found | {wilson(found.count(kind), len(found))} |"
    ratings = [Rating(str(at), "annotators", truth) for at, (_, truth) in enumerate(decided)]
    kappa = (
        measure_agreement(ratings + [Rating(str(at), "sgram", name) for at, (name, _) in enumerate(decided)])
        .overall.pairs[0]
        .kappa
    )
    yield f"| Cohen's kappa of the decided | {kappa.value:.2f} [{kappa.low:.2f}, {kappa.high:.2f}] |"
    yield "\nAll rated traces; annotators in rows, sgram in columns:\n"
    yield from confusions([(case.kind or "they differ", kind) for case, kind in zip(cases, said, strict=True)])
    yield "\nNot-wrong by the annotators:\n\n| trace | reference | told | evidence |\n|---|---|---|---|"
    for case, diagnosis in zip(cases, diagnoses, strict=True):
        if case.kind == "not-wrong":
            evidence = diagnosis.evidence[0].sentence
            yield f"| {case.trace.id} | {case.trace.reference} | {diagnosis.kind} | {evidence} |"
    yield "\nDecided otherwise than by the annotators:\n\n| trace | annotators | told | evidence |\n|---|---|---|---|"
    for case, kind, diagnosis in zip(cases, said, diagnoses, strict=True):
        if kind not in ("undecided", case.kind):
            yield f"| {case.trace.id} | {case.kind} | {kind} | {diagnosis.evidence[0].sentence} |"


def _held_out(diagnosis: Diagnosis, by_others: str | None) -> str:
    """The kind by weights that the problem had no part in; kinds by form and grade need no weights."""
    if diagnosis.kind not in ("strategic", "procedural") and not _is_weighed(diagnosis):
        return diagnosis.kind
    return by_others or "undecided"


def _is_weighed(diagnosis: Diagnosis) -> bool:
    first = diagnosis.evidence[0].sentence
    return first.startswith(("nothing shows", "what was seen"))


def confusions(pairs: Sequence[tuple[str, str]]) -> Iterator[str]:
    """A table of counts."""
    counts = Counter(pairs)
    columns = [kind for kind in KINDS if any(told == kind for _, told in pairs)]
    yield f"| | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}"
    for truth in (*KINDS, "they differ"):
        if any(row == truth for row, _ in pairs):
            yield f"| {truth} | {' | '.join(str(counts[truth, column]) for column in columns)} |"


# -- slips -------------------------------------------------------------------------------------------------


def slip_lists() -> Iterator[str]:
    """Every slip that is shown, with the text around it."""
    rated = {case.trace.id for case in rated_cases()}
    for path in sorted((SHARED / "traces").glob("*.jsonl.gz")):
        traces = [trace for trace in read_traces(path) if trace.correct is False and len(trace.text) <= MAX_CHARS]
        traces.sort(key=lambda trace: (trace.id not in rated, digest(trace.id.encode())))
        for trace in traces[: OTHER_TRACES + sum(trace.id in rated for trace in traces)]:
            for signal in slip_signals(read_solution(trace).work, trace.text):
                start, end = signal.evidence.start or 0, signal.evidence.end or 0
                around = trace.text[max(0, start - 60) : end + 40].replace("\n", " ")
                rating = " (rated)" * (trace.id in rated)
                yield f"{path.name} {trace.id}{rating}: {signal.evidence.sentence}\n    {around}"


# -- location ----------------------------------------------------------------------------------------------


def location_tables() -> Iterator[str]:
    """Precision of the located step against the share of the traces in which one is located."""
    marked = solutions(SHARED / "labels")
    locators = [fit_locator([each for each in marked if fold(each.problem_id) != k], WEIGHTS) for k in range(FOLDS)]
    hits: dict[str, list[tuple[float, bool]]] = {}
    for solution in marked:
        if solution.first_error is not None:
            scores, _ = locators[fold(solution.problem_id)].probabilities(solution.evidence, True)
            step = int(np.argmax(scores))
            hits.setdefault(solution.source, []).append((float(scores[step]), step == solution.first_error))
    hits["error_kinds"] = list(rated_places(rated_cases()))
    for source, pairs in hits.items():
        yield f"\n### First errors located: {source}, {len(pairs):,} with an error\n"
        yield "| named from a probability of | located | precision |\n|---|---|---|"
        for confidence in CONFIDENCES:
            named = [hit for score, hit in pairs if score >= confidence]
            yield f"| {confidence:.2f} | {len(named) / len(pairs):.1%} | {wilson(sum(named), len(named))} |"


def rated_places(cases: Sequence[Case]) -> Iterator[tuple[float, bool]]:
    """The probability of the likeliest step, and whether the rated place is in it."""
    for case in cases:
        work = read_solution(replace(case.trace)).work
        if not case.is_plan_or_slip or case.place is None or len(work.steps) < 2 or len(case.trace.text) > MAX_CHARS:
            continue
        steps = [case.trace.text[step.start : step.end] for step in work.steps]
        location = locate_error(case.trace.prompt, steps, known_wrong=True, min_confidence=0.0)
        yield location.confidence, location.step == work.step_of(case.place)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=PARTS, default=("kinds", "location"))
    asked = parser.parse_args()
    if not SHARED.exists():
        raise SystemExit(f"needs {SHARED.name} beside the checkout")
    parts = {"kinds": kind_tables, "slips": slip_lists, "location": location_tables}
    for name in asked.only:
        for line in parts[name]():
            print(line)


if __name__ == "__main__":
    main()
