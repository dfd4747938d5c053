"""A per-token term is reduced as TRL reduces its own loss."""

import pytest
import torch

from sgram.training.credit.method import Method
from sgram.training.trainer.loss_reduction import PER_TOKEN_LOSSES, LossReduction
from tests.builders.tiny_policy import losses, trained

# Row 0 holds 1 + 2 + 3 over three tokens, row 1 holds 8 over one; what is masked out is 100
TERMS = torch.tensor([[1.0, 2.0, 3.0], [8.0, 100.0, 100.0]])
MASK = torch.tensor([[True, True, True], [True, False, False]])


def reduced(loss_type: str, *, n_processes=1, n_generation_tokens=20.0, mask=MASK) -> float:
    """The reduction of TERMS with 2 micro-batches an update and 4 a generation."""
    reduce_terms = LossReduction(
        loss_type, accumulation_steps=2, max_completion_length=5, steps_per_generation=4, n_processes=n_processes
    )
    return float(reduce_terms(TERMS, mask, torch.tensor(n_generation_tokens)))


@pytest.mark.parametrize(
    ("loss_type", "expected"),
    [
        ("grpo", ((1 + 2 + 3) / 3 + 8 / 1) / 2 / 2),  # mean over rows of their means
        ("bnpo", (1 + 2 + 3 + 8) / 4 / 2),  # mean over tokens of the micro-batch
        ("dr_grpo", (1 + 2 + 3 + 8) / (2 * 5) / 2),  # a constant: rows times the longest possible
        ("dapo", (1 + 2 + 3 + 8) / (20 * 2 / 4)),  # tokens of the generation, as far as one update sees them
    ],
)
def test_a_term_is_summed_up_as_the_loss_of_its_type(loss_type, expected):
    assert reduced(loss_type) == pytest.approx(expected)


def test_a_term_of_several_processes_is_averaged_later():
    # 20 tokens in two processes: this one divides by 10, gradients are averaged: as if all had been divided by 20
    assert reduced("dapo", n_processes=2) == pytest.approx(2 * reduced("dapo"))


@pytest.mark.parametrize("loss_type", PER_TOKEN_LOSSES)
def test_nothing_to_learn_from_is_zero(loss_type):
    assert reduced(loss_type, mask=torch.zeros_like(MASK), n_generation_tokens=0.0) == 0


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize("loss_type", ["grpo", "bnpo", "dr_grpo", "dapo"])
def test_a_term_weighs_as_much_as_the_same_term_in_the_loss_of_trl(tmp_path, loss_type):
    # The penalty of every token is its own loss at the first update: -A times the ratio, which is 1. Added through
    # `LossReduction` it doubles TRL's loss, micro-batch by micro-batch.
    def same_term(batch, settings):
        advantages = batch.advantages[:, None] if batch.advantages.dim() == 1 else batch.advantages
        return -advantages * (batch.logps - batch.logps.detach()).exp()

    doubled = Method("doubled", "the loss once more", "this test", penalty=same_term)
    settings = {"loss_type": loss_type, "max_steps": 1, "optim": "sgd", "max_grad_norm": 0.0}
    plain = trained(tmp_path / "plain", method="grpo", **settings)
    double = trained(tmp_path / "double", method=doubled, **settings)
    (plain_loss, plain_norm), (double_loss, double_norm) = losses(plain)[0], losses(double)[0]
    assert plain_norm > 1e-3
    assert double_norm == pytest.approx(2 * plain_norm, rel=1e-4)
    assert double_loss == pytest.approx(2 * plain_loss, rel=1e-3, abs=1e-6)
