"""Scorers of candidates (the larger the score, the more strategic) and the background that they contrast with.

A scorer implements the protocol `Scorer`. `ContrastScorer` is here; the scorer trained on labels is in
`sgram.mining.classifier`.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
import orjson

from sgram.array_types import FloatArray
from sgram.errors import InputError
from sgram.files import canonical_json, data_path, excerpt, write_atomic
from sgram.mining.candidates import Candidates, is_candidate_word
from sgram.mining.corpus import Document, encode_documents
from sgram.mining.count import count_grams
from sgram.mining.select import PLAIN, ReadingRules
from sgram.text import MAX_WORDS, NORMAL_FORM


class Scorer(Protocol):
    """A scorer of candidates, as the miner calls it."""

    @property
    def name(self) -> str:
        """Name of the scorer in a lexicon's source."""
        ...

    @property
    def floor(self) -> float:
        """Lowest score of a gram in the lexicon."""
        ...

    @property
    def core_floor(self) -> float:
        """Lowest score of a gram in the pruned list; grams below it are in masks only."""
        ...

    @property
    def reading_rules(self) -> ReadingRules:
        """Rules that the grams of the pruned list must meet."""
        ...

    @property
    def provenance(self) -> Mapping[str, object]:
        """Description of the scorer for a lexicon's source."""
        ...

    def score(self, candidates: Candidates) -> FloatArray:
        """Return one finite score a candidate, float64 (m,). It must not depend on the order of the rows."""
        ...


@dataclass(frozen=True)
class Background:
    """Document frequencies of grams in short chains of thought: text that carries out more than it plans."""

    df: Mapping[str, int]
    """Documents that contain each gram; a missing gram is in fewer than `min_df`."""
    n_docs: int
    min_df: int
    origin: Mapping[str, object]
    """Provenance of the texts, as JSON."""

    @classmethod
    def packaged(cls) -> "Background":
        """Return the table shipped with sgram, read once a process; data/README.md says how it was built."""
        return _packaged()

    @classmethod
    def count(cls, texts: Iterable[str], origin: Mapping[str, object], workers: int = 1) -> "Background":
        """Count the background of `texts`: the grams of 1 to 6 words in at least 2 of them that can be candidates.

        Raise `InputError` if there is no text.

        >>> background = Background.count(["We get 4.", "So we get 6."], {"what": "two answers"})
        >>> background.df, background.n_docs
        ({'get': 2, 'we': 2, 'we get': 2}, 2)
        """
        corpus = encode_documents((Document(text) for text in texts), workers=workers)
        table = count_grams(corpus, 2, MAX_WORDS, workers)
        n_docs = int(table.n_docs.sum())
        if not n_docs:
            raise InputError("the background has no traces; give short chains of thought")
        allowed = {word for word, allow in zip(table.words, is_candidate_word(table.words), strict=True) if allow}
        df = {text: df for text, df, _ in table.iter_grams() if allowed.issuperset(text.split(" "))}
        return cls(df, n_docs, 2, origin)

    @classmethod
    def load(cls, path: Path) -> "Background":
        """Read a table written by `save`.

        Raise `InputError` if the file is missing, is not such a table or has another normal form of words.
        """
        import pyarrow.parquet as parquet

        try:
            table = parquet.ParquetFile(path).read()  # read_table would import pandas
            metadata = orjson.loads(table.schema.metadata[b"sgram-background"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{path} is not a background table ({excerpt(str(error))}); give a file written by Background.save"
            ) from None
        if metadata["words"] != NORMAL_FORM:
            raise InputError(
                f"{path} was counted in the normal form {metadata['words']}, not {NORMAL_FORM}; build it again"
            )
        df = dict(zip(table["gram"].to_pylist(), table["df"].to_pylist(), strict=True))
        return cls(df, metadata["n_docs"], metadata["min_df"], metadata["about"])

    def save(self, path: Path) -> None:
        """Write the table as Parquet, rows sorted by gram, provenance in the schema metadata."""
        import pyarrow as pa
        import pyarrow.parquet as parquet

        grams = sorted(self.df)
        metadata = {"about": self.origin, "min_df": self.min_df, "n_docs": self.n_docs, "words": NORMAL_FORM}
        table = pa.table({"gram": grams, "df": pa.array([self.df[gram] for gram in grams], pa.int32())})
        table = table.replace_schema_metadata({"sgram-background": canonical_json(metadata)})
        with write_atomic(path) as file:
            parquet.write_table(table, file, compression="zstd", compression_level=19)


@cache
def _packaged() -> Background:
    return Background.load(data_path("background_short_cot.parquet"))


@dataclass(frozen=True)
class ContrastScorer:
    """Contrast of document frequency with a background: lower bound of the log ratio of two df rates.

    ``log((df + 1) / (N + 1)) - log((df_b + 1) / (N_b + 1)) - sqrt(1 / (df + 1) + 1 / (df_b + 1))``: the log ratio
    with +1 smoothing, less one standard error of a log ratio of counts, so that rare grams do not lead. Rates are of
    documents, not of words: they say how many traces use the phrase at all.
    """

    background: Background
    name: str = "contrast"
    floor: float = 0.0
    """Below 0 a gram is less frequent than in the background."""
    core_floor: float = -math.inf
    reading_rules: ReadingRules = PLAIN

    @property
    def provenance(self) -> Mapping[str, object]:
        """Provenance and size of the background."""
        return {"about": dict(self.background.origin), "n_docs": self.background.n_docs}

    def score(self, candidates: Candidates) -> FloatArray:
        """Return the contrast of each candidate in nats, float64 (m,)."""
        df = candidates.df_total + 1.0
        background_df = np.array([self.background.df.get(text, 0) for text in candidates.texts]) + 1.0
        rate = df / (candidates.n_docs.sum() + 1)
        log_ratio: FloatArray = np.log(rate) - np.log(background_df / (self.background.n_docs + 1))
        return log_ratio - np.sqrt(1 / df + 1 / background_df)
