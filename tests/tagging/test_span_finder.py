"""The compiled finder equals the reference."""

import pytest
from hypothesis import given, settings

from sgram import Lexicon, SpanFinder, find_spans, read_traces
from sgram.errors import UsageError
from tests.builders.mask_oracle import cases
from tests.builders.paths import ROOT

SAMPLE = ROOT / "data" / "sample_traces.jsonl"


@settings(max_examples=1500)
@given(cases())
def test_the_finder_equals_the_reference(case):
    lexicon, text = case
    assert SpanFinder(lexicon)(text) == find_spans(text, lexicon)


def test_the_finder_equals_the_reference_on_the_shipped_traces():
    lexicon = Lexicon.load("wang2025")
    finder = SpanFinder(lexicon)
    n_spans = 0
    for trace in read_traces([SAMPLE]):
        spans = finder(trace.text)
        assert spans == find_spans(trace.text, lexicon)
        n_spans += len(spans)
    assert n_spans > 500


def test_offsets_are_characters_and_rows_of_the_lexicon():
    lexicon = Lexicon.from_grams(["let me", "me", "wait"])
    text = "é🤔 Wait, let me"  # é 0, 🤔 1, space 2, "Wait" 3-7, "let me" 9-15, "me" 13-15
    rows = {gram.text: row for row, gram in enumerate(lexicon.grams)}
    assert SpanFinder(lexicon).offsets(text).tolist() == [
        [3, 7, rows["wait"]],
        [9, 15, rows["let me"]],
        [13, 15, rows["me"]],
    ]


@pytest.mark.parametrize("text", ["", " ", "\n", "nothing of it here", "let", "x" * 100_000])
def test_a_text_without_grams_has_no_spans(text):
    assert SpanFinder(Lexicon.from_grams(["let me"]))(text) == []


def test_many_spans_in_one_text_are_all_found():
    lexicon = Lexicon.from_grams(["so", "so so", "so so so"])
    n = 5_000  # n of one word, n - 1 of two, n - 2 of three
    assert len(SpanFinder(lexicon).offsets("so " * n)) == 3 * n - 3


def test_a_text_too_long_for_its_offsets_is_refused(monkeypatch):
    monkeypatch.setattr("sgram.tagging.span_finder._MAX_BYTES", 10)
    finder = SpanFinder(Lexicon.from_grams(["wait"]))
    assert len(finder("wait, wai")) == 1  # nine characters and a line end
    with pytest.raises(UsageError, match=r"a text must have fewer than 10 bytes \(got 10\)"):
        finder("wait, wait")


def test_words_longer_than_sixteen_bytes_are_distinguished():
    lexicon = Lexicon.from_grams(["straightforwardly so", "сумма слагаемых"])
    finder = SpanFinder(lexicon)
    assert [span.gram for span in finder("Straightforwardly, so. straightforwardlx so; сумма слагаемых")] == [
        "straightforwardly so",
        "сумма слагаемых",
    ]
