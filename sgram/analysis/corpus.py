"""What was read, and how often it is right: the tables `corpus` and `success`. Knows nothing about planning."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np

from sgram.analysis.table import Table, build_table
from sgram.analysis.table_columns import SHARE_INTERVAL, SOURCE, count, interval, number, share, text
from sgram.analysis.trace_counts import Counted
from sgram.metrics import maj_at_k, pass_at_k
from sgram.statistics import Estimate

_SIZES = (4, 8, 16, 32, 64, 128, 256)


def corpus_table(counted: Counted) -> Table:
    """Traces, problems, outcomes and lengths of each source."""
    columns = [
        SOURCE,
        count("traces", "traces read"),
        count("problems", "different problems"),
        count("correct", "traces that are correct"),
        count("wrong", "traces that are wrong"),
        count("not_judged", "traces of which it is not known"),
        count("words", "words in all"),
        count("tokens", "tokens in all; empty where token ids are not known"),
        number("length", "mean words of a trace"),
    ]
    records = []
    for source, name in enumerate(counted.names):
        rows, held = counted.rows(source), counted.columns
        outcome = np.bincount(held.outcome[rows], minlength=3).tolist()
        tokens = held.tokens[rows]
        records.append(
            {
                "source": name,
                "traces": len(rows),
                "problems": len(np.unique(held.problem[rows])),
                "correct": outcome[0],
                "wrong": outcome[1],
                "not_judged": outcome[2],
                "words": int(held.words[rows].sum()),
                "tokens": int(tokens.sum()) if (tokens >= 0).all() else None,
                "length": float(held.words[rows].mean()),
            }
        )
    note = "A word is a run of letters as the lexicon's normal form has it: numbers and formulas are no words."
    return build_table("corpus", "What was analyzed", columns, records, note)


def success_table(counted: Counted) -> Table:
    """pass@k, maj@k and avg@k of each source, over problems with at least k judged samples; empty if none is judged."""
    columns = [
        SOURCE,
        text(
            "measure",
            "pass@k: at least one of k samples is correct; maj@k: their most frequent answer is; "
            "avg@k: mean over all samples, of problems with at least k",
        ),
        share("value", "mean over problems"),
        *SHARE_INTERVAL,
        count("problems", "problems with at least k samples"),
        count("samples", "judged traces of these"),
    ]
    records = [row for source in range(len(counted.names)) for row in _success(counted, source)]
    note = (
        "Unbiased estimates, exact over all ways to draw k of a problem's samples. Of a training run, samples are "
        "those of one problem at one step, over all steps."
    )
    return build_table("success", "How often traces are correct", columns, records, note)


def _success(counted: Counted, source: int) -> Iterator[dict[str, Any]]:
    held = counted.columns
    rows = counted.rows(source)
    rows = rows[held.outcome[rows] < 2]
    samples: dict[int, list[int]] = defaultdict(list)
    for row, group in zip(rows.tolist(), held.group[rows].tolist(), strict=True):
        samples[group].append(row)
    if not samples:
        return
    usual = int(np.median([len(each) for each in samples.values()]))
    sizes = [1, *(size for size in _SIZES if size <= usual)]
    if usual > 1 and usual not in sizes:
        sizes.append(usual)
    for k in sizes:
        enough = [each for _, each in sorted(samples.items()) if len(each) >= k]
        problem = held.problem[[each[0] for each in enough]]
        by_problem = counted.by_problem(np.array([each[0] for each in enough]))
        told = {"source": counted.names[source], "problems": len(np.unique(problem)), "samples": sum(map(len, enough))}
        for measure, found in _at(counted, enough, k, by_problem):
            yield {**told, "measure": f"{measure}@{k}", **interval(found)}


def _at(counted: Counted, enough: list[list[int]], k: int, by_problem: Any) -> Iterator[tuple[str, Estimate]]:
    held, ones = counted.columns, np.ones(len(enough))
    right = [(held.outcome[each] == 0) for each in enough]
    n = np.array([len(each) for each in enough])
    c = np.array([int(each.sum()) for each in right])
    yield "pass", by_problem.ratio(pass_at_k(n, c, k), ones)
    if k == 1:
        return
    answers = [[value or None for value in held.answer[each].tolist()] for each in enough]
    if any(value is not None for each in answers for value in each):
        votes = [maj_at_k(each, list(ok), k) for each, ok in zip(answers, right, strict=True)]
        yield "maj", by_problem.ratio(np.array(votes), ones)
    yield "avg", by_problem.ratio(c / n, ones)
