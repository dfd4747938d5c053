"""Files that the steps write into the folder of a split, and the corpus of one part."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sgram.array_types import AnyArray, Int32Array
from sgram.errors import InputError
from sgram.files import excerpt
from sgram.mining.array_files import ArrayFile, pack_strings, unpack_strings, write_arrays
from sgram.mining.array_store import ArrayStore
from sgram.mining.corpus import N_OUTCOMES, Corpus, Shard
from sgram.mining.count import GramLevel, GramTable
from sgram.mining.parts.plan import PlannedPart, SplitPlan

DOCUMENT_KINDS = ("ids", "ends", "facets", "keys-of", "text", "text-ends", "names")
WORD_KINDS = ("arena", "word-ends", "word-df", "word-count")


def write_step(path: Path, plan: SplitPlan, arrays: Mapping[str, AnyArray], **about: Any) -> None:
    """Write the file of a step."""
    write_arrays(path, arrays, {"plan": plan.digest} | about)


def read_step(path: Path, plan: SplitPlan) -> ArrayFile:
    """Open the file of a step. Raise `InputError` if it is missing, unfinished, or of another split."""
    file = ArrayFile(path)
    if file.about.get("plan") != plan.digest:
        raise InputError(f"{excerpt(path)} is of another split; delete it and run its step again")
    return file


def is_written(path: Path, plan: SplitPlan, **about: Any) -> bool:
    """Return whether the file of a step is finished, and of this split and `about`."""
    if not path.exists():
        return False
    try:
        written = read_step(path, plan).about
    except InputError:
        return False
    return all(written.get(name) == value for name, value in about.items())


def open_corpus(plan: SplitPlan, part: PlannedPart, scratch: Path, memory_limit: int) -> Corpus:
    """Return the corpus of a part: its documents stay in the files of the split, arrays made of them go to `scratch`.

    Raise `InputError` if a file is missing or has other documents than the plan says.
    """
    corpus = Corpus(ArrayStore(scratch, memory_limit))
    for name in part.files:
        file = ArrayFile(plan.split_path(name))
        for row in file.about["shards"]:
            shard, number = Shard(**row), len(corpus.shards)
            for kind in DOCUMENT_KINDS:
                corpus.store.adopt_array(f"{kind}-{number}", file, f"{kind}-{shard.number}")
            arena, word_ends, df, count = (file.get(f"{kind}-{shard.number}") for kind in WORD_KINDS)
            corpus.merge_shard(replace(shard, number=number), arena, word_ends, df, count)
    if int(corpus.n_docs.sum()) != part.n_docs:
        raise InputError(f"the files of part {part.name} in {plan.folder.title} are of another split; split again")
    return corpus


def table_arrays(words: Sequence[bytes], levels: Sequence[tuple[Int32Array, Int32Array]]) -> dict[str, AnyArray]:
    """Return the arrays of a table of grams: its words, and (prefix, suffix) of each level from the second on."""
    arena, ends = pack_strings(words)
    arrays: dict[str, AnyArray] = {"words": arena, "word-ends": ends}
    for n, (prefix, suffix) in enumerate(levels, 2):
        arrays |= {f"prefix-{n}": prefix, f"suffix-{n}": suffix}
    return arrays


def read_words(file: ArrayFile) -> list[bytes]:
    """Return the words of the table in a file."""
    return unpack_strings(file.get("words"), file.get("word-ends"))


def read_level(file: ArrayFile, n: int) -> tuple[Int32Array, Int32Array] | None:
    """Return (prefix, suffix) of the n-grams of the table in a file, n >= 2; None if it has no such level."""
    if f"prefix-{n}" not in file.names():
        return None
    return file.get(f"prefix-{n}"), file.get(f"suffix-{n}")


def read_table(file: ArrayFile) -> GramTable:
    """Return the table in a file, without counts."""
    words = [word.decode("utf-8", "surrogatepass") for word in read_words(file)]
    word_ids = np.arange(len(words), dtype=np.int32)
    levels = [_uncounted_level(word_ids, word_ids, word_ids)]
    while (level := read_level(file, len(levels) + 1)) is not None:
        prefix, suffix = level
        levels.append(_uncounted_level(prefix, suffix, levels[-1].last[suffix]))
    return GramTable(words, levels, np.zeros(N_OUTCOMES, np.int64))


def _uncounted_level(prefix: Int32Array, suffix: Int32Array, last: Int32Array) -> GramLevel:
    shape = (len(last), N_OUTCOMES)
    return GramLevel(prefix, suffix, last, np.zeros(shape, np.int32), np.zeros(shape, np.int64))
