"""From spans of a text to what they cover: characters, parts of the text, tokens with offsets."""

from collections.abc import Iterable, Sequence

import numpy as np

from sgram.array_types import AnyArray, BoolArray
from sgram.tagging.spans import Span, remove_overlaps
from sgram.text import SPACES


def planning_characters(spans: Iterable[Span], text: str) -> tuple[BoolArray, BoolArray]:
    """Return two bool arrays over the characters of `text`: non-space and inside a span; non-space.

    >>> is_planning, is_filled = planning_characters([Span(0, 2, "other")], "a b")
    >>> is_planning.tolist(), is_filled.tolist()
    ([True, False, False], [True, False, True])
    """
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)  # (characters,)
    is_filled = ~np.isin(codes, SPACES)
    depth_changes = np.zeros(len(text) + 1, np.int64)
    bounds = np.array([(span.start, span.end) for span in spans], np.int64).reshape(-1, 2)
    np.add.at(depth_changes, bounds[:, 0], 1)
    np.add.at(depth_changes, bounds[:, 1], -1)
    return is_filled & (np.cumsum(depth_changes[:-1]) > 0), is_filled


def project_spans(spans: Iterable[Span], text: str, offsets: Sequence[tuple[int, int]] | AnyArray) -> BoolArray:
    """Return the planning mask (T,) of tokens at the half-open character `offsets` (T, 2) of `text`.

    Use it for tokenizers that lose text, whose bytes do not tell where a token is in the text. A token is a planning
    token if it shares a non-space character with a span. Special tokens, at (0, 0), never are.

    >>> project_spans([Span(0, 4, "other")], "Wait, so", [(0, 4), (4, 5), (5, 8)]).tolist()
    [True, False, False]
    """
    is_planning, _ = planning_characters(spans, text)
    n_before = np.concatenate(([0], np.cumsum(is_planning)))  # planning characters before each offset
    bounds = np.asarray(offsets, np.int64).reshape(-1, 2).clip(0, len(text))
    mask: BoolArray = n_before[bounds[:, 1]] > n_before[bounds[:, 0]]
    return mask


def split_by_spans(text: str, spans: Iterable[Span]) -> list[tuple[str, Span | None]]:
    """Return `text` for display: its parts in order, each with its span (see `remove_overlaps`) or None.

    >>> [(part, span is not None) for part, span in split_by_spans("So wait.", [Span(3, 7, "other")])]
    [('So ', False), ('wait', True), ('.', False)]
    """
    parts: list[tuple[str, Span | None]] = []
    end = 0
    for span in remove_overlaps(spans):
        if span.start > end:
            parts.append((text[end : span.start], None))
        parts.append((text[span.start : span.end], span))
        end = span.end
    if end < len(text):
        parts.append((text[end:], None))
    return parts
