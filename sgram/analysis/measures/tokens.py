"""Measures `tokens` and `overlap`: how uncertain the model is at planning and at execution tokens."""

from collections.abc import Callable, Iterator
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from sgram.analysis.columns_store import ListColumns
from sgram.analysis.figure_specs import DotMark, DotPlot, Panel, sgs_and_placebo
from sgram.analysis.findings import Contrast, Finding, FindingContext
from sgram.analysis.measure import AnalysisData, Measure, Quantity
from sgram.analysis.table import Record, Table
from sgram.analysis.table_columns import LIST, SHARE_INTERVAL, SOURCE, count, interval, number, share, text
from sgram.analysis.trace_counts import PLACEBO, SGS, TraceCounts, summarize_draws
from sgram.array_types import BoolArray, FloatArray, IntArray
from sgram.metrics.overlap import Overlap, high_entropy_weights, overlap
from sgram.statistics import Estimate, Interval, difference

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


def _class_records(counts: TraceCounts, source: int) -> Iterator[dict[str, Any]]:
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


def _token_records(data: AnalysisData) -> Iterator[dict[str, Any]]:
    for source in range(data.counts.n_sources):
        yield from _class_records(data.counts, source)


TOKENS = Measure(
    "tokens",
    "Entropy of planning and execution tokens",
    (
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
    ),
    _token_records,
    "Intervals are 95 % by problem; of placebos, the least and the greatest draw. Every token weighs the same, "
    "whatever the length of its trace.",
    needs="Entropies of planning and execution tokens need token ids with entropies or log-probabilities: give a run "
    "of `sgram train`, or compute them with a local model (`sgram metrics --model`)",
    section="dynamics",
    quantities=tuple(
        Quantity(title, measure, f"{measure}_low", f"{measure}_high", keys=("source", "token_class"), unit=unit)
        for title, measure, unit in (("token entropy", "entropy", "nats"), ("perplexity", "perplexity", ""))
    ),
    figures=(
        DotPlot(
            "tokens",
            "Planning and execution tokens",
            "Mean entropy of the model's next-token distribution, and perplexity of what it sampled. Placebo tokens "
            "are those that lists of random grams mark: if they lie where planning tokens lie, the difference is not "
            "about planning.",
            (
                Panel("token entropy", "nats", sgs_and_placebo("entropy", "entropy_low", "entropy_high")),
                Panel(
                    "perplexity",
                    "exp of nats a token",
                    sgs_and_placebo("perplexity", "perplexity_low", "perplexity_high"),
                    from_zero=False,
                ),
            ),
            row_by="token_class",
            remark="{tokens} tokens",
        ),
    ),
    questions=(
        Contrast(
            name="entropy of planning tokens",
            subject="token entropy",
            unit="nats",
            value="entropy",
            low="entropy_low",
            high="entropy_high",
            by="token_class",
            sides=("execution", "planning"),
            side_names=("execution tokens", "planning tokens"),
            n="tokens",
            rank=6,
        ),
    ),
)


class _ListOverlap(NamedTuple):
    """The overlap by one gram list, whose share of planning tokens with high entropy has an interval."""

    high_given_planning: Estimate
    overlap: Overlap


def _source_overlap(counts: TraceCounts, source: int) -> Iterator[dict[str, Any]]:
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
            **interval(estimate, "high_given_planning"),
            "planning_given_high": _mean([pair.overlap.planning_given_high for pair in defined]),
            "chance": _mean([pair.overlap.planning_share for pair in defined]),
            "tokens": len(entropies),
        }


def _mean(shares: list[float | None]) -> float:
    """Return the mean of shares, of which none is undefined."""
    return float(np.mean([np.nan if share is None else share for share in shares]))


def _overlap_records(data: AnalysisData) -> Iterator[dict[str, Any]]:
    for source in range(data.counts.n_sources):
        yield from _source_overlap(data.counts, source)


def high_entropy_share(row: Record) -> float | None:
    """Return the share of all tokens that are of high entropy, rounded to 0.01; by chance planning tokens have it, too.

    From P(high | planning) P(planning) = P(planning | high) P(high); None if no planning token is of high entropy.

    >>> high_entropy_share(Record(high_given_planning=0.5, chance=0.1, planning_given_high=0.25))
    0.2
    """
    high_given_planning, planning_share, planning_given_high = (
        row.number(name) for name in ("high_given_planning", "chance", "planning_given_high")
    )
    if high_given_planning is None or planning_share is None or not planning_given_high:
        return None
    return round(high_given_planning * planning_share / planning_given_high, 2)


class AgainstChance(Contrast):
    """Whether planning tokens are tokens of high entropy more often than chance gives (HICRA, Fig. 10)."""

    def findings(self, measure: str, table: Table, context: FindingContext) -> Iterator[Finding]:
        """Yield the share of high-entropy tokens among planning tokens less that among all tokens."""
        for source in context.sources:
            rows = {row.text("list"): row for row in table.records(source=source)}
            lexicon_row, placebo_row = rows.get(SGS, Record()), rows.get(PLACEBO, Record())
            share_of_planning, chance = self.interval(lexicon_row), high_entropy_share(lexicon_row)
            if share_of_planning is None or chance is None:
                continue
            share_of_all = Interval(chance, chance, chance)
            gap = difference(share_of_planning, share_of_all)
            placebo_share = placebo_row.number(self.value)
            placebo = None if placebo_share is None else placebo_share - chance
            n_tokens = int(lexicon_row.number("tokens") or 0)
            yield self.compared(measure, source, share_of_all, share_of_planning, gap, placebo, n_tokens)


OVERLAP = Measure(
    "overlap",
    "Planning tokens and tokens of high entropy",
    (
        SOURCE,
        LIST,
        share("high_given_planning", "of the planning tokens, those of high entropy; the note says what chance gives"),
        *SHARE_INTERVAL,
        share("planning_given_high", "of the tokens of high entropy, those that are planning"),
        share("chance", "planning tokens of all tokens: planning_given_high by chance"),
        count("tokens", "tokens whose entropy is known and held"),
    ),
    _overlap_records,
    lambda data: (
        f"Of high entropy are the {data.counts.config.top:.0%} of a source's tokens with the highest entropy, which is "
        "what chance gives of planning tokens; tokens tied at the threshold count in part. The interval is that of "
        "high_given_planning, with the threshold held."
    ),
    needs="The overlap with high-entropy tokens needs every token's entropy: give a run of `sgram train`, or compute "
    "them with a local model (`sgram metrics --model`)",
    section="dynamics",
    quantities=(
        Quantity(
            "planning tokens that are of high entropy", "high_given_planning", extra=("planning_given_high", "chance")
        ),
    ),
    figures=(
        DotPlot(
            "overlap",
            "Are planning tokens the uncertain ones?",
            "How many planning tokens are among the tokens with the highest entropy, and how many of those are "
            "planning. Chance gives the dotted line at the left, the share of such tokens among all, and the gray bar "
            "at the right, the planning share.",
            (
                Panel(
                    "high-entropy, of planning tokens",
                    "% of planning tokens",
                    sgs_and_placebo("high_given_planning"),
                    100,
                    chance=high_entropy_share,
                ),
                Panel(
                    "planning, of high-entropy tokens",
                    "% of high-entropy tokens",
                    (
                        DotMark("SGs", "planning_given_high", "", "", {"list": "SGs"}),
                        DotMark("chance", "chance", "", "", {"list": "SGs"}),
                    ),
                    100,
                ),
            ),
            remark="{tokens} tokens",
            key="dots: SGs; gray diamonds: placebo, from its smallest to its largest draw; dotted: chance; gray bars: "
            "planning share",
        ),
    ),
    questions=(
        AgainstChance(
            name="planning tokens of high entropy",
            subject="the share of high-entropy tokens",
            value="high_given_planning",
            by="list",
            sides=("placebo", "SGs"),
            side_names=("all tokens", "planning tokens"),
            rank=6,
        ),
    ),
)
