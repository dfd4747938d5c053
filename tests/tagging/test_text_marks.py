"""What a lexicon marks in a text, against the readable reference."""

from hypothesis import given
from hypothesis import strategies as st

from sgram.scan import word_offsets
from sgram.tagging.spans import find_spans, remove_overlaps
from sgram.tagging.text_marks import BREAK, TextMarker, word_key
from sgram.text import find_words
from tests.builders.analysis_examples import build_lexicon

TEXTS = st.lists(
    st.sampled_from(["wait", "no", "so", "let", "me", "check", "Wait,", "x", "3", ".", "é", "\n", "we"]), max_size=25
).map(" ".join)


def mark(text):
    return TextMarker(build_lexicon())(text, word_offsets(text))


def gram_texts(marks):
    return [build_lexicon().grams[row].text for row in marks.grams.tolist()]


def test_spans_are_counted_as_people_see_them_and_words_are_marked_by_all():
    # "wait no" holds "wait": one span, two planning words; with "so" three of the seven words
    marks = mark("Wait, no. We get it, so done")
    assert gram_texts(marks) == ["wait no", "so"]
    assert marks.planning.tolist() == [True, True, False, False, False, True, False]
    assert marks.starts.tolist() == [0, 21]


def test_what_follows_is_the_next_word_of_the_sentence_or_that_it_ends():
    # after the first "so" comes "we"; after the others a number, a full stop, the end of the text
    marks = mark("so we go. so 3 is it. so. So")
    assert marks.following.tolist() == [word_key("we"), BREAK, BREAK, BREAK]
    assert mark("so We go").following.tolist() == [word_key("we")], "case does not matter"


def test_gaps_are_the_stretches_of_work_between_planning_words():
    # planning: so, wait, so, so; between them 2, 1 and 0 words; what is before and after does not count
    assert mark("First so we go wait then so so the end").gaps() == [2, 1]
    assert mark("so").gaps() == []


@given(TEXTS)
def test_marks_equal_the_readable_reference(text):
    words, all_spans = find_words(text), find_spans(text, build_lexicon())
    marks = mark(text)
    inside = [any(span.start <= word.start and word.end <= span.end for span in all_spans) for word in words]
    assert marks.planning.tolist() == inside
    disjoint = remove_overlaps(all_spans)
    assert list(zip(marks.starts.tolist(), gram_texts(marks), strict=True)) == [
        (span.start, span.gram) for span in disjoint
    ]
    for span, following in zip(disjoint, marks.following.tolist(), strict=True):
        last = max(index for index, word in enumerate(words) if word.end == span.end)
        next_words = words[last + 1 : last + 2]
        same_sentence = bool(next_words) and next_words[0].sentence == words[last].sentence
        assert following == (word_key(next_words[0].text) if same_sentence else BREAK)


def test_an_empty_text_has_no_marks():
    marks = mark("")
    assert (len(marks.planning), len(marks.grams), marks.gaps()) == (0, 0, [])
