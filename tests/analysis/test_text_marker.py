"""What a lexicon marks in a text, against the readable reference."""

from hypothesis import given
from hypothesis import strategies as st

from sgram.analysis.text_marker import BREAK, Marker, word_key
from sgram.scan import word_offsets
from sgram.tagging.spans import find_spans, longest_first
from sgram.text import find_words
from tests.builders.analysis_examples import lexicon

TEXTS = st.lists(
    st.sampled_from(["wait", "no", "so", "let", "me", "check", "Wait,", "x", "3", ".", "é", "\n", "we"]), max_size=25
).map(" ".join)


def marks(text, held=None):
    return Marker(held or lexicon())(text, word_offsets(text))


def grams(found, held=None):
    return [(held or lexicon()).grams[row].text for row in found.grams.tolist()]


def test_spans_are_counted_as_people_see_them_and_words_are_marked_by_all():
    # "wait no" holds "wait": one span, two planning words; with "so" three of the seven words
    found = marks("Wait, no. We get it, so done")
    assert grams(found) == ["wait no", "so"]
    assert found.planning.tolist() == [True, True, False, False, False, True, False]
    assert found.starts.tolist() == [0, 21]


def test_what_follows_is_the_next_word_of_the_sentence_or_that_it_ends():
    # after the first "so" comes "we"; after the others a number, a full stop, the end of the text
    found = marks("so we go. so 3 is it. so. So")
    assert found.following.tolist() == [word_key("we"), BREAK, BREAK, BREAK]
    assert marks("so We go").following.tolist() == [word_key("we")], "case does not matter"


def test_gaps_are_the_stretches_of_work_between_planning_words():
    # planning: so, wait, so, so; between them 2, 1 and 0 words; what is before and after does not count
    assert marks("First so we go wait then so so the end").gaps() == [2, 1]
    assert marks("so").gaps() == []


@given(TEXTS)
def test_marks_equal_the_readable_reference(text):
    held, words = lexicon(), find_words(text)
    every = find_spans(text, held)
    found = marks(text)
    inside = [any(span.start <= word.start and word.end <= span.end for span in every) for word in words]
    assert found.planning.tolist() == inside
    shown = longest_first(every)
    assert list(zip(found.starts.tolist(), grams(found), strict=True)) == [(each.start, each.gram) for each in shown]
    for span, after in zip(shown, found.following.tolist(), strict=True):
        last = max(place for place, word in enumerate(words) if word.end == span.end)
        nearby = words[last + 1 : last + 2]
        same = bool(nearby) and nearby[0].sentence == words[last].sentence
        assert after == (word_key(nearby[0].text) if same else BREAK)


def test_an_empty_text_has_no_marks():
    found = marks("")
    assert (len(found.planning), len(found.grams), found.gaps()) == (0, 0, [])
