"""Cue phrases of planning, of data/moves.json, which can be read and edited.

Where no labels say which grams are strategic, a gram needs a cue to be in the readable list (`sgram.mining.select`).
"""

from collections.abc import Mapping, Sequence
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


def find_cue_move(words: Sequence[str]) -> str:
    """Return the move of the longest cue inside `words`; among equal lengths, the move listed first; else "other".

    >>> find_cue_move(["let", "me", "check", "this"])
    'verification'
    """
    cues, ranks = load_cues(), _move_ranks()
    for n in range(min(len(words), MAX_WORDS), 0, -1):
        grams = (tuple(words[start : start + n]) for start in range(len(words) - n + 1))
        moves = {cues[gram] for gram in grams if gram in cues}
        if moves:
            return min(moves, key=ranks.__getitem__)
    return OTHER
