"""The two arrays that hold a vocabulary and a lexicon."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sgram import Lexicon
from sgram.tagging.kernel.automaton import DEAD, ROOT, Automaton
from sgram.tagging.kernel.pieces import GAP, Pieces
from sgram.tagging.kernel.tables import (
    ALONE,
    BEGINS,
    HEADS,
    LONGEST,
    MOVE,
    N_IDS,
    N_PAIRS,
    PAIRS,
    SPELLED,
    TRIE,
    WIDTH,
    Tables,
    mixed_pair,
)

LEXICON = Lexicon.from_grams(["wait", "let me", "me too", "it's fine"])
TOKENS = (b" wait", b" le", b"let", b" me", b"'s", b" it", b" fine", b" zebra", b", ", b"let me", None, b" wai")
WAIT, LE, LET, ME, S, IT, FINE, ZEBRA, COMMA, BOTH, NONE, WAI = range(12)


def made() -> tuple[Tables, Automaton, np.ndarray]:
    automaton = Automaton.of(LEXICON)
    tables = Tables.of(Pieces.of(TOKENS), automaton)
    start = tables.starts[HEADS]
    return tables, automaton, tables.numbers[start : start + 4 * len(TOKENS)].reshape(-1, 4)


def test_every_table_stands_where_starts_says():
    tables, automaton, heads = made()
    assert tables.starts[N_IDS] == len(TOKENS) == len(heads)
    trie = tables.numbers[tables.starts[TRIE] :][: automaton.trie.size].reshape(-1, tables.starts[WIDTH])
    assert (trie == automaton.trie).all()
    for name, table in ((LONGEST, automaton.longest), (MOVE, automaton.move)):
        assert (tables.numbers[tables.starts[name] :][: len(table)] == table).all()
    assert bytes(tables.letters[tables.starts[SPELLED] :][:8]) == b" wait le"
    assert tables.starts[PAIRS] + tables.starts[N_PAIRS] == len(tables.numbers)


def test_the_node_of_a_run_is_where_its_letters_lead():
    _, automaton, heads = made()

    def node(letters: bytes) -> int:
        at = ROOT
        for byte in letters:
            at = automaton.trie[at, automaton.columns[byte]]
        return at

    assert [heads[each, 1] for each in (WAIT, LE, LET, ME, ZEBRA)] == [
        node(b"wait"),
        node(b"le"),
        node(b"let"),
        node(b"me"),
        DEAD,
    ]
    assert heads[S, 1] == node(b"s")  # without its connector, as it begins a word after a gap


def test_a_token_tells_whether_a_gram_may_begin_in_it():
    _, automaton, heads = made()
    begins = {each for each in range(len(TOKENS)) if heads[each, 0] >> BEGINS & 1}
    # "it" leads to "it's", "le" to "let", "wai" to "wait"; "fine" and "s" begin nothing; the last two are no plain run
    assert begins == {WAIT, LE, LET, ME, IT, WAI, BOTH, NONE}
    assert {each for each in range(len(TOKENS)) if heads[each, 0] >> ALONE & 1} == {WAIT}
    states = {each for each in range(len(TOKENS)) if heads[each, 2]}
    assert states == {WAIT, LET, ME}  # whole words only
    assert heads[COMMA, 0] & 0xFF == GAP
    assert automaton.longest[heads[WAIT, 2]] == 1


@given(st.lists(st.lists(st.sampled_from(["wait", "let", "me", "too", "so", "é"]), min_size=1, max_size=4), min_size=1))
def test_every_pair_that_may_go_on_is_in_the_bitmap(grams):
    lexicon = Lexicon.from_grams([" ".join(gram) for gram in grams])
    automaton = Automaton.of(lexicon)
    tables = Tables.of(Pieces.of((b"x",)), automaton)
    bits = tables.numbers[tables.starts[PAIRS] :]
    words = sorted({word for gram in grams for word in gram})
    for gram in grams:
        if len(gram) < 2:
            continue
        state, node = automaton.first[words.index(gram[0])], ROOT
        for byte in gram[1].encode():
            node = automaton.trie[node, automaton.columns[byte]]
            with np.errstate(over="ignore"):  # the product is meant to wrap around
                mixed = int(mixed_pair.py_func(np.uint32(state), np.uint32(node)))
            assert bits[mixed >> 5 & (len(bits) - 1)] >> (mixed & 31) & 1
