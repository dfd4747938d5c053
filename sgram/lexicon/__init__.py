"""A versioned, checked set of Strategic Grams. Knows nothing about models, counting or tokens."""

from sgram.lexicon.diff import Change, LexiconDiff, Moved, diff
from sgram.lexicon.merge import merge
from sgram.lexicon.review import Finding, check
from sgram.lexicon.values import MOVE_MEANINGS, MOVES, Cluster, Gram, Lexicon

__all__ = [
    "MOVES",
    "MOVE_MEANINGS",
    "Change",
    "Cluster",
    "Finding",
    "Gram",
    "Lexicon",
    "LexiconDiff",
    "Moved",
    "check",
    "diff",
    "merge",
]
