"""The restated rules that benchmarks/ measures beside the tagger."""

import re
import sys

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.builders.paths import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
from peer_rules import ByteRegex, DecodeSearchEncode, IdSequences, WindowRegex, blank_bytes, id_sequences

from sgram.lexicon import Lexicon
from sgram.tagging.spans import find_spans

TOKENS = [
    b"wait",
    b" wait",
    b"Wait",
    b" let",
    b" me",
    b",",
    b"\n",
    b" 7",
    b"\xe2\x80",
    b"\x99",
    b"s",
    b"let",
    b"",
    None,
]
WAIT, S_WAIT, C_WAIT, S_LET, S_ME, COMMA, LINE, SEVEN, CURL, REST, S, LET, EMPTY, SPECIAL = range(len(TOKENS))
GRAMS = ["wait", "wait let me", "let me", "let's"]


def encode(text: str) -> list[int]:
    """Ids of `text`, the longest token first; refuses what the tokens above cannot spell."""
    data, ids = text.encode(), []
    while data:
        token = max((candidate for candidate in TOKENS if candidate and data.startswith(candidate)), key=len)
        ids.append(TOKENS.index(token))
        data = data[len(token) :]
    return ids


def marked(rule, *rows: list[int]) -> list[list[int]]:
    """Places that `rule` marks in each row."""
    masks = rule(list(rows))
    assert [(mask.dtype, len(mask)) for mask in masks] == [(np.dtype(bool), len(row)) for row in rows]
    return [np.flatnonzero(mask).tolist() for mask in masks]


def expected(row: list[int], tokens: list[bytes | None], lexicon: Lexicon) -> list[int]:
    """Places that hold a byte of a character inside a span, found with Python's own decoder, a text at a time."""
    marked_positions, text_positions = set(), []
    for position in range(len(row) + 1):
        if position < len(row) and tokens[row[position]] is not None:
            text_positions.append(position)
            continue
        owners = [part for part in text_positions for _ in tokens[row[part]]]  # by byte
        text, first_bytes = "", []
        unread = b"".join(tokens[row[part]] for part in text_positions)
        while unread:
            try:
                character = unread.decode()[0]
                width = len(character.encode())
            except UnicodeDecodeError as error:
                if error.start:
                    character = unread[: error.start].decode()[0]
                    width = len(character.encode())
                else:
                    character, width = "\ufffd", error.end
            first_bytes.append(len(owners) - len(unread))
            text += character
            unread = unread[width:]
        assert text == b"".join(tokens[row[part]] for part in text_positions).decode(errors="replace")
        first_bytes.append(len(owners))
        for span in find_spans(text, lexicon):
            for at in range(span.start, span.end):
                if not re.match(r"[ \t\r\n\u00a0\u2000-\u200a\u202f\u205f\u3000]", text[at]):
                    marked_positions.update(owners[first_bytes[at] : first_bytes[at + 1]])
        text_positions = []
    return sorted(marked_positions)


def test_bare_ids_are_found_only_where_the_same_ids_stand():
    bare = IdSequences(id_sequences(["wait", "let me"], encode))
    # " wait" and "Wait" are other ids than "wait"; "let me" is (let, " me"), the text has (" let", " me")
    assert marked(bare, [WAIT, S_WAIT, C_WAIT], [S_LET, S_ME], [LET, S_ME]) == [[0], [], [0, 1]]


def test_variants_of_ids_add_a_leading_space_and_a_capital():
    spaced = IdSequences(id_sequences(["wait", "let me"], encode, spaced=True))
    assert marked(spaced, [WAIT, S_WAIT, C_WAIT, S_LET, S_ME]) == [[0, 1, 3, 4]]
    both = IdSequences(id_sequences(["wait"], encode, spaced=True) | {(C_WAIT,)})
    assert marked(both, [WAIT, S_WAIT, C_WAIT, S_LET, S_ME]) == [[0, 1, 2]]
    assert id_sequences(["ab"], lambda text: [ord(character) for character in text], spaced=True, capital=True) == {
        (97, 98),
        (32, 97, 98),
        (65, 98),
        (32, 65, 98),
    }


def test_a_sequence_inside_or_across_another_is_found():
    rule = IdSequences([(1, 2), (1, 2, 3), (3, 4), (9, 9)])
    # 1 2 3 and the 3 4 that begins inside it; 9 9 9 holds 9 9 twice; a sequence cut off by the end is none
    assert marked(rule, [0, 1, 2, 3, 4, 0], [9, 9, 9], [1]) == [[1, 2, 3, 4], [0, 1, 2], []]


def by_window(grams: list[str], pieces: list[str], width: int) -> list[int]:
    """The sliding window as it is described, one search a window and gram."""
    patterns = [re.compile(rf"\b{re.escape(gram)}\b", re.IGNORECASE) for gram in grams]
    marked_positions = set()
    for start in range(len(pieces)):
        for end in range(start + 1, min(start + width, len(pieces)) + 1):
            cleaned = [piece.replace("Ġ", " ").strip() for piece in pieces[start:end]]
            text = " ".join(piece for piece in cleaned if piece)
            if any(pattern.search(text) for pattern in patterns):
                marked_positions.update(range(start, end))
                break
    return sorted(marked_positions)


def test_a_window_with_a_gram_is_marked_from_its_first_token():
    pieces = ["Ġok", "Ġnow", "Ġlet", "Ġme", "Ġsee", "Ċ", "Ġ", "'s"]
    rule = WindowRegex(["let me"], pieces, width=4)
    # windows of 4 that end with "let me" begin up to two tokens before it; "see" is behind it
    assert marked(rule, [4, 0, 1, 2, 3, 4]) == [[1, 2, 3, 4]]
    assert marked(rule, [2, 5, 3], [2, 6, 3], [2]) == [[], [0, 1, 2], []]
    # a contraction that the tokenizer splits stands there as "let 's"
    assert marked(WindowRegex(["let's"], pieces), [2, 7]) == [[]]


def test_a_window_grows_to_the_longest_gram():
    pieces = ["a", "b", "c"]
    assert marked(WindowRegex(["a b c"], pieces, width=1), [0, 1, 2, 2]) == [[0, 1, 2]]


@given(
    st.lists(st.sampled_from(["a b", "b", "b c a", "c c", "d"]), min_size=1, unique=True),
    st.lists(st.integers(0, 6), max_size=12),
    st.integers(1, 4),
)
def test_one_search_a_row_gives_what_one_search_a_window_gives(grams, row, width):
    pieces = ["a", "Ġb", "C", "", "ab", "Ġ", "d,"]
    width = max(width, *(len(gram.split(" ")) for gram in grams))
    rule = WindowRegex(grams, pieces, width)
    assert marked(rule, row) == [by_window(grams, [pieces[token_id] for token_id in row], width)]


def merging_tokenizer():
    """A tokenizer that knows "let me" letter by letter, and merges "l" and "e" when it encodes."""
    tokenizers = pytest.importorskip("tokenizers")
    vocabulary = {character: token_id for token_id, character in enumerate(["l", "e", "t", "m", " ", "le"])}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, [("l", "e")]))
    tokenizer.decoder = tokenizers.decoders.Fuse()
    return tokenizer


def test_encoding_again_reports_rows_whose_ids_differ():
    rule = DecodeSearchEncode(["let me"], merging_tokenizer())
    le, e, t, m, space, letter_l = 5, 1, 2, 3, 4, 0
    canonical, sampled = [le, t, space, m, e, e, space], [letter_l, e, t, space, m, e]
    masks, same = rule.aligned([[le, t, space, m, e, space], canonical, sampled])
    # "let me " but for its last space; "let mee " is no gram; "let me" comes back as 5 ids for 6: the mask is padded
    assert [np.flatnonzero(mask).tolist() for mask in masks] == [[0, 1, 2, 3, 4], [], [0, 1, 2, 3, 4]]
    assert [len(mask) for mask in masks] == [6, 7, 6]
    assert same == [True, True, False]


@pytest.mark.parametrize("plain", [False, True])
def test_the_byte_expression_marks_what_the_spans_hold(plain):
    rule = ByteRegex(GRAMS, TOKENS, plain=plain)
    # "Wait, let me" is a gram; the comma inside the span is marked, the newline ends the sentence
    assert marked(rule, [C_WAIT, COMMA, S_LET, S_ME], [S_LET, LINE, S_ME]) == [[0, 1, 2, 3], []]
    # "let’s" with the curly quote split over two tokens; "wait 7" is fine, "wait7" no word
    assert marked(rule, [LET, CURL, REST, S], [WAIT, SEVEN]) == [[0, 1, 2, 3], [0]]
    # a special token cuts the text, an empty one does not and is never marked
    assert marked(rule, [LET, SPECIAL, S_ME], [LET, EMPTY, S_ME], [], [WAIT]) == [[], [0, 2], [], [0]]
    assert rule([]) == []


@pytest.mark.parametrize("plain", [False, True])
def test_grams_that_overlap_are_all_marked(plain):
    tokens = [f" {word}".encode() for word in "a b c d e".split()]
    rule = ByteRegex(["a b", "b c d", "b", "d"], tokens, plain=plain)
    assert marked(rule, [0, 1, 2, 3, 4], [1, 2, 4], [4, 3]) == [[0, 1, 2, 3], [0], [1]]


CHARACTERS = [
    "a",
    "A",
    "b",
    " ",
    ",",
    "'",
    "’",
    "-",
    "‐",
    "\n",
    ".",
    "7",
    "_",
    "\\",
    "<",
    "é",
    "中",
    "²",
    "—",
    "\u00a0",
    "\u3000",
    "ʼ",
    "′",
    "😀",
    "𝐱",
    "\u200b",
]
PIECES = st.one_of(
    st.lists(st.sampled_from(CHARACTERS), max_size=3).map(lambda each: "".join(each).encode()),
    st.binary(max_size=2),
    st.sampled_from([b"\xe2\x80", b"\x99", b"\xc3", b"\xa9", b"\xf0\x9f", None]),
)
EXACT_GRAMS = ["a", "a b", "a'a", "b a a", "b-b a", "é", "aé b", "ab", "a a"]


@given(st.lists(PIECES, max_size=12))
@example([b"a", b"\xe2", b"\x80", b"\x99", b"a"])
@example([b"a''b a", b"a'-b", b"-a b", b"a\xe2\x80a b"])
@example([b"\\a b", b"7a b a'a", b"a b7", b"a b-7", b"a b_"])
@example(["a‐b‐b a ʼa bʼ".encode()])
def test_the_byte_expression_equals_the_reference_on_any_bytes(pieces):
    row = list(range(len(pieces)))
    positions = expected(row, pieces, Lexicon.from_grams(EXACT_GRAMS))
    assert marked(ByteRegex(EXACT_GRAMS, pieces), row, row) == [positions, positions]
    assert marked(ByteRegex(EXACT_GRAMS, pieces, plain=True), row) == [positions]


@given(st.text(alphabet=[*CHARACTERS, " ", " ", "a", "b"], max_size=60), st.randoms(use_true_random=False))
def test_where_tokens_split_does_not_change_what_the_byte_expression_marks(text, rng):
    data = text.encode()
    cuts = sorted({0, len(data), *(rng.randint(0, len(data)) for _ in range(len(data) // 2))})
    pieces = [data[start:end] for start, end in zip(cuts, cuts[1:], strict=False)]
    bytewise = ByteRegex(EXACT_GRAMS, [bytes([byte]) for byte in data])([range(len(data))])[0]
    has_marked_byte = [any(bytewise[start:end]) for start, end in zip(cuts, cuts[1:], strict=False)]
    assert marked(ByteRegex(EXACT_GRAMS, pieces), range(len(pieces))) == [np.flatnonzero(has_marked_byte).tolist()]


def test_blank_bytes_are_spaces_of_every_width():
    text = "a\u00a0\u2003\u3000b\u200b \n"
    # a, 2 + 3 + 3 bytes of spaces, b, the 3 bytes of a zero-width space (which is no blank), space, newline
    assert blank_bytes(text.encode()).tolist() == [False] + [True] * 8 + [False] * 4 + [True] * 2
