"""The sample traces and their config, candidates by hand, and counts straight from their definitions."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from sgram import read_traces
from sgram.array_types import Int32Array
from sgram.mining import MiningConfig
from sgram.mining.candidates import Candidates
from sgram.mining.corpus import Corpus, Document, encode_documents
from sgram.mining.count import GramTable, count_grams
from sgram.text import find_sentences
from sgram.traces import Trace
from tests.builders.paths import ROOT

SAMPLE = ROOT / "data" / "sample_traces.jsonl"
"""108 traces: 36 problems in three styles."""
METHODS = ("sgram", "paper")


def sample_traces() -> list[Trace]:
    """Return the traces of the shipped sample."""
    return list(read_traces([SAMPLE]))


def fast_config(**settings: Any) -> MiningConfig:
    """Return a config that needs no model and no classifier: hash embedder, contrast scorer."""
    return MiningConfig(**({"embedder": "hash", "scorer": "contrast"} | settings))


def make_candidates(texts: Sequence[str], n_docs: Sequence[int] = (0, 0, 0), **columns: Any) -> Candidates:
    """Return candidates of `texts`; missing columns are those of a phrase that begins and ends sentences."""
    m = len(texts)
    complete = {
        "texts": list(texts),
        "n": [text.count(" ") + 1 for text in texts],
        "row": range(m),
        "df": np.ones((m, 3), np.int64),
        "count": [3] * m,
        "burstiness": [1.0] * m,
        "initial": [1.0] * m,
        "final": [1.0] * m,
        "problems": [1] * m,
        "datasets": [0] * m,
        "models": [0] * m,
        "cohesion": [1.0] * m,
        "follows": [0.0] * m,
        "leads": [0.0] * m,
        "outcome_contrast": [0.0] * m,
        "n_docs": n_docs,
    } | columns
    return Candidates(**{name: column if name == "texts" else np.asarray(column) for name, column in complete.items()})


def label_grams(table: GramTable, label_of: Callable[[str], int]) -> list[Int32Array]:
    """Return labels for a tally over `table`: ``label_of(text)`` of each of its grams."""
    return [
        np.array([label_of(text) for text in table.texts(n)], np.int32).reshape(-1)
        for n in range(1, len(table.levels) + 1)
    ]


def count_documents(
    documents: Iterable[Document | str], min_df: int = 1, max_n: int = 6, **options: Any
) -> tuple[Corpus, GramTable]:
    """Return a corpus of `documents` and its table."""
    corpus = encode_documents(
        (document if isinstance(document, Document) else Document(document) for document in documents), **options
    )
    return corpus, count_grams(corpus, min_df, max_n)


class Use(NamedTuple):
    """One occurrence of a gram."""

    gram: tuple[str, ...]
    document: int
    before: str | None
    after: str | None


def iter_uses(texts: Iterable[str], max_n: int) -> Iterator[Use]:
    """Yield every occurrence of every gram of `texts`; `before` and `after` are None at a sentence's ends."""
    for document, text in enumerate(texts):
        for sentence in find_sentences(text):
            for start in range(len(sentence)):
                for end in range(start + 1, min(len(sentence), start + max_n) + 1):
                    yield Use(
                        sentence[start:end],
                        document,
                        sentence[start - 1] if start else None,
                        sentence[end] if end < len(sentence) else None,
                    )


def documents_of_grams(texts: Iterable[str], max_n: int = 6) -> dict[str, set[int]]:
    """Return for every gram (as text) the set of the documents that contain it; other grams have an empty set."""
    documents: dict[str, set[int]] = defaultdict(set)
    for use in iter_uses(texts, max_n):
        documents[" ".join(use.gram)].add(use.document)
    return documents


def count_uses(texts: Iterable[str], max_n: int = 6) -> Counter[str]:
    """Return the number of occurrences of every gram (as text)."""
    return Counter(" ".join(use.gram) for use in iter_uses(texts, max_n))
