"""What lies in one part of a trace: spans, characters, tokens."""

from collections.abc import Callable, Sequence

import numpy as np

from sgram.array_types import AnyArray, BoolArray, IntArray
from sgram.tagging.spans import Span
from sgram.tagging.vocabulary import Vocabulary
from sgram.traces.part_texts import STRETCH_BREAK, PartText
from sgram.traces.policy_tokens import turn_pieces

Intervals = Sequence[tuple[int, int]]


def locate(part: PartText, positions: IntArray) -> IntArray:
    """Return where characters at `positions` of a part's text are in the trace's; none may be in a `STRETCH_BREAK`.

    >>> locate(PartText.cut("a b c", [(0, 1), (4, 5)]), np.array([0, 3])).tolist()
    [0, 4]
    """
    bounds: IntArray = np.array(part.intervals, np.int64)
    starts = np.cumsum(bounds[:, 1] - bounds[:, 0] + len(STRETCH_BREAK))  # behind each stretch and its break
    starts = np.append(0, starts[:-1])
    located: IntArray = positions + (bounds[:, 0] - starts)[np.searchsorted(starts, positions, "right") - 1]
    return located


def find_part_spans(find: Callable[[str], list[Span]], part: PartText) -> list[Span]:
    """Return the spans of a part, by offsets in the trace's text; no span crosses from one stretch to the next.

    `find` returns the spans of a text, as `SpanFinder` does, in whose order they are returned.

    >>> from sgram.lexicon import Lexicon
    >>> from sgram.tagging.span_finder import SpanFinder
    >>> spans = find_part_spans(SpanFinder(Lexicon.from_grams(["wait"])), PartText.cut("Wait. Wait.", [(6, 11)]))
    >>> [(span.start, span.end) for span in spans]
    [(6, 10)]
    """
    spans = find(part.text)
    bounds: IntArray = np.array([(span.start, span.end - 1) for span in spans], np.int64).reshape(-1, 2)
    return [
        Span(start, last + 1, span.label, span.cluster, span.gram)
        for span, (start, last) in zip(spans, locate(part, bounds).tolist(), strict=True)
    ]


def part_characters(intervals: Intervals, n_chars: int) -> BoolArray:
    """Return whether each of the `n_chars` characters of a text lies in one of the intervals.

    >>> part_characters([(1, 3)], 4).tolist()
    [False, True, True, False]
    """
    is_inside = np.zeros(n_chars, np.bool_)
    for start, end in intervals:
        is_inside[start:end] = True
    return is_inside


def part_tokens(intervals: Intervals, n_chars: int, offsets: Sequence[tuple[int, int]] | AnyArray) -> BoolArray:
    """Return whether each token lies in the part, (T,): whether it has a character in one of the intervals.

    `offsets` are half-open, in characters of the text. A token without characters, such as a special token, goes with
    the character before it.

    >>> part_tokens([(0, 4)], 6, [(0, 3), (3, 5), (5, 6), (4, 4), (6, 6)]).tolist()
    [True, True, False, True, False]
    """
    n_inside = np.concatenate(([0], np.cumsum(part_characters(intervals, n_chars))))  # before each offset
    starts, ends = np.asarray(offsets, np.int64).reshape(-1, 2).clip(0, n_chars).T
    starts = np.minimum(starts, np.maximum(ends - 1, 0))
    is_inside: BoolArray = n_inside[ends] > n_inside[starts]
    return is_inside


def align_tokens(
    token_ids: Sequence[int] | AnyArray,
    text: str,
    vocabulary: Vocabulary,
    spell_special: Callable[[int], str],
    by_policy: BoolArray | None = None,
) -> IntArray | None:
    """Return the half-open character offsets of tokens in `text`, (T, 2); None if the ids do not spell it.

    Special tokens may be written out in the text or not; `spell_special` returns the text of one. Spaces at the ends
    of the text do not matter. A character whose bytes several tokens share belongs to each of them. With `by_policy`,
    (T,) whether the policy wrote each token, the text may hold its turns alone, joined by a blank line.

    >>> vocabulary = Vocabulary.from_tokenizer([b"wait", b" so", None])
    >>> align_tokens([0, 2, 1], "wait so", vocabulary, lambda _: "<eos>").tolist()
    [[0, 4], [4, 4], [4, 7]]
    >>> align_tokens([0, 2, 1], "wait<eos> so", vocabulary, lambda _: "<eos>").tolist()
    [[0, 4], [4, 9], [9, 12]]
    >>> align_tokens([0], "so", vocabulary, lambda _: "<eos>")
    """
    row = [int(token_id) for token_id in token_ids]
    pieces = vocabulary.spell(row)
    is_sampled = [True] * len(row) if by_policy is None else by_policy.tolist()
    offsets = _align_turns(pieces, text, is_sampled)
    if offsets is not None:
        return offsets
    special_ids = {token_id for token_id in row if vocabulary.tokens[token_id] is None}
    special_pieces = {token_id: spell_special(token_id).encode() for token_id in special_ids}
    pieces = [special_pieces.get(token_id, piece) for token_id, piece in zip(row, pieces, strict=True)]
    return _align_turns(pieces, text, is_sampled)


def _align_turns(pieces: Sequence[bytes], text: str, is_sampled: Sequence[bool]) -> IntArray | None:
    offsets = _align_pieces(pieces, text)
    if offsets is None and not all(is_sampled):
        return _align_pieces(turn_pieces(pieces, is_sampled), text)
    return offsets


def _align_pieces(pieces: Sequence[bytes], text: str) -> IntArray | None:
    joined = b"".join(pieces)
    spelled = joined.decode("utf-8", "replace")
    begins_character = (np.frombuffer(joined, np.uint8) & 0xC0) != 0x80
    n_begun = np.concatenate(([0], np.cumsum(begins_character)))  # characters that begin before each byte
    if spelled.strip() != text.strip() or n_begun[-1] != len(spelled):  # the latter: invalid UTF-8 in the middle
        return None
    lengths: IntArray = np.array([len(piece) for piece in pieces], np.int64)
    ends = np.cumsum(lengths)
    starts = ends - lengths
    is_split = np.append(~begins_character, False)[starts]  # a token that begins inside a character
    is_split &= ends > starts
    n_leading_moved = (len(text) - len(text.lstrip())) - (len(spelled) - len(spelled.lstrip()))
    offsets: IntArray = np.stack([n_begun[starts] - is_split, n_begun[ends]], axis=1) + n_leading_moved
    return offsets.clip(0, len(text))
