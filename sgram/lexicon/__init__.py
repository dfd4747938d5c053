"""Lexicons: versioned, validated sets of Strategic Grams as values.

- `lexicon`: the frozen dataclasses `Gram`, `Cluster` and `Lexicon`, and the moves.
- `document`: the JSON format, its checks and the shipped presets.
- `loading`: lexicons by path or preset name.
- `diff`, `merge`: what differs between two lexicons, and several lexicons as one.
- `checks`: warnings about a valid lexicon.
"""

from sgram.lexicon.checks import LexiconWarning, check_lexicon
from sgram.lexicon.diff import FieldChange, LexiconDiff, MovedGram, diff_lexicons
from sgram.lexicon.lexicon import MOVE_MEANINGS, MOVES, Cluster, Gram, Lexicon
from sgram.lexicon.loading import LexiconLike, as_lexicon
from sgram.lexicon.merge import merge_lexicons

__all__ = [
    "MOVES",
    "MOVE_MEANINGS",
    "Cluster",
    "FieldChange",
    "Gram",
    "Lexicon",
    "LexiconDiff",
    "LexiconLike",
    "LexiconWarning",
    "MovedGram",
    "as_lexicon",
    "check_lexicon",
    "diff_lexicons",
    "merge_lexicons",
]
