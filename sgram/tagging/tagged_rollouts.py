"""Tagging of rollouts in small batches: traces in, traces with spans and planning masks out.

If a rollout has the token ids that were sampled, the mask belongs to these; otherwise its text is encoded. A mask
follows the bytes of the ids, with one exception: if the text is encoded here and the tokenizer loses text
(`Vocabulary.keeps_text` is False), the spans of the text are projected through the encoder's offsets.

If only one part of each trace is tagged, spans are those of the part, and the mask is their projection to the tokens.
Ids and mask stay those of the whole response.
"""

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from sgram.array_types import AnyArray, BoolArray
from sgram.errors import InputError, UsageError
from sgram.files import excerpt
from sgram.lexicon import Lexicon, LexiconLike, SentenceScorer, SentenceScorerLike
from sgram.tagging.kernel.compiled_types import Int32Array
from sgram.tagging.masks import MaskRow
from sgram.tagging.part_marks import align_tokens, find_part_spans, part_characters, part_tokens
from sgram.tagging.projection import planning_characters, project_spans
from sgram.tagging.spans import MaskKind, Span
from sgram.tagging.token_marks import policy_mask
from sgram.tagging.vocabulary import Vocabulary
from sgram.traces import Trace, as_traces
from sgram.traces.from_python import Rollouts
from sgram.traces.part_texts import PartSelection, PartText
from sgram.traces.parts import PartChoice
from sgram.traces.policy_tokens import turn_pieces, written_by_policy

if TYPE_CHECKING:
    from sgram.tagging.tagger import PlanningTagger

_BATCH_ROWS = 64
_BATCH_CHARS = 1 << 20


class Encoding(Protocol):
    """The ids of an encoded text, and the half-open character offsets of each token."""

    @property
    def ids(self) -> list[int]: ...

    @property
    def offsets(self) -> list[tuple[int, int]]: ...


class TextTokenizer(Protocol):
    """What `RolloutTagger` calls of a ``tokenizers.Tokenizer``."""

    def encode_batch(self, texts: list[str], /, *, add_special_tokens: bool) -> Sequence[Encoding]: ...

    def decode(self, ids: list[int], /, *, skip_special_tokens: bool) -> str: ...


@dataclass(frozen=True, slots=True, eq=False)
class TaggedTrace:
    """A trace with the planning spans of its text, or of the part of it that was tagged: by default every gram.

    Ids and mask are there only with a tokenizer.
    """

    trace: Trace
    spans: list[Span]
    token_ids: Int32Array | None = None
    """int32 (T,), as sampled or as encoded."""
    planning_mask: BoolArray | None = None
    """bool (T,). Tokens that the policy did not write are False."""
    part: PartText | None = None
    """The part that was tagged; None if it is the whole text."""
    tokens_in_part: BoolArray | None = None
    """bool (T,) whether each token lies in the part; None without a tokenizer or a part."""
    by_policy: BoolArray | None = None
    """bool (T,) whether the policy wrote each token; None without a tokenizer."""

    def count_units(self) -> tuple[int, int]:
        """Return (planning units, all units) of the part: tokens of the policy, or else the non-space characters."""
        if self.planning_mask is not None:
            conditions = [mask for mask in (self.tokens_in_part, self.by_policy) if mask is not None]
            is_counted = np.logical_and.reduce([np.ones(len(self.planning_mask), bool), *conditions])
            return int((self.planning_mask & is_counted).sum()), int(is_counted.sum())
        is_planning, is_unit = planning_characters(self.spans, self.trace.text)
        if self.part is not None:
            is_unit &= part_characters(self.part.intervals, len(self.trace.text))
        return int(is_planning.sum()), int(is_unit.sum())

    def mask_row(self) -> MaskRow:
        """Return the row for `write_masks`. Raise `UsageError` if the trace was tagged without a tokenizer."""
        if self.token_ids is None or self.planning_mask is None:
            raise UsageError(
                f"trace '{excerpt(self.trace.id)}' has no planning mask; give RolloutTagger a tokenizer for masks"
            )
        return MaskRow(self.trace.id, self.token_ids, self.planning_mask, tuple(self.spans))


@dataclass(slots=True)
class TokenIdCounts:
    """Number of traces by where their token ids come from."""

    n_with_ids: int = 0
    """Traces that have token ids."""
    n_encoded: int = 0
    """Traces whose text was encoded."""
    n_mismatched: int = 0
    """Of `n_with_ids`, those whose ids do not spell their text, up to the space around it."""
    n_projected: int = 0
    """Of `n_encoded`, those whose mask was projected through offsets."""
    n_unaligned: int = 0
    """Of `n_mismatched`, those that are left out because it is unknown which of their tokens lie in the part."""


class _MaskTools(NamedTuple):
    """What masks need besides the lexicon."""

    tokenizer: TextTokenizer
    vocabulary: Vocabulary
    tagger: "PlanningTagger"


class RolloutTagger:
    """Tagger of traces; `id_counts` counts the traces so far by where their ids come from.

    `tokenizer` is one of the tokenizers library, `name` its name in messages and files; without a tokenizer only spans
    are found. With `part`, only this part of each trace is tagged; traces without it are left out and counted in
    `selection`, those whose ids do not spell their text in `id_counts`. `mask` is what is marked: ``grams``,
    ``sentences`` or ``grams-in-sentences``; the last two need `scorer`, a `SentenceScorer`, its path or the name of a
    preset. Memory is bounded by a batch: 64 traces, fewer if they are long.

    >>> from sgram.lexicon import Lexicon
    >>> tagger = RolloutTagger(Lexicon.from_grams(["let me"]))
    >>> [len(tagged.spans) for tagged in tagger([Trace(id="a", text="Let me see, let me."), Trace(id="b", text="So")])]
    [2, 0]
    """

    def __init__(
        self,
        lexicon: LexiconLike,
        tokenizer: TextTokenizer | None = None,
        name: str | None = None,
        *,
        part: PartChoice = "all",
        mask: MaskKind = "grams",
        scorer: SentenceScorerLike = "sgram",
    ):
        from sgram.tagging.mask_kinds import PlanningFinder

        self._find = PlanningFinder(lexicon, mask, scorer)
        self.selection = PartSelection(part)
        self._mask_tools: _MaskTools | None = None
        self.vocabulary: Vocabulary | None = None
        self.id_counts = TokenIdCounts()
        if tokenizer is not None:
            from sgram.tagging.tagger import PlanningTagger

            vocabulary = Vocabulary.from_tokenizer(tokenizer)
            self.vocabulary = replace(vocabulary, name=name) if name else vocabulary
            self._mask_tools = _MaskTools(
                tokenizer,
                self.vocabulary,
                PlanningTagger(self.lexicon, self.vocabulary, mask=mask, scorer=self.scorer or scorer),
            )

    def restart(self) -> "RolloutTagger":
        """Return a tagger with the same tables and settings, and counts at zero."""
        tagger = copy(self)
        tagger.selection, tagger.id_counts = PartSelection(self.selection.part), TokenIdCounts()
        return tagger

    @property
    def lexicon(self) -> Lexicon:
        """The lexicon."""
        return self._find.lexicon

    @property
    def mask(self) -> MaskKind:
        """What is marked."""
        return self._find.mask

    @property
    def scorer(self) -> SentenceScorer | None:
        """The sentence scorer; None for the kind ``grams``."""
        return self._find.scorer

    def __call__(self, traces: Rollouts) -> Iterator[TaggedTrace]:
        """Yield the `traces`, tagged, in their order; they are what `as_traces` takes.

        Raise `InputError` if a trace has an id out of range, or if no trace has the part."""
        selected = self.selection(as_traces(traces))
        if self.selection.part == "all":
            for batch in _batches(trace for trace, _ in selected):
                if self._mask_tools is None:
                    yield from (TaggedTrace(trace, self._find(trace.text)) for trace in batch)
                else:
                    yield from self._tag_with_masks(batch, self._mask_tools)
        else:
            for trace, part in selected:
                spans = find_part_spans(self._find, part)
                if self._mask_tools is None:
                    yield TaggedTrace(trace, spans, part=part)
                else:
                    yield from self._tag_part_with_mask(trace, part, spans, self._mask_tools)

    def _tag_part_with_mask(
        self, trace: Trace, part: PartText, spans: list[Span], tools: _MaskTools
    ) -> Iterator[TaggedTrace]:
        """Yield the trace with its mask; nothing if it is unknown which of its tokens lie in the part."""
        encoding = None
        if trace.token_ids is not None:
            self._check_ids(trace, trace.token_ids, tools)
            ids = np.array(trace.token_ids, np.int32)
        else:
            (encoding,) = tools.tokenizer.encode_batch([trace.text], add_special_tokens=False)
            ids = np.array(encoding.ids, np.int32)
            self.id_counts.n_encoded += 1
            self.id_counts.n_projected += not tools.vocabulary.keeps_text
        by_policy = policy_mask(trace, len(ids))
        offsets: AnyArray | list[tuple[int, int]] | None = align_tokens(
            ids,
            trace.text,
            tools.vocabulary,
            lambda token_id: tools.tokenizer.decode([token_id], skip_special_tokens=False),
            by_policy,
        )
        if offsets is None and encoding is not None:
            offsets = encoding.offsets
        if offsets is None:
            self.id_counts.n_unaligned += 1
            return
        mask = project_spans(spans, trace.text, offsets) & by_policy
        in_part = part_tokens(part.intervals, len(trace.text), offsets)
        yield TaggedTrace(trace, spans, ids, mask, part, in_part, by_policy)

    def _tag_with_masks(self, batch: list[Trace], tools: _MaskTools) -> Iterator[TaggedTrace]:
        texts = [trace.text for trace in batch if trace.token_ids is None]
        encodings = iter(tools.tokenizer.encode_batch(texts, add_special_tokens=False))
        spans = [self._find(trace.text) for trace in batch]
        ids: list[Int32Array] = []
        masks: dict[int, BoolArray] = {}
        for row, trace in enumerate(batch):
            if trace.token_ids is not None:
                self._check_ids(trace, trace.token_ids, tools)
                ids.append(np.array(trace.token_ids, np.int32))
                continue
            encoding = next(encodings)
            ids.append(np.array(encoding.ids, np.int32))
            self.id_counts.n_encoded += 1
            if not tools.vocabulary.keeps_text:
                masks[row] = project_spans(spans[row], trace.text, encoding.offsets)
                self.id_counts.n_projected += 1
        rows_by_bytes = [row for row in range(len(batch)) if row not in masks]
        byte_masks = tools.tagger.tag_rows([ids[row] for row in rows_by_bytes])
        masks |= dict(zip(rows_by_bytes, byte_masks, strict=True))
        for row, trace in enumerate(batch):
            by_policy = policy_mask(trace, len(ids[row]))
            yield TaggedTrace(trace, spans[row], ids[row], masks[row] & by_policy, by_policy=by_policy)

    def _check_ids(self, trace: Trace, token_ids: tuple[int, ...], tools: _MaskTools) -> None:
        """Count a trace with ids. Raise `InputError` if an id is out of range."""
        largest, n_ids = max(token_ids, default=-1), len(tools.vocabulary.tokens)
        if largest >= n_ids:
            raise InputError(
                f"trace '{excerpt(trace.id)}' has the token id {largest}, but the tokenizer "
                f"{excerpt(tools.vocabulary.name)} has {n_ids:,} ids; name the tokenizer of the model that wrote it"
            )
        self.id_counts.n_with_ids += 1
        self.id_counts.n_mismatched += not _spells(trace, token_ids, tools)


def _spells(trace: Trace, token_ids: tuple[int, ...], tools: _MaskTools) -> bool:
    """Return whether the ids spell the text, with special tokens written out or left out; or the policy's turns do."""
    stripped = trace.text.strip()
    pieces = tools.vocabulary.spell(token_ids)
    if b"".join(pieces).decode(errors="replace").strip() == stripped:
        return True
    by_policy = written_by_policy(trace)
    if by_policy is not None and b"".join(turn_pieces(pieces, by_policy)).decode(errors="replace") == stripped:
        return True
    return tools.tokenizer.decode(list(token_ids), skip_special_tokens=False).strip() == stripped


def _batches(traces: Iterable[Trace]) -> Iterator[list[Trace]]:
    batch: list[Trace] = []
    n_characters = 0
    for trace in traces:
        batch.append(trace)
        n_characters += len(trace.text)
        if len(batch) == _BATCH_ROWS or n_characters >= _BATCH_CHARS:
            yield batch
            batch, n_characters = [], 0
    if batch:
        yield batch
