"""Scores of candidates: the larger, the more strategic. Knows nothing about clusters or lexicons.

A scorer is anything with a `name`, a `provenance` and ``score(candidates) -> float64 (m,)``: the contrast below,
and what was trained on labels (`sgram.mining.classifier`).
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from sgram.errors import InputError
from sgram.files import data_path, excerpt
from sgram.mining.candidates import Candidates, is_wordy
from sgram.mining.corpus import Document, encode
from sgram.mining.count import count_grams
from sgram.mining.select import PLAIN, ReadingRules
from sgram.text import MAX_WORDS, NORMAL_FORM


class Scorer(Protocol):
    """What the miner asks of a scorer."""

    name: str
    floor: float
    """Grams that score below it are never kept."""
    clean: float
    """Grams that score below it are kept for masks, but not shown to people."""
    reading: ReadingRules
    """Which of the others are fit to be read."""

    @property
    def provenance(self) -> Mapping[str, object]:
        """What a lexicon's source says about the scorer."""
        ...

    def score(self, candidates: Candidates) -> np.ndarray:
        """A number a candidate, the larger the more strategic; must not depend on the rows' order."""
        ...


@dataclass(frozen=True)
class Background:
    """Document frequencies of grams in short chains of thought: text that carries out more than it plans."""

    df: Mapping[str, int]
    """Documents that hold each gram; a gram that is missing is in fewer than `min_df`."""
    n_docs: int
    min_df: int
    about: Mapping[str, object]
    """Where it comes from."""

    @classmethod
    def packaged(cls) -> "Background":
        """The table shipped with sgram; data/README.md says how it was built."""
        return cls.load(data_path("background_short_cot.parquet"))

    @classmethod
    def count(cls, texts: Iterable[str], about: Mapping[str, object], workers: int = 1) -> "Background":
        """Count the background of `texts`: grams of 1 to 6 words in at least 2 of them that can be candidates."""
        corpus = encode((Document(text) for text in texts), workers=workers)
        table = count_grams(corpus, 2, MAX_WORDS, workers)
        n_docs = int(table.n_docs.sum())
        if not n_docs:
            raise InputError("the background holds no traces; give it short chains of thought")
        wordy = {word for word, fit in zip(table.words, is_wordy(table.words), strict=True) if fit}
        df = {text: df for text, df, _ in table.items() if wordy.issuperset(text.split(" "))}
        return cls(df, n_docs, 2, about)

    @classmethod
    def load(cls, path: Path) -> "Background":
        """Read a table written by `save`."""
        import orjson
        import pyarrow.parquet as parquet

        try:
            table = parquet.ParquetFile(path).read()  # read_table would import pandas
            about = orjson.loads(table.schema.metadata[b"sgram-background"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{path}: no background table ({excerpt(str(error))}); give a file that Background.save wrote"
            ) from None
        if about["words"] != NORMAL_FORM:
            raise InputError(f"{path}: counted in the normal form {about['words']}, not {NORMAL_FORM}; rebuild it")
        df = dict(zip(table["gram"].to_pylist(), table["df"].to_pylist(), strict=True))
        return cls(df, about["n_docs"], about["min_df"], about["about"])

    def save(self, path: Path) -> None:
        """Write the table as Parquet, rows in the order of the grams, provenance in the schema."""
        import pyarrow as pa
        import pyarrow.parquet as parquet

        from sgram.files import canonical_json, write_atomic

        grams = sorted(self.df)
        about = {"about": self.about, "min_df": self.min_df, "n_docs": self.n_docs, "words": NORMAL_FORM}
        table = pa.table({"gram": grams, "df": pa.array([self.df[gram] for gram in grams], pa.int32())})
        table = table.replace_schema_metadata({"sgram-background": canonical_json(about)})
        with write_atomic(path) as file:
            parquet.write_table(table, file, compression="zstd", compression_level=19)


@dataclass(frozen=True)
class ContrastScorer:
    """Contrast of document frequency with a background: lower bound of the log ratio of two df rates.

    ``log((df + 1) / (N + 1)) - log((df_b + 1) / (N_b + 1)) - sqrt(1 / (df + 1) + 1 / (df_b + 1))``: the log
    ratio with +1 smoothing, less one standard error of a log ratio of counts, so that grams seen a
    few times do not lead. Rates of documents, not of words: it asks how many traces use the phrase at all.
    """

    background: Background
    name: str = "contrast"
    floor: float = 0.0
    """Less frequent here than in the background."""
    clean: float = -math.inf
    reading: ReadingRules = PLAIN

    @property
    def provenance(self) -> Mapping[str, object]:
        """The background's own provenance and size."""
        return {"about": dict(self.background.about), "n_docs": self.background.n_docs}

    def score(self, candidates: Candidates) -> np.ndarray:
        """See the class; nats."""
        df = candidates.df_total + 1.0
        other = np.array([self.background.df.get(text, 0) for text in candidates.texts]) + 1.0
        ratio = np.log(df / (candidates.n_docs.sum() + 1)) - np.log(other / (self.background.n_docs + 1))
        return ratio - np.sqrt(1 / df + 1 / other)
