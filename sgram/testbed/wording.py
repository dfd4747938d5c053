"""The words of a response: phrases by move, and the frame around them. Knows nothing about problems.

A planning phrase is 1 to 6 words of one sentence in the normal form of `sgram.text`, so that a lexicon can hold
it as a gram; no phrase stands in what is not planning. `MOVES_OF` says which kind of move a lexicon calls it.
"""

from collections.abc import Mapping
from types import MappingProxyType

PHRASES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "read": ("Okay, let's think", "Let me think first"),
        "propose": ("Let's try to", "My first idea is to", "Perhaps we can"),
        "switch": ("Alternatively, we could", "Instead, let's try to", "Another way is to"),
        "check": ("To verify", "Let me double-check", "Looking back"),
        "match": ("so this fits", "that is right", "it works"),
        "reject": ("this isn't right, backtrack", "so that can't be it", "it doesn't fit, go back"),
        "skip": ("I will not check this", "I will trust that"),
        "conclude": ("We can conclude that", "It follows that"),
        "give up": ("With no idea left, I guess",),
    }
)
"""Planning phrases by what they do, as the solver writes them."""

MOVES_OF: Mapping[str, str] = MappingProxyType(
    {
        "read": "goal-setting",
        "propose": "branching",
        "switch": "branching",
        "check": "verification",
        "match": "verification",
        "reject": "backtracking",
        "skip": "other",
        "conclude": "deduction",
        "give up": "backtracking",
    }
)
"""The move of `sgram.lexicon` that each kind of phrase makes; a method's name is "goal-setting"."""

ANNOUNCE = ("propose", "switch")
"""Kinds of phrase after which a method's name announces it."""

LEADS = ("This makes", "We get", "That gives")
"""What stands before the equations of an attempt; no planning."""
SOURCES = ("the question mentions", "we are told", "the text says")
"""What stands between a check and the clue; no planning."""
ANSWER = "the answer is"
WORDS_OF = MappingProxyType({"+": "plus", "-": "minus", "*": "times"})
