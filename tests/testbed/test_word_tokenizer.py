"""The tokenizer of the hard testbed: every choice is one token, every text can be spelled."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.tagging.tagger import PlanningTagger
from sgram.testbed import Testbed, TwoStepConfig, make_tokenizer
from sgram.testbed import word_tokenizer as module
from sgram.testbed.two_step_methods import TWO_STEP_METHODS
from sgram.testbed.two_step_solver import Faults, TwoStepSolver

pytest.importorskip("transformers", reason="needs sgram[train]")

CONFIG = TwoStepConfig()
TOKENIZER = make_tokenizer(CONFIG)


def pieces(text):
    return [TOKENIZER.decode([token_id]) for token_id in TOKENIZER(text)["input_ids"]]


def test_a_word_a_number_and_a_sign_are_one_token_each():
    assert pieces("In 7 trays are 3 pens each, some stolen. How many pens?\n") == [
        *("In", " 7", " trays", " are", " 3", " pens", " each", ",", " some", " stolen", ".", " How", " many", " pens"),
        *("?", "\n"),
    ]
    assert pieces("Maybe triple-second and drop-three. This makes 7 * 3: 7 + 7 = 14") == [
        *("Maybe", " triple-second", " and", " drop-three", ".", " This", " makes", " 7", " *", " 3", ":"),
        *(" 7", " +", " 7", " =", " 14"),
    ]
    for number in range(160):
        assert len(TOKENIZER(f" {number}")["input_ids"]) == 1
    for method in TWO_STEP_METHODS:
        assert len(TOKENIZER(f" {method.name}")["input_ids"]) == 3


@pytest.mark.parametrize("config", [CONFIG, TwoStepConfig(largest=11, execution=4)], ids=["default", "largest"])
def test_nothing_that_the_solver_writes_is_spelled_in_bytes(config):
    tokenizer, rng = make_tokenizer(config), np.random.default_rng(0)
    solver, problems = TwoStepSolver(config, Faults(0.0, 0.2, 0.3)), Testbed(config).problems("train")
    for index in range(400):
        problem = problems[index % len(problems)]
        for text in (problem.prompt, solver(problem, rng)):
            token_ids = tokenizer(text)["input_ids"]
            assert tokenizer.decode(token_ids) == text
            words = tokenizer.backend_tokenizer.pre_tokenizer.pre_tokenize_str(text)
            assert len(token_ids) == len(words)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=40).filter(lambda text: "<|" not in text))
def test_any_text_can_be_spelled(text):
    assert TOKENIZER.decode(TOKENIZER(text)["input_ids"]) == text


def test_equal_settings_give_equal_bytes():
    first = TOKENIZER.backend_tokenizer.to_str()
    module.make_word_tokenizer.cache_clear()
    assert make_tokenizer(CONFIG).backend_tokenizer.to_str() == first
    assert make_tokenizer(TwoStepConfig(omits=0.1)).get_vocab() == TOKENIZER.get_vocab()
    assert (TOKENIZER.pad_token_id, TOKENIZER.eos_token_id) == (0, 1)


def test_a_twelfth_of_the_tokens_plans():
    testbed, rng = Testbed(CONFIG), np.random.default_rng(0)
    solver, problems = TwoStepSolver(CONFIG, Faults()), testbed.problems("train")[:200]
    rows = [TOKENIZER(solver(problem, rng))["input_ids"] for problem in problems]
    masks = PlanningTagger(testbed.lexicon(), TOKENIZER).tag_rows(rows)
    assert {int(mask.sum()) for mask in masks} == {4}  # opener, both halves of the name, and
    assert 4 * len(rows) / sum(map(len, rows)) == pytest.approx(0.08, abs=0.01)
