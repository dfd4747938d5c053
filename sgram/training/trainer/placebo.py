"""What a run with a placebo gives credit to, in place of planning tokens. Knows nothing about advantages.

``placebo`` is a lexicon of random grams (`sgram.evaluation.placebo`), which may hold words that plan. Its sister draws
from execution tokens only; these are numbers and signs as much as words, so it draws ids of tokens and not grams.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from sgram.errors import InputError, UsageError
from sgram.evaluation.placebo import MIN_DF, draw_to_share, placebo_lexicon
from sgram.lexicon import Lexicon
from sgram.tagging.tagger import PlanningTagger


class Placebo(Protocol):
    """Something that marks tokens in place of planning tokens."""

    source: Mapping[str, Any]
    """How it was drawn, as JSON values."""

    def __call__(self, ids: torch.Tensor, mask: torch.Tensor, planning: torch.Tensor) -> torch.Tensor:
        """Bool (B, T): the tokens that get credit."""

    def to_json(self) -> dict[str, Any]:
        """All of it, for a checkpoint."""


class GramPlacebo:
    """Random grams; a token that they mark may plan."""

    def __init__(self, lexicon: Lexicon, tokenizer: Any, vocab_size: int | None):
        self.lexicon, self.source = lexicon, dict(lexicon.source)
        self._tagger = PlanningTagger(lexicon, tokenizer, vocab_size=vocab_size)

    def __call__(self, ids, mask, planning):
        """See `Placebo`."""
        return self._tagger(ids, mask) & mask

    def to_json(self):
        """See `Placebo`."""
        grams = [gram.text for gram in self.lexicon.grams]
        return {"kind": "placebo", "grams": grams, "source": self.source}


@dataclass(frozen=True, slots=True)
class TokenPlacebo:
    """Random ids of tokens, wherever they carry out."""

    ids: tuple[int, ...]
    source: Mapping[str, Any]

    def __call__(self, ids, mask, planning):
        """See `Placebo`."""
        return torch.isin(ids, torch.tensor(self.ids, device=ids.device)) & mask & ~planning

    def to_json(self):
        """See `Placebo`."""
        return {"kind": "placebo-execution", "ids": list(self.ids), "source": dict(self.source)}


def draw_placebo(
    kind: str,
    tagger: PlanningTagger,
    responses: Sequence[Sequence[int]],
    draw: int,
    tokenizer: Any,
    vocab_size: int | None = None,
) -> Placebo:
    """The placebo of number `draw` that marks as many tokens of `responses` (ids) as `tagger` does.

    `kind` is "placebo" or "placebo-execution". `UsageError` where the responses hold too little to draw from.
    """
    if kind == "placebo-execution":
        return _draw_tokens(tagger, responses, draw)
    texts = tokenizer.batch_decode([list(row) for row in responses], skip_special_tokens=True)
    encoder = getattr(tokenizer, "backend_tokenizer", None)
    try:
        lexicon = placebo_lexicon(tagger.lexicon, texts, draw, tokenizer=encoder)
    except UsageError as error:
        raise UsageError(f"no placebo can be drawn from {len(texts):,} responses: {error}") from error
    return GramPlacebo(lexicon, tokenizer, vocab_size)


def _draw_tokens(tagger: PlanningTagger, responses: Sequence[Sequence[int]], draw: int) -> TokenPlacebo:
    ids = np.concatenate([np.asarray(row, np.int64) for row in responses])
    rows = np.repeat(np.arange(len(responses)), [len(row) for row in responses])
    planning = np.concatenate(tagger.rows(responses))
    wanted = int(planning.sum())
    if not wanted:
        raise UsageError(f"no gram of {tagger.lexicon.name} occurs in the responses: there is nothing to match")
    known, inverse = np.unique(ids, return_inverse=True)
    counts = np.bincount(inverse[~planning], minlength=len(known))
    pairs = np.unique(inverse[~planning] * len(responses) + rows[~planning]) // len(responses)
    candidates = np.flatnonzero(np.bincount(pairs, minlength=len(known)) >= MIN_DF)
    order = np.random.default_rng([draw, 0x9E3C]).permutation(candidates)
    places = np.flatnonzero(~planning)
    places = places[np.argsort(inverse[places], kind="stable")]
    starts = np.concatenate(([0], np.cumsum(counts)))
    chosen, marked, met = draw_to_share(order, starts, places, len(ids), wanted)
    if not met:
        raise UsageError(
            f"{len(candidates):,} kinds of execution tokens cannot mark {wanted / len(ids):.1%} of the tokens of "
            f"{len(responses):,} responses, as {tagger.lexicon.name} does: give more responses, or another draw"
        )
    source = {
        "method": "placebo-execution",
        "of": {"name": tagger.lexicon.name, "digest": tagger.lexicon.digest},
        "seed": draw,
        "unit": "tokens",
        "share": round(marked / len(ids), 6),
        "wanted": round(wanted / len(ids), 6),
        "n_candidates": len(candidates),
    }
    return TokenPlacebo(tuple(known[chosen].tolist()), source)


def read_placebo(given: Mapping[str, Any], tokenizer: Any, vocab_size: int | None) -> Placebo:
    """Back from `Placebo.to_json`."""
    try:
        if given["kind"] == "placebo-execution":
            return TokenPlacebo(tuple(given["ids"]), dict(given["source"]))
        lexicon = Lexicon.from_grams(given["grams"])
        placebo = GramPlacebo(lexicon, tokenizer, vocab_size)
        placebo.source = dict(given["source"])
        return placebo
    except (KeyError, TypeError) as error:
        raise InputError(f"the placebo of this checkpoint cannot be read: {error}; take another checkpoint") from error
