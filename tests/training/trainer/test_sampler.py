"""Sampling that drops finished rows draws what `generate` would draw."""

import math

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from sgram.training.trainer import sampler
from sgram.training.trainer.preallocated_cache import make_cache
from sgram.training.trainer.sampler import sample_rows
from tests.builders.tiny_policy import PROMPTS, model, tokenizer

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


@pytest.fixture(scope="module")
def policy():
    """One whose layers say more than its last token does: what is forgotten, or attended to wrongly, shows."""
    stretched = model().eval()
    with torch.no_grad():
        for name, weight in stretched.named_parameters():
            if "layers" in name and weight.dim() == 2:
                weight.mul_(8)
    return stretched


def prompts() -> list[list[int]]:
    return [tokenizer()(text)["input_ids"] for text in PROMPTS + [text[::-1] for text in PROMPTS]]


def greedy(policy, ends, **overrides):
    settings = {"max_new_tokens": 14, "eos_ids": ends, "pad_id": tokenizer().pad_token_id, "temperature": 0.0}
    return sample_rows(policy, prompts(), **{**settings, **overrides})


def ends_of(policy) -> list[int]:
    """Two tokens at which some rows end, at different places."""
    rows = greedy(policy, [-1])
    return [rows[0][2], rows[1][6], rows[3][4]]


@pytest.mark.parametrize("shrink", [0, 0.8, 1], ids=["rows stay", "usual", "rows leave at once"])
def test_greedy_responses_are_those_of_generate(policy, monkeypatch, shrink):
    monkeypatch.setattr(sampler, "SHRINK", shrink)
    ends = ends_of(policy)
    responses = greedy(policy, ends)
    rows, pad = prompts(), tokenizer().pad_token_id
    assert len({len(row) for row in rows}) > 2  # padded on the left
    width = max(map(len, rows))
    ids = torch.tensor([[pad] * (width - len(row)) + row for row in rows])
    attended = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    theirs = policy.generate(
        input_ids=ids, attention_mask=attended, max_new_tokens=14, do_sample=False, eos_token_id=ends, pad_token_id=pad
    )[:, width:].tolist()
    for row, theirs_row in zip(responses, theirs, strict=True):
        assert row == theirs_row[: len(row)]
        assert row[-1] in ends or len(row) == 14
        assert not set(row[:-1]) & set(ends)
        assert set(theirs_row[len(row) :]) <= {pad}
    assert len({len(row) for row in responses}) >= 3
    assert max(map(len, responses)) == 14


def test_each_greedy_response_is_that_of_its_prompt_alone(policy):
    ends = ends_of(policy)
    together = greedy(policy, ends)
    for prompt, row in zip(prompts(), together, strict=True):
        ids = list(prompt)
        for token in row:  # no cache, no padding
            assert int(policy(torch.tensor([ids])).logits[0, -1].argmax()) == token
            ids.append(token)


def test_padding_does_not_move_positions():
    # a model that knows absolute positions, where the tiny one only knows distances
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    gpt2 = GPT2LMHeadModel(
        GPT2Config(vocab_size=len(tokenizer()), n_embd=32, n_layer=2, n_head=2, n_positions=64)
    ).eval()
    with torch.no_grad():
        gpt2.transformer.wpe.weight.mul_(60)
    for prompt, row in zip(prompts(), greedy(gpt2, [-1]), strict=True):
        alone = sample_rows(gpt2, [prompt], max_new_tokens=14, eos_ids=[-1], pad_id=0, temperature=0.0)
        assert alone == [row]
        ids = torch.tensor([prompt + row[:-1]])
        assert gpt2(ids).logits[0, len(prompt) - 1 :].argmax(-1).tolist() == row


class Fixed(torch.nn.Module):
    """A policy whose next token never depends on anything."""

    def __init__(self, logits: list[float]):
        super().__init__()
        self.logits = torch.nn.Parameter(torch.tensor(logits))
        self.config = model().config

    def forward(self, input_ids, past_key_values, **_):
        from types import SimpleNamespace

        return SimpleNamespace(logits=self.logits.expand(len(input_ids), 1, -1))


LOGITS = [2.0, 1.0, 1.0, 0.0, -1.0, -3.0]


def sample_tokens(n: int, seed: int = 5, **settings) -> list[int]:
    generator = torch.Generator().manual_seed(seed)
    rows = sample_rows(
        Fixed(LOGITS), [[1]] * n, max_new_tokens=1, eos_ids=[99], pad_id=0, generator=generator, **settings
    )
    return [row[0] for row in rows]


def shares(logits, temperature=1.0, top_p=1.0, top_k=0) -> list[float]:
    """What each token is drawn with, in plain Python. All logits differ, or none is cut between equals."""
    weights = [math.exp(logit / temperature) for logit in logits]
    ranked = sorted(range(len(weights)), key=lambda token: -weights[token])
    if top_k:
        least = weights[ranked[min(top_k, len(ranked)) - 1]]
        ranked = [token for token in ranked if weights[token] >= least]
    total, nucleus, reached = sum(weights[token] for token in ranked), [], 0.0
    for token in ranked:
        if reached >= top_p:
            break
        nucleus.append(token)
        reached += weights[token] / total
    total = sum(weights[token] for token in nucleus)
    return [weights[token] / total if token in nucleus else 0.0 for token in range(len(weights))]


CRITICAL = {1: 10.83, 2: 13.82, 3: 16.27, 4: 18.47, 5: 20.52}
"""Chi-square by degrees of freedom, exceeded once in a thousand; the seed is fixed."""


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"temperature": 0.5},
        {"temperature": 2.0},
        {"top_k": 3},
        {"top_p": 0.9},
        {"top_p": 0.8, "top_k": 4, "temperature": 1.5},
    ],
)
def test_tokens_are_drawn_as_often_as_they_should(settings):
    n, expected = 4000, shares(LOGITS, **settings)
    tokens = sample_tokens(n, **settings)
    counts = [tokens.count(token) for token in range(len(LOGITS))]
    possible = [token for token in range(len(LOGITS)) if expected[token] > 0]
    assert sum(counts[token] for token in possible) == n
    distance = sum((counts[token] - n * expected[token]) ** 2 / (n * expected[token]) for token in possible)
    assert distance < CRITICAL[len(possible) - 1]


@given(
    st.lists(st.integers(-40, 40), min_size=2, max_size=12, unique=True),
    st.sampled_from([1.0, 0.95, 0.6, 0.3, 0.01]),
    st.integers(0, 13),
    st.sampled_from([0.5, 1.0, 1.7]),
)
def test_what_can_be_drawn_is_the_nucleus_of_the_likeliest(values, top_p, top_k, temperature):
    logits = [value / 10 for value in values]
    expected = shares(logits, temperature, top_p, top_k)
    whole = shares(logits, temperature, 1.0, top_k)
    assume(
        abs(sum(whole[token] for token in range(len(logits)) if expected[token] > 0) - top_p) > 1e-5
    )  # or rounding decides
    generator = torch.Generator().manual_seed(0)
    tokens = sampler.draw_tokens(torch.tensor(logits).expand(300, -1), temperature, top_p, top_k, generator)
    assert all(expected[token] > 0 for token in tokens.tolist())
    likely = {token for token in range(len(logits)) if expected[token] > 0.06}  # missed in 300 draws: 1e-8
    assert likely <= set(tokens.tolist())


def test_the_random_state_of_torch_is_left_alone(policy):
    before = torch.random.get_rng_state()
    first = greedy(policy, ends_of(policy), temperature=1.0, generator=torch.Generator().manual_seed(1))
    assert torch.equal(before, torch.random.get_rng_state())
    torch.rand(3)
    again = greedy(policy, ends_of(policy), temperature=1.0, generator=torch.Generator().manual_seed(1))
    reseeded = greedy(policy, ends_of(policy), temperature=1.0, generator=torch.Generator().manual_seed(2))
    assert first == again != reseeded


def test_without_a_generator_the_state_of_torch_decides(policy):
    responses = []
    for seed in (4, 4, 5):
        torch.manual_seed(seed)
        responses.append(greedy(policy, [-1], temperature=1.0))
    assert responses[0] == responses[1] != responses[2]


def test_a_response_may_end_with_its_first_token(policy):
    first = [row[0] for row in greedy(policy, [-1])]
    assert greedy(policy, first) == [[token] for token in first]
    assert greedy(policy, [-1], max_new_tokens=1) == [[token] for token in first]


@pytest.mark.parametrize("number", [0.0, 0.5, 1 - 2**-53], ids=["smallest", "middle", "largest"])
def test_the_ends_of_the_random_numbers_draw_tokens_that_can_be_drawn(monkeypatch, number):
    # token 0 and the last one have share 0, as their logits are minus infinity; .3 + .3 + .4 is no sum without rounding
    logits = torch.tensor([[-math.inf, math.log(0.3), math.log(0.3), math.log(0.4), -math.inf]])
    monkeypatch.setattr(torch, "rand", lambda *size, dtype, **_: torch.full(size, number, dtype=dtype))
    expected = {0.0: 1, 0.5: 2, 1 - 2**-53: 3}[number]
    assert sampler.draw_tokens(logits, 1.0, 1.0, 0, None).tolist() == [expected]


@pytest.mark.parametrize("capacity", [1, 3, 100])
def test_a_cache_in_a_buffer_holds_what_that_of_transformers_does(policy, capacity):
    from transformers import DynamicCache

    theirs, ours = DynamicCache(config=policy.config), make_cache(policy.config, capacity)
    generator = torch.Generator().manual_seed(0)
    for n_tokens, kept_rows in ((4, [0, 2, 3]), (1, None), (1, [2, 0]), (2, None)):
        n_rows = 5 if n_tokens == 4 else len(theirs.layers[0].keys)
        states = torch.rand(2, n_rows, 2, n_tokens, 8, generator=generator)
        for cache in (theirs, ours):
            keys, _ = cache.update(states[0], states[1], 0)
            assert keys.shape[-2] == cache.get_seq_length()
            if kept_rows is not None:
                cache.layers[0].batch_select_indices(torch.tensor(kept_rows))
        assert torch.equal(theirs.layers[0].keys, ours.layers[0].keys)
        assert torch.equal(theirs.layers[0].values, ours.layers[0].values)
