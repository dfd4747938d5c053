"""Placebos in training: tokens that get credit in place of planning tokens.

``placebo`` is a lexicon of random grams (`sgram.evaluation.placebo_lexicons`), which may contain planning words.
``placebo-execution`` draws from execution tokens only. Many of these are numbers and signs, so it draws token ids
instead of grams.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from sgram.errors import InputError, UsageError
from sgram.evaluation.placebo_lexicons import MIN_DF, draw_placebo_lexicon, draw_to_share
from sgram.lexicon import Lexicon
from sgram.tagging.tagger import PlanningTagger


class Placebo(Protocol):
    """A rule that marks tokens in place of planning tokens."""

    @property
    def source(self) -> Mapping[str, Any]:
        """How it was drawn, as JSON values."""

    def __call__(
        self, token_ids: torch.Tensor, response_mask: torch.Tensor, planning_mask: torch.Tensor
    ) -> torch.Tensor:
        """Return bool (B, T): the tokens that get credit."""

    def to_json(self) -> dict[str, Any]:
        """Return everything that `read_placebo` needs, as JSON values."""


class GramPlacebo:
    """Random grams. A token that they mark may be a planning token."""

    def __init__(
        self, lexicon: Lexicon, tokenizer: Any, vocab_size: int | None, source: Mapping[str, Any] | None = None
    ) -> None:
        self.lexicon = lexicon
        self.source: Mapping[str, Any] = dict(lexicon.source if source is None else source)
        self._tagger = PlanningTagger(lexicon, tokenizer, vocab_size=vocab_size)

    def __call__(
        self, token_ids: torch.Tensor, response_mask: torch.Tensor, planning_mask: torch.Tensor
    ) -> torch.Tensor:
        """See `Placebo`."""
        gram_mask: Any = self._tagger(token_ids, response_mask)
        credit_mask: torch.Tensor = gram_mask & response_mask
        return credit_mask

    def to_json(self) -> dict[str, Any]:
        """See `Placebo`."""
        grams = [gram.text for gram in self.lexicon.grams]
        return {"kind": "placebo", "grams": grams, "source": dict(self.source)}


@dataclass(frozen=True, slots=True)
class TokenPlacebo:
    """Random token ids; a token with such an id is marked unless it is a planning token."""

    ids: tuple[int, ...]
    source: Mapping[str, Any]

    def __call__(
        self, token_ids: torch.Tensor, response_mask: torch.Tensor, planning_mask: torch.Tensor
    ) -> torch.Tensor:
        """See `Placebo`."""
        return torch.isin(token_ids, torch.tensor(self.ids, device=token_ids.device)) & response_mask & ~planning_mask

    def to_json(self) -> dict[str, Any]:
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
    """Return the placebo number `draw` that marks as many tokens of `responses` (token ids) as `tagger` does.

    `kind` is "placebo" or "placebo-execution". Raise `UsageError` if the responses hold too little to draw from.
    """
    if kind == "placebo-execution":
        return _draw_token_placebo(tagger, responses, draw)
    texts = tokenizer.batch_decode([list(token_ids) for token_ids in responses], skip_special_tokens=True)
    encoder = getattr(tokenizer, "backend_tokenizer", None)
    try:
        lexicon = draw_placebo_lexicon(tagger.lexicon, texts, draw, tokenizer=encoder)
    except UsageError as error:
        raise UsageError(f"cannot draw a placebo from {len(texts):,} responses: {error}") from error
    return GramPlacebo(lexicon, tokenizer, vocab_size)


def _draw_token_placebo(tagger: PlanningTagger, responses: Sequence[Sequence[int]], draw: int) -> TokenPlacebo:
    token_ids = np.concatenate([np.asarray(response, np.int64) for response in responses])
    rows = np.repeat(np.arange(len(responses)), [len(response) for response in responses])
    is_planning = np.concatenate(tagger.tag_rows(responses))
    n_planning = int(is_planning.sum())
    if not n_planning:
        raise UsageError(f"no gram of {tagger.lexicon.name} occurs in the responses, so there is no share to match")
    unique_ids, id_indices = np.unique(token_ids, return_inverse=True)
    counts = np.bincount(id_indices[~is_planning], minlength=len(unique_ids))
    id_of_pairs = np.unique(id_indices[~is_planning] * len(responses) + rows[~is_planning]) // len(responses)
    candidates = np.flatnonzero(np.bincount(id_of_pairs, minlength=len(unique_ids)) >= MIN_DF)
    order = np.random.default_rng([draw, 0x9E3C]).permutation(candidates)
    positions = np.flatnonzero(~is_planning)
    positions = positions[np.argsort(id_indices[positions], kind="stable")]
    starts = np.concatenate(([0], np.cumsum(counts)))
    selected, n_marked, is_reached = draw_to_share(order, starts, positions, len(token_ids), n_planning)
    if not is_reached:
        raise UsageError(
            f"{len(candidates):,} kinds of execution tokens cannot mark {n_planning / len(token_ids):.1%} of the "
            f"tokens of {len(responses):,} responses, as {tagger.lexicon.name} does; pass more responses, or another "
            "draw"
        )
    source = {
        "method": "placebo-execution",
        "of": {"name": tagger.lexicon.name, "digest": tagger.lexicon.digest},
        "seed": draw,
        "unit": "tokens",
        "share": round(n_marked / len(token_ids), 6),
        "wanted": round(n_planning / len(token_ids), 6),
        "n_candidates": len(candidates),
    }
    return TokenPlacebo(tuple(unique_ids[selected].tolist()), source)


def read_placebo(document: Mapping[str, Any], tokenizer: Any, vocab_size: int | None) -> Placebo:
    """Return the placebo that `Placebo.to_json` wrote. Raise `InputError` if `document` is not one."""
    try:
        if document["kind"] == "placebo-execution":
            return TokenPlacebo(tuple(document["ids"]), dict(document["source"]))
        return GramPlacebo(Lexicon.from_grams(document["grams"]), tokenizer, vocab_size, document["source"])
    except (KeyError, TypeError) as error:
        raise InputError(f"cannot read the placebo of this checkpoint: {error}; use another checkpoint") from error
