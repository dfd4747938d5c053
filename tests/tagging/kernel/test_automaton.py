"""The two machines of a lexicon, walked by hand and held against plain dictionaries."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sgram import Lexicon
from sgram.tagging.kernel.automaton import DEAD, ROOT, Automaton


def spelled(automaton: Automaton, word: str) -> int:
    """Word that the bytes of `word` lead to, -1 for none."""
    node = ROOT
    for byte in word.encode():
        node = automaton.trie[node, automaton.columns[byte]]
    return int(automaton.word_of[node])


def walked(automaton: Automaton, words: list[int]) -> list[int]:
    """States after each of `words`."""
    state, states = 0, []
    for word in words:
        while state and automaton.edges[automaton.base[state] + word, 0] != state:
            state = automaton.fail[state]
        state = automaton.edges[automaton.base[state] + word, 1] if state else automaton.first[word]
        states.append(int(state))
    return states


def ending_here(automaton: Automaton, state: int, lexicon: Lexicon) -> set[tuple[str, ...]]:
    """Grams that end in a state: its own, and those of its suffixes."""
    found = set()
    state = state if automaton.gram[state] >= 0 else automaton.shorter[state]
    while state:
        found.add(lexicon.grams[automaton.gram[state]].words)
        state = automaton.shorter[state]
    return found


def test_the_trie_knows_whole_words_and_nothing_else():
    automaton = Automaton.of(Lexicon.from_grams(["let me", "let's", "é"]))
    # words in order: "let", "let's", "me", "é"
    assert [spelled(automaton, word) for word in ("let", "let's", "me", "é")] == [0, 1, 2, 3]
    assert [spelled(automaton, word) for word in ("le", "lets", "let'", "", "zebra", "éé", "LET")] == [-1] * 7


def test_a_word_may_be_walked_in_pieces_that_end_inside_a_character():
    automaton = Automaton.of(Lexicon.from_grams(["naïve"]))
    node = ROOT
    for piece in (b"n", b"a\xc3", b"\xafv", b"e"):
        for byte in piece:
            node = automaton.trie[node, automaton.columns[byte]]
    assert automaton.word_of[node] == 0


def test_nothing_leads_out_of_the_dead_node():
    automaton = Automaton.of(Lexicon.load("wang2025"))
    assert (automaton.trie[DEAD] == DEAD).all()
    assert (automaton.trie[:, 0] == DEAD).all()


def test_a_state_tells_the_longest_gram_that_ends_there_and_its_move():
    lexicon = Lexicon.load("wang2025")
    automaton = Automaton.of(lexicon)
    words = sorted({word for gram in lexicon.grams for word in gram.words})
    states = walked(automaton, [words.index(word) for word in "use the fact that".split()])
    # "use the fact" and "use the fact that" are both in the list
    assert automaton.longest[states].tolist() == [0, 0, 3, 4]
    cluster, gram = lexicon.find("use the fact that")
    assert lexicon.grams[automaton.gram[states[-1]]] == gram
    from sgram.lexicon import MOVES

    assert MOVES[automaton.move[states[-1]]] == cluster.move
    assert automaton.depth[states].tolist() == [1, 2, 3, 4]


@given(st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=6), min_size=1, max_size=12), st.text("abcd"))
def test_every_gram_is_found_where_it_ends_and_no_other(grams, text):
    lexicon = Lexicon.from_grams([" ".join(gram) for gram in grams])
    automaton = Automaton.of(lexicon)
    known = sorted({word for gram in grams for word in gram})
    held = {gram.words for gram in lexicon.grams}
    run: list[str] = []
    state = 0
    for word in text:
        if word not in known:
            run, state = [], 0
            continue
        run.append(word)
        while state and automaton.edges[automaton.base[state] + known.index(word), 0] != state:
            state = automaton.fail[state]
        number = known.index(word)
        state = automaton.edges[automaton.base[state] + number, 1] if state else automaton.first[number]
        wanted = {gram for gram in held if tuple(run[-len(gram) :]) == gram}
        assert ending_here(automaton, state, lexicon) == wanted
        assert automaton.longest[state] == max(map(len, wanted), default=0)


def test_rows_of_edges_laid_over_one_another_are_never_mixed_up():
    rng = np.random.default_rng(0)
    words = [f"w{chr(97 + a)}{chr(97 + b)}" for a in range(12) for b in range(12)]
    grams = {tuple(words[each] for each in rng.integers(0, len(words), rng.integers(1, 7))) for _ in range(800)}
    lexicon = Lexicon.from_grams([" ".join(gram) for gram in grams])
    automaton = Automaton.of(lexicon)
    names = sorted({word for gram in grams for word in gram})
    place = {word: number for number, word in enumerate(names)}
    for gram in grams:
        state = walked(automaton, [place[word] for word in gram])[-1]
        assert gram in ending_here(automaton, state, lexicon)
    n_edges = int((automaton.edges[:, 0] > 0).sum())
    prefixes = {gram[:size] for gram in grams for size in range(2, len(gram) + 1)}
    assert n_edges == len(prefixes)  # an edge for each prefix of two words or more, and not one more
