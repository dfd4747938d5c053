"""`sgram.tagging.kernel.machine` as one GPU kernel, a chunk of a row at a time. Knows nothing about lexicons.

Every chunk of a row is a program of its own. It looks back to the last token that holds a sentence end (or no text),
after which the machine's state does not depend on what came before, and runs the machine from there; what it
marks before its chunk, another program marks too. Nothing is read by the host and no size depends on the ids, so the
launch does not wait and can be captured in a CUDA graph. Ids out of range hold no text here.

The kernel is written in Triton, which comes with PyTorch's CUDA builds; its interpreter runs it without a GPU.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import triton
import triton.language as tl

from sgram.tagging.kernel.automaton import DEAD, ROOT
from sgram.tagging.kernel.pieces import EMPTY, GAP, GAP_RUN, GENERAL, JOIN, JOIN_RUN, NO_TEXT, PERHAPS, RAW, RUN, SEEN
from sgram.tagging.kernel.tables import (
    BASES,
    COLUMNS,
    EDGES,
    ENDS,
    FAILS,
    FIRSTS,
    HEADS,
    LONGEST,
    N_IDS,
    PARTS,
    PLACES,
    SIZES,
    SPELLED,
    TRIE,
    WIDTH,
    WORDS,
    Tables,
)
from sgram.text import APOSTROPHE, BMP_CLASSES, DIGIT, ESCAPE, HYPHEN, LETTER, PASS, STOP

if TYPE_CHECKING:
    import torch

CLASSES = 19
"""Place in `DeviceTables.starts` that the tables on the host do not have."""
CHUNK = 32
"""Tokens a program marks: few, for many programs at once; not fewer than it usually looks back."""


@dataclass(frozen=True, slots=True, eq=False)
class DeviceTables:
    """The tables of one vocabulary and one lexicon in a device's memory."""

    numbers: "torch.Tensor"
    """int32."""
    letters: "torch.Tensor"
    """uint8: the tables' letters, then the class of each character below 0x10000."""
    starts: "torch.Tensor"
    """int32: the tables' starts, then where those classes begin."""

    @classmethod
    def of(cls, tables: Tables, device: "torch.device | str") -> "DeviceTables":
        """A copy of `tables` on `device`."""
        import torch

        letters = np.concatenate((tables.letters, np.frombuffer(BMP_CLASSES, np.uint8)))
        starts = np.append(tables.starts, len(tables.letters))
        if max(starts.max(), len(tables.numbers)) >= 1 << 31:
            raise ValueError("tables of more than 2**31 numbers")
        return cls(
            torch.from_numpy(tables.numbers).to(device),
            torch.from_numpy(letters).to(device),
            torch.from_numpy(starts.astype(np.int32)).to(device),
        )

    def tag(self, ids: "torch.Tensor", attended: "torch.Tensor | None") -> "torch.Tensor":
        """The planning mask of `ids`, (B, T) or (T,), contiguous, on the tables' device."""
        import torch

        mask = torch.zeros(ids.shape, dtype=torch.uint8, device=ids.device)
        n_tokens = ids.shape[-1]
        n_chunks = triton.cdiv(n_tokens, CHUNK)
        with torch.cuda.device_of(ids):  # a launch goes to the current device, whatever its arguments
            _tag_chunk[(ids.numel() // n_tokens * n_chunks,)](
                ids,
                ids if attended is None else attended.view(torch.uint8),
                mask,
                self.numbers,
                self.letters,
                self.starts,
                n_tokens,
                n_chunks,
                chunk_size=CHUNK,
                masked=attended is not None,
                num_warps=1,
            )
        return mask.view(torch.bool)


# Kernels may read no Python number of a module but a constexpr: the names of `machine`, `pieces` and `text`, again.
_GAP_RUN, _RUN, _GAP, _JOIN_RUN, _JOIN, _GENERAL, _EMPTY, _NO_TEXT = map(
    tl.constexpr, (GAP_RUN, RUN, GAP, JOIN_RUN, JOIN, GENERAL, EMPTY, NO_TEXT)
)
_RAW, _SEEN, _PERHAPS = map(tl.constexpr, (RAW, SEEN, PERHAPS))
_LETTER, _APOSTROPHE, _HYPHEN, _PASS, _STOP, _DIGIT, _ESCAPE = map(
    tl.constexpr, (LETTER, APOSTROPHE, HYPHEN, PASS, STOP, DIGIT, ESCAPE)
)
_HEADS, _PLACES, _SIZES, _PARTS, _ENDS, _COLUMNS, _TRIE, _WORDS, _FIRSTS = map(
    tl.constexpr, (HEADS, PLACES, SIZES, PARTS, ENDS, COLUMNS, TRIE, WORDS, FIRSTS)
)
_BASES, _EDGES, _FAILS, _LONGEST, _WIDTH, _N_IDS, _SPELLED, _CLASSES = map(
    tl.constexpr, (BASES, EDGES, FAILS, LONGEST, WIDTH, N_IDS, SPELLED, CLASSES)
)
_DEAD, _ROOT = tl.constexpr(DEAD), tl.constexpr(ROOT)


@triton.jit
def _number(numbers, starts, table, place):
    """Element `place` of one of the tables."""
    return tl.load(numbers + tl.load(starts + table) + place)


@triton.jit
def _what_at(ids, attended, numbers, starts, place, masked: tl.constexpr):
    """(id, `what`) of a position; id 0 and NO_TEXT where it holds no text."""
    value = tl.load(ids + place).to(tl.int64)
    is_text = (value >= 0) & (value < tl.load(starts + _N_IDS))
    if masked:
        is_text = is_text & (tl.load(attended + place) != 0)
    value = tl.where(is_text, value, 0).to(tl.int32)
    return value, tl.where(is_text, _number(numbers, starts, _HEADS, 4 * value), _NO_TEXT)


@triton.jit
def _class_of(code, letters, starts):
    """Class of a character by its code point."""
    kind = tl.load(letters + tl.load(starts + _CLASSES) + tl.where(code < 0x10000, code, 0)).to(tl.int32)
    kind = tl.where(code >= 0x10000, _LETTER, kind)
    stops = (code >= 0x1D400) & (code <= 0x1D7FF) | (code >= 0x1F000) & (code <= 0x1FAFF) | (code >= 0xF0000)
    kind = tl.where(stops, _STOP, kind)
    return tl.where((code >= 0xE0000) & (code <= 0xE0FFF), _PASS, kind)


@triton.jit
def _is_space(code):
    """Whether a character of a span is white space."""
    few = (code == 0x20) | (code == 9) | (code == 10) | (code == 13) | (code == 0xA0) | (code == 0x1680)
    return few | (code >= 0x2000) & (code <= 0x200A) | (code == 0x202F) | (code == 0x205F) | (code == 0x3000)


@triton.jit
def _width(lead):
    """Bytes of a character that begins with `lead`."""
    return tl.where(lead < 0x80, 1, tl.where(lead < 0xE0, 2, tl.where(lead < 0xF0, 3, 4)))


@triton.jit
def _low_bits(lead):
    """What a first byte says of its character's code point."""
    return lead & tl.where(lead < 0x80, 0x7F, tl.where(lead < 0xE0, 0x1F, tl.where(lead < 0xF0, 0x0F, 0x07)))


@triton.jit
def _is_seen(ids, place, numbers, letters, starts):
    """See `machine._is_seen`: the token at `place` stands strictly inside a span."""
    value = tl.load(ids + place).to(tl.int32)
    spelled = tl.load(starts + _SPELLED)
    begin, end = _number(numbers, starts, _ENDS, value), _number(numbers, starts, _ENDS, value + 1)
    here, at = place, begin
    byte = tl.load(letters + spelled + at).to(tl.int32)
    while (byte & 0xC0) == 0x80:  # back to the byte that begins the character
        while at == _number(numbers, starts, _ENDS, tl.load(ids + here).to(tl.int32)):
            here -= 1
            at = _number(numbers, starts, _ENDS, tl.load(ids + here).to(tl.int32) + 1)
        at -= 1
        byte = tl.load(letters + spelled + at).to(tl.int32)
    found = False
    left, code, inside = 0, 0, False
    going = True
    while going:  # byte by byte to the end of the last character that the token holds a part of
        stop = _number(numbers, starts, _ENDS, tl.load(ids + here).to(tl.int32) + 1)
        while at == stop:
            here += 1
            at = _number(numbers, starts, _ENDS, tl.load(ids + here).to(tl.int32))
            stop = _number(numbers, starts, _ENDS, tl.load(ids + here).to(tl.int32) + 1)
        byte = tl.load(letters + spelled + at).to(tl.int32)
        if left == 0:
            left, code, inside = _width(byte) - 1, _low_bits(byte), here == place
        else:
            left, code, inside = left - 1, code << 6 | byte & 0x3F, inside | (here == place)
        at += 1
        found = found | ((left == 0) & inside & (not _is_space(code)))
        past = (here > place) | ((here == place) & (at == end))
        going = (not found) & ((left > 0) | (not past))
    return found


@triton.jit
def _mark(ids, mask, first, last, numbers, letters, starts):
    """Mark the tokens of a gram; the first and the last hold letters of it."""
    place = first
    while place <= last:
        value = tl.load(ids + place).to(tl.int32)
        seen = _number(numbers, starts, _HEADS, 4 * value) >> 20 & 3
        marked = (seen == _SEEN) | (place == first) | (place == last)
        if (seen == _PERHAPS) & (not marked):
            marked = _is_seen(ids, place, numbers, letters, starts)
        if marked:
            tl.store(mask + place, 1)
        place += 1


@triton.jit
def _step(numbers, starts, node, byte):
    """Trie node after one byte."""
    column = _number(numbers, starts, _COLUMNS, byte)
    return _number(numbers, starts, _TRIE, node * tl.load(starts + _WIDTH) + column)


@triton.jit
def _next_state(numbers, starts, state, word):
    """Automaton state after a word that the lexicon knows."""
    searching = state != 0
    following = 0
    while searching:
        slot = 2 * (_number(numbers, starts, _BASES, state) + word)
        if _number(numbers, starts, _EDGES, slot) == state:
            following = _number(numbers, starts, _EDGES, slot + 1)
            searching = False
        else:
            state = _number(numbers, starts, _FAILS, state)
            searching = state != 0
    return tl.where(following != 0, following, _number(numbers, starts, _FIRSTS, word))


@triton.jit
def _tag_chunk(
    ids, attended, mask, numbers, letters, starts, n_tokens, n_chunks, chunk_size: tl.constexpr, masked: tl.constexpr
):
    """Run the machine over one chunk of one row; registers and pieces are those of `sgram.tagging.kernel.machine`."""
    row, chunk = (tl.program_id(0) // n_chunks).to(tl.int64), tl.program_id(0) % n_chunks
    ids, attended, mask = ids + row * n_tokens, attended + row * n_tokens, mask + row * n_tokens
    token = chunk * chunk_size
    end = tl.minimum(token + chunk_size, n_tokens)
    searching = token > 0
    while searching:  # back to where the state is known
        token -= 1
        value, what = _what_at(ids, attended, numbers, starts, token, masked)
        kind = what & 0xFF
        known = (kind == _NO_TEXT) | ((kind == _GAP) | (kind == _GAP_RUN)) & ((what >> 12 & 1) != 0)
        searching = (token > 0) & (not known)
    passing, stop = tl.full((), _PASS, tl.int32), tl.full((), _STOP, tl.int32)
    no_text = tl.full((), _NO_TEXT, tl.int32)
    opened, sound, joiner, node, first, last, before = False, False, 0, 0, 0, 0, passing
    state, raw, n_raw, raw_first = 0, 0, 0, 0
    first_0, first_1, first_2, first_3, first_4, first_5 = 0, 0, 0, 0, 0, 0  # first tokens of the last words
    while token <= end:
        # the end of the row is taken like a token without text; the end of another chunk is left to the next one
        at_end = token == end
        if at_end:
            value, what = 0, no_text
        else:
            value, what = _what_at(ids, attended, numbers, starts, token, masked)
        kind = what & 0xFF
        part, n_parts = 0, 1
        if kind == _GENERAL:
            part = tl.load(starts + _PARTS) + 4 * _number(numbers, starts, _PLACES, value)
            n_parts = _number(numbers, starts, _SIZES, value)
        if (kind == _EMPTY) | (at_end & (end < n_tokens)):
            n_parts = 0
        while n_parts > 0:
            at, size, lead = 0, 0, 0
            if kind == _GENERAL:
                what = tl.load(numbers + part)
                at, size, lead = (tl.load(numbers + part + 1), tl.load(numbers + part + 2), tl.load(numbers + part + 3))
            else:
                at, size = _number(numbers, starts, _PLACES, value), _number(numbers, starts, _SIZES, value)
                lead = _number(numbers, starts, _HEADS, 4 * value + 1)
            piece = what & 0xFF
            part += 4
            n_parts -= 1

            # What the piece does: close a word and perhaps a sentence (a gap), hold a connector, go on with a run.
            gap, gap_first, gap_breaks, gap_last = False, passing, False, passing
            join, run, from_raw, run_first = 0, False, False, token
            if piece == _NO_TEXT:
                gap, gap_first, gap_breaks, gap_last, n_raw = True, passing, True, passing, 0
            elif piece == _RAW:
                broken = False
                if n_raw > 0:
                    lead_byte = raw & 0xFF
                    low = tl.where(lead_byte == 0xE0, 0xA0, tl.where(lead_byte == 0xF0, 0x90, 0x80))
                    high = tl.where(lead_byte == 0xED, 0x9F, tl.where(lead_byte == 0xF4, 0x8F, 0xBF))
                    later = n_raw > 1
                    broken = (at < tl.where(later, 0x80, low)) | (at > tl.where(later, 0xBF, high))
                if broken:
                    gap, gap_first, gap_breaks, gap_last, n_raw = True, stop, True, stop, 0
                if n_raw > 0:
                    raw, n_raw = raw | at << 8 * n_raw, n_raw + 1
                    if n_raw == _width(raw & 0xFF):
                        code, step = _low_bits(raw & 0xFF), 1
                        while step < n_raw:
                            code = code << 6 | (raw >> 8 * step) & 0x3F
                            step += 1
                        sort = _class_of(code, letters, starts)
                        size, n_raw = n_raw, 0
                        if sort == _LETTER:
                            run, from_raw, run_first = True, True, raw_first
                        elif sort == _APOSTROPHE:
                            join = 39
                        elif sort == _HYPHEN:
                            join = 45
                        else:
                            gap, gap_first, gap_breaks, gap_last = True, sort, sort >= _STOP, sort
                elif (at >= 0xC2) & (at <= 0xF4):
                    raw, n_raw, raw_first = at, 1, token
                else:
                    gap, gap_first, gap_breaks, gap_last = True, stop, True, stop
            else:
                if n_raw > 0:
                    gap, gap_first, gap_breaks, gap_last, n_raw = True, stop, True, stop, 0
                if (piece == _GAP) | (piece == _GAP_RUN):
                    gap_first = tl.where(gap, gap_first, what >> 8 & 0xF)
                    gap_breaks = gap_breaks | ((what >> 12 & 1) != 0)
                    gap, gap_last = True, what >> 16 & 0xF
                elif piece == _JOIN:
                    join = at
                elif piece == _JOIN_RUN:
                    join = tl.load(letters + at).to(tl.int32)
                    at, size = at + 1, size - 1
                run = (piece == _RUN) | (piece == _GAP_RUN) | (piece == _JOIN_RUN)
            if join > 0:
                if opened & (joiner == 0) & (not gap):
                    joiner = join
                else:
                    gap_first = tl.where(gap, gap_first, passing)
                    gap, gap_last = True, passing

            if gap:
                if opened:
                    word = -1
                    if sound & ((joiner != 0) | (gap_first != _DIGIT)):
                        word = _number(numbers, starts, _WORDS, node)
                    if word < 0:
                        state = 0
                    else:
                        state = _next_state(numbers, starts, state, word)
                        first_5, first_4, first_3 = first_4, first_3, first_2
                        first_2, first_1, first_0 = first_1, first_0, first
                        length = _number(numbers, starts, _LONGEST, state)
                        if length > 0:
                            begun = tl.where(length == 1, first_0, tl.where(length == 2, first_1, first_2))
                            begun = tl.where(length == 4, first_3, tl.where(length == 5, first_4, begun))
                            begun = tl.where(length == 6, first_5, begun)
                            _mark(ids, mask, begun, last, numbers, letters, starts)
                    opened, joiner = False, 0
                if gap_breaks:
                    state = 0
                before = gap_last
            if run:
                walked = opened | from_raw
                if opened:
                    if joiner != 0:
                        node = _step(numbers, starts, node, joiner)
                        joiner = 0
                else:
                    opened, first = True, run_first
                    sound = (before != _DIGIT) & (before != _ESCAPE)
                    node = tl.where(from_raw, _ROOT, lead)
                last = token
                step = 0
                while walked & (step < size) & (node != _DEAD):
                    if from_raw:
                        node = _step(numbers, starts, node, (raw >> 8 * step) & 0xFF)
                    else:
                        node = _step(numbers, starts, node, tl.load(letters + at + step).to(tl.int32))
                    step += 1
        token += 1
