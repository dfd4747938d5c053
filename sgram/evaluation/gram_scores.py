"""What grams score: in a lexicon, or in the table of candidates that mining writes. Knows nothing about labels."""

import math
import os
from pathlib import Path

import numpy as np

from sgram.errors import InputError
from sgram.evaluation.gram_effects import Effects
from sgram.evaluation.label_index import Occurrences, UnitIndex
from sgram.files import excerpt
from sgram.lexicon import Lexicon


def lexicon_scores(lexicon: Lexicon) -> dict[str, float] | None:
    """Score of every gram; None unless all have one."""
    scores = {gram.text: gram.score for gram in lexicon.grams}
    return None if any(score is None for score in scores.values()) else scores


def by_frequency(lexicon: Lexicon, index: UnitIndex, found: Occurrences) -> dict[str, float]:
    """An order for a list without scores: the document frequency that it states, or else that in the labeled texts.

    `found` are the occurrences of ``lexicon.grams``. Labels are not looked at.
    """
    grams = lexicon.grams
    if all(gram.df is not None for gram in grams):
        return {gram.text: float(gram.df) for gram in grams}
    df = Effects.of(index, found).documents
    return {gram.text: float(df[row]) for row, gram in enumerate(grams)}


def read_candidates(path: str | os.PathLike[str]) -> dict[str, float]:
    """Score of every candidate in the Parquet file ``candidates.parquet`` of a mining run.

    `InputError` where the file is no such table, or a score is missing or not finite.
    """
    import pyarrow as pa
    import pyarrow.parquet as parquet

    where = excerpt(path)
    wanted = "give the candidates.parquet that sgram mine writes in its run directory"
    if not Path(path).is_file():
        raise InputError(f"cannot read {where}: no such file; {wanted}")
    try:
        table = parquet.read_table(path, columns=["gram", "score"])
        grams, scores = table["gram"].to_pylist(), table["score"].to_pylist()
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{where} cannot be read as candidates: {excerpt(str(error).splitlines()[0])}; {wanted}"
        ) from None
    if not grams:
        raise InputError(f"{where} holds no candidate; {wanted}")
    for row, (gram, score) in enumerate(zip(grams, scores, strict=True)):
        if not isinstance(gram, str) or not isinstance(score, float | int) or not math.isfinite(score):
            raise InputError(f"{where}, row {row}: a candidate is a gram and a finite score; {wanted}")
    known = {gram: float(score) for gram, score in zip(grams, scores, strict=True)}
    if len(known) < len(grams):
        raise InputError(f"{where} holds a gram twice; {wanted}")
    return known


def unit_scores(known: dict[str, float], found: Occurrences) -> np.ndarray:
    """(U,) the largest score of each unit's grams, -inf for none; `found` are occurrences of the keys of `known`."""
    return found.best(np.array(list(known.values()), np.float64))
