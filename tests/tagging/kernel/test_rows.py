"""Rows through the machine: taken in parts, masked anywhere, and with ids out of range."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram import Lexicon, PlanningTagger
from sgram.tagging.kernel.machine import N_REGISTERS, PREVIOUS_CLASS, close_row
from sgram.tagging.kernel.rows import tag_rows, tag_tokens
from sgram.tagging.kernel.sieve import N_SCRATCH_ROWS
from sgram.text import PASS
from tests.builders.mask_oracle import cases, oracle_mask

TOKENS = [*(bytes([byte]) for byte in range(256)), b" let", b" me", None, b"", b"'s", b" so", b"-", b"\n\n"]


def tag_in_parts(tagger, row, cuts, attention_mask=()):
    """Return the mask of one row, taken in parts that end at `cuts`; each part continues the state of the last."""
    ids, attention = np.array(row, np.int64), np.array(attention_mask, np.bool_)
    mask, none = np.zeros(len(ids), np.bool_), np.zeros(0, np.int8)
    registers, raw_bytes = np.zeros(N_REGISTERS, np.int64), np.zeros(4, np.uint8)
    registers[PREVIOUS_CLASS] = PASS
    begin = 0
    for end in [*cuts, len(ids)]:
        scratch = np.full((N_SCRATCH_ROWS, end - begin + 1), 77, np.int32)  # any content
        tables = tagger._tables
        outputs = (mask, none, none)
        assert tag_tokens(ids, attention, begin, end, registers, raw_bytes, scratch, *tables, *outputs) == -1
        begin = end
    close_row(ids, registers, *tagger._tables, mask, none, none)
    return mask.tolist()


@settings(max_examples=300)
@given(cases(), st.data())
def test_a_row_may_be_taken_in_parts_and_masked_anywhere(case, data):
    lexicon, text = case
    tagger = PlanningTagger(lexicon, TOKENS)
    row = list(text.encode())
    for _ in range(data.draw(st.integers(0, 4))):
        row.insert(data.draw(st.integers(0, len(row))), data.draw(st.integers(256, 263)))
    if not row:
        return
    cuts = sorted(data.draw(st.lists(st.integers(0, len(row)), max_size=6)))
    attention_mask = data.draw(st.one_of(st.just([]), st.lists(st.booleans(), min_size=len(row), max_size=len(row))))
    tokens = [TOKENS[token_id] for token_id in row]
    if attention_mask:
        tokens = [token if attended else None for token, attended in zip(tokens, attention_mask, strict=True)]
        row = [token_id if attended else -1 for token_id, attended in zip(row, attention_mask, strict=True)]
    assert tag_in_parts(tagger, row, cuts, attention_mask) == oracle_mask(tokens, lexicon)


@pytest.mark.parametrize(("row", "index"), [([256, 257, 264], 2), ([-1], 0), ([10, 264, 264], 1)])
def test_the_index_of_an_id_out_of_range_is_returned_and_earlier_rows_are_marked(row, index):
    tagger = PlanningTagger(Lexicon.from_grams(["let me"]), TOKENS)
    ids = np.array([256, 257, *row], np.int64)
    mask, none = np.zeros(len(ids), np.bool_), np.zeros(0, np.int8)
    ends = np.array([0, 2, len(ids)])
    assert tag_rows(ids, np.zeros(0, np.bool_), ends, *tagger._tables, mask, none, none) == 2 + index
    assert mask[:2].tolist() == [True, True]


def test_rows_are_independent():
    tagger = PlanningTagger(Lexicon.from_grams(["let me"]), TOKENS)
    # "let" at the end of one row, "me" at the beginning of the next; then half a character, and the other half
    rows = [[256], [257], [0xC3], [0xA9], [256, 257]]
    assert [mask.tolist() for mask in tagger.tag_rows(rows)] == [[False], [False], [False], [False], [True, True]]


@pytest.mark.parametrize(
    "tokens",
    [
        (b"wait'", b"1"),
        (b"wait", b"'", b"1"),
        (b"wait", b"\xe2\x80", b"\x99", b"1"),  # a curly apostrophe in two parts
        (b"wait", b"'", b"\xe2", b"\x82\x81"),  # U+2081, a digit
        (b"wait", b"-", b"", b"1"),
    ],
)
def test_a_digit_behind_an_apostrophe_does_not_spoil_the_word_before_it(tokens):
    lexicon = Lexicon.from_grams(["wait"])
    expected = [True] + [False] * (len(tokens) - 1)
    assert oracle_mask(tokens, lexicon) == expected
    assert PlanningTagger(lexicon, list(tokens))(np.arange(len(tokens))).tolist() == expected


def test_a_digit_right_behind_a_word_spoils_it():
    tagger = PlanningTagger(Lexicon.from_grams(["wait"]), [b"wait", b"1"])
    assert tagger(np.array([0, 1])).tolist() == [False, False]
