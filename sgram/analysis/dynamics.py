"""Curves over training steps, when they settle, what grows: `curves`, `settling`, `aha`. Knows nothing about runs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sgram.analysis.columns_store import NO_STEP, ListColumns
from sgram.analysis.entropies import binned, conditional_at, equal_size, semantic_at
from sgram.analysis.planning import planning_of, unit_of
from sgram.analysis.table import Table, build_table
from sgram.analysis.table_columns import INTERVAL, LIST, SOURCE, STEP, count, number, text
from sgram.analysis.token_tables import CLASSES
from sgram.analysis.trace_counts import PLACEBO, SGS, Counted
from sgram.diagnosis.kinds import KINDS
from sgram.metrics import (
    Curve,
    PhaseOrder,
    change_point,
    curve_band,
    curve_draws,
    curve_of,
    growth,
    phase_order,
    settle,
)
from sgram.statistics import Estimate

REFLECTION = ("backtracking", "verification", "branching")
"""Moves whose growth is told as "aha moments"."""
MIN_STEPS = 2
_MOST_CLUSTERS = 30


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One quantity of one source over its steps, of one list."""

    name: str
    curve: Curve
    """Of the lexicon, or of what has nothing to do with lists."""
    low: Sequence[float | None]
    high: Sequence[float | None]
    n: Sequence[int]
    """Traces at each step."""
    placebos: tuple[Curve, ...] = ()
    by_list: bool = False
    """Whether the lexicon decides the values."""


def series_of(counted: Counted, source: int, kinds: np.ndarray) -> list[Series]:
    """All that can be followed over the steps of a source; empty where it has fewer than `MIN_STEPS`.

    `kinds` are those of errors (`sgram.analysis.errors.kinds_of`).
    """
    if len(counted.steps(source)) < MIN_STEPS:
        return []
    rows = counted.rows(source)
    rows = rows[counted.columns.step[rows] != NO_STEP]
    return [
        *_outcomes(counted, source, rows, kinds),
        *_planning(counted, source, rows),
        *_varied(counted, source, rows),
        *_classes(counted, source, rows),
    ]


def _followed(counted: Counted, rows: np.ndarray, above: np.ndarray, below: np.ndarray) -> Curve:
    held = counted.columns
    return curve_of(
        held.step[rows].tolist(),
        [f"{each:016x}" for each in held.problem[rows].tolist()],
        above.tolist(),
        below.tolist(),
    )


_SHARES = frozenset({"pass@1", "strategic errors", "procedural errors", "planning share"})
"""Series whose values lie from 0 to 1; a band of few problems, widened, may not."""


def _series(
    counted: Counted, name: str, rows: np.ndarray, curve: Curve, others: Sequence[Curve] = (), by_list: bool = False
) -> Iterator[Series]:
    """The series with its band, unless it has too few steps."""
    if len(curve.steps) < MIN_STEPS:
        return
    band = curve_band(curve, counted.config.n_draws, counted.config.seed)
    if band is not None and name in _SHARES:
        band = np.clip(band[0], 0, 1), np.clip(band[1], 0, 1)
    low, high = ([None] * len(curve.steps),) * 2 if band is None else (each.tolist() for each in band)
    yield Series(name, curve, low, high, _sizes(counted, rows, curve.steps), tuple(others), by_list)


def _sizes(counted: Counted, rows: np.ndarray, steps: Sequence[int]) -> list[int]:
    known, sizes = np.unique(counted.columns.step[rows], return_counts=True)
    of_step = dict(zip(known.tolist(), sizes.tolist(), strict=True))
    return [of_step.get(step, 0) for step in steps]


def _outcomes(counted: Counted, source: int, rows: np.ndarray, kinds: np.ndarray) -> Iterator[Series]:
    held = counted.columns
    judged = rows[held.outcome[rows] < 2]
    ones = np.ones(len(judged))
    right = (held.outcome[judged] == 0).astype(float)
    if len(judged):
        yield from _series(counted, "pass@1", judged, _followed(counted, judged, right, ones))
    words = held.words[rows].astype(float)
    yield from _series(counted, "length", rows, _followed(counted, rows, words, np.ones(len(rows))))
    if len(judged) and (kinds[judged][right == 0] >= 0).all():
        for kind in ("strategic", "procedural"):
            made = (kinds[judged] == KINDS.index(kind)).astype(float)
            yield from _series(counted, f"{kind} errors", judged, _followed(counted, judged, made, ones))


def _planning(counted: Counted, source: int, rows: np.ndarray) -> Iterator[Series]:
    unit = unit_of(counted, rows)
    curves = [_followed(counted, rows, *planning_of(counted, each, rows, unit)) for each in counted.lists(source)]
    yield from _series(counted, "planning share", rows, curves[0], curves[1:], True)


def _classes(counted: Counted, source: int, rows: np.ndarray) -> Iterator[Series]:
    for what in ("entropy", "perplexity"):

        def values(held: ListColumns, what: str = what) -> np.ndarray:
            return held.entropy if what == "entropy" else held.nll

        known = rows[~np.isnan(values(counted.columns.lists[0])[rows, 0])]
        if not len(known):
            continue
        for place, name in enumerate(CLASSES):
            curves = [
                _followed(counted, known, values(each)[known, place], each.tokens[known, place].astype(float))
                for each in counted.lists(source)
            ]
            for made in _series(counted, f"{name} {what}", known, curves[0], curves[1:], True):
                yield made if what == "entropy" else _exponential(made)


def _exponential(made: Series) -> Series:
    """Mean negative log-probabilities as perplexities; their samples are left behind, as means do not carry over."""

    def exp(values: Sequence[float | None]) -> list[float | None]:
        with np.errstate(over="ignore"):  # what is too large is infinite
            return [None if each is None else float(np.exp(each)) for each in values]

    def mapped(curve: Curve) -> Curve:
        return Curve(curve.steps, tuple(exp(curve.values)))

    return Series(
        made.name, mapped(made.curve), exp(made.low), exp(made.high), made.n, tuple(map(mapped, made.placebos)), True
    )


def _varied(counted: Counted, source: int, rows: np.ndarray) -> Iterator[Series]:
    """Entropies at one number of occurrences a step, the same for the lexicon and its placebos."""
    steps = counted.steps(source)
    by_step = [rows[counted.columns.step[rows] == step] for step in steps]
    lists = range(len(counted.lists(source)))
    for name, what in (("semantic entropy", "grams"), ("cluster entropy", "clusters"), ("conditional entropy", None)):
        drawn = []
        for draw in lists:
            if what is None:
                spans = [counted.spans(counted.lists(source)[draw], some) for some in by_step]
            else:
                spans = [binned(counted, source, draw, what, some) for some in by_step]
            if spans[0] is not None:
                drawn.append(spans)
        size = equal_size(len(each[1]) for spans in drawn for each in spans)
        measure = conditional_at if what is None else semantic_at
        found = [
            [
                measure(counted.columns.problem[some], each, size, not draw) if len(each[1]) >= size else Estimate(None)
                for some, each in zip(by_step, spans, strict=True)
            ]
            for draw, spans in enumerate(drawn)
        ]
        known = [place for place, each in enumerate(found[0]) if each.value is not None]
        if len(known) < MIN_STEPS:
            continue
        curves = [_measured(steps, estimates) for estimates in found]
        low, high = ([getattr(found[0][place], side) for place in known] for side in ("low", "high"))
        sizes = [len(by_step[place]) for place in known]
        yield Series(name, curves[0], low, high, sizes, tuple(curves[1:]), True)


def _measured(steps: Sequence[int], found: Sequence[Estimate]) -> Curve:
    known = [(step, each.value) for step, each in zip(steps, found, strict=True) if each.value is not None]
    return Curve(tuple(step for step, _ in known), tuple(value for _, value in known))


# -- tables ---------------------------------------------------------------------------------------------


def curves_table(counted: Counted, series: Mapping[int, Sequence[Series]]) -> Table:
    """Every series of every source, step by step, beside the placebo's; empty without steps."""
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
        {"source": counted.names[source], **row}
        for source, some in series.items()
        for each in some
        for row in _points(each)
    ]
    note = (
        "Semantic, cluster and conditional entropy are at one number of occurrences for all steps of a source, with "
        "jackknife intervals; steps with fewer occurrences are left out. The list is empty where the lexicon decides "
        "nothing."
    )
    return build_table("curves", "Over the steps of training", columns, records, note)


def _points(series: Series) -> Iterator[dict[str, Any]]:
    curve = series.curve
    for place, (step, value) in enumerate(zip(curve.steps, curve.values, strict=True)):
        yield {
            "step": step,
            "series": series.name,
            "list": SGS if series.by_list else None,
            "value": value,
            "low": series.low[place],
            "high": series.high[place],
            "n": series.n[place],
            "relative": _relative(value, curve.values[0]),
        }
    mean = placebo_curve(series)
    sizes = dict(zip(curve.steps, series.n, strict=True))
    for step, value in zip(mean.steps, mean.values, strict=True) if mean else ():
        at = [each.values[each.steps.index(step)] for each in series.placebos if step in each.steps]
        low, high = (min(at), max(at)) if len(at) > 1 else (None, None)
        yield {
            "step": step,
            "series": series.name,
            "list": PLACEBO,
            "value": value,
            "low": low,
            "high": high,
            "n": sizes.get(step),
            "relative": _relative(value, mean.values[0]),
        }


def _relative(value: float, first: float) -> float | None:
    return value / first if first else None


def placebo_curve(series: Series) -> Curve | None:
    """The mean of the draws at each step that all of them have; None without draws."""
    if not series.placebos:
        return None
    steps = sorted(set.intersection(*(set(each.steps) for each in series.placebos)))
    held = [dict(zip(each.steps, each.values, strict=True)) for each in series.placebos]
    return Curve(tuple(steps), tuple(float(np.mean([each[step] for each in held])) for step in steps))


def settling_table(counted: Counted, series: Mapping[int, Sequence[Series]]) -> Table:
    """When each series has made 90 % of its change, and where its slope changes; empty without steps."""
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
    seed, n_draws, records = counted.config.seed, counted.config.n_draws, []
    for source, some in series.items():
        for each in some:
            curve = each.curve
            drawn = None if curve.samples is None else curve_draws(curve, n_draws, seed)
            found = settle(curve.steps, curve.values, resamples=drawn, seed=seed)
            bend = change_point(curve.steps, curve.values, seed, n_draws)
            records.append(
                {
                    "source": counted.names[source],
                    "series": each.name,
                    "total_change": found.total_change,
                    "step90": found.step,
                    "low": found.low,
                    "high": found.high,
                    "change_point": bend.step,
                    "change_low": bend.low,
                    "change_high": bend.high,
                    "p_value": bend.p_value,
                }
            )
    note = "Series that depend on a list are the lexicon's. A change that its noise could have made has no step."
    return build_table("settling", "When curves settle", columns, records, note)


def order_of(counted: Counted, some: Sequence[Series], draw: int = 0) -> PhaseOrder | None:
    """Whether execution settles before planning, by token entropy, of the lexicon or of a placebo (`draw` from 1)."""
    curves = {}
    for each in some:
        held = (each.curve, *each.placebos)
        if each.name in ("planning entropy", "execution entropy") and draw < len(held):
            curves[each.name] = held[draw]
    if len(curves) < 2:
        return None
    return phase_order(
        curves["execution entropy"],
        curves["planning entropy"],
        seed=counted.config.seed,
        n_draws=counted.config.n_draws,
    )


def aha_table(counted: Counted) -> Table:
    """First appearance and growth of clusters of reflection; empty without steps or such clusters."""
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
    records = [row for source in range(len(counted.names)) for row in _aha(counted, source)]
    note = (
        f"Clusters of the moves {', '.join(REFLECTION)}; of a source at most the {_MOST_CLUSTERS} most frequent. "
        "Intervals are of rates of counts, widened for bursts, each for itself."
    )
    return build_table("aha", "Growth of reflection", columns, records, note)


def _aha(counted: Counted, source: int) -> Iterator[dict[str, Any]]:
    steps = counted.steps(source)
    if len(steps) < MIN_STEPS:
        return
    rows = counted.rows(source)
    rows = rows[counted.columns.step[rows] != NO_STEP]
    place, bins = binned(counted, source, 0, "clusters", rows)
    at = np.searchsorted(steps, counted.columns.step[rows])
    words = np.bincount(at, counted.columns.words[rows], len(steps)) / 1000
    clusters = counted.lexicon(source).clusters
    counts = np.zeros((len(clusters), len(steps)))
    np.add.at(counts, (bins, at[place]), 1)
    chosen = [each for each in clusters if each.move in REFLECTION and counts[each.id].any()]
    chosen = sorted(chosen, key=lambda each: (-counts[each.id].sum(), each.id))[:_MOST_CLUSTERS]
    for each in chosen:
        found = growth(steps, counts[each.id].tolist(), words.tolist())
        yield {
            "source": counted.names[source],
            "cluster": each.id,
            "move": each.move,
            "medoid": each.medoid,
            "first_step": found.first_step,
            "start_rate": found.start_rate,
            "end_rate": found.end_rate,
            "ratio": found.ratio,
            "low": found.low,
            "high": found.high,
        }
