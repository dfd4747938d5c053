"""Spans, characters and tokens of one part of a trace, against the same counted by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import InputError
from sgram.lexicon import Lexicon
from sgram.tagging.part_marks import align_tokens, find_part_spans, locate, part_tokens
from sgram.tagging.span_finder import SpanFinder
from sgram.tagging.spans import find_spans
from sgram.tagging.tagged_rollouts import RolloutTagger
from sgram.tagging.vocabulary import Vocabulary
from sgram.text import SPACES
from sgram.traces import Trace
from sgram.traces.part_texts import STRETCH_BREAK, PartText, part_text
from sgram.traces.parts import text_and_parts
from tests.builders.tokenizer_examples import trained_bpe, trained_sentencepiece_bpe, trained_wordpiece

LEXICON = Lexicon.from_grams(["let me", "let", "me check", "so"])
WORDS = st.lists(
    st.sampled_from(["let", "me", "check", "that.", "So,", "4", "é😀", "</think>", "\n\n"]), min_size=1, max_size=8
).map(" ".join)
PIECES = st.lists(
    st.tuples(st.sampled_from(["reasoning", "answer", "tool"]), WORDS) | st.just(("turn", "")), min_size=1, max_size=6
)
PART = st.sampled_from(["reasoning", "answer"])


@st.composite
def texts_with_intervals(draw):
    text = draw(st.text(min_size=1, max_size=40))
    bounds = sorted(draw(st.lists(st.integers(0, len(text)), min_size=2, max_size=8)))
    pairs = zip(bounds[::2], bounds[1::2], strict=False)
    intervals = [(start, end) for start, end in pairs if start < end]
    return text, intervals or [(0, len(text))]


@given(texts_with_intervals())
def test_every_character_of_a_part_is_located_in_the_trace(example):
    text, intervals = example
    part = PartText.cut(text, intervals)
    positions, start = [], 0
    for interval in intervals:
        length = interval[1] - interval[0]
        positions += range(start, start + length)
        start += length + len(STRETCH_BREAK)
    located = locate(part, np.array(positions)).tolist()
    assert located == [character for start, end in intervals for character in range(start, end)]
    assert [part.text[position] for position in positions] == [text[character] for character in located]


def build_trace(pieces: list, **fields) -> Trace:
    text, parts = text_and_parts(pieces)
    return Trace(id="a", text=text, meta={"parts": parts}, **fields)


def spans_by_hand(trace: Trace, part: PartText) -> list:
    """Return (start, end) of the reference's spans in each stretch by itself."""
    return [
        (span.start + start, span.end + start)
        for start, end in part.intervals
        for span in find_spans(trace.text[start:end], LEXICON)
    ]


@given(PIECES, PART)
def test_spans_of_a_part_are_those_of_each_stretch_by_itself(pieces, choice):
    trace = build_trace(pieces)
    part = part_text(trace, choice)
    if part is not None:
        spans = find_part_spans(SpanFinder(LEXICON), part)
        assert [(span.start, span.end) for span in spans] == spans_by_hand(trace, part)


def by_hand(trace: Trace, part: PartText, offsets: list) -> tuple[list[bool], list[bool]]:
    """Return the mask and the tokens of the part, character by character."""
    planning = {position for start, end in spans_by_hand(trace, part) for position in range(start, end)}
    planning -= {position for position in planning if ord(trace.text[position]) in SPACES}
    inside = {position for start, end in part.intervals for position in range(start, end)}
    tokens = [set(range(start, end)) for start, end in offsets]
    return [bool(token & planning) for token in tokens], [bool(token & inside) for token in tokens]


@pytest.mark.parametrize("tokenizer", [trained_bpe, trained_sentencepiece_bpe, trained_wordpiece])
@given(pieces=PIECES, choice=PART, has_ids=st.booleans())
def test_the_mask_stays_whole_and_marks_the_part(tokenizer, pieces, choice, has_ids):
    trace = build_trace(pieces)
    encoding = tokenizer().encode(trace.text, add_special_tokens=False)
    keeps_text = Vocabulary.from_tokenizer(tokenizer()).keeps_text
    if has_ids and keeps_text:
        trace = build_trace(pieces, token_ids=tuple(encoding.ids))
    part = part_text(trace, choice)
    tagger = RolloutTagger(LEXICON, tokenizer(), part=choice)
    if part is None:
        with pytest.raises(InputError, match=f"the only trace has no marked {choice}"):
            list(tagger([trace]))
        return
    (tagged,) = tagger([trace])
    assert tagged.token_ids.tolist() == encoding.ids
    assert len(tagged.planning_mask) == len(tagged.tokens_in_part) == len(encoding.ids)
    offsets = encoding.offsets
    if keeps_text:
        offsets = align_tokens(encoding.ids, trace.text, tagger.vocabulary, lambda _: "").tolist()
    mask, in_part = by_hand(trace, part, offsets)
    assert tagged.planning_mask.tolist() == mask
    assert tagged.tokens_in_part.tolist() == in_part
    assert tagged.count_units() == (sum(mask), sum(in_part))


@given(st.text(max_size=30).filter(lambda text: "\r" not in text))
def test_tokens_are_aligned_character_by_character(text):
    tokenizer = trained_bpe()
    text = tokenizer.normalizer.normalize_str(text)
    vocabulary, ids = Vocabulary.from_tokenizer(tokenizer), tokenizer.encode(text, add_special_tokens=False).ids
    offsets = align_tokens(ids, text, vocabulary, lambda _: "")
    # which characters each token's bytes belong to
    owners = [position for position, character in enumerate(text) for _ in character.encode()]
    expected, start = [], 0
    for piece in vocabulary.spell(ids):
        token_owners = owners[start : start + len(piece)]
        expected.append([token_owners[0], token_owners[-1] + 1])
        start += len(piece)
    assert offsets.tolist() == expected


def test_special_tokens_may_be_written_in_the_text_or_left_out():
    vocabulary = Vocabulary.from_tokenizer([b"Let", b" me", None, b" 4"])
    for text, expected in (
        ("Let me<|end|> 4", [[0, 3], [3, 6], [6, 13], [13, 15]]),
        ("Let me 4", [[0, 3], [3, 6], [6, 6], [6, 8]]),
        (" \nLet me 4\n", [[2, 5], [5, 8], [8, 8], [8, 10]]),
    ):
        assert align_tokens([0, 1, 2, 3], text, vocabulary, lambda _: "<|end|>").tolist() == expected


def test_a_text_that_is_cut_within_a_character_is_aligned_and_a_broken_one_is_not():
    vocabulary = Vocabulary.from_tokenizer([b"4", "é".encode()[:1], "é".encode()[1:], "€".encode()[:2]])
    # two bytes of three at the end are one U+FFFD
    assert align_tokens([0, 3], "4\ufffd", vocabulary, lambda _: "").tolist() == [[0, 1], [1, 2]]
    # both tokens of "é" have its character
    assert align_tokens([1, 2, 0], "é4", vocabulary, lambda _: "").tolist() == [[0, 1], [0, 1], [1, 2]]
    assert align_tokens([2, 0], "\ufffd4", vocabulary, lambda _: "") is None
    assert align_tokens([], "", vocabulary, lambda _: "").tolist() == []


def test_a_token_across_the_edge_of_a_part_is_counted_in_it_and_marked_by_its_spans_alone():
    # "think>So" is one token: its "So" is the answer's
    text = "Let</think>So"
    pieces = [b"Let", b"</", b"think>So"]
    trace = Trace(id="a", text=text, token_ids=(0, 1, 2))
    reasoning, answer = part_text(trace, "reasoning"), part_text(trace, "answer")
    assert reasoning is not None
    assert answer is not None
    offsets = align_tokens([0, 1, 2], text, Vocabulary.from_tokenizer(pieces), lambda _: "")
    assert part_tokens(reasoning.intervals, len(text), offsets).tolist() == [True, True, True]
    assert part_tokens(answer.intervals, len(text), offsets).tolist() == [False, False, True]
    assert [span.gram for span in find_part_spans(SpanFinder(LEXICON), reasoning)] == ["let"]


def test_a_trace_whose_ids_do_not_spell_its_text_is_left_out_and_counted():
    text = "<think>Let me</think>So"
    ids = tuple(trained_bpe().encode(text, add_special_tokens=False).ids)
    traces = [
        Trace(id="fits", text=text, token_ids=ids),
        Trace(id="other", text=text + " it is", token_ids=ids),
        Trace(id="unmarked", text="So", token_ids=tuple(trained_bpe().encode("So", add_special_tokens=False).ids)),
    ]
    tagger = RolloutTagger(LEXICON, trained_bpe(), part="reasoning")
    assert [tagged.trace.id for tagged in tagger(traces)] == ["fits"]
    assert (tagger.id_counts.n_with_ids, tagger.id_counts.n_mismatched, tagger.id_counts.n_unaligned) == (2, 1, 1)
    assert (tagger.selection.n_traces, tagger.selection.n_left_out) == (3, 1)


def test_without_a_tokenizer_characters_of_the_part_are_counted():
    trace = Trace(id="a", text="<think>Let me</think>\n\nSo it")
    (reasoning,) = RolloutTagger(LEXICON, part="reasoning")([trace])
    (answer,) = RolloutTagger(LEXICON, part="answer")([trace])
    # "<think>" 7, "Let" and "me" 5, "</think>" 8; "So" of "So" and "it"
    assert reasoning.count_units() == (5, 20)
    assert answer.count_units() == (2, 4)
    assert reasoning.trace is answer.trace is trace
    assert np.array([span.start for span in answer.spans]).tolist() == [23]


def test_tagging_all_is_tagging_without_a_part():
    trace = Trace(id="a", text="<think>Let me</think>\n\nSo it")
    (tagged,) = RolloutTagger(LEXICON, trained_bpe(), part="all")([trace])
    (expected,) = RolloutTagger(LEXICON, trained_bpe())([trace])
    assert (tagged.spans, tagged.planning_mask.tolist()) == (expected.spans, expected.planning_mask.tolist())
    assert tagged.part is tagged.tokens_in_part is None
