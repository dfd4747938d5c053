"""Entropy of the nucleus of a next-token distribution, as SIREN regularizes it. Knows nothing about responses.

SIREN (2509.25133): of the tokens in falling probability, the nucleus are those up to and including the one with which
their total reaches p; at least the top token is in it. (The authors' code leaves the crossing token out, which empties
the nucleus where the top token alone has p.) The probabilities are renormalized over the nucleus. Which tokens are in
it carries no gradient, their probabilities do. Entropies are in nats.
"""

from typing import TYPE_CHECKING

from sgram.training.credit.array_backend import number_in

if TYPE_CHECKING:
    import torch

TOP_P = 0.8
HEAD = 64
"""Likeliest tokens that a nucleus is looked for in, before a whole vocabulary is sorted, which takes far longer."""
_SLACK = 1e-4
"""Sums of the head are taken for too small up to here, lest a rounding tell them from the sums of the whole."""


def nucleus_entropy(logits: "torch.Tensor", top_p: float = TOP_P) -> "torch.Tensor":
    """(...) entropy of softmax(logits), (..., V), renormalized over its nucleus.

    Half precision is worked out in float32. With `top_p` 1 it is the entropy of the whole distribution. Of equally
    likely tokens at the edge the first are in.
    """
    return _nucleus_entropy(logits, number_in(top_p, "top_p", 0, 1, above=True))


def _nucleus_entropy(logits: "torch.Tensor", top_p: float) -> "torch.Tensor":
    logits = logits if logits.element_size() >= 4 else logits.float()
    outside = ~_nucleus(logits.detach(), top_p)
    log_q = logits.masked_fill(outside, float("-inf")).log_softmax(-1)  # (..., V) renormalized
    return -(log_q.exp() * log_q.masked_fill(outside, 0.0)).sum(-1)


def _nucleus(logits: "torch.Tensor", top_p: float) -> "torch.Tensor":
    """(..., V) bool: the nucleus."""
    possible = logits > float("-inf")
    if top_p >= 1:
        return possible
    probabilities = logits.softmax(-1).reshape(-1, logits.shape[-1])  # (N, V)
    head = probabilities.topk(min(HEAD, logits.shape[-1])).values
    edge, size = _edge(head, top_p)
    longer = head.sum(-1) < top_p + _SLACK
    if longer.any():
        edge[longer], size[longer] = _edge(probabilities[longer].sort(descending=True).values, top_p)
    inside = probabilities >= edge[:, None]
    tied = inside.sum(-1) > size
    if tied.any():
        inside[tied] = _without_later_ties(probabilities[tied], edge[tied, None], size[tied, None])
    return inside.view_as(possible) & possible


def _edge(ranked: "torch.Tensor", top_p: float) -> "tuple[torch.Tensor, torch.Tensor]":
    """(N,) the probability with which rows of falling probabilities reach `top_p`, and how many it takes."""
    size = (ranked.cumsum(-1)[:, :-1] < top_p).sum(-1) + 1
    return ranked.gather(1, size[:, None] - 1)[:, 0], size


def _without_later_ties(probabilities: "torch.Tensor", edge: "torch.Tensor", size: "torch.Tensor") -> "torch.Tensor":
    """(N, V) bool: the `size` likeliest tokens, of those with the probability `edge` the first."""
    above, equal = probabilities > edge, probabilities == edge
    return above | (equal & (equal.cumsum(-1) <= size - above.sum(-1, keepdim=True)))


def nucleus_entropy_of_hidden(
    hidden: "torch.Tensor",
    weight: "torch.Tensor",
    bias: "torch.Tensor | None" = None,
    temperature: float = 1.0,
    top_p: float = TOP_P,
    chunk_tokens: int = 1024,
) -> "torch.Tensor":
    """(N,) `nucleus_entropy` of the logits (hidden @ weight.T + bias) / temperature, without ever holding them all.

    `hidden` is (N, H), `weight` (V, H), `bias` (V,). Logits are made for `chunk_tokens` tokens at a time and made again
    in the backward pass, so memory grows with chunk_tokens * V and not with N * V. Values and gradients are those of
    `nucleus_entropy` on all logits.
    """
    import torch
    from torch.utils.checkpoint import checkpoint

    temperature = number_in(temperature, "the temperature", 0, above=True)
    top_p = number_in(top_p, "top_p", 0, 1, above=True)
    size = int(number_in(chunk_tokens, "the number of tokens in a chunk", 1))

    def entropy(some: "torch.Tensor", matrix: "torch.Tensor", offset: "torch.Tensor | None") -> "torch.Tensor":
        return _nucleus_entropy(torch.nn.functional.linear(some, matrix, offset) / temperature, top_p)

    parts = [
        checkpoint(entropy, some, weight, bias, use_reentrant=False, preserve_rng_state=False)
        for some in hidden.split(size)
    ]
    return torch.cat(parts)
