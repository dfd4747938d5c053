"""What is logged of a step about planning and execution tokens. Knows nothing about TRL or how a step is made."""

from collections import Counter
from collections.abc import Sequence

import torch

from sgram.metrics import maj_at_k, pass_at_k, semantic_entropy

_SUMS = ("tokens", "entropy", "advantage", "magnitude", "logprob")


class ClassSums:
    """Sums over planning and over execution tokens, micro-batch by micro-batch, until a step is logged."""

    def __init__(self):
        self._sums: torch.Tensor | None = None

    def add(
        self,
        planning: torch.Tensor,
        mask: torch.Tensor,
        entropies: torch.Tensor,
        advantages: torch.Tensor,
        logps: torch.Tensor,
    ) -> None:
        """Add the tokens of a micro-batch, all (B, T); nothing is copied to the host."""
        values = torch.stack([torch.ones_like(entropies), entropies, advantages, advantages.abs(), logps]).detach()
        kinds = torch.stack([planning & mask, ~planning & mask])  # (2, B, T)
        kept = torch.where(kinds[:, None], values[None].double(), 0.0)
        sums = kept.sum(dim=(-2, -1))  # (2, 5)
        self._sums = sums if self._sums is None else self._sums + sums

    def take(self, reduce) -> dict[str, float]:
        """Means since the last call, over all processes (`reduce` adds up a tensor over them)."""
        if self._sums is None:
            return {}
        sums, self._sums = reduce(self._sums), None
        named = [dict(zip(_SUMS, row, strict=True)) for row in sums.tolist()]
        total = sum(each["tokens"] for each in named)
        found = {"planning/share": named[0]["tokens"] / total} if total else {}
        for kind, each in zip(("planning", "execution"), named, strict=True):
            if each["tokens"]:
                for name in ("entropy", "advantage", "magnitude"):
                    found[f"{kind}/{name}"] = each[name] / each["tokens"]
                found[f"{kind}/nll"] = -each["logprob"] / each["tokens"]
        return found


def success_metrics(correct: Sequence[bool | None], answers: Sequence[str | None], k: int) -> dict[str, float]:
    """pass@1, pass@k and maj@k over groups of `k` rows that follow each other.

    Groups with a response that could not be judged are left out; maj@k is given where answers are known.
    """
    groups = [list(correct[start : start + k]) for start in range(0, len(correct), k)]
    known = [number for number, group in enumerate(groups) if None not in group]
    if not known:
        return {}
    right = [sum(groups[number]) for number in known]
    found = {"pass@1": sum(right) / (k * len(known))}
    if k > 1:
        found[f"pass@{k}"] = sum(float(pass_at_k(k, each, k)) for each in right) / len(known)
        if any(answer is not None for answer in answers):
            votes = [maj_at_k(answers[number * k : number * k + k], groups[number], k=k) for number in known]
            found[f"maj@{k}"] = sum(votes) / len(votes)
    return found


def error_shares(correct: Sequence[bool | None], errors: Sequence[str | None]) -> dict[str, float]:
    """Share of each kind of error among the responses that were judged; empty where no kind is known."""
    judged = [error for right, error in zip(correct, errors, strict=True) if right is not None]
    if not any(judged):
        return {}
    counts = Counter(error for error in judged if error is not None)
    return {f"error/{kind}": counts[kind] / len(judged) for kind in ("strategic", "procedural", "format")}


def gram_entropy(labels: Counter) -> dict[str, float]:
    """Semantic entropy (nats) of the grams found in a step's responses, and how many were found."""
    if not labels:
        return {}
    return {"semantic_entropy": float(semantic_entropy(labels)), "grams": float(sum(labels.values()))}
