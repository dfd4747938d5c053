"""The fast twin of `sgram.text`: words of UTF-8 bytes, compiled.

One loop (`next_word`) holds the whole rule. `find_words` returns words of a text, `scan_shard` word ids of many
documents for the miner. The GIL is released while scanning, so threads can scan shards in parallel.
"""

import numpy as np

from sgram.array_types import AnyArray, ByteArray, Int32Array, IntArray, Integer
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
"""Stands for every byte of a non-ASCII character in `_ASCII_CLASSES`."""
_ASCII_CLASSES = np.where(np.arange(256) < 0x80, _CLASSES[:256], _WIDE).astype(np.uint8)
_LETTERS = np.array(
    [byte | 32 if _CLASSES[byte] == LETTER and byte < 0x80 else 0 for byte in range(256)], dtype=np.uint64
)
"""ASCII letters in lower case, 0 for every other byte."""
_PRIMES = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))


@kernel(inline="always")
def class_at(text_bytes: ByteArray, start: Integer, end: Integer) -> tuple[Integer, Integer]:
    """Return (class, width in bytes) of the character that begins at byte `start`."""
    first = text_bytes[start]
    if first < 0x80:
        return _CLASSES[first], 1
    if first < 0xE0:
        width, code = 2, np.int64(first & 0x1F)
    elif first < 0xF0:
        width, code = 3, np.int64(first & 0x0F)
    else:
        width, code = 4, np.int64(first & 0x07)
    if start + width > end:
        return np.uint8(STOP), end - start
    for step in range(1, width):
        code = code << 6 | np.int64(text_bytes[start + step] & 0x3F)
    if code < 0x10000:
        return _CLASSES[code], width
    for row in range(_ASTRAL.shape[0]):
        if _ASTRAL[row, 0] <= code <= _ASTRAL[row, 1]:
            return np.uint8(_ASTRAL[row, 2]), width
    return np.uint8(LETTER), width


@kernel()
def _finish_word(
    text_bytes: ByteArray,
    position: Integer,
    end: Integer,
    length: Integer,
    low: Integer,
    high: Integer,
    word_bytes: ByteArray,
) -> tuple[Integer, Integer, Integer, Integer, Integer]:
    """Read the rest of a word that is long, not ASCII, or has connectors; see `next_word`."""
    while position < end:
        char_class, width = class_at(text_bytes, position, end)
        last = position + width
        if char_class != LETTER:
            if char_class >= PASS or last >= end or class_at(text_bytes, last, end)[0] != LETTER:
                return position, length, low, high, char_class
            position = last - 1  # a wide apostrophe or hyphen becomes one byte
        while position < last:
            byte = _fold(text_bytes[position], char_class)
            if length < 8:
                low |= np.uint64(byte) << np.uint64(8 * length)
            elif length < 16:
                high |= np.uint64(byte) << np.uint64(8 * length - 64)
            else:
                word_bytes[length] = byte
            length += 1
            position += 1
    return position, length, low, high, np.uint8(PASS)


@kernel(inline="always")
def _fold(byte: Integer, char_class: Integer) -> Integer:
    """Return a byte of a word in normal form; `char_class` is the class of its character."""
    if char_class == APOSTROPHE:
        return np.uint8(39)
    if char_class == HYPHEN:
        return np.uint8(45)
    return byte | np.uint8(32) if 65 <= byte <= 90 else byte


@kernel()
def next_word(
    text_bytes: ByteArray, position: Integer, end: Integer, word_bytes: ByteArray
) -> tuple[Integer, Integer, Integer, Integer, Integer, Integer]:
    """Find the next word in ``text_bytes[position:end]``.

    Return (start, end, length of the normal form, its bytes 0-7 and 8-15 as little-endian integers, whether a
    sentence ended before the word). Start is -1 if there is no further word. Bytes 16 and later of the normal form
    are written into `word_bytes`. `position` must not lie inside a run of letters, and a newline must stand at
    ``end - 1``.
    """
    has_break = False
    before: Integer = np.uint8(PASS)
    while position < end:
        byte = text_bytes[position]
        char_class: Integer = _ASCII_CLASSES[byte]
        if char_class != LETTER:
            width = 1
            if char_class == _WIDE:
                char_class, width = class_at(text_bytes, position, end)
            if char_class != LETTER:
                has_break = has_break | (char_class >= STOP)
                before = char_class
                position += width
                continue
        start = position
        low, high = np.uint64(0), np.uint64(0)
        # Nearly every word is a run of up to 16 ASCII letters: two loops that do nothing else. They need not compare
        # with `end`, because a newline stands before it.
        cursor, shift = np.uint64(position), np.uint64(0)
        letter = _LETTERS[text_bytes[cursor]]
        while letter != 0 and shift < np.uint64(64):
            low |= letter << shift
            shift += np.uint64(8)
            cursor += np.uint64(1)
            letter = _LETTERS[text_bytes[cursor]]
        if letter != 0:
            shift = np.uint64(0)
            while letter != 0 and shift < np.uint64(64):
                high |= letter << shift
                shift += np.uint64(8)
                cursor += np.uint64(1)
                letter = _LETTERS[text_bytes[cursor]]
        position = np.int64(cursor)
        length = position - start
        after = _ASCII_CLASSES[text_bytes[position]] if position < end else np.uint8(PASS)
        if after < PASS or after == _WIDE:  # anything but the plain end of a plain word
            position, length, low, high, after = _finish_word(text_bytes, position, end, length, low, high, word_bytes)
        if before == DIGIT or before == ESCAPE or after == DIGIT:
            has_break = True
            before = np.uint8(LETTER)
            continue
        return start, position, length, low, high, has_break
    return -1, end, 0, np.uint64(0), np.uint64(0), has_break


@kernel()
def _byte_offsets(text_bytes: ByteArray) -> IntArray:
    """Return byte start, byte end and sentence number of each word, int64 (n_words, 3)."""
    end = text_bytes.shape[0]
    offsets = np.empty((end // 2 + 1, 3), np.int64)
    word_bytes = np.empty(end + 1, np.uint8)
    n_words, position, sentence = 0, 0, 0
    while True:
        start, position, _length, _low, _high, has_break = next_word(text_bytes, position, end, word_bytes)
        if start < 0:
            return offsets[:n_words].copy()
        if has_break and n_words:
            sentence += 1
        offsets[n_words, 0], offsets[n_words, 1], offsets[n_words, 2] = start, position, sentence
        n_words += 1


def word_offsets(text: str) -> IntArray:
    """Return start, end (in characters) and sentence number of each word of `text`, int64 (n_words, 3).

    >>> word_offsets("Wait. Let me").tolist()
    [[0, 4, 0], [6, 9, 1], [10, 12, 1]]
    """
    text_bytes = np.frombuffer(text.encode("utf-8", "surrogatepass") + b"\n", np.uint8)
    offsets = _byte_offsets(text_bytes)
    if not text.isascii():  # byte offsets to character offsets: count the bytes that begin a character
        starts = np.concatenate(([0], np.cumsum((text_bytes & 0xC0) != 0x80)))
        offsets[:, :2] = starts[offsets[:, :2]]
    return offsets


def find_words(text: str) -> list[Word]:
    """Return the words of `text` with character offsets, equal to `sgram.text.find_words`.

    >>> find_words("Wait!")
    [Word(text='wait', start=0, end=4, sentence=0)]
    """
    return [
        Word(normal_word(text[start:end]), start, end, sentence) for start, end, sentence in word_offsets(text).tolist()
    ]


@kernel(inline="always")
def _slot(low: Integer, high: Integer, length: Integer, mask: Integer) -> Integer:
    """Return the first slot of a word in a hash table of ``mask + 1`` slots."""
    mixed = (low + np.uint64(length)) * _PRIMES[0] ^ high * _PRIMES[1]
    return np.int64((mixed ^ (mixed >> np.uint64(32))) & mask)


@kernel()
def scan_shard(
    shard_bytes: ByteArray, document_ends: IntArray
) -> tuple[Int32Array, IntArray, ByteArray, IntArray, Int32Array, Int32Array]:
    """Return the word ids of a shard and its vocabulary.

    `shard_bytes` holds the documents, each followed by a newline; `document_ends` are their ends in it. The result is
    ``(word_ids, id_ends, arena, word_ends, df, count)``:

    - `word_ids` int32: the words of each document, numbered by first appearance, with `BREAK` between sentences and
      after the last one; ``word_ids[0]`` is a `BREAK` before the first document.
    - `id_ends` int64 (n_documents,): end of each document in `word_ids`.
    - `arena` uint8: word w is ``arena[word_ends[w-1]:word_ends[w]]``; `word_ends` int64 (n_words,).
    - `df`, `count` int32 (n_words,): documents that contain the word, and its occurrences.
    """
    n_bytes, n_documents = shard_bytes.shape[0], document_ends.shape[0]
    word_ids = np.empty(n_bytes + 2 * n_documents + 1, np.int32)
    id_ends = np.empty(n_documents, np.int64)
    capacity, n_words = 1 << 15, 0
    table = np.full(capacity, -1, np.int32)
    keys = np.empty((capacity // 2, 2), np.uint64)
    counts = np.empty((capacity // 2, 4), np.int32)  # length, last document, df, count
    word_ends = np.zeros(capacity // 2, np.int64)
    arena = np.empty(1 << 18, np.uint8)
    word_bytes = np.empty(1 << 12, np.uint8)
    position, arena_size, n_ids = 0, 0, 1
    word_ids[0] = BREAK
    for document in range(n_documents):
        end = document_ends[document]
        if end - position + 1 > word_bytes.shape[0]:
            word_bytes = np.empty(2 * (end - position) + 1, np.uint8)
        while True:
            start, position, length, low, high, has_break = next_word(shard_bytes, position, end, word_bytes)
            if has_break and word_ids[n_ids - 1] != BREAK:
                word_ids[n_ids] = BREAK
                n_ids += 1
            if start < 0:
                break
            slot = _slot(low, high, length, np.uint64(capacity - 1))
            while True:
                word: Integer = table[slot]
                if word < 0:
                    break
                if keys[word, 0] == low and keys[word, 1] == high and counts[word, 0] == length:
                    is_same = True
                    first_byte = word_ends[word] - length
                    for step in range(16, length):
                        is_same = is_same and arena[first_byte + step] == word_bytes[step]
                    if is_same:
                        break
                slot = (slot + 1) & (capacity - 1)
            if word >= 0:
                counts[word, 3] += 1
                if counts[word, 1] != document:
                    counts[word, 1] = document
                    counts[word, 2] += 1
            else:
                word = n_words
                n_words += 1
                table[slot] = word
                if arena_size + length > arena.shape[0]:
                    arena = _resized(arena, 2 * (arena_size + length))
                for step in range(length):
                    if step < 8:
                        arena[arena_size + step] = np.uint8(low >> np.uint64(8 * step))
                    elif step < 16:
                        arena[arena_size + step] = np.uint8(high >> np.uint64(8 * step - 64))
                    else:
                        arena[arena_size + step] = word_bytes[step]
                arena_size += length
                word_ends[word] = arena_size
                keys[word, 0], keys[word, 1] = low, high
                counts[word, 0], counts[word, 1], counts[word, 2], counts[word, 3] = length, document, 1, 1
                if 2 * n_words == capacity:
                    capacity *= 2
                    word_ends = _resized(word_ends, capacity // 2)
                    keys, counts = _with_twice_the_rows(keys), _with_twice_the_rows(counts)
                    table = np.full(capacity, -1, np.int32)
                    for old_word in range(n_words):
                        slot = _slot(keys[old_word, 0], keys[old_word, 1], counts[old_word, 0], np.uint64(capacity - 1))
                        while table[slot] >= 0:
                            slot = (slot + 1) & (capacity - 1)
                        table[slot] = old_word
            word_ids[n_ids] = word
            n_ids += 1
        if word_ids[n_ids - 1] != BREAK:
            word_ids[n_ids] = BREAK
            n_ids += 1
        id_ends[document] = n_ids
    df, count = counts[:n_words, 2].copy(), counts[:n_words, 3].copy()
    return word_ids[:n_ids].copy(), id_ends, arena[:arena_size].copy(), word_ends[:n_words].copy(), df, count


@kernel()
def _resized(array: AnyArray, size: Integer) -> AnyArray:
    """Return a copy of a 1-d array with room for `size` numbers."""
    larger = np.empty(size, array.dtype)
    larger[: array.shape[0]] = array
    return larger


@kernel()
def _with_twice_the_rows(table: AnyArray) -> AnyArray:
    """Return a copy of a 2-d array with room for twice as many rows."""
    larger = np.empty((2 * table.shape[0], table.shape[1]), table.dtype)
    larger[: table.shape[0]] = table
    return larger
