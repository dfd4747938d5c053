"""The pieces of a token: by hand for every kind, and compared with Python's decoder."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.tagging.kernel.pieces import (
    BLANK,
    CONNECTOR,
    CONNECTOR_RUN,
    EMPTY,
    GAP,
    GAP_RUN,
    GENERAL,
    NO_TEXT,
    PARTIAL,
    RAW_BYTE,
    RUN,
    VISIBLE,
    Pieces,
    character_width,
    code_point,
    is_space,
)
from sgram.text import DIGIT, ESCAPE, PASS, STOP
from tests.builders.mask_oracle import characters


def split_token(token: bytes | None) -> tuple[int, int, list]:
    """Return (kind, visibility, pieces) of a token; a gap is (first class, breaks, last class), a run its letters."""
    tables = Pieces.from_tokens((token,))
    token_flags, first_part, n_parts, _ = tables.rows[0].tolist()
    token_kind = token_flags & 0xFF
    rows = tables.parts[first_part : first_part + n_parts] if token_kind == GENERAL else tables.rows
    pieces = []
    for flags, operand, size, _ in rows.tolist():
        kind = flags & 0xFF
        if kind in (GAP, GAP_RUN):
            pieces.append((flags >> 8 & 0xF, flags >> 12 & 1, flags >> 16 & 0xF))
        if kind in (RUN, GAP_RUN, CONNECTOR_RUN):
            pieces.append(bytes(tables.letters[operand : operand + size]))
        if kind in (CONNECTOR, RAW_BYTE):
            pieces.append(operand)
    return token_kind, token_flags >> 20 & 3, pieces


@pytest.mark.parametrize(
    ("token", "kind", "pieces"),
    [
        (b"wait", RUN, [b"wait"]),
        (b"Wait", RUN, [b"wait"]),
        ("É".encode(), RUN, ["É".encode()]),  # only ASCII is lower-cased
        (b"don't", RUN, [b"don't"]),
        ("don’t".encode(), RUN, [b"don't"]),  # the curly apostrophe is three bytes, its normal form one
        (b"double-check", RUN, [b"double-check"]),
        (b" let", GAP_RUN, [(PASS, 0, PASS), b"let"]),
        (b".So", GAP_RUN, [(STOP, 1, STOP), b"so"]),
        (b"\\frac", GAP_RUN, [(ESCAPE, 1, ESCAPE), b"frac"]),
        (b" (so", GAP_RUN, [(PASS, 0, PASS), b"so"]),
        (b"1 so", GAP_RUN, [(DIGIT, 1, PASS), b"so"]),  # first a digit, last a space, a sentence end between
        (b", ", GAP, [(PASS, 0, PASS)]),
        (b"\n\n", GAP, [(STOP, 1, STOP)]),
        (b" 12", GAP, [(PASS, 1, DIGIT)]),
        (b"'s", CONNECTOR_RUN, [b"'s"]),
        ("’s".encode(), CONNECTOR_RUN, [b"'s"]),
        (b"-check", CONNECTOR_RUN, [b"-check"]),
        (b"'", CONNECTOR, [39]),
        ("‑".encode(), CONNECTOR, [45]),  # U+2011
        (b" -", GAP, [(PASS, 0, PASS)]),  # a connector after a gap joins nothing
        (b"--", GENERAL, [39 + 6, (PASS, 0, PASS)]),  # the first may join what came before, the second may not
        (b"don'", GENERAL, [b"don", 39]),
        (b"so,", GENERAL, [b"so", (PASS, 0, PASS)]),
        (b"let me", GENERAL, [b"let", (PASS, 0, PASS), b"me"]),
        (b"\xe2\x80", GENERAL, [0xE2, 0x80]),
        (b" \xe2\x80", GENERAL, [(PASS, 0, PASS), 0xE2, 0x80]),
        (b"\x99s", GENERAL, [0x99, b"s"]),
        (b"\xff", GENERAL, [0xFF]),
        (b"\xed\xa0\x80", GENERAL, [0xED, 0xA0, 0x80]),  # a surrogate is no character
        (b"\xc0\xaf", GENERAL, [0xC0, 0xAF]),  # nor is an overlong form
        (b"", EMPTY, []),
        (None, NO_TEXT, []),
    ],
)
def test_a_token_is_split_into_pieces(token, kind, pieces):
    if kind in (EMPTY, NO_TEXT):
        assert Pieces.from_tokens((token, b"x")).rows[0].tolist() == [kind, 0, 0, 0]
    else:
        assert (split_token(token)[0], split_token(token)[2]) == (kind, pieces)


@pytest.mark.parametrize(
    ("token", "visibility"),
    [
        (b" ", BLANK),
        (b"\t\n", BLANK),
        ("\u00a0\u3000\u2009".encode(), BLANK),
        (b",", VISIBLE),
        (b" x", VISIBLE),
        ("\u200b".encode(), VISIBLE),
        (b"\xc2", PARTIAL),
        (b" \xe3\x80", PARTIAL),
        (b"\xa0,", VISIBLE),
    ],
)
def test_visibility_says_whether_a_token_has_more_than_spaces(token, visibility):
    assert split_token(token)[1] == visibility


@given(st.lists(st.one_of(st.binary(max_size=6), st.text(max_size=4).map(str.encode), st.none()), min_size=1))
def test_tokens_keep_their_bytes_in_order(tokens):
    pieces = Pieces.from_tokens(tuple(tokens))
    ends = pieces.byte_ends.tolist()
    stored = [bytes(pieces.token_bytes[start:end]) for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    assert stored == [token or b"" for token in tokens]
    alone = [Pieces.from_tokens((token,)).rows[0, 0] for token in tokens if token is not None]
    assert pieces.rows[[token is not None for token in tokens], 0].tolist() == alone


@given(st.binary(max_size=8))
def test_characters_are_those_of_pythons_decoder(text_bytes):
    buffer = np.frombuffer(text_bytes + b"\n", np.uint8)
    for character, start, end in characters(text_bytes):
        width = character_width(buffer, start, len(text_bytes))
        if character == "\ufffd" and text_bytes[start:end] != b"\xef\xbf\xbd":
            assert width == 0
        else:
            assert (width, code_point(buffer, start, width)) == (end - start, ord(character))


def test_spaces_are_those_of_python_among_the_characters_that_a_span_can_hold():
    from sgram.text import BMP_CLASSES

    inside = [code for code in range(0x10000) if BMP_CLASSES[code] <= PASS]
    assert [code for code in inside if is_space(code)] == [code for code in inside if chr(code).isspace()]
