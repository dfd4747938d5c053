"""The fast twin of `sgram.text`: words of UTF-8 bytes, compiled. Knows nothing about n-grams or traces.

One loop (`next_word`) holds the whole rule; `find_words` gives it to people, `scan_shard` to the miner.
The GIL is released while scanning, so that shards can be scanned by threads.
"""

import numpy as np

from sgram.compiling import kernel
from sgram.text import (
    APOSTROPHE,
    BMP_CLASSES,
    DIGIT,
    ESCAPE,
    HYPHEN,
    LETTER,
    NON_LETTERS,
    PASS,
    STOP,
    Word,
    normal_word,
)

BREAK = -1
"""Sentence end in the word ids of a shard; documents begin and end with one."""

_CLASSES = np.frombuffer(BMP_CLASSES, dtype=np.uint8)
_ASTRAL = np.array([row for row in NON_LETTERS if row[0] > 0xFFFF], dtype=np.int64)
_WIDE = np.uint8(255)
_ASCII_CLASSES = np.where(np.arange(256) < 0x80, _CLASSES[:256], _WIDE).astype(np.uint8)
_LETTERS = np.array(
    [byte | 32 if _CLASSES[byte] == LETTER and byte < 0x80 else 0 for byte in range(256)], dtype=np.uint64
)
"""ASCII letters in lower case, 0 for every other byte."""
_PRIMES = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))


@kernel(inline="always")
def class_at(buffer, at, end):
    """(class, width in bytes) of the character that begins at byte `at`."""
    first = buffer[at]
    if first < 0x80:
        return _CLASSES[first], 1
    if first < 0xE0:
        width, code = 2, np.int64(first & 0x1F)
    elif first < 0xF0:
        width, code = 3, np.int64(first & 0x0F)
    else:
        width, code = 4, np.int64(first & 0x07)
    if at + width > end:
        return np.uint8(STOP), end - at
    for step in range(1, width):
        code = code << 6 | np.int64(buffer[at + step] & 0x3F)
    if code < 0x10000:
        return _CLASSES[code], width
    for row in range(_ASTRAL.shape[0]):
        if _ASTRAL[row, 0] <= code <= _ASTRAL[row, 1]:
            return np.uint8(_ASTRAL[row, 2]), width
    return np.uint8(LETTER), width


@kernel()
def _finish_word(buffer, at, end, length, low, high, word):
    """The rest of a word that is long, not ASCII, or has connectors; see `next_word`."""
    while at < end:
        kind, width = class_at(buffer, at, end)
        last = at + width
        if kind != LETTER:
            if kind >= PASS or last >= end or class_at(buffer, last, end)[0] != LETTER:
                return at, length, low, high, kind
            at = last - 1  # a wide apostrophe or hyphen becomes one byte
        while at < last:
            byte = _fold(buffer[at], kind)
            if length < 8:
                low |= np.uint64(byte) << np.uint64(8 * length)
            elif length < 16:
                high |= np.uint64(byte) << np.uint64(8 * length - 64)
            else:
                word[length] = byte
            length += 1
            at += 1
    return at, length, low, high, np.uint8(PASS)


@kernel(inline="always")
def _fold(byte, kind):
    """A byte of a word in normal form; `kind` is the class of its character."""
    if kind == APOSTROPHE:
        return np.uint8(39)
    if kind == HYPHEN:
        return np.uint8(45)
    return byte | np.uint8(32) if 65 <= byte <= 90 else byte


@kernel()
def next_word(buffer, at, end, word):
    """Find the next word in ``buffer[at:end]`` and write bytes 16 and later of its normal form into `word`.

    Returns (start, end, length of the normal form, its bytes 0-7 and 8-15 as little-endian integers,
    whether a sentence ended before it); start is -1 when there is no further word. `at` must not lie
    inside a run of letters, and a newline must stand at ``end - 1``.
    """
    broke = False
    before = np.uint8(PASS)
    while at < end:
        byte = buffer[at]
        kind = _ASCII_CLASSES[byte]
        if kind != LETTER:
            width = 1
            if kind == _WIDE:
                kind, width = class_at(buffer, at, end)
            if kind != LETTER:
                broke = broke | (kind >= STOP)
                before = kind
                at += width
                continue
        start = at
        low, high = np.uint64(0), np.uint64(0)
        # Nearly every word is a run of up to 16 ASCII letters: two loops with nothing else in them. They need
        # no look at `end`, because a newline stands before it.
        here, shift = np.uint64(at), np.uint64(0)
        letter = _LETTERS[buffer[here]]
        while letter != 0 and shift < np.uint64(64):
            low |= letter << shift
            shift += np.uint64(8)
            here += np.uint64(1)
            letter = _LETTERS[buffer[here]]
        if letter != 0:
            shift = np.uint64(0)
            while letter != 0 and shift < np.uint64(64):
                high |= letter << shift
                shift += np.uint64(8)
                here += np.uint64(1)
                letter = _LETTERS[buffer[here]]
        at = np.int64(here)
        length = at - start
        after = _ASCII_CLASSES[buffer[at]] if at < end else np.uint8(PASS)
        if after < PASS or after == _WIDE:  # anything but the plain end of a plain word
            at, length, low, high, after = _finish_word(buffer, at, end, length, low, high, word)
        if before == DIGIT or before == ESCAPE or after == DIGIT:
            broke = True
            before = np.uint8(LETTER)
            continue
        return start, at, length, low, high, broke
    return -1, end, 0, np.uint64(0), np.uint64(0), broke


@kernel()
def _word_offsets(buffer):
    """(n, 3) array of byte start, byte end and sentence number of each word."""
    end = buffer.shape[0]
    found = np.empty((end // 2 + 1, 3), np.int64)
    scratch = np.empty(end + 1, np.uint8)
    n, at, sentence = 0, 0, 0
    while True:
        start, at, _length, _low, _high, broke = next_word(buffer, at, end, scratch)
        if start < 0:
            return found[:n].copy()
        if broke and n:
            sentence += 1
        found[n, 0], found[n, 1], found[n, 2] = start, at, sentence
        n += 1


def word_offsets(text: str) -> np.ndarray:
    """Start, end (characters) and sentence of each word of `text`, int64 (n, 3)."""
    buffer = np.frombuffer(text.encode("utf-8", "surrogatepass") + b"\n", np.uint8)
    offsets = _word_offsets(buffer)
    if not text.isascii():  # byte offsets to character offsets: count the bytes that begin a character
        starts = np.concatenate(([0], np.cumsum((buffer & 0xC0) != 0x80)))
        offsets[:, :2] = starts[offsets[:, :2]]
    return offsets


def find_words(text: str) -> list[Word]:
    """Words of `text` with character offsets, equal to `sgram.text.find_words`."""
    return [
        Word(normal_word(text[start:end]), start, end, sentence) for start, end, sentence in word_offsets(text).tolist()
    ]


@kernel(inline="always")
def _slot(low, high, length, mask):
    mixed = (low + np.uint64(length)) * _PRIMES[0] ^ high * _PRIMES[1]
    return np.int64((mixed ^ (mixed >> np.uint64(32))) & mask)


@kernel()
def scan_shard(buffer, doc_ends):
    """Word ids of a shard: `buffer` holds its documents, each followed by a newline, `doc_ends` their ends.

    Returns ``(ids, id_ends, arena, word_ends, df, count)``: `ids` int32, each document a run of ids numbered
    by first appearance with `BREAK` between sentences and after the last; `id_ends` the end of each document in
    `ids` (``ids[0]`` is a `BREAK` before the first); word w is ``arena[word_ends[w-1]:word_ends[w]]``; df
    and count per word.
    """
    n_bytes, n_docs = buffer.shape[0], doc_ends.shape[0]
    ids = np.empty(n_bytes + 2 * n_docs + 1, np.int32)
    id_ends = np.empty(n_docs, np.int64)
    capacity, words = 1 << 15, 0
    table = np.full(capacity, -1, np.int32)
    keys = np.empty((capacity // 2, 2), np.uint64)
    facts = np.empty((capacity // 2, 4), np.int32)  # length, last document, df, count
    word_ends = np.zeros(capacity // 2, np.int64)
    arena = np.empty(1 << 18, np.uint8)
    scratch = np.empty(1 << 12, np.uint8)
    at, used, n = 0, 0, 1
    ids[0] = BREAK
    for doc in range(n_docs):
        end = doc_ends[doc]
        if end - at + 1 > scratch.shape[0]:
            scratch = np.empty(2 * (end - at) + 1, np.uint8)
        while True:
            start, at, length, low, high, broke = next_word(buffer, at, end, scratch)
            if broke and ids[n - 1] != BREAK:
                ids[n] = BREAK
                n += 1
            if start < 0:
                break
            slot = _slot(low, high, length, np.uint64(capacity - 1))
            while True:
                word = table[slot]
                if word < 0:
                    break
                if keys[word, 0] == low and keys[word, 1] == high and facts[word, 0] == length:
                    same = True
                    begin = word_ends[word] - length
                    for step in range(16, length):
                        same = same and arena[begin + step] == scratch[step]
                    if same:
                        break
                slot = (slot + 1) & (capacity - 1)
            if word >= 0:
                facts[word, 3] += 1
                if facts[word, 1] != doc:
                    facts[word, 1] = doc
                    facts[word, 2] += 1
            else:
                word = words
                words += 1
                table[slot] = word
                if used + length > arena.shape[0]:
                    arena = _resized(arena, 2 * (used + length))
                for step in range(length):
                    if step < 8:
                        arena[used + step] = np.uint8(low >> np.uint64(8 * step))
                    elif step < 16:
                        arena[used + step] = np.uint8(high >> np.uint64(8 * step - 64))
                    else:
                        arena[used + step] = scratch[step]
                used += length
                word_ends[word] = used
                keys[word, 0], keys[word, 1] = low, high
                facts[word, 0], facts[word, 1], facts[word, 2], facts[word, 3] = length, doc, 1, 1
                if 2 * words == capacity:
                    capacity *= 2
                    word_ends = _resized(word_ends, capacity // 2)
                    keys, facts = _taller(keys), _taller(facts)
                    table = np.full(capacity, -1, np.int32)
                    for old in range(words):
                        slot = _slot(keys[old, 0], keys[old, 1], facts[old, 0], np.uint64(capacity - 1))
                        while table[slot] >= 0:
                            slot = (slot + 1) & (capacity - 1)
                        table[slot] = old
            ids[n] = word
            n += 1
        if ids[n - 1] != BREAK:
            ids[n] = BREAK
            n += 1
        id_ends[doc] = n
    df, count = facts[:words, 2].copy(), facts[:words, 3].copy()
    return ids[:n].copy(), id_ends, arena[:used].copy(), word_ends[:words].copy(), df, count


@kernel()
def _resized(values, size):
    larger = np.empty(size, values.dtype)
    larger[: values.shape[0]] = values
    return larger


@kernel()
def _taller(rows):
    larger = np.empty((2 * rows.shape[0], rows.shape[1]), rows.dtype)
    larger[: rows.shape[0]] = rows
    return larger
