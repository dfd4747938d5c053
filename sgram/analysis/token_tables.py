"""How unsure the model is of planning and of execution tokens: `tokens` and `overlap`. Knows nothing about texts."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from sgram.analysis.columns_store import ListColumns
from sgram.analysis.table import Table, build_table
from sgram.analysis.table_columns import LIST, SHARE_INTERVAL, SOURCE, count, number, share, text
from sgram.analysis.trace_counts import PLACEBO, SGS, Counted, over_draws
from sgram.metrics.overlap import high_entropy_weights, overlap
from sgram.statistics import Estimate

CLASSES = ("planning", "execution")


def tokens_table(counted: Counted) -> Table:
    """Entropy and perplexity of both classes of tokens; empty where neither was recorded."""
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
    records = [row for source in range(len(counted.names)) for row in _tokens(counted, source)]
    note = (
        "Intervals are 95 % by problem; of placebos, the least and the greatest draw. Every token weighs the same, "
        "whatever the length of its trace."
    )
    return build_table("tokens", "Entropy of planning and execution tokens", columns, records, note)


def class_rows(held: ListColumns, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Those of `rows` whose entropies are known; whose log-probabilities are known."""
    return rows[~np.isnan(held.entropy[rows, 0])], rows[~np.isnan(held.nll[rows, 0])]


def _tokens(counted: Counted, source: int) -> Iterator[dict[str, Any]]:
    measured = class_rows(counted.columns.lists[0], counted.rows(source))
    if not len(measured[0]) and not len(measured[1]):
        return
    for place, name in enumerate(CLASSES):
        cells: dict[str, dict[str, Any]] = {}
        for what, rows in zip(("entropy", "perplexity"), measured, strict=True):
            if not len(rows):
                continue
            by_problem = counted.by_problem(rows)

            def mean(
                held: ListColumns, what: str = what, rows: Any = rows, by: Any = by_problem, place: int = place
            ) -> Estimate:
                values = held.entropy if what == "entropy" else held.nll
                found = by.ratio(values[rows, place], held.tokens[rows, place].astype(float))
                return found if what == "entropy" else found.transform(np.exp)

            for which, found in counted.beside(source, mean):
                cell = cells.setdefault(which, {})
                cell |= {what: found.value, f"{what}_low": found.low, f"{what}_high": found.high}
                lists = counted.lists(source)
                chosen = lists[:1] if which == SGS else lists[1:]
                cell["tokens"] = round(np.mean([int(each.tokens[rows, place].sum()) for each in chosen]))
        for which, cell in cells.items():
            yield {"source": counted.names[source], "token_class": name, "list": which, **cell}


def overlap_table(counted: Counted) -> Table:
    """How far planning tokens are those of high entropy, both ways; empty where entropies were not recorded."""
    top = counted.config.top
    columns = [
        SOURCE,
        LIST,
        share("high_given_planning", f"of the planning tokens, those of high entropy; {top:.0%} by chance"),
        *SHARE_INTERVAL,
        share("planning_given_high", "of the tokens of high entropy, those that are planning"),
        share("chance", "planning tokens of all tokens: planning_given_high by chance"),
        count("tokens", "tokens whose entropy is known and held"),
    ]
    records = [row for source in range(len(counted.names)) for row in _overlap(counted, source)]
    note = (
        f"Of high entropy are the {top:.0%} of a source's tokens with the highest entropy; tokens tied at the "
        "threshold count in part. The interval is that of high_given_planning, with the threshold held."
    )
    return build_table("overlap", "Planning tokens and tokens of high entropy", columns, records, note)


def _overlap(counted: Counted, source: int) -> Iterator[dict[str, Any]]:
    held = [each for each in counted.tokens if each.source == source and len(each.entropies)]
    if not held:
        return
    entropies = np.concatenate([each.entropies for each in held])
    high = high_entropy_weights(entropies, top=counted.config.top)
    by_problem = counted.resamples(np.array([each.problem for each in held]))
    starts = np.cumsum([0, *(len(each.entropies) for each in held)])[:-1]
    told = []
    for draw in range(len(held[0].masks)):
        planning = np.concatenate([each.masks[draw] for each in held])
        both, whole = (np.add.reduceat(each.astype(float), starts) for each in (high * planning, planning))
        told.append((by_problem.ratio(both, whole), overlap(entropies, planning, top=counted.config.top)))
    for which, some in ((SGS, told[:1]), (PLACEBO, told[1:])):
        known = [(found, each) for found, each in some if found.value is not None]
        if not known:
            continue
        found = known[0][0] if which == SGS else over_draws([one.value for one, _ in known])
        yield {
            "source": counted.names[source],
            "list": which,
            "high_given_planning": found.value,
            "low": found.low,
            "high": found.high,
            "planning_given_high": float(np.mean([each.planning_given_high for _, each in known])),
            "chance": float(np.mean([each.planning_share for _, each in known])),
            "tokens": len(entropies),
        }
