"""Statistics of the grams worth scoring. Knows nothing about what a good score is.

A gram is a candidate when it is in at least `min_df` traces, holds no one-letter word but "a" and "i", and no
gram one word longer explains it (is in nearly all the same traces).
"""

from dataclasses import dataclass, fields

import numpy as np

from sgram.errors import UsageError
from sgram.mining.corpus import CORRECT, FACETS, WRONG, Corpus
from sgram.mining.count import GramTable
from sgram.mining.occurrences import walk


@dataclass(slots=True)
class Candidates:
    """One row a gram, in the order of (n, words); arrays of shape (m,) unless said."""

    texts: list[str]
    n: np.ndarray
    """Words in the gram."""
    row: np.ndarray
    """Row of the gram in its level of the table."""
    df: np.ndarray
    """Traces that hold it, by outcome (unknown, correct, wrong), (m, 3)."""
    count: np.ndarray
    """Occurrences."""
    burstiness: np.ndarray
    """Occurrences per trace that holds it, at least 1."""
    initial: np.ndarray
    """Share of occurrences that begin a sentence."""
    final: np.ndarray
    """Share of occurrences that end a sentence."""
    problems: np.ndarray
    """Distinct problems among the traces that hold it."""
    datasets: np.ndarray
    """Distinct data sets, 0 where none is known."""
    models: np.ndarray
    """Distinct models, 0 where none is known."""
    cohesion: np.ndarray
    """Normalized pointwise mutual information of its weaker end with the rest, in [-1, 1]; 1 for one word."""
    follows: np.ndarray
    """Share of occurrences that follow the same word: near 1, the gram is the tail of a longer phrase."""
    leads: np.ndarray
    """Share of occurrences that lead to the same word: near 1, the gram is the head of a longer phrase."""
    outcome_contrast: np.ndarray
    """Log ratio of its df rate in correct and in wrong traces, +1 smoothed; nan where a side has no trace."""
    n_docs: np.ndarray
    """Traces by outcome, (3,)."""
    model_contrast: np.ndarray | None = None
    """Log ratio of its df rate in the chosen models' traces and in the others', +1 smoothed; if asked for."""

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def df_total(self) -> np.ndarray:
        """Traces that hold the gram, (m,)."""
        return self.df.sum(axis=1)

    def take(self, rows: np.ndarray) -> "Candidates":
        """The candidates in `rows` (indices)."""
        picked = {}
        for column in fields(self):
            value = getattr(self, column.name)
            if column.name == "texts":
                picked[column.name] = [value[row] for row in rows.tolist()]
            else:
                picked[column.name] = value if value is None or column.name == "n_docs" else value[rows]
        return Candidates(**picked)

    def labels(self, table: GramTable, label: np.ndarray | None = None) -> list[np.ndarray]:
        """Labels for `walk`: each candidate's own row number, or its entry in `label` (-1: none)."""
        label = np.arange(len(self), dtype=np.int32) if label is None else label
        per_level = [np.full(len(level), -1, np.int32) for level in table.levels]
        for n, labels in enumerate(per_level, 1):
            at = self.n == n
            labels[self.row[at]] = label[at]
        return per_level


def is_wordy(words: list[str]) -> np.ndarray:
    """For each word, whether a candidate may hold it: longer than a letter, or "a" or "i"."""
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
    """Candidates of `lengths` (shortest, longest) with their statistics.

    A gram is explained when one a word longer, that may be a candidate itself, has at least `explained` of its df
    (None: none is). `table` may hold a level longer than the longest: it only tells which grams are torn.
    """
    shortest, longest = lengths
    wordy = is_wordy(table.words)
    chosen: list[tuple[int, np.ndarray]] = []
    for n in range(shortest, min(longest, len(table.levels)) + 1):
        df = table.levels[n - 1].df.sum(axis=1)
        keep = (df >= min_df) & wordy[table.word_ids(n)].all(axis=1)
        if explained is not None and n < min(longest, len(table.levels)):
            fit = wordy[table.word_ids(n + 1)].all(axis=1)
            keep &= _largest_extension(table, n, table.levels[n].df.sum(axis=1) * fit) < explained * df
        chosen.append((n, np.flatnonzero(keep)))
    parts = [_of_level(table, n, rows) for n, rows in chosen if len(rows)]
    if not parts:
        return _empty(table)
    merged = {key: np.concatenate([part[key] for part in parts]) for key in parts[0] if key != "texts"}
    merged["texts"] = [text for part in parts for text in part["texts"]]
    return _measured(merged, corpus, table, workers)


def _largest_extension(table: GramTable, n: int, value: np.ndarray, side: str = "both") -> np.ndarray:
    """For each n-gram the largest `value` among the grams one word longer on `side` ("left", "right", "both")."""
    largest = np.zeros(len(table.levels[n - 1]), np.int64)
    longer = table.levels[n]
    if side != "left":
        np.maximum.at(largest, longer.prefix, value)
    if side != "right":
        np.maximum.at(largest, longer.suffix, value)
    return largest


def _cohesion(table: GramTable, n: int, rows: np.ndarray, n_words: int) -> np.ndarray:
    if n == 1:
        return np.ones(len(rows))
    level, below = table.levels[n - 1], table.levels[n - 2]
    ids = table.word_ids(n)[rows]
    word_count = table.levels[0].count.sum(axis=1)
    part = below.count.sum(axis=1)
    joint = level.count.sum(axis=1)[rows] / n_words
    tail = joint * n_words**2 / (part[level.prefix[rows]] * word_count[ids[:, -1]])
    head = joint * n_words**2 / (part[level.suffix[rows]] * word_count[ids[:, 0]])
    return np.log(np.minimum(head, tail)) / np.maximum(-np.log(joint), 1e-12)


def _of_level(table: GramTable, n: int, rows: np.ndarray) -> dict:
    level = table.levels[n - 1]
    count = level.count.sum(axis=1)[rows]
    n_words = int(table.levels[0].count.sum())
    torn = {}
    for name, side in (("follows", "left"), ("leads", "right")):
        if n < len(table.levels):
            torn[name] = _largest_extension(table, n, table.levels[n].count.sum(axis=1), side)[rows] / count
        else:
            torn[name] = np.zeros(len(rows))
    return {
        "texts": table.texts(n, rows),
        "n": np.full(len(rows), n),
        "row": rows,
        "df": level.df[rows].astype(np.int64),
        "count": count,
        "cohesion": _cohesion(table, n, rows, n_words),
        **torn,
    }


def _measured(columns: dict, corpus: Corpus, table: GramTable, workers: int) -> Candidates:
    """Add the statistics that need a walk over the texts."""
    unmeasured = {field.name: None for field in fields(Candidates)} | columns
    tally = walk(corpus, table, Candidates(**unmeasured).labels(table), workers)
    count = columns["count"]
    unmeasured |= {
        "burstiness": count / columns["df"].sum(axis=1),
        "initial": tally.places[:, 1] / count,
        "final": tally.places[:, 2] / count,
        **{f"{facet}s": tally.spread[:, at] for at, facet in enumerate(FACETS)},
        "outcome_contrast": outcome_contrast(columns["df"], table.n_docs),
        "n_docs": table.n_docs,
    }
    return Candidates(**unmeasured)


def outcome_contrast(df: np.ndarray, n_docs: np.ndarray) -> np.ndarray:
    """log((df_correct + 1) / (n_correct + 1)) - log((df_wrong + 1) / (n_wrong + 1)); nan without both sides."""
    if not (n_docs[CORRECT] and n_docs[WRONG]):
        return np.full(len(df), np.nan)
    rate = np.log((df + 1) / (n_docs + 1))
    return rate[:, CORRECT] - rate[:, WRONG]


def model_contrast(
    corpus: Corpus, table: GramTable, candidates: Candidates, models: tuple[str, ...], workers: int = 1
) -> np.ndarray:
    """Log ratio of df rates: traces of models whose name holds one of `models`, and all others; +1 smoothed."""
    names = corpus.facet_values[FACETS.index("model")]
    side_of = np.zeros(len(names) + 1, np.int8)  # the last entry, for facet -1, is "no model known"
    for name, place in names.items():
        side_of[place] = any(part in name for part in models)
    sizes = np.zeros(2, np.int64)
    for shard in corpus.shards:
        sides = side_of[corpus.store.get(f"facets-{shard.number}")[:, FACETS.index("model")]]
        corpus.store.put(f"sides-{shard.number}", sides)
        sizes += np.bincount(sides, minlength=2)
    if not sizes.all():
        known = ", ".join(sorted(names)[:10]) or "none"
        raise UsageError(f"contrast_models {list(models)} leaves one side without traces; models here: {known}")
    df = walk(corpus, table, candidates.labels(table), workers, sides="sides", spread=False).df
    rate = np.log((df[:, :2] + 1) / (sizes + 1))
    return rate[:, 1] - rate[:, 0]


def _empty(table: GramTable) -> Candidates:
    empty = {field.name: np.zeros(0) for field in fields(Candidates)}
    whole = {name: np.zeros(0, np.int64) for name in ("n", "row", "count")}
    other = {"texts": [], "df": np.zeros((0, 3), np.int64), "n_docs": table.n_docs, "model_contrast": None}
    return Candidates(**(empty | whole | other))
