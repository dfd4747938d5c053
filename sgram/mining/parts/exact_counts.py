"""Pass 2: exact counts of the united grams in each part, and their sum over all parts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sgram.array_types import AnyArray, Int32Array, IntArray
from sgram.mining.array_files import ArrayFile
from sgram.mining.candidates import MODEL_SIDES, find_model_sides, put_model_sides
from sgram.mining.corpus import FACETS, Corpus
from sgram.mining.count import GramLevel, GramTable
from sgram.mining.occurrences import FacetBits, LabelCounts, count_labels
from sgram.mining.parts.files import read_step, read_table, write_step
from sgram.mining.parts.part_grams import may_be_candidates
from sgram.mining.parts.plan import PlannedPart, SplitPlan

FACET_FILE = "facets.arrays"
"""File of the split with the bits of the facets' values."""


@dataclass(frozen=True, slots=True)
class Union:
    """The grams that are counted: label i is the i-th gram of the table, level by level."""

    table: GramTable
    facet_rows: Int32Array
    """Row of each label among those whose facets are counted, because they may be candidates; -1 for none, (n,)."""

    @classmethod
    def read(cls, path: Path, plan: SplitPlan) -> "Union":
        """Read the union of a split. Raise `InputError` if it is missing or of another split."""
        file = read_step(path, plan)
        table = read_table(file)
        bounds = [file.get(f"bound-{n}") for n in range(1, len(table.levels) + 1)]
        is_candidate = np.concatenate(may_be_candidates(plan, table, bounds))
        facet_rows = np.full(len(is_candidate), -1, np.int32)
        facet_rows[is_candidate] = np.arange(int(is_candidate.sum()), dtype=np.int32)
        return cls(table, facet_rows)

    @property
    def n_facet_rows(self) -> int:
        """Labels whose facets are counted."""
        return 1 + int(self.facet_rows.max(initial=-1))

    def labels(self) -> list[Int32Array]:
        """Return the label of each gram of the table, by level."""
        first = np.cumsum([0, *map(len, self.table.levels)])
        return [np.arange(start, stop, dtype=np.int32) for start, stop in zip(first[:-1], first[1:], strict=True)]

    def facet_labels(self) -> list[Int32Array]:
        """Return the facet row of each gram of the table as its label, by level."""
        return [self.facet_rows[labels] for labels in self.labels()]


def read_facet_bits(plan: SplitPlan) -> FacetBits:
    """Return the bits of the facets' values that the split assigned."""
    file = ArrayFile(plan.split_path(FACET_FILE))
    return FacetBits(tuple(file.get(facet) for facet in FACETS))


def write_part_counts(
    plan: SplitPlan, part: PlannedPart, corpus: Corpus, union: Union, workers: int, path: Path
) -> None:
    """Count the grams of the union in a part, and the sides of the contrast of models if the config asks for it."""
    counts = count_labels(
        corpus, union.table, union.labels(), workers, facets=read_facet_bits(plan), facet_rows=union.facet_rows
    )
    arrays: dict[str, AnyArray] = {
        "df": counts.df.astype(np.int32),
        "count": counts.count,
        "ends": counts.ends,
        "facet-rows": counts.facet_rows,
    }
    if plan.config.contrast_models:
        n_side_docs = put_model_sides(corpus, find_model_sides(plan.models, plan.config.contrast_models))
        sides = count_labels(corpus, union.table, union.facet_labels(), workers, sides=MODEL_SIDES)
        arrays |= {"side-df": sides.df.astype(np.int32), "side-docs": n_side_docs}
    write_step(path, plan, arrays, part=part.name)


@dataclass(frozen=True, slots=True)
class UnionCounts:
    """Counts of the union over all parts."""

    counts: LabelCounts
    side_df: IntArray | None
    """Documents by side of the contrast of models, (facet rows, 3); None without a contrast."""
    side_docs: IntArray
    """Documents of each side, (2,)."""


def add_counts(plan: SplitPlan, union: Union, paths: Sequence[Path]) -> UnionCounts:
    """Return the sum of the counts of all parts; memory does not depend on their number."""
    n_bytes = int(read_facet_bits(plan).first_bytes[-1])
    total = LabelCounts.zeros(len(union.facet_rows), union.n_facet_rows, n_bytes)
    has_sides = bool(plan.config.contrast_models)
    side_df, side_docs = np.zeros((union.n_facet_rows, 3), np.int64), np.zeros(2, np.int64)
    for path in paths:
        file = read_step(path, plan)
        total.add(LabelCounts(*(file.get(name) for name in ("df", "count", "ends", "facet-rows"))))
        if has_sides:
            side_df += file.get("side-df")
            side_docs += file.get("side-docs")
    return UnionCounts(total, side_df if has_sides else None, side_docs)


def frequent_table(plan: SplitPlan, union: Union, counts: LabelCounts) -> tuple[GramTable, list[IntArray]]:
    """Return the table of the grams in at least `SplitPlan.counted_df` documents, and the label of each of its grams.

    It is the table that counting all documents at once gives.
    """
    levels: list[GramLevel] = []
    kept_labels: list[IntArray] = []
    new_ids = np.zeros(0, np.int32)
    words: list[str] = []
    for level, labels in zip(union.table.levels, union.labels(), strict=True):
        is_frequent = counts.df[labels].sum(axis=1) >= plan.counted_df
        rows = np.flatnonzero(is_frequent)
        if levels and not len(rows):
            break
        if levels:
            prefix, suffix = new_ids[level.prefix[rows]], new_ids[level.suffix[rows]]
            last = levels[-1].last[suffix]
        else:
            words = [union.table.words[row] for row in rows.tolist()]
            prefix = suffix = last = np.arange(len(rows), dtype=np.int32)
        df, count = counts.df[labels[rows]].astype(np.int32), counts.count[labels[rows]]
        levels.append(GramLevel(prefix, suffix, last, df, count))
        kept_labels.append(labels[rows].astype(np.int64))
        new_ids = np.full(len(level), -1, np.int32)
        new_ids[rows] = np.arange(len(rows), dtype=np.int32)
    table = GramTable(words, levels, plan.n_docs_array)
    if any((level.prefix < 0).any() or (level.suffix < 0).any() for level in levels):
        raise AssertionError(f"a gram of {plan.folder.title} is more frequent than its beginning or its end")
    return table, kept_labels
