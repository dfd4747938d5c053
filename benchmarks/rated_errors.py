"""Wrong traces whose kind of error two annotators rated, with the signals that are seen in them."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from corpora import SHARED

from sgram.diagnosis.kind_model import KindModel, fit_kind_model
from sgram.diagnosis.kinds import read_solution, select_siblings
from sgram.diagnosis.siblings import find_divergence
from sgram.diagnosis.signals import reference_value, sibling_signals, signal_names, trace_signals
from sgram.traces import Trace, read_traces

THRESHOLDS = (0.7, 0.75, 0.8, 0.85, 0.9)
PRECISION = 0.75
"""Precision that a threshold must reach on the problems that it is chosen on."""
FOLDS = 10


@dataclass(frozen=True)
class Case:
    """A rated wrong trace."""

    trace: Trace
    siblings: tuple[Trace, ...]
    """Correct responses to its problem."""
    file: str
    kind: str | None
    """What both annotators say; None if they differ."""
    place: int | None
    """Offset of the first error by the first annotator."""
    names: frozenset[str]
    """Names of its signals."""

    @property
    def is_plan_or_slip(self) -> bool:
        """Whether both annotators call it strategic or procedural."""
        return self.kind in ("strategic", "procedural")


def rated_cases() -> list[Case]:
    """Return the rated traces with their correct siblings, by file and id."""
    ratings: dict[str, dict[str, dict]] = defaultdict(dict)
    with open(SHARED / "labels" / "error_kinds.jsonl", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            ratings[row["file"]][row["id"]] = row
    cases = []
    for file, rows in sorted(ratings.items()):
        traces = list(read_traces(SHARED / "traces" / file))
        siblings = defaultdict(list)
        for trace in traces:
            if trace.correct:
                siblings[trace.group].append(trace)
        for trace in sorted((trace for trace in traces if trace.id in rows), key=lambda trace: trace.id):
            chosen = tuple(select_siblings(siblings[trace.group]))
            work = read_solution(trace).work
            signals = trace_signals(trace, work, reference_value(trace.reference))
            signals += sibling_signals(find_divergence(work, [read_solution(peer).work for peer in chosen]))
            row = rows[trace.id]
            cases.append(Case(trace, chosen, file, row["kind"], row["X"]["at"], signal_names(signals)))
    return cases


def fit(cases: Sequence[Case], thresholds: Mapping[str, float]) -> KindModel:
    """Return the model of `cases`, all strategic or procedural."""
    return fit_kind_model([case.names for case in cases], [case.kind == "procedural" for case in cases], thresholds)


def choose_thresholds(cases: Sequence[Case]) -> dict[str, float]:
    """Return, for each kind, the smallest threshold with which it has `PRECISION` on problems not counted.

    The weights are those of the other folds within `cases`. The largest threshold is taken if none reaches it.
    """
    chosen = {}
    for kind in ("strategic", "procedural"):
        for threshold in THRESHOLDS:
            said = decide_by_folds(cases, {"strategic": threshold, "procedural": threshold})
            truths = [case.kind for decided, case in zip(said, cases, strict=True) if decided == kind]
            chosen[kind] = threshold
            if truths and truths.count(kind) >= PRECISION * len(truths):
                break
    return chosen


def decide_without_own(cases: Sequence[Case]) -> Iterator[str | None]:
    """Yield what is said of each case by weights and thresholds of all other problems: leave one problem out."""
    models: dict[str, KindModel] = {}
    for case in cases:
        problem = problem_of(case)
        if problem not in models:
            others = [other for other in cases if problem_of(other) != problem]
            models[problem] = fit(others, choose_thresholds(others))
        yield models[problem].decide(case.names)[0]


def problem_of(case: Case) -> str:
    """Return the name of the problem of a case."""
    return case.trace.group or case.trace.id


def decide_by_folds(cases: Sequence[Case], thresholds: Mapping[str, float], seed: int = 0) -> Iterator[str | None]:
    """Yield what is said of each case by weights of problems of the other folds."""
    folds = folds_of([problem_of(case) for case in cases], seed)
    models = {}
    for fold in set(folds):
        others = [case for case, number in zip(cases, folds, strict=True) if number != fold]
        models[fold] = fit(others, thresholds)
    for case, fold in zip(cases, folds, strict=True):
        yield models[fold].decide(case.names)[0]


def folds_of(problems: Sequence[str], seed: int) -> list[int]:
    """Return the fold of each problem, at random."""
    names = sorted(set(problems))
    order = np.random.default_rng([seed, 11]).permutation(len(names))
    fold_of = {names[name]: place % FOLDS for place, name in enumerate(order)}
    return [fold_of[problem] for problem in problems]
