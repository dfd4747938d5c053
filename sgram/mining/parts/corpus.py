"""Measures of a corpus that lies in parts on disk; a step that is missing is run when its measure is asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from sgram.array_types import FloatArray, Int32Array, IntArray
from sgram.engines import Engine
from sgram.mining.candidates import Candidates, check_model_sides, contrast_sides
from sgram.mining.config import Resources
from sgram.mining.count import GramTable
from sgram.mining.measures import CountProgress
from sgram.mining.occurrences import Tally
from sgram.mining.parts.choice import Choice, PartedClusters
from sgram.mining.parts.exact_counts import Union, UnionCounts, add_counts, frequent_table, read_facet_bits
from sgram.mining.parts.files import is_written
from sgram.mining.parts.plan import SplitPlan
from sgram.mining.parts.steps import CHOICE, UNION, run_missing_parts, run_union

StepProgress = Callable[[str, int, int], None]
"""Is called with (step, parts done, parts)."""


class StopAfterChoice(Exception):  # noqa: N818
    """The choice is written, and no more was asked for."""


@dataclass
class PartedCorpus:
    """Measures of the traces of a split; see `sgram.mining.measures.CorpusMeasures`."""

    plan: SplitPlan
    engine: Engine
    resources: Resources
    progress: StepProgress
    stops_after_choice: bool = False
    """Raise `StopAfterChoice` when the choice is written."""
    _union: Union = field(init=False)
    _counts: UnionCounts = field(init=False)
    _labels: list[IntArray] = field(init=False)
    """Label in the union of each gram of the table, by level."""

    @property
    def n_docs(self) -> IntArray:
        """Documents by outcome, (3,)."""
        return self.plan.n_docs_array

    @property
    def n_problems(self) -> int:
        """Known problems."""
        return self.plan.n_problems

    def count(self, min_df: int, max_n: int, progress: CountProgress | None) -> GramTable:
        """Return the table of the split, whose plan says `min_df` and `max_n`."""
        if (min_df, max_n) != (self.plan.counted_df, self.plan.max_n):
            raise ValueError(f"the plan counts grams of other sizes than {min_df} and {max_n}")
        run_missing_parts(self.plan, "part", self.engine, self.resources, self._report("part"))
        self.progress("union", 0, 1)
        run_union(self.plan, self.resources)
        self.progress("union", 1, 1)
        paths = run_missing_parts(self.plan, "count", self.engine, self.resources, self._report("count"))
        self._union = Union.read(self.plan.folder.fetch(UNION), self.plan)
        self._counts = add_counts(self.plan, self._union, paths)
        table, self._labels = frequent_table(self.plan, self._union, self._counts.counts)
        return table

    def _report(self, step: str) -> CountProgress:
        return lambda done, total: self.progress(step, done, total)

    def tally(self, table: GramTable, labels: Sequence[Int32Array]) -> Tally:
        """Return the tally of labels that have one gram each, and that may be candidates by the plan."""
        rows = self._union_rows(labels)
        counts, facet_rows = self._counts.counts, self._union.facet_rows[rows]
        if (facet_rows < 0).any():
            raise ValueError("facets are counted for grams only that may be candidates")
        spread = read_facet_bits(self.plan).count_values(counts.facet_rows[facet_rows])
        return Tally(counts.df[rows], counts.positions[rows], spread)

    def _union_rows(self, labels: Sequence[Int32Array]) -> IntArray:
        """Return the label in the union of the gram of each label. Raise `ValueError` unless each has one gram."""
        all_labels, union_labels = np.concatenate(labels), np.concatenate(self._labels)
        rows = np.flatnonzero(all_labels >= 0)
        n_labels = 1 + int(all_labels.max(initial=-1))
        if not np.array_equal(np.sort(all_labels[rows]), np.arange(n_labels)):
            raise ValueError("every label must have one gram")
        union_rows = np.empty(n_labels, np.int64)
        union_rows[all_labels[rows]] = union_labels[rows]
        return union_rows

    def contrast_models(self, table: GramTable, candidates: Candidates, models: Sequence[str]) -> FloatArray:
        """Return the contrast of `sgram.mining.candidates.model_contrast`; the plan says `models`."""
        if tuple(models) != self.plan.config.contrast_models or self._counts.side_df is None:
            raise ValueError(f"the plan contrasts other models than {models}")
        check_model_sides(self._counts.side_docs, self.plan.models, models)
        facet_rows = self._union.facet_rows[self._union_rows(candidates.label_grams(table))]
        return contrast_sides(self._counts.side_df[facet_rows], self._counts.side_docs)

    def find_clusters(
        self, table: GramTable, grams: Candidates, clusters: IntArray, medoids: Sequence[str]
    ) -> PartedClusters:
        """Return where clusters are used: write the choice, and describe it in each part."""
        choice = Choice.of(table, grams, clusters, medoids)
        path = self.plan.folder.fetch(CHOICE)
        if not is_written(path, self.plan, choice=choice.digest):
            choice.write(path, self.plan)
            self.plan.folder.publish([CHOICE])
        if self.stops_after_choice:
            raise StopAfterChoice
        paths = run_missing_parts(self.plan, "describe", self.engine, self.resources, self._report("describe"))
        return PartedClusters.add(paths, self.plan, choice)
