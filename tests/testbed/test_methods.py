"""Methods and their stories: each can be told from all others."""

import itertools

from sgram.testbed.methods import BY_KEY, METHODS, OPERATORS
from sgram.testbed.wording import PHRASES
from sgram.text import gram_words


def test_the_methods_compute_what_their_names_say():
    # by hand for 6 and 7: (6 + 7) * 2, 6 * 7 + 6, 6 * 7 - 6, 6 * 2 + 7, 6 * 6 + 7, (6 + 1) * 7, (6 + 7) * 3, 7 * 2 + 6
    expected = {
        "double": 26,
        "gain": 48,
        "loss": 36,
        "repeat": 19,
        "square": 43,
        "spare": 49,
        "triple": 39,
        "hands": 20,
    }
    assert {method.key: method.answer(6, 7) for method in METHODS} == expected
    assert BY_KEY["loss"].operations(6, 7) == [("*", 6, 7, 42), ("-", 42, 6, 36)]
    assert set(OPERATORS) == set("+-*")


def test_no_result_is_below_zero():
    for method, a, b in itertools.product(METHODS, (2, 3, 9, 999), (2, 3, 9, 999)):
        assert all(result > 0 for *_, result in method.operations(a, b))


def test_a_clue_stands_in_its_own_story_only():
    stories = [(story, method) for method in METHODS for story in method.stories]
    for story, _ in stories:
        padded = [f" {any_story.text.replace(',', ' ').replace('.', ' ')} " for any_story, _ in stories]
        assert [f" {story.clue} " in text for text in padded].count(True) == 1
        assert f" {story.clue}" in story.text
    assert len({story.clue for story, _ in stories}) == 2 * len(METHODS)


def searched_texts():
    """Return all texts that the parser searches in a response."""
    phrases = [phrase for phrases in PHRASES.values() for phrase in phrases]
    return [
        *phrases,
        *(method.name for method in METHODS),
        *(story.clue for method in METHODS for story in method.stories),
    ]


def test_a_name_is_a_gram_and_part_of_no_other():
    for method in METHODS:
        assert " ".join(gram_words(method.name)) == method.name
        assert [method.name in any_method.name for any_method in METHODS].count(True) == 1
    assert not [
        (first, second) for first, second in itertools.permutations(searched_texts(), 2) if second.startswith(first)
    ]
    assert len({method.name.split()[0] for method in METHODS[:5]}) == 5  # the first word decides
