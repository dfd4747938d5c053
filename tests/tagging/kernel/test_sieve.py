"""The sieve may let too much pass, never too little."""

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram import Lexicon, PlanningTagger
from sgram.tagging.kernel.sieve import sift
from sgram.tagging.vocabulary import Vocabulary
from tests.builders.mask_oracle import Cutter, cases, oracle_mask
from tests.builders.tokenizer_examples import deepseek, encode, trained_bpe


def sifted(tagger: PlanningTagger, ids: list[int], attended=None, marks_alone: bool = True):
    """(places, mask) of one row."""
    scratch, mask = np.zeros((5, len(ids) + 1), np.int32), np.zeros(len(ids), np.bool_)
    kept = np.zeros(0, np.bool_) if attended is None else np.array(attended, np.bool_)
    tables = tagger._tables
    n = sift(
        np.array(ids, np.int64), kept, 0, len(ids), tables.numbers, tables.starts, scratch, mask, np.int32(marks_alone)
    )
    assert scratch[4, n] == len(ids)
    return scratch[4, :n].tolist(), mask.tolist()


def first_tokens(tagger: PlanningTagger, ids: list[int]) -> list[tuple[int, bool]]:
    """(token that holds the first letter, whether it is a gram of one word) of every span."""
    ends = np.cumsum([len(token) for token in tagger.vocabulary.spell(ids)])
    text = tagger.decode(ids)
    starts = [len(text[: span.start].encode()) for span in tagger.spans(ids)]
    whole = [span.n_words == 1 for span in tagger.spans(ids)]
    return list(zip(np.searchsorted(ends, starts, side="right").tolist(), whole, strict=True))


@settings(max_examples=300)
@given(cases(), st.integers(0, 2**32))
def test_every_token_that_a_gram_begins_in_passes_or_is_marked(case, seed):
    lexicon, text = case
    vocabulary, rng = Vocabulary.of(trained_bpe()), random.Random(seed)
    tagger = PlanningTagger(lexicon, vocabulary)
    spelled = b"".join(vocabulary.spell(encode(trained_bpe(), text)))
    for taste in (0.3, 1.0):
        ids = Cutter(vocabulary.tokens).cut(spelled, rng, taste)
        if not ids or tagger.decode(ids).count("\ufffd"):
            continue
        places, marked = sifted(tagger, ids)
        for token, alone in first_tokens(tagger, ids):
            assert token in places or (alone and marked[token])
        every, none = sifted(tagger, ids, marks_alone=False)
        assert not any(none)
        assert {token for token, _ in first_tokens(tagger, ids)} <= set(every)
        assert set(places) <= set(every)


@settings(max_examples=300)
@given(cases(), st.integers(0, 2**32))
def test_what_it_marks_itself_is_in_the_mask(case, seed):
    lexicon, text = case
    vocabulary = Vocabulary.of(trained_bpe())
    tagger = PlanningTagger(lexicon, vocabulary)
    ids = Cutter(vocabulary.tokens).cut(
        b"".join(vocabulary.spell(encode(trained_bpe(), text))), random.Random(seed), 0.8
    )
    if ids:
        _, marked = sifted(tagger, ids)
        wanted = oracle_mask([vocabulary.tokens[each] for each in ids], lexicon)
        assert all(right for mark, right in zip(marked, wanted, strict=True) if mark)


def test_most_of_a_text_is_sifted_out():
    text = (
        "The train leaves at 9 and travels 120 miles, so we divide the distance by the speed. Wait, is that right? " * 3
    )
    ids = encode(deepseek(), text)
    places, _ = sifted(PlanningTagger("wang2025", deepseek()), ids)
    assert len(places) < len(ids) / 5


def test_masked_tokens_special_ones_and_ids_out_of_range_pass():
    tagger = PlanningTagger(Lexicon.from_grams(["wait here"]), [b"x", b" y", None, b"wait"])
    assert sifted(tagger, [0, 1, 2, 1, 0, 1, 9, -1, 1])[0] == [2, 6, 7]
    assert sifted(tagger, [0, 1, 1, 1], attended=[1, 0, 0, 1])[0] == [1, 2]


def test_a_gram_of_one_word_is_marked_only_where_nothing_spoils_it():
    lexicon = Lexicon.from_grams(["wait"])
    tokens = [b" wait", b".", b"1", b"\\", b"wait", b" ", b"s", b"_"]
    wait, stop, one, escape, bare, space, s, low = range(8)
    tagger = PlanningTagger(lexicon, tokens)
    for row, marked in (
        ([wait, stop], [True, False]),
        ([wait, one], [False, False]),  # "wait1"
        ([wait, s], [False, False]),  # "waits"
        ([wait, low], [False, False]),
        ([one, bare, stop], [False] * 3),
        ([escape, bare, stop], [False] * 3),
        ([space, bare, stop], [False, True, False]),
        ([bare, stop], [False, False]),  # what came before the first token is not known here
        ([wait], [False]),  # nor what comes after the last
    ):
        assert sifted(tagger, row)[1] == marked
