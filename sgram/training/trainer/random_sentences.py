"""Random sentences of responses: as many tokens of each response as its planning sentences have."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import torch

from sgram.array_types import AnyArray, BoolArray, IntArray
from sgram.lexicon import SentenceScorer
from sgram.tagging.sentence_finder import SentenceFinder
from sgram.tagging.spans import PLANNING, Span
from sgram.tagging.text_masks import tokens_of_spans
from sgram.tagging.vocabulary import Vocabulary

_EXECUTION = "execution"
_STREAM = 0x5E27
"""Keeps the random numbers apart from those of other draws with the same number."""


@dataclass(frozen=True, slots=True, eq=False)
class ResponseSentence:
    """A sentence of a response."""

    text: str
    positions: IntArray
    """Positions of its tokens in the response."""
    is_planning: bool


class RandomSentences:
    """Marks random sentences of each response, in place of its planning sentences by `scorer`.

    Sentences are taken in random order until as many tokens are marked as the planning sentences have. The first
    sentence that is longer than what is missing is the last one: it is taken with the probability that makes the
    expected number of tokens right (all that are longer than twice what is missing are skipped).

    The random numbers depend on the number `draw` and on the ids of the response, on nothing else: a response has the
    same marks in every batch and after every resumption. With `execution_only` no planning sentence is taken; a
    response that plans in more than half of its tokens then has fewer marked tokens. `scale` makes up for that: each
    response is to have so many times the tokens of its planning sentences.
    """

    def __init__(
        self, scorer: SentenceScorer, vocabulary: Vocabulary, draw: int, *, execution_only: bool, scale: float = 1.0
    ) -> None:
        self.scorer, self.draw, self.execution_only, self.scale = scorer, draw, execution_only, scale
        self._vocabulary = vocabulary
        self._find = SentenceFinder(scorer)

    def __call__(self, token_ids: torch.Tensor, response_mask: torch.Tensor) -> torch.Tensor:
        """Return bool (B, T): the tokens of the random sentences."""
        ids, is_read = token_ids.cpu().numpy(), response_mask.cpu().numpy()
        marks = [self.mark(*row) for row in zip(ids, is_read, strict=True)]
        return torch.from_numpy(np.stack(marks)).to(token_ids.device)

    def mark(self, ids: Sequence[int] | AnyArray, is_read: BoolArray | None = None) -> BoolArray:
        """Return bool (T,): the tokens of the random sentences of one response; tokens not read have no text."""
        is_marked = np.zeros(len(ids), np.bool_)
        for sentence in self.choose(ids, is_read):
            is_marked[sentence.positions] = True
        return is_marked

    def choose(self, ids: Sequence[int] | AnyArray, is_read: BoolArray | None = None) -> list[ResponseSentence]:
        """Return the random sentences of one response, in their order."""
        row = np.asarray(ids, np.int64)
        is_read = np.ones(len(row), np.bool_) if is_read is None else is_read
        sentences = self._sentences(row, is_read)
        is_planning = np.zeros(len(row), np.bool_)
        for sentence in sentences:
            if sentence.is_planning:
                is_planning[sentence.positions] = True
        if self.execution_only:  # a token of two sentences may belong to one that plans
            sentences = [
                ResponseSentence(sentence.text, sentence.positions[~is_planning[sentence.positions]], False)
                for sentence in sentences
                if not sentence.is_planning
            ]
        n_missing = self.scale * int(is_planning.sum())
        is_marked = np.zeros(len(row), np.bool_)
        chosen = []
        generator = self._generator(row[is_read])
        for index in generator.permutation(len(sentences)).tolist():
            positions = sentences[index].positions
            n_new = int((~is_marked[positions]).sum())
            if not 0 < n_new < 2 * n_missing:
                continue
            is_last = n_new > n_missing
            if not is_last or generator.random() * n_new < n_missing:
                is_marked[positions] = True
                n_missing -= n_new
                chosen.append(index)
            if is_last:
                break
        return [sentences[index] for index in sorted(chosen)]

    def _sentences(self, row: IntArray, is_read: BoolArray) -> list[ResponseSentence]:
        spelled = self._vocabulary.tokens
        tokens = [spelled[token] if read else None for token, read in zip(row.tolist(), is_read.tolist(), strict=True)]
        texts: list[str] = []

        def find(text: str) -> list[Span]:
            spans = [
                Span(start, end, PLANNING if total >= self.scorer.least_total else _EXECUTION)
                for start, end, total, _ in self._find.offsets(text).tolist()
            ]
            texts.extend(text[span.start : span.end] for span in spans)
            return spans

        span_tokens = tokens_of_spans(tokens, find)
        return [
            ResponseSentence(text, positions, span.label == PLANNING)
            for text, (span, positions) in zip(texts, span_tokens, strict=True)
        ]

    def _generator(self, ids: IntArray) -> np.random.Generator:
        key = int.from_bytes(blake2b(ids.astype("<i8").tobytes(), digest_size=8).digest(), "little")
        return np.random.default_rng([self.draw, _STREAM, key])
