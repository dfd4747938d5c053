"""Sequence-level importance sampling for advantages that differ between the tokens of a response.

TRL's sequence-level ratio is one number s a response, the geometric mean of the ratios of its tokens. Its gradient is
the same for every token, so that advantages per token act by their mean alone: a mask without effect. The ratio of
GSPO-token (2507.18071, section 4.3) has the value of s at every token and the gradient of that token:
s_t = sg[s] pi_t / sg[pi_t], where sg stops gradients. If all advantages of a response are equal, both give the same
gradient.
"""

from typing import TYPE_CHECKING

from sgram.training.credit.method import Method
from sgram.training.trainer.loss_reduction import LOSS_TYPES

if TYPE_CHECKING:
    import torch

_OWN_RATIOS = ("vespo",)
"""TRL's `loss_type` values that weight log-probabilities by a ratio of their own, whatever the level."""
CLIPPED_LOSSES = ("grpo", "bnpo", "dr_grpo", "dapo", "luspo")
"""TRL's `loss_type` values that clip the ratio to 1 - epsilon ... 1 + epsilon_high."""


def weights_tokens(method: Method) -> bool:
    """Return whether advantages of the method may differ between the tokens of a response.

    >>> from sgram.training.credit.registry import METHODS
    >>> weights_tokens(METHODS["hicra"]), weights_tokens(METHODS["grpo"])
    (True, False)
    """
    return method.at_rollout is not None or method.at_update is not None


def takes_token_ratio(method: Method, loss_type: str, importance_sampling_level: str) -> bool:
    """Return whether the loss needs the ratio of GSPO-token in place of TRL's."""
    return importance_sampling_level == "sequence" and loss_type not in _OWN_RATIOS and weights_tokens(method)


def find_token_obstacle(method: Method, loss_type: str, importance_sampling_level: str) -> str | None:
    """Return why advantages per token would not act as the method says, and what to do; None if they do."""
    if not weights_tokens(method):
        return None
    if loss_type not in LOSS_TYPES:
        return (
            f"method {method.name} weights single tokens, and whether loss_type {loss_type} does is unknown: use one "
            f"of {', '.join(LOSS_TYPES)}"
        )
    compares_ratios = method.at_update is not None and "old_logps" in method.needs
    if compares_ratios and (importance_sampling_level == "sequence" or loss_type not in CLIPPED_LOSSES):
        return (
            f"method {method.name} reads which tokens the loss clips by their own ratio, and with "
            f"importance_sampling_level {importance_sampling_level} and loss_type {loss_type} it clips otherwise: use "
            f"token and one of {', '.join(CLIPPED_LOSSES)}"
        )
    return None


def gspo_token_old_logps(
    logps: "torch.Tensor", old_logps: "torch.Tensor | None", response_mask: "torch.Tensor"
) -> "torch.Tensor":
    """Return (B, T) old log-probabilities with which ``exp(logps - old)`` is the ratio of GSPO-token.

    `logps` and `old_logps` are (B, T), `response_mask` is (B, T) bool; without `old_logps`, the policy is the one that
    sampled. At least float32, without gradient. The mean over a response of ``old - logps`` stays what it was.

    >>> import torch
    >>> logps = torch.tensor([[-1.0, -2.0, -9.0]], requires_grad=True)
    >>> old = gspo_token_old_logps(logps, torch.tensor([[-1.5, -2.5, 0.0]]), torch.tensor([[True, True, False]]))
    >>> (logps - old).detach()  # the mean log-ratio of the two tokens of the response
    tensor([[0.5000, 0.5000, 0.5000]])
    """
    constant = logps.detach().float()
    if old_logps is None:
        return constant
    log_ratios = (constant - old_logps.float()) * response_mask
    means = log_ratios.sum(-1, keepdim=True) / response_mask.sum(-1, keepdim=True).clamp(min=1)
    shifted: torch.Tensor = constant - means
    return shifted
