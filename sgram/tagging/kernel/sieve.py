"""Which tokens a gram may begin in: a first look at a row, without branches. Knows nothing about masks.

Most tokens begin nothing, and to ask each of them in turn costs more in branches that no processor can predict than
all the rest of tagging. So a few plain loops, which compilers turn into vector instructions, sift the tokens first.
They let pass whatever may begin a gram, and some more: of a token followed by the beginning of another word, the pair
is looked up in a bitmap of hashes. What they let pass is read exactly (`sgram.tagging.kernel.machine`), so that a hash may
cost time and never a bit of the mask.
"""

import numpy as np
from numba import njit

from sgram.tagging.kernel.automaton import DEAD
from sgram.tagging.kernel.pieces import GAP, GAP_RUN, JOIN_RUN, NO_TEXT, RUN
from sgram.tagging.kernel.tables import ALONE, BEGINS, HEADS, N_IDS, N_PAIRS, PAIRS, mixed_pair
from sgram.text import DIGIT, ESCAPE

_NOTHING = np.int32(NO_TEXT | 1 << BEGINS)


@njit(nogil=True, cache=True, inline="always")
def _is_fair(before):
    """Whether a word may follow a character of class `before`, as 0 or 1."""
    return np.int32(before != DIGIT) & np.int32(before != ESCAPE)


@njit(nogil=True, cache=True)
def sift(ids, attended, begin, end, numbers, starts, scratch, mask, marks_alone):
    """Write the places ``begin <= t < end`` where a gram may begin to ``scratch[4]``, then `end`; how many they are.

    Among them are all tokens that are no plain gap or run, or hold no text, or have an id out of range. If
    `marks_alone`, a word that is a gram and begins no longer one is marked in `mask` at once, and not written
    where one token holds it whole. `scratch` is int32 (5, > end - begin).
    """
    size, heads_at, n_ids = end - begin, starts[HEADS], np.uint64(starts[N_IDS])
    what, node, state, places = scratch[0], scratch[1], scratch[2], scratch[4]
    for t in range(size):
        value = np.uint64(ids[begin + t])
        row = heads_at + np.int64(4) * np.int64(value if value < n_ids else np.uint64(0))
        what[t] = numbers[row] if value < n_ids else _NOTHING
        node[t] = numbers[row + 1]
        state[t] = numbers[row + 2]
    if attended.shape[0]:
        for t in range(size):
            what[t] = what[t] if attended[begin + t] else _NOTHING
    what[size] = _NOTHING  # the last token may be followed by anything
    node[size] = 0
    keep = scratch[3]
    for t in range(size):
        here, following = what[t], what[t + 1]
        kind, next_kind = here & 0xFF, following & 0xFF
        ends = np.int32(next_kind == GAP_RUN) | np.int32(next_kind == GAP)
        can_follow = np.int32(node[t + 1] != DEAD) | np.int32(next_kind == GAP)
        goes_on = np.int32(state[t] != 0) & (1 - (following >> 12 & 1)) & can_follow
        may = np.int32(kind > JOIN_RUN) | (1 - ends) | (here >> ALONE & 1) | goes_on
        keep[t] = here >> BEGINS & 1 & may
    n = 0
    for t in range(size):
        places[n] = t
        n += keep[t]
    return _sift_pairs(begin, end, n, numbers, starts, scratch, mask, marks_alone)


@njit(nogil=True, cache=True)
def _sift_pairs(begin, end, n, numbers, starts, scratch, mask, marks_alone):
    """The second half of `sift`: look at the few that are left together with what stands beside them."""
    what, node, state, places = scratch[0], scratch[1], scratch[2], scratch[4]
    pairs, pair_mask, size, kept = starts[PAIRS], np.uint32(starts[N_PAIRS] - 1), end - begin, 0
    for row in range(n):
        t = places[row]
        here, following, earlier = what[t], what[t + 1], what[max(t - 1, 0)]
        kind, next_kind = here & 0xFF, following & 0xFF
        ends = np.int32(next_kind == GAP_RUN) | np.int32(next_kind == GAP)
        # the token that holds the next word: the following one, or behind a mere comma the one after it
        ahead = min(t + 1 + np.int64(next_kind == GAP), size)
        far = what[ahead]
        far_kind = far & 0xFF
        mixed = mixed_pair(np.uint32(state[t]), np.uint32(node[ahead]))
        word = np.uint32(numbers[pairs + np.int64((mixed >> np.uint32(5)) & pair_mask)])
        is_pair = np.int32(word >> (mixed & np.uint32(31)) & np.uint32(1))
        is_near = (1 - (following >> 12 & 1)) & (1 - (far >> 12 & 1))
        unknown = np.int32(far_kind > JOIN_RUN) | np.int32(far_kind == GAP)
        goes_on = np.int32(state[t] != 0) & is_near & (is_pair | unknown)
        after_gap = np.int32(kind == RUN) & np.int32(t > 0) & np.int32(earlier & 0xFF == GAP)
        begins = np.int32(kind == GAP_RUN) & _is_fair(here >> 16 & 0xF) | after_gap & _is_fair(earlier >> 16 & 0xF)
        alone = here >> ALONE & 1
        whole = alone & begins & ends & np.int32(following >> 8 & 0xF != DIGIT) & marks_alone
        mask[begin + t] |= whole != 0
        places[kept] = begin + t
        kept += np.int32(kind > JOIN_RUN) | (1 - ends) | goes_on | alone & (1 - whole)
    places[kept] = end
    return kept
