"""Measures `corpus` and `success`: what was read, and how often it is correct."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from sgram.analysis.figure_specs import DotMark, DotPlot, Panel
from sgram.analysis.findings import Finding, FindingContext, Level, Question
from sgram.analysis.measure import AnalysisData, Measure, Quantity
from sgram.analysis.table import Table
from sgram.analysis.table_columns import SHARE_INTERVAL, SOURCE, count, interval, number, share, text
from sgram.analysis.trace_counts import TraceCounts
from sgram.metrics import maj_at_k, pass_at_k
from sgram.statistics import Estimate

_SAMPLE_SIZES = (4, 8, 16, 32, 64, 128, 256)
"""Values of k beside 1 and the median number of samples of a problem."""


class CorpusSize(Question):
    """How much was read, and how much of it was judged."""

    def findings(self, measure: str, table: Table, context: FindingContext) -> Iterator[Finding]:
        """Yield one finding of all sources: n is the number of traces, the estimate the share of judged traces."""
        totals = {
            name: sum(int(number) for number in table.numbers(name) if number is not None)
            for name in ("traces", "correct", "wrong", "not_judged")
        }
        if not totals["traces"]:
            return
        n_judged = totals["correct"] + totals["wrong"]
        notes = (
            f"{totals['correct']:,} are correct, {totals['wrong']:,} wrong and {totals['not_judged']:,} not judged."
            if n_judged
            else "No trace says whether its answer is right, so correct and wrong traces are not compared. If rewards "
            "say it, pass --correct-above.",
        )
        judged_share = Estimate(n_judged / totals["traces"])
        yield Finding(measure, self, None, judged_share, n=totals["traces"], notes=notes)


def _corpus_records(data: AnalysisData) -> Iterator[dict[str, Any]]:
    counts = data.counts
    for source, source_name in enumerate(counts.source_names):
        rows = counts.rows(source)
        correct, wrong, not_judged = np.bincount(counts.columns.outcome[rows], minlength=3).tolist()
        tokens = counts.columns.tokens[rows]
        yield {
            "source": source_name,
            "traces": len(rows),
            "problems": len(np.unique(counts.columns.problem[rows])),
            "correct": correct,
            "wrong": wrong,
            "not_judged": not_judged,
            "words": int(counts.columns.words[rows].sum()),
            "tokens": int(tokens.sum()) if (tokens >= 0).all() else None,
            "length": float(counts.columns.words[rows].mean()),
        }


CORPUS = Measure(
    "corpus",
    "What was analyzed",
    (
        SOURCE,
        count("traces", "traces read"),
        count("problems", "different problems"),
        count("correct", "traces that are correct"),
        count("wrong", "traces that are wrong"),
        count("not_judged", "traces of which it is not known"),
        count("words", "words in all"),
        count("tokens", "tokens in all; empty where token ids are not known"),
        number("length", "mean words of a trace"),
    ),
    _corpus_records,
    "A word is a run of letters as the lexicon's normal form has it: numbers and formulas are no words.",
    section="summary",
    questions=(CorpusSize(name="size", subject="traces"),),
)


def _success_records(data: AnalysisData) -> Iterator[dict[str, Any]]:
    for source in range(data.counts.n_sources):
        yield from _source_success(data.counts, source)


def _source_success(counts: TraceCounts, source: int) -> Iterator[dict[str, Any]]:
    rows = counts.rows(source)
    rows = rows[counts.columns.outcome[rows] < 2]
    group_rows: dict[int, list[int]] = defaultdict(list)
    for row, group in zip(rows.tolist(), counts.columns.group[rows].tolist(), strict=True):
        group_rows[group].append(row)
    if not group_rows:
        return
    median_size = int(np.median([len(samples) for samples in group_rows.values()]))
    sample_sizes = [1, *(size for size in _SAMPLE_SIZES if size <= median_size)]
    if median_size > 1 and median_size not in sample_sizes:
        sample_sizes.append(median_size)
    groups = [samples for _, samples in sorted(group_rows.items())]
    voting_groups = _voting_groups(counts, groups)
    for k in sample_sizes:
        for name, measured_groups in (("pass", groups), ("maj", voting_groups), ("avg", groups)):
            large_groups = [samples for samples in measured_groups if len(samples) >= k]
            if not large_groups or (k == 1 and name != "pass"):
                continue
            first_rows = np.array([samples[0] for samples in large_groups])
            success = np.array([_success_at_k(counts, name, samples, k) for samples in large_groups])
            yield {
                "source": counts.source_names[source],
                "measure": f"{name}@{k}",
                "problems": len(np.unique(counts.columns.problem[first_rows])),
                "samples": sum(map(len, large_groups)),
                **interval(counts.row_resamples(first_rows).ratio(success, np.ones(len(success)))),
            }


def _voting_groups(counts: TraceCounts, groups: Sequence[list[int]]) -> Sequence[list[int]]:
    """Return the groups whose majority is known; `groups` are the rows of the samples of each problem.

    A group without any answer is left out, because its answers are not recorded. If every trace of every such group
    is wrong, these traces state no answer: the groups stay, as no vote of theirs is right.
    """
    silent_groups = [samples for samples in groups if not counts.columns.answer[samples].any()]
    if len(silent_groups) == len(groups):
        return []
    if all((counts.columns.outcome[samples] == 1).all() for samples in silent_groups):
        return groups
    return [samples for samples in groups if counts.columns.answer[samples].any()]


def _success_at_k(counts: TraceCounts, name: str, samples: list[int], k: int) -> float:
    """Return "pass", "maj" or "avg" at k of one problem; `samples` are the rows of its samples."""
    is_correct = counts.columns.outcome[samples] == 0
    n_samples, n_correct = len(samples), int(is_correct.sum())
    if name == "maj":
        answers = [answer or None for answer in counts.columns.answer[samples].tolist()]
        return maj_at_k(answers, is_correct.tolist(), k)
    return float(pass_at_k(n_samples, n_correct, k) if name == "pass" else n_correct / n_samples)


SUCCESS = Measure(
    "success",
    "How often traces are correct",
    (
        SOURCE,
        text(
            "measure",
            "pass@k: at least one of k samples is correct; maj@k: their most frequent answer is; "
            "avg@k: mean over all samples, of problems with at least k",
        ),
        share("value", "mean over problems"),
        *SHARE_INTERVAL,
        count("problems", "problems with at least k samples; of maj@k those whose answers are recorded"),
        count("samples", "judged traces of these"),
    ),
    _success_records,
    "Unbiased estimates, exact over all ways to draw k of a problem's samples. Of a training run, samples are those of "
    "one problem at one step, over all steps. Of maj@k: 5, 5.0 and $5 are one answer; a sample without an answer casts "
    "no vote; problems of which no answer is recorded are left out.",
    needs="Success needs traces that are marked correct or wrong, or that bring reference answers",
    section="summary",
    quantities=(Quantity("how often they are correct", keys=("source", "measure"), extra=("problems", "samples")),),
    figures=(
        DotPlot(
            "success",
            "How often the answer is right",
            "Share of problems solved.",
            (Panel("{measure}", "% of problems", (DotMark("all"),), 100),),
            panel_by="measure",
            remark="{problems} problems",
            max_sources=24,
            key="dots: estimate with its 95 % interval over problems",
        ),
    ),
    questions=(Level(name="accuracy", subject="accuracy (pass@1)", where={"measure": "pass@1"}, n="problems", rank=1),),
)
