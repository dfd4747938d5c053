"""Measure `architecture`: whether the stretches of work between planning spans grow along a trace."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from sgram.analysis.columns_store import PerTrace
from sgram.analysis.measure import AnalysisData, Measure, Quantity
from sgram.analysis.measures.planning import outcome_rows
from sgram.analysis.table_columns import OUTCOME, SOURCE, count, number, share, text
from sgram.metrics.architecture import ARCHITECTURE_KINDS, architecture
from sgram.tagging.text_marks import TextMarks
from sgram.traces import Trace


def _classify(_: Trace, marks: TextMarks) -> tuple[float, float, float]:
    """Return the index of the class in `ARCHITECTURE_KINDS` and both coefficients; NaN without a class."""
    shape = architecture(marks.gaps())
    if shape.kind is None or shape.similarity is None or shape.variation is None:
        return np.nan, np.nan, np.nan
    return ARCHITECTURE_KINDS.index(shape.kind), shape.similarity, shape.variation


def _records(data: AnalysisData) -> Iterator[dict[str, Any]]:
    counts = data.counts
    for source, source_name in enumerate(counts.source_names):
        for outcome, rows in outcome_rows(counts, source, judged_only=True):
            shapes = counts.columns.per_trace[ARCHITECTURE.name][rows, 0]
            n_classified = int((~np.isnan(shapes[:, 0])).sum())
            for kind_index, kind in enumerate(ARCHITECTURE_KINDS if n_classified else ()):
                coefficients = shapes[shapes[:, 0] == kind_index, 1:]
                n_traces = len(coefficients)
                similarity, variation = coefficients.mean(axis=0).tolist() if n_traces else (None, None)
                yield {
                    "source": source_name,
                    "outcome": outcome,
                    "kind": kind,
                    "traces": n_traces,
                    "share": n_traces / n_classified,
                    "similarity": similarity,
                    "variation": variation,
                }


ARCHITECTURE = Measure(
    "architecture",
    "The lengths of work between plans",
    (
        SOURCE,
        OUTCOME,
        text("kind", "class of the lengths, in words, of the stretches between planning spans"),
        count("traces", "traces of the class"),
        share("share", "of the traces that have a class"),
        number("similarity", "mean C_S = mean log10 of the ratio of neighboring lengths, of these traces"),
        number("variation", "mean C_V = population standard deviation by mean, of these traces"),
    ),
    _records,
    "An analogy with planetary systems (Mishra et al. 2023), no theory: ordered where C_S > 0.2, anti-ordered where "
    "C_S < -0.2, else similar or mixed by C_V. Traces with fewer than three stretches have no class.",
    quantities=(
        Quantity(
            "lengths of work between plans, of the traces that have a class",
            "share",
            keys=("source", "kind"),
            extra=("traces",),
            where={"outcome": "all"},
        ),
    ),
    per_trace=PerTrace(_classify),
)
