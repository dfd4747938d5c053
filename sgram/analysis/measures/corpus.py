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
from sgram.analysis.trace_counts import ProblemResamples, TraceCounts
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
    for k in sample_sizes:
        groups = [samples for _, samples in sorted(group_rows.items()) if len(samples) >= k]
        first_rows = np.array([samples[0] for samples in groups])
        resamples = counts.row_resamples(first_rows)
        sizes = {
            "source": counts.source_names[source],
            "problems": len(np.unique(counts.columns.problem[first_rows])),
            "samples": sum(map(len, groups)),
        }
        for measure, estimate in _success_at_k(counts, groups, k, resamples):
            yield {**sizes, "measure": f"{measure}@{k}", **interval(estimate)}


def _success_at_k(
    counts: TraceCounts, groups: Sequence[list[int]], k: int, resamples: ProblemResamples
) -> Iterator[tuple[str, Estimate]]:
    """Yield "pass", "maj" and "avg" with their estimates; `groups` are the rows of the samples of each problem."""
    ones = np.ones(len(groups))
    is_correct = [counts.columns.outcome[samples] == 0 for samples in groups]
    n_samples = np.array([len(samples) for samples in groups])
    n_correct = np.array([int(correct.sum()) for correct in is_correct])
    yield "pass", resamples.ratio(pass_at_k(n_samples, n_correct, k), ones)
    if k == 1:
        return
    answers = [[answer or None for answer in counts.columns.answer[samples].tolist()] for samples in groups]
    if any(answer is not None for group_answers in answers for answer in group_answers):
        votes = [
            maj_at_k(group_answers, list(correct), k)
            for group_answers, correct in zip(answers, is_correct, strict=True)
        ]
        yield "maj", resamples.ratio(np.array(votes), ones)
    yield "avg", resamples.ratio(n_correct / n_samples, ones)


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
        count("problems", "problems with at least k samples"),
        count("samples", "judged traces of these"),
    ),
    _success_records,
    "Unbiased estimates, exact over all ways to draw k of a problem's samples. Of a training run, samples are those of "
    "one problem at one step, over all steps.",
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
