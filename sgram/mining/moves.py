"""The moves of grams and clusters, by a sentence scorer.

A gram is scored as the beginning of a sentence. On labeled sentences whose move is that of their longest gram, this
agrees with the labels about twice as well as cue phrases do (`benchmarks/sentence_quality.py --only moves`).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache

from sgram.lexicon import MOVES, SentenceScorer
from sgram.mining.cues import OTHER, load_cues
from sgram.sentences import grams_of, sentence_tokens


@cache
def packaged_namer() -> SentenceScorer:
    """Return the sentence scorer that names the moves of mined lexicons.

    >>> packaged_namer().name
    'sgram'
    """
    return SentenceScorer.load("sgram")


def find_move(words: Sequence[str], scorer: SentenceScorer) -> str:
    """Return the likeliest move of a sentence that begins with `words`; "other" if the scorer does not know them.

    A move that the lexicon format does not know is "other", too. Labels hold few deductions, so a scorer hardly learns
    them: a gram with a cue of deduction of three words or more ("use the fact") is one.

    >>> scorer = packaged_namer()
    >>> find_move(["let", "me", "check", "this"], scorer), find_move(["bananen"], scorer)
    ('verification', 'other')
    """
    cues = load_cues()
    parts = (tuple(words[start:end]) for start in range(len(words)) for end in range(start + 3, len(words) + 1))
    if any(cues.get(part) == "deduction" for part in parts):
        return "deduction"
    tokens = sentence_tokens(" ".join(words))[:-1]  # a gram may end anywhere in its sentence
    grams = sorted({" ".join(gram) for gram in grams_of(tokens, scorer.max_tokens)})
    if all(weights.grams.keys().isdisjoint(grams) for weights in scorer.moves.values()):
        return OTHER
    move = max(scorer.moves, key=lambda name: scorer.moves[name].total(grams))
    return move if move in MOVES else OTHER


def choose_cluster_move(grams: Iterable[tuple[str, int]]) -> str:
    """Return the move with the largest sum of df over (move, df) of a cluster's grams, the first of `MOVES` of equals.

    It is "other" only if all of its grams are.

    >>> choose_cluster_move([("backtracking", 5), ("verification", 3), ("verification", 4), ("other", 20)])
    'verification'
    """
    votes: Counter[str] = Counter()
    for move, df in grams:
        votes[move] += df
    votes.pop(OTHER, None)
    return max(votes, key=lambda move: (votes[move], -MOVES.index(move))) if votes else OTHER
