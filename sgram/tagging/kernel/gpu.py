"""`sgram.tagging.kernel.machine` as one GPU kernel, written in Triton. One program marks one chunk of a row.

A program first looks back to the last token that contains a sentence end (or has no text). The machine's state after
that token does not depend on earlier ones, so the program runs the machine from there. Tokens that it marks before its
chunk are marked by another program, too. The host reads nothing and no size depends on the ids, so the launch does not
wait and can be captured in a CUDA graph. Unlike on the host, an id out of range is no error: it has no text.

Triton comes with PyTorch's CUDA builds; its interpreter runs the kernel without a GPU. Names are those of `machine`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import triton
import triton.language as tl

from sgram.tagging.kernel.automaton import DEAD, ROOT
from sgram.tagging.kernel.pieces import (
    BREAK_SHIFT,
    CLASS_MASK,
    CONNECTOR,
    CONNECTOR_RUN,
    EMPTY,
    FIRST_CLASS_SHIFT,
    GAP,
    GAP_RUN,
    GENERAL,
    KIND_MASK,
    LAST_CLASS_SHIFT,
    NO_TEXT,
    PARTIAL,
    RAW_BYTE,
    RUN,
    VISIBILITY_MASK,
    VISIBILITY_SHIFT,
    VISIBLE,
)
from sgram.tagging.kernel.tables import (
    BYTE_COLUMNS,
    BYTE_ENDS,
    EDGE_BASES,
    EDGES,
    FAILURE_LINKS,
    FIRST_STATES,
    HEADS,
    LONGEST_GRAMS,
    N_IDS,
    NODE_WORDS,
    OPERANDS,
    PARTS,
    SIZES,
    TOKEN_BYTES,
    TRIE,
    TRIE_WIDTH,
    Tables,
)
from sgram.text import APOSTROPHE, BMP_CLASSES, DIGIT, ESCAPE, HYPHEN, LETTER, PASS, STOP

if TYPE_CHECKING:
    import torch

CLASSES = 19
"""Index into `DeviceTables.starts`, after those of the host's tables: where the classes of characters begin."""
CHUNK = 32
"""Tokens that one program marks. Few, so that many programs run at once; not fewer than it usually looks back."""


@dataclass(frozen=True, slots=True, eq=False)
class DeviceTables:
    """The tables of one vocabulary and one lexicon in a device's memory."""

    numbers: "torch.Tensor"
    """int32."""
    letters: "torch.Tensor"
    """uint8: the host tables' letters, then the class of each character below 0x10000."""
    starts: "torch.Tensor"
    """int32: the host tables' starts, then where those classes begin."""

    @classmethod
    def from_tables(cls, tables: Tables, device: "torch.device | str") -> "DeviceTables":
        """Copy `tables` to `device`. Raise `ValueError` if a start does not fit into 31 bits."""
        import torch

        letters = np.concatenate((tables.letters, np.frombuffer(BMP_CLASSES, np.uint8)))
        starts = np.append(tables.starts, len(tables.letters))
        if max(starts.max(), len(tables.numbers)) >= 1 << 31:
            raise ValueError("tables of 2**31 or more numbers do not fit the GPU kernel")
        return cls(
            torch.from_numpy(tables.numbers).to(device),
            torch.from_numpy(letters).to(device),
            torch.from_numpy(starts.astype(np.int32)).to(device),
        )

    def tag(self, ids: "torch.Tensor", attention_mask: "torch.Tensor | None") -> "torch.Tensor":
        """Return the planning mask of `ids`, (B, T) or (T,), contiguous, on the tables' device."""
        import torch

        mask = torch.zeros(ids.shape, dtype=torch.uint8, device=ids.device)
        n_tokens = ids.shape[-1]
        n_chunks = triton.cdiv(n_tokens, CHUNK)
        with torch.cuda.device_of(ids):  # a launch goes to the current device, whatever its arguments
            _tag_chunk[(ids.numel() // n_tokens * n_chunks,)](
                ids,
                ids if attention_mask is None else attention_mask.view(torch.uint8),
                mask,
                self.numbers,
                self.letters,
                self.starts,
                n_tokens,
                n_chunks,
                chunk_size=CHUNK,
                has_attention_mask=attention_mask is not None,
                num_warps=1,
            )
        return mask.view(torch.bool)


# A kernel can read a module's number only if it is a constexpr: the constants of `automaton`, `pieces`, `tables` and
# `text` again, with an underscore.
_GAP_RUN, _RUN, _GAP, _CONNECTOR_RUN, _CONNECTOR, _GENERAL, _EMPTY, _NO_TEXT = map(
    tl.constexpr, (GAP_RUN, RUN, GAP, CONNECTOR_RUN, CONNECTOR, GENERAL, EMPTY, NO_TEXT)
)
_RAW_BYTE, _VISIBLE, _PARTIAL = map(tl.constexpr, (RAW_BYTE, VISIBLE, PARTIAL))
_KIND_MASK, _CLASS_MASK, _VISIBILITY_MASK = map(tl.constexpr, (KIND_MASK, CLASS_MASK, VISIBILITY_MASK))
_FIRST_CLASS_SHIFT, _BREAK_SHIFT, _LAST_CLASS_SHIFT, _VISIBILITY_SHIFT = map(
    tl.constexpr, (FIRST_CLASS_SHIFT, BREAK_SHIFT, LAST_CLASS_SHIFT, VISIBILITY_SHIFT)
)
_LETTER, _APOSTROPHE, _HYPHEN, _PASS, _STOP, _DIGIT, _ESCAPE = map(
    tl.constexpr, (LETTER, APOSTROPHE, HYPHEN, PASS, STOP, DIGIT, ESCAPE)
)
_HEADS, _OPERANDS, _SIZES, _PARTS, _BYTE_ENDS, _BYTE_COLUMNS, _TRIE, _NODE_WORDS, _FIRST_STATES = map(
    tl.constexpr, (HEADS, OPERANDS, SIZES, PARTS, BYTE_ENDS, BYTE_COLUMNS, TRIE, NODE_WORDS, FIRST_STATES)
)
_EDGE_BASES, _EDGES, _FAILURE_LINKS, _LONGEST_GRAMS, _TRIE_WIDTH, _N_IDS, _TOKEN_BYTES, _CLASSES = map(
    tl.constexpr, (EDGE_BASES, EDGES, FAILURE_LINKS, LONGEST_GRAMS, TRIE_WIDTH, N_IDS, TOKEN_BYTES, CLASSES)
)
_DEAD, _ROOT = tl.constexpr(DEAD), tl.constexpr(ROOT)


@triton.jit
def _read_number(numbers: tl.tensor, starts: tl.tensor, table: tl.tensor, index: tl.tensor) -> tl.tensor:
    """Return number `index` of one of the tables."""
    return tl.load(numbers + tl.load(starts + table) + index)


@triton.jit
def _read_token(
    ids: tl.tensor,
    attention_mask: tl.tensor,
    numbers: tl.tensor,
    starts: tl.tensor,
    token: tl.tensor,
    has_attention_mask: tl.constexpr,
) -> tl.tensor:
    """Return (token id, flags) of a token; id 0 and NO_TEXT if it has no text."""
    token_id = tl.load(ids + token).to(tl.int64)
    has_text = (token_id >= 0) & (token_id < tl.load(starts + _N_IDS))
    if has_attention_mask:
        has_text = has_text & (tl.load(attention_mask + token) != 0)
    token_id = tl.where(has_text, token_id, 0).to(tl.int32)
    return token_id, tl.where(has_text, _read_number(numbers, starts, _HEADS, 4 * token_id), _NO_TEXT)


@triton.jit
def _char_class(code: tl.tensor, letters: tl.tensor, starts: tl.tensor) -> tl.tensor:
    """Return the class of a character by its code point."""
    char_class = tl.load(letters + tl.load(starts + _CLASSES) + tl.where(code < 0x10000, code, 0)).to(tl.int32)
    char_class = tl.where(code >= 0x10000, _LETTER, char_class)
    stops = (code >= 0x1D400) & (code <= 0x1D7FF) | (code >= 0x1F000) & (code <= 0x1FAFF) | (code >= 0xF0000)
    char_class = tl.where(stops, _STOP, char_class)
    return tl.where((code >= 0xE0000) & (code <= 0xE0FFF), _PASS, char_class)


@triton.jit
def _is_space(code: tl.tensor) -> tl.tensor:
    """Return whether a character is white space, by its code point."""
    single = (code == 0x20) | (code == 9) | (code == 10) | (code == 13) | (code == 0xA0) | (code == 0x1680)
    return single | (code >= 0x2000) & (code <= 0x200A) | (code == 0x202F) | (code == 0x205F) | (code == 0x3000)


@triton.jit
def _character_width(lead: tl.tensor) -> tl.tensor:
    """Return the number of bytes of a character that begins with `lead`."""
    return tl.where(lead < 0x80, 1, tl.where(lead < 0xE0, 2, tl.where(lead < 0xF0, 3, 4)))


@triton.jit
def _lead_bits(lead: tl.tensor) -> tl.tensor:
    """Return the bits of the code point that the first byte of a character holds."""
    return lead & tl.where(lead < 0x80, 0x7F, tl.where(lead < 0xE0, 0x1F, tl.where(lead < 0xF0, 0x0F, 0x07)))


@triton.jit
def _is_visible(
    ids: tl.tensor, token: tl.tensor, numbers: tl.tensor, letters: tl.tensor, starts: tl.tensor
) -> tl.tensor:
    """Do the same as `machine._is_visible`, for a token strictly inside a span."""
    token_id = tl.load(ids + token).to(tl.int32)
    token_bytes = tl.load(starts + _TOKEN_BYTES)
    begin = _read_number(numbers, starts, _BYTE_ENDS, token_id)
    end = _read_number(numbers, starts, _BYTE_ENDS, token_id + 1)
    neighbor, at = token, begin
    byte = tl.load(letters + token_bytes + at).to(tl.int32)
    while (byte & 0xC0) == 0x80:  # back to the byte that begins the character
        while at == _read_number(numbers, starts, _BYTE_ENDS, tl.load(ids + neighbor).to(tl.int32)):
            neighbor -= 1
            at = _read_number(numbers, starts, _BYTE_ENDS, tl.load(ids + neighbor).to(tl.int32) + 1)
        at -= 1
        byte = tl.load(letters + token_bytes + at).to(tl.int32)
    is_visible = False
    n_missing, code, is_inside = 0, 0, False
    running = True
    while running:  # byte by byte to the end of the last character of which the token contains a part
        stop = _read_number(numbers, starts, _BYTE_ENDS, tl.load(ids + neighbor).to(tl.int32) + 1)
        while at == stop:
            neighbor += 1
            at = _read_number(numbers, starts, _BYTE_ENDS, tl.load(ids + neighbor).to(tl.int32))
            stop = _read_number(numbers, starts, _BYTE_ENDS, tl.load(ids + neighbor).to(tl.int32) + 1)
        byte = tl.load(letters + token_bytes + at).to(tl.int32)
        if n_missing == 0:
            n_missing, code, is_inside = _character_width(byte) - 1, _lead_bits(byte), neighbor == token
        else:
            n_missing, code, is_inside = n_missing - 1, code << 6 | byte & 0x3F, is_inside | (neighbor == token)
        at += 1
        is_visible = is_visible | ((n_missing == 0) & is_inside & (not _is_space(code)))
        past = (neighbor > token) | ((neighbor == token) & (at == end))
        running = (not is_visible) & ((n_missing > 0) | (not past))
    return is_visible


@triton.jit
def _mark_gram(
    ids: tl.tensor,
    mask: tl.tensor,
    first_token: tl.tensor,
    last_token: tl.tensor,
    numbers: tl.tensor,
    letters: tl.tensor,
    starts: tl.tensor,
) -> None:
    """Mark the tokens of a gram. The first and the last contain letters of it."""
    token = first_token
    while token <= last_token:
        token_id = tl.load(ids + token).to(tl.int32)
        visibility = _read_number(numbers, starts, _HEADS, 4 * token_id) >> _VISIBILITY_SHIFT & _VISIBILITY_MASK
        is_marked = (visibility == _VISIBLE) | (token == first_token) | (token == last_token)
        if (visibility == _PARTIAL) & (not is_marked):
            is_marked = _is_visible(ids, token, numbers, letters, starts)
        if is_marked:
            tl.store(mask + token, 1)
        token += 1


@triton.jit
def _step_trie(numbers: tl.tensor, starts: tl.tensor, node: tl.tensor, byte: tl.tensor) -> tl.tensor:
    """Return the trie node after one byte."""
    column = _read_number(numbers, starts, _BYTE_COLUMNS, byte)
    return _read_number(numbers, starts, _TRIE, node * tl.load(starts + _TRIE_WIDTH) + column)


@triton.jit
def _next_state(numbers: tl.tensor, starts: tl.tensor, state: tl.tensor, word: tl.tensor) -> tl.tensor:
    """Return the state after `word`, a word of the lexicon, in `state`."""
    searching = state != 0
    following = 0
    while searching:
        slot = 2 * (_read_number(numbers, starts, _EDGE_BASES, state) + word)
        if _read_number(numbers, starts, _EDGES, slot) == state:
            following = _read_number(numbers, starts, _EDGES, slot + 1)
            searching = False
        else:
            state = _read_number(numbers, starts, _FAILURE_LINKS, state)
            searching = state != 0
    return tl.where(following != 0, following, _read_number(numbers, starts, _FIRST_STATES, word))


@triton.jit
def _tag_chunk(
    ids: tl.tensor,
    attention_mask: tl.tensor,
    mask: tl.tensor,
    numbers: tl.tensor,
    letters: tl.tensor,
    starts: tl.tensor,
    n_tokens: tl.tensor,
    n_chunks: tl.tensor,
    chunk_size: tl.constexpr,
    has_attention_mask: tl.constexpr,
) -> None:
    """Run the machine over one chunk of one row; variables are the registers of `sgram.tagging.kernel.machine`."""
    row, chunk = (tl.program_id(0) // n_chunks).to(tl.int64), tl.program_id(0) % n_chunks
    ids, attention_mask, mask = ids + row * n_tokens, attention_mask + row * n_tokens, mask + row * n_tokens
    token = chunk * chunk_size
    end = tl.minimum(token + chunk_size, n_tokens)
    searching = token > 0
    while searching:  # back to a token after which the state does not depend on earlier tokens
        token -= 1
        token_id, flags = _read_token(ids, attention_mask, numbers, starts, token, has_attention_mask)
        kind = flags & _KIND_MASK
        is_reset = (kind == _NO_TEXT) | ((kind == _GAP) | (kind == _GAP_RUN)) & ((flags >> _BREAK_SHIFT & 1) != 0)
        searching = (token > 0) & (not is_reset)
    passing, stop = tl.full((), _PASS, tl.int32), tl.full((), _STOP, tl.int32)
    no_text = tl.full((), _NO_TEXT, tl.int32)
    word_open, word_valid, connector_byte, node = False, False, 0, 0
    first_token, last_token, previous_class = 0, 0, passing
    state, raw_bytes, n_raw_bytes, raw_first_token = 0, 0, 0, 0
    # first tokens of the last six words, the last word first
    start_0, start_1, start_2, start_3, start_4, start_5 = 0, 0, 0, 0, 0, 0
    while token <= end:
        # the end of the row is taken like a token without text; the end of another chunk is left to the next program
        at_end = token == end
        if at_end:
            token_id, flags = 0, no_text
        else:
            token_id, flags = _read_token(ids, attention_mask, numbers, starts, token, has_attention_mask)
        kind = flags & _KIND_MASK
        part, n_parts = 0, 1
        if kind == _GENERAL:
            part = tl.load(starts + _PARTS) + 4 * _read_number(numbers, starts, _OPERANDS, token_id)
            n_parts = _read_number(numbers, starts, _SIZES, token_id)
        if (kind == _EMPTY) | (at_end & (end < n_tokens)):
            n_parts = 0
        while n_parts > 0:
            operand, size, run_node = 0, 0, 0
            if kind == _GENERAL:
                flags = tl.load(numbers + part)
                operand, size, run_node = (
                    tl.load(numbers + part + 1),
                    tl.load(numbers + part + 2),
                    tl.load(numbers + part + 3),
                )
            else:
                operand = _read_number(numbers, starts, _OPERANDS, token_id)
                size = _read_number(numbers, starts, _SIZES, token_id)
                run_node = _read_number(numbers, starts, _HEADS, 4 * token_id + 1)
            piece_kind = flags & _KIND_MASK
            part += 4
            n_parts -= 1

            # Work out what the piece does: take a gap, then a connector, then a run; any of them may be missing.
            gap, gap_first_class, gap_breaks, gap_last_class = False, passing, False, passing
            connector, run, run_is_raw, run_first_token = 0, False, False, token
            if piece_kind == _NO_TEXT:
                gap, gap_first_class, gap_breaks, gap_last_class, n_raw_bytes = True, passing, True, passing, 0
            elif piece_kind == _RAW_BYTE:
                is_invalid = False
                if n_raw_bytes > 0:
                    lead = raw_bytes & 0xFF
                    low = tl.where(lead == 0xE0, 0xA0, tl.where(lead == 0xF0, 0x90, 0x80))
                    high = tl.where(lead == 0xED, 0x9F, tl.where(lead == 0xF4, 0x8F, 0xBF))
                    later = n_raw_bytes > 1
                    is_invalid = (operand < tl.where(later, 0x80, low)) | (operand > tl.where(later, 0xBF, high))
                if is_invalid:
                    gap, gap_first_class, gap_breaks, gap_last_class, n_raw_bytes = True, stop, True, stop, 0
                if n_raw_bytes > 0:
                    raw_bytes, n_raw_bytes = raw_bytes | operand << 8 * n_raw_bytes, n_raw_bytes + 1
                    if n_raw_bytes == _character_width(raw_bytes & 0xFF):
                        code, step = _lead_bits(raw_bytes & 0xFF), 1
                        while step < n_raw_bytes:
                            code = code << 6 | (raw_bytes >> 8 * step) & 0x3F
                            step += 1
                        char_class = _char_class(code, letters, starts)
                        size, n_raw_bytes = n_raw_bytes, 0
                        if char_class == _LETTER:
                            run, run_is_raw, run_first_token = True, True, raw_first_token
                        elif char_class == _APOSTROPHE:
                            connector = 39
                        elif char_class == _HYPHEN:
                            connector = 45
                        else:
                            gap, gap_first_class = True, char_class
                            gap_breaks, gap_last_class = char_class >= _STOP, char_class
                elif (operand >= 0xC2) & (operand <= 0xF4):
                    raw_bytes, n_raw_bytes, raw_first_token = operand, 1, token
                else:
                    gap, gap_first_class, gap_breaks, gap_last_class = True, stop, True, stop
            else:
                if n_raw_bytes > 0:
                    gap, gap_first_class, gap_breaks, gap_last_class, n_raw_bytes = True, stop, True, stop, 0
                if (piece_kind == _GAP) | (piece_kind == _GAP_RUN):
                    gap_first_class = tl.where(gap, gap_first_class, flags >> _FIRST_CLASS_SHIFT & _CLASS_MASK)
                    gap_breaks = gap_breaks | ((flags >> _BREAK_SHIFT & 1) != 0)
                    gap, gap_last_class = True, flags >> _LAST_CLASS_SHIFT & _CLASS_MASK
                elif piece_kind == _CONNECTOR:
                    connector = operand
                elif piece_kind == _CONNECTOR_RUN:
                    connector = tl.load(letters + operand).to(tl.int32)
                    operand, size = operand + 1, size - 1
                run = (piece_kind == _RUN) | (piece_kind == _GAP_RUN) | (piece_kind == _CONNECTOR_RUN)
            if connector > 0:
                if word_open & (connector_byte == 0) & (not gap):
                    connector_byte = connector
                else:
                    gap_first_class = tl.where(gap, gap_first_class, passing)
                    gap, gap_last_class = True, passing

            if gap:
                if word_open:
                    word = -1
                    if word_valid & ((connector_byte != 0) | (gap_first_class != _DIGIT)):
                        word = _read_number(numbers, starts, _NODE_WORDS, node)
                    if word < 0:
                        state = 0
                    else:
                        state = _next_state(numbers, starts, state, word)
                        start_5, start_4, start_3 = start_4, start_3, start_2
                        start_2, start_1, start_0 = start_1, start_0, first_token
                        length = _read_number(numbers, starts, _LONGEST_GRAMS, state)
                        if length > 0:
                            gram_token = tl.where(length == 1, start_0, tl.where(length == 2, start_1, start_2))
                            gram_token = tl.where(length == 4, start_3, tl.where(length == 5, start_4, gram_token))
                            gram_token = tl.where(length == 6, start_5, gram_token)
                            _mark_gram(ids, mask, gram_token, last_token, numbers, letters, starts)
                    word_open, connector_byte = False, 0
                if gap_breaks:
                    state = 0
                previous_class = gap_last_class
            if run:
                walks_run = word_open | run_is_raw
                if word_open:
                    if connector_byte != 0:
                        node = _step_trie(numbers, starts, node, connector_byte)
                        connector_byte = 0
                else:
                    word_open, first_token = True, run_first_token
                    word_valid = (previous_class != _DIGIT) & (previous_class != _ESCAPE)
                    node = tl.where(run_is_raw, _ROOT, run_node)
                last_token = token
                step = 0
                while walks_run & (step < size) & (node != _DEAD):
                    if run_is_raw:
                        node = _step_trie(numbers, starts, node, (raw_bytes >> 8 * step) & 0xFF)
                    else:
                        node = _step_trie(numbers, starts, node, tl.load(letters + operand + step).to(tl.int32))
                    step += 1
        token += 1
