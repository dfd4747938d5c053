"""The two arrays of a vocabulary and a lexicon."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sgram import Lexicon
from sgram.tagging.kernel.automaton import DEAD, ROOT, Automaton
from sgram.tagging.kernel.pieces import GAP, Pieces
from sgram.tagging.kernel.tables import (
    ALONE_SHIFT,
    BEGINS_SHIFT,
    GRAM_MOVES,
    HEADS,
    LONGEST_GRAMS,
    N_IDS,
    N_PAIR_NUMBERS,
    PAIR_BITS,
    TOKEN_BYTES,
    TRIE,
    TRIE_WIDTH,
    Tables,
    hash_pair,
)

LEXICON = Lexicon.from_grams(["wait", "let me", "me too", "it's fine"])
TOKENS = (b" wait", b" le", b"let", b" me", b"'s", b" it", b" fine", b" zebra", b", ", b"let me", None, b" wai")
WAIT, LE, LET, ME, S, IT, FINE, ZEBRA, COMMA, LET_ME, SPECIAL, WAI = range(12)


def build_tables() -> tuple[Tables, Automaton, np.ndarray]:
    automaton = Automaton.from_lexicon(LEXICON)
    tables = Tables.build(Pieces.from_tokens(TOKENS), automaton)
    start = tables.starts[HEADS]
    return tables, automaton, tables.numbers[start : start + 4 * len(TOKENS)].reshape(-1, 4)


def test_every_table_begins_where_starts_says():
    tables, automaton, heads = build_tables()
    assert tables.starts[N_IDS] == len(TOKENS) == len(heads)
    trie = tables.numbers[tables.starts[TRIE] :][: automaton.trie.size].reshape(-1, tables.starts[TRIE_WIDTH])
    assert (trie == automaton.trie).all()
    for name, table in ((LONGEST_GRAMS, automaton.longest_grams), (GRAM_MOVES, automaton.gram_moves)):
        assert (tables.numbers[tables.starts[name] :][: len(table)] == table).all()
    assert bytes(tables.letters[tables.starts[TOKEN_BYTES] :][:8]) == b" wait le"
    assert tables.starts[PAIR_BITS] + tables.starts[N_PAIR_NUMBERS] == len(tables.numbers)


def test_the_node_of_a_run_is_the_end_of_its_letters_in_the_trie():
    _, automaton, heads = build_tables()

    def find_node(letters: bytes) -> int:
        node = ROOT
        for byte in letters:
            node = automaton.trie[node, automaton.byte_columns[byte]]
        return node

    assert [heads[token_id, 1] for token_id in (WAIT, LE, LET, ME, ZEBRA)] == [
        find_node(b"wait"),
        find_node(b"le"),
        find_node(b"let"),
        find_node(b"me"),
        DEAD,
    ]
    assert heads[S, 1] == find_node(b"s")  # without its connector, as it begins a word after a gap


def test_a_head_says_whether_a_gram_may_begin_in_the_token():
    _, automaton, heads = build_tables()
    begins = {token_id for token_id in range(len(TOKENS)) if heads[token_id, 0] >> BEGINS_SHIFT & 1}
    # "it" leads to "it's", "le" to "let", "wai" to "wait"; "fine" and "s" begin nothing; the last two are no plain run
    assert begins == {WAIT, LE, LET, ME, IT, WAI, LET_ME, SPECIAL}
    assert {token_id for token_id in range(len(TOKENS)) if heads[token_id, 0] >> ALONE_SHIFT & 1} == {WAIT}
    tokens_with_state = {token_id for token_id in range(len(TOKENS)) if heads[token_id, 2]}
    assert tokens_with_state == {WAIT, LET, ME}  # whole words only
    assert heads[COMMA, 0] & 0xFF == GAP
    assert automaton.longest_grams[heads[WAIT, 2]] == 1


@given(st.lists(st.lists(st.sampled_from(["wait", "let", "me", "too", "so", "é"]), min_size=1, max_size=4), min_size=1))
def test_every_pair_of_words_that_may_begin_a_gram_is_in_the_bitmap(grams):
    lexicon = Lexicon.from_grams([" ".join(gram) for gram in grams])
    automaton = Automaton.from_lexicon(lexicon)
    tables = Tables.build(Pieces.from_tokens((b"x",)), automaton)
    bits = tables.numbers[tables.starts[PAIR_BITS] :]
    words = sorted({word for gram in grams for word in gram})
    for gram in grams:
        if len(gram) < 2:
            continue
        state, node = automaton.first_states[words.index(gram[0])], ROOT
        for byte in gram[1].encode():
            node = automaton.trie[node, automaton.byte_columns[byte]]
            with np.errstate(over="ignore"):  # the product is meant to wrap around
                pair_hash = int(hash_pair.py_func(np.uint32(state), np.uint32(node)))
            assert bits[pair_hash >> 5 & (len(bits) - 1)] >> (pair_hash & 31) & 1
