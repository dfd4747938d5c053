"""The tagging machine: one token after the other, compiled. Knows nothing about tokenizers, only about their tables.

It carries a little state: the word that is open, the character that is half read, the state of the word
automaton, and where the last words began. Whatever pieces a token has, the state after them is the one that their bytes
alone would give, so it does not matter how a text was cut into tokens. `sgram.tagging.kernel.rows` drives it over rows,
with a short cut for plain tokens; `sgram.tagging.kernel.gpu` is the same machine for a GPU.
"""

import numpy as np
from numba import njit

from sgram.scan import class_at
from sgram.tagging.kernel.automaton import DEAD, ROOT
from sgram.tagging.kernel.pieces import (
    GAP,
    GAP_RUN,
    GENERAL,
    JOIN,
    JOIN_RUN,
    PERHAPS,
    RAW,
    RUN,
    SEEN,
    character_width,
    code_point,
    continues,
    is_space,
)
from sgram.tagging.kernel.tables import (
    BASES,
    COLUMNS,
    EDGES,
    ENDS,
    FAILS,
    FIRSTS,
    HEADS,
    LONGEST,
    MOVE,
    PARTS,
    PLACES,
    SIZES,
    SPELLED,
    TRIE,
    WIDTH,
    WORDS,
)
from sgram.text import APOSTROPHE, DIGIT, ESCAPE, HYPHEN, LETTER, PASS, STOP

OPEN, SOUND, JOINER, NODE, FIRST, LAST, BEFORE, STATE, N_WORDS, N_RAW, RAW_FIRST = range(11)
"""Registers: whether a word is open, begins soundly, ends in a connector (its byte); its trie node, first and
last token; class of the last character; automaton state; words so far; bytes of a half read character, its token."""
STARTS = 16
"""Registers from here on hold the first token of the last 8 words."""
N_REGISTERS = STARTS + 8
PASSED = PASS << 8 | PASS << 16
_STOPPED = STOP << 8 | 1 << 12 | STOP << 16


@njit(nogil=True, cache=True, inline="always")
def step_trie(numbers, starts, node, byte):
    """Trie node after one byte."""
    column = numbers[starts[COLUMNS] + byte]
    return numbers[starts[TRIE] + node * starts[WIDTH] + column]


@njit(nogil=True, cache=True, inline="always")
def walk(letters, at, size, numbers, starts, node):
    """Trie node after `size` bytes from `node`."""
    for step in range(at, at + size):
        if node == DEAD:
            break
        node = step_trie(numbers, starts, node, letters[step])
    return node


@njit(nogil=True, cache=True)
def _is_seen(ids, token, first, last, numbers, letters, starts):
    """Whether a token that holds only parts of characters, and spaces, holds part of a character that is no space.

    It stands inside a span that runs from token `first` to token `last`, so the bytes there are valid UTF-8.
    """
    ends, spelled = starts[ENDS], starts[SPELLED]
    size = numbers[ends + ids[token] + 1] - numbers[ends + ids[token]]
    around = np.empty(size + 6, np.uint8)
    before, held, here = 3, 0, token
    for step in range(size):
        around[3 + step] = letters[spelled + numbers[ends + ids[token]] + step]
    while around[before] & 0xC0 == 0x80 and here > first:  # back to the byte that begins the character
        here -= 1
        for at in range(numbers[ends + ids[here] + 1] - 1, numbers[ends + ids[here]] - 1, -1):
            if around[before] & 0xC0 == 0x80:
                before -= 1
                around[before] = letters[spelled + at]
    held, here = 3 + size, token
    while here < last and held < size + 6:
        here += 1
        for at in range(numbers[ends + ids[here]], numbers[ends + ids[here] + 1]):
            if held < size + 6:
                around[held] = letters[spelled + at]
                held += 1
    while before < 3 + size:
        width = max(character_width(around, before, held), 1)
        if before + width > 3 and not is_space(code_point(around, before, width)):
            return True
        before += width
    return False


@njit(nogil=True, cache=True, inline="always")
def mark(ids, first, last, length, state, numbers, letters, starts, mask, moves, lengths):
    """Mark tokens `first` to `last`, which hold the longest gram of `state`, of `length` words."""
    heads = np.uint64(starts[HEADS])
    for token in range(np.uint64(first), np.uint64(last + 1)):
        seen = numbers[heads + np.uint64(4) * np.uint64(ids[token])] >> 20 & 3
        if seen == SEEN or (seen == PERHAPS and _is_seen(ids, np.int64(token), first, last, numbers, letters, starts)):
            mask[token] = True
            if moves.shape[0] and length > lengths[token]:
                lengths[token] = length
                moves[token] = numbers[starts[MOVE] + state]


@njit(nogil=True, cache=True, inline="always")
def next_state(numbers, bases, edges, fails, firsts, state, word):
    """State after `word` in `state`; where the tables begin is unsigned."""
    while state != 0:
        slot = edges + np.uint64(2) * np.uint64(numbers[bases + np.uint64(state)] + word)
        if numbers[slot] == state:
            return numbers[slot + np.uint64(1)]
        state = numbers[fails + np.uint64(state)]
    return numbers[firsts + np.uint64(word)]


@njit(nogil=True, cache=True)
def _end_word(ids, registers, numbers, letters, starts, mask, moves, lengths):
    """A sound word ends: go on to the next state, and mark the longest gram that ends with it."""
    word = numbers[starts[WORDS] + registers[NODE]]
    if word < 0:
        registers[STATE] = 0
        return
    state = next_state(
        numbers,
        np.uint64(starts[BASES]),
        np.uint64(starts[EDGES]),
        np.uint64(starts[FAILS]),
        np.uint64(starts[FIRSTS]),
        np.int32(registers[STATE]),
        word,
    )
    registers[STATE] = state
    if state != 0:
        registers[STARTS + (registers[N_WORDS] & 7)] = registers[FIRST]
        registers[N_WORDS] += 1
        length = numbers[starts[LONGEST] + state]
        if length:
            first = registers[STARTS + (registers[N_WORDS] - length & 7)]
            mark(ids, first, registers[LAST], length, state, numbers, letters, starts, mask, moves, lengths)


@njit(nogil=True, cache=True)
def close_row(ids, registers, numbers, letters, starts, mask, moves, lengths):
    """End the text: a word that is open ends here, a half read character is none."""
    if registers[OPEN] and registers[SOUND]:
        _end_word(ids, registers, numbers, letters, starts, mask, moves, lengths)
    registers[OPEN], registers[JOINER], registers[N_RAW], registers[STATE] = 0, 0, 0, 0
    registers[BEFORE] = PASS


@njit(nogil=True, cache=True)
def _take_gap(ids, registers, what, numbers, letters, starts, mask, moves, lengths):
    if registers[OPEN]:
        spoilt = registers[JOINER] == 0 and what >> 8 & 0xF == DIGIT
        if registers[SOUND] and not spoilt:
            _end_word(ids, registers, numbers, letters, starts, mask, moves, lengths)
        else:
            registers[STATE] = 0
        registers[OPEN], registers[JOINER] = 0, 0
    if what >> 12 & 1:
        registers[STATE] = 0
    registers[BEFORE] = what >> 16 & 0xF


@njit(nogil=True, cache=True)
def _take_join(ids, registers, byte, numbers, letters, starts, mask, moves, lengths):
    if registers[OPEN] and registers[JOINER] == 0:
        registers[JOINER] = byte
    else:
        _take_gap(ids, registers, PASSED, numbers, letters, starts, mask, moves, lengths)


@njit(nogil=True, cache=True)
def _take_run(registers, token, first, run, at, size, lead, numbers, starts):
    """A run of letters, ``run[at:at+size]``, in `token`.

    `first` is the token where its first character begins, `lead` the trie node that it leads to from the root.
    """
    if registers[OPEN]:
        node = np.int32(registers[NODE])
        if registers[JOINER]:
            node = step_trie(numbers, starts, node, registers[JOINER])
        registers[JOINER] = 0
        registers[NODE] = walk(run, at, size, numbers, starts, node)
    else:
        registers[OPEN], registers[FIRST], registers[NODE] = 1, first, lead
        registers[SOUND] = registers[BEFORE] != DIGIT and registers[BEFORE] != ESCAPE
    registers[LAST] = token


@njit(nogil=True, cache=True)
def _take_raw(ids, registers, token, byte, raw, numbers, letters, starts, mask, moves, lengths):
    """One byte of a character that the token holds in part; `raw` holds the bytes before it."""
    n = registers[N_RAW]
    if n and not continues(raw[0], n, byte):  # what was begun is no character
        _take_gap(ids, registers, _STOPPED, numbers, letters, starts, mask, moves, lengths)
        registers[N_RAW] = n = 0
    if n == 0:
        if 0xC2 <= byte <= 0xF4:
            raw[0], registers[N_RAW], registers[RAW_FIRST] = byte, 1, token
        else:
            _take_gap(ids, registers, _STOPPED, numbers, letters, starts, mask, moves, lengths)
        return
    raw[n] = byte
    n += 1
    registers[N_RAW] = n
    if n < (2 if raw[0] < 0xE0 else 3 if raw[0] < 0xF0 else 4):
        return
    registers[N_RAW] = 0
    kind = np.int64(class_at(raw, 0, n)[0])
    if kind == LETTER:
        lead = walk(raw, 0, n, numbers, starts, np.int32(ROOT))
        _take_run(registers, token, registers[RAW_FIRST], raw, 0, n, lead, numbers, starts)
    elif kind == APOSTROPHE:
        _take_join(ids, registers, 39, numbers, letters, starts, mask, moves, lengths)
    elif kind == HYPHEN:
        _take_join(ids, registers, 45, numbers, letters, starts, mask, moves, lengths)
    else:
        what = kind << 8 | np.int64(kind >= STOP) << 12 | kind << 16
        _take_gap(ids, registers, what, numbers, letters, starts, mask, moves, lengths)


@njit(nogil=True, cache=True)
def _take_piece(ids, registers, token, what, at, size, lead, raw, numbers, letters, starts, mask, moves, lengths):
    """Any piece, or token of one piece, in any state."""
    kind = what & 0xFF
    if kind == RAW:
        _take_raw(ids, registers, token, np.uint8(at), raw, numbers, letters, starts, mask, moves, lengths)
        return
    if registers[N_RAW]:
        registers[N_RAW] = 0
        _take_gap(ids, registers, _STOPPED, numbers, letters, starts, mask, moves, lengths)
    if kind == GAP or kind == GAP_RUN:
        _take_gap(ids, registers, what, numbers, letters, starts, mask, moves, lengths)
    elif kind == JOIN:
        _take_join(ids, registers, at, numbers, letters, starts, mask, moves, lengths)
    elif kind == JOIN_RUN:
        _take_join(ids, registers, np.int64(letters[at]), numbers, letters, starts, mask, moves, lengths)
        at, size = at + 1, size - 1
    if kind == RUN or kind == GAP_RUN or kind == JOIN_RUN:
        _take_run(registers, token, token, letters, at, size, lead, numbers, starts)


@njit(nogil=True, cache=True)
def take_token(ids, registers, token, raw, numbers, letters, starts, mask, moves, lengths):
    """Any token that holds text, in any state."""
    value = np.int64(ids[token])
    what, lead = np.int64(numbers[starts[HEADS] + 4 * value]), numbers[starts[HEADS] + 4 * value + 1]
    at, size = np.int64(numbers[starts[PLACES] + value]), np.int64(numbers[starts[SIZES] + value])
    if what & 0xFF != GENERAL:
        _take_piece(ids, registers, token, what, at, size, lead, raw, numbers, letters, starts, mask, moves, lengths)
        return
    for part in range(starts[PARTS] + 4 * at, starts[PARTS] + 4 * (at + size), 4):
        _take_piece(
            ids,
            registers,
            token,
            np.int64(numbers[part]),
            np.int64(numbers[part + 1]),
            np.int64(numbers[part + 2]),
            numbers[part + 3],
            raw,
            numbers,
            letters,
            starts,
            mask,
            moves,
            lengths,
        )
