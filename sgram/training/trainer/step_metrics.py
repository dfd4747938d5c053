"""Metrics logged at each step: means over planning and execution tokens, success, error kinds, semantic entropy."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import torch

from sgram.errors import UsageError
from sgram.files import excerpt
from sgram.grading.outcome import ERROR_KINDS, ErrorKind
from sgram.metrics import maj_at_k, pass_at_k, semantic_entropy

_SUMS = ("tokens", "entropy", "advantage", "magnitude", "logprob")


class TokenClassSums:
    """Running sums over planning tokens and over execution tokens, from one log to the next."""

    def __init__(self) -> None:
        self._sums: torch.Tensor | None = None

    def add(
        self,
        planning_mask: torch.Tensor,
        response_mask: torch.Tensor,
        entropies: torch.Tensor,
        advantages: torch.Tensor,
        logps: torch.Tensor,
    ) -> None:
        """Add the tokens of a micro-batch, all arrays (B, T); nothing is copied to the host."""
        quantities = torch.stack([torch.ones_like(entropies), entropies, advantages, advantages.abs(), logps]).detach()
        classes = torch.stack([planning_mask & response_mask, ~planning_mask & response_mask])  # (2, B, T)
        masked = torch.where(classes[:, None], quantities[None].double(), 0.0)
        sums = masked.sum(dim=(-2, -1))  # (2, 5)
        self._sums = sums if self._sums is None else self._sums + sums

    def take(self, reduce: Callable[[torch.Tensor], torch.Tensor]) -> dict[str, float]:
        """Return the means since the last call, over all processes (`reduce` sums a tensor over them)."""
        if self._sums is None:
            return {}
        sums, self._sums = reduce(self._sums), None
        sums_by_class = [dict(zip(_SUMS, row, strict=True)) for row in sums.tolist()]
        n_tokens = sum(class_sums["tokens"] for class_sums in sums_by_class)
        metrics = {"planning/share": sums_by_class[0]["tokens"] / n_tokens} if n_tokens else {}
        for token_class, class_sums in zip(("planning", "execution"), sums_by_class, strict=True):
            if class_sums["tokens"]:
                for name in ("entropy", "advantage", "magnitude"):
                    metrics[f"{token_class}/{name}"] = class_sums[name] / class_sums["tokens"]
                metrics[f"{token_class}/nll"] = -class_sums["logprob"] / class_sums["tokens"]
        return metrics


def success_metrics(correct: Sequence[bool | None], answers: Sequence[str | None], k: int) -> dict[str, float]:
    """Return pass@1, pass@k and maj@k over groups of `k` consecutive rows.

    A group with a response that could not be judged is left out. maj@k needs answers.

    >>> success_metrics([True, False, False, False], [None] * 4, 2)
    {'pass@1': 0.25, 'pass@2': 0.5}
    """
    groups = [list(correct[start : start + k]) for start in range(0, len(correct), k)]
    judged_groups = [
        (index, [is_correct for is_correct in group if is_correct is not None])
        for index, group in enumerate(groups)
        if None not in group
    ]
    if not judged_groups:
        return {}
    n_correct = [sum(group) for _, group in judged_groups]
    metrics = {"pass@1": sum(n_correct) / (k * len(judged_groups))}
    if k > 1:
        metrics[f"pass@{k}"] = sum(float(pass_at_k(k, count, k)) for count in n_correct) / len(judged_groups)
        if any(answer is not None for answer in answers):
            votes = [maj_at_k(answers[index * k : index * k + k], group, k=k) for index, group in judged_groups]
            metrics[f"maj@{k}"] = sum(votes) / len(votes)
    return metrics


def error_shares(
    correct: Sequence[bool | None], errors: Sequence[str | None], kinds: Collection[ErrorKind] | None
) -> dict[str, float | None]:
    """Return the share of each error kind among the judged responses.

    It is None for kinds that are not among the recognized `kinds`, and for all if nothing was judged. `kinds` is None
    if the task does not declare them (`Task.error_kinds`). Raise `UsageError` if it does and `errors` has another kind.

    >>> error_shares([True, False, None], [None, "format", None], {"format"})
    {'strategic': None, 'procedural': None, 'format': 0.5}
    """
    judged_errors = [error for is_correct, error in zip(correct, errors, strict=True) if is_correct is not None]
    undeclared = sorted({error for error in judged_errors if error is not None and error not in (kinds or ())})
    if undeclared and kinds is not None:
        raise UsageError(
            f"the task reports the error kind {excerpt(undeclared[0], 40)!r}, but its error_kinds are "
            f"{', '.join(sorted(kinds)) or 'empty'}; declare every kind that the task can recognize"
        )
    if not judged_errors:
        return dict.fromkeys(ERROR_KINDS)
    counts = Counter(judged_errors)
    return {kind: counts[kind] / len(judged_errors) if kind in (kinds or ()) else None for kind in ERROR_KINDS}


def gram_entropy(gram_counts: Counter[str]) -> dict[str, float]:
    """Return the semantic entropy (nats) of the grams in a step's responses, and their number.

    >>> gram_entropy(Counter({"wait": 2}))
    {'semantic_entropy': 0.0, 'grams': 2.0}
    """
    entropy = semantic_entropy(gram_counts) if gram_counts else None
    if entropy is None:
        return {}
    return {"semantic_entropy": float(entropy), "grams": float(sum(gram_counts.values()))}


def detail_shares(details: Iterable[Mapping[str, bool]]) -> dict[str, float]:
    """Return the share of true values of each detail, among the responses whose outcome has it.

    >>> detail_shares([{"right_method": True}, {"right_method": False, "right_execution": True}])
    {'right_method': 0.5, 'right_execution': 1.0}
    """
    values: dict[str, list[bool]] = {}
    for outcome_details in details:
        for name, is_true in outcome_details.items():
            values.setdefault(name, []).append(is_true)
    return {name: sum(flags) / len(flags) for name, flags in values.items()}
