"""Which scored candidates become Strategic Grams, and which of those people read. Knows nothing about vectors.

One selection, two exports. The **full** list makes masks: every gram whose score passes. The **pruned** list
is what people read and annotate: complete phrases with a move that can be named, none inside another.
"""

from dataclasses import dataclass

import numpy as np

from sgram.lexicon.checks import FUNCTION_WORDS
from sgram.mining.candidates import Candidates
from sgram.mining.moves import OTHER, move_of

# Words that leave a phrase hanging when they end it. A list, not a tagger: it has to hold for mined text of
# any quality, and to be the same on every machine.
DANGLING = frozenset(
    """a an the to of in on for and or is are be been was were am that this these those it its i we you he she they
    me us my our your his her their if with as by at from so but because since when where which who what how than
    then there here can could would should will may might must shall do does did have has had just also some any
    each both all into about only very it's that's there's he's she's what's i'm we're they're you're isn't aren't
    wasn't don't doesn't didn't can't won't wouldn't couldn't haven't hasn't i've we've i'll we'll i'd let's let
    seems seem looks sounds feels too more get gets getting use need between like unless whether perhaps maybe another
    other make makes being not no something""".split()
)
# Words that show the start to be missing when the gram hardly ever begins a sentence.
LATE_STARTS = frozenset("of in that like would and is are which for with as by than or was be would could".split())
OPEN_ENDS = frozenset("i we should could can might to".split())
"""Dangling words that may end a phrase which labels vouch for: "maybe i", "i should" open a plan."""
WHOLE = frozenset({"hold on", "what if", "what about", "how about", "how so"})
"""Phrases that stand by themselves though they end in a dangling word."""
EXECUTION = frozenset(
    """total totals sum sums add adding added subtract subtracting subtracted multiply multiplying multiplied divide
    dividing divided calculate calculating calculated compute computing computed convert converting plug plugging
    substitute substituting simplify simplifying number numbers equation equations formula plus minus times equals
    zero half twice""".split()
)
"""Words that carry a calculation out: a phrase with one of them announces a step rather than a plan."""
CLAUSE_OPENERS = frozenset({"since", "because", "given", "if", "unless", "although", "while", "whether"})


@dataclass(frozen=True)
class ReadingRules:
    """When a gram is fit to be read."""

    single_word_initial: float = 0.05
    """A single word must begin a sentence in at least this share of its occurrences."""
    torn: float = 0.75
    """A gram is a fragment when this share of its occurrences follow, or lead to, one and the same word."""
    late_start: float = 0.1
    """A gram that begins with a word such as "of" must begin a sentence in at least this share."""
    open_clause: float = 0.05
    """A gram that opens a clause with "since" or its like must end a sentence in at least this share."""
    named_share: float = 0.1
    """When cues name the move of fewer grams than this share (another language), moves are not asked for."""
    need_move: bool = True
    """Whether a gram must have a move that cues name."""
    open_ends: frozenset[str] = frozenset()
    """Dangling words that may end a gram all the same."""
    most: int = 250
    """Longest list that people will read; the grams in most traces stay."""


PLAIN = ReadingRules()
LABELED = ReadingRules(need_move=False, open_ends=OPEN_ENDS)
"""The rules where labels say which grams are strategic, so that words need not."""


def keep_top(
    scores: np.ndarray, texts: list[str], top: float | int, floor: float = -np.inf
) -> tuple[np.ndarray, float]:
    """Rows of the best scores, and the edge: the least score that passes.

    `top` is a share in (0, 1] or a number of grams; ties at the edge are all kept, so that the
    result does not depend on the rows' order. Scores below `floor` never pass.
    """
    if not len(scores):
        return np.zeros(0, np.int64), float("nan")
    n = max(1, round(top * len(scores))) if isinstance(top, float) else min(int(top), len(scores))
    edge = max(float(np.sort(scores)[::-1][n - 1]), floor)
    rows = np.flatnonzero(scores >= edge)
    return np.array(sorted(rows.tolist(), key=lambda row: (-scores[row], texts[row])), np.int64), edge


def is_complete(candidates: Candidates, row: int, rules: ReadingRules) -> bool:
    """Whether the gram reads as a phrase of a plan, rather than as a piece of one or as a calculation."""
    words = candidates.texts[row].split(" ")
    if not EXECUTION.isdisjoint(words):
        return False
    if len(words) == 1:
        cut_off = words[0] in FUNCTION_WORDS or ("'" in words[0] and words[0] in DANGLING)  # "my"; "i'm"
        return not cut_off and bool(candidates.initial[row] >= rules.single_word_initial)
    if words[-1] in DANGLING - rules.open_ends and candidates.texts[row] not in WHOLE:
        return False
    if not CLAUSE_OPENERS.isdisjoint(words[:2]) and candidates.final[row] < rules.open_clause:
        return False
    if candidates.follows[row] >= rules.torn or candidates.leads[row] >= rules.torn:
        return False
    return not (words[0] in LATE_STARTS and candidates.initial[row] < rules.late_start)


def reading_list(
    candidates: Candidates, rules: ReadingRules | None = None, clean: np.ndarray | None = None
) -> np.ndarray:
    """For each candidate (all of them kept by score), whether the pruned list holds it.

    `clean`, (m,) bool, says which candidates may be on it at all.
    """
    rules = rules or PLAIN
    moves = [move_of(text.split(" ")) for text in candidates.texts]
    named = sum(move != OTHER for move in moves)
    need_move = rules.need_move and named >= rules.named_share * len(moves)
    fit = [
        row
        for row in range(len(candidates))
        if (clean is None or clean[row])
        and is_complete(candidates, row, rules)
        and (moves[row] != OTHER or not need_move)
    ]
    fit.sort(key=lambda row: (int(candidates.n[row]), candidates.texts[row]))
    core = np.zeros(len(candidates), bool)
    taken: set[tuple[str, ...]] = set()
    for row in fit:  # shorter grams first: whatever holds one of them says nothing new to a reader
        words = tuple(candidates.texts[row].split(" "))
        inside = {words[a:b] for a in range(len(words)) for b in range(a + 1, len(words) + 1)}
        if inside.isdisjoint(taken):
            taken.add(words)
            core[row] = True
    order = sorted(np.flatnonzero(core).tolist(), key=lambda row: (-candidates.df_total[row], candidates.texts[row]))
    core[order[rules.most :]] = False
    return core
