"""Candidates by hand, labels, and statistics straight from their definitions, for the tests of mining."""

from collections import Counter, defaultdict
from typing import NamedTuple

import numpy as np

from sgram.mining.candidates import Candidates
from sgram.mining.corpus import Document, encode
from sgram.mining.count import count_grams
from sgram.text import find_sentences


def candidates(texts, n_docs=(0, 0, 0), **columns):
    """Candidates of these texts; what is not given is what reads best: begins and ends sentences, is not torn."""
    m = len(texts)
    plain = {
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
    return Candidates(**{name: value if name == "texts" else np.asarray(value) for name, value in plain.items()})


def labels_for(table, label_of):
    """Labels for a walk over `table`: ``label_of(text)`` of each of its grams."""
    return [
        np.array([label_of(text) for text in table.texts(n)], np.int32).reshape(-1)
        for n in range(1, len(table.levels) + 1)
    ]


def counted(documents, min_df=1, max_n=6, **options):
    """A corpus of `documents` (texts or Documents) and its table."""
    made = [document if isinstance(document, Document) else Document(document) for document in documents]
    corpus = encode(made, **options)
    return corpus, count_grams(corpus, min_df, max_n)


class Use(NamedTuple):
    """One occurrence of a gram."""

    gram: tuple[str, ...]
    document: int
    before: str | None
    after: str | None


def uses(texts, max_n):
    """Every occurrence of every gram of `texts`; `before` and `after` are None at a sentence's ends."""
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


def documents_with(texts, max_n=6):
    """Gram (as text) -> set of the documents that hold it."""
    found = defaultdict(set)
    for use in uses(texts, max_n):
        found[" ".join(use.gram)].add(use.document)
    return found


def times(texts, max_n=6):
    """Gram (as text) -> occurrences."""
    return Counter(" ".join(use.gram) for use in uses(texts, max_n))
