"""The planning mask of rows of token ids, compiled. Knows nothing about tokenizers, only about their tables.

One pass over the ids with a little state: the word that is open, the character that is half read, the state of
the word automaton, and where the last words began. Whatever pieces a token has, the state after them is the one
that their bytes alone would give, so it does not matter how a text was cut into tokens. `sgram.tagging.gpu` is the
same machine for a GPU.
"""

import numpy as np
from numba import njit

from sgram.scan import class_at
from sgram.tagging.automaton import DEAD, ROOT
from sgram.tagging.pieces import (
    EMPTY,
    GAP,
    GAP_RUN,
    GENERAL,
    JOIN,
    JOIN_RUN,
    NO_TEXT,
    PERHAPS,
    RAW,
    RUN,
    SEEN,
    character_width,
    code_point,
    continues,
    is_space,
)
from sgram.tagging.tables import (
    BASES,
    COLUMNS,
    EDGES,
    ENDS,
    FAILS,
    FIRSTS,
    HEADS,
    LEADS,
    LONGEST,
    MOVE,
    N_IDS,
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
_PASSED = PASS << 8 | PASS << 16
_STOPPED = STOP << 8 | 1 << 12 | STOP << 16


@njit(nogil=True, cache=True, inline="always")
def _walk(letters, at, size, numbers, starts, node):
    """Trie node after `size` bytes from `node`."""
    for step in range(at, at + size):
        if node == DEAD:
            break
        column = numbers[starts[COLUMNS] + letters[step]]
        node = numbers[starts[TRIE] + node * starts[WIDTH] + column]
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


@njit(nogil=True, cache=True)
def _mark(ids, registers, length, last, state, numbers, letters, starts, marks):
    """Mark the tokens of the last `length` words, the longest gram of `state`, which ends in token `last`."""
    mask, moves, lengths = marks
    first = registers[STARTS + (registers[N_WORDS] - length & 7)]
    for token in range(first, last + 1):
        seen = numbers[starts[HEADS] + ids[token]] >> 20 & 3
        if seen == SEEN or (seen == PERHAPS and _is_seen(ids, token, first, last, numbers, letters, starts)):
            mask[token] = True
            if moves.shape[0] and length > lengths[token]:
                lengths[token] = length
                moves[token] = numbers[starts[MOVE] + state]


@njit(nogil=True, cache=True, inline="always")
def _next_state(numbers, bases, edges, fails, firsts, state, word):
    """State after `word` in `state`."""
    while state != 0:
        slot = edges + 2 * (numbers[bases + state] + word)
        if numbers[slot] == state:
            return numbers[slot + 1]
        state = numbers[fails + state]
    return numbers[firsts + word]


@njit(nogil=True, cache=True)
def _end_word(ids, registers, numbers, letters, starts, marks):
    """A sound word ends: go on to the next state, and mark the longest gram that ends with it."""
    word = numbers[starts[WORDS] + registers[NODE]]
    if word < 0:
        registers[STATE] = 0
        return
    state = _next_state(
        numbers, starts[BASES], starts[EDGES], starts[FAILS], starts[FIRSTS], np.int32(registers[STATE]), word
    )
    registers[STATE] = state
    if state != 0:
        registers[STARTS + (registers[N_WORDS] & 7)] = registers[FIRST]
        registers[N_WORDS] += 1
        length = numbers[starts[LONGEST] + state]
        if length:
            _mark(ids, registers, length, registers[LAST], state, numbers, letters, starts, marks)


@njit(nogil=True, cache=True)
def close_row(ids, registers, numbers, letters, starts, marks):
    """End the text: a word that is open ends here, a half read character is none."""
    if registers[OPEN] and registers[SOUND]:
        _end_word(ids, registers, numbers, letters, starts, marks)
    registers[OPEN], registers[JOINER], registers[N_RAW], registers[STATE] = 0, 0, 0, 0
    registers[BEFORE] = PASS


@njit(nogil=True, cache=True)
def _take_gap(ids, registers, what, numbers, letters, starts, marks):
    if registers[OPEN]:
        spoilt = registers[JOINER] == 0 and what >> 8 & 0xF == DIGIT
        if registers[SOUND] and not spoilt:
            _end_word(ids, registers, numbers, letters, starts, marks)
        else:
            registers[STATE] = 0
        registers[OPEN], registers[JOINER] = 0, 0
    if what >> 12 & 1:
        registers[STATE] = 0
    registers[BEFORE] = what >> 16 & 0xF


@njit(nogil=True, cache=True)
def _take_join(ids, registers, byte, numbers, letters, starts, marks):
    if registers[OPEN] and registers[JOINER] == 0:
        registers[JOINER] = byte
    else:
        _take_gap(ids, registers, _PASSED, numbers, letters, starts, marks)


@njit(nogil=True, cache=True)
def _take_run(registers, token, first, run, at, size, lead, numbers, starts):
    """A run of letters, ``run[at:at+size]``, in `token`.

    `first` is the token where its first character begins, `lead` the trie node that it leads to from the root.
    """
    if registers[OPEN]:
        node = np.int32(registers[NODE])
        if registers[JOINER] and node != DEAD:
            column = numbers[starts[COLUMNS] + registers[JOINER]]
            node = numbers[starts[TRIE] + node * starts[WIDTH] + column]
        registers[JOINER] = 0
        registers[NODE] = _walk(run, at, size, numbers, starts, node)
    else:
        registers[OPEN], registers[FIRST], registers[NODE] = 1, first, lead
        registers[SOUND] = registers[BEFORE] != DIGIT and registers[BEFORE] != ESCAPE
    registers[LAST] = token


@njit(nogil=True, cache=True)
def _take_raw(ids, registers, token, byte, raw, numbers, letters, starts, marks):
    """One byte of a character that the token holds in part; `raw` holds the bytes before it."""
    n = registers[N_RAW]
    if n and not continues(raw[0], n, byte):  # what was begun is no character
        _take_gap(ids, registers, _STOPPED, numbers, letters, starts, marks)
        registers[N_RAW] = n = 0
    if n == 0:
        if 0xC2 <= byte <= 0xF4:
            raw[0], registers[N_RAW], registers[RAW_FIRST] = byte, 1, token
        else:
            _take_gap(ids, registers, _STOPPED, numbers, letters, starts, marks)
        return
    raw[n] = byte
    n += 1
    registers[N_RAW] = n
    if n < (2 if raw[0] < 0xE0 else 3 if raw[0] < 0xF0 else 4):
        return
    registers[N_RAW] = 0
    kind = np.int64(class_at(raw, 0, n)[0])
    if kind == LETTER:
        lead = _walk(raw, 0, n, numbers, starts, np.int32(ROOT))
        _take_run(registers, token, registers[RAW_FIRST], raw, 0, n, lead, numbers, starts)
    elif kind == APOSTROPHE:
        _take_join(ids, registers, 39, numbers, letters, starts, marks)
    elif kind == HYPHEN:
        _take_join(ids, registers, 45, numbers, letters, starts, marks)
    else:
        what = kind << 8 | np.int64(kind >= STOP) << 12 | kind << 16
        _take_gap(ids, registers, what, numbers, letters, starts, marks)


@njit(nogil=True, cache=True)
def _take_piece(ids, registers, token, what, at, size, lead, raw, numbers, letters, starts, marks):
    """Any piece, or token of one piece, in any state."""
    kind = what & 0xFF
    if kind == RAW:
        _take_raw(ids, registers, token, np.uint8(at), raw, numbers, letters, starts, marks)
        return
    if registers[N_RAW]:
        registers[N_RAW] = 0
        _take_gap(ids, registers, _STOPPED, numbers, letters, starts, marks)
    if kind == GAP or kind == GAP_RUN:
        _take_gap(ids, registers, what, numbers, letters, starts, marks)
    elif kind == JOIN:
        _take_join(ids, registers, at, numbers, letters, starts, marks)
    elif kind == JOIN_RUN:
        _take_join(ids, registers, np.int64(letters[at]), numbers, letters, starts, marks)
        at, size = at + 1, size - 1
    if kind == RUN or kind == GAP_RUN or kind == JOIN_RUN:
        _take_run(registers, token, token, letters, at, size, lead, numbers, starts)


@njit(nogil=True, cache=True)
def _take_slowly(ids, registers, token, raw, numbers, letters, starts, marks):
    """Any token that holds text, in any state."""
    value = np.int64(ids[token])
    what, lead = np.int64(numbers[starts[HEADS] + value]), numbers[starts[LEADS] + value]
    at, size = np.int64(numbers[starts[PLACES] + value]), np.int64(numbers[starts[SIZES] + value])
    if what & 0xFF != GENERAL:
        _take_piece(ids, registers, token, what, at, size, lead, raw, numbers, letters, starts, marks)
        return
    for part in range(starts[PARTS] + 4 * at, starts[PARTS] + 4 * (at + size), 4):
        _take_piece(
            ids, registers, token, np.int64(numbers[part]), np.int64(numbers[part + 1]),
            np.int64(numbers[part + 2]), numbers[part + 3], raw, numbers, letters, starts, marks,
        )  # fmt: skip


@njit(nogil=True, cache=True)
def tag_tokens(ids, attended, begin, end, registers, raw, numbers, letters, starts, marks):
    """Take tokens ``begin <= t < end`` of one row; the place of an id that is out of range, or -1.

    `attended` bool like `ids`, or empty: where it is False, a position holds no text. `registers` int64
    (`N_REGISTERS`,) and `raw` uint8 (4,) are the state, carried from call to call; zeros and ``BEFORE = PASS`` to
    begin. `numbers, letters, starts` are `Tables`. `marks` is what is written, one element a token: bool mask;
    int8 moves of planning tokens, and int8 words of the gram that gave each its move, both empty where nobody asks.

    Gaps and runs in a plain state, nearly everything, are taken here, with the registers in local variables; the
    rest is taken by `_take_slowly`.
    """
    heads, leads, words = starts[HEADS], starts[LEADS], starts[WORDS]
    bases, edges, fails, firsts, lengths = (
        starts[BASES], starts[EDGES], starts[FAILS], starts[FIRSTS], starts[LONGEST],
    )  # fmt: skip
    mask, want_moves, n_ids, masked = marks[0], marks[1].shape[0] > 0, starts[N_IDS], attended.shape[0] > 0
    plain = registers[JOINER] == 0 and registers[N_RAW] == 0
    opened, sound, node = registers[OPEN] != 0, registers[SOUND] != 0, np.int32(registers[NODE])
    first, last, before = registers[FIRST], registers[LAST], registers[BEFORE]
    state, n_words = np.int32(registers[STATE]), registers[N_WORDS]
    wrong = -1
    for token in range(begin, end):
        is_text = not masked or attended[token]
        value = np.int64(ids[token])
        if is_text and (value < 0 or value >= n_ids):
            wrong = token
            break
        what = numbers[heads + value] if is_text else np.int32(NO_TEXT)
        kind = what & 0xFF
        if plain and kind <= GAP:
            if kind != RUN:
                if opened:
                    opened, word = False, np.int32(-1)
                    if sound and what >> 8 & 0xF != DIGIT:
                        word = numbers[words + node]
                    if word < 0:
                        state = np.int32(0)
                    else:
                        state = _next_state(numbers, bases, edges, fails, firsts, state, word)
                    if state != 0:
                        registers[STARTS + (n_words & 7)] = first
                        n_words += 1
                        length = numbers[lengths + state]
                        if length and want_moves:
                            registers[N_WORDS] = n_words
                            _mark(ids, registers, length, last, state, numbers, letters, starts, marks)
                        elif length:
                            begun = registers[STARTS + (n_words - length & 7)]
                            for marked in range(begun, last + 1):
                                seen = numbers[heads + ids[marked]] >> 20 & 3
                                if seen == SEEN or (
                                    seen == PERHAPS
                                    and _is_seen(ids, marked, begun, last, numbers, letters, starts)
                                ):
                                    mask[marked] = True
                if what >> 12 & 1:
                    state = np.int32(0)
                before = np.int64(what >> 16 & 0xF)
            if kind != GAP:
                if opened:
                    at, size = (
                        np.int64(numbers[starts[PLACES] + value]),
                        np.int64(numbers[starts[SIZES] + value]),
                    )
                    node = _walk(letters, at, size, numbers, starts, node)
                else:
                    opened, first, node = True, token, numbers[leads + value]
                    sound = before != DIGIT and before != ESCAPE
                last = token
            continue
        if kind == EMPTY:
            continue
        registers[OPEN], registers[SOUND], registers[NODE] = opened, sound, node
        registers[FIRST], registers[LAST], registers[BEFORE] = first, last, before
        registers[STATE], registers[N_WORDS] = state, n_words
        if kind == NO_TEXT:
            close_row(ids, registers, numbers, letters, starts, marks)
        else:
            _take_slowly(ids, registers, token, raw, numbers, letters, starts, marks)
        plain = registers[JOINER] == 0 and registers[N_RAW] == 0
        opened, sound, node = registers[OPEN] != 0, registers[SOUND] != 0, np.int32(registers[NODE])
        first, last, before = registers[FIRST], registers[LAST], registers[BEFORE]
        state, n_words = np.int32(registers[STATE]), registers[N_WORDS]
    registers[OPEN], registers[SOUND], registers[NODE] = opened, sound, node
    registers[FIRST], registers[LAST], registers[BEFORE] = first, last, before
    registers[STATE], registers[N_WORDS] = state, n_words
    return wrong


@njit(nogil=True, cache=True)
def tag_rows(ids, attended, row_ends, numbers, letters, starts, marks):
    """Mark whole rows, of which row r ends at ``row_ends[r]``; the place of an id that is out of range, or -1.

    The first row begins at ``row_ends[0]``: `row_ends` has one element more than there are rows.
    """
    registers, raw = np.zeros(N_REGISTERS, np.int64), np.zeros(4, np.uint8)
    registers[BEFORE] = PASS
    for row in range(row_ends.shape[0] - 1):
        wrong = tag_tokens(
            ids, attended, row_ends[row], row_ends[row + 1], registers, raw, numbers, letters, starts, marks
        )
        if wrong >= 0:
            return wrong
        close_row(ids, registers, numbers, letters, starts, marks)
    return -1
