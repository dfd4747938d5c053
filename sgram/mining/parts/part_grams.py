"""Pass 1: the grams that a part alone takes for frequent, and their union over all parts.

The union is made level by level and part by part, so that memory does not grow with the number of parts. A gram is
dropped if it cannot reach the least df even where it was not reported: a part that does not report it has it in fewer
documents than the part's threshold.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from sgram.array_types import BoolArray, Int32Array, IntArray, UInt64Array
from sgram.mining.array_files import ArrayFile
from sgram.mining.array_store import ArrayStore
from sgram.mining.candidates import is_candidate_word
from sgram.mining.corpus import Corpus
from sgram.mining.count import GramTable, count_grams
from sgram.mining.parts.files import read_level, read_step, read_words, table_arrays, write_step
from sgram.mining.parts.plan import PlannedPart, SplitPlan


def write_part_grams(plan: SplitPlan, part: PlannedPart, corpus: Corpus, workers: int, path: Path) -> None:
    """Count the grams of a part with the same share of documents as in all parts; write those that reach it."""
    table = count_grams(corpus, plan.local_df(part), plan.max_n, workers)
    words = [word.encode("utf-8", "surrogatepass") for word in table.words]
    arrays = table_arrays(words, [(level.prefix, level.suffix) for level in table.levels[1:]])
    arrays |= {f"df-{n}": level.df_total.astype(np.int32) for n, level in enumerate(table.levels, 1)}
    write_step(path, plan, arrays, grams=len(table))


def write_union(plan: SplitPlan, part_paths: Sequence[Path], path: Path, scratch: ArrayStore) -> None:
    """Unite the grams of all parts; `part_paths` are their files, in the order of the plan's parts."""
    files = [read_step(part_path, plan) for part_path in part_paths]
    thresholds = [plan.local_df(part) for part in plan.parts]
    words, is_long_enough = _unite_words(files, thresholds, plan.counted_df, scratch)
    levels: list[tuple[Int32Array, Int32Array]] = []
    bounds = [is_long_enough]
    for n in range(2, plan.max_n + 1):
        keys, bound = _unite_level(files, thresholds, plan.counted_df, n, scratch)
        if not len(keys):
            break
        levels.append(((keys >> np.uint64(32)).astype(np.int32), (keys & np.uint64(0xFFFFFFFF)).astype(np.int32)))
        bounds.append(bound)
    arrays = table_arrays(words, levels)
    for n, bound in enumerate(bounds, 1):
        arrays[f"bound-{n}"] = bound
    reported = sum(int(file.about["grams"]) for file in files)
    write_step(path, plan, arrays, grams=sum(map(len, bounds)), reported=reported)


def _unite_words(
    files: Sequence[ArrayFile], thresholds: Sequence[int], counted_df: int, scratch: ArrayStore
) -> tuple[list[bytes], IntArray]:
    """Return the words of the union in byte order and the upper bound of their df; put each part's ids to `scratch`."""
    bound_of_word: dict[bytes, int] = {}
    base = sum(threshold - 1 for threshold in thresholds)
    for file, threshold in zip(files, thresholds, strict=True):
        for word, df in zip(read_words(file), file.get("df-1").tolist(), strict=True):
            bound_of_word[word] = bound_of_word.get(word, base) + df - (threshold - 1)
    words = sorted(word for word, bound in bound_of_word.items() if bound >= counted_df)
    id_of_word = {word: number for number, word in enumerate(words)}
    for number, file in enumerate(files):
        ids = np.array([id_of_word.get(word, -1) for word in read_words(file)], np.int32)
        scratch.put(f"union-ids-{number}", ids)
    return words, np.array([bound_of_word[word] for word in words], np.int64)


def _unite_level(
    files: Sequence[ArrayFile], thresholds: Sequence[int], counted_df: int, n: int, scratch: ArrayStore
) -> tuple[UInt64Array, IntArray]:
    """Return the keys of the union's n-grams in ascending order and the upper bound of the df of each.

    `scratch` holds for each part the ids in the union of its (n-1)-grams, and then those of its n-grams.
    """
    keys: UInt64Array = np.zeros(0, np.uint64)
    for part_keys, _ in _iter_level_keys(files, n, scratch):
        keys = np.union1d(keys, part_keys[part_keys != _NO_KEY])
    bound = np.full(len(keys), sum(threshold - 1 for threshold in thresholds), np.int64)
    for (part_keys, df), threshold in zip(_iter_level_keys(files, n, scratch), thresholds, strict=True):
        is_in_union = part_keys != _NO_KEY
        bound[np.searchsorted(keys, part_keys[is_in_union])] += df[is_in_union] - (threshold - 1)
    is_kept = bound >= counted_df
    keys, bound = keys[is_kept], bound[is_kept]
    for number, (part_keys, _) in enumerate(_iter_level_keys(files, n, scratch)):
        ids = np.full(len(part_keys), -1, np.int32)
        if len(keys):
            row = np.minimum(np.searchsorted(keys, part_keys), len(keys) - 1)
            ids = np.where(keys[row] == part_keys, row, -1).astype(np.int32)
        scratch.put(f"next-ids-{number}", ids)
    for number in range(len(files)):
        scratch.put(f"union-ids-{number}", scratch.get(f"next-ids-{number}"))
        scratch.drop(f"next-ids-{number}")
    return keys, bound


_NO_KEY = np.uint64(0xFFFFFFFFFFFFFFFF)


def _iter_level_keys(
    files: Sequence[ArrayFile], n: int, scratch: ArrayStore
) -> Iterator[tuple[UInt64Array, Int32Array]]:
    """Yield for each part the key in the union of its n-grams, `_NO_KEY` if a part of the gram was dropped, and df."""
    for number, file in enumerate(files):
        level = read_level(file, n)
        if level is None:
            yield np.zeros(0, np.uint64), np.zeros(0, np.int32)
            continue
        ids = scratch.get(f"union-ids-{number}")
        prefix, suffix = ids[level[0]], ids[level[1]]
        keys = prefix.astype(np.uint64) << np.uint64(32) | suffix.astype(np.uint64)
        yield np.where((prefix >= 0) & (suffix >= 0), keys, _NO_KEY), file.get(f"df-{n}")


def may_be_candidates(plan: SplitPlan, table: GramTable, bounds: Sequence[IntArray]) -> list[BoolArray]:
    """Return for each level of the union which grams can be candidates, by upper bounds of their df."""
    settings, has_candidate_word = plan.settings, is_candidate_word(table.words)
    return [
        (bound >= settings["min_df"])
        & has_candidate_word[table.word_ids(n)].all(axis=1)
        & (settings["min_words"] <= n <= settings["max_words"])
        for n, bound in enumerate(bounds, 1)
    ]
