"""What mining asks about a corpus, wherever its documents lie: in this process, or in parts on disk."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sgram.array_types import FloatArray, Int32Array, IntArray
from sgram.mining.candidates import Candidates, model_contrast
from sgram.mining.corpus import FACETS, Corpus
from sgram.mining.count import GramTable, count_grams
from sgram.mining.examples import GramExample, find_examples
from sgram.mining.occurrences import Tally, tally_occurrences

CountProgress = Callable[[int, int], None]
"""Is called with (steps done, steps in total)."""


class ClusterUses(Protocol):
    """Where the grams of each cluster are used."""

    @property
    def df(self) -> IntArray:
        """Documents that contain a gram of the cluster, (clusters,)."""
        ...

    def find_examples(self, clusters: Sequence[int]) -> list[list[GramExample]]:
        """Return uses of the medoid of each of `clusters`."""
        ...


class CorpusMeasures(Protocol):
    """Measures of a corpus. Labels of a table are those of `sgram.mining.occurrences.tally_occurrences`."""

    @property
    def n_docs(self) -> IntArray:
        """Documents by outcome, (3,)."""
        ...

    @property
    def n_problems(self) -> int:
        """Known problems."""
        ...

    def count(self, min_df: int, max_n: int, progress: CountProgress | None) -> GramTable:
        """Count every gram of 1 to `max_n` words in at least `min_df` documents."""
        ...

    def tally(self, table: GramTable, labels: Sequence[Int32Array]) -> Tally:
        """Tally the labeled grams of `table`."""
        ...

    def contrast_models(self, table: GramTable, candidates: Candidates, models: Sequence[str]) -> FloatArray:
        """Return the contrast of `sgram.mining.candidates.model_contrast`."""
        ...

    def find_clusters(
        self, table: GramTable, grams: Candidates, clusters: IntArray, medoids: Sequence[str]
    ) -> ClusterUses:
        """Return where clusters are used. `clusters`, (m,), has the cluster of each of `grams`."""
        ...


@dataclass(frozen=True, slots=True)
class EncodedCorpus:
    """Measures of a corpus whose arrays are in this process or in its scratch files."""

    corpus: Corpus
    workers: int = 1

    @property
    def n_docs(self) -> IntArray:
        """Documents by outcome, (3,)."""
        return self.corpus.n_docs

    @property
    def n_problems(self) -> int:
        """Known problems."""
        return len(self.corpus.facet_values[FACETS.index("problem")])

    def count(self, min_df: int, max_n: int, progress: CountProgress | None) -> GramTable:
        """Count every gram of 1 to `max_n` words in at least `min_df` documents."""
        return count_grams(self.corpus, min_df, max_n, self.workers, progress)

    def tally(self, table: GramTable, labels: Sequence[Int32Array]) -> Tally:
        """Tally the labeled grams of `table`."""
        return tally_occurrences(self.corpus, table, labels, self.workers)

    def contrast_models(self, table: GramTable, candidates: Candidates, models: Sequence[str]) -> FloatArray:
        """Return the contrast of `sgram.mining.candidates.model_contrast`."""
        return model_contrast(self.corpus, table, candidates, models, self.workers)

    def find_clusters(
        self, table: GramTable, grams: Candidates, clusters: IntArray, medoids: Sequence[str]
    ) -> ClusterUses:
        """Return where clusters are used; examples are searched when they are asked for."""
        tally = tally_occurrences(self.corpus, table, grams.label_grams(table, clusters), self.workers, spread=False)
        return _EncodedClusters(tally.df.sum(axis=1), self.corpus, table, grams, medoids)


@dataclass(frozen=True, slots=True)
class _EncodedClusters:
    df: IntArray
    corpus: Corpus
    table: GramTable
    grams: Candidates
    medoids: Sequence[str]

    def find_examples(self, clusters: Sequence[int]) -> list[list[GramExample]]:
        """Return uses of the medoid of each of `clusters`."""
        medoids = [self.medoids[cluster] for cluster in clusters]
        return find_examples(self.corpus, self.table, label_medoids(self.table, self.grams, medoids), medoids)


def label_medoids(table: GramTable, grams: Candidates, medoids: Sequence[str]) -> list[Int32Array]:
    """Return labels of `table`: for each medoid, which is one of `grams`, its index."""
    row_of_text = {text: row for row, text in enumerate(grams.texts)}
    labels = np.full(len(grams), -1, np.int32)
    labels[[row_of_text[medoid] for medoid in medoids]] = np.arange(len(medoids))
    return grams.label_grams(table, labels)
