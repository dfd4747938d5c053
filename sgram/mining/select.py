"""Selection of Strategic Grams among scored candidates, and of the pruned list among those.

The **full** list is for masks: every gram whose score is high enough. The **pruned** list is for reading and
annotation: complete phrases whose move can be named, none inside another.
"""

from dataclasses import dataclass

import numpy as np

from sgram.array_types import BoolArray, FloatArray, IntArray
from sgram.lexicon.checks import FUNCTION_WORDS
from sgram.mining.candidates import Candidates
from sgram.mining.cues import OTHER, find_cue_move

# Words that leave a phrase incomplete when they end it. A list and not a tagger: it must work on mined text of any
# quality and give the same answer on every machine.
DANGLING = frozenset(
    """a an the to of in on for and or is are be been was were am that this these those it its i we you he she they
    me us my our your his her their if with as by at from so but because since when where which who what how than
    then there here can could would should will may might must shall do does did have has had just also some any
    each both all into about only very it's that's there's he's she's what's i'm we're they're you're isn't aren't
    wasn't don't doesn't didn't can't won't wouldn't couldn't haven't hasn't i've we've i'll we'll i'd let's let
    seems seem looks sounds feels too more get gets getting use need between like unless whether perhaps maybe another
    other make makes being not no something""".split()
)
# Words at which the start of a phrase is missing if the gram hardly ever begins a sentence.
LATE_STARTS = frozenset("of in me that like would and is are which for with as by than or was be would could".split())
OPEN_ENDS = frozenset("i we should could can might to".split())
"""Dangling words that may end a phrase that labels mark as planning: "maybe i", "i should" open a plan."""
COMPLETE_PHRASES = frozenset({"hold on", "what if", "what about", "how about", "how so"})
"""Complete phrases that end in a dangling word."""
EXECUTION = frozenset(
    """total totals sum sums add adding added subtract subtracting subtracted multiply multiplying multiplied divide
    dividing divided calculate calculating calculated compute computing computed convert converting plug plugging
    substitute substituting simplify simplifying number numbers equation equations formula plus minus times equals
    zero half twice""".split()
)
"""Words of calculations: a phrase with one of them announces a step rather than a plan."""
CLAUSE_OPENERS = frozenset({"since", "because", "given", "if", "unless", "although", "while", "whether"})


@dataclass(frozen=True)
class ReadingRules:
    """When a gram is fit to be read."""

    single_word_initial: float = 0.05
    """Least share of occurrences at the beginning of a sentence, for a gram of one word."""
    fragment_share: float = 0.75
    """A gram is a fragment if at least this share of its occurrences follow, or precede, the same word."""
    late_start_initial: float = 0.1
    """Least share of occurrences at the beginning of a sentence, for a gram that begins with a word such as "of"."""
    open_clause_final: float = 0.05
    """Least share of occurrences at the end of a sentence, for a gram that opens a clause with "since" or similar."""
    named_share: float = 0.1
    """If cues name the move of fewer than this share of the grams (another language), `need_move` is ignored."""
    need_move: bool = True
    """Whether cues must name the move of a gram."""
    open_ends: frozenset[str] = frozenset()
    """Dangling words that may end a gram."""
    max_grams: int = 250
    """Longest list for people to read; the grams in most traces stay."""


PLAIN = ReadingRules()
LABELED = ReadingRules(need_move=False, open_ends=OPEN_ENDS)
"""The rules if labels say which grams are strategic, so that cue words need not."""


def keep_top(scores: FloatArray, texts: list[str], top: float | int, floor: float = -np.inf) -> tuple[IntArray, float]:
    """Return the rows of the best scores, best first, and the lowest score among them.

    `top` is a share in (0, 1] or a number of grams. Ties at the lowest score are all kept, so that the rows do not
    depend on the order of `texts`. Scores below `floor` are never kept.

    >>> rows, lowest = keep_top(np.array([0.2, 0.9, 0.5]), ["so", "wait", "hmm"], top=2)
    >>> rows.tolist(), lowest
    ([1, 2], 0.5)
    """
    if not len(scores):
        return np.zeros(0, np.int64), float("nan")
    n = max(1, round(top * len(scores))) if isinstance(top, float) else min(int(top), len(scores))
    lowest = max(float(np.sort(scores)[::-1][n - 1]), floor)
    rows = np.flatnonzero(scores >= lowest)
    return np.array(sorted(rows.tolist(), key=lambda row: (-scores[row], texts[row])), np.int64), lowest


def is_calculation(text: str) -> bool:
    """Return whether a gram says a calculation and nothing else.

    >>> [text for text in ("calculate the total", "let me calculate", "the", "plug into") if is_calculation(text)]
    ['calculate the total', 'plug into']
    """
    words = set(text.split(" "))
    return not EXECUTION.isdisjoint(words) and words <= EXECUTION | FUNCTION_WORDS


def is_complete_phrase(candidates: Candidates, row: int, rules: ReadingRules) -> bool:
    """Return whether the gram reads as a phrase of a plan, not as a piece of one or as a calculation."""
    words = candidates.texts[row].split(" ")
    if not EXECUTION.isdisjoint(words):
        return False
    if len(words) == 1:
        is_cut_off = words[0] in FUNCTION_WORDS or ("'" in words[0] and words[0] in DANGLING)  # "my"; "i'm"
        return not is_cut_off and bool(candidates.initial[row] >= rules.single_word_initial)
    if words[-1] in DANGLING - rules.open_ends and candidates.texts[row] not in COMPLETE_PHRASES:
        return False
    if not CLAUSE_OPENERS.isdisjoint(words[:2]) and candidates.final[row] < rules.open_clause_final:
        return False
    if candidates.follows[row] >= rules.fragment_share or candidates.leads[row] >= rules.fragment_share:
        return False
    return not (words[0] in LATE_STARTS and candidates.initial[row] < rules.late_start_initial)


def select_core(
    candidates: Candidates, rules: ReadingRules | None = None, is_eligible: BoolArray | None = None
) -> BoolArray:
    """Return for each gram of a lexicon whether it is in the pruned list, bool (m,).

    `is_eligible`, (m,), leaves grams out whatever the rules say.
    """
    rules = rules or PLAIN
    moves = [find_cue_move(text.split(" ")) for text in candidates.texts]
    n_named = sum(move != OTHER for move in moves)
    need_move = rules.need_move and n_named >= rules.named_share * len(moves)
    rows = [
        row
        for row in range(len(candidates))
        if (is_eligible is None or is_eligible[row])
        and is_complete_phrase(candidates, row, rules)
        and (moves[row] != OTHER or not need_move)
    ]
    rows.sort(key=lambda row: (int(candidates.n[row]), candidates.texts[row]))
    core = np.zeros(len(candidates), bool)
    core_grams: set[tuple[str, ...]] = set()
    for row in rows:  # shorter grams first: a gram that contains one of them tells a reader nothing new
        words = tuple(candidates.texts[row].split(" "))
        sub_grams = {words[start:end] for start in range(len(words)) for end in range(start + 1, len(words) + 1)}
        if sub_grams.isdisjoint(core_grams):
            core_grams.add(words)
            core[row] = True
    by_df = sorted(np.flatnonzero(core).tolist(), key=lambda row: (-candidates.df_total[row], candidates.texts[row]))
    core[by_df[rules.max_grams :]] = False
    return core
