"""Random sentences in place of planning ones: as many tokens, the same for a response wherever it stands."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sgram.lexicon import LinearWeights, SentenceScorer
from sgram.tagging.vocabulary import Vocabulary
from sgram.training.trainer.random_sentences import RandomSentences

SCORER = SentenceScorer("example", LinearWeights(-1000, {"wait": 3000}), {})
TOKENS = [b" Wait", b" So", b" It", b" Is", b".", b"\n", None, b". S"]
VOCABULARY = Vocabulary.from_tokenizer(TOKENS)
# "Wait So. So It. It Is. Is So." : four sentences of three tokens, of which the first plans
FOUR = [0, 1, 4, 1, 2, 4, 2, 3, 4, 3, 1, 4]


def make(draw=0, **settings):
    return RandomSentences(SCORER, VOCABULARY, draw, **{"execution_only": False, **settings})


def test_a_whole_sentence_of_as_many_tokens_is_marked():
    # one of four sentences of three tokens plans, so one of the four is marked, whichever
    marked = {tuple(np.flatnonzero(make(draw).mark(FOUR)).tolist()) for draw in range(40)}
    assert marked == {(0, 1, 2), (3, 4, 5), (6, 7, 8), (9, 10, 11)}
    in_execution = {tuple(np.flatnonzero(make(draw, execution_only=True).mark(FOUR)).tolist()) for draw in range(40)}
    assert in_execution == marked - {(0, 1, 2)}
    assert [sentence.text for sentence in make(scale=4.0).choose(FOUR)] == ["Wait So.", "So It.", "It Is.", "Is So."]


def test_a_longer_sentence_is_taken_as_often_as_makes_the_mean_right():
    # "Wait." has two tokens, "So It Is" three: of two missing tokens, the sentence of three is taken with
    # probability 2/3 where it comes first, and "Wait." always; each comes first in half of the draws:
    # mean = (2 + 3 * 2/3) / 2 = 2
    row = [0, 4, 1, 2, 3]
    sizes = [int(make(draw).mark(row).sum()) for draw in range(600)]
    assert set(sizes) == {0, 2, 3}
    assert sum(sizes) / len(sizes) == pytest.approx(2, abs=0.15)
    # one of four tokens is as long as twice what is missing: it is never taken
    assert {int(make(draw).mark([0, 4, 1, 2, 3, 4]).sum()) for draw in range(40)} == {2}


@given(st.lists(st.sampled_from(range(len(TOKENS))), max_size=30), st.integers(0, 3), st.booleans())
def test_marks_are_whole_sentences_and_depend_on_the_response_alone(row, n_padding, execution_only):
    sentences = make(execution_only=execution_only)
    alone = sentences.mark(row)
    chosen = sentences.choose(row)
    assert np.flatnonzero(alone).tolist() == sorted({int(at) for sentence in chosen for at in sentence.positions})
    if execution_only:
        assert not any(sentence.is_planning for sentence in chosen)
    # padding and other rows change nothing
    ids = torch.tensor([row + [0] * n_padding, [1] * (len(row) + n_padding)])
    mask = torch.tensor([[True] * len(row) + [False] * n_padding, [True] * (len(row) + n_padding)])
    if ids.numel():
        marks = sentences(ids, mask)
        assert marks[0].tolist() == alone.tolist() + [False] * n_padding


def test_a_response_without_planning_sentences_has_no_marks():
    assert not make().mark([1, 2, 3, 4]).any()
    assert make().mark([]).tolist() == []
