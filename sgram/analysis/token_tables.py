"""Tables `tokens` and `overlap`: how uncertain the model is at planning and at execution tokens."""

from collections.abc import Callable, Iterator
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from sgram.analysis.columns_store import ListColumns
from sgram.analysis.table import Table, build_table
from sgram.analysis.table_columns import LIST, SHARE_INTERVAL, SOURCE, count, number, share, text
from sgram.analysis.trace_counts import PLACEBO, SGS, TraceCounts, summarize_draws
from sgram.array_types import BoolArray, FloatArray, IntArray
from sgram.metrics.overlap import Overlap, high_entropy_weights, overlap
from sgram.statistics import Estimate

CLASSES = ("planning", "execution")
"""Token classes, in the order of the columns of `ListColumns.tokens`."""
TokenMeasure = Literal["entropy", "perplexity"]
TOKEN_MEASURES: Final[tuple[TokenMeasure, ...]] = ("entropy", "perplexity")


def measure_sums(gram_list: ListColumns, measure: TokenMeasure) -> FloatArray:
    """Return the sums behind a measure over planning and execution tokens, (traces, 2), NaN if not recorded."""
    return gram_list.entropy if measure == "entropy" else gram_list.nll


def measured_rows(counts: TraceCounts, rows: IntArray, measure: TokenMeasure) -> IntArray:
    """Return those of `rows` whose tokens have the measure."""
    is_measured: BoolArray = ~np.isnan(measure_sums(counts.columns.lists[0], measure)[rows, 0])
    return rows[is_measured]


def tokens_table(counts: TraceCounts) -> Table:
    """Return the entropy and perplexity of both token classes; empty if neither was recorded."""
    columns = [
        SOURCE,
        text("token_class", "planning: the token shares a character with a gram; execution: every other"),
        LIST,
        number("entropy", "mean entropy of the next-token distribution, nats"),
        number("entropy_low", "lower end of its interval"),
        number("entropy_high", "upper end"),
        number("perplexity", "exp of the mean negative log-probability of the tokens"),
        number("perplexity_low", "lower end of its interval"),
        number("perplexity_high", "upper end"),
        count("tokens", "tokens of the class; of placebos the mean"),
    ]
    records = [record for source in range(counts.n_sources) for record in _token_records(counts, source)]
    note = (
        "Intervals are 95 % by problem; of placebos, the least and the greatest draw. Every token weighs the same, "
        "whatever the length of its trace."
    )
    return build_table("tokens", "Entropy of planning and execution tokens", columns, records, note)


def _token_records(counts: TraceCounts, source: int) -> Iterator[dict[str, Any]]:
    gram_lists = counts.gram_lists(source)
    for class_index, class_name in enumerate(CLASSES):
        records: dict[str, dict[str, Any]] = {}
        for measure in TOKEN_MEASURES:
            rows = measured_rows(counts, counts.rows(source), measure)
            if not len(rows):
                continue
            estimator = _token_mean_estimator(counts, rows, class_index, measure)
            for list_name, estimate in counts.estimate_lists(source, estimator):
                record = records.setdefault(
                    list_name, {"source": counts.source_names[source], "token_class": class_name, "list": list_name}
                )
                record[measure] = estimate.value
                record[f"{measure}_low"], record[f"{measure}_high"] = estimate.low, estimate.high
                named_lists = gram_lists[:1] if list_name == SGS else gram_lists[1:]
                n_tokens = [int(gram_list.tokens[rows, class_index].sum()) for gram_list in named_lists]
                record["tokens"] = round(float(np.mean(n_tokens)))
        yield from records.values()


def _token_mean_estimator(
    counts: TraceCounts, rows: IntArray, class_index: int, measure: TokenMeasure
) -> Callable[[ListColumns], Estimate]:
    """Return a function from a gram list to the mean entropy or the perplexity of a token class."""
    resamples = counts.row_resamples(rows)

    def estimate(gram_list: ListColumns) -> Estimate:
        sums = measure_sums(gram_list, measure)[rows, class_index]
        mean = resamples.ratio(sums, gram_list.tokens[rows, class_index].astype(float))
        return mean if measure == "entropy" else mean.transform(np.exp)

    return estimate


def overlap_table(counts: TraceCounts) -> Table:
    """Return the overlap of planning tokens and tokens of high entropy; empty if entropies were not recorded."""
    top = counts.config.top
    columns = [
        SOURCE,
        LIST,
        share("high_given_planning", f"of the planning tokens, those of high entropy; {top:.0%} by chance"),
        *SHARE_INTERVAL,
        share("planning_given_high", "of the tokens of high entropy, those that are planning"),
        share("chance", "planning tokens of all tokens: planning_given_high by chance"),
        count("tokens", "tokens whose entropy is known and held"),
    ]
    records = [record for source in range(counts.n_sources) for record in _overlap_records(counts, source)]
    note = (
        f"Of high entropy are the {top:.0%} of a source's tokens with the highest entropy; tokens tied at the "
        "threshold count in part. The interval is that of high_given_planning, with the threshold held."
    )
    return build_table("overlap", "Planning tokens and tokens of high entropy", columns, records, note)


class _ListOverlap(NamedTuple):
    """The overlap by one gram list, whose share of planning tokens with high entropy has an interval."""

    high_given_planning: Estimate
    overlap: Overlap


def _overlap_records(counts: TraceCounts, source: int) -> Iterator[dict[str, Any]]:
    samples = [sample for sample in counts.token_samples if sample.source == source and len(sample.entropies)]
    if not samples:
        return
    top = counts.config.top
    entropies = np.concatenate([sample.entropies for sample in samples])
    high_weights = high_entropy_weights(entropies, top=top)
    resamples = counts.resample(np.array([sample.problem for sample in samples]))
    trace_starts = np.cumsum([0, *(len(sample.entropies) for sample in samples)])[:-1]
    list_overlaps = []
    for list_index in range(len(samples[0].masks)):
        planning = np.concatenate([sample.masks[list_index] for sample in samples])
        high_planning, all_planning = (
            np.add.reduceat(weights.astype(float), trace_starts) for weights in (high_weights * planning, planning)
        )
        list_overlaps.append(
            _ListOverlap(resamples.ratio(high_planning, all_planning), overlap(entropies, planning, top=top))
        )
    for list_name, named_overlaps in ((SGS, list_overlaps[:1]), (PLACEBO, list_overlaps[1:])):
        defined = [pair for pair in named_overlaps if pair.high_given_planning.value is not None]
        if not defined:
            continue
        draws = [pair.high_given_planning.value for pair in defined if pair.high_given_planning.value is not None]
        estimate = defined[0].high_given_planning if list_name == SGS else summarize_draws(draws)
        yield {
            "source": counts.source_names[source],
            "list": list_name,
            "high_given_planning": estimate.value,
            "low": estimate.low,
            "high": estimate.high,
            "planning_given_high": _mean([pair.overlap.planning_given_high for pair in defined]),
            "chance": _mean([pair.overlap.planning_share for pair in defined]),
            "tokens": len(entropies),
        }


def _mean(shares: list[float | None]) -> float:
    """Return the mean of shares, of which none is undefined."""
    return float(np.mean([np.nan if share is None else share for share in shares]))
