"""Placebos in training: tokens that get credit in place of planning tokens.

A placebo marks as many tokens as the mask does, in the units that the mask marks, and knows nothing of what plans:

======================  =====================================  ====================================================
mask                    ``placebo``                            ``placebo-execution``
======================  =====================================  ====================================================
``grams``               grams of a random lexicon              random kinds of execution tokens
``sentences``           random sentences of the same response  random sentences of it that do not plan
``grams-in-sentences``  grams of a random lexicon inside of    random kinds of execution tokens inside of random
                        random sentences of the same response  sentences of the same response that do not plan
======================  =====================================  ====================================================

Random lexicons (`sgram.evaluation.placebo_lexicons`) and random sentences may plan: they are drawn without regard to
that. Many execution tokens are numbers and signs, so token ids are drawn from them instead of grams.

For ``grams-in-sentences``, random grams inside of the *planning* sentences would be no control for the mask: they
would keep the scorer's choice of sentences, which is one half of what the mask knows, and an effect of that half would
vanish in the difference. Here both halves are random. Random sentences cover as many tokens of a response as its
planning sentences do, so that the share of text from which grams are taken is the same, too. Which of them are taken
depends on the whole response: a policy can learn to use the grams of a random lexicon, as it can those of a lexicon,
but not to write sentences that are drawn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from sgram.array_types import BoolArray
from sgram.errors import InputError, SgramError, UsageError
from sgram.evaluation.label_index import UnitIndex
from sgram.evaluation.labeled_documents import LabeledDocument, Unit
from sgram.evaluation.placebo_lexicons import MIN_DF, TOLERANCE, draw_placebo_grams, draw_placebo_lexicon, draw_to_share
from sgram.lexicon import Lexicon
from sgram.tagging.tagger import PlanningTagger
from sgram.training.trainer.random_sentences import RandomSentences

SENTENCE_TOLERANCE = 0.1
"""Maximum relative difference between the share of a placebo of sentences and that of the mask. Whole sentences are
coarse: a response is met within about half a sentence."""
_MAX_SCALINGS = 8


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


@dataclass(frozen=True, slots=True, eq=False)
class SentencePlacebo:
    """Random sentences of each response, or the tokens inside of them that another placebo marks."""

    sentences: RandomSentences
    inside: GramPlacebo | TokenPlacebo | None
    """What is marked inside of the sentences; None: every token."""
    source: Mapping[str, Any]

    def __call__(
        self, token_ids: torch.Tensor, response_mask: torch.Tensor, planning_mask: torch.Tensor
    ) -> torch.Tensor:
        """See `Placebo`."""
        credit_mask = self.sentences(token_ids, response_mask) & response_mask
        return (
            credit_mask if self.inside is None else credit_mask & self.inside(token_ids, response_mask, planning_mask)
        )

    def to_json(self) -> dict[str, Any]:
        """See `Placebo`."""
        kind = "placebo-execution" if self.sentences.execution_only else "placebo"
        inside = {"kind": kind} if self.inside is None else self.inside.to_json()
        sentences = {"draw": self.sentences.draw, "scale": self.sentences.scale}
        return {**inside, "sentences": sentences, "source": dict(self.source)}


def draw_placebo(
    kind: str,
    tagger: PlanningTagger,
    responses: Sequence[Sequence[int]],
    draw: int,
    tokenizer: Any,
    vocab_size: int | None = None,
) -> Placebo:
    """Return the placebo number `draw` that marks as many tokens of `responses` (token ids) as `tagger` does.

    `kind` is "placebo" or "placebo-execution"; `tagger` says what kind of mask it is a control of. Raise `UsageError`
    if the responses hold too little to draw from.
    """
    if tagger.mask != "grams":
        return _draw_sentence_placebo(kind, tagger, responses, draw, tokenizer, vocab_size)
    if kind == "placebo-execution":
        return _draw_token_placebo(tagger, responses, draw)
    texts = tokenizer.batch_decode([list(token_ids) for token_ids in responses], skip_special_tokens=True)
    encoder = getattr(tokenizer, "backend_tokenizer", None)
    try:
        lexicon = draw_placebo_lexicon(tagger.lexicon, texts, draw, tokenizer=encoder)
    except UsageError as error:
        raise UsageError(f"cannot draw a placebo from {len(texts):,} responses: {error}") from error
    return GramPlacebo(lexicon, tokenizer, vocab_size)


def _draw_sentence_placebo(
    kind: str,
    tagger: PlanningTagger,
    responses: Sequence[Sequence[int]],
    draw: int,
    tokenizer: Any,
    vocab_size: int | None,
) -> SentencePlacebo:
    scorer = tagger.scorer
    if scorer is None:
        raise SgramError(f"the mask {tagger.mask} has no sentence scorer")
    masks = tagger.tag_rows(responses)
    n_tokens, n_planning = sum(map(len, masks)), sum(int(mask.sum()) for mask in masks)
    if not n_planning:
        raise UsageError(
            f"the mask {tagger.mask} marks no token of the {len(responses):,} responses, so there is no share to match"
        )
    sentences = RandomSentences(scorer, tagger.vocabulary, draw, execution_only=kind == "placebo-execution")
    inside: GramPlacebo | TokenPlacebo | None = None
    if tagger.mask == "sentences":
        sentences = _scale_to_share(sentences, tagger, responses, n_planning)
    elif sentences.execution_only:
        is_candidate = [sentences.mark(row) & ~mask for row, mask in zip(responses, masks, strict=True)]
        inside = _draw_token_placebo(tagger, responses, draw, is_candidate)
    else:
        lexicon = _draw_inner_lexicon(sentences, tagger, responses, n_planning, tokenizer)
        inside = GramPlacebo(lexicon, tokenizer, vocab_size)
    n_marked = 0
    placebo = SentencePlacebo(sentences, inside, {})
    for row, mask in zip(responses, masks, strict=True):
        if len(row):
            ids = torch.tensor([list(row)])
            credit_mask = placebo(ids, torch.ones_like(ids, dtype=torch.bool), torch.from_numpy(mask)[None])
            n_marked += int(credit_mask.sum())
    if abs(n_marked - n_planning) > SENTENCE_TOLERANCE * n_planning:
        raise UsageError(
            f"a {kind} of the mask {tagger.mask} marks {n_marked / n_tokens:.1%} of the tokens of {len(responses):,} "
            f"responses, the mask {n_planning / n_tokens:.1%}; pass more responses, or another draw"
        )
    source = {
        "method": kind,
        "mask": tagger.mask,
        "of": {"name": tagger.lexicon.name, "digest": tagger.lexicon.digest},
        "scorer": {"name": scorer.name, "digest": scorer.digest},
        "seed": draw,
        "unit": "tokens",
        "share": round(n_marked / n_tokens, 6),
        "wanted": round(n_planning / n_tokens, 6),
    }
    return SentencePlacebo(sentences, inside, source)


def _scale_to_share(
    sentences: RandomSentences, tagger: PlanningTagger, responses: Sequence[Sequence[int]], n_planning: int
) -> RandomSentences:
    """Return the random sentences with the scale at which they mark about `n_planning` tokens of the responses."""
    for _ in range(_MAX_SCALINGS):
        n_marked = sum(int(sentences.mark(row).sum()) for row in responses)
        if not n_marked or abs(n_marked - n_planning) <= TOLERANCE * n_planning:
            break
        sentences = RandomSentences(
            sentences.scorer,
            tagger.vocabulary,
            sentences.draw,
            execution_only=sentences.execution_only,
            scale=round(sentences.scale * n_planning / n_marked, 6),
        )
    return sentences


def _draw_inner_lexicon(
    sentences: RandomSentences,
    tagger: PlanningTagger,
    responses: Sequence[Sequence[int]],
    n_planning: int,
    tokenizer: Any,
) -> Lexicon:
    """Return random grams that mark `n_planning` tokens inside of the random sentences of the responses."""
    documents: list[LabeledDocument] = []
    n_tokens = 0
    for row in responses:
        chosen = sentences.choose(row)
        n_tokens += len(
            np.unique(np.concatenate([np.zeros(0, np.int64), *(sentence.positions for sentence in chosen)]))
        )
        text, units = "", []
        for sentence in chosen:
            units.append(Unit(len(text), len(text) + len(sentence.text), ()))
            text += sentence.text + "\n"
        documents.append(LabeledDocument(str(len(documents)), text, tuple(units)))
    index = UnitIndex.from_documents(documents, tokenizer=getattr(tokenizer, "backend_tokenizer", None))
    candidates = index.grams(MIN_DF)
    share = min(1.0, n_planning / max(1, n_tokens))
    placebo = draw_placebo_grams(index.find(candidates), share, "pieces", sentences.draw)
    if not placebo.is_matched:
        raise UsageError(
            f"cannot draw a placebo from {len(responses):,} responses: the {len(candidates):,} grams of their random "
            f"sentences mark {placebo.share:.1%} of these, {tagger.lexicon.name} {share:.1%} of the planning "
            "sentences; pass more responses, or another draw"
        )
    return Lexicon.from_grams(
        [candidates[row] for row in placebo.rows.tolist()], name=f"placebo of {tagger.lexicon.name}"
    )


def _draw_token_placebo(
    tagger: PlanningTagger,
    responses: Sequence[Sequence[int]],
    draw: int,
    is_candidate: Sequence[BoolArray] | None = None,
) -> TokenPlacebo:
    """Draw kinds of tokens among those for which `is_candidate`, (T,) of each response; None: all execution tokens."""
    token_ids = np.concatenate([np.asarray(response, np.int64) for response in responses])
    rows = np.repeat(np.arange(len(responses)), [len(response) for response in responses])
    is_planning = np.concatenate(tagger.tag_rows(responses))
    is_drawn = ~is_planning if is_candidate is None else np.concatenate(is_candidate)
    n_planning = int(is_planning.sum())
    if not n_planning:
        raise UsageError(f"no gram of {tagger.lexicon.name} occurs in the responses, so there is no share to match")
    unique_ids, id_indices = np.unique(token_ids, return_inverse=True)
    counts = np.bincount(id_indices[is_drawn], minlength=len(unique_ids))
    id_of_pairs = np.unique(id_indices[is_drawn] * len(responses) + rows[is_drawn]) // len(responses)
    candidates = np.flatnonzero(np.bincount(id_of_pairs, minlength=len(unique_ids)) >= MIN_DF)
    order = np.random.default_rng([draw, 0x9E3C]).permutation(candidates)
    positions = np.flatnonzero(is_drawn)
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


def read_placebo(
    document: Mapping[str, Any], tagger: PlanningTagger | None, tokenizer: Any, vocab_size: int | None
) -> Placebo:
    """Return the placebo that `Placebo.to_json` wrote; `tagger` is the run's. Raise `InputError` if it is not one."""
    try:
        inside: GramPlacebo | TokenPlacebo | None = None
        if "ids" in document:
            inside = TokenPlacebo(tuple(document["ids"]), dict(document["source"]))
        elif "sentences" not in document or "grams" in document:
            inside = GramPlacebo(Lexicon.from_grams(document["grams"]), tokenizer, vocab_size, document["source"])
        if "sentences" not in document and inside is not None:
            return inside
        if tagger is None or tagger.scorer is None:
            raise TypeError("it marks sentences, but the run has no sentence scorer")
        sentences = RandomSentences(
            tagger.scorer,
            tagger.vocabulary,
            document["sentences"]["draw"],
            execution_only=document["kind"] == "placebo-execution",
            scale=document["sentences"]["scale"],
        )
        return SentencePlacebo(sentences, inside, dict(document["source"]))
    except (KeyError, TypeError) as error:
        raise InputError(f"cannot read the placebo of this checkpoint: {error}; use another checkpoint") from error
