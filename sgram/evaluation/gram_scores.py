"""Scores of grams: those of a lexicon, those of mining's candidate table, and document frequencies."""

import math
import os
from pathlib import Path

import numpy as np

from sgram.array_types import FloatArray
from sgram.errors import InputError
from sgram.evaluation.gram_effects import EffectCounts
from sgram.evaluation.label_index import GramOccurrences, UnitIndex
from sgram.files import excerpt
from sgram.lexicon import Lexicon, LexiconLike, as_lexicon


def lexicon_scores(lexicon: LexiconLike) -> dict[str, float] | None:
    """Return the score of every gram of a lexicon; None unless all grams have one.

    >>> lexicon_scores(Lexicon.load("wang2025")) is None
    True
    """
    lexicon = as_lexicon(lexicon)
    scores = {gram.text: gram.score for gram in lexicon.grams if gram.score is not None}
    return scores if len(scores) == len(lexicon.grams) else None


def frequency_scores(lexicon: Lexicon, index: UnitIndex, occurrences: GramOccurrences) -> dict[str, float]:
    """Return document frequencies as scores of a lexicon without scores; labels are not used.

    These are the frequencies in the lexicon if all grams have one, otherwise those in the labeled texts. `occurrences`
    are those of ``lexicon.grams``.
    """
    grams = lexicon.grams
    scores = {gram.text: float(gram.df) for gram in grams if gram.df is not None}
    if len(scores) == len(grams):
        return scores
    df = EffectCounts.from_occurrences(index, occurrences).documents
    return {gram.text: float(df[row]) for row, gram in enumerate(grams)}


def read_candidate_scores(path: str | os.PathLike[str]) -> dict[str, float]:
    """Return the score of every candidate in ``candidates.parquet`` of a mining run.

    Raise `InputError` if the file is not such a table, or if a score is missing or not finite.
    """
    import pyarrow as pa
    import pyarrow.parquet as parquet

    name = excerpt(path)
    hint = "give the candidates.parquet that sgram mine writes in its run directory"
    if not Path(path).is_file():
        raise InputError(f"cannot read {name}: no such file; {hint}")
    try:
        table = parquet.read_table(path, columns=["gram", "score"])
        grams, scores = table["gram"].to_pylist(), table["score"].to_pylist()
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise InputError(f"cannot read candidates in {name}: {excerpt(str(error).splitlines()[0])}; {hint}") from None
    if not grams:
        raise InputError(f"{name} contains no candidate; {hint}")
    for row, (gram, score) in enumerate(zip(grams, scores, strict=True)):
        if not isinstance(gram, str) or not isinstance(score, float | int) or not math.isfinite(score):
            raise InputError(f"{name}, row {row}: invalid candidate; must be a gram with a finite score; {hint}")
    score_by_gram = {gram: float(score) for gram, score in zip(grams, scores, strict=True)}
    if len(score_by_gram) < len(grams):
        raise InputError(f"{name} contains a gram twice; {hint}")
    return score_by_gram


def unit_scores(scores: dict[str, float], occurrences: GramOccurrences) -> FloatArray:
    """Return the largest score of each unit's grams, (U,); -inf for a unit without any.

    `occurrences` are those of the keys of `scores`.

    >>> from sgram.evaluation.labeled_documents import LabeledDocument, Unit
    >>> index = UnitIndex.from_documents([LabeledDocument("a", "But wait.", (Unit(0, 9, ("planning",)),))])
    >>> scores = {"but": 0.25, "wait": 0.75}
    >>> unit_scores(scores, index.find(list(scores))).tolist()
    [0.75]
    """
    return occurrences.max_scores(np.array(list(scores.values()), np.float64))
