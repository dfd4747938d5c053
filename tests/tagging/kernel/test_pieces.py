"""What a token is made of, by hand for every kind, and against Python's own decoder."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.tagging.kernel.pieces import (
    EMPTY,
    GAP,
    GAP_RUN,
    GENERAL,
    HIDDEN,
    JOIN,
    JOIN_RUN,
    NO_TEXT,
    PERHAPS,
    RAW,
    RUN,
    SEEN,
    Pieces,
    character_width,
    code_point,
    is_space,
)
from sgram.text import DIGIT, ESCAPE, PASS, STOP
from tests.builders.mask_oracle import characters


def taken_apart(token: bytes | None) -> tuple[int, int, list]:
    """(kind, whether seen, pieces) of one token; a gap as (first class, breaks, last class), a run as its letters."""
    pieces = Pieces.of((token,))
    what, at, size, _ = pieces.rows[0].tolist()
    kind = what & 0xFF
    rows = pieces.parts[at : at + size].tolist() if kind == GENERAL else [pieces.rows[0].tolist()]
    found = []
    for what_, at_, size_, _ in rows:
        sort = what_ & 0xFF
        if sort in (GAP, GAP_RUN):
            found.append((what_ >> 8 & 0xF, what_ >> 12 & 1, what_ >> 16 & 0xF))
        if sort in (RUN, GAP_RUN, JOIN_RUN):
            found.append(bytes(pieces.letters[at_ : at_ + size_]))
        if sort in (JOIN, RAW):
            found.append(at_)
    return kind, what >> 20 & 3, found


@pytest.mark.parametrize(
    ("token", "kind", "found"),
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
        (b"'s", JOIN_RUN, [b"'s"]),
        ("’s".encode(), JOIN_RUN, [b"'s"]),
        (b"-check", JOIN_RUN, [b"-check"]),
        (b"'", JOIN, [39]),
        ("‑".encode(), JOIN, [45]),  # U+2011
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
def test_a_token_is_taken_apart(token, kind, found):
    if kind in (EMPTY, NO_TEXT):
        assert Pieces.of((token, b"x")).rows[0].tolist() == [kind, 0, 0, 0]
    else:
        assert (taken_apart(token)[0], taken_apart(token)[2]) == (kind, found)


@pytest.mark.parametrize(
    ("token", "seen"),
    [
        (b" ", HIDDEN),
        (b"\t\n", HIDDEN),
        ("\u00a0\u3000\u2009".encode(), HIDDEN),
        (b",", SEEN),
        (b" x", SEEN),
        ("\u200b".encode(), SEEN),
        (b"\xc2", PERHAPS),
        (b" \xe3\x80", PERHAPS),
        (b"\xa0,", SEEN),
    ],
)
def test_a_token_tells_whether_it_holds_more_than_spaces(token, seen):
    assert taken_apart(token)[1] == seen


@given(st.lists(st.one_of(st.binary(max_size=6), st.text(max_size=4).map(str.encode), st.none()), min_size=1))
def test_tokens_keep_their_bytes_and_their_places(tokens):
    pieces = Pieces.of(tuple(tokens))
    begins = [0, *pieces.ends[:-1].tolist()]
    kept = [bytes(pieces.spelled[start:end]) for start, end in zip(begins, pieces.ends.tolist(), strict=True)]
    assert kept == [token or b"" for token in tokens]
    together = [Pieces.of((token,)).rows[0, 0] for token in tokens if token is not None]
    assert pieces.rows[[token is not None for token in tokens], 0].tolist() == together


@given(st.binary(max_size=8))
def test_characters_are_those_of_pythons_decoder(spelled):
    buffer = np.frombuffer(spelled + b"\n", np.uint8)
    for character, start, end in characters(spelled):
        width = character_width(buffer, start, len(spelled))
        if character == "\ufffd" and spelled[start:end] != b"\xef\xbf\xbd":
            assert width == 0
        else:
            assert (width, code_point(buffer, start, width)) == (end - start, ord(character))


def test_spaces_are_those_of_python_among_the_characters_that_a_span_can_hold():
    from sgram.text import BMP_CLASSES

    inside = [code for code in range(0x10000) if BMP_CLASSES[code] <= PASS]
    assert [code for code in inside if is_space(code)] == [code for code in inside if chr(code).isspace()]
