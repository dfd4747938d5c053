"""The move of a gram, by the cue phrases of data/moves.json.

The cues name moves; they do not choose which grams are strategic. The file can be read and edited.
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
def load_cues() -> Mapping[tuple[str, ...], str]:
    """Return the cues of data/moves.json: words -> move. A cue listed twice has the first of its moves.

    Raise `ValueError` if the file has an unknown move.
    """
    cues: dict[tuple[str, ...], str] = {}
    for move, phrases in orjson.loads(data_path("moves.json").read_bytes())["cues"].items():
        if move not in MOVES:
            raise ValueError(f"data/moves.json: unknown move {move!r}; expected one of {', '.join(MOVES)}")
        for phrase in phrases:
            cues.setdefault(gram_words(phrase), move)
    return cues


@cache
def _move_ranks() -> Mapping[str, int]:
    return {move: rank for rank, move in enumerate(dict.fromkeys(load_cues().values()))}


def find_move(words: Sequence[str]) -> str:
    """Return the move of the longest cue inside `words`; among equal lengths, the move listed first; else "other".

    >>> find_move(["let", "me", "check", "this"])
    'verification'
    """
    cues, ranks = load_cues(), _move_ranks()
    for n in range(min(len(words), MAX_WORDS), 0, -1):
        grams = (tuple(words[start : start + n]) for start in range(len(words) - n + 1))
        moves = {cues[gram] for gram in grams if gram in cues}
        if moves:
            return min(moves, key=ranks.__getitem__)
    return OTHER


def find_cluster_move(grams: Iterable[tuple[Sequence[str], int]]) -> str:
    """Return the move with the largest sum of df over (words, df) of a cluster's grams; "other" only if no cue fits.

    >>> find_cluster_move([(["wait"], 5), (["let", "me", "check"], 3), (["check", "again"], 4)])
    'verification'
    """
    votes: Counter[str] = Counter()
    for words, df in grams:
        votes[find_move(words)] += df
    votes.pop(OTHER, None)
    if not votes:
        return OTHER
    return max(votes, key=lambda move: (votes[move], -_move_ranks()[move]))
