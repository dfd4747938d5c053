"""Rollouts in, each with its spans and planning mask out, a few at a time. Knows nothing about files or shares.

Where a rollout holds the ids that were sampled, the mask is of those; else its text is encoded. A mask follows
the bytes behind the ids. Only where a tokenizer loses text (`Vocabulary.keeps_text` is False) and we encode it
ourselves, the spans of the text are projected through the encoder's offsets.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sgram.errors import InputError
from sgram.files import excerpt
from sgram.lexicon import Lexicon
from sgram.tagging.masks import MaskRow
from sgram.tagging.projection import planning_characters, project
from sgram.tagging.spans import Span
from sgram.traces import Trace

if TYPE_CHECKING:
    from sgram.tagging.vocabulary import Vocabulary
    from sgram.traces.tokens import Tokenizer

_BATCH_ROWS = 64
_BATCH_CHARS = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class TaggedTrace:
    """A trace with every occurrence of the lexicon's grams in its text; ids and mask only with a tokenizer."""

    trace: Trace
    spans: list[Span]
    token_ids: np.ndarray | None = None
    """int32 (T,), as sampled or as encoded."""
    planning_mask: np.ndarray | None = None
    """bool (T,)."""

    def counts(self) -> tuple[int, int]:
        """(planning, all): tokens, or without a tokenizer the non-space characters."""
        if self.planning_mask is not None:
            return int(self.planning_mask.sum()), len(self.planning_mask)
        inside, filled = planning_characters(self.spans, self.trace.text)
        return int(inside.sum()), int(filled.sum())

    def row(self) -> MaskRow:
        """The row for `write_masks`."""
        return MaskRow(self.trace.id, self.token_ids, self.planning_mask, tuple(self.spans))


@dataclass(slots=True)
class IdReport:
    """Where the ids of the traces came from."""

    n_given: int = 0
    """Traces that hold their own."""
    n_encoded: int = 0
    """Traces whose text was encoded."""
    n_unlike_text: int = 0
    """Of `n_given`, those whose ids do not spell their text, up to the space around it."""
    n_projected: int = 0
    """Of `n_encoded`, those whose mask came through offsets."""


class RolloutTagger:
    """Tags traces; ``report`` tells about the ids of those that passed so far.

    `tokenizer` is one of the tokenizers library, `name` what it is called; without it only spans are found. Memory
    is bounded by a batch: 64 traces, or fewer where they are long.
    """

    def __init__(self, lexicon: Lexicon, tokenizer: "Tokenizer | None" = None, name: str | None = None):
        from sgram.tagging.span_finder import SpanFinder

        self._find, self._tokenizer = SpanFinder(lexicon), tokenizer
        self.vocabulary: Vocabulary | None = None
        self.report = IdReport()
        if tokenizer is not None:
            from sgram.tagging import vocabulary
            from sgram.tagging.tagger import PlanningTagger

            found = vocabulary.Vocabulary.from_tokenizer(tokenizer)
            self.vocabulary = replace(found, name=name) if name else found
            self._tag = PlanningTagger(lexicon, self.vocabulary)

    def __call__(self, traces: Iterable[Trace]) -> Iterator[TaggedTrace]:
        """The `traces`, tagged, in their order; `InputError` names a trace whose ids the tokenizer does not have."""
        for batch in _batches(traces):
            if self.vocabulary is None:
                yield from (TaggedTrace(trace, self._find(trace.text)) for trace in batch)
            else:
                yield from self._with_masks(batch)

    def _with_masks(self, batch: list[Trace]) -> Iterator[TaggedTrace]:
        texts = [trace.text for trace in batch if trace.token_ids is None]
        encoded = iter(self._tokenizer.encode_batch(texts, add_special_tokens=False))
        found, ids, masks = [self._find(trace.text) for trace in batch], [], {}
        for place, trace in enumerate(batch):
            if trace.token_ids is not None:
                self._check(trace)
                ids.append(np.array(trace.token_ids, np.int32))
                continue
            encoding = next(encoded)
            ids.append(np.array(encoding.ids, np.int32))
            self.report.n_encoded += 1
            if not self.vocabulary.keeps_text:
                masks[place] = project(found[place], trace.text, encoding.offsets)
                self.report.n_projected += 1
        left = [place for place in range(len(batch)) if place not in masks]
        masks |= dict(zip(left, self._tag.tag_rows([ids[place] for place in left]), strict=True))
        for place, trace in enumerate(batch):
            yield TaggedTrace(trace, found[place], ids[place], masks[place])

    def _check(self, trace: Trace) -> None:
        """Count `trace`, whose ids are given; refuse ids that the tokenizer does not have."""
        largest, known = max(trace.token_ids, default=-1), len(self.vocabulary.tokens)
        if largest >= known:
            raise InputError(
                f"trace '{excerpt(trace.id)}' holds the token id {largest}, but the tokenizer "
                f"{excerpt(self.vocabulary.name)} has {known:,} ids; name the tokenizer of the model that wrote it"
            )
        self.report.n_given += 1
        self.report.n_unlike_text += not self._spells(trace)

    def _spells(self, trace: Trace) -> bool:
        """Whether the ids of `trace` are its text, special tokens spelled out or left out."""
        text = trace.text.strip()
        if b"".join(self.vocabulary.spell(trace.token_ids)).decode(errors="replace").strip() == text:
            return True
        return self._tokenizer.decode(list(trace.token_ids), skip_special_tokens=False).strip() == text


def _batches(traces: Iterable[Trace]) -> Iterator[list[Trace]]:
    batch, size = [], 0
    for trace in traces:
        batch.append(trace)
        size += len(trace.text)
        if len(batch) == _BATCH_ROWS or size >= _BATCH_CHARS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
