"""`trace_mean`: a measure that is the mean of one number of each trace."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from sgram.analysis.columns_store import PerTrace
from sgram.analysis.figure_specs import DotMark, DotPlot, Panel, sgs_and_placebo
from sgram.analysis.findings import Contrast, Level
from sgram.analysis.measure import AnalysisData, Measure, Quantity
from sgram.analysis.measures.planning import outcome_rows
from sgram.analysis.table import Column
from sgram.analysis.table_columns import INTERVAL, LIST, OUTCOME, SHARE_INTERVAL, SOURCE, count, interval
from sgram.analysis.trace_counts import PLACEBO, SGS, summarize_draws
from sgram.tagging.text_marks import TextMarks
from sgram.traces import Trace


def trace_mean(
    name: str,
    title: str,
    meaning: str,
    compute: Callable[[Trace, TextMarks], float | None],
    *,
    unit: str = "",
    section: str = "more",
    by_list: bool = False,
    needs: str = "",
) -> Measure:
    """Return the measure of the mean of `compute(trace, marks)` over traces, by source and outcome, with intervals.

    `meaning` says what the number is, as the subject of a sentence. `compute` returns None for a trace without such a
    number. `unit` is the unit of the number, or "share" for numbers from 0 to 1, which are shown in per cent. If
    `by_list`, the number depends on `marks`, and the mean for random phrases stands beside it. The report shows the
    table and a figure in its section, the mean of each source, and whether correct and wrong traces differ.

    >>> from sgram.analysis import trace_mean
    >>> questions = trace_mean("questions", "Questions", "questions a trace", lambda trace, _: trace.text.count("?"))
    >>> [column.name for column in questions.columns]
    ['source', 'outcome', 'value', 'low', 'high', 'traces']
    """

    def number(trace: Trace, marks: TextMarks) -> tuple[float]:
        computed = compute(trace, marks)
        return (np.nan if computed is None else computed,)

    def records(data: AnalysisData) -> Iterator[dict[str, Any]]:
        counts = data.counts
        for source, source_name in enumerate(counts.source_names):
            n_lists = len(counts.gram_lists(source)) if by_list else 1
            for outcome, rows in outcome_rows(counts, source, judged_only=True):
                numbers = counts.columns.per_trace[name][rows, :n_lists, 0].T
                resamples, is_known = counts.row_resamples(rows), ~np.isnan(numbers)
                means = [
                    resamples.ratio(np.where(known, row, 0), known.astype(float))
                    for row, known in zip(numbers, is_known, strict=True)
                ]
                cells = {"source": source_name, "outcome": outcome, "traces": int(is_known[0].sum())}
                if means[0].value is not None:
                    yield {**cells, **({"list": SGS} if by_list else {}), **interval(means[0])}
                draws = [mean.value for mean in means[1:] if mean.value is not None]
                if draws:
                    yield {**cells, "list": PLACEBO, **interval(summarize_draws(draws))}

    is_share = unit == "share"
    marks = sgs_and_placebo() if by_list else (DotMark("all"),)
    return Measure(
        name,
        title,
        (
            SOURCE,
            OUTCOME,
            *((LIST,) if by_list else ()),
            Column("value", f"{meaning}, mean over traces", "share" if is_share else "number"),
            *(SHARE_INTERVAL if is_share else INTERVAL),
            count("traces", "traces that have such a number"),
        ),
        records,
        needs=needs,
        section=section,
        quantities=(Quantity(meaning, keys=("source", "outcome"), extra=("traces",), unit=unit),),
        figures=(
            DotPlot(
                name.replace("_", "-"),
                title,
                f"{meaning[:1].upper()}{meaning[1:]}: mean over traces.",
                (Panel("", "%" if is_share else unit, marks, 100 if is_share else 1),),
                row_by="outcome",
                remark="{traces} traces",
                key="" if by_list else "dots: mean over traces, with its 95 % interval over problems",
            ),
        ),
        questions=(
            Level(name=name, subject=meaning, unit=unit, where={"outcome": "all"}, n="traces"),
            Contrast(name=f"{name} by outcome", subject=meaning, unit=unit, n="traces"),
        ),
        per_trace=PerTrace(number, by_list),
    )
