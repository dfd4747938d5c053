"""`split`: traces, read once, become parts of coded words with everything that statistics need."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from sgram.array_types import IntArray
from sgram.files import write_atomic
from sgram.mining.array_files import ArrayWriter, write_arrays
from sgram.mining.config import Resources
from sgram.mining.corpus import FACETS, N_OUTCOMES, SHARD_BYTES, Document, Shard, document_arrays, scan_documents
from sgram.mining.occurrences import FacetBits
from sgram.mining.parts.exact_counts import FACET_FILE

PartOf = Callable[[Document], int]
_LEAST_SHARD_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class SplitSizes:
    """Sizes of the files of a split, and the values of the facets."""

    n_docs: IntArray
    """Documents by file and outcome, (files, 3)."""
    n_bytes: IntArray
    """Bytes of text by file, (files,)."""
    facet_values: tuple[dict[str, int], ...]


def file_name(part: int) -> str:
    """Return the name of the file of the part of that number."""
    return f"{part:03d}.arrays"


def split_documents(
    documents: Iterable[Document],
    folder: Path,
    n_parts: int,
    resources: Resources,
    part_of: PartOf | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SplitSizes:
    """Write `documents` into the files of `n_parts` parts in `folder`; the files appear when all are written.

    `part_of` gives the part of a document. By default it depends on the digest of the trace only: at random, but the
    same whatever the order of the traces. Parts by file would differ, as models do, and need far more counting.
    """
    part_of = part_of or (lambda document: document.key % n_parts)
    shard_bytes = max(_LEAST_SHARD_BYTES, min(SHARD_BYTES, resources.array_memory() // (2 * n_parts)))
    facet_values: tuple[dict[str, int], ...] = tuple({} for _ in FACETS)
    n_docs, n_bytes = np.zeros((n_parts, N_OUTCOMES), np.int64), np.zeros(n_parts, np.int64)
    shards: list[list[Shard]] = [[] for _ in range(n_parts)]
    with ExitStack() as files:
        writers = [ArrayWriter(files.enter_context(write_atomic(folder / file_name(part)))) for part in range(n_parts)]
        for batch, scanned in scan_documents(
            documents, facet_values, resources.workers, shard_bytes, part_of=part_of, progress=progress
        ):
            part, number = batch.part, len(shards[batch.part])
            shard = Shard(number, batch.outcome, len(batch.texts), int(scanned.count.sum()), batch.n_bytes)
            shards[part].append(shard)
            n_docs[part, batch.outcome] += shard.n_docs
            n_bytes[part] += shard.n_bytes
            arrays = document_arrays(scanned, batch, keep_text=True)
            arrays |= {
                "arena": scanned.arena,
                "word-ends": scanned.word_ends,
                "word-df": scanned.df,
                "word-count": scanned.count,
            }
            for kind, array in arrays.items():
                writers[part].put(f"{kind}-{number}", array)
        for part, writer in enumerate(writers):
            writer.finish({"shards": [asdict(shard) for shard in shards[part]]})
    bits = FacetBits.assign(facet_values).bits
    write_arrays(folder / FACET_FILE, dict(zip(FACETS, bits, strict=True)), {})
    return SplitSizes(n_docs, n_bytes, facet_values)
