"""Rows of ids to the moves of their sentences: equal to the spelled text's, whatever the tokens."""

import random
from functools import cache
from itertools import chain, islice, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.lexicon import Lexicon, LinearWeights, SentenceScorer
from sgram.sentences import MARKS
from sgram.tagging.mask_kinds import PlanningFinder
from sgram.tagging.tagger import PlanningTagger
from sgram.tagging.text_masks import labels_of_tokens
from sgram.traces import read_traces
from tests.builders.mask_oracle import oracle_mask
from tests.builders.paths import SHARED
from tests.builders.tokenizer_examples import deepseek, encode

LONG = "counterrevolutionaries"
WORDS = ("let", "me", "so", "let's", "mr", "x", "é", "frac", LONG, "me-so")
KINDS = ("sentences", "grams-in-sentences")


def dense_scorer() -> SentenceScorer:
    """Return a scorer in which nearly every gram of one or two tokens weighs something, so that no error hides."""
    rng = random.Random(0)
    grams = [
        *WORDS,
        *MARKS[2:],
        *(" ".join(pair) for pair in product((*WORDS, *MARKS), repeat=2) if rng.random() < 0.9),
    ]
    grams += [" ".join(rng.choices((*WORDS, *MARKS), k=3)) for _ in range(400)]

    def weights(low, high):
        return LinearWeights(rng.randint(-300, 300), {gram: rng.randint(low, high) for gram in grams})

    return SentenceScorer("dense", weights(-1000, 1100), {"first": weights(-99, 99), "second": weights(-99, 99)})


SCORER = dense_scorer()
LEXICON = Lexicon.from_grams(["let me", "so", "let's", "mr", LONG, "me so"])
PLAIN: list[bytes | None] = [
    piece.encode()
    for piece in (
        *("let", " let", " Let", "Let", " me", "me", " so", "So", " So", "x", " x", "X", " X", " Mr", "mr", " M", "r"),
        *(
            "counter",
            "revolution",
            "aries",
            "é",
            " É",
            "frac",
            "s",
            "'s",
            "’s",
            "-so",
            "-",
            "'",
            "’",
            "--",
            "-'",
            "'.'",
        ),
        *("'.'", ".", "..", "...", "....", "…", "?", "!", ". ", "? ", ".)", ')"', " ", "  ", "\t", " \t", "\u00a0"),
        *("\u202f", "\n", "\n\n", ".\n", " ?\n\n", "\nSo", "?\n let", "\n  ", "\n1", ":\n\n", "=\n.", "\r\n", " \n"),
        *("1", " 12", "=", " =", ":", ": ", "_", "\\", " \\", "/", "<", ">", ",", ", ", "(x", "(", "=x", "²", "、"),
        *("\n?", "\n=", "\n: ", "\n...", "<think>", "</think>", "</Think>", ". <x>", "? 1X ", "? So", ". let", ".So"),
    )
]
"""What is read without being spelled."""
SPELLED = [None, b"", b"let me ", b"So. X", b"a1 ", b"x1", "。".encode(), b"\xff"]
SPELLED += [b"\xe2\x80", b"\xaf", b"\x99", b"\xc3", b"\xa9", b" \xe2\x89", b"\x88"]
TOKENS = [*PLAIN, *SPELLED]
FINDERS = {kind: PlanningFinder(LEXICON, kind, SCORER) for kind in KINDS}
STARTS, MIDDLES, STOPS = (
    [TOKENS.index(piece.encode()) for piece in pieces]
    for pieces in (
        (" So", " Let", " X", "So", " É", "\nSo", "? So"),
        (" let", " me", " so", " x", " Mr", " M", "r", "'s", " 12", ",", ":", "aries", "-", " X", "(", "frac"),
        (".", "?", "...", ".)", ". ", ')"', "..", " ", "\n", "\n\n", "1"),
    )
)
SENTENCES = st.tuples(
    st.sampled_from(STARTS),
    st.lists(st.sampled_from(MIDDLES), max_size=5),
    st.lists(st.sampled_from(STOPS), min_size=1, max_size=2),
).map(lambda parts: [parts[0], *parts[1], *parts[2]])
GAPS = [
    TOKENS.index(piece.encode()) for piece in (".", "..", "...", "?", " ", "\n", "\n?", "\n=", "\n: ", "\n...", "1")
]
ROWS = st.one_of(
    # marks of gaps in several tokens
    st.lists(st.one_of(st.sampled_from(GAPS), st.sampled_from(STARTS[:3])), min_size=1, max_size=20),
    st.lists(SENTENCES, min_size=1, max_size=6).map(lambda sentences: list(chain(*sentences))),
    st.lists(st.integers(0, len(PLAIN) - 1), min_size=1, max_size=40),
    st.lists(st.integers(0, len(TOKENS) - 1), min_size=1, max_size=30),
)


@cache  # not at import: every process that collects the tests would compile the kernels
def tagger_of(kind: str) -> PlanningTagger:
    return PlanningTagger(LEXICON, TOKENS, mask=kind, scorer=SCORER)


@settings(max_examples=600)
@given(ROWS, st.sampled_from(KINDS))
def test_masks_and_labels_are_those_of_the_spelled_text(ids, kind):
    tagger, row_tokens = tagger_of(kind), [TOKENS[token] for token in ids]
    assert tagger(np.array(ids)).tolist() == oracle_mask(row_tokens, LEXICON, kind, SCORER)
    expected = labels_of_tokens(row_tokens, FINDERS[kind], tagger.moves).tolist()
    assert tagger.labels(np.array(ids)).tolist() == expected


@given(st.lists(ROWS, min_size=1, max_size=4), st.sampled_from(KINDS), st.integers(0, 9))
def test_rows_and_masked_positions_do_not_touch_each_other(rows, kind, seed):
    tagger, rng = tagger_of(kind), random.Random(seed)
    assert [mask.tolist() for mask in tagger.tag_rows(rows)] == [tagger(row).tolist() for row in rows]
    row = rows[0]
    attention = [rng.random() < 0.8 for _ in row]
    read_tokens = [TOKENS[token] if is_read else None for token, is_read in zip(row, attention, strict=True)]
    assert tagger(row, attention).tolist() == oracle_mask(read_tokens, LEXICON, kind, SCORER)


@settings(max_examples=200)
@given(ROWS, st.lists(st.integers(1, 9), min_size=1, max_size=4), st.sampled_from(KINDS))
def test_a_stream_has_the_mask_of_what_it_was_fed_at_every_step_and_settles_for_good(ids, lengths, kind):
    tagger, end, early_masks = tagger_of(kind), 0, []
    stream = tagger.stream()
    while end < len(ids):
        length = lengths[len(early_masks) % len(lengths)]
        assert stream.feed(ids[end : end + length]) == stream.n_settled
        end = min(end + length, len(ids))
        assert (len(stream), stream.mask.tolist()) == (end, tagger(ids[:end]).tolist())
        early_masks.append(stream.mask[: stream.n_settled].tolist())
    final = tagger(ids).tolist()
    assert all(final[: len(early)] == early for early in early_masks)


def test_a_stream_settles_a_sentence_at_its_end():
    scorer = SentenceScorer("questions", LinearWeights(-5, {"? $": 10}), {})
    words = [b"Let", b" me", b"?", b" So", b" Mr", b".", b" X", b"\n", b" it", b" is", None]
    let, me, question, so, mr, dot, x, line, it, _, end = range(len(words))
    stream = PlanningTagger(LEXICON, words, mask="sentences", scorer=scorer).stream()
    assert stream.feed([let, me, question]) == 0  # "?" may be followed by a lower-case letter
    assert stream.mask.tolist() == [True] * 3
    # " So" begins a sentence; "Mr." ends none, so " X" goes on
    assert (stream.feed(so), stream.feed([mr, dot, x])) == (3, 3)
    assert stream.feed([question, line]) == 9  # a line end ends the sentence
    assert stream.feed([it, end]) == 11  # so does the end of the text
    assert stream.mask.tolist() == [True] * 8 + [False] * 3


@pytest.mark.parametrize("kind", KINDS)
def test_more_sentences_than_stamps_and_rows_without_sentences(kind):
    rng = random.Random(1)
    ids = rng.choices(range(len(PLAIN)), k=6_000)
    row_tokens = [TOKENS[token] for token in ids]
    assert tagger_of(kind)(ids).tolist() == oracle_mask(row_tokens, LEXICON, kind, SCORER)
    assert tagger_of(kind)([len(PLAIN)] * 2).tolist() == [False, False]


@pytest.mark.parametrize(("dots", "is_planning"), [("...", True), (".|.|.", True), (".|..", True), (".|. |.", False)])
def test_three_dots_are_an_ellipsis_in_any_tokens(dots, is_planning):
    # the only gram that weighs anything is the mark of an ellipsis
    scorer = SentenceScorer("dots", LinearWeights(-5, {"...": 10}), {})
    tokens = [b"so", *(token.encode() for token in dots.split("|"))]
    tagger = PlanningTagger(LEXICON, tokens, mask="sentences", scorer=scorer)
    assert tagger(np.arange(len(tokens))).all() == is_planning


def test_a_word_in_many_tokens_is_one_word():
    # only "counterrevolutionaries" weighs anything: 22 letters in three tokens
    scorer = SentenceScorer("long", LinearWeights(-5, {LONG: 10}), {})
    tagger = PlanningTagger(LEXICON, TOKENS, mask="sentences", scorer=scorer)
    spelled = {token: number for number, token in enumerate(TOKENS)}
    assert tagger([spelled[b"counter"], spelled[b"revolution"], spelled[b"aries"]]).tolist() == [True] * 3
    assert tagger([spelled[b"counter"], spelled[b"revolution"], spelled[b"s"]]).tolist() == [False] * 3


@pytest.mark.skipif(not SHARED.exists(), reason="the shared traces are not here")
@pytest.mark.parametrize("name", ["reasoningflow", "gpt_oss_gsm8k", "trace_topology"])
def test_real_tokens_of_real_traces_have_the_masks_of_their_text(name):
    tokenizer = deepseek()
    for kind in KINDS:
        tagger = PlanningTagger("wang2025", tokenizer, mask=kind)
        find = PlanningFinder("wang2025", kind)
        for trace in islice(read_traces(SHARED / "traces" / f"{name}.jsonl.gz"), 15):
            ids = encode(tokenizer, trace.text)
            row_tokens = [tagger.vocabulary.tokens[token] for token in ids]
            assert tagger.labels(ids).tolist() == labels_of_tokens(row_tokens, find, tagger.moves).tolist()
