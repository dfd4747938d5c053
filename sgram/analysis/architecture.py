"""Table `architecture`: whether the stretches of work between planning spans grow along a trace."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from sgram.analysis.planning import outcome_rows
from sgram.analysis.table import Table, build_table
from sgram.analysis.table_columns import OUTCOME, SOURCE, count, number, share, text
from sgram.analysis.trace_counts import TraceCounts
from sgram.metrics.architecture import ARCHITECTURE_KINDS


def architecture_table(counts: TraceCounts) -> Table:
    """Return the number of traces of each class by source and outcome; empty if no trace has a class."""
    columns = [
        SOURCE,
        OUTCOME,
        text("kind", "class of the lengths, in words, of the stretches between planning spans"),
        count("traces", "traces of the class"),
        share("share", "of the traces that have a class"),
        number("similarity", "mean C_S = mean log10 of the ratio of neighboring lengths, of these traces"),
        number("variation", "mean C_V = population standard deviation by mean, of these traces"),
    ]
    records = [record for source in range(counts.n_sources) for record in _architecture_records(counts, source)]
    note = (
        "An analogy with planetary systems (Mishra et al. 2023), no theory: ordered where C_S > 0.2, anti-ordered "
        "where C_S < -0.2, else similar or mixed by C_V. Traces with fewer than three stretches have no class."
    )
    return build_table("architecture", "The lengths of work between plans", columns, records, note)


def _architecture_records(counts: TraceCounts, source: int) -> Iterator[dict[str, Any]]:
    for outcome, rows in outcome_rows(counts, source, judged_only=True):
        shapes = [counts.columns.shape[row] for row in rows.tolist()]
        n_classified = sum(kind is not None for kind, _, _ in shapes)
        if not n_classified:
            continue
        for kind in ARCHITECTURE_KINDS:
            coefficients = np.array([shape[1:] for shape in shapes if shape[0] == kind]).reshape(-1, 2)
            n_traces = len(coefficients)
            similarity, variation = coefficients.mean(axis=0).tolist() if n_traces else (None, None)
            yield {
                "source": counts.source_names[source],
                "outcome": outcome,
                "kind": kind,
                "traces": n_traces,
                "share": n_traces / n_classified,
                "similarity": similarity,
                "variation": variation,
            }
