"""Labels of token ids by way of their text, for any spans: what the compiled way must equal.

Each stretch of tokens between those without text is a text of its own, and its spans are projected to the tokens by
byte offsets. Bytes that are no UTF-8 are the characters that ``errors="replace"`` makes of them.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from sgram.array_types import IntArray
from sgram.tagging.kernel.compiled_types import Int8Array
from sgram.tagging.projection import planning_characters
from sgram.tagging.spans import Span

Find = Callable[[str], list[Span]]


def labels_of_tokens(tokens: Sequence[bytes | None], find: Find, labels: Sequence[str]) -> Int8Array:
    """Return the index in `labels` of each token's label, int8 (T,); -1 for execution tokens.

    `find` returns the spans of a text. A token has the label of a span if one of its bytes belongs to a non-space
    character in it; of several spans, of the one with the most words, of equals the one that begins first.

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
    """Return each span that `find` finds, with the positions of its tokens, by the rule of `labels_of_tokens`.

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
    position, remaining = 0, memoryview(data)
    while position < len(data):
        try:
            piece, end, n_replaced = str(remaining[position:], "utf-8"), len(data), 0
        except UnicodeDecodeError as error:
            piece = str(remaining[position : position + error.start], "utf-8")
            end, n_replaced = position + error.end, error.end - error.start
        pieces.append(piece)
        codes = np.frombuffer(piece.encode("utf-32-le"), np.uint32)
        widths.append(1 + (codes > 0x7F).astype(np.int64) + (codes > 0x7FF) + (codes > 0xFFFF))
        if n_replaced:
            pieces.append("\ufffd")
            widths.append(np.array([n_replaced]))
        position = end
    return "".join(pieces), np.concatenate([np.zeros(0, np.int64), *widths])
