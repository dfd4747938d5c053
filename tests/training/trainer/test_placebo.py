"""What gets credit in place of planning tokens: as many tokens, drawn by number, and kept in checkpoints."""

import json

import numpy as np
import pytest
import torch

from sgram.errors import InputError, UsageError
from sgram.lexicon import Lexicon, LinearWeights, SentenceScorer
from sgram.tagging.tagger import PlanningTagger
from sgram.training.trainer.placebo import draw_placebo, read_placebo
from tests.builders.tiny_policy import lexicon, responses, scorer, sentences, tokenizer

KINDS = ("placebo", "placebo-execution")
MASKS = ("grams", "sentences", "grams-in-sentences")
SAMPLED = responses()
TAGGER = PlanningTagger(lexicon(), tokenizer())
SENTENCES = sentences()
TAGGERS = {mask: PlanningTagger(lexicon(), tokenizer(), mask=mask, scorer=scorer()) for mask in MASKS}


def drawn(kind: str, draw: int = 0, sampled=SAMPLED, tagger=TAGGER):
    return draw_placebo(kind, tagger, sampled, draw, tokenizer(), len(tokenizer()))


def batch(rows=SAMPLED):
    """(ids, mask), padded on the right."""
    width = max(map(len, rows))
    ids = torch.tensor([row + [tokenizer().pad_token_id] * (width - len(row)) for row in rows])
    return ids, torch.tensor([[True] * len(row) + [False] * (width - len(row)) for row in rows])


@pytest.mark.parametrize("kind", KINDS)
def test_as_many_tokens_are_marked_as_plan(kind):
    ids, mask = batch()
    planning = TAGGER(ids, mask) & mask
    credit = drawn(kind)(ids, mask, planning)
    assert credit.dtype == torch.bool
    assert int(credit.sum()) == pytest.approx(int(planning.sum()), rel=0.02)
    assert int(planning.sum()) > 100
    assert not (credit & ~mask).any()
    assert drawn(kind).source["wanted"] == pytest.approx(int(planning.sum()) / int(mask.sum()), abs=1e-6)


def test_the_placebo_of_execution_marks_no_token_that_plans():
    ids, mask = batch()
    planning = TAGGER(ids, mask) & mask
    assert not (drawn("placebo-execution")(ids, mask, planning) & planning).any()
    # whatever is said to plan: it is asked anew of each batch
    everything = drawn("placebo-execution")(ids, mask, torch.zeros_like(mask))
    assert not (drawn("placebo-execution")(ids, mask, everything) & everything).any()
    assert everything.any()


def test_tokens_are_marked_wherever_they_stand():
    # in plain Python: a token gets credit if its id was drawn, it is trained on and does not plan
    placebo = drawn("placebo-execution")
    ids, mask = batch(SAMPLED[:9])
    planning = TAGGER(ids, mask) & mask
    credit = placebo(ids, mask, planning)
    for row in range(len(ids)):
        for position in range(ids.shape[1]):
            is_credited = (
                int(ids[row, position]) in placebo.ids and bool(mask[row, position]) and not planning[row, position]
            )
            assert bool(credit[row, position]) == is_credited


@pytest.mark.parametrize("kind", KINDS)
def test_the_number_of_the_draw_decides_and_nothing_else(kind):
    before = np.random.get_state()[1].tolist(), torch.random.get_rng_state()
    first = drawn(kind, 0)
    assert drawn(kind, 0).to_json() == first.to_json()
    assert drawn(kind, 0, SAMPLED[::-1]).to_json() == first.to_json()
    assert drawn(kind, 1).to_json() != first.to_json()
    assert np.random.get_state()[1].tolist() == before[0]
    assert torch.equal(torch.random.get_rng_state(), before[1])


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_gives_back_the_same_placebo(kind):
    ids, mask = batch()
    planning = TAGGER(ids, mask) & mask
    first = drawn(kind, 3)
    again = read_placebo(json.loads(json.dumps(first.to_json())), TAGGER, tokenizer(), len(tokenizer()))
    assert again.to_json() == first.to_json()
    assert dict(again.source) == dict(first.source)
    assert torch.equal(again(ids, mask, planning), first(ids, mask, planning))


@pytest.mark.parametrize("document", [{}, {"kind": "placebo"}, {"kind": "placebo-execution", "ids": 3, "source": {}}])
def test_a_placebo_that_is_no_placebo_is_refused(document):
    with pytest.raises(InputError, match="cannot read the placebo of this checkpoint"):
        read_placebo(document, TAGGER, tokenizer(), None)


def test_a_lexicon_that_marks_nothing_has_no_placebo():
    absent = PlanningTagger(Lexicon.from_grams(["heteroscedastic quaternions"]), tokenizer())
    with pytest.raises(UsageError, match="there is no share to match"):
        drawn("placebo-execution", tagger=absent)
    with pytest.raises(UsageError, match="cannot draw a placebo from 96 responses"):
        drawn("placebo", tagger=absent)


@pytest.mark.parametrize("kind", KINDS)
def test_too_few_responses_have_no_placebo(kind):
    with pytest.raises(UsageError, match="responses"):
        drawn(kind, sampled=SAMPLED[:2])


@pytest.mark.parametrize("mask", ["sentences", "grams-in-sentences"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_placebo_of_sentences_marks_as_many_tokens_inside_random_sentences(kind, mask):
    tagger = TAGGERS[mask]
    placebo = drawn(kind, sampled=SENTENCES, tagger=tagger)
    ids, response_mask = batch(SENTENCES)
    planning = tagger(ids, response_mask) & response_mask
    credit = placebo(ids, response_mask, planning)
    assert int(planning.sum()) > 100
    assert int(credit.sum()) == pytest.approx(int(planning.sum()), rel=0.1)
    assert not (credit & ~response_mask).any()
    assert not torch.equal(credit, planning)
    assert placebo.source["share"] == pytest.approx(int(credit.sum()) / int(response_mask.sum()), abs=1e-6)
    assert (placebo.source["mask"], placebo.source["scorer"]["digest"]) == (mask, scorer().digest)
    # whatever is marked lies in the sentences that were drawn, and all of these are marked by the mask sentences
    in_sentences = placebo.sentences(ids, response_mask)
    assert not (credit & ~in_sentences).any()
    assert torch.equal(credit, in_sentences) == (mask == "sentences")
    planning_sentences = TAGGERS["sentences"](ids, response_mask)
    if kind == "placebo-execution":
        assert not (credit & planning_sentences).any()
    else:
        assert (credit & planning_sentences).any()  # it is drawn without regard to what plans


def test_a_placebo_of_grams_in_sentences_marks_grams_of_one_random_lexicon():
    tagger = TAGGERS["grams-in-sentences"]
    placebo = drawn("placebo", sampled=SENTENCES, tagger=tagger)
    ids, response_mask = batch(SENTENCES)
    grams = PlanningTagger(Lexicon.from_grams(placebo.to_json()["grams"]), tokenizer())
    expected = grams(ids, response_mask) & placebo.sentences(ids, response_mask)
    assert torch.equal(placebo(ids, response_mask, tagger(ids, response_mask)), expected)


@pytest.mark.parametrize("mask", ["sentences", "grams-in-sentences"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_placebo_of_sentences_is_drawn_by_number_and_given_back_by_a_checkpoint(kind, mask):
    tagger = TAGGERS[mask]
    ids, response_mask = batch(SENTENCES)
    planning = tagger(ids, response_mask) & response_mask
    first = drawn(kind, 0, SENTENCES, tagger)
    assert drawn(kind, 0, SENTENCES[::-1], tagger).to_json() == first.to_json()
    credit = first(ids, response_mask, planning)
    assert not torch.equal(drawn(kind, 1, SENTENCES, tagger)(ids, response_mask, planning), credit)
    document = json.loads(json.dumps(first.to_json()))
    again = read_placebo(document, tagger, tokenizer(), len(tokenizer()))
    assert again.to_json() == first.to_json()
    assert torch.equal(again(ids, response_mask, planning), credit)
    with pytest.raises(InputError, match="the run has no sentence scorer"):
        read_placebo(document, TAGGER, tokenizer(), len(tokenizer()))


def test_execution_sentences_make_up_for_responses_that_plan_in_more_than_half_of_them():
    # half of the responses plan in three sentences of four, which leaves one of four; the others have to give more
    plans, rest = lexicon().grams[0].text, lexicon().grams[1].text
    assert (plans in scorer().planning.grams, rest in scorer().planning.grams) == (True, False)
    planning, execution = f" {plans} {plans}.".title(), f" {rest} {rest}.".title()
    texts = [planning * 3 + execution, planning + execution * 7] * 40
    sampled = [tokenizer()(text)["input_ids"] for text in texts]
    placebo = drawn("placebo-execution", 0, sampled, TAGGERS["sentences"])
    assert placebo.sentences.scale > 1
    assert placebo.source["share"] == pytest.approx(placebo.source["wanted"], rel=0.1)
    # where most sentences plan everywhere, there is no such control
    with pytest.raises(UsageError, match=r"a placebo-execution of the mask sentences marks .* the mask 7"):
        drawn("placebo-execution", 0, sampled[::2], TAGGERS["sentences"])


@pytest.mark.parametrize("mask", ["sentences", "grams-in-sentences"])
def test_a_scorer_that_marks_nothing_has_no_placebo(mask):
    never = SentenceScorer("never", LinearWeights(-1000, {}), {})
    with pytest.raises(UsageError, match=f"the mask {mask} marks no token of the 96 responses"):
        drawn("placebo", 0, SENTENCES, PlanningTagger(lexicon(), tokenizer(), mask=mask, scorer=never))
