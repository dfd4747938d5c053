"""The tagging machine: the exact rule for one token in any state, compiled with numba.

Its state is small: the open word, a character of which some bytes are read, the state of the word automaton, and where
the last words began. Whatever pieces a token has, the state after them is the state that their bytes give, so it does
not matter where a tokenizer split the text. `sgram.tagging.kernel.rows` runs it over rows, with a fast path for plain
tokens; `sgram.tagging.kernel.gpu` is the same machine for a GPU, with the same names.
"""

import numpy as np

from sgram.array_types import BoolArray, IntArray
from sgram.compiling import kernel
from sgram.scan import class_at
from sgram.tagging.kernel.automaton import DEAD, ROOT
from sgram.tagging.kernel.compiled_types import ByteArray, IdArray, Int8Array, Int32Array, Integer
from sgram.tagging.kernel.pieces import (
    BREAK_SHIFT,
    CLASS_MASK,
    CONNECTOR,
    CONNECTOR_RUN,
    FIRST_CLASS_SHIFT,
    GAP,
    GAP_RUN,
    GENERAL,
    KIND_MASK,
    LAST_CLASS_SHIFT,
    PARTIAL,
    RAW_BYTE,
    RUN,
    VISIBILITY_MASK,
    VISIBILITY_SHIFT,
    VISIBLE,
    character_width,
    code_point,
    continues,
    is_space,
)
from sgram.tagging.kernel.tables import (
    BYTE_COLUMNS,
    BYTE_ENDS,
    EDGE_BASES,
    EDGES,
    FAILURE_LINKS,
    FIRST_STATES,
    GRAM_MOVES,
    HEADS,
    LONGEST_GRAMS,
    NODE_WORDS,
    OPERANDS,
    PARTS,
    SIZES,
    TOKEN_BYTES,
    TRIE,
    TRIE_WIDTH,
)
from sgram.text import APOSTROPHE, DIGIT, ESCAPE, HYPHEN, LETTER, PASS, STOP

(
    WORD_OPEN,
    WORD_VALID,
    CONNECTOR_BYTE,
    NODE,
    FIRST_TOKEN,
    LAST_TOKEN,
    PREVIOUS_CLASS,
    STATE,
    N_WORDS,
    N_RAW_BYTES,
    RAW_FIRST_TOKEN,
) = range(11)
"""Registers of the machine.

WORD_OPEN: whether a word is open. WORD_VALID: whether it may be a word (no digit or escape before it). CONNECTOR_BYTE:
the connector at its end, 0 for none. NODE: its trie node. FIRST_TOKEN and LAST_TOKEN: its first and last token.
PREVIOUS_CLASS: class of the last character before it. STATE: state of the word automaton. N_WORDS: words so far.
N_RAW_BYTES: bytes read of a character that is not complete. RAW_FIRST_TOKEN: the token of its first byte."""
WORD_STARTS = 16
"""Registers from here on contain the first token of the last 8 words."""
N_REGISTERS = WORD_STARTS + 8
PASSED = PASS << FIRST_CLASS_SHIFT | PASS << LAST_CLASS_SHIFT
"""Flags of a gap that ends no sentence."""
_STOPPED = STOP << FIRST_CLASS_SHIFT | 1 << BREAK_SHIFT | STOP << LAST_CLASS_SHIFT
"""Flags of a gap that ends a sentence, as invalid UTF-8 does."""


@kernel(inline="always")
def step_trie(numbers: Int32Array, starts: IntArray, node: Integer, byte: Integer) -> Integer:
    """Return the trie node after one byte."""
    column = numbers[starts[BYTE_COLUMNS] + byte]
    return numbers[starts[TRIE] + node * starts[TRIE_WIDTH] + column]


@kernel(inline="always")
def walk_trie(
    letters: ByteArray, at: Integer, size: Integer, numbers: Int32Array, starts: IntArray, node: Integer
) -> Integer:
    """Return the trie node after the bytes ``letters[at:at + size]``, from `node`."""
    for index in range(at, at + size):
        if node == DEAD:
            break
        node = step_trie(numbers, starts, node, letters[index])
    return node


@kernel()
def _is_visible(
    ids: IdArray,
    token: Integer,
    first_token: Integer,
    last_token: Integer,
    numbers: Int32Array,
    letters: ByteArray,
    starts: IntArray,
) -> bool:
    """Return whether a PARTIAL token contains a byte of a character that is no space.

    The token is in a span from `first_token` to `last_token`, so the bytes there are valid UTF-8.
    """
    byte_ends, token_bytes = starts[BYTE_ENDS], starts[TOKEN_BYTES]
    size = numbers[byte_ends + ids[token] + 1] - numbers[byte_ends + ids[token]]
    context = np.empty(size + 6, np.uint8)  # the token's bytes, with up to three bytes on either side
    begin, end, neighbor = 3, 0, token
    for step in range(size):
        context[3 + step] = letters[token_bytes + numbers[byte_ends + ids[token]] + step]
    while context[begin] & 0xC0 == 0x80 and neighbor > first_token:  # back to the byte that begins the character
        neighbor -= 1
        for at in range(numbers[byte_ends + ids[neighbor] + 1] - 1, numbers[byte_ends + ids[neighbor]] - 1, -1):
            if context[begin] & 0xC0 == 0x80:
                begin -= 1
                context[begin] = letters[token_bytes + at]
    end, neighbor = 3 + size, token
    while neighbor < last_token and end < size + 6:
        neighbor += 1
        for at in range(numbers[byte_ends + ids[neighbor]], numbers[byte_ends + ids[neighbor] + 1]):
            if end < size + 6:
                context[end] = letters[token_bytes + at]
                end += 1
    while begin < 3 + size:
        width = max(character_width(context, begin, end), 1)
        if begin + width > 3 and not is_space(code_point(context, begin, width)):
            return True
        begin += width
    return False


@kernel(inline="always")
def mark_gram(
    ids: IdArray,
    first_token: Integer,
    last_token: Integer,
    length: Integer,
    state: Integer,
    numbers: Int32Array,
    letters: ByteArray,
    starts: IntArray,
    mask: BoolArray,
    moves: Int8Array,
    lengths: Int8Array,
) -> None:
    """Mark the tokens from `first_token` to `last_token`, which spell the longest gram of `state`, `length` words."""
    heads = np.uint64(starts[HEADS])
    for token in range(np.uint64(first_token), np.uint64(last_token + 1)):
        flags = numbers[heads + np.uint64(4) * np.uint64(ids[token])]
        visibility = flags >> VISIBILITY_SHIFT & VISIBILITY_MASK
        if visibility == VISIBLE or (
            visibility == PARTIAL
            and _is_visible(ids, np.int64(token), first_token, last_token, numbers, letters, starts)
        ):
            mask[token] = True
            if moves.shape[0] and length > lengths[token]:
                lengths[token] = length
                moves[token] = numbers[starts[GRAM_MOVES] + state]


@kernel(inline="always")
def next_state(
    numbers: Int32Array,
    edge_bases: Integer,
    edges: Integer,
    failure_links: Integer,
    first_states: Integer,
    state: Integer,
    word: Integer,
) -> Integer:
    """Return the state after `word` in `state`. The four offsets of tables in `numbers` are unsigned."""
    while state != 0:
        slot = edges + np.uint64(2) * np.uint64(numbers[edge_bases + np.uint64(state)] + word)
        if numbers[slot] == state:
            return numbers[slot + np.uint64(1)]
        state = numbers[failure_links + np.uint64(state)]
    return numbers[first_states + np.uint64(word)]


@kernel()
def _end_word(
    ids: IdArray,
    registers: IntArray,
    numbers: Int32Array,
    letters: ByteArray,
    starts: IntArray,
    mask: BoolArray,
    moves: Int8Array,
    lengths: Int8Array,
) -> None:
    """End a valid word: go on to the next state, and mark the longest gram that ends with the word."""
    word = numbers[starts[NODE_WORDS] + registers[NODE]]
    if word < 0:
        registers[STATE] = 0
        return
    state = next_state(
        numbers,
        np.uint64(starts[EDGE_BASES]),
        np.uint64(starts[EDGES]),
        np.uint64(starts[FAILURE_LINKS]),
        np.uint64(starts[FIRST_STATES]),
        np.int32(registers[STATE]),
        word,
    )
    registers[STATE] = state
    if state != 0:
        registers[WORD_STARTS + (registers[N_WORDS] & 7)] = registers[FIRST_TOKEN]
        registers[N_WORDS] += 1
        length = numbers[starts[LONGEST_GRAMS] + state]
        if length:
            first_token = registers[WORD_STARTS + (registers[N_WORDS] - length & 7)]
            last_token = registers[LAST_TOKEN]
            mark_gram(ids, first_token, last_token, length, state, numbers, letters, starts, mask, moves, lengths)


@kernel()
def close_row(
    ids: IdArray,
    registers: IntArray,
    numbers: Int32Array,
    letters: ByteArray,
    starts: IntArray,
    mask: BoolArray,
    moves: Int8Array,
    lengths: Int8Array,
) -> None:
    """End the text: an open word ends here, an incomplete character is dropped."""
    if registers[WORD_OPEN] and registers[WORD_VALID]:
        _end_word(ids, registers, numbers, letters, starts, mask, moves, lengths)
    registers[WORD_OPEN], registers[CONNECTOR_BYTE], registers[N_RAW_BYTES], registers[STATE] = 0, 0, 0, 0
    registers[PREVIOUS_CLASS] = PASS


@kernel()
def _take_gap(
    ids: IdArray,
    registers: IntArray,
    flags: Integer,
    numbers: Int32Array,
    letters: ByteArray,
    starts: IntArray,
    mask: BoolArray,
    moves: Int8Array,
    lengths: Int8Array,
) -> None:
    """Take a gap: it ends an open word, and the sentence if its flags say so."""
    if registers[WORD_OPEN]:
        touches_digit = registers[CONNECTOR_BYTE] == 0 and flags >> FIRST_CLASS_SHIFT & CLASS_MASK == DIGIT
        if registers[WORD_VALID] and not touches_digit:
            _end_word(ids, registers, numbers, letters, starts, mask, moves, lengths)
        else:
            registers[STATE] = 0
        registers[WORD_OPEN], registers[CONNECTOR_BYTE] = 0, 0
    if flags >> BREAK_SHIFT & 1:
        registers[STATE] = 0
    registers[PREVIOUS_CLASS] = flags >> LAST_CLASS_SHIFT & CLASS_MASK


@kernel()
def _take_connector(
    ids: IdArray,
    registers: IntArray,
    byte: Integer,
    numbers: Int32Array,
    letters: ByteArray,
    starts: IntArray,
    mask: BoolArray,
    moves: Int8Array,
    lengths: Int8Array,
) -> None:
    """Take a connector: it waits for letters after an open word, else it is a gap."""
    if registers[WORD_OPEN] and registers[CONNECTOR_BYTE] == 0:
        registers[CONNECTOR_BYTE] = byte
    else:
        _take_gap(ids, registers, PASSED, numbers, letters, starts, mask, moves, lengths)


@kernel()
def _take_run(
    registers: IntArray,
    token: Integer,
    first_token: Integer,
    buffer: ByteArray,
    at: Integer,
    size: Integer,
    run_node: Integer,
    numbers: Int32Array,
    starts: IntArray,
) -> None:
    """Take a run of letters, ``buffer[at:at + size]``, in `token`.

    `first_token` is the token where its first character begins, `run_node` the trie node after it from the root.
    """
    if registers[WORD_OPEN]:
        node = np.int32(registers[NODE])
        if registers[CONNECTOR_BYTE]:
            node = step_trie(numbers, starts, node, registers[CONNECTOR_BYTE])
        registers[CONNECTOR_BYTE] = 0
        registers[NODE] = walk_trie(buffer, at, size, numbers, starts, node)
    else:
        registers[WORD_OPEN], registers[FIRST_TOKEN], registers[NODE] = 1, first_token, run_node
        registers[WORD_VALID] = registers[PREVIOUS_CLASS] != DIGIT and registers[PREVIOUS_CLASS] != ESCAPE
    registers[LAST_TOKEN] = token


@kernel()
def _take_raw_byte(
    ids: IdArray,
    registers: IntArray,
    token: Integer,
    byte: Integer,
    raw_bytes: ByteArray,
    numbers: Int32Array,
    letters: ByteArray,
    starts: IntArray,
    mask: BoolArray,
    moves: Int8Array,
    lengths: Int8Array,
) -> None:
    """Take one byte of a character that the token contains in part; `raw_bytes` are the bytes before it."""
    n_raw_bytes = registers[N_RAW_BYTES]
    if n_raw_bytes and not continues(raw_bytes[0], n_raw_bytes, byte):  # the bytes before are invalid UTF-8
        _take_gap(ids, registers, _STOPPED, numbers, letters, starts, mask, moves, lengths)
        registers[N_RAW_BYTES] = n_raw_bytes = 0
    if n_raw_bytes == 0:
        if 0xC2 <= byte <= 0xF4:
            raw_bytes[0], registers[N_RAW_BYTES], registers[RAW_FIRST_TOKEN] = byte, 1, token
        else:
            _take_gap(ids, registers, _STOPPED, numbers, letters, starts, mask, moves, lengths)
        return
    raw_bytes[n_raw_bytes] = byte
    n_raw_bytes += 1
    registers[N_RAW_BYTES] = n_raw_bytes
    if n_raw_bytes < (2 if raw_bytes[0] < 0xE0 else 3 if raw_bytes[0] < 0xF0 else 4):
        return
    registers[N_RAW_BYTES] = 0
    char_class = np.int64(class_at(raw_bytes, 0, n_raw_bytes)[0])
    if char_class == LETTER:
        node = walk_trie(raw_bytes, 0, n_raw_bytes, numbers, starts, np.int32(ROOT))
        _take_run(registers, token, registers[RAW_FIRST_TOKEN], raw_bytes, 0, n_raw_bytes, node, numbers, starts)
    elif char_class == APOSTROPHE:
        _take_connector(ids, registers, 39, numbers, letters, starts, mask, moves, lengths)
    elif char_class == HYPHEN:
        _take_connector(ids, registers, 45, numbers, letters, starts, mask, moves, lengths)
    else:
        breaks = np.int64(char_class >= STOP)
        flags = char_class << FIRST_CLASS_SHIFT | breaks << BREAK_SHIFT | char_class << LAST_CLASS_SHIFT
        _take_gap(ids, registers, flags, numbers, letters, starts, mask, moves, lengths)


@kernel()
def _take_piece(
    ids: IdArray,
    registers: IntArray,
    token: Integer,
    flags: Integer,
    operand: Integer,
    size: Integer,
    run_node: Integer,
    raw_bytes: ByteArray,
    numbers: Int32Array,
    letters: ByteArray,
    starts: IntArray,
    mask: BoolArray,
    moves: Int8Array,
    lengths: Int8Array,
) -> None:
    """Take any piece, or a token of one piece, in any state."""
    kind = flags & KIND_MASK
    if kind == RAW_BYTE:
        _take_raw_byte(
            ids, registers, token, np.uint8(operand), raw_bytes, numbers, letters, starts, mask, moves, lengths
        )
        return
    if registers[N_RAW_BYTES]:
        registers[N_RAW_BYTES] = 0
        _take_gap(ids, registers, _STOPPED, numbers, letters, starts, mask, moves, lengths)
    if kind == GAP or kind == GAP_RUN:
        _take_gap(ids, registers, flags, numbers, letters, starts, mask, moves, lengths)
    elif kind == CONNECTOR:
        _take_connector(ids, registers, operand, numbers, letters, starts, mask, moves, lengths)
    elif kind == CONNECTOR_RUN:
        _take_connector(ids, registers, np.int64(letters[operand]), numbers, letters, starts, mask, moves, lengths)
        operand, size = operand + 1, size - 1
    if kind == RUN or kind == GAP_RUN or kind == CONNECTOR_RUN:
        _take_run(registers, token, token, letters, operand, size, run_node, numbers, starts)


@kernel()
def take_token(
    ids: IdArray,
    registers: IntArray,
    token: Integer,
    raw_bytes: ByteArray,
    numbers: Int32Array,
    letters: ByteArray,
    starts: IntArray,
    mask: BoolArray,
    moves: Int8Array,
    lengths: Int8Array,
) -> None:
    """Take any token that has text, in any state."""
    token_id = np.int64(ids[token])
    flags, run_node = np.int64(numbers[starts[HEADS] + 4 * token_id]), numbers[starts[HEADS] + 4 * token_id + 1]
    operand, size = np.int64(numbers[starts[OPERANDS] + token_id]), np.int64(numbers[starts[SIZES] + token_id])
    if flags & KIND_MASK != GENERAL:
        _take_piece(
            ids,
            registers,
            token,
            flags,
            operand,
            size,
            run_node,
            raw_bytes,
            numbers,
            letters,
            starts,
            mask,
            moves,
            lengths,
        )
        return
    for part in range(starts[PARTS] + 4 * operand, starts[PARTS] + 4 * (operand + size), 4):
        _take_piece(
            ids,
            registers,
            token,
            np.int64(numbers[part]),
            np.int64(numbers[part + 1]),
            np.int64(numbers[part + 2]),
            numbers[part + 3],
            raw_bytes,
            numbers,
            letters,
            starts,
            mask,
            moves,
            lengths,
        )
