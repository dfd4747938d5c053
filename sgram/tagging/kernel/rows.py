"""Rows of token ids to planning masks, compiled. Knows nothing about what a piece of a token does, but for plain ones.

`sgram.tagging.kernel.machine` takes any token in any state. Nearly all are gaps and runs in a plain state; these are taken
here with the state in local variables, and passed over where no gram is under way and the sieve says that none
begins.
"""

import numpy as np
from numba import njit

from sgram.tagging.kernel.automaton import DEAD
from sgram.tagging.kernel.machine import (
    BEFORE,
    FIRST,
    JOINER,
    LAST,
    N_RAW,
    N_REGISTERS,
    N_WORDS,
    NODE,
    OPEN,
    PASSED,
    SOUND,
    STARTS,
    STATE,
    close_row,
    mark,
    next_state,
    step_trie,
    take_token,
    walk,
)
from sgram.tagging.kernel.pieces import EMPTY, GAP, GAP_RUN, JOIN, JOIN_RUN, NO_TEXT, RUN
from sgram.tagging.kernel.sieve import sift
from sgram.tagging.kernel.tables import BASES, EDGES, FAILS, FIRSTS, HEADS, LONGEST, N_IDS, PLACES, SIZES, WORDS
from sgram.text import DIGIT, ESCAPE, PASS


@njit(nogil=True, cache=True)
def _take_plain(ids, attended, begin, end, places, at_place, registers, numbers, letters, starts, mask, moves, lengths):
    """Take gaps and runs in a plain state, nearly everything; (first token that is something else, `at_place`).

    What `machine.take_token` does piece by piece, with the registers in local variables. `places` are those that a gram
    may begin at (`sift`), of which `at_place` is the next: where no gram is under way, the tokens before it are passed
    over. Signs cost time here: with a signed place each look into an array begins with the question whether it
    counts from the end.
    """
    heads, words, n_ids = np.uint64(starts[HEADS]), np.uint64(starts[WORDS]), np.uint64(starts[N_IDS])
    bases, edges, fails = np.uint64(starts[BASES]), np.uint64(starts[EDGES]), np.uint64(starts[FAILS])
    firsts, longest, seven = np.uint64(starts[FIRSTS]), np.uint64(starts[LONGEST]), np.uint64(7)
    masked, one, four, to_come = attended.shape[0] > 0, np.uint64(1), np.uint64(4), np.uint64(at_place)
    opened, sound, node = registers[OPEN] != 0, registers[SOUND] != 0, np.int32(registers[NODE])
    first, last, before = registers[FIRST], registers[LAST], registers[BEFORE]
    state, n_words, ring = np.int32(registers[STATE]), np.uint64(registers[N_WORDS]), np.uint64(STARTS)
    token, after = np.uint64(begin), np.uint64(end)
    while token < after:
        while np.uint64(places[to_come]) < token:
            to_come += one
        if state == 0 and np.uint64(places[to_come]) > token and (not opened or node == DEAD):
            # all that is left of the tokens between is what the last of them ends with
            token = np.uint64(places[to_come])
            what = numbers[heads + four * np.uint64(ids[token - one])]
            opened, sound, node = what & 0xFF != GAP, False, np.int32(DEAD)
            before = np.int64(what >> 16 & 0xF)
            if token == after:
                break
        value = np.uint64(ids[token])
        if value >= n_ids or (masked and not attended[token]):
            break
        what = numbers[heads + four * value]
        kind = what & 0xFF
        if kind == JOIN and opened:  # goes on with the word if a run follows, else it is a gap
            following = np.uint64(ids[token + one]) if token + one < after else n_ids
            if following >= n_ids or (masked and not attended[token + one]):
                break
            next_kind = numbers[heads + four * following] & 0xFF
            if next_kind == RUN:
                node = step_trie(numbers, starts, node, numbers[starts[PLACES] + np.int64(value)])
                token += one
                continue
            if next_kind > GAP:
                break
            what, kind = np.int32(PASSED), np.int32(GAP)
        elif kind == JOIN or (kind == JOIN_RUN and not opened):  # there is nothing to join: a gap, then the run
            before = np.int64(PASS)
            if kind == JOIN:
                token += one
                continue
        elif kind > JOIN_RUN:
            break
        if kind == GAP_RUN or kind == GAP:
            if opened:
                opened, word = False, np.int32(-1)
                if sound and what >> 8 & 0xF != DIGIT:
                    word = numbers[words + np.uint64(node)]
                if word < 0:
                    state = np.int32(0)
                else:
                    state = next_state(numbers, bases, edges, fails, firsts, state, word)
                if state != 0:
                    registers[ring + (n_words & seven)] = first
                    n_words += one
                    length = numbers[longest + np.uint64(state)]
                    if length:
                        begun = registers[ring + (n_words - np.uint64(length) & seven)]
                        mark(ids, begun, last, length, state, numbers, letters, starts, mask, moves, lengths)
            if what >> 12 & 1:
                state = np.int32(0)
            before = np.int64(what >> 16 & 0xF)
        if kind != GAP:
            if not opened:
                opened, first, node = True, np.int64(token), numbers[heads + four * value + one]
                sound = before != DIGIT and before != ESCAPE
                if state == 0 and np.uint64(places[to_come]) != token:
                    node = np.int32(DEAD)  # no gram begins here and none is under way
            elif node != DEAD:
                at, size = numbers[starts[PLACES] + np.int64(value)], numbers[starts[SIZES] + np.int64(value)]
                node = walk(letters, np.int64(at), np.int64(size), numbers, starts, node)
            last = np.int64(token)
        token += one
    registers[OPEN], registers[SOUND], registers[NODE] = opened, sound, node
    registers[FIRST], registers[LAST], registers[BEFORE] = first, last, before
    registers[STATE], registers[N_WORDS] = state, np.int64(n_words)
    return np.int64(token), np.int64(to_come)


@njit(nogil=True, cache=True)
def tag_tokens(ids, attended, begin, end, registers, raw, scratch, numbers, letters, starts, mask, moves, lengths):
    """Take tokens ``begin <= t < end`` of one row; the place of an id that is out of range, or -1.

    `attended` bool like `ids`, or empty: where it is False, a position holds no text. `registers` int64
    (`N_REGISTERS`,) and `raw` uint8 (4,) are the state, carried from call to call; zeros and ``BEFORE = PASS`` to
    begin. `scratch` int32 (5, > end - begin) is anything. `numbers, letters, starts` are `Tables`. Written are, one
    element a token: bool `mask`; int8 `moves` of planning tokens, and int8 `lengths`, words of the gram that gave
    each its move, both empty where nobody asks.
    """
    masked, token, places, at_place = attended.shape[0] > 0, begin, scratch[4], 0
    sift(ids, attended, begin, end, numbers, starts, scratch, mask, np.int32(moves.shape[0] == 0))
    while token < end:
        if registers[JOINER] == 0 and registers[N_RAW] == 0:
            token, at_place = _take_plain(
                ids, attended, token, end, places, at_place, registers, numbers, letters, starts, mask, moves, lengths
            )
            if token == end:
                break
        if masked and not attended[token]:
            close_row(ids, registers, numbers, letters, starts, mask, moves, lengths)
            while token < end and not attended[token]:
                token += 1
            continue
        if ids[token] < 0 or ids[token] >= starts[N_IDS]:
            return token
        kind = numbers[starts[HEADS] + 4 * ids[token]] & 0xFF
        if kind == NO_TEXT:
            close_row(ids, registers, numbers, letters, starts, mask, moves, lengths)
        elif kind != EMPTY:
            take_token(ids, registers, token, raw, numbers, letters, starts, mask, moves, lengths)
        token += 1
    return -1


@njit(nogil=True, cache=True)
def tag_rows(ids, attended, row_ends, numbers, letters, starts, mask, moves, lengths):
    """Mark whole rows, of which row r ends at ``row_ends[r]``; the place of an id that is out of range, or -1.

    The first row begins at ``row_ends[0]``: `row_ends` has one element more than there are rows.
    """
    registers, raw = np.zeros(N_REGISTERS, np.int64), np.zeros(4, np.uint8)
    registers[BEFORE] = PASS
    longest = 0
    for row in range(row_ends.shape[0] - 1):
        longest = max(longest, row_ends[row + 1] - row_ends[row])
    scratch = np.empty((5, longest + 1), np.int32)
    for row in range(row_ends.shape[0] - 1):
        wrong = tag_tokens(
            ids,
            attended,
            row_ends[row],
            row_ends[row + 1],
            registers,
            raw,
            scratch,
            numbers,
            letters,
            starts,
            mask,
            moves,
            lengths,
        )
        if wrong >= 0:
            return wrong
        close_row(ids, registers, numbers, letters, starts, mask, moves, lengths)
    return -1
