"""What gets credit in place of planning tokens: as many tokens, drawn by number, and kept in checkpoints."""

import json

import numpy as np
import pytest
import torch

from sgram.errors import InputError, UsageError
from sgram.lexicon import Lexicon
from sgram.tagging.tagger import PlanningTagger
from sgram.training.trainer.placebo import draw_placebo, read_placebo
from tests.builders.tiny_policy import lexicon, responses, tokenizer

KINDS = ("placebo", "placebo-execution")
SAMPLED = responses()
TAGGER = PlanningTagger(lexicon(), tokenizer())


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
