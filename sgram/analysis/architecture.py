"""The table `architecture`: whether stretches of work grow along a trace. Knows nothing about how they are classed."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from sgram.analysis.planning import outcomes_of
from sgram.analysis.table import Table, build_table
from sgram.analysis.table_columns import OUTCOME, SOURCE, count, number, share, text
from sgram.analysis.trace_counts import Counted
from sgram.metrics.architecture import KINDS


def architecture_table(counted: Counted) -> Table:
    """How many traces of each source and outcome are of each class; empty where no trace has one."""
    columns = [
        SOURCE,
        OUTCOME,
        text("kind", "class of the lengths, in words, of the stretches between planning spans"),
        count("traces", "traces of the class"),
        share("share", "of the traces that have a class"),
        number("similarity", "mean C_S = mean log10 of the ratio of neighboring lengths, of these traces"),
        number("variation", "mean C_V = population standard deviation by mean, of these traces"),
    ]
    records = [row for source in range(len(counted.names)) for row in _rows(counted, source)]
    note = (
        "An analogy with planetary systems (Mishra et al. 2023), no theory: ordered where C_S > 0.2, anti-ordered "
        "where C_S < -0.2, else similar or mixed by C_V. Traces with fewer than three stretches have no class."
    )
    return build_table("architecture", "The lengths of work between plans", columns, records, note)


def _rows(counted: Counted, source: int) -> Iterator[dict[str, Any]]:
    for outcome, rows in outcomes_of(counted, source, judged_only=True):
        shapes = [counted.columns.shape[row] for row in rows.tolist()]
        known = sum(kind is not None for kind, _, _ in shapes)
        for kind in KINDS:
            held = np.array([shape[1:] for shape in shapes if shape[0] == kind]).reshape(-1, 2)
            if known:
                similarity, variation = held.mean(axis=0).tolist() if len(held) else (None, None)
                yield {
                    "source": counted.names[source],
                    "outcome": outcome,
                    "kind": kind,
                    "traces": len(held),
                    "share": len(held) / known,
                    "similarity": similarity,
                    "variation": variation,
                }
