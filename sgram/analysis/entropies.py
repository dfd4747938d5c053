"""How varied the planning is, at equal numbers of occurrences. Knows nothing about how spans were found.

The plug-in entropy of few occurrences is too low, so whatever is compared (the outcomes of a source and all of it, the
lexicon and its placebo; sources with each other) is compared at one number of occurrences: the smallest of them, but
at least `MIN_SIZE`; what has fewer has no value there. The value is exact (`entropy_at_size`); its interval is that of
the jackknife over problems, as a bootstrap loses bins and with them entropy (`sgram.metrics.jackknife`).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from sgram.analysis.planning import outcomes_of
from sgram.analysis.table import Table, build_table
from sgram.analysis.table_columns import INTERVAL, LIST, OUTCOME, SOURCE, count, number, text
from sgram.analysis.trace_counts import ALL, PLACEBO, SGS, Counted, over_draws
from sgram.lexicon import MOVES
from sgram.metrics.conditional import conditional_entropy_at_size
from sgram.metrics.entropy import measure_semantic_entropy
from sgram.metrics.equal_size import entropy_at_size
from sgram.metrics.jackknife import MAX_PARTS, conditional_entropy_by_problem, entropy_by_problem
from sgram.statistics import Estimate

MIN_SIZE = 100
"""Occurrences below which an entropy says little."""
BINS = ("grams", "clusters", "moves")
CORRECTION = "chao-shen"


def bins_of(counted: Counted, source: int, draw: int, what: str) -> np.ndarray | None:
    """The bin of each gram of a list; None for clusters and moves of a placebo, whose grams have neither."""
    draws = counted.draws[counted.lexicon_of[source]]
    if what == "grams":
        return np.arange(len((draws.lexicon if not draw else draws.placebos[draw - 1]).grams))
    if draw:
        return None
    clusters = [(each.id, MOVES.index(each.move)) for each in draws.lexicon.clusters for _ in each.grams]
    return np.array(clusters, np.int64)[:, 0 if what == "clusters" else 1]


def semantic_at(problem: np.ndarray, spans: tuple[np.ndarray, ...], size: int | None, interval: bool) -> Estimate:
    """Semantic entropy at `size` occurrences, or of all; `spans` are (trace, bin) of each, `problem` of each trace."""
    trace, bins = spans[:2]
    if not interval:
        return Estimate(entropy_at_size(_counts(bins), len(bins) if size is None else size))
    return entropy_by_problem(_by_part(problem[trace], bins.tolist()), size)


def conditional_at(problem: np.ndarray, spans: tuple[np.ndarray, ...], size: int | None, interval: bool) -> Estimate:
    """sum_g p(g) H(next word | g) at `size` occurrences, or of all; `spans` are (trace, gram, what follows) of each."""
    trace, gram, following = spans
    pairs = list(zip(gram.tolist(), following.tolist(), strict=True))
    if not interval:
        return Estimate(conditional_entropy_at_size(Counter(pairs), len(pairs) if size is None else size))
    return conditional_entropy_by_problem(_by_part(problem[trace], pairs), size)


def _counts(bins: np.ndarray) -> np.ndarray:
    counts = np.bincount(bins)
    return counts[counts > 0]


def _by_part(problem: np.ndarray, labels: list[Any]) -> dict[int, Counter]:
    """Counts of the labels by problem; of more than `MAX_PARTS` problems, by parts, as a jackknife takes them."""
    known, codes = np.unique(problem, return_inverse=True)
    parts: dict[int, Counter] = {part: Counter() for part in range(min(len(known), MAX_PARTS))}
    for part, label in zip((codes % MAX_PARTS).tolist(), labels, strict=True):
        parts[part][label] += 1
    return parts


def binned(
    counted: Counted, source: int, draw: int, what: str, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """(trace, bin) of each span of a list in these traces; None where its grams have no such bins."""
    bins = bins_of(counted, source, draw, what)
    if bins is None:
        return None
    place, gram, _ = counted.spans(counted.lists(source)[draw], rows)
    return place, bins[gram]


def semantic_table(counted: Counted) -> Table:
    """Semantic entropy by source, outcome and bins, beside the placebo's; empty where nothing occurs."""
    columns = [
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
    ]
    records = [row for what in BINS for row in _semantic_rows(counted, what)]
    note = (
        f"Nats. Compare at_size only: entropies at one number of occurrences, the smallest of a source, list and "
        f"outcome with at least {MIN_SIZE}. A placebo's grams have neither clusters nor moves."
    )
    order = {name: place for place, name in enumerate(counted.names)}
    records.sort(key=lambda row: order[row["source"]])
    return build_table("semantic_entropy", "How varied the planning is", columns, records, note)


def _semantic_rows(counted: Counted, what: str) -> Iterator[dict[str, Any]]:
    cells = list(_cells(counted, lambda source, draw, rows: binned(counted, source, draw, what, rows)))
    size = equal_size(len(spans[1]) for _, _, _, drawn in cells for spans in drawn)
    for source, outcome, rows, drawn in cells:
        problem = counted.columns.problem[rows]
        for which, found, spans in _beside(drawn, lambda each, first, of=problem: semantic_at(of, each, size, first)):
            counts = [_counts(each[1]) for each in spans]
            measured = [measure_semantic_entropy(each) for each in counts]
            corrected = [measure_semantic_entropy(each, correction=CORRECTION).value for each in counts]
            yield {
                "source": counted.names[source],
                "outcome": outcome,
                "bins": what,
                "list": which,
                "occurrences": round(_mean([each.n for each in measured])),
                "n_bins": round(_mean([each.n_bins for each in measured])),
                "plugin": _mean([each.value for each in measured]),
                "corrected": _mean(corrected),
                "size": size,
                "at_size": found.value,
                "low": found.low,
                "high": found.high,
            }


def conditional_table(counted: Counted) -> Table:
    """How open it is what follows a span, beside the placebo's; empty where spans are too few."""
    columns = [
        SOURCE,
        LIST,
        number("value", "sum over grams of p(gram) H(next word | gram), nats, at equal size"),
        *INTERVAL,
        count("occurrences", "spans"),
        count("size", "occurrences at which all rows are compared"),
    ]

    def spans_of(source: int, draw: int, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        return counted.spans(counted.lists(source)[draw], rows)

    cells = [cell for cell in _cells(counted, spans_of) if cell[1] == ALL]
    size = equal_size(len(spans[1]) for _, _, _, drawn in cells for spans in drawn)
    records = []
    for source, _, rows, drawn in cells:
        problem = counted.columns.problem[rows]
        for which, found, spans in _beside(
            drawn, lambda each, first, of=problem: conditional_at(of, each, size, first)
        ):
            records.append(
                {
                    "source": counted.names[source],
                    "list": which,
                    "value": found.value,
                    "low": found.low,
                    "high": found.high,
                    "occurrences": round(_mean([len(each[1]) for each in spans])),
                    "size": size,
                }
            )
    records = [row for row in records if row["value"] is not None]
    note = (
        "What follows a span is the next word of its sentence, or that the sentence ends there (a full stop, a number, "
        "a formula). The paper prints no formula for its conditional entropy; this is the usual one."
    )
    return build_table("conditional_entropy", "What follows the planning", columns, records, note)


def equal_size(occurrences: Iterable[int]) -> int:
    """The smallest number of occurrences that is at least `MIN_SIZE`, or half the largest where that is below it."""
    known = [each for each in occurrences if each]
    floor = min(MIN_SIZE, max(known, default=1) / 2)
    return min((each for each in known if each >= floor), default=1)


def _cells(
    counted: Counted, spans_of: Callable[[int, int, np.ndarray], Any]
) -> Iterator[tuple[int, str, np.ndarray, list[Any]]]:
    """(source, outcome, its traces, spans of each list that has such bins and occurs); the lexicon's come first."""
    for source in range(len(counted.names)):
        for outcome, rows in outcomes_of(counted, source, judged_only=True):
            drawn = [spans_of(source, draw, rows) for draw in range(len(counted.lists(source)))]
            if len(drawn[0][1]):
                yield source, outcome, rows, [each for each in drawn if each is not None and len(each[1])]


def _beside(
    drawn: Sequence[Any], estimate: Callable[[Any, bool], Estimate]
) -> Iterator[tuple[str, Estimate, Sequence[Any]]]:
    """(list, estimate, the spans that it is of): the lexicon resampled, then the placebo's draws together."""
    yield SGS, estimate(drawn[0], True), drawn[:1]
    if len(drawn) > 1:
        values = [estimate(each, False).value for each in drawn[1:]]
        known = [value for value in values if value is not None]
        yield PLACEBO, over_draws(known) if known else Estimate(None), drawn[1:]


def _mean(values: Sequence[float | None]) -> float:
    return float(np.mean([value for value in values if value is not None]))
