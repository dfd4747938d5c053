"""The sieve may keep too many candidates, never too few."""

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram import Lexicon, PlanningTagger
from sgram.tagging.kernel.sieve import CANDIDATES, N_SCRATCH_ROWS, sift
from sgram.tagging.vocabulary import Vocabulary
from tests.builders.mask_oracle import Cutter, cases, oracle_mask
from tests.builders.tokenizer_examples import deepseek, encode, trained_bpe


def sift_row(tagger: PlanningTagger, ids: list[int], attention_mask=None, marks_alone: bool = True):
    """Return (candidates, mask) of one row."""
    scratch, mask = np.zeros((N_SCRATCH_ROWS, len(ids) + 1), np.int32), np.zeros(len(ids), np.bool_)
    attention = np.zeros(0, np.bool_) if attention_mask is None else np.array(attention_mask, np.bool_)
    tables = tagger._tables
    n_candidates = sift(
        np.array(ids, np.int64),
        attention,
        0,
        len(ids),
        tables.numbers,
        tables.starts,
        scratch,
        mask,
        np.int32(marks_alone),
    )
    assert scratch[CANDIDATES, n_candidates] == len(ids)
    return scratch[CANDIDATES, :n_candidates].tolist(), mask.tolist()


def first_tokens(tagger: PlanningTagger, ids: list[int]) -> list[tuple[int, bool]]:
    """Return (token with the first letter, whether the gram is one word) of every span."""
    ends = np.cumsum([len(token) for token in tagger.vocabulary.spell(ids)])
    text = tagger.decode(ids)
    starts = [len(text[: span.start].encode()) for span in tagger.spans(ids)]
    single_words = [span.n_words == 1 for span in tagger.spans(ids)]
    return list(zip(np.searchsorted(ends, starts, side="right").tolist(), single_words, strict=True))


@settings(max_examples=300)
@given(cases(), st.integers(0, 2**32))
def test_every_token_in_which_a_gram_begins_is_a_candidate_or_marked(case, seed):
    lexicon, text = case
    vocabulary, rng = Vocabulary.from_tokenizer(trained_bpe()), random.Random(seed)
    tagger = PlanningTagger(lexicon, vocabulary)
    text_bytes = b"".join(vocabulary.spell(encode(trained_bpe(), text)))
    for longest_share in (0.3, 1.0):
        ids = Cutter(vocabulary.tokens).cut(text_bytes, rng, longest_share)
        if not ids or tagger.decode(ids).count("\ufffd"):
            continue
        candidates, marked = sift_row(tagger, ids)
        for token, alone in first_tokens(tagger, ids):
            assert token in candidates or (alone and marked[token])
        all_candidates, unmarked = sift_row(tagger, ids, marks_alone=False)
        assert not any(unmarked)
        assert {token for token, _ in first_tokens(tagger, ids)} <= set(all_candidates)
        assert set(candidates) <= set(all_candidates)


@settings(max_examples=300)
@given(cases(), st.integers(0, 2**32))
def test_tokens_that_the_sieve_marks_are_in_the_mask(case, seed):
    lexicon, text = case
    vocabulary = Vocabulary.from_tokenizer(trained_bpe())
    tagger = PlanningTagger(lexicon, vocabulary)
    ids = Cutter(vocabulary.tokens).cut(
        b"".join(vocabulary.spell(encode(trained_bpe(), text))), random.Random(seed), 0.8
    )
    if ids:
        _, marked = sift_row(tagger, ids)
        expected = oracle_mask([vocabulary.tokens[token_id] for token_id in ids], lexicon)
        assert all(is_planning for mark, is_planning in zip(marked, expected, strict=True) if mark)


def test_most_of_a_text_is_sifted_out():
    text = (
        "The train leaves at 9 and travels 120 miles, so we divide the distance by the speed. Wait, is that right? " * 3
    )
    ids = encode(deepseek(), text)
    candidates, _ = sift_row(PlanningTagger("wang2025", deepseek()), ids)
    assert len(candidates) < len(ids) / 5


def test_masked_tokens_special_tokens_and_ids_out_of_range_are_candidates():
    tagger = PlanningTagger(Lexicon.from_grams(["wait here"]), [b"x", b" y", None, b"wait"])
    assert sift_row(tagger, [0, 1, 2, 1, 0, 1, 9, -1, 1])[0] == [2, 6, 7]
    assert sift_row(tagger, [0, 1, 1, 1], attention_mask=[1, 0, 0, 1])[0] == [1, 2]


def test_a_gram_of_one_word_is_marked_only_if_its_neighbors_allow_it():
    lexicon = Lexicon.from_grams(["wait"])
    tokens = [b" wait", b".", b"1", b"\\", b"wait", b" ", b"s", b"_"]
    wait, stop, digit, escape, bare, space, s, underscore = range(8)
    tagger = PlanningTagger(lexicon, tokens)
    for row, marked in (
        ([wait, stop], [True, False]),
        ([wait, digit], [False, False]),  # "wait1"
        ([wait, s], [False, False]),  # "waits"
        ([wait, underscore], [False, False]),
        ([digit, bare, stop], [False] * 3),
        ([escape, bare, stop], [False] * 3),
        ([space, bare, stop], [False, True, False]),
        ([bare, stop], [False, False]),  # the character before the first token is unknown here
        ([wait], [False]),  # and the character after the last
    ):
        assert sift_row(tagger, row)[1] == marked
