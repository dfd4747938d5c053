"""An example of the warm-up: a prompt, and the text that the policy learns to write behind it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt and the text behind it, without an end-of-text token.

    >>> Example("How many pens?\\n", "The answer is 26.").last_word is None
    True
    """

    prompt: str
    text: str
    last_word: Mapping[str, float] | None = None
    """Shares of the words that may end the text, each one token with the space before it; None: the word that does.

    A loss on these shares teaches the same as many texts with words drawn by them, without the noise of the draw.
    """
    weights: Mapping[str, float] | None = None
    """Weight in the loss of words that decide, each one token with the space before it; the other words have 1."""
