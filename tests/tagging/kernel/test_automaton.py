"""The trie and the automaton of a lexicon, walked by hand and compared with plain dictionaries."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sgram import Lexicon
from sgram.tagging.kernel.automaton import DEAD, ROOT, Automaton


def find_word(automaton: Automaton, word: str) -> int:
    """Return the word to which the bytes of `word` lead, -1 for none."""
    node = ROOT
    for byte in word.encode():
        node = automaton.trie[node, automaton.byte_columns[byte]]
    return int(automaton.node_words[node])


def walk_words(automaton: Automaton, words: list[int]) -> list[int]:
    """Return the state after each of `words`."""
    state, states = 0, []
    for word in words:
        while state and automaton.edges[automaton.edge_bases[state] + word, 0] != state:
            state = automaton.failure_links[state]
        state = automaton.edges[automaton.edge_bases[state] + word, 1] if state else automaton.first_states[word]
        states.append(int(state))
    return states


def grams_at(automaton: Automaton, state: int, lexicon: Lexicon) -> set[tuple[str, ...]]:
    """Return the grams that end in a state: its own, and those of its suffixes."""
    grams = set()
    state = state if automaton.gram_rows[state] >= 0 else automaton.output_links[state]
    while state:
        grams.add(lexicon.grams[automaton.gram_rows[state]].words)
        state = automaton.output_links[state]
    return grams


def test_the_trie_contains_whole_words_only():
    automaton = Automaton.from_lexicon(Lexicon.from_grams(["let me", "let's", "é"]))
    # words in order: "let", "let's", "me", "é"
    assert [find_word(automaton, word) for word in ("let", "let's", "me", "é")] == [0, 1, 2, 3]
    assert [find_word(automaton, word) for word in ("le", "lets", "let'", "", "zebra", "éé", "LET")] == [-1] * 7


def test_a_word_may_be_walked_in_pieces_that_end_inside_a_character():
    automaton = Automaton.from_lexicon(Lexicon.from_grams(["naïve"]))
    node = ROOT
    for piece in (b"n", b"a\xc3", b"\xafv", b"e"):
        for byte in piece:
            node = automaton.trie[node, automaton.byte_columns[byte]]
    assert automaton.node_words[node] == 0


def test_nothing_leads_out_of_the_dead_node():
    automaton = Automaton.from_lexicon(Lexicon.load("wang2025"))
    assert (automaton.trie[DEAD] == DEAD).all()
    assert (automaton.trie[:, 0] == DEAD).all()


def test_a_state_has_the_longest_gram_that_ends_there_and_its_move():
    lexicon = Lexicon.load("wang2025")
    automaton = Automaton.from_lexicon(lexicon)
    words = sorted({word for gram in lexicon.grams for word in gram.words})
    states = walk_words(automaton, [words.index(word) for word in "use the fact that".split()])
    # "use the fact" and "use the fact that" are both in the list
    assert automaton.longest_grams[states].tolist() == [0, 0, 3, 4]
    cluster, gram = lexicon.find("use the fact that")
    assert lexicon.grams[automaton.gram_rows[states[-1]]] == gram
    assert automaton.moves[automaton.gram_moves[states[-1]]] == cluster.move
    assert automaton.depths[states].tolist() == [1, 2, 3, 4]


@given(st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=6), min_size=1, max_size=12), st.text("abcd"))
def test_every_gram_is_found_where_it_ends_and_no_other(grams, text):
    lexicon = Lexicon.from_grams([" ".join(gram) for gram in grams])
    automaton = Automaton.from_lexicon(lexicon)
    vocabulary = sorted({word for gram in grams for word in gram})
    lexicon_grams = {gram.words for gram in lexicon.grams}
    last_words: list[str] = []
    state = 0
    for word in text:
        if word not in vocabulary:
            last_words, state = [], 0
            continue
        last_words.append(word)
        while state and automaton.edges[automaton.edge_bases[state] + vocabulary.index(word), 0] != state:
            state = automaton.failure_links[state]
        word_id = vocabulary.index(word)
        state = automaton.edges[automaton.edge_bases[state] + word_id, 1] if state else automaton.first_states[word_id]
        expected = {gram for gram in lexicon_grams if tuple(last_words[-len(gram) :]) == gram}
        assert grams_at(automaton, state, lexicon) == expected
        assert automaton.longest_grams[state] == max(map(len, expected), default=0)


def test_rows_of_edges_laid_over_one_another_are_never_mixed_up():
    rng = np.random.default_rng(0)
    words = [f"w{chr(97 + a)}{chr(97 + b)}" for a in range(12) for b in range(12)]
    grams = {tuple(words[index] for index in rng.integers(0, len(words), rng.integers(1, 7))) for _ in range(800)}
    lexicon = Lexicon.from_grams([" ".join(gram) for gram in grams])
    automaton = Automaton.from_lexicon(lexicon)
    names = sorted({word for gram in grams for word in gram})
    word_ids = {word: word_id for word_id, word in enumerate(names)}
    for gram in grams:
        state = walk_words(automaton, [word_ids[word] for word in gram])[-1]
        assert gram in grams_at(automaton, state, lexicon)
    n_edges = int((automaton.edges[:, 0] > 0).sum())
    prefixes = {gram[:size] for gram in grams for size in range(2, len(gram) + 1)}
    assert n_edges == len(prefixes)  # an edge for each prefix of two words or more, and not one more
