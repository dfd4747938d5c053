"""Which errors wrong traces make, and whether equations hold: three tables. Knows nothing about how errors are told."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sgram.analysis.columns_store import OUTCOMES
from sgram.analysis.sample_plan import key_of, problem_of
from sgram.analysis.table import Table, build_table
from sgram.analysis.table_columns import OUTCOME, SHARE_INTERVAL, SOURCE, STEP, count, number, share, text
from sgram.analysis.trace_counts import Counted
from sgram.diagnosis.kinds import KINDS, Diagnosis
from sgram.equations.equations import Equation
from sgram.traces import Trace

TOLD = {
    "strategic": "strategic",
    "procedural": "procedural",
    "format": "other",
    "other": "other",
    "unfinished": "unfinished",
    "degenerate": "degenerate",
}
"""Kinds of errors as checkers write them to ``meta.error``, and what they are here."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A trace whose equations were looked at."""

    source: int
    outcome: int
    problem: int
    verdicts: tuple[str, ...]


def told_kind(trace: Trace) -> int:
    """Place in `KINDS` of the kind of error that a checker told; -1 where it told none."""
    told = trace.meta.get("error")
    return KINDS.index(TOLD[told]) if isinstance(told, str) and told in TOLD else -1


def kinds_of(counted: Counted, diagnoses: Mapping[int, Diagnosis]) -> np.ndarray:
    """(traces,) place in `KINDS`: as told, or else as diagnosed; -1 for what is not wrong or not known."""
    held = counted.columns
    kinds = np.where(held.outcome == 1, held.told if counted.config.told_errors else -1, -1)
    for row in np.flatnonzero((held.outcome == 1) & (kinds < 0)).tolist():
        found = diagnoses.get(int(held.key[row]))
        kinds[row] = -1 if found is None else KINDS.index(found.kind)
    return kinds


def errors_table(counted: Counted, kinds: np.ndarray) -> Table:
    """Kinds of errors by source, at each step and over all; empty where no trace is wrong."""
    columns = [
        SOURCE,
        STEP,
        text(
            "kind",
            "strategic: a wrong plan; procedural: a slip in carrying it out; other: no answer, "
            "or nothing to the point; unfinished: cut off; degenerate: a loop",
        ),
        count("count", "wrong traces of the kind"),
        share("share", "of the wrong traces whose kind is known"),
        *SHARE_INTERVAL,
        share("of_judged", "share, times the share of wrong traces among those judged"),
    ]
    records = []
    for source, name in enumerate(counted.names):
        for step in (None, *counted.steps(source)):
            rows = counted.rows(source, step=step)
            records += [{"source": name, "step": step, **row} for row in _errors(counted, rows, kinds[rows])]
    return build_table("errors", "Which errors wrong traces make", columns, records)


def _errors(counted: Counted, rows: np.ndarray, kinds: np.ndarray) -> Iterator[dict[str, Any]]:
    judged = counted.columns.outcome[rows] < 2
    known = kinds >= 0
    if not known.any():
        return
    by_problem = counted.by_problem(rows)
    wrong = float((counted.columns.outcome[rows] == 1).sum() / judged.sum())
    for place, kind in enumerate(KINDS):
        found = by_problem.ratio((kinds == place).astype(float), known.astype(float))
        yield {
            "kind": kind,
            "count": int((kinds == place).sum()),
            "share": found.value,
            "low": found.low,
            "high": found.high,
            "of_judged": found.value * wrong,
        }


def diagnoses_table(found: Sequence[tuple[str, Trace, Diagnosis]]) -> Table:
    """Each diagnosis with its evidence; `found` are (source, trace, diagnosis)."""
    columns = [
        text("trace", "id of the trace"),
        SOURCE,
        text("kind", "the kind of error that is likeliest"),
        count("step", "step of the trace at which it goes wrong, from 0; empty where nothing points at one"),
        number("confidence", "probability of the kind by its signals; not fitted to anything"),
        text("evidence", "what speaks for the kind, strongest first"),
    ]
    records = [
        {
            "trace": trace.id,
            "source": source,
            "kind": each.kind,
            "step": each.step,
            "confidence": each.confidence,
            "evidence": "; ".join(one.what for one in each.evidence[:3]),
        }
        for source, trace, each in sorted(found, key=lambda one: (one[0], one[1].id, key_of(one[1].text)))
    ]
    return build_table("diagnoses", "Wrong traces, one by one", columns, records)


def checked_trace(source: int, trace: Trace, outcome: int, equations: Sequence[Equation]) -> Checked:
    """What is kept of a trace whose equations were checked."""
    return Checked(source, outcome, key_of(problem_of(trace)), tuple(each.verdict for each in equations))


def equations_table(counted: Counted, checked: Sequence[Checked]) -> Table:
    """Right, wrong and unchecked equations by source and outcome; empty where there is none."""
    columns = [
        SOURCE,
        OUTCOME,
        count("right", "equations that hold"),
        count("wrong", "equations that do not hold"),
        count("unchecked", "equations that could not be worked out"),
        share("wrong_share", "wrong ones, of those right or wrong"),
        *SHARE_INTERVAL,
    ]
    records = []
    for source, name in enumerate(counted.names):
        for outcome in range(len(OUTCOMES)):
            some = [each for each in checked if (each.source, each.outcome) == (source, outcome)]
            some.sort(key=lambda each: (each.problem, each.verdicts))
            if not some:
                continue
            counts = np.array(
                [[each.verdicts.count(verdict) for verdict in ("right", "wrong", "unchecked")] for each in some], float
            )
            by_problem = counted.resamples(np.array([each.problem for each in some]))
            found = by_problem.ratio(counts[:, 1], counts[:, :2].sum(axis=1))
            right, wrong, unchecked = counts.sum(axis=0).astype(int).tolist()
            if right + wrong + unchecked:
                records.append(
                    {
                        "source": name,
                        "outcome": OUTCOMES[outcome],
                        "right": right,
                        "wrong": wrong,
                        "unchecked": unchecked,
                        "wrong_share": found.value,
                        "low": found.low,
                        "high": found.high,
                    }
                )
    most = counted.config.max_diagnosed
    note = f"Of {len(checked):,} traces, up to {most:,} of each outcome, chosen by the digest of their text."
    return build_table("equations", "Do the equations hold", columns, records, note)
