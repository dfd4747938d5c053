"""Which move a gram makes, by cue phrases. Knows nothing about counts or vectors.

A stand-in that can be read and edited (data/moves.json), not a classifier: it names, it does not choose.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

import orjson

from sgram.files import data_path
from sgram.lexicon import MOVES
from sgram.text import MAX_WORDS, gram_words

OTHER = "other"


@cache
def packaged_cues() -> Mapping[tuple[str, ...], str]:
    """The cues of data/moves.json: words -> move; a cue listed twice belongs to the first move."""
    cues: dict[tuple[str, ...], str] = {}
    for move, phrases in orjson.loads(data_path("moves.json").read_bytes())["cues"].items():
        if move not in MOVES:
            raise ValueError(f"data/moves.json names an unknown move, {move!r}")
        for phrase in phrases:
            cues.setdefault(gram_words(phrase), move)
    return cues


@cache
def _precedence() -> Mapping[str, int]:
    return {move: place for place, move in enumerate(dict.fromkeys(packaged_cues().values()))}


def move_of(words: Sequence[str]) -> str:
    """Move of the longest cue inside `words`; among equals, of the move listed first; else "other"."""
    cues, precedence = packaged_cues(), _precedence()
    for n in range(min(len(words), MAX_WORDS), 0, -1):
        found = {cues.get(tuple(words[at : at + n])) for at in range(len(words) - n + 1)} - {None}
        if found:
            return min(found, key=precedence.__getitem__)
    return OTHER


def cluster_move(grams: Iterable[tuple[Sequence[str], int]]) -> str:
    """Move with the largest sum of df over (words, df) of a cluster's grams; "other" only if none has a cue."""
    votes: Counter[str] = Counter()
    for words, df in grams:
        votes[move_of(words)] += df
    votes.pop(OTHER, None)
    if not votes:
        return OTHER
    return max(votes, key=lambda move: (votes[move], -_precedence()[move]))
