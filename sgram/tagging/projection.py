"""From spans of a text to what they cover: characters, pieces, tokens with offsets. Knows nothing about lexicons."""

from collections.abc import Iterable, Sequence

import numpy as np

from sgram.tagging.spans import Span, longest_first
from sgram.text import SPACES


def planning_characters(spans: Iterable[Span], text: str) -> tuple[np.ndarray, np.ndarray]:
    """Two bool arrays over the characters of `text`: non-space and inside a span; non-space."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)  # (characters,)
    filled = ~np.isin(codes, SPACES)
    edges = np.zeros(len(text) + 1, np.int64)
    places = np.array([(span.start, span.end) for span in spans], np.int64).reshape(-1, 2)
    np.add.at(edges, places[:, 0], 1)
    np.add.at(edges, places[:, 1], -1)
    return filled & (np.cumsum(edges[:-1]) > 0), filled


def project(spans: Iterable[Span], text: str, offsets: Sequence[tuple[int, int]] | np.ndarray) -> np.ndarray:
    """Planning mask of tokens that stand at the half-open character `offsets` of `text`, (T, 2) -> bool (T,).

    For tokenizers that lose text, where the bytes behind the ids do not say where a token stood: a token counts
    when it shares a non-space character with a span. Special tokens, at (0, 0), never count.
    """
    inside, _ = planning_characters(spans, text)
    before = np.concatenate(([0], np.cumsum(inside)))  # planning characters before each offset
    places = np.asarray(offsets, np.int64).reshape(-1, 2).clip(0, len(text))
    return before[places[:, 1]] > before[places[:, 0]]


def cut_pieces(text: str, spans: Iterable[Span]) -> list[tuple[str, Span | None]]:
    """`text` as people are shown it: pieces in order, each with the span (`longest_first`) that it is, or None."""
    pieces, at = [], 0
    for span in longest_first(spans):
        if span.start > at:
            pieces.append((text[at : span.start], None))
        pieces.append((text[span.start : span.end], span))
        at = span.end
    if at < len(text):
        pieces.append((text[at:], None))
    return pieces
