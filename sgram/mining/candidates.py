"""Candidate grams and their statistics in the corpus.

A gram is a candidate if it is in at least `min_df` traces, contains no one-letter word except "a" and "i", and no
gram one word longer explains it (is in nearly all of the same traces).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sgram.array_types import AnyArray, BoolArray, FloatArray, Int32Array, IntArray
from sgram.errors import UsageError
from sgram.mining.corpus import CORRECT, FACETS, WRONG, Corpus
from sgram.mining.count import GramTable
from sgram.mining.occurrences import Tally, tally_occurrences


@dataclass(slots=True)
class Candidates:
    """Candidate grams, one row a gram, ordered by (n, words). Arrays have shape (m,) unless stated otherwise."""

    texts: list[str]
    n: IntArray
    """Words in the gram."""
    row: IntArray
    """Row of the gram in its level of the table."""
    df: IntArray
    """Traces that contain the gram, by outcome (unknown, correct, wrong), (m, 3)."""
    count: IntArray
    """Occurrences."""
    burstiness: FloatArray
    """Occurrences per trace that contains the gram, at least 1."""
    initial: FloatArray
    """Share of occurrences at the beginning of a sentence."""
    final: FloatArray
    """Share of occurrences at the end of a sentence."""
    problems: IntArray
    """Distinct problems among the traces that contain the gram."""
    datasets: IntArray
    """Distinct data sets, 0 if none is known."""
    models: IntArray
    """Distinct models, 0 if none is known."""
    cohesion: FloatArray
    """Normalized pointwise mutual information of its weaker end with the rest, in [-1, 1]; 1 for one word."""
    follows: FloatArray
    """Share of occurrences that follow the same word: near 1, the gram is the tail of a longer phrase."""
    leads: FloatArray
    """Share of occurrences that precede the same word: near 1, the gram is the head of a longer phrase."""
    outcome_contrast: FloatArray
    """Log ratio of its df rates in correct and in wrong traces, +1 smoothed; nan if a side has no trace."""
    n_docs: IntArray
    """Traces by outcome, (3,)."""
    model_contrast: FloatArray | None = None
    """Log ratio of its df rates in the traces of `contrast_models` and in all others, +1 smoothed; None if unset."""

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def df_total(self) -> IntArray:
        """Traces that contain the gram, (m,)."""
        return np.asarray(self.df.sum(axis=1))

    def take(self, rows: IntArray) -> "Candidates":
        """Return the candidates in `rows` (indices), in that order."""
        columns: dict[str, AnyArray] = {}
        for column in fields(self):
            if column.name not in ("texts", "n_docs") and getattr(self, column.name) is not None:
                columns[column.name] = getattr(self, column.name)[rows]
        texts = [self.texts[row] for row in rows.tolist()]
        return replace(self, texts=texts, **columns)

    def label_grams(self, table: GramTable, labels: AnyArray | None = None) -> list[Int32Array]:
        """Return the labels of all grams of `table` for `tally_occurrences`: one array a level, -1 for no label.

        The label of a candidate is its value in `labels`, (m,), by default its row number.
        """
        return _label_grams(table, self.n, self.row, np.arange(len(self)) if labels is None else labels)


def _label_grams(table: GramTable, n: IntArray, row: IntArray, labels: AnyArray) -> list[Int32Array]:
    level_labels = [np.full(len(level), -1, np.int32) for level in table.levels]
    for length, labels_of_level in enumerate(level_labels, 1):
        in_level = n == length
        labels_of_level[row[in_level]] = labels[in_level]
    return level_labels


def is_candidate_word(words: Sequence[str]) -> BoolArray:
    """Return for each word whether a candidate may contain it: more than one letter, or "a" or "i".

    >>> is_candidate_word(["wait", "x", "a"]).tolist()
    [True, False, True]
    """
    return np.array([len(word) > 1 or word in ("a", "i") for word in words], dtype=bool)


def find_candidates(
    corpus: Corpus,
    table: GramTable,
    *,
    lengths: tuple[int, int],
    min_df: int,
    explained: float | None = 0.9,
    workers: int = 1,
) -> Candidates:
    """Return the candidates of a corpus with their statistics; see `measure_candidates`."""
    tally = partial(tally_occurrences, corpus, workers=workers)
    return measure_candidates(table, tally, lengths=lengths, min_df=min_df, explained=explained)


def measure_candidates(
    table: GramTable,
    tally: Callable[[GramTable, Sequence[Int32Array]], Tally],
    *,
    lengths: tuple[int, int],
    min_df: int,
    explained: float | None = 0.9,
) -> Candidates:
    """Return the candidates of `lengths` (shortest, longest) with their statistics.

    `tally` counts the labeled grams of the table in its documents, as `tally_occurrences` does.

    A gram is explained, and left out, if a candidate one word longer has at least `explained` of its df (None: no
    gram is explained). `table` may hold one level more than the longest length: it is used for `follows` and `leads`
    only.
    """
    shortest, longest = lengths
    longest = min(longest, len(table.levels))
    has_candidate_word = is_candidate_word(table.words)
    parts: list[tuple[list[str], dict[str, AnyArray]]] = []
    for n in range(shortest, longest + 1):
        level = table.levels[n - 1]
        is_candidate = (level.df_total >= min_df) & has_candidate_word[table.word_ids(n)].all(axis=1)
        if explained is not None and n < longest:
            longer_df = table.levels[n].df_total * has_candidate_word[table.word_ids(n + 1)].all(axis=1)
            is_candidate &= _largest_extension(table, n, longer_df) < explained * level.df_total
        rows = np.flatnonzero(is_candidate)
        if len(rows):
            parts.append((table.texts(n, rows), _level_columns(table, n, rows)))
    if not parts:
        return _no_candidates(table)
    columns = {name: np.concatenate([part[name] for _, part in parts]) for name in parts[0][1]}
    texts = [text for part_texts, _ in parts for text in part_texts]
    labels = _label_grams(table, columns["n"], columns["row"], np.arange(len(columns["n"])))
    return Candidates(texts=texts, **columns, **_occurrence_columns(columns, table, tally(table, labels)))


def _largest_extension(
    table: GramTable, n: int, sizes: IntArray, side: Literal["left", "right", "both"] = "both"
) -> IntArray:
    """Return for each n-gram the largest of `sizes` among the grams one word longer on `side`.

    `sizes` has one number for each gram of the next level.
    """
    largest = np.zeros(len(table.levels[n - 1]), np.int64)
    longer = table.levels[n]
    if side != "left":
        np.maximum.at(largest, longer.prefix, sizes)
    if side != "right":
        np.maximum.at(largest, longer.suffix, sizes)
    return largest


def _cohesion(table: GramTable, n: int, rows: IntArray, n_words: int) -> FloatArray:
    """Return the normalized pointwise mutual information of the weaker end of each gram with its rest."""
    if n == 1:
        return np.ones(len(rows))
    level = table.levels[n - 1]
    word_ids = table.word_ids(n)[rows]
    word_count = table.levels[0].count_total
    part_count = table.levels[n - 2].count_total
    joint = level.count_total[rows] / n_words
    tail = joint * n_words**2 / (part_count[level.prefix[rows]] * word_count[word_ids[:, -1]])
    head = joint * n_words**2 / (part_count[level.suffix[rows]] * word_count[word_ids[:, 0]])
    cohesion: FloatArray = np.log(np.minimum(head, tail)) / np.maximum(-np.log(joint), 1e-12)
    return cohesion


def _level_columns(table: GramTable, n: int, rows: IntArray) -> dict[str, AnyArray]:
    """Return the columns that the table alone determines, for the n-grams in `rows`."""
    level = table.levels[n - 1]
    count = level.count_total[rows]
    n_words = int(table.levels[0].count.sum())
    if n < len(table.levels):
        longer_count = table.levels[n].count_total
        follows = _largest_extension(table, n, longer_count, "left")[rows] / count
        leads = _largest_extension(table, n, longer_count, "right")[rows] / count
    else:
        follows, leads = np.zeros(len(rows)), np.zeros(len(rows))
    return {
        "n": np.full(len(rows), n),
        "row": rows,
        "df": level.df[rows].astype(np.int64),
        "count": count,
        "cohesion": _cohesion(table, n, rows, n_words),
        "follows": follows,
        "leads": leads,
    }


def _occurrence_columns(columns: dict[str, AnyArray], table: GramTable, tally: Tally) -> dict[str, AnyArray]:
    """Return the columns that need a pass over the documents, for the grams in `columns`."""
    df, count = columns["df"], columns["count"]
    return {
        "burstiness": count / df.sum(axis=1),
        "initial": tally.positions[:, 1] / count,
        "final": tally.positions[:, 2] / count,
        **{f"{facet}s": tally.spread[:, index] for index, facet in enumerate(FACETS)},
        "outcome_contrast": outcome_contrast(df, table.n_docs),
        "n_docs": table.n_docs,
    }


def outcome_contrast(df: IntArray, n_docs: IntArray) -> FloatArray:
    """Return the log ratio of df rates in correct and in wrong traces, float64 (m,); nan if a side has no trace.

    ``log((df_correct + 1) / (n_correct + 1)) - log((df_wrong + 1) / (n_wrong + 1))``. `df`, (m, 3), and `n_docs`,
    (3,), are by outcome (unknown, correct, wrong).

    >>> outcome_contrast(np.array([[0, 3, 1]]), np.array([5, 7, 7])).round(3).tolist()
    [0.693]
    """
    if not (n_docs[CORRECT] and n_docs[WRONG]):
        return np.full(len(df), np.nan)
    log_rate: FloatArray = np.log((df + 1) / (n_docs + 1))
    return log_rate[:, CORRECT] - log_rate[:, WRONG]


def model_contrast(
    corpus: Corpus, table: GramTable, candidates: Candidates, models: Sequence[str], workers: int = 1
) -> FloatArray:
    """Return the log ratio of df rates in traces of models whose name contains one of `models` and in all others.

    float64 (m,), +1 smoothed. Raise `UsageError` if one side has no trace.
    """
    side_of_model = find_model_sides(corpus.facet_values[MODEL_FACET], models)
    n_docs = put_model_sides(corpus, side_of_model)
    check_model_sides(n_docs, corpus.facet_values[MODEL_FACET], models)
    tally = tally_occurrences(corpus, table, candidates.label_grams(table), workers, sides=MODEL_SIDES, spread=False)
    return contrast_sides(tally.df, n_docs)


MODEL_FACET = FACETS.index("model")
MODEL_SIDES = "sides"
"""Kind of the arrays with the side of each document: 1 if its model is among those that are contrasted."""


def find_model_sides(model_ids: Iterable[str], models: Sequence[str]) -> npt.NDArray[np.int8]:
    """Return for each model, in the order of the ids, whether its name contains one of `models`; then 0 for unknown."""
    return np.array([*(any(part in name for part in models) for name in model_ids), False], np.int8)


def put_model_sides(corpus: Corpus, side_of_model: npt.NDArray[np.int8]) -> IntArray:
    """Put the side of each document into the corpus's store; return the documents of each side, (2,)."""
    n_docs = np.zeros(2, np.int64)
    for shard in corpus.shards:
        sides = side_of_model[corpus.store.get(f"facets-{shard.number}")[:, MODEL_FACET]]
        corpus.store.put(f"{MODEL_SIDES}-{shard.number}", sides)
        n_docs += np.bincount(sides, minlength=2)
    return n_docs


def check_model_sides(n_docs: IntArray, model_ids: Iterable[str], models: Sequence[str]) -> None:
    """Raise `UsageError` if a side of the contrast of models has no document."""
    if not n_docs.all():
        names = ", ".join(sorted(model_ids)[:10]) or "none"
        raise UsageError(f"contrast_models {list(models)} leaves one side without traces; models in the input: {names}")


def contrast_sides(df: IntArray, n_docs: IntArray) -> FloatArray:
    """Return the log ratio of df rates, side 1 by side 0, +1 smoothed; `df`, (m, 2 or more), is by side."""
    log_rate: FloatArray = np.log((df[:, :2] + 1) / (n_docs + 1))
    return log_rate[:, 1] - log_rate[:, 0]


def _no_candidates(table: GramTable) -> Candidates:
    integers, floats = np.zeros(0, np.int64), np.zeros(0)
    columns: dict[str, Any] = {column.name: floats for column in fields(Candidates)}
    columns |= dict.fromkeys(("n", "row", "count"), integers)
    columns |= {"texts": [], "df": np.zeros((0, 3), np.int64), "n_docs": table.n_docs, "model_contrast": None}
    return Candidates(**columns)
