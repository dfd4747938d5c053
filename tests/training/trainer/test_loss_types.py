"""Advantages that differ inside a response act in every loss of TRL as its formula says, token by token."""

import inspect
import re

import pytest
import torch
from transformers import AutoModelForCausalLM
from trl import GRPOTrainer

from sgram.errors import UsageError
from sgram.training import HICRATrainer
from sgram.training.credit.method import Method
from sgram.training.trainer.loss_reduction import LOSS_TYPES
from tests.builders.tiny_policy import config, lexicon, model, problems, reward, tokenizer, trainer

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")

LEVELS = ("token", "sequence")
MAX_TOKENS = 12
NARROW = {"epsilon": 0.025, "epsilon_high": 0.03}  # ratios of whole responses stay near 1, and some must be clipped
LOSS_SETTINGS = dict.fromkeys(("grpo", "bnpo", "dr_grpo", "dapo", "luspo"), NARROW) | {
    "cispo": {"epsilon_high": 1.01},  # TRL's cispo takes the bound of the ratio itself
    "sapo": {},
    "vespo": {},
}


class Witness(HICRATrainer):
    """Stores batch, weights and gradient of every micro-batch of the loss."""

    def __init__(self, *args, **named):
        super().__init__(*args, **named)
        self.seen = []

    def _compute_loss(self, model, inputs):
        batch = {name: value.clone() for name, value in inputs.items() if isinstance(value, torch.Tensor)}
        state = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        loss = super()._compute_loss(model, inputs)
        gradients = torch.autograd.grad(loss, list(self.model.parameters()), retain_graph=True)
        self.seen.append((batch, state, torch.cat([gradient.flatten() for gradient in gradients])))
        return loss


def policy(directory):
    """An untrained policy whose responses end at every eighth token id, so that their lengths differ."""
    model(width=32).save_pretrained(directory / "start")
    untrained = AutoModelForCausalLM.from_pretrained(directory / "start")  # it has a name, to find a reference by
    untrained.generation_config.eos_token_id = [tokenizer().eos_token_id, *range(10, len(tokenizer()), 8)]
    return untrained


def witnessed(directory, **settings):
    """Train three iterations over one batch of 8 responses, and return what the loss was given, and its gradients."""
    defaults = {
        "per_device_train_batch_size": 8,
        "gradient_accumulation_steps": 1,
        "num_iterations": 3,
        "max_steps": 3,
        "learning_rate": 3e-4,
        "alpha": 0.5,
        "max_completion_length": MAX_TOKENS,
    }
    ours = Witness(
        policy(directory),
        reward,
        config(directory, **{**defaults, **settings}),
        train_dataset=problems(),
        processing_class=tokenizer(),
        lexicon=lexicon(),
    )
    ours.train()
    assert len(ours.seen) == 3
    assert len(set(ours.seen[0][0]["completion_mask"].sum(1).tolist())) > 2
    return ours.seen


def forward(batch, state):
    """(weights, (B, T, V) log-probabilities at the response tokens), from a plain forward pass."""
    current = model(width=32)
    current.load_state_dict(state)
    ids = torch.cat((batch["prompt_ids"], batch["completion_ids"]), 1)
    attended = torch.cat((batch["prompt_mask"], batch["completion_mask"]), 1)
    width = batch["completion_ids"].shape[1]
    logits = current(input_ids=ids, attention_mask=attended).logits[:, -width - 1 : -1]
    return list(current.parameters()), logits.log_softmax(-1)


def token_logps(batch, state):
    """(weights, (B, T) log-probabilities of the response tokens)."""
    parameters, logps = forward(batch, state)
    return parameters, logps.gather(-1, batch["completion_ids"][..., None])[..., 0]


def slopes(loss_type, ratio, advantages, whole, settings):
    """(B, T) derivative of a token's loss by its log-probability, from the formulas of the papers.

    `ratio` is (B, T), of tokens or of the whole response; its derivative by the token's log-probability is itself.
    `whole` is (B, 1), the product of the token ratios.
    """
    if loss_type == "cispo":  # 2506.13585: the ratio, bounded above, is a constant weight
        return -ratio.clamp(max=settings["epsilon_high"]) * advantages
    if loss_type == "sapo":  # 2511.20347: f = 4 sigmoid(tau (r - 1)) / tau, so f' = 4 sigmoid (1 - sigmoid)
        tau = torch.where(advantages > 0, 1.0, 1.05)
        gate = torch.sigmoid(tau * (ratio - 1))
        return -4 * gate * (1 - gate) * ratio * advantages
    if loss_type == "vespo":  # 2602.10693: phi(w) = e^lambda w^k e^(-lambda w) is a constant weight
        power, rate = torch.where(advantages >= 0, 2.0, 3.0), torch.where(advantages >= 0, 3.0, 2.0)
        return -(rate + power * whole.log() - rate * whole).exp() * advantages
    low, high = 1 - settings["epsilon"], 1 + settings["epsilon_high"]
    is_clipped = ((advantages > 0) & (ratio > high)) | ((advantages < 0) & (ratio < low))
    if "delta" in settings:  # 2505.07291: penalties are bounded above
        is_clipped |= (advantages < 0) & (ratio > settings["delta"])
    return -torch.where(is_clipped, 0.0, ratio * advantages)


def shares(loss_type, mask):
    """(B, 1) factor of a token's loss in TRL's scalar; all responses are in one micro-batch."""
    lengths, n_rows = mask.sum(1, keepdim=True), len(mask)
    return {
        "grpo": 1 / (n_rows * lengths),
        "sapo": 1 / (n_rows * lengths),
        "bnpo": 1 / mask.sum(),
        "dapo": 1 / mask.sum(),
        "cispo": 1 / mask.sum(),
        "vespo": 1 / mask.sum(),
        "dr_grpo": torch.tensor(1 / (n_rows * MAX_TOKENS)),
        "luspo": torch.tensor(1 / n_rows),
    }[loss_type]


def check(seen, loss_type, level, settings, kept=None, beta=0.0):
    """Compare the gradients of all iterations with those by hand; `kept` selects (B, T) tokens of the loss."""
    with torch.no_grad():
        _, old = token_logps(*seen[0][:2])
    clipped = []
    for batch, state, gradient in seen:
        mask = batch["completion_mask"].float()
        advantages = batch["advantages"]
        advantages = advantages[:, None].expand(mask.shape) if advantages.dim() == 1 else advantages
        parameters, logps = token_logps(batch, state)
        log_ratio = (logps.detach() - old) * mask
        whole = log_ratio.sum(1, keepdim=True).exp()
        ratio = log_ratio.exp()
        if level == "sequence":  # the geometric mean of a response's token ratios, at each of its tokens
            ratio = (log_ratio.sum(1, keepdim=True) / mask.sum(1, keepdim=True)).exp().expand(mask.shape)
        slope = slopes(loss_type, ratio, advantages, whole, settings)
        clipped.append((slope == 0) & (advantages != 0) & mask.bool())
        slope = slope if kept is None else slope * kept(batch, state)
        if beta:  # d/dlogp of r k with k = e^(ref - logp) - (ref - logp) - 1: the start policy is the reference
            gap = old - logps.detach()
            divergence = gap.exp() - gap - 1
            slope = slope + beta * ratio * (divergence + 1 - gap.exp())
        loss = (slope * shares(loss_type, mask) * mask * logps).sum()
        expected = torch.cat([part.flatten() for part in torch.autograd.grad(loss, parameters)])
        assert (gradient - expected).norm() < 1e-4 * expected.norm()
        assert expected.norm() > 1e-4
    assert not clipped[0].any()  # on policy
    return clipped


def test_every_loss_and_level_of_trl_is_known():
    # Read from TRL's own source: a new one fails here until its formula is in this file
    source = inspect.getsource(inspect.unwrap(GRPOTrainer._compute_loss))
    compared = re.findall(r'self\.loss_type == "(\w+)"', source) + re.findall(r"self\.loss_type in \[([^]]*)\]", source)
    names = {name.strip(' "') for group in compared for name in group.split(",")}
    assert names == set(LOSS_TYPES) == set(LOSS_SETTINGS)
    assert set(re.findall(r'importance_sampling_level == "(\w+)"', source)) == set(LEVELS)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("loss_type", LOSS_TYPES)
def test_the_gradient_is_that_of_the_formula(tmp_path, loss_type, level):
    settings = LOSS_SETTINGS[loss_type]
    seen = witnessed(tmp_path, loss_type=loss_type, importance_sampling_level=level, **settings)
    for batch, *_ in seen:  # planning tokens of a response with A < 0 have A / 2, the others A
        mask = batch["completion_mask"].bool()
        assert any(len(row[in_row].unique()) == 2 for row, in_row in zip(batch["advantages"], mask, strict=True))
    clipped = check(seen, loss_type, level, settings)
    if "epsilon" in settings:
        assert torch.stack(clipped).any()
        assert not clipped[-1][seen[-1][0]["completion_mask"].bool()].all()


@pytest.mark.parametrize("loss_type", ["grpo", "luspo"])
def test_a_method_without_tokens_keeps_the_ratio_of_trl(tmp_path, loss_type):
    # Where all tokens of a response have one advantage, the sum over tokens is the gradient of the sequence's ratio
    settings = {**NARROW, "method": "grpo", "importance_sampling_level": "sequence"}
    seen = witnessed(tmp_path, loss_type=loss_type, **settings)
    assert seen[0][0]["advantages"].dim() == 1
    check(seen, loss_type, "sequence", NARROW)


@pytest.mark.parametrize("level", LEVELS)
def test_two_sided_clipping_and_the_divergence_from_a_reference_weigh_tokens(tmp_path, level):
    settings = {**NARROW, "delta": 1.035}  # above 1 + epsilon_high
    more = {"beta": 0.3, "use_bias_correction_kl": True}
    seen = witnessed(tmp_path, loss_type="grpo", importance_sampling_level=level, **settings, **more)
    check(seen, "grpo", level, settings, beta=0.3)


def test_a_method_that_acts_in_the_loss_acts_with_the_ratio_of_the_response_too(tmp_path):
    # `later` drops the advantages of every second token, in the loss; the batch that TRL was given has A alone
    def every_second(batch, settings):
        return batch.advantages * (torch.arange(batch.response_mask.shape[1]) % 2 == 0)

    later = Method("later", "every second token", "this test", at_update=every_second)
    settings = {**NARROW, "method": later, "importance_sampling_level": "sequence"}
    seen = witnessed(tmp_path, loss_type="grpo", **settings)
    assert (seen[0][0]["advantages"] == seen[0][0]["advantages"][:, :1]).all()
    check(
        seen,
        "grpo",
        "sequence",
        NARROW,
        kept=lambda batch, state: torch.arange(batch["completion_ids"].shape[1]) % 2 == 0,
    )


@pytest.mark.parametrize("level", LEVELS)
def test_tokens_of_high_entropy_alone_are_trained_on(tmp_path, level):
    # TRL's top_entropy_quantile: the upper half of the entropies of the current policy
    seen = witnessed(tmp_path, loss_type="dapo", importance_sampling_level=level, top_entropy_quantile=0.5, **NARROW)

    def is_high(batch, state):
        with torch.no_grad():
            _, logps = forward(batch, state)
        entropies = -(logps.exp() * logps).sum(-1)
        return entropies >= entropies[batch["completion_mask"].bool()].quantile(0.5)

    check(seen, "dapo", level, NARROW, kept=is_high)


def test_responses_that_are_off_the_policy_lose_their_negative_advantages(tmp_path):
    # TRL's off_policy_mask_threshold: where the mean of log(old / current) is above it, tokens with A < 0 are dropped
    seen = witnessed(
        tmp_path, loss_type="grpo", importance_sampling_level="sequence", off_policy_mask_threshold=0.002, **NARROW
    )
    with torch.no_grad():
        _, old = token_logps(*seen[0][:2])
    dropped = []

    def is_kept(batch, state):
        mask = batch["completion_mask"].float()
        with torch.no_grad():
            _, logps = token_logps(batch, state)
        distance = ((old - logps) * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True)
        kept = (batch["advantages"] >= 0) | (distance <= 0.002)
        dropped.append(~kept & mask.bool())
        return kept

    check(seen, "grpo", "sequence", NARROW, kept=is_kept)
    assert dropped[-1].any()


def test_a_response_without_a_token_that_counts_is_no_number_nowhere(tmp_path):
    # mask_truncated_completions empties the mask of every response that has no end
    settings = {"importance_sampling_level": "sequence", "mask_truncated_completions": True}
    seen = witnessed(tmp_path, loss_type="grpo", **settings, **NARROW)
    assert seen[0][0]["completion_mask"].sum(1).min() == 0
    for _, _, gradient in seen:
        assert gradient.isfinite().all()
        assert gradient.norm() > 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"method": "clip-cov", "importance_sampling_level": "sequence"},
            r"method clip-cov reads which tokens .* clips",
        ),
        ({"method": "clip-cov", "loss_type": "cispo"}, "use token and one of grpo, bnpo, dr_grpo, dapo, luspo"),
        ({"method": "clip-cov", "loss_type": "sapo"}, "loss_type sapo it clips otherwise"),
        ({"method": "kl-cov", "loss_type": "luspo"}, "kl-cov adds to per-token losses"),
        ({"loss_type": "newest"}, "method hicra weights single tokens, and whether loss_type newest does is unknown"),
        ({"importance_sampling_level": "group"}, r"importance_sampling_level must be token or sequence \(got group\)"),
    ],
)
def test_what_would_not_act_as_the_method_says_is_refused_in_a_sentence(tmp_path, settings, message):
    with pytest.raises(UsageError, match=message):
        trainer(tmp_path, **settings)
