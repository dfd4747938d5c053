"""Blocks of rows of similar length: the values of all rows at once, with less padding."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sgram.training.trainer.length_blocks import compute_by_length
from tests.builders.tiny_policy import losses, trained, weights

PROMPT_WIDTH = 2


def sums_and_products(ids, attention_mask, n_kept):
    """Return values of the last `n_kept` tokens that depend on all tokens before them, as those of a model do."""
    tokens = ids * attention_mask
    return tokens.cumsum(1)[:, -n_kept:].float(), (tokens * 3 + 1).cumsum(1)[:, -n_kept:].float()


def batch(lengths, width):
    """Return ids and attention mask of prompts of two tokens and responses of these lengths."""
    ids = torch.arange(1, 1 + len(lengths) * (PROMPT_WIDTH + width)).reshape(len(lengths), -1)
    mask = torch.arange(width)[None] < torch.tensor(lengths)[:, None]
    prompt_mask = torch.ones(len(lengths), PROMPT_WIDTH, dtype=torch.bool)
    return ids, torch.cat((prompt_mask, mask), 1).long()


@given(st.lists(st.integers(0, 6), min_size=1, max_size=9), st.integers(1, 4))
def test_blocks_give_the_values_of_all_rows_at_once_and_zeros_for_padding(lengths, rows):
    width = max(*lengths, 1)
    ids, attention_mask = batch(lengths, width)
    is_token = attention_mask[:, -width:].bool()
    blocks = compute_by_length(sums_and_products, ids, attention_mask, width, rows)
    for values, expected in zip(blocks, sums_and_products(ids, attention_mask, width), strict=True):
        assert values.shape == expected.shape
        assert torch.equal(values[is_token], expected[is_token])


def test_a_block_is_as_wide_as_its_longest_response():
    # sorted lengths 1 1 | 2 5 | 5: the blocks of two rows have 1, 5 and 5 tokens; three rows at once would have 5 each
    widths = []

    def compute(ids, attention_mask, n_kept):
        widths.append((tuple(ids.shape), n_kept))
        return sums_and_products(ids, attention_mask, n_kept)

    compute_by_length(compute, *batch([5, 1, 5, 2, 1], 5), 5, 2)
    assert widths == [((2, 3), 1), ((2, 7), 5), ((1, 7), 5)]


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize("method", ["hicra", "entropy"])
def test_training_is_the_same_with_and_without_padding(tmp_path, method, monkeypatch):
    monkeypatch.setattr("sgram.training.trainer.trainer.ROWS_A_BLOCK", 2)  # two blocks a micro-batch
    with_padding = trained(tmp_path / "padded", method=method, max_completion_length=40)
    trimmed = trained(tmp_path / "trimmed", method=method, max_completion_length=40, trim_padding=True)
    torch.testing.assert_close(torch.tensor(losses(trimmed)), torch.tensor(losses(with_padding)), rtol=1e-4, atol=1e-6)
    expected = weights(with_padding)
    for name, weight in weights(trimmed).items():
        torch.testing.assert_close(weight, expected[name], rtol=1e-4, atol=1e-5)
