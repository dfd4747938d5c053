"""How much of the traces is planning, and of which kind: three tables. Knows nothing about entropies."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from sgram.analysis.columns_store import OUTCOMES, ListColumns
from sgram.analysis.table import Table, build_table
from sgram.analysis.table_columns import (
    INTERVAL,
    LIST,
    OUTCOME,
    SHARE_INTERVAL,
    SOURCE,
    count,
    interval,
    number,
    share,
    text,
)
from sgram.analysis.trace_counts import ALL, Counted
from sgram.lexicon import MOVES
from sgram.statistics import Estimate

N_BINS = 8
"""Bins of length, of equally many traces each, where there are enough."""
MIN_BIN = 10
"""Traces that a bin of length needs."""


def unit_of(counted: Counted, rows: np.ndarray) -> str:
    """What planning is counted in: tokens where they are known of all of these traces, else words."""
    return "tokens" if len(rows) and (counted.columns.lists[0].tokens[rows, 0] >= 0).all() else "words"


def planning_of(counted: Counted, held: ListColumns, rows: np.ndarray, unit: str) -> tuple[np.ndarray, np.ndarray]:
    """(planning, all) words or tokens of each trace, as floats."""
    if unit == "tokens":
        tokens = held.tokens[rows].astype(float)
        return tokens[:, 0], tokens.sum(axis=1)
    return held.words[rows].astype(float), counted.columns.words[rows].astype(float)


def outcomes_of(counted: Counted, source: int, judged_only: bool = False) -> Iterator[tuple[str, np.ndarray]]:
    """("all", its traces), then each outcome that occurs, if there are several."""
    rows = counted.rows(source)
    yield ALL, rows
    found = [(name, counted.rows(source, place)) for place, name in enumerate(OUTCOMES)]
    for name, chosen in found:
        if len(chosen) and not (judged_only and name == OUTCOMES[2]):
            yield name, chosen


def shares_table(counted: Counted) -> Table:
    """The planning share by source and outcome, beside the placebo's."""
    columns = [
        SOURCE,
        OUTCOME,
        LIST,
        share("value", "planning words or tokens, of all of them pooled"),
        *SHARE_INTERVAL,
        count("traces", "traces"),
        count("problems", "problems, which are resampled"),
        text("unit", "what is counted: words or tokens"),
    ]
    records = []
    for source, name in enumerate(counted.names):
        unit = unit_of(counted, counted.rows(source))
        for outcome, rows in outcomes_of(counted, source):
            by_problem = counted.by_problem(rows)
            told = {
                "source": name,
                "outcome": outcome,
                "traces": len(rows),
                "unit": unit,
                "problems": by_problem.n_problems,
            }

            def share_of(held: ListColumns, rows: Any = rows, by: Any = by_problem, unit: str = unit) -> Estimate:
                return by.ratio(*planning_of(counted, held, rows, unit))

            for which, found in counted.beside(source, share_of):
                records.append({**told, "list": which, **interval(found)})
    return build_table("shares", "How much is planning", columns, records)


def moves_table(counted: Counted) -> Table:
    """Spans of each move by source and outcome; a placebo's grams have no move, so it has no row here."""
    columns = [
        SOURCE,
        text("move", "what a span does for the reasoning"),
        OUTCOME,
        count("count", "spans, none inside another"),
        number("per_1000_words", "spans per 1,000 words"),
        *INTERVAL,
        share("traces_share", "traces that hold at least one"),
    ]
    records = []
    for source, name in enumerate(counted.names):
        move_of = _moves(counted, source)
        for outcome, rows in outcomes_of(counted, source, judged_only=True):
            by_problem = counted.by_problem(rows)
            words = counted.columns.words[rows].astype(float)
            place, gram, _ = counted.spans(counted.columns.lists[0], rows)
            for code, move in enumerate(MOVES):
                spans = np.bincount(place[move_of[gram] == code], minlength=len(rows)).astype(float)
                found = by_problem.ratio(1000 * spans, words)
                records.append(
                    {
                        "source": name,
                        "move": move,
                        "outcome": outcome,
                        "count": int(spans.sum()),
                        "per_1000_words": found.value,
                        "low": found.low,
                        "high": found.high,
                        "traces_share": float((spans > 0).mean()),
                    }
                )
    note = "Random grams make no moves, so a placebo has no rows here; its share of words is in the table shares."
    return build_table("moves", "Which moves the planning makes", columns, records, note)


def _moves(counted: Counted, source: int) -> np.ndarray:
    """Place in `MOVES` of each gram of the source's lexicon."""
    lexicon = counted.lexicon(source)
    return np.array([MOVES.index(each.move) for each in lexicon.clusters for _ in each.grams], np.int64)


def scaling_table(counted: Counted) -> Table:
    """The planning share of traces of about equal length, beside the placebo's; empty where traces are too few."""
    columns = [
        SOURCE,
        count("bin_low", "shortest trace of the bin, words"),
        count("bin_high", "longest trace of the bin, words"),
        count("traces", "traces in the bin"),
        share("value", "planning words or tokens, of all of them pooled"),
        *SHARE_INTERVAL,
        LIST,
    ]
    records = [row for source in range(len(counted.names)) for row in _scaling(counted, source)]
    note = "Traces of each source in bins of equal numbers by their length in words; no cause is shown."
    return build_table("scaling", "Length and planning", columns, records, note)


def _scaling(counted: Counted, source: int) -> Iterator[dict[str, Any]]:
    rows = counted.rows(source)
    words = counted.columns.words[rows]
    n_bins = min(N_BINS, len(rows) // MIN_BIN)
    if n_bins < 2:
        return
    cuts = np.unique(np.quantile(words, np.arange(1, n_bins) / n_bins, method="lower"))
    bins = np.searchsorted(cuts, words, "left")
    unit = unit_of(counted, rows)
    for place in np.unique(bins).tolist():
        chosen = rows[bins == place]
        by_problem = counted.by_problem(chosen)
        held_words = counted.columns.words[chosen]
        told = {
            "source": counted.names[source],
            "bin_low": int(held_words.min()),
            "bin_high": int(held_words.max()),
            "traces": len(chosen),
        }

        def share_of(held: ListColumns, rows: np.ndarray = chosen, by: Any = by_problem) -> Estimate:
            return by.ratio(*planning_of(counted, held, rows, unit))

        for which, found in counted.beside(source, share_of):
            yield {**told, "list": which, **interval(found)}
