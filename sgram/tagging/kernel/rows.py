"""Rows of token ids to planning masks, compiled with numba.

`sgram.tagging.kernel.machine` takes any token in any state. Nearly all tokens are gaps and runs in a plain state. They
are taken here, with the state in local variables, and skipped where no gram is in progress and the sieve says that
none begins.
"""

import numpy as np

from sgram.array_types import BoolArray, IntArray
from sgram.compiling import kernel
from sgram.tagging.kernel.automaton import DEAD
from sgram.tagging.kernel.compiled_types import ByteArray, IdArray, Int8Array, Int32Array, Integer
from sgram.tagging.kernel.machine import (
    CONNECTOR_BYTE,
    FIRST_TOKEN,
    LAST_TOKEN,
    N_RAW_BYTES,
    N_REGISTERS,
    N_WORDS,
    NODE,
    PASSED,
    PREVIOUS_CLASS,
    STATE,
    WORD_OPEN,
    WORD_STARTS,
    WORD_VALID,
    close_row,
    mark_gram,
    next_state,
    step_trie,
    take_token,
    walk_trie,
)
from sgram.tagging.kernel.pieces import (
    BREAK_SHIFT,
    CLASS_MASK,
    CONNECTOR,
    CONNECTOR_RUN,
    EMPTY,
    FIRST_CLASS_SHIFT,
    GAP,
    GAP_RUN,
    KIND_MASK,
    LAST_CLASS_SHIFT,
    NO_TEXT,
    RUN,
)
from sgram.tagging.kernel.sieve import CANDIDATES, N_SCRATCH_ROWS, sift
from sgram.tagging.kernel.tables import (
    EDGE_BASES,
    EDGES,
    FAILURE_LINKS,
    FIRST_STATES,
    HEADS,
    LONGEST_GRAMS,
    N_IDS,
    NODE_WORDS,
    OPERANDS,
    SIZES,
)
from sgram.text import DIGIT, ESCAPE, PASS

_ONE, _FOUR, _SEVEN = np.uint64(1), np.uint64(4), np.uint64(7)


@kernel()
def _take_plain_tokens(
    ids: IdArray,
    attention_mask: BoolArray,
    begin: Integer,
    end: Integer,
    candidates: Int32Array,
    candidate_index: Integer,
    registers: IntArray,
    numbers: Int32Array,
    letters: ByteArray,
    starts: IntArray,
    mask: BoolArray,
    moves: Int8Array,
    lengths: Int8Array,
) -> tuple[Integer, Integer]:
    """Take gaps and runs in a plain state; return (first token that is something else, `candidate_index` there).

    This is `machine.take_token` with the registers in local variables. `candidates` are the tokens in which a gram may
    begin (`sift`); ``candidates[candidate_index]`` is the next one. Where no gram is in progress, the tokens before it
    are skipped. Indices are unsigned because each access at a signed index first tests for a negative one.
    """
    heads, node_words, n_ids = np.uint64(starts[HEADS]), np.uint64(starts[NODE_WORDS]), np.uint64(starts[N_IDS])
    edge_bases, edges = np.uint64(starts[EDGE_BASES]), np.uint64(starts[EDGES])
    failure_links, first_states = np.uint64(starts[FAILURE_LINKS]), np.uint64(starts[FIRST_STATES])
    longest_grams, word_starts = np.uint64(starts[LONGEST_GRAMS]), np.uint64(WORD_STARTS)
    has_attention_mask, upcoming = attention_mask.shape[0] > 0, np.uint64(candidate_index)
    word_open: Integer = registers[WORD_OPEN] != 0
    word_valid: Integer = registers[WORD_VALID] != 0
    node: Integer = np.int32(registers[NODE])
    first_token, last_token, previous_class = (registers[FIRST_TOKEN], registers[LAST_TOKEN], registers[PREVIOUS_CLASS])
    state: Integer = np.int32(registers[STATE])
    n_words = np.uint64(registers[N_WORDS])
    token, after = np.uint64(begin), np.uint64(end)
    while token < after:
        while np.uint64(candidates[upcoming]) < token:
            upcoming += _ONE
        if state == 0 and np.uint64(candidates[upcoming]) > token and (not word_open or node == DEAD):
            # of the skipped tokens, only the end of the last one matters
            token = np.uint64(candidates[upcoming])
            flags = numbers[heads + _FOUR * np.uint64(ids[token - _ONE])]
            word_open, word_valid, node = flags & KIND_MASK != GAP, False, np.int32(DEAD)
            previous_class = np.int64(flags >> LAST_CLASS_SHIFT & CLASS_MASK)
            if token == after:
                break
        token_id = np.uint64(ids[token])
        if token_id >= n_ids or (has_attention_mask and not attention_mask[token]):
            break
        flags = numbers[heads + _FOUR * token_id]
        kind = flags & KIND_MASK
        if kind == CONNECTOR and word_open:  # continues the word if a run follows, else it is a gap
            next_id = np.uint64(ids[token + _ONE]) if token + _ONE < after else n_ids
            if next_id >= n_ids or (has_attention_mask and not attention_mask[token + _ONE]):
                break
            next_kind = numbers[heads + _FOUR * next_id] & KIND_MASK
            if next_kind == RUN:
                node = step_trie(numbers, starts, node, numbers[starts[OPERANDS] + np.int64(token_id)])
                token += _ONE
                continue
            if next_kind > GAP:
                break
            flags, kind = np.int32(PASSED), np.int32(GAP)
        elif kind == CONNECTOR or (kind == CONNECTOR_RUN and not word_open):  # joins nothing: a gap, then the run
            previous_class = np.int64(PASS)
            if kind == CONNECTOR:
                token += _ONE
                continue
        elif kind > CONNECTOR_RUN:
            break
        if kind == GAP_RUN or kind == GAP:
            if word_open:
                word_open = False
                word: Integer = np.int32(-1)
                if word_valid and flags >> FIRST_CLASS_SHIFT & CLASS_MASK != DIGIT:
                    word = numbers[node_words + np.uint64(node)]
                if word < 0:
                    state = np.int32(0)
                else:
                    state = next_state(numbers, edge_bases, edges, failure_links, first_states, state, word)
                if state != 0:
                    registers[word_starts + (n_words & _SEVEN)] = first_token
                    n_words += _ONE
                    length = numbers[longest_grams + np.uint64(state)]
                    if length:
                        gram_token = registers[word_starts + (n_words - np.uint64(length) & _SEVEN)]
                        mark_gram(
                            ids, gram_token, last_token, length, state, numbers, letters, starts, mask, moves, lengths
                        )
            if flags >> BREAK_SHIFT & 1:
                state = np.int32(0)
            previous_class = np.int64(flags >> LAST_CLASS_SHIFT & CLASS_MASK)
        if kind != GAP:
            if not word_open:
                word_open, first_token, node = True, np.int64(token), numbers[heads + _FOUR * token_id + _ONE]
                word_valid = previous_class != DIGIT and previous_class != ESCAPE
                if state == 0 and np.uint64(candidates[upcoming]) != token:
                    node = np.int32(DEAD)  # no gram begins here and none is in progress
            elif node != DEAD:
                run_start = numbers[starts[OPERANDS] + np.int64(token_id)]
                size = numbers[starts[SIZES] + np.int64(token_id)]
                node = walk_trie(letters, np.int64(run_start), np.int64(size), numbers, starts, node)
            last_token = np.int64(token)
        token += _ONE
    registers[WORD_OPEN], registers[WORD_VALID], registers[NODE] = word_open, word_valid, node
    registers[FIRST_TOKEN], registers[LAST_TOKEN] = first_token, last_token
    registers[PREVIOUS_CLASS] = previous_class
    registers[STATE], registers[N_WORDS] = state, np.int64(n_words)
    return np.int64(token), np.int64(upcoming)


@kernel()
def tag_tokens(
    ids: IdArray,
    attention_mask: BoolArray,
    begin: Integer,
    end: Integer,
    registers: IntArray,
    raw_bytes: ByteArray,
    scratch: Int32Array,
    numbers: Int32Array,
    letters: ByteArray,
    starts: IntArray,
    mask: BoolArray,
    moves: Int8Array,
    lengths: Int8Array,
) -> Integer:
    """Take the tokens in ``[begin, end)`` of one row; return the index of an id that is out of range, or -1.

    `attention_mask` is bool like `ids`, or empty; a token where it is False has no text. `registers` int64
    (`N_REGISTERS`,) and `raw_bytes` uint8 (4,) are the state, passed on from call to call; at first they are zeros,
    with ``registers[PREVIOUS_CLASS] = PASS``. `scratch` int32 (`N_SCRATCH_ROWS`, > end - begin) may contain anything.
    `numbers, letters, starts` are `Tables`. The function writes one number per token: bool `mask`; int8 `moves` of
    planning tokens; int8 `lengths`, the number of words of the gram that gave the token its move. The last two are
    empty if moves are not needed.
    """
    has_attention_mask = attention_mask.shape[0] > 0
    token: Integer = begin
    candidates: Int32Array = scratch[CANDIDATES]
    candidate_index: Integer = 0
    sift(ids, attention_mask, begin, end, numbers, starts, scratch, mask, np.int32(moves.shape[0] == 0))
    while token < end:
        if registers[CONNECTOR_BYTE] == 0 and registers[N_RAW_BYTES] == 0:
            token, candidate_index = _take_plain_tokens(
                ids,
                attention_mask,
                token,
                end,
                candidates,
                candidate_index,
                registers,
                numbers,
                letters,
                starts,
                mask,
                moves,
                lengths,
            )
            if token == end:
                break
        if has_attention_mask and not attention_mask[token]:
            close_row(ids, registers, numbers, letters, starts, mask, moves, lengths)
            while token < end and not attention_mask[token]:
                token += 1
            continue
        if ids[token] < 0 or ids[token] >= starts[N_IDS]:
            return token
        kind = numbers[starts[HEADS] + 4 * ids[token]] & KIND_MASK
        if kind == NO_TEXT:
            close_row(ids, registers, numbers, letters, starts, mask, moves, lengths)
        elif kind != EMPTY:
            take_token(ids, registers, token, raw_bytes, numbers, letters, starts, mask, moves, lengths)
        token += 1
    return -1


@kernel()
def tag_rows(
    ids: IdArray,
    attention_mask: BoolArray,
    row_ends: IntArray,
    numbers: Int32Array,
    letters: ByteArray,
    starts: IntArray,
    mask: BoolArray,
    moves: Int8Array,
    lengths: Int8Array,
) -> Integer:
    """Mark whole rows; return the index of an id that is out of range, or -1.

    Row r is ``ids[row_ends[r]:row_ends[r + 1]]``: `row_ends` has one number more than there are rows. The other
    arguments are those of `tag_tokens`.
    """
    registers, raw_bytes = np.zeros(N_REGISTERS, np.int64), np.zeros(4, np.uint8)
    registers[PREVIOUS_CLASS] = PASS
    longest_row: Integer = 0
    for row in range(row_ends.shape[0] - 1):
        longest_row = max(longest_row, row_ends[row + 1] - row_ends[row])
    scratch = np.empty((N_SCRATCH_ROWS, longest_row + 1), np.int32)
    for row in range(row_ends.shape[0] - 1):
        invalid_index = tag_tokens(
            ids,
            attention_mask,
            row_ends[row],
            row_ends[row + 1],
            registers,
            raw_bytes,
            scratch,
            numbers,
            letters,
            starts,
            mask,
            moves,
            lengths,
        )
        if invalid_index >= 0:
            return invalid_index
        close_row(ids, registers, numbers, letters, starts, mask, moves, lengths)
    return -1
