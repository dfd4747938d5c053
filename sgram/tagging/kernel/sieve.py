"""A first pass over a row, without branches, that finds the tokens in which a gram may begin.

Most tokens begin no gram, and testing each in turn costs more in mispredicted branches than the rest of tagging. So a
few plain loops, which compilers turn into vector instructions, sift the tokens first. They keep every token that may
begin a gram, and some others: for a token followed by the beginning of another word, the pair is looked up in a bitmap
of hashes. `sgram.tagging.kernel.machine` then reads the candidates exactly, so a hash collision costs time and never
changes the mask.
"""

import numpy as np

from sgram.array_types import BoolArray, IntArray
from sgram.compiling import kernel
from sgram.tagging.kernel.automaton import DEAD
from sgram.tagging.kernel.compiled_types import IdArray, Int32Array, Integer
from sgram.tagging.kernel.pieces import (
    BREAK_SHIFT,
    CLASS_MASK,
    CONNECTOR_RUN,
    FIRST_CLASS_SHIFT,
    GAP,
    GAP_RUN,
    KIND_MASK,
    LAST_CLASS_SHIFT,
    NO_TEXT,
    RUN,
)
from sgram.tagging.kernel.tables import ALONE_SHIFT, BEGINS_SHIFT, HEADS, N_IDS, N_PAIR_NUMBERS, PAIR_BITS, hash_pair
from sgram.text import DIGIT, ESCAPE

FLAGS, NODES, STATES, PASSES, CANDIDATES = range(5)
"""Rows of `scratch`: flags, run node and state of each token; whether it passes, as 0 or 1; the candidates."""
N_SCRATCH_ROWS = 5
_NO_TEXT_FLAGS = np.int32(NO_TEXT | 1 << BEGINS_SHIFT)


@kernel(inline="always")
def _may_precede_word(char_class: Integer) -> Integer:
    """Return whether a word may follow a character of class `char_class`, as 0 or 1."""
    return np.int32(char_class != DIGIT) & np.int32(char_class != ESCAPE)


@kernel()
def sift(
    ids: IdArray,
    attention_mask: BoolArray,
    begin: Integer,
    end: Integer,
    numbers: Int32Array,
    starts: IntArray,
    scratch: Int32Array,
    mask: BoolArray,
    marks_alone: Integer,
) -> Integer:
    """Write the tokens in ``[begin, end)`` in which a gram may begin to ``scratch[CANDIDATES]``; return their number.

    `end` itself is written after the last of them. The candidates include all tokens that are no plain gap or run,
    have no text, or have an id out of range. If `marks_alone` is 1, a gram of one word that is one whole token, and
    with which no longer gram begins here, is marked in `mask` at once and is no candidate. `scratch` is int32
    (`N_SCRATCH_ROWS`, > end - begin).
    """
    size, heads_start, n_ids = end - begin, starts[HEADS], np.uint64(starts[N_IDS])
    flags, nodes, states, candidates = scratch[FLAGS], scratch[NODES], scratch[STATES], scratch[CANDIDATES]
    for t in range(size):
        token_id = np.uint64(ids[begin + t])
        head = heads_start + np.int64(4) * np.int64(token_id if token_id < n_ids else np.uint64(0))
        flags[t] = numbers[head] if token_id < n_ids else _NO_TEXT_FLAGS
        nodes[t] = numbers[head + 1]
        states[t] = numbers[head + 2]
    if attention_mask.shape[0]:
        for t in range(size):
            flags[t] = flags[t] if attention_mask[begin + t] else _NO_TEXT_FLAGS
    flags[size] = _NO_TEXT_FLAGS  # the last token may be followed by anything
    nodes[size] = 0
    passes = scratch[PASSES]
    for t in range(size):
        token_flags, next_flags = flags[t], flags[t + 1]
        kind, next_kind = token_flags & KIND_MASK, next_flags & KIND_MASK
        word_ends = np.int32(next_kind == GAP_RUN) | np.int32(next_kind == GAP)
        can_follow = np.int32(nodes[t + 1] != DEAD) | np.int32(next_kind == GAP)
        gram_continues = np.int32(states[t] != 0) & (1 - (next_flags >> BREAK_SHIFT & 1)) & can_follow
        may_begin = np.int32(kind > CONNECTOR_RUN) | (1 - word_ends) | (token_flags >> ALONE_SHIFT & 1) | gram_continues
        passes[t] = token_flags >> BEGINS_SHIFT & 1 & may_begin
    n_passing: Integer = 0
    for t in range(size):
        candidates[n_passing] = t
        n_passing += passes[t]
    return _sift_pairs(begin, end, n_passing, numbers, starts, scratch, mask, marks_alone)


@kernel()
def _sift_pairs(
    begin: Integer,
    end: Integer,
    n_passing: Integer,
    numbers: Int32Array,
    starts: IntArray,
    scratch: Int32Array,
    mask: BoolArray,
    marks_alone: Integer,
) -> Integer:
    """Do the second half of `sift`: check the `n_passing` tokens together with their neighbors."""
    flags, nodes, states, candidates = scratch[FLAGS], scratch[NODES], scratch[STATES], scratch[CANDIDATES]
    pairs_start, number_mask, size = starts[PAIR_BITS], np.uint32(starts[N_PAIR_NUMBERS] - 1), end - begin
    n_candidates: Integer = 0
    for row in range(n_passing):
        t = candidates[row]
        token_flags, next_flags, previous_flags = flags[t], flags[t + 1], flags[max(t - 1, 0)]
        kind, next_kind = token_flags & KIND_MASK, next_flags & KIND_MASK
        word_ends = np.int32(next_kind == GAP_RUN) | np.int32(next_kind == GAP)
        # the token of the next word: the next token or, after a token that is only a gap, the one after it
        next_word = min(t + 1 + np.int64(next_kind == GAP), size)
        next_word_flags = flags[next_word]
        next_word_kind = next_word_flags & KIND_MASK
        pair_hash = hash_pair(np.uint32(states[t]), np.uint32(nodes[next_word]))
        bits = np.uint32(numbers[pairs_start + np.int64((pair_hash >> np.uint32(5)) & number_mask)])
        is_pair = np.int32(bits >> (pair_hash & np.uint32(31)) & np.uint32(1))
        same_sentence = (1 - (next_flags >> BREAK_SHIFT & 1)) & (1 - (next_word_flags >> BREAK_SHIFT & 1))
        is_undecided = np.int32(next_word_kind > CONNECTOR_RUN) | np.int32(next_word_kind == GAP)
        gram_continues = np.int32(states[t] != 0) & same_sentence & (is_pair | is_undecided)
        after_gap = np.int32(kind == RUN) & np.int32(t > 0) & np.int32(previous_flags & KIND_MASK == GAP)
        word_begins = np.int32(kind == GAP_RUN) & _may_precede_word(
            token_flags >> LAST_CLASS_SHIFT & CLASS_MASK
        ) | after_gap & _may_precede_word(previous_flags >> LAST_CLASS_SHIFT & CLASS_MASK)
        alone = token_flags >> ALONE_SHIFT & 1
        no_digit_after = np.int32(next_flags >> FIRST_CLASS_SHIFT & CLASS_MASK != DIGIT)
        is_marked = alone & word_begins & word_ends & no_digit_after & marks_alone
        mask[begin + t] |= is_marked != 0
        candidates[n_candidates] = begin + t
        n_candidates += np.int32(kind > CONNECTOR_RUN) | (1 - word_ends) | gram_continues | alone & (1 - is_marked)
    candidates[n_candidates] = end
    return n_candidates
