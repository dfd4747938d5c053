"""Measures `semantic_entropy` and `conditional_entropy`: how varied the planning is, at equal numbers of occurrences.

The plug-in entropy of few occurrences is too low. So whatever is compared (the outcomes of a source, the lexicon and
its placebo, sources with each other) is compared at one number of occurrences: the smallest that is at least
`MIN_SIZE`. Where there are fewer occurrences, the entropy at that size is undefined. The expected entropy is exact
(`entropy_at_size`); its interval is a jackknife over problems, because a bootstrap loses bins and with them entropy
(`sgram.metrics.jackknife`).
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np

from sgram.analysis.figure_specs import DotPlot, Panel, sgs_and_placebo
from sgram.analysis.findings import Contrast
from sgram.analysis.measure import AnalysisData, Measure, Quantity
from sgram.analysis.measures.planning import outcome_rows
from sgram.analysis.table_columns import INTERVAL, LIST, OUTCOME, SOURCE, count, interval, number, text
from sgram.analysis.trace_counts import ALL, PLACEBO, SGS, TraceCounts, summarize_draws
from sgram.array_types import IntArray
from sgram.lexicon import MOVES
from sgram.metrics.conditional import conditional_entropy_at_size
from sgram.metrics.entropy import Correction, measure_semantic_entropy
from sgram.metrics.equal_size import entropy_at_size
from sgram.metrics.jackknife import MAX_PARTS, conditional_entropy_by_problem, entropy_by_problem
from sgram.statistics import Estimate

MIN_SIZE = 100
"""Fewest occurrences at which entropies are compared, if there are that many."""
BINS = ("grams", "clusters", "moves")
CORRECTION: Correction = "chao-shen"
_Label = TypeVar("_Label", bound=Hashable)


@dataclass(frozen=True, slots=True, eq=False)
class LabeledSpans:
    """The spans of one gram list in some traces."""

    traces: IntArray
    """(spans,) index of the trace of each span."""
    labels: IntArray
    """(spans,) gram, cluster or move of each span."""
    following: IntArray
    """(spans,) key of the word that follows each span."""

    def __len__(self) -> int:
        return len(self.labels)


def gram_bins(counts: TraceCounts, source: int, list_index: int, bins: str) -> IntArray | None:
    """Return the bin of each gram of a list, where `bins` is one of `BINS`.

    List 0 is the lexicon. None for clusters and moves of a placebo, whose grams have neither.
    """
    placebo_set = counts.placebo_set(source)
    if bins == "grams":
        lexicon = placebo_set.placebos[list_index - 1] if list_index else placebo_set.lexicon
        return np.arange(len(lexicon.grams))
    if list_index:
        return None
    clusters = [cluster for cluster in placebo_set.lexicon.clusters for _ in cluster.grams]
    if bins == "clusters":
        return np.array([cluster.id for cluster in clusters], np.int64)
    return np.array([MOVES.index(cluster.move) for cluster in clusters], np.int64)


def semantic_entropy_at(problems: IntArray, spans: LabeledSpans, size: int | None, with_interval: bool) -> Estimate:
    """Return the semantic entropy of the labels of `spans` at `size` occurrences (None: at all occurrences), in nats.

    `problems`, (traces,), is the problem of each trace; the jackknife interval is over problems.
    """
    if not with_interval:
        return Estimate(entropy_at_size(_bin_sizes(spans.labels), len(spans) if size is None else size))
    return entropy_by_problem(_counts_by_part(problems[spans.traces], spans.labels.tolist()), size)


def conditional_entropy_at(problems: IntArray, spans: LabeledSpans, size: int | None, with_interval: bool) -> Estimate:
    """Return sum_g p(g) H(following word | g) of `spans` at `size` occurrences (None: at all occurrences), in nats.

    `problems`, (traces,), is the problem of each trace; the jackknife interval is over problems.
    """
    pairs: list[tuple[Hashable, Hashable]] = list(zip(spans.labels.tolist(), spans.following.tolist(), strict=True))
    if not with_interval:
        return Estimate(conditional_entropy_at_size(Counter(pairs), len(pairs) if size is None else size))
    return conditional_entropy_by_problem(_counts_by_part(problems[spans.traces], pairs), size)


def _bin_sizes(labels: IntArray) -> IntArray:
    """Return the number of occurrences of each label that occurs."""
    sizes = np.bincount(labels)
    return sizes[sizes > 0]


def _counts_by_part(problems: IntArray, labels: Sequence[_Label]) -> dict[Hashable, Counter[_Label]]:
    """Return the counts of labels in each part of a jackknife: a problem, or several if there are over `MAX_PARTS`.

    `problems` and `labels` are those of each span.
    """
    distinct, codes = np.unique(problems, return_inverse=True)
    parts: dict[Hashable, Counter[_Label]] = {part: Counter() for part in range(min(len(distinct), MAX_PARTS))}
    for part, label in zip((codes % MAX_PARTS).tolist(), labels, strict=True):
        parts[part][label] += 1
    return parts


def binned_spans(counts: TraceCounts, source: int, list_index: int, bins: str, rows: IntArray) -> LabeledSpans | None:
    """Return the spans of a list in the traces in `rows`, labeled by bin; None if its grams have no such bins."""
    bin_of_gram = gram_bins(counts, source, list_index, bins)
    if bin_of_gram is None:
        return None
    traces, grams, following = counts.spans(counts.gram_lists(source)[list_index], rows)
    return LabeledSpans(traces, bin_of_gram[grams], following)


def gram_spans(counts: TraceCounts, source: int, list_index: int, rows: IntArray) -> LabeledSpans:
    """Return the spans of a list in the traces in `rows`, labeled by gram."""
    return LabeledSpans(*counts.spans(counts.gram_lists(source)[list_index], rows))


def comparison_size(occurrences: Iterable[int]) -> int:
    """Return the number of occurrences at which entropies are compared.

    It is the smallest of `occurrences` that is at least `MIN_SIZE`; if all are below it, the smallest that is at
    least half the largest.

    >>> comparison_size([500, 120, 40]), comparison_size([40, 12, 24])
    (120, 24)
    """
    positive = [n_spans for n_spans in occurrences if n_spans]
    minimum = min(MIN_SIZE, max(positive, default=1) / 2)
    return min((n_spans for n_spans in positive if n_spans >= minimum), default=1)


class _SpanCell(NamedTuple):
    """The spans of a source and outcome."""

    source: int
    outcome: str
    rows: IntArray
    list_spans: list[LabeledSpans]
    """Spans of the lexicon, then of each placebo that has the bins and occurs."""


class _ListComparison(NamedTuple):
    """The entropy of the lexicon, or of its placebo, with the spans that it is of."""

    list_name: Literal["SGs", "placebo"]
    estimate: Estimate
    list_spans: list[LabeledSpans]


def _span_cells(
    counts: TraceCounts, find_spans: Callable[[int, int, IntArray], LabeledSpans | None]
) -> Iterator[_SpanCell]:
    """Yield the spans of each source and outcome in which a gram of the lexicon occurs.

    `find_spans` maps (source, list index, rows) to spans, or None if the list has no such bins.
    """
    for source in range(counts.n_sources):
        for outcome, rows in outcome_rows(counts, source, judged_only=True):
            list_spans = [find_spans(source, index, rows) for index in range(len(counts.gram_lists(source)))]
            if list_spans[0]:
                yield _SpanCell(source, outcome, rows, [spans for spans in list_spans if spans])


def _compare_lists(
    counts: TraceCounts,
    cell: _SpanCell,
    size: int,
    entropy_at: Callable[[IntArray, LabeledSpans, int | None, bool], Estimate],
) -> Iterator[_ListComparison]:
    """Yield the lexicon's entropy with its interval, then the placebo's: the mean of its draws."""
    problems = counts.columns.problem[cell.rows]
    lexicon_spans, *placebo_spans = cell.list_spans
    yield _ListComparison(SGS, entropy_at(problems, lexicon_spans, size, True), [lexicon_spans])
    if placebo_spans:
        draws = [entropy_at(problems, spans, size, False).value for spans in placebo_spans]
        defined = [draw for draw in draws if draw is not None]
        estimate = summarize_draws(defined) if defined else Estimate(None)
        yield _ListComparison(PLACEBO, estimate, placebo_spans)


def _mean(measures: Sequence[float | None]) -> float:
    """Return the mean of the measures that are not None."""
    return float(np.mean([measure for measure in measures if measure is not None]))


def _semantic_records(data: AnalysisData) -> list[dict[str, Any]]:
    records = [record for bins in BINS for record in _bin_records(data.counts, bins)]
    source_order = {name: source for source, name in enumerate(data.counts.source_names)}
    return sorted(records, key=lambda record: source_order[record["source"]])


def _bin_records(counts: TraceCounts, bins: str) -> Iterator[dict[str, Any]]:
    cells = list(_span_cells(counts, lambda source, index, rows: binned_spans(counts, source, index, bins, rows)))
    size = comparison_size(len(spans) for cell in cells for spans in cell.list_spans)
    for cell in cells:
        for comparison in _compare_lists(counts, cell, size, semantic_entropy_at):
            bin_sizes = [_bin_sizes(spans.labels) for spans in comparison.list_spans]
            plugin = [measure_semantic_entropy(sizes) for sizes in bin_sizes]
            corrected = [measure_semantic_entropy(sizes, correction=CORRECTION).value for sizes in bin_sizes]
            yield {
                "source": counts.source_names[cell.source],
                "outcome": cell.outcome,
                "bins": bins,
                "list": comparison.list_name,
                "occurrences": round(_mean([entropy.n for entropy in plugin])),
                "n_bins": round(_mean([entropy.n_bins for entropy in plugin])),
                "plugin": _mean([entropy.value for entropy in plugin]),
                "corrected": _mean(corrected),
                "size": size,
                **interval(comparison.estimate, "at_size"),
            }


SEMANTIC_ENTROPY = Measure(
    "semantic_entropy",
    "How varied the planning is",
    (
        SOURCE,
        OUTCOME,
        text("bins", "what is counted: grams, their clusters, or their moves"),
        LIST,
        count("occurrences", "spans, none inside another"),
        count("n_bins", "different bins that occur"),
        number("plugin", "plug-in entropy of all occurrences, nats: too low where they are few"),
        number("corrected", "entropy by Chao and Shen's estimate for finite samples, nats"),
        count("size", "occurrences at which the row is compared with all others of the same bins"),
        number("at_size", "expected entropy of so many of the occurrences, nats; empty where there are fewer"),
        *INTERVAL,
    ),
    _semantic_records,
    f"Nats. Compare at_size only: entropies at one number of occurrences, the smallest of a source, list and outcome "
    f"with at least {MIN_SIZE}. A placebo's grams have neither clusters nor moves.",
    needs="Semantic entropy needs SGs that occur in the traces",
    section="dynamics",
    quantities=(
        Quantity(
            "semantic entropy at equal size",
            "at_size",
            keys=("source", "bins"),
            extra=("size", "occurrences"),
            where={"outcome": "all"},
            unit="nats",
        ),
    ),
    figures=(
        DotPlot(
            "semantic-entropy",
            "Semantic entropy at equal size",
            "Shannon entropy of which SGs, clusters or moves occur, at equal sizes, so that more text does not look "
            "more diverse. Random grams form no clusters and make no moves.",
            (Panel("over {bins}", "nats at {size} SGs", sgs_and_placebo("at_size"), from_zero=False),),
            panel_by="bins",
            row_by="outcome",
            remark="{occurrences} SGs",
        ),
    ),
    questions=(
        Contrast(
            name="strategies by outcome",
            subject="the variety of strategies (semantic entropy)",
            unit="nats",
            value="at_size",
            where={"bins": "grams"},
            same="size",
            n="occurrences",
            rank=8,
        ),
    ),
)


def _conditional_records(data: AnalysisData) -> Iterator[dict[str, Any]]:
    counts = data.counts
    cells = _span_cells(counts, lambda source, index, rows: gram_spans(counts, source, index, rows))
    cells_of_all = [cell for cell in cells if cell.outcome == ALL]
    size = comparison_size(len(spans) for cell in cells_of_all for spans in cell.list_spans)
    for cell in cells_of_all:
        for comparison in _compare_lists(counts, cell, size, conditional_entropy_at):
            if comparison.estimate.value is not None:
                yield {
                    "source": counts.source_names[cell.source],
                    "list": comparison.list_name,
                    **interval(comparison.estimate),
                    "occurrences": round(_mean([len(spans) for spans in comparison.list_spans])),
                    "size": size,
                }


CONDITIONAL_ENTROPY = Measure(
    "conditional_entropy",
    "What follows the planning",
    (
        SOURCE,
        LIST,
        number("value", "sum over grams of p(gram) H(next word | gram), nats, at equal size"),
        *INTERVAL,
        count("occurrences", "spans"),
        count("size", "occurrences at which all rows are compared"),
    ),
    _conditional_records,
    "What follows a span is the next word of its sentence, or that the sentence ends there (a full stop, a number, a "
    "formula). The paper prints no formula for its conditional entropy; this is the usual one.",
    needs="The entropy of what follows an SG needs SGs that occur in the traces",
    section="dynamics",
    quantities=(Quantity("entropy of what follows a span", extra=("size", "occurrences"), unit="nats"),),
    figures=(
        DotPlot(
            "conditional-entropy",
            "Entropy of what follows an SG",
            "Conditional entropy of the words that follow, given the SG.",
            (Panel("", "nats", from_zero=False),),
            remark="{occurrences} SGs",
        ),
    ),
)
