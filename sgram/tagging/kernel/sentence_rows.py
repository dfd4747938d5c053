"""Rows of token ids to the moves of their planning sentences, compiled with numba.

A row is read line by line, because no sentence goes on behind a line end. The tokens of a line move the small machine
of `sgram.tagging.kernel.sentence_heads`, which says where sentences end and gives the numbers of their words. A
sentence is summed up only if it has a token to be marked: many sentences have no gram.
"""

import numpy as np

from sgram.array_types import BoolArray, IntArray, UInt64Array
from sgram.compiling import kernel
from sgram.tagging.kernel.compiled_types import ByteArray, IdArray, Int8Array, Int32Array, Integer
from sgram.tagging.kernel.pieces import CONNECTOR, CONNECTOR_RUN, GAP, GAP_RUN, RUN
from sgram.tagging.kernel.sentence_heads import (
    ABBREVIATED,
    ABBREVIATION,
    ALL_DOTS,
    BAD_LAST,
    CODE_KIND,
    CUT,
    DIGIT_FIRST,
    DOTS_MASK,
    FILLED,
    FIRST_DOTS_SHIFT,
    HAS_LETTER,
    LAST_DOTS_SHIFT,
    LATER_MARKS_SHIFT,
    MARKED,
    MARKS_MASK,
    MARKS_SHIFT,
    MODE_BITS,
    MODE_MASK,
    MODES,
    N_COLUMNS,
    NO_LETTER,
    SILENT,
    SPACED,
    SPELLED,
    STOPPED,
    UPPER,
    WORD,
)
from sgram.tagging.kernel.sentence_scan import is_abbreviation
from sgram.tagging.kernel.sentence_tables import (
    END_TOKEN,
    HAS_BREAK,
    HAS_ELLIPSIS,
    MOST_TOKENS,
    NO_STAMP,
    PACKED_BYTES,
    START_TOKEN,
    append_marks,
    likeliest_move,
    sum_weights,
    word_token,
)
from sgram.tagging.kernel.spelled_lines import mark_spelled_line

_ONE, _TWO, _EIGHT, _COLUMNS = np.uint64(1), np.uint64(2), np.uint64(8), np.uint64(N_COLUMNS)
_MODES, _WORD = np.uint64(MODES), np.uint64(WORD)


@kernel()
def _read_split_word(
    ids: IdArray,
    first: Integer,
    end: Integer,
    piece_rows: Int32Array,
    letters: ByteArray,
    words: UInt64Array,
    word_bytes: ByteArray,
) -> tuple[Integer, Integer]:
    """Return (number, whether it is an abbreviation) of the word that the tokens ``ids[first:end]`` spell together.

    Indices are unsigned.
    """
    low, high, size = np.uint64(0), np.uint64(0), np.uint64(0)
    scratch, has_scratch = letters, False  # only a long word needs some
    while True:
        for token in range(first, end):
            row = np.uint64(ids[token])
            kind, start, length = piece_rows[row, 0] & CODE_KIND, piece_rows[row, 1], piece_rows[row, 2]
            skipped = 1 if token == first and kind == CONNECTOR_RUN else 0
            for step in range(skipped, 1 if kind == CONNECTOR else length):
                byte = np.uint64(start) if kind == CONNECTOR else np.uint64(letters[np.uint64(start + step)])
                if size < _EIGHT:
                    low |= byte << _EIGHT * size
                elif size < _TWO * _EIGHT:
                    high |= byte << _EIGHT * (size - _EIGHT)
                elif has_scratch:
                    scratch[size] = byte
                size += _ONE
        if size <= np.uint64(PACKED_BYTES) or has_scratch:
            break
        scratch, has_scratch = np.empty(np.int64(size), np.uint8), True
        low, high, size = np.uint64(0), np.uint64(0), np.uint64(0)
    number = word_token(low, high, size, scratch, words, word_bytes)
    return number, np.int32(is_abbreviation(low, size))


@kernel()
def _next_start(ids: IdArray, codes: Int32Array, heads: Int32Array, first: Integer, end: Integer) -> Integer:
    """Return a token at or before the next sentence with a marked token, at which some sentence begins, or `end`.

    A sentence begins at `first`. Only those are seen that begin behind a plain word and stops: nothing has to be read
    from `first` on to be sure of them.
    """
    marked = first
    while marked < end and codes[marked] & MARKED == 0:
        marked += _ONE
    if marked == end:
        return end
    start = marked
    while start > first + _ONE:
        if (
            codes[start] & UPPER
            and codes[start] & CODE_KIND == GAP_RUN
            and codes[start - _ONE] & CODE_KIND == GAP
            and codes[start - _TWO] & (CODE_KIND | ABBREVIATION) == GAP_RUN
        ):
            stop_modes = heads[np.uint64(ids[start - _ONE]) * _COLUMNS + _MODES]
            space_modes = heads[np.uint64(ids[start]) * _COLUMNS + _MODES]
            if (
                stop_modes >> MODE_BITS * HAS_LETTER & MODE_MASK == STOPPED
                and space_modes >> MODE_BITS * STOPPED & MODE_MASK == SPACED
            ):
                return start
        start -= _ONE
    return first


@kernel()
def _mark_row(
    ids: IdArray,
    codes: Int32Array,
    size: Integer,
    marks_grams: Integer,
    heads: Int32Array,
    piece_rows: Int32Array,
    letters: ByteArray,
    token_bytes: ByteArray,
    byte_ends: IntArray,
    tokens: Int32Array,
    stamps: ByteArray,
    stamp: Integer,
    least_total: Integer,
    max_tokens: Integer,
    names_moves: Integer,
    words: UInt64Array,
    word_bytes: ByteArray,
    edges: UInt64Array,
    nodes: Int32Array,
    weights: Int32Array,
    intercepts: Int32Array,
    move_totals: IntArray,
    moves: Int8Array,
) -> tuple[Integer, Integer]:
    """Write the moves of a row; return (whether that could be done, the next stamp).

    All lies in one function, because each array costs a function called for a sentence more than its work does. Indices
    are unsigned because each access at a signed index first tests for a negative one.
    """
    line: Integer = 0
    is_after_cut = False
    while line < size:
        if codes[line] & SILENT:
            line, is_after_cut = line + 1, False
            continue
        # The line is [line, line_end). If the line before it ended in its first token, it begins behind that line's
        # end; if it is cut, it ends in its last token.
        line_end = line + 1 if is_after_cut else line
        seen = codes[line]
        while codes[line_end] & (CUT | SILENT) == 0:
            seen |= codes[line_end]
            line_end += 1
        is_cut = codes[line_end] & CUT != 0
        if is_cut:
            seen |= codes[line_end]
            line_end += 1
        first, end, was_cut = line, np.uint64(line_end), is_after_cut
        line, is_after_cut = (line_end - 1 if is_cut else line_end), is_cut
        if seen & SPELLED:
            if (seen & MARKED or not marks_grams) and not mark_spelled_line(
                ids,
                codes,
                first,
                line_end,
                was_cut,
                is_cut,
                marks_grams,
                token_bytes,
                byte_ends,
                least_total,
                max_tokens,
                names_moves,
                words,
                word_bytes,
                edges,
                nodes,
                weights,
                intercepts,
                moves,
            ):
                return False, stamp
            continue
        if seen & MARKED == 0:
            continue

        token, last = np.uint64(first), end - np.uint64(is_cut)
        if marks_grams:
            token = _next_start(ids, codes, heads, token, last)
            if token == last:
                continue
        start = token
        sentence_first, n, has_words = token, _ONE, False
        tokens[0] = START_TOKEN
        # dots: full stops right before this token; is_bad: the letters that come next are no word
        mode, flags, dots, is_bad = np.int32(NO_LETTER), np.int32(0), np.int32(0), np.int32(0)
        # of the open word: its first token and number, whether it is no word, an abbreviation, in several tokens
        is_open, word_first, word = False, token, np.int32(0)
        is_invalid, is_short, is_split = np.int32(0), np.int32(0), False
        if token != np.uint64(first):
            mode = np.int32(SPACED)
        elif was_cut:
            code = codes[token]
            head = np.uint64(ids[token]) * _COLUMNS
            flags = code >> LATER_MARKS_SHIFT & MARKS_MASK
            dots, is_bad = heads[head + _MODES] >> LAST_DOTS_SHIFT & DOTS_MASK, code & BAD_LAST
            is_open = code & CODE_KIND != GAP
            word, is_short, is_invalid = heads[head + _WORD], code & ABBREVIATION, is_bad
            token += _ONE
        while True:
            is_last = token == end
            code = np.int32(GAP) if is_last else codes[token]  # the end of a text ends a word as a gap does
            kind = code & CODE_KIND
            if is_open:
                if kind == RUN or kind == CONNECTOR_RUN:
                    is_split = True
                    token += _ONE
                    continue
                if kind == CONNECTOR and token + _ONE < end and codes[token + _ONE] & CODE_KIND == RUN:
                    is_split = True
                    token += _TWO
                    continue
                is_open = False
                dots = np.int32(0)
                if is_invalid | code & DIGIT_FIRST:
                    flags |= HAS_BREAK
                    mode = np.int32(HAS_LETTER)
                else:
                    if is_split:
                        word, is_short = _read_split_word(
                            ids, word_first, token, piece_rows, letters, words, word_bytes
                        )
                    if flags:
                        if not has_words:
                            flags &= ~HAS_BREAK
                        n = append_marks(flags, tokens, n)
                    tokens[n] = word
                    n += _ONE
                    has_words, flags, is_bad = True, np.int32(0), np.int32(0)
                    mode = np.int32(ABBREVIATED) if is_short else np.int32(HAS_LETTER)
            if not is_last and kind != RUN:
                gap_modes = heads[np.uint64(ids[token]) * _COLUMNS + _MODES]
                flags |= code >> MARKS_SHIFT & MARKS_MASK
                if dots and dots + (gap_modes >> FIRST_DOTS_SHIFT & DOTS_MASK) > 2:
                    flags |= HAS_ELLIPSIS
                dots = (gap_modes >> LAST_DOTS_SHIFT & DOTS_MASK) + (dots if gap_modes & ALL_DOTS else 0)
                is_bad = code & BAD_LAST
                mode = gap_modes >> MODE_BITS * mode & MODE_MASK
            ends_line = is_last or code & CUT != 0
            if ends_line or (mode == SPACED and code & UPPER):
                if marks_grams and has_words:
                    has_words = False
                    for other in range(sentence_first, token):
                        has_words = has_words or codes[other] & MARKED != 0
                if has_words:
                    n = append_marks(flags & ~HAS_BREAK, tokens, n)
                    tokens[n] = END_TOKEN
                    if stamp == NO_STAMP:
                        stamps[:] = NO_STAMP
                        stamp = 0
                    total = sum_weights(tokens, n + _ONE, stamp, max_tokens, stamps, edges, nodes) + intercepts[0]
                    stamp += 2
                    if total >= least_total:
                        move = np.int8(0)
                        if names_moves and move_totals.shape[0]:
                            move = np.int8(
                                likeliest_move(
                                    tokens,
                                    n + _ONE,
                                    stamp - 1,
                                    max_tokens,
                                    stamps,
                                    edges,
                                    nodes,
                                    weights,
                                    intercepts,
                                    move_totals,
                                )
                            )
                        for other in range(sentence_first, token):
                            # the sentence before may have marked the first token
                            if codes[other] & MARKED and moves[other] < 0:
                                moves[other] = move
                        if not is_last and not marks_grams and code & FILLED:
                            moves[token] = move
                if ends_line:
                    break
                if marks_grams and token != start:
                    start = _next_start(ids, codes, heads, token, last)
                    if start == last:
                        break
                    if start != token:
                        token, mode = start, np.int32(SPACED)
                        has_words, flags = False, np.int32(0)
                        continue
                sentence_first, n, has_words, flags = token, _ONE, False, np.int32(0)
            if kind != GAP and kind != CONNECTOR:
                is_open, word_first, word = True, token, heads[np.uint64(ids[token]) * _COLUMNS + _WORD]
                is_short, is_invalid, is_split = code & ABBREVIATION, is_bad, False
            token += _ONE
    return True, stamp


@kernel()
def mark_rows(
    ids: IdArray,
    attention_mask: BoolArray,
    gram_mask: BoolArray,
    row_ends: IntArray,
    heads: Int32Array,
    piece_rows: Int32Array,
    letters: ByteArray,
    token_bytes: ByteArray,
    byte_ends: IntArray,
    least_total: Integer,
    max_tokens: Integer,
    names_moves: Integer,
    words: UInt64Array,
    word_bytes: ByteArray,
    edges: UInt64Array,
    nodes: Int32Array,
    weights: Int32Array,
    intercepts: Int32Array,
    moves: Int8Array,
    needs_text: BoolArray,
) -> Integer:
    """Write the move of each token in a planning sentence to `moves`; return the index of an id out of range, or -1.

    Row r is ``ids[row_ends[r]:row_ends[r + 1]]``. `attention_mask` is bool like `ids`, or empty; a token where it is
    False has no text. `gram_mask` is the mask of grams, whose tokens alone are marked, or empty. `heads` are
    `build_heads`, the four arrays behind them are those of `Pieces`, those from `words` on `SentenceTables`. If not
    `names_moves`, every move is 0. `moves` is int8 like `ids`, -1 at first. ``needs_text[r]`` becomes True, and the
    moves of row r are of no use, if the row must be decoded as Python does it.
    """
    longest_row: Integer = 0
    for row in range(row_ends.shape[0] - 1):
        longest_row = max(longest_row, row_ends[row + 1] - row_ends[row])
    codes = np.empty(longest_row + 1, np.int32)
    tokens = np.empty(6 * longest_row + MOST_TOKENS + max_tokens, np.int32)
    stamps, stamp = np.empty(nodes.shape[0], np.uint8), np.int64(NO_STAMP)
    move_totals = np.empty(weights.shape[1] - 1, np.int64)
    has_attention, marks_grams = attention_mask.shape[0] > 0, gram_mask.shape[0] > 0
    n_ids, flat_heads = np.uint64(heads.shape[0]), heads.ravel()
    for row in range(row_ends.shape[0] - 1):
        begin, size = row_ends[row], row_ends[row + 1] - row_ends[row]
        row_ids, row_moves = ids[begin : begin + size], moves[begin : begin + size]
        for token in range(np.uint64(size)):
            token_id = np.uint64(row_ids[token])
            if has_attention and not attention_mask[begin + np.int64(token)]:
                codes[token] = SILENT
            elif token_id >= n_ids:
                return begin + np.int64(token)
            else:
                codes[token] = flat_heads[token_id * _COLUMNS]
        if marks_grams:
            row_grams = gram_mask[begin : begin + size]
            for token in range(np.uint64(size)):
                codes[token] = codes[token] & ~MARKED | np.int32(row_grams[token]) * MARKED
        codes[size] = SILENT
        could_mark, stamp = _mark_row(
            row_ids,
            codes,
            size,
            marks_grams,
            flat_heads,
            piece_rows,
            letters,
            token_bytes,
            byte_ends,
            tokens,
            stamps,
            stamp,
            least_total,
            max_tokens,
            names_moves,
            words,
            word_bytes,
            edges,
            nodes,
            weights,
            intercepts,
            move_totals,
            row_moves,
        )
        needs_text[row] = not could_mark
    return -1
