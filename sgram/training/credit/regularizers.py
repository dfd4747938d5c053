"""Terms of a loss that keep a policy from becoming too certain: a uniform entropy bonus, and SIREN.

SIREN (2509.25133) takes the nucleus entropies of the positions at which a response is least certain, averages them and
holds the average near its value at the start. Functions take (B, T) tensors and return scalars with gradient, unless
they say otherwise.
"""

import math
from typing import TYPE_CHECKING

from sgram.errors import InputError
from sgram.training.credit.array_backend import ArrayBackend, check_number, check_shape

if TYPE_CHECKING:
    import torch


def entropy_bonus(entropies: "torch.Tensor", mask: "torch.Tensor") -> "torch.Tensor":
    """Return the mean entropy of the tokens in `mask`, 0 if it is empty. A loss subtracts it times a coefficient."""
    check_shape(mask, entropies.shape, "the mask", "the array of entropies")
    in_mask = mask != 0
    return _zero_outside(entropies, in_mask).sum() / in_mask.sum().clamp(min=1)


def peak_mask(entropies: "torch.Tensor", mask: "torch.Tensor", share: float = 0.2) -> "torch.Tensor":
    """Return (B, T) bool: tokens of `mask` whose entropy is above the (1 - share) quantile of their own response.

    SIREN's mask of peak entropy (2509.25133, Eq. 9 by its reviews). No gradient flows through it. The entropy must be
    strictly above: a response of one token, or of equal entropies, has no peak. Share 1 is the mask itself.
    """
    share = check_number(share, "the share of peaks", 0, 1, above=True)
    check_shape(mask, entropies.shape, "the mask", "the array of entropies")
    in_mask, constants = mask != 0, entropies.detach()
    if share == 1:
        return in_mask
    thresholds = ArrayBackend.of(constants).row_quantiles(constants, in_mask, 1 - share)
    peaks: torch.Tensor = (constants > thresholds[:, None]) & in_mask
    return peaks


def siren_entropy(entropies: "torch.Tensor", mask: "torch.Tensor", share: float = 0.2) -> "torch.Tensor":
    """Return the mean over responses of the mean entropy at their peaks (seq-mean-token-mean of the SIREN code).

    1/B sum_i [sum_t M_it H_it / sum_t M_it] with M the `peak_mask`. A response without a peak counts as 0. `entropies`
    are those of `nucleus_entropy`.
    """
    peaks = peak_mask(entropies, mask, share)
    means = _zero_outside(entropies, peaks).sum(1) / peaks.sum(1).clamp(min=1)  # (B,)
    return means.sum() / max(1, len(means))


def anchored_loss(entropy: "torch.Tensor", anchor: "float | torch.Tensor") -> "torch.Tensor":
    """Return (entropy - anchor)^2; the gradient flows through `entropy` alone.

    SIREN's self-anchored loss: the anchor is `siren_entropy` of the initial policy and constant. A loss adds it times a
    coefficient (0.005 in the paper). It pulls entropy back from above as well as from below. If a batch is split, each
    part is held to the anchor: the mean over the parts is not smaller than the loss of the whole. Raise `InputError` if
    the anchor is not finite.
    """
    if isinstance(anchor, int | float):
        if not math.isfinite(anchor):
            raise InputError(f"the anchor of the entropy is {anchor}; measure it on the initial policy first")
        return (entropy - anchor) ** 2
    return (entropy - anchor.detach()) ** 2


def _zero_outside(numbers: "torch.Tensor", mask: "torch.Tensor") -> "torch.Tensor":
    """Return `numbers` in `mask` and 0 elsewhere, also where a number is NaN."""
    return numbers.masked_fill(~mask, 0.0)
