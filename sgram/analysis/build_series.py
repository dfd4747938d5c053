"""Build the series of a source: its quantities over training steps, with bands and beside their placebos."""

from collections.abc import Iterator, Sequence

import numpy as np

from sgram.analysis.measures.entropies import (
    LabeledSpans,
    binned_spans,
    comparison_size,
    conditional_entropy_at,
    gram_spans,
    semantic_entropy_at,
)
from sgram.analysis.measures.planning import planning_sizes, planning_unit
from sgram.analysis.measures.tokens import CLASSES, TOKEN_MEASURES, measure_sums, measured_rows
from sgram.analysis.step_series import AT_MOST, MIN_STEPS, StepSeries
from sgram.analysis.trace_counts import TraceCounts
from sgram.array_types import FloatArray, IntArray
from sgram.diagnosis.kind_shares import RIVALS
from sgram.diagnosis.kinds import KINDS
from sgram.metrics import Curve, PhaseOrder, build_curve, curve_band, phase_order
from sgram.statistics import Estimate, wilson_interval

_SHARES = frozenset({"pass@1", "planning share", *(f"{kind} errors{end}" for kind in KINDS for end in ("", AT_MOST))})
"""Series between 0 and 1. Their bands are clipped, because a band from few problems is widened and may leave it."""
_NO_WIDTH = 1e-9
"""Largest width of an interval of problems that do not differ at all."""
_ENTROPY_SERIES = (("semantic entropy", "grams"), ("cluster entropy", "clusters"), ("conditional entropy", None))
"""Series with the bins that are counted; None for the words that follow grams."""


def build_series(
    counts: TraceCounts, source: int, error_kinds: IntArray, error_weights: FloatArray
) -> list[StepSeries]:
    """Return every quantity of a source over its steps; nothing if it has fewer than `MIN_STEPS` steps.

    `error_kinds` and `error_weights`, (traces,), are those of `sgram.analysis.diagnoses`.
    """
    if len(counts.steps(source)) < MIN_STEPS:
        return []
    rows = counts.rows_with_step(source)
    return [
        *outcome_series(counts, rows, error_kinds, error_weights),
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
    *,
    is_share: bool = False,
    n_observations: Sequence[int] | None = None,
) -> Iterator[StepSeries]:
    """Yield the series of `curve` with its band, unless it has too few steps.

    `n_observations`, (steps,), are the observations behind a share, the traces if None.
    """
    if len(curve.steps) < MIN_STEPS:
        return
    band = curve_band(curve, counts.config.n_draws, counts.config.seed)
    n_traces = _traces_at_steps(counts, rows, curve.steps)
    low: Sequence[float | None] = [None] * len(curve.steps)
    high = low
    if band is not None:
        if is_share or name in _SHARES:
            band = _share_band(curve.values, band, n_traces if n_observations is None else n_observations)
        low, high = (bound.tolist() for bound in band)
    yield StepSeries(name, curve, low, high, n_traces, tuple(placebo_curves), depends_on_lexicon)


def _share_band(
    shares: Sequence[float], band: tuple[FloatArray, FloatArray], n_observations: Sequence[int]
) -> tuple[FloatArray, FloatArray]:
    """Return the ends of the intervals of `shares`, (steps,), between 0 and 1.

    Where all problems have one share, such as 0, a bootstrap finds no doubt: the interval is then Wilson's with
    `n_observations`, (steps,).
    """
    low, high = (np.clip(bound, 0, 1) for bound in band)
    for index in np.flatnonzero(high - low <= _NO_WIDTH).tolist():
        share = min(max(0.0, shares[index]), 1.0)
        low[index], high[index] = wilson_interval(share * n_observations[index], n_observations[index])
    return low, high


def _traces_at_steps(counts: TraceCounts, rows: IntArray, steps: Sequence[int]) -> list[int]:
    """Return the number of traces of `rows` at each of `steps`."""
    distinct, sizes = np.unique(counts.columns.step[rows], return_counts=True)
    size_of_step = dict(zip(distinct.tolist(), sizes.tolist(), strict=True))
    return [size_of_step.get(step, 0) for step in steps]


def mean_series(
    counts: TraceCounts, name: str, rows: IntArray, numbers: FloatArray, *, is_share: bool = False
) -> Iterator[StepSeries]:
    """Yield the mean of `numbers`, (rows,), of the traces in `rows` over their steps; NaN is no number of a trace.

    `is_share` says that the numbers lie between 0 and 1. Nothing is yielded for fewer than `MIN_STEPS` steps.
    """
    is_known = ~np.isnan(numbers)
    rows, numbers = rows[is_known], numbers[is_known]
    curve = _ratio_curve(counts, rows, numbers, np.ones(len(rows)))
    yield from _series_with_band(counts, name, rows, curve, is_share=is_share)


def outcome_series(
    counts: TraceCounts, rows: IntArray, error_kinds: IntArray, error_weights: FloatArray
) -> Iterator[StepSeries]:
    """Yield accuracy, length and the shares of the kinds of errors, over the steps of the traces in `rows`.

    `error_kinds` and `error_weights`, (traces,), are those of `build_series`.
    """
    outcomes = counts.columns.outcome[rows]
    judged = rows[outcomes < 2]
    ones = np.ones(len(judged))
    correct = (counts.columns.outcome[judged] == 0).astype(float)
    if len(judged):
        yield from _series_with_band(counts, "pass@1", judged, _ratio_curve(counts, judged, correct, ones))
    words = counts.columns.words[rows].astype(float)
    length_curve = _ratio_curve(counts, rows, words, np.ones(len(rows)))
    yield from _series_with_band(counts, "length", rows, length_curve)
    yield from _kind_series(counts, judged, error_kinds[judged], error_weights[judged])


def _kind_series(counts: TraceCounts, judged: IntArray, kinds: IntArray, weights: FloatArray) -> Iterator[StepSeries]:
    """Yield the share of strategic, procedural and all other errors that occur, and the most that it may be.

    Shares are of judged traces. `kinds` and `weights` are those of the traces in `judged`. A step is left out if no
    kind of its errors is known.
    """
    steps = counts.columns.step[judged]
    is_wrong = counts.columns.outcome[judged] == 1
    unknown_steps = set(steps[is_wrong].tolist()) - set(steps[weights > 0].tolist())
    is_known = ~np.isin(steps, sorted(unknown_steps))
    judged, kinds, weights = judged[is_known], kinds[is_known], weights[is_known]
    is_undecided = kinds == KINDS.index("undecided")
    n_observations = _judged_at_steps(counts, judged, weights)
    for index, kind in enumerate(KINDS):
        is_kind = kinds == index
        if not is_kind.any() and kind not in RIVALS:
            continue
        series = {f"{kind} errors": is_kind}
        if is_undecided.any() and kind != "undecided":
            series[f"{kind} errors{AT_MOST}"] = is_kind | is_undecided
        for name, is_counted in series.items():
            curve = _ratio_curve(counts, judged, weights * is_counted, np.ones(len(judged)))
            yield from _series_with_band(counts, name, judged, curve, n_observations=n_observations)


def _judged_at_steps(counts: TraceCounts, judged: IntArray, weights: FloatArray) -> list[int]:
    """Return the number of judged traces at each step, in proportion to its wrong ones whose kind is known.

    `weights`, (judged,), are 0 for traces of which no kind is known.
    """
    steps, codes = np.unique(counts.columns.step[judged], return_inverse=True)
    is_wrong = counts.columns.outcome[judged] == 1
    n_judged = np.bincount(codes)
    n_wrong, n_known = (np.bincount(codes[chosen], minlength=len(steps)) for chosen in (is_wrong, weights > 0))
    in_proportion = np.maximum(1, n_judged * n_known // np.maximum(1, n_wrong))
    numbers: list[int] = np.where(n_wrong > 0, in_proportion, n_judged).tolist()
    return numbers


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
