"""Placebo lexicons of an analysis, matched to the share of text that a lexicon marks."""

from collections.abc import Sequence
from dataclasses import dataclass

from sgram.errors import UsageError
from sgram.evaluation.label_index import Encoder
from sgram.evaluation.placebo_lexicons import PlaceboDraws
from sgram.lexicon import Lexicon, LexiconLike, as_lexicon


@dataclass(frozen=True, slots=True)
class PlaceboSet:
    """A lexicon with its placebos, matched on the texts of one scope."""

    lexicon: Lexicon
    scope: str
    """Texts that the placebos are matched on: "training runs", all runs together, or the name of another source."""
    placebos: tuple[Lexicon, ...]
    """One for each seed; fewer than requested if a share could not be matched."""
    failures: tuple[str, ...]
    """For each placebo that could not be drawn, the reason."""


def draw_placebos(
    lexicon: LexiconLike, scope: str, texts: Sequence[str], n_placebos: int, seed: int, tokenizer: Encoder | None = None
) -> PlaceboSet:
    """Draw random lexicons that mark the same share of the words of `texts` as `lexicon`.

    The seeds are `seed`, `seed` + 1, ... With a `tokenizer`, the share is one of its tokens. A placebo that cannot be
    drawn becomes an entry of `failures`; no error is raised.

    >>> lexicon = Lexicon.from_grams(["wait"])
    >>> draw_placebos(lexicon, "training runs", ["so it goes"], 2, seed=0).placebos
    ()
    """
    lexicon = as_lexicon(lexicon)
    if not n_placebos:
        return PlaceboSet(lexicon, scope, (), ())
    try:
        draws = PlaceboDraws(lexicon, texts, tokenizer=tokenizer)
    except UsageError as error:  # every seed fails for the same reason
        return PlaceboSet(lexicon, scope, (), (str(error),) * n_placebos)
    placebos, failures = [], []
    for draw in range(n_placebos):
        try:
            placebos.append(draws.draw(seed + draw))
        except UsageError as error:
            failures.append(str(error))
    return PlaceboSet(lexicon, scope, tuple(placebos), tuple(failures))
