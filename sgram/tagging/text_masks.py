"""Masks of token ids by way of their text: what needs whole sentences is computed on the host.

The ids of a row are spelled, each stretch between tokens without text is a text of its own, and its spans are projected
to the tokens by byte offsets. Bytes that are no UTF-8 are the characters that ``errors="replace"`` makes of them.

`mask_of_tokens` and `labels_of_tokens` do this for any spans. `RowMasks` is the fast way: its kernels spell a row into
one buffer, scan its bytes, and mark its tokens. Grams inside sentences are there the tokens that both masks mark: a
gram lies in one sentence, so the two differ only at a token that holds bytes of two sentences. Rows with such a token,
or with bytes that are no UTF-8, go the slow way.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from sgram.array_types import BoolArray, IntArray
from sgram.tagging.kernel.compiled_types import ByteArray, Int8Array
from sgram.tagging.kernel.spelled_rows import ACROSS, SLACK, Arena, find_stretch, mark_sentences, spell_stretch
from sgram.tagging.mask_kinds import PlanningFinder
from sgram.tagging.projection import planning_characters
from sgram.tagging.sentence_finder import SentenceFinder
from sgram.tagging.spans import Span

Find = Callable[[str], list[Span]]


class RowMasks:
    """Masks of the kinds ``sentences`` and ``grams-in-sentences``, for rows of ids of one vocabulary.

    `find` is the finder of the kind. Threads can share it.

    >>> masks = RowMasks((b"Wait, let", b" me check.", b" So", b" 4."), PlanningFinder("wang2025", "sentences"))
    >>> masks(np.arange(4), np.zeros(0, bool), None).tolist()
    [True, True, False, False]
    """

    def __init__(self, tokens: tuple[bytes | None, ...], find: PlanningFinder) -> None:
        if find.scorer is None:
            raise ValueError("grams need no text")
        self._tokens, self._find = tokens, find
        self._arena = Arena.from_tokens(tokens)
        # a mask needs no moves, and tables without their grams are smaller
        self._sentences = SentenceFinder(replace(find.scorer, moves={}))

    def __call__(self, ids: IntArray, attention_mask: BoolArray, gram_mask: BoolArray | None) -> BoolArray:
        """Return the mask, bool (T,), of the ids of a row, (T,), which must be in range where they are attended to.

        `attention_mask`, (T,), may be empty. `gram_mask`, (T,), is the mask of grams, None for the kind ``sentences``.
        """
        marks = self._mark(ids, attention_mask)
        if marks is None or (gram_mask is not None and bool(((marks == ACROSS) & gram_mask).any())):
            return mask_of_tokens(self._spell(ids, attention_mask), self._find)
        return marks > 0 if gram_mask is None else (marks > 0) & gram_mask

    def _mark(self, ids: IntArray, attention_mask: BoolArray) -> Int8Array | None:
        """Return the marks of `mark_sentences`, int8 (T,); None if the bytes are no UTF-8."""
        marks = np.zeros(len(ids), np.int8)
        token_bytes, starts, has_text = self._arena
        end = 0
        while True:
            first, end, n_bytes = find_stretch(ids, attention_mask, end, len(ids), starts, has_text)
            if first == end:
                return marks
            room: ByteArray = np.empty(n_bytes + 1 + SLACK, np.uint8)
            ends, is_ascii = spell_stretch(ids, first, end, token_bytes, starts, room)
            buffer = room[: n_bytes + 1]
            if not is_ascii:
                try:
                    buffer.tobytes().decode()
                except UnicodeDecodeError:
                    return None
            mark_sentences(
                buffer, self._sentences.byte_offsets(buffer), self._sentences.scorer.least_total, ends, first, marks
            )

    def _spell(self, ids: IntArray, attention_mask: BoolArray) -> list[bytes | None]:
        is_read = attention_mask.tolist() if attention_mask.size else [True] * len(ids)
        return [self._tokens[token] if read else None for token, read in zip(ids.tolist(), is_read, strict=True)]


def mask_of_tokens(tokens: Sequence[bytes | None], find: Find) -> BoolArray:
    """Return the planning mask, bool (T,), of the tokens with these bytes; a token of None has no text.

    `find` returns the spans of a text. A token is a planning token if one of its bytes belongs to a non-space character
    in a span.

    >>> from sgram.tagging.mask_kinds import PlanningFinder
    >>> find = PlanningFinder("wang2025", "sentences")
    >>> mask_of_tokens([b"Wait, let", b" me check.", b" So", b" 4."], find).tolist()
    [True, True, False, False]
    """
    mask = np.zeros(len(tokens), np.bool_)
    for first, data, ends in _stretches(tokens):
        text, widths = decode(data)
        is_planning, _ = planning_characters(find(text), text)
        n_before = np.concatenate(([0], np.cumsum(np.repeat(is_planning, widths))))
        mask[first : first + len(ends) - 1] = n_before[ends[1:]] > n_before[ends[:-1]]
    return mask


def labels_of_tokens(tokens: Sequence[bytes | None], find: Find, labels: Sequence[str]) -> Int8Array:
    """Return the index in `labels` of each token's label, int8 (T,); -1 for execution tokens.

    A token in several spans has the label of the span with the most words, of equals the one that begins first.

    >>> labels_of_tokens([b"so ", b"let me"], lambda text: [Span(3, 9, "b", 0, "let me")], ["a", "b"]).tolist()
    [-1, 1]
    """
    indices = np.full(len(tokens), -1, np.int8)
    for first, data, ends in _stretches(tokens):
        text, widths = decode(data)
        spans = sorted(find(text), key=lambda span: (-span.n_words, span.start))
        _, is_filled = planning_characters((), text)
        byte_ends = np.concatenate(([0], np.cumsum(widths)))
        is_filled_byte = np.repeat(is_filled, widths)
        for span in reversed(spans):  # the first in order is written last
            start, end = byte_ends[span.start], byte_ends[span.end]
            n_before = np.concatenate(([0], np.cumsum(is_filled_byte[start:end])))
            bounds = (ends - start).clip(0, end - start)
            covered = n_before[bounds[1:]] > n_before[bounds[:-1]]
            indices[first : first + len(ends) - 1][covered] = labels.index(span.label)
    return indices


def tokens_of_spans(tokens: Sequence[bytes | None], find: Find) -> list[tuple[Span, IntArray]]:
    """Return each span that `find` finds, with the positions of its tokens, by the rule of `mask_of_tokens`.

    Offsets of a span are characters of its stretch of tokens with text.

    >>> find = lambda text: [Span(0, 2, "a"), Span(3, 7, "b")]
    >>> [positions.tolist() for _, positions in tokens_of_spans([b"ab", b" c", b"d", b" e"], find)]
    [[0], [1, 2, 3]]
    """
    span_tokens: list[tuple[Span, IntArray]] = []
    for first, data, ends in _stretches(tokens):
        text, widths = decode(data)
        _, is_filled = planning_characters((), text)
        n_filled = np.concatenate(([0], np.cumsum(np.repeat(is_filled, widths))))
        byte_ends = np.concatenate(([0], np.cumsum(widths)))
        for span in find(text):
            start, end = byte_ends[span.start], byte_ends[span.end]
            first_token = max(0, int(np.searchsorted(ends, start, "right")) - 1)
            bounds = ends[first_token : int(np.searchsorted(ends, end)) + 1].clip(start, end)
            is_covered = n_filled[bounds[1:]] > n_filled[bounds[:-1]]
            span_tokens.append((span, first + first_token + np.flatnonzero(is_covered)))
    return span_tokens


def _stretches(tokens: Sequence[bytes | None]) -> Iterator[tuple[int, bytes, IntArray]]:
    """Yield (first token, bytes, ends of its tokens in these with a 0 in front) of each stretch of tokens with text."""
    first = 0
    for position in (*(row for row, token in enumerate(tokens) if token is None), len(tokens)):
        stretch = [token for token in tokens[first:position] if token is not None]
        if stretch:
            yield first, b"".join(stretch), np.cumsum([0, *map(len, stretch)])
        first = position + 1


def decode(data: bytes) -> tuple[str, IntArray]:
    r"""Return ``data.decode("utf-8", "replace")`` and the number of bytes of each of its characters.

    >>> text, widths = decode(b"a\xc3\xa9\xf0\x9f4")
    >>> text, widths.tolist()
    ('aé\ufffd4', [1, 2, 2, 1])
    """
    pieces: list[str] = []
    widths: list[IntArray] = []
    position, rest = 0, memoryview(data)
    while position < len(data):
        try:
            piece, end, n_replaced = str(rest[position:], "utf-8"), len(data), 0
        except UnicodeDecodeError as error:
            piece = str(rest[position : position + error.start], "utf-8")
            end, n_replaced = position + error.end, error.end - error.start
        pieces.append(piece)
        codes = np.frombuffer(piece.encode("utf-32-le"), np.uint32)
        widths.append(1 + (codes > 0x7F).astype(np.int64) + (codes > 0x7FF) + (codes > 0xFFFF))
        if n_replaced:
            pieces.append("\ufffd")
            widths.append(np.array([n_replaced]))
        position = end
    return "".join(pieces), np.concatenate([np.zeros(0, np.int64), *widths])
