"""The chosen clusters as a file, and the documents and examples of each cluster in a part."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from operator import itemgetter
from pathlib import Path

import numpy as np
import orjson

from sgram.array_types import AnyArray, Int32Array, IntArray
from sgram.files import canonical_json, digest
from sgram.mining.array_files import pack_strings, unpack_strings
from sgram.mining.candidates import Candidates
from sgram.mining.corpus import Corpus
from sgram.mining.count import GramTable
from sgram.mining.examples import N_EXAMPLES, GramExample, find_keyed_examples
from sgram.mining.measures import label_medoids
from sgram.mining.occurrences import count_labels
from sgram.mining.parts.files import read_step, read_table, table_arrays, write_step
from sgram.mining.parts.plan import PlannedPart, SplitPlan


@dataclass(frozen=True, slots=True)
class Choice:
    """Grams in clusters, and the medoid of each cluster."""

    table: GramTable
    """Counts are not in it."""
    clusters: list[Int32Array]
    """Cluster of each gram of the table, by level; -1 for none."""
    medoid_labels: list[Int32Array]
    """For each gram of the table the cluster whose medoid it is, by level; -1 for none."""
    medoids: list[str]
    digest: str
    """Digest of the grams and their clusters."""

    @classmethod
    def of(cls, table: GramTable, grams: Candidates, clusters: IntArray, medoids: Sequence[str]) -> "Choice":
        """Return the choice of `grams`, whose clusters are `clusters`, (m,)."""
        labels = grams.label_grams(table, clusters)
        arrays = [*labels, *(level.last for level in table.levels)]
        content = canonical_json([list(medoids), table.words]) + b"".join(array.tobytes() for array in arrays)
        return cls(table, labels, label_medoids(table, grams, medoids), list(medoids), digest(content))

    def write(self, path: Path, plan: SplitPlan) -> None:
        """Write the choice."""
        words = [word.encode("utf-8", "surrogatepass") for word in self.table.words]
        arrays = table_arrays(words, [(level.prefix, level.suffix) for level in self.table.levels[1:]])
        for n, labels in enumerate(zip(self.clusters, self.medoid_labels, strict=True), 1):
            arrays[f"clusters-{n}"], arrays[f"medoids-{n}"] = labels
        arrays["medoids"], arrays["medoid-ends"] = pack_strings(medoid.encode() for medoid in self.medoids)
        write_step(path, plan, arrays, choice=self.digest, grams=len(self.table))

    @classmethod
    def read(cls, path: Path, plan: SplitPlan) -> "Choice":
        """Read the choice of a split. Raise `InputError` if it is missing or of another split."""
        file = read_step(path, plan)
        table = read_table(file)
        clusters, medoid_labels = (
            [file.get(f"{kind}-{n}") for n in range(1, len(table.levels) + 1)] for kind in ("clusters", "medoids")
        )
        medoids = [medoid.decode() for medoid in unpack_strings(file.get("medoids"), file.get("medoid-ends"))]
        return cls(table, clusters, medoid_labels, medoids, str(file.about["choice"]))


def write_part_clusters(
    plan: SplitPlan, part: PlannedPart, corpus: Corpus, choice: Choice, workers: int, path: Path
) -> None:
    """Write in how many documents of a part each cluster is, and uses of its medoid."""
    counts = count_labels(corpus, choice.table, choice.clusters, workers)
    examples = find_keyed_examples(corpus, choice.table, choice.medoid_labels, choice.medoids)
    rows = [
        {"cluster": cluster, "key": key} | asdict(example)
        for cluster, cluster_examples in enumerate(examples)
        for key, example in cluster_examples
    ]
    arrays: dict[str, AnyArray] = {"df": counts.df.sum(axis=1)}
    arrays["examples"], arrays["example-ends"] = pack_strings(map(canonical_json, rows))
    write_step(path, plan, arrays, part=part.name, choice=choice.digest)


@dataclass(frozen=True, slots=True)
class PartedClusters:
    """Where clusters are used, over all parts."""

    df: IntArray
    """Documents that contain a gram of the cluster, (clusters,)."""
    examples: list[list[GramExample]]
    """Uses of the medoid of each cluster."""

    @classmethod
    def add(cls, paths: Sequence[Path], plan: SplitPlan, choice: Choice) -> "PartedClusters":
        """Return the sum of the parts' documents, and for each cluster the examples with the smallest keys."""
        df = np.zeros(len(choice.medoids), np.int64)
        keyed: list[list[tuple[int, GramExample]]] = [[] for _ in choice.medoids]
        for path in paths:
            file = read_step(path, plan)
            df += file.get("df")
            for line in unpack_strings(file.get("examples"), file.get("example-ends")):
                row = orjson.loads(line)
                cluster, key = row.pop("cluster"), row.pop("key")
                keyed[cluster].append((key, GramExample(**row)))
            keyed = [sorted(examples, key=itemgetter(0))[:N_EXAMPLES] for examples in keyed]
        return cls(df, [[example for _, example in examples] for examples in keyed])

    def find_examples(self, clusters: Sequence[int]) -> list[list[GramExample]]:
        """Return uses of the medoid of each of `clusters`."""
        return [self.examples[cluster] for cluster in clusters]
