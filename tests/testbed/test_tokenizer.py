"""The tokenizer: the same bytes each time, every number as it should be, every text given back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.tagging.tagger import PlanningTagger
from sgram.testbed import Solver, Testbed, TestbedConfig, make_tokenizer
from sgram.testbed import story_tokenizer as module
from sgram.testbed.methods import METHODS
from sgram.testbed.roles_config import RolesConfig

pytest.importorskip("transformers", reason="needs sgram[train]")

TOKENIZER = make_tokenizer(TestbedConfig())


def test_equal_settings_give_equal_bytes(tmp_path):
    make_tokenizer(TestbedConfig()).save_pretrained(tmp_path / "one")
    module.train_tokenizer.cache_clear()
    make_tokenizer(TestbedConfig()).save_pretrained(tmp_path / "two")
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == ["tokenizer.json", "tokenizer_config.json"]
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_small_numbers_are_one_token_each():
    for number in range(100):
        assert len(TOKENIZER.tokenize(f" {number}")) == 1
    assert [TOKENIZER.decode(token_id) for token_id in TOKENIZER("so 13 * 2 = 26.")["input_ids"][-6:]] == [
        " 13",
        " *",
        " 2",
        " =",
        " 26",
        ".",
    ]
    numbers = range(2, 10)
    operations = [step for method in METHODS for a in numbers for b in numbers for step in method.operations(a, b)]
    assert max(result for *_, result in operations) < 100  # so no number of the default needs two tokens


def test_large_numbers_are_split_into_digits():
    tokenizer = make_tokenizer(TestbedConfig(largest=99))
    pieces = [tokenizer.decode(token_id) for token_id in tokenizer("We get 47 * 38 = 1786.")["input_ids"]]
    assert pieces[-11:] == [" 4", "7", " *", " 3", "8", " =", " 1", "7", "8", "6", "."]


def test_the_ends_of_a_text_are_set_for_training():
    assert TOKENIZER.padding_side == "left"
    assert (TOKENIZER.pad_token, TOKENIZER.eos_token, TOKENIZER.bos_token) == ("<|pad|>", "<|end|>", "<|end|>")
    assert (TOKENIZER.pad_token_id, TOKENIZER.eos_token_id) == (0, 1)
    assert len(TOKENIZER) == 640
    rows = TOKENIZER(["a", "a b"], padding=True)
    assert rows["attention_mask"][0][0] == 0
    assert 1 not in TOKENIZER("How many pens?\n")["input_ids"]  # nothing is put in front of a prompt, or behind it
    assert TOKENIZER.decode([*TOKENIZER("It works.")["input_ids"], 1, 0, 0], skip_special_tokens=True) == "It works."


@given(st.text())
def test_every_text_survives_encoding_and_decoding(text):
    text = text.replace("<|", "< |")
    assert TOKENIZER.decode(TOKENIZER(text)["input_ids"]) == text


def test_prompt_and_response_meet_at_a_token():
    testbed, rng = Testbed(), np.random.default_rng(0)
    for problem in testbed.problems("train")[:50]:
        response = Solver(testbed.config)(problem, rng)
        apart = TOKENIZER(problem.prompt)["input_ids"] + TOKENIZER(response)["input_ids"]
        assert TOKENIZER(problem.prompt + response)["input_ids"] == apart


def test_the_mask_of_the_true_lexicon_is_the_truth_token_by_token():
    testbed, rng = Testbed(), np.random.default_rng(0)
    tag = PlanningTagger(testbed.lexicon(), TOKENIZER)
    planning = 0
    for problem in testbed.problems("train")[:100]:
        response = Solver(testbed.config)(problem, rng)
        encoded = TOKENIZER(response, return_offsets_mapping=True)
        spans = testbed.planning_spans(problem, response)
        expected = [
            any(
                start < span.end and span.start < end and response[max(start, span.start) : min(end, span.end)].strip()
                for span in spans
            )
            for start, end in encoded["offset_mapping"]
        ]
        assert tag(np.array([encoded["input_ids"]]))[0].tolist() == expected
        planning += sum(expected)
    assert planning > 1000


def test_the_tokenizer_of_roles_has_scores_and_numbers_as_tokens():
    tokenizer = make_tokenizer(RolesConfig(), 800)
    assert len(tokenizer) <= 800
    ids = tokenizer("13 * 3 = 39 26 differ. Score 10")["input_ids"]
    assert [tokenizer.decode(token_id) for token_id in ids[-6:]] == [" 39", " 26", " differ", ".", " Score", " 10"]
    assert all(len(tokenizer(f" {number}")["input_ids"]) == 1 for number in range(100))
