"""The words of a response: phrases by kind, and the frame around them.

A planning phrase is 1 to 6 words of one sentence in the normal form of `sgram.text`, so that it can be a gram of a
lexicon. No phrase is part of the words that are not planning.
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
"""Planning phrases by kind, as the solver writes them."""

MOVE_OF_KIND: Mapping[str, str] = MappingProxyType(
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
"""The move (`sgram.lexicon.MOVES`) of each kind of phrase."""
METHOD_MOVE = "goal-setting"
"""The move of the name of an announced method."""

ANNOUNCING_KINDS = ("propose", "switch")
"""Kinds of phrase that announce the method named after them."""

EQUATION_LEADS = ("This makes", "We get", "That gives")
"""Words before the equations of an attempt; not planning."""
CLUE_LEADS = ("the question mentions", "we are told", "the text says")
"""Words between a check and the clue; not planning."""
ANSWER = "the answer is"
OPERATOR_WORDS = MappingProxyType({"+": "plus", "-": "minus", "*": "times"})
