"""Diagnoses of wrong traces and checks of equations, of the sampled traces."""

from sgram.analysis.collect_traces import CollectedTraces, Progress
from sgram.analysis.errors import EquationCheck, equation_check
from sgram.diagnosis.kinds import Diagnosis, Seen, diagnose_seen, seen
from sgram.tagging.span_finder import SpanFinder

_PROGRESS_EVERY = 16
"""Traces between two calls of `progress`."""


def diagnose_sampled_traces(
    collected: CollectedTraces, progress: Progress
) -> tuple[dict[int, Diagnosis], list[EquationCheck]]:
    """Return the diagnoses of the sampled wrong traces by key, and the checks of equations.

    Each text is parsed once.
    """
    plan, sampled_traces, counts = collected.plan, collected.sampled_traces, collected.counts
    source_index = {name: source for source, name in enumerate(counts.source_names)}
    finders = {lexicon.digest: SpanFinder(lexicon) for lexicon in counts.lexicons}
    solutions: dict[int, Seen] = {}

    def solution(key: int) -> Seen:
        if key not in solutions:
            source_name, trace = sampled_traces[key]
            lexicon = counts.lexicon(source_index[source_name])
            solutions[key] = seen(trace, finders[lexicon.digest])
        return solutions[key]

    diagnoses: dict[int, Diagnosis] = {}
    checks: list[EquationCheck] = []
    total = len(plan.diagnosed) + plan.n_checked
    for number, key in enumerate(plan.diagnosed):
        siblings = [solution(sibling) for sibling in plan.siblings[key]]
        diagnoses[key] = diagnose_seen(sampled_traces[key].trace, solution(key), siblings)
        if number % _PROGRESS_EVERY == 0:
            progress("diagnosing", number, total)
    for outcome, keys in sorted(plan.equation_keys.items()):
        for key in sorted(keys):
            source_name, trace = sampled_traces[key]
            checks.append(equation_check(source_index[source_name], trace, outcome, solution(key).work.equations))
            if len(checks) % _PROGRESS_EVERY == 0:
                progress("diagnosing", len(plan.diagnosed) + len(checks), total)
    return diagnoses, checks
