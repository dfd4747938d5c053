"""Entropy of the nucleus of a next-token distribution, which SIREN regularizes.

SIREN (2509.25133): with tokens sorted by falling probability, the nucleus holds the tokens up to and including the one
with which their total reaches p; it always holds the top token. (The authors' code leaves the crossing token out, which
empties the nucleus if the top token alone has p.) The probabilities are renormalized over the nucleus. The choice of
the nucleus carries no gradient, the probabilities do. Entropies are in nats.
"""

from typing import TYPE_CHECKING

from sgram.training.credit.array_backend import check_number

if TYPE_CHECKING:
    import torch

TOP_P = 0.8
HEAD = 64
"""Number of likeliest tokens in which a nucleus is searched before the whole vocabulary is sorted (far slower)."""
_SLACK = 1e-4
"""A head with less than p plus this slack counts as too small, so that its rounding cannot differ from the whole's."""


def nucleus_entropy(logits: "torch.Tensor", top_p: float = TOP_P) -> "torch.Tensor":
    """Return the (...) entropy of softmax(logits) for logits (..., V), renormalized over its nucleus.

    Half precision is computed in float32. With ``top_p=1`` it is the entropy of the whole distribution. Between equally
    likely tokens at the edge of the nucleus the first ones are in it. Raise `UsageError` unless 0 < `top_p` <= 1.
    """
    return _nucleus_entropy(logits, check_number(top_p, "top_p", 0, 1, above=True))


def _nucleus_entropy(logits: "torch.Tensor", top_p: float) -> "torch.Tensor":
    logits = logits if logits.element_size() >= 4 else logits.float()
    outside = ~_nucleus_mask(logits.detach(), top_p)
    log_q = logits.masked_fill(outside, float("-inf")).log_softmax(-1)  # (..., V) renormalized
    return -(log_q.exp() * log_q.masked_fill(outside, 0.0)).sum(-1)


def _nucleus_mask(logits: "torch.Tensor", top_p: float) -> "torch.Tensor":
    """Return (..., V) bool: the nucleus."""
    is_possible = logits > float("-inf")
    if top_p >= 1:
        return is_possible
    probabilities = logits.softmax(-1).reshape(-1, logits.shape[-1])  # (N, V)
    head = probabilities.topk(min(HEAD, logits.shape[-1])).values
    edge, size = _nucleus_edge(head, top_p)
    exceeds_head = head.sum(-1) < top_p + _SLACK
    if exceeds_head.any():
        ranked = probabilities[exceeds_head].sort(descending=True).values
        edge[exceeds_head], size[exceeds_head] = _nucleus_edge(ranked, top_p)
    inside = probabilities >= edge[:, None]
    has_ties = inside.sum(-1) > size
    if has_ties.any():
        inside[has_ties] = _drop_later_ties(probabilities[has_ties], edge[has_ties, None], size[has_ties, None])
    return inside.view_as(is_possible) & is_possible


def _nucleus_edge(ranked: "torch.Tensor", top_p: float) -> "tuple[torch.Tensor, torch.Tensor]":
    """Return the (N,) probabilities with which rows of falling probabilities reach `top_p`, and the nucleus sizes."""
    size = (ranked.cumsum(-1)[:, :-1] < top_p).sum(-1) + 1
    return ranked.gather(1, size[:, None] - 1)[:, 0], size


def _drop_later_ties(probabilities: "torch.Tensor", edge: "torch.Tensor", size: "torch.Tensor") -> "torch.Tensor":
    """Return (N, V) bool: the `size` likeliest tokens; of those with the probability `edge`, the first ones."""
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
    """Return the (N,) `nucleus_entropy` of the logits (hidden @ weight.T + bias) / temperature, chunk by chunk.

    `hidden` is (N, H), `weight` (V, H), `bias` (V,). The logits of `chunk_tokens` tokens are computed at a time and
    recomputed in the backward pass, so memory grows with chunk_tokens * V, not with N * V. Values and gradients equal
    those of `nucleus_entropy` on all logits.
    """
    import torch
    from torch.utils.checkpoint import checkpoint

    temperature = check_number(temperature, "the temperature", 0, above=True)
    top_p = check_number(top_p, "top_p", 0, 1, above=True)
    size = int(check_number(chunk_tokens, "the number of tokens in a chunk", 1))

    def chunk_entropy(chunk: torch.Tensor, matrix: torch.Tensor, offset: torch.Tensor | None) -> torch.Tensor:
        return _nucleus_entropy(torch.nn.functional.linear(chunk, matrix, offset) / temperature, top_p)

    parts = [
        checkpoint(chunk_entropy, chunk, weight, bias, use_reentrant=False, preserve_rng_state=False)
        for chunk in hidden.split(size)
    ]
    return torch.cat(parts)
