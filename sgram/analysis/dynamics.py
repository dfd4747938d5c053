"""Tables `curves`, `settling` and `aha`: quantities over training steps, when they settle, and what grows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sgram.analysis.entropies import (
    LabeledSpans,
    binned_spans,
    comparison_size,
    conditional_entropy_at,
    gram_spans,
    semantic_entropy_at,
)
from sgram.analysis.planning import planning_sizes, planning_unit
from sgram.analysis.table import Table, build_table
from sgram.analysis.table_columns import INTERVAL, LIST, SOURCE, STEP, count, number, text
from sgram.analysis.token_tables import CLASSES, TOKEN_MEASURES, measure_sums, measured_rows
from sgram.analysis.trace_counts import PLACEBO, SGS, TraceCounts
from sgram.array_types import FloatArray, IntArray
from sgram.diagnosis.kinds import KINDS
from sgram.metrics import (
    Curve,
    PhaseOrder,
    build_curve,
    change_point,
    curve_band,
    curve_draws,
    growth,
    phase_order,
    settle,
)
from sgram.statistics import Estimate

REFLECTION = ("backtracking", "verification", "branching")
"""Moves whose growth is called an "aha moment"."""
MIN_STEPS = 2
_MAX_CLUSTERS = 30
_SHARES = frozenset({"pass@1", "strategic errors", "procedural errors", "planning share"})
"""Series between 0 and 1. Their bands are clipped, because a band from few problems is widened and may leave it."""
_ENTROPY_SERIES = (("semantic entropy", "grams"), ("cluster entropy", "clusters"), ("conditional entropy", None))
"""Series with the bins that are counted; None for the words that follow grams."""


@dataclass(frozen=True, slots=True, eq=False)
class StepSeries:
    """One quantity of one source over its training steps."""

    name: str
    curve: Curve
    """By the lexicon, or of a quantity that does not depend on a gram list."""
    low: Sequence[float | None]
    high: Sequence[float | None]
    n_traces: Sequence[int]
    """Traces at each step."""
    placebo_curves: tuple[Curve, ...] = ()
    depends_on_lexicon: bool = False


def build_series(counts: TraceCounts, source: int, error_kinds: IntArray) -> list[StepSeries]:
    """Return every quantity of a source over its steps; nothing if it has fewer than `MIN_STEPS` steps.

    `error_kinds`, (traces,), are those of `sgram.analysis.errors.error_kinds`.
    """
    if len(counts.steps(source)) < MIN_STEPS:
        return []
    rows = counts.rows_with_step(source)
    return [
        *_outcome_series(counts, rows, error_kinds),
        *_planning_share_series(counts, source, rows),
        *_entropy_series(counts, source, rows),
        *_token_series(counts, source, rows),
    ]


def _ratio_curve(counts: TraceCounts, rows: IntArray, numerators: FloatArray, denominators: FloatArray) -> Curve:
    """Return the curve of sum(numerators) / sum(denominators) by step; both are (rows,)."""
    return build_curve(
        counts.columns.step[rows].tolist(),
        [f"{problem:016x}" for problem in counts.columns.problem[rows].tolist()],
        numerators.tolist(),
        denominators.tolist(),
    )


def _series_with_band(
    counts: TraceCounts,
    name: str,
    rows: IntArray,
    curve: Curve,
    placebo_curves: Sequence[Curve] = (),
    depends_on_lexicon: bool = False,
) -> Iterator[StepSeries]:
    """Yield the series of `curve` with its band, unless it has too few steps."""
    if len(curve.steps) < MIN_STEPS:
        return
    band = curve_band(curve, counts.config.n_draws, counts.config.seed)
    low: Sequence[float | None] = [None] * len(curve.steps)
    high = low
    if band is not None:
        lower, upper = (np.clip(bound, 0, 1) for bound in band) if name in _SHARES else band
        low, high = lower.tolist(), upper.tolist()
    n_traces = _traces_at_steps(counts, rows, curve.steps)
    yield StepSeries(name, curve, low, high, n_traces, tuple(placebo_curves), depends_on_lexicon)


def _traces_at_steps(counts: TraceCounts, rows: IntArray, steps: Sequence[int]) -> list[int]:
    """Return the number of traces of `rows` at each of `steps`."""
    distinct, sizes = np.unique(counts.columns.step[rows], return_counts=True)
    size_of_step = dict(zip(distinct.tolist(), sizes.tolist(), strict=True))
    return [size_of_step.get(step, 0) for step in steps]


def _outcome_series(counts: TraceCounts, rows: IntArray, error_kinds: IntArray) -> Iterator[StepSeries]:
    outcomes = counts.columns.outcome[rows]
    judged = rows[outcomes < 2]
    ones = np.ones(len(judged))
    correct = (counts.columns.outcome[judged] == 0).astype(float)
    if len(judged):
        yield from _series_with_band(counts, "pass@1", judged, _ratio_curve(counts, judged, correct, ones))
    words = counts.columns.words[rows].astype(float)
    length_curve = _ratio_curve(counts, rows, words, np.ones(len(rows)))
    yield from _series_with_band(counts, "length", rows, length_curve)
    if len(judged) and (error_kinds[judged][correct == 0] >= 0).all():
        for kind in ("strategic", "procedural"):
            is_kind = (error_kinds[judged] == KINDS.index(kind)).astype(float)
            kind_curve = _ratio_curve(counts, judged, is_kind, ones)
            yield from _series_with_band(counts, f"{kind} errors", judged, kind_curve)


def _planning_share_series(counts: TraceCounts, source: int, rows: IntArray) -> Iterator[StepSeries]:
    unit = planning_unit(counts, rows)
    curve, *placebo_curves = [
        _ratio_curve(counts, rows, *planning_sizes(counts, gram_list, rows, unit))
        for gram_list in counts.gram_lists(source)
    ]
    yield from _series_with_band(counts, "planning share", rows, curve, placebo_curves, True)


def _token_series(counts: TraceCounts, source: int, rows: IntArray) -> Iterator[StepSeries]:
    """Yield the entropy and the perplexity of each token class, if they were recorded."""
    for measure in TOKEN_MEASURES:
        measured = measured_rows(counts, rows, measure)
        if not len(measured):
            continue
        for class_index, class_name in enumerate(CLASSES):
            curve, *placebo_curves = [
                _ratio_curve(
                    counts,
                    measured,
                    measure_sums(gram_list, measure)[measured, class_index],
                    gram_list.tokens[measured, class_index].astype(float),
                )
                for gram_list in counts.gram_lists(source)
            ]
            name = f"{class_name} {measure}"
            for series in _series_with_band(counts, name, measured, curve, placebo_curves, True):
                yield series if measure == "entropy" else _perplexity_series(series)


def _perplexity_series(series: StepSeries) -> StepSeries:
    """Return mean negative log-probabilities as perplexities.

    The samples of the curve are dropped: the mean of the exponentials is not the exponential of the mean.
    """

    def exponential(number: float) -> float:
        with np.errstate(over="ignore"):  # a number that is too large becomes infinite
            return float(np.exp(number))

    def bounds(numbers: Sequence[float | None]) -> list[float | None]:
        return [None if number is None else exponential(number) for number in numbers]

    def perplexities(curve: Curve) -> Curve:
        return Curve(curve.steps, tuple(exponential(number) for number in curve.values))

    return StepSeries(
        series.name,
        perplexities(series.curve),
        bounds(series.low),
        bounds(series.high),
        series.n_traces,
        tuple(map(perplexities, series.placebo_curves)),
        True,
    )


def _entropy_series(counts: TraceCounts, source: int, rows: IntArray) -> Iterator[StepSeries]:
    """Yield entropies at one number of occurrences for all steps, the lexicon and its placebos."""
    steps = counts.steps(source)
    rows_by_step = [rows[counts.columns.step[rows] == step] for step in steps]
    for name, bins in _ENTROPY_SERIES:
        spans_by_list = _spans_by_list_and_step(counts, source, bins, rows_by_step)
        size = comparison_size(len(spans) for list_spans in spans_by_list for spans in list_spans)
        entropy_at = conditional_entropy_at if bins is None else semantic_entropy_at
        estimates_by_list = [
            [
                entropy_at(counts.columns.problem[step_rows], spans, size, list_index == 0)
                if len(spans) >= size
                else Estimate(None)
                for step_rows, spans in zip(rows_by_step, list_spans, strict=True)
            ]
            for list_index, list_spans in enumerate(spans_by_list)
        ]
        lexicon_estimates = estimates_by_list[0]
        defined = [index for index, estimate in enumerate(lexicon_estimates) if estimate.value is not None]
        if len(defined) < MIN_STEPS:
            continue
        curve, *placebo_curves = [_estimate_curve(steps, estimates) for estimates in estimates_by_list]
        yield StepSeries(
            name,
            curve,
            [lexicon_estimates[index].low for index in defined],
            [lexicon_estimates[index].high for index in defined],
            [len(rows_by_step[index]) for index in defined],
            tuple(placebo_curves),
            True,
        )


def _spans_by_list_and_step(
    counts: TraceCounts, source: int, bins: str | None, rows_by_step: Sequence[IntArray]
) -> list[list[LabeledSpans]]:
    """Return the spans at each step, of each list that has the bins; labeled by gram if `bins` is None."""
    spans_by_list = []
    for list_index in range(len(counts.gram_lists(source))):
        spans_by_step = [
            gram_spans(counts, source, list_index, rows)
            if bins is None
            else binned_spans(counts, source, list_index, bins, rows)
            for rows in rows_by_step
        ]
        with_bins = [spans for spans in spans_by_step if spans is not None]
        if with_bins:
            spans_by_list.append(with_bins)
    return spans_by_list


def _estimate_curve(steps: Sequence[int], estimates: Sequence[Estimate]) -> Curve:
    """Return the curve of the estimates at the steps where they are defined."""
    points = [
        (step, estimate.value) for step, estimate in zip(steps, estimates, strict=True) if estimate.value is not None
    ]
    return Curve(tuple(step for step, _ in points), tuple(height for _, height in points))


# -- tables ---------------------------------------------------------------------------------------------


def curves_table(counts: TraceCounts, series_by_source: Mapping[int, Sequence[StepSeries]]) -> Table:
    """Return every series of every source, step by step, beside its placebo; empty if no trace has a step."""
    columns = [
        SOURCE,
        STEP,
        text("series", "what is followed; entropies in nats, lengths in words, errors of judged traces"),
        LIST,
        number("value", "the value at this step"),
        *INTERVAL,
        count("n", "traces at this step"),
        number("relative", "value by the value at the first step"),
    ]
    records = [
        {"source": counts.source_names[source], **record}
        for source, source_series in series_by_source.items()
        for series in source_series
        for record in (*_curve_records(series), *_placebo_curve_records(series))
    ]
    note = (
        "Semantic, cluster and conditional entropy are at one number of occurrences for all steps of a source, with "
        "jackknife intervals; steps with fewer occurrences are left out. The list is empty where the lexicon decides "
        "nothing."
    )
    return build_table("curves", "Over the steps of training", columns, records, note)


def _curve_records(series: StepSeries) -> Iterator[dict[str, Any]]:
    curve = series.curve
    for index, (step, height) in enumerate(zip(curve.steps, curve.values, strict=True)):
        yield {
            "step": step,
            "series": series.name,
            "list": SGS if series.depends_on_lexicon else None,
            "value": height,
            "low": series.low[index],
            "high": series.high[index],
            "n": series.n_traces[index],
            "relative": _relative_to_first(height, curve.values[0]),
        }


def _placebo_curve_records(series: StepSeries) -> Iterator[dict[str, Any]]:
    mean_curve = placebo_curve(series)
    if mean_curve is None:
        return
    n_traces = dict(zip(series.curve.steps, series.n_traces, strict=True))
    for step, height in zip(mean_curve.steps, mean_curve.values, strict=True):
        draws = [curve.values[curve.steps.index(step)] for curve in series.placebo_curves if step in curve.steps]
        low, high = (min(draws), max(draws)) if len(draws) > 1 else (None, None)
        yield {
            "step": step,
            "series": series.name,
            "list": PLACEBO,
            "value": height,
            "low": low,
            "high": high,
            "n": n_traces.get(step),
            "relative": _relative_to_first(height, mean_curve.values[0]),
        }


def _relative_to_first(height: float, first_height: float) -> float | None:
    return height / first_height if first_height else None


def placebo_curve(series: StepSeries) -> Curve | None:
    """Return the mean of the placebo draws at the steps that all draws have; None if there is no draw."""
    if not series.placebo_curves:
        return None
    steps = sorted(set.intersection(*(set(curve.steps) for curve in series.placebo_curves)))
    height_at_step = [dict(zip(curve.steps, curve.values, strict=True)) for curve in series.placebo_curves]
    return Curve(tuple(steps), tuple(float(np.mean([heights[step] for heights in height_at_step])) for step in steps))


def settling_table(counts: TraceCounts, series_by_source: Mapping[int, Sequence[StepSeries]]) -> Table:
    """Return the step by which each series has made 90 % of its change, and the step at which its slope changes.

    The table is empty if no trace has a step.
    """
    columns = [
        SOURCE,
        text("series", "what is followed"),
        number("total_change", "mean of the last fifth of the steps less the start"),
        count("step90", "step from which 90 % of the change is made for good; empty where no change can be told"),
        number("low", "lower end of its 95 % interval"),
        number("high", "upper end"),
        count("change_point", "step at which the slope changes most"),
        number("change_low", "lower end of its 95 % interval"),
        number("change_high", "upper end"),
        number("p_value", "of the curve being one line with noise"),
    ]
    seed, n_draws, records = counts.config.seed, counts.config.n_draws, []
    for source, source_series in series_by_source.items():
        for series in source_series:
            curve = series.curve
            draws = None if curve.samples is None else curve_draws(curve, n_draws, seed)
            settling = settle(curve.steps, curve.values, resamples=draws, seed=seed)
            bend = change_point(curve.steps, curve.values, seed, n_draws)
            records.append(
                {
                    "source": counts.source_names[source],
                    "series": series.name,
                    "total_change": settling.total_change,
                    "step90": settling.step,
                    "low": settling.low,
                    "high": settling.high,
                    "change_point": bend.step,
                    "change_low": bend.low,
                    "change_high": bend.high,
                    "p_value": bend.p_value,
                }
            )
    note = "Series that depend on a list are the lexicon's. A change that its noise could have made has no step."
    return build_table("settling", "When curves settle", columns, records, note)


def find_phase_order(
    counts: TraceCounts, source_series: Sequence[StepSeries], list_index: int = 0
) -> PhaseOrder | None:
    """Return whether execution tokens settle before planning tokens, by their entropy.

    List 0 is the lexicon, lists 1, 2, ... are the draws of its placebo. None if the series of a class is missing.
    """
    curves = {}
    for series in source_series:
        list_curves = (series.curve, *series.placebo_curves)
        if series.name in ("planning entropy", "execution entropy") and list_index < len(list_curves):
            curves[series.name] = list_curves[list_index]
    if len(curves) < 2:
        return None
    return phase_order(
        curves["execution entropy"], curves["planning entropy"], seed=counts.config.seed, n_draws=counts.config.n_draws
    )


def aha_table(counts: TraceCounts) -> Table:
    """Return the first step and the growth of clusters of reflection; empty without steps or such clusters."""
    columns = [
        SOURCE,
        count("cluster", "number of the cluster in the lexicon"),
        text("move", "what it does"),
        text("medoid", "the gram that names it"),
        count("first_step", "step at which it first occurs"),
        number("start_rate", "spans per 1,000 words over the first fifth of the steps"),
        number("end_rate", "the same over the last fifth"),
        number("ratio", "end by start; empty where it starts from 0"),
        number("low", "lower end of the 95 % interval of the ratio"),
        number("high", "upper end"),
    ]
    records = [record for source in range(counts.n_sources) for record in _growth_records(counts, source)]
    note = (
        f"Clusters of the moves {', '.join(REFLECTION)}; of a source at most the {_MAX_CLUSTERS} most frequent. "
        "Intervals are of rates of counts, widened for bursts, each for itself."
    )
    return build_table("aha", "Growth of reflection", columns, records, note)


def _growth_records(counts: TraceCounts, source: int) -> Iterator[dict[str, Any]]:
    steps = counts.steps(source)
    if len(steps) < MIN_STEPS:
        return
    rows = counts.rows_with_step(source)
    spans = binned_spans(counts, source, 0, "clusters", rows)
    if spans is None:  # only grams of a placebo have no clusters
        return
    step_of_trace = np.searchsorted(steps, counts.columns.step[rows])
    kilowords = np.bincount(step_of_trace, counts.columns.words[rows], len(steps)) / 1000
    clusters = counts.lexicon(source).clusters
    span_counts = np.zeros((len(clusters), len(steps)))
    np.add.at(span_counts, (spans.labels, step_of_trace[spans.traces]), 1)
    reflection = [cluster for cluster in clusters if cluster.move in REFLECTION and span_counts[cluster.id].any()]
    reflection.sort(key=lambda cluster: (-span_counts[cluster.id].sum(), cluster.id))
    for cluster in reflection[:_MAX_CLUSTERS]:
        cluster_growth = growth(steps, span_counts[cluster.id].tolist(), kilowords.tolist())
        yield {
            "source": counts.source_names[source],
            "cluster": cluster.id,
            "move": cluster.move,
            "medoid": cluster.medoid,
            "first_step": cluster_growth.first_step,
            "start_rate": cluster_growth.start_rate,
            "end_rate": cluster_growth.end_rate,
            "ratio": cluster_growth.ratio,
            "low": cluster_growth.low,
            "high": cluster_growth.high,
        }
