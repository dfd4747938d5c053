"""Lexicons: versioned, validated sets of Strategic Grams as values.

- `lexicon`: the frozen dataclasses `Gram`, `Cluster` and `Lexicon`, and the moves.
- `document`: the JSON format, its checks and the shipped presets.
- `presets`: files of shipped values by their names.
- `loading`: lexicons by path, preset name or list of phrases.
- `diff`, `merge`: what differs between two lexicons, and several lexicons as one.
- `sentence_scorer`: `SentenceScorer`, a sentence's probability of planning and its move.
- `checks`: warnings about a valid lexicon.
"""

from sgram.lexicon.checks import LexiconWarning, check_lexicon, connective_note
from sgram.lexicon.diff import FieldChange, LexiconDiff, MovedGram, diff_lexicons
from sgram.lexicon.document import DEFAULT_LEXICON
from sgram.lexicon.lexicon import MOVE_MEANINGS, MOVES, Cluster, Gram, Lexicon, order_moves
from sgram.lexicon.loading import LexiconLike, as_lexicon
from sgram.lexicon.merge import merge_lexicons
from sgram.lexicon.sentence_scorer import (
    LinearWeights,
    ScoredSentence,
    SentenceScorer,
    SentenceScorerLike,
    as_sentence_scorer,
    register_scorer,
    unregister_scorer,
)

__all__ = [
    "DEFAULT_LEXICON",
    "MOVES",
    "MOVE_MEANINGS",
    "Cluster",
    "FieldChange",
    "Gram",
    "Lexicon",
    "LexiconDiff",
    "LexiconLike",
    "LexiconWarning",
    "LinearWeights",
    "MovedGram",
    "ScoredSentence",
    "SentenceScorer",
    "SentenceScorerLike",
    "as_lexicon",
    "as_sentence_scorer",
    "check_lexicon",
    "connective_note",
    "diff_lexicons",
    "merge_lexicons",
    "order_moves",
    "register_scorer",
    "unregister_scorer",
]
