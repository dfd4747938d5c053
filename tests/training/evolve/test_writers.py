"""Writers: the same texts from the same step, and probabilities that are the model's own."""

import pytest
import torch

from sgram.training.evolve.writers import PolicyWriter, frozen_copy
from sgram.training.experiments.evaluate import Policy
from tests.builders import tiny_policy

PROMPTS = ["How many?", "First come 9 shells. How many are there in all?", "A"]


@pytest.fixture(scope="module")
def policy():
    tokenizer = tiny_policy.tokenizer()
    return Policy(
        tiny_policy.model(width=32), tokenizer, max_tokens=8, temperature=1.0, eos_ids=[tokenizer.eos_token_id]
    )


def test_a_step_begins_its_random_numbers_anew(policy):
    writer = PolicyWriter(policy, seed=0)
    writer.restart(3)
    first = [writer.write(PROMPTS), writer.write(PROMPTS)]
    assert first[0] != first[1]
    assert writer.n_written == 6
    torch.rand(5)  # torch's own numbers are not used
    writer.restart(3)
    assert [writer.write(PROMPTS), writer.write(PROMPTS)] == first
    for other in (PolicyWriter(policy, seed=1), PolicyWriter(policy, seed=0, stream=1)):
        other.restart(3)
        assert other.write(PROMPTS) != first[0]
    writer.restart(4)
    assert writer.write(PROMPTS) != first[0]


def test_probabilities_behind_a_text_are_those_of_the_model(policy):
    writer = PolicyWriter(policy, seed=0)
    ids, candidates = [(5, 6, 7), (), (8,)], [10, 11, 400]
    shares = writer.token_shares(PROMPTS, ids, candidates)
    for row, prompt in enumerate(PROMPTS):
        sequence = torch.tensor([writer.prompt_ids(prompt) + list(ids[row])])
        with torch.no_grad():
            expected = policy.model(input_ids=sequence).logits[0, -1].double().softmax(-1)[candidates]
        assert shares[row] == pytest.approx(expected.numpy(), rel=1e-4)  # rows are padded on the left


def test_a_frozen_copy_does_not_learn():
    model = tiny_policy.model(width=32)
    copy = frozen_copy(model)
    before = tiny_policy.weights(copy)
    with torch.no_grad():
        model.get_input_embeddings().weight.add_(1)
    assert tiny_policy.same(tiny_policy.weights(copy), before)
    assert not tiny_policy.same(tiny_policy.weights(model), before)
    assert not any(parameter.requires_grad for parameter in copy.parameters())
    assert any(parameter.requires_grad for parameter in model.parameters())
