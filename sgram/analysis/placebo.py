"""Placebo lexicons for an analysis, matched to how much a lexicon marks. Knows nothing about tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sgram.errors import UsageError
from sgram.evaluation.placebo import PlaceboDraws
from sgram.lexicon import Lexicon

if TYPE_CHECKING:
    from sgram.traces.tokens import Tokenizer


@dataclass(frozen=True, slots=True)
class Draws:
    """The placebos of one lexicon for texts of one kind."""

    lexicon: Lexicon
    of: str
    """The texts that they are matched on: training runs together, or one other source."""
    placebos: tuple[Lexicon, ...]
    """One a seed, from the first seed on; fewer where a share could not be met."""
    failures: tuple[str, ...]
    """Why the others could not be drawn."""


def draw_placebos(
    lexicon: Lexicon, of: str, texts: Sequence[str], n: int, seed: int, tokenizer: "Tokenizer | None" = None
) -> Draws:
    """`n` random lexicons that cover the same share of the words of `texts`, with the seeds `seed`, `seed` + 1, ...

    With a `tokenizer`, of its tokens. The reason is told once where all fail alike.
    """
    drawn, failures = [], []
    try:
        draws = PlaceboDraws(lexicon, texts, tokenizer=tokenizer) if n else None
    except UsageError as error:
        return Draws(lexicon, of, (), (str(error),) * n)
    for draw in range(n):
        try:
            drawn.append(draws.draw(seed + draw))
        except UsageError as error:
            failures.append(str(error))
    return Draws(lexicon, of, tuple(drawn), tuple(failures))
