"""Terms of a loss that keep a policy from becoming too sure: a uniform bonus, SIREN. Knows nothing about models.

SIREN (2509.25133): the nucleus entropies of the positions where a response is least sure, averaged, are held near the
value that they had at the start. (B, T) tensors in, scalars with gradient out, except where it is said that none flows.
"""

import math
from typing import TYPE_CHECKING

from sgram.errors import InputError
from sgram.training.credit.array_backend import Space, number_in, same_shape
from sgram.training.credit.nucleus import nucleus_entropy, nucleus_entropy_of_hidden

if TYPE_CHECKING:
    import torch

__all__ = [
    "anchored_loss",
    "entropy_bonus",
    "nucleus_entropy",
    "nucleus_entropy_of_hidden",
    "peak_mask",
    "siren_entropy",
]


def entropy_bonus(entropies: "torch.Tensor", mask: "torch.Tensor") -> "torch.Tensor":
    """Mean entropy of the tokens in `mask`, 0 where there is none; a loss subtracts it times a coefficient."""
    same_shape(mask, entropies.shape, "the mask", "the array of entropies")
    chosen = mask != 0
    return _only(entropies, chosen).sum() / chosen.sum().clamp(min=1)


def peak_mask(entropies: "torch.Tensor", mask: "torch.Tensor", share: float = 0.2) -> "torch.Tensor":
    """(B, T) bool: tokens of `mask` whose entropy is above the (1 - share) quantile of their own response.

    SIREN's mask of peak entropy (2509.25133, Eq. 9 by its reviews). No gradient flows through it. Strictly above: a
    response of one token, or of tokens that are all equally unsure, has no peak. Share 1 is the mask itself.
    """
    share = number_in(share, "the share of peaks", 0, 1, above=True)
    same_shape(mask, entropies.shape, "the mask", "the array of entropies")
    chosen, values = mask != 0, entropies.detach()
    if share == 1:
        return chosen
    return (values > Space.of(values).row_quantiles(values, chosen, 1 - share)[:, None]) & chosen


def siren_entropy(entropies: "torch.Tensor", mask: "torch.Tensor", share: float = 0.2) -> "torch.Tensor":
    """Mean over responses of the mean entropy at their peaks (seq-mean-token-mean of the SIREN authors' code).

    1/B sum_i [sum_t M_it H_it / sum_t M_it] with M the `peak_mask`; a response without a peak counts 0. `entropies`
    are those of `nucleus_entropy`.
    """
    peaks = peak_mask(entropies, mask, share)
    means = _only(entropies, peaks).sum(1) / peaks.sum(1).clamp(min=1)  # (B,)
    return means.sum() / max(1, len(means))


def anchored_loss(entropy: "torch.Tensor", anchor: "float | torch.Tensor") -> "torch.Tensor":
    """(entropy - anchor)^2; the gradient flows through `entropy` alone.

    SIREN's self-anchored loss: the anchor is `siren_entropy` of the initial policy and constant. A loss adds it times a
    coefficient (0.005 in the paper). It pulls entropy back from above as well as from below. Where a batch is split,
    each part is held to the anchor: the mean over the parts is not smaller than the loss of the whole.
    """
    if isinstance(anchor, int | float):
        if not math.isfinite(anchor):
            raise InputError(f"the anchor of the entropy is {anchor}; measure it on the initial policy first")
        return (entropy - anchor) ** 2
    return (entropy - anchor.detach()) ** 2


def _only(values: "torch.Tensor", chosen: "torch.Tensor") -> "torch.Tensor":
    """`values` where `chosen`, 0 elsewhere, whatever stands there."""
    return values.masked_fill(~chosen, 0.0)
