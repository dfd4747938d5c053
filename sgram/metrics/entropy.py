"""Entropies of strategies and of next tokens, and perplexities.

Arrays may be numpy arrays, nested lists of equal length or torch tensors on any device.
"""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from sgram.array_types import BoolArray, FloatArray
from sgram.errors import InputError, UsageError

Correction = Literal["none", "miller-madow", "chao-shen"]
CORRECTIONS = ("none", "miller-madow", "chao-shen")
POSITIVE_LOGPROB = 0.01
"""Log-probabilities up to this count as rounded ones of certain tokens."""


@dataclass(frozen=True, slots=True)
class SemanticEntropy:
    """Shannon entropy of a frequency distribution, with the numbers needed to read it."""

    value: float | None
    """None if there is no occurrence."""
    n: float
    """Occurrences. The entropy of few occurrences is too low, so compare equal numbers."""
    n_bins: int
    """Different labels that occur."""
    base: float
    """Base of the logarithm: e for nats, 2 for bits."""
    correction: Correction


def semantic_entropy(
    counts_or_labels: Mapping[Any, float] | Iterable[Any], base: float = math.e, correction: Correction = "none"
) -> float | None:
    """Return the Shannon entropy of a frequency distribution of Strategic Grams or clusters (HICRA §2.2.2).

    H = -sum_g p(g) log p(g), p(g) = c(g) / sum c, the plug-in estimate; None if there is no occurrence. Counts are a
    mapping such as a `Counter`, or numbers in an array or list; anything else is labels, each one occurrence.
    "miller-madow" adds (bins - 1) / (2 n) nats, the first term of the plug-in's bias (Miller 1955). "chao-shen" allows
    for labels that did not occur (Chao and Shen 2003) and needs whole counts. The paper states neither base nor bins:
    report both, as `measure_semantic_entropy` does. The order of counts does not matter. Raise `InputError` for an
    invalid count, `UsageError` for an invalid base or correction.

    >>> semantic_entropy({"wait": 2, "let me": 1, "so": 1}, base=2)
    1.5
    """
    return measure_semantic_entropy(counts_or_labels, base, correction).value


def measure_semantic_entropy(
    counts_or_labels: Mapping[Any, float] | Iterable[Any], base: float = math.e, correction: Correction = "none"
) -> SemanticEntropy:
    """Return `semantic_entropy` with its base and its numbers of occurrences and bins.

    >>> entropy = measure_semantic_entropy(["wait", "so", "wait", "then"], base=2)
    >>> entropy.value, entropy.n, entropy.n_bins
    (1.5, 4.0, 3)
    """
    check_base(base)
    if correction not in CORRECTIONS:
        raise UsageError(f"the correction must be 'none', 'miller-madow' or 'chao-shen' (got {correction!r:.80})")
    counts = positive_counts(counts_or_labels)
    n = math.fsum(counts)
    if not counts:
        return SemanticEntropy(None, 0, 0, base, correction)
    if correction == "chao-shen":
        nats = _chao_shen(counts, int(n))
        return SemanticEntropy(max(0.0, nats) / math.log(base), n, len(counts), base, correction)
    nats = -math.fsum(count / n * math.log(count / n) for count in counts)
    if correction == "miller-madow":
        nats += (len(counts) - 1) / (2 * n)
    return SemanticEntropy(max(0.0, nats) / math.log(base), n, len(counts), base, correction)


def check_base(base: object) -> None:
    """Raise `UsageError` unless `base` is a valid base of the logarithm of an entropy."""
    if not isinstance(base, int | float) or not 1 < base < math.inf:
        raise UsageError(f"the base of an entropy must be a number > 1, 2 for bits, e for nats (got {base!r:.80})")


def _chao_shen(counts: list[float], n: int) -> float:
    """Return -sum C p log(C p) / (1 - (1 - C p)^n) nats, where C = 1 - f1 / n is the estimated coverage.

    f1 labels occurred once. If all did, C would be 0 and the estimate undefined, so f1 is set to n - 1.
    """
    check_whole_counts(counts)
    n_singletons = sum(count == 1 for count in counts)
    coverage = 1 - (n_singletons if n_singletons < n else n - 1) / n
    shares = [coverage * count / n for count in counts]
    if n == 1:  # one occurrence: C is 1 and there is one label
        return 0.0
    return -math.fsum(p * math.log(p) / -math.expm1(n * math.log1p(-p)) for p in shares if p < 1)


def check_whole_counts(counts: Iterable[float]) -> None:
    """Raise `InputError` unless all `counts` are whole numbers."""
    for count in counts:
        if count != int(count):
            raise InputError(f"a count must be a whole number of occurrences (got {count!r:.80})")


def positive_counts(counts_or_labels: Mapping[Any, float] | Iterable[Any]) -> list[float]:
    """Return the counts above 0 from the input of `semantic_entropy`: a mapping, numbers, or labels."""
    return [count for count in _counts(counts_or_labels) if count > 0]


def _counts(counts_or_labels: Any) -> list[float]:
    if isinstance(counts_or_labels, Mapping):
        counts = list(counts_or_labels.values())
    else:
        has_tolist = hasattr(counts_or_labels, "tolist")
        counts = counts_or_labels.tolist() if has_tolist else list(counts_or_labels)
        if not all(_is_number(label) for label in counts):
            counts = list(Counter(counts).values())
    for count in counts:
        if not _is_number(count) or not 0 <= count < math.inf:
            raise InputError(f"a count must be a number >= 0 (got {count!r:.80}); count occurrences")
    return [float(count) for count in counts]


def _is_number(label: Hashable) -> bool:
    return isinstance(label, int | float | np.number) and not isinstance(label, bool)


class TokenEntropy(NamedTuple):
    """Mean entropy of next-token distributions by class of token; None if the class has no token."""

    planning: float | None
    execution: float | None


def token_entropy(entropies: Any, planning_mask: Any, response_mask: Any = None) -> TokenEntropy:
    """Return the mean entropy of planning tokens and of execution tokens, in the unit of `entropies` (HICRA §2.2.1).

    The arrays have one shape, (T,) or (B, T). Every token has the same weight, whatever the length of its response.
    Execution tokens are all response tokens that are not planning tokens; without `response_mask` every token is a
    response token. Raise `InputError` if the entropy of a response token is missing or not finite, `UsageError` if
    shapes differ.

    >>> token_entropy([0.5, 1.0, 3.0], planning_mask=[1, 0, 0])
    TokenEntropy(planning=0.5, execution=2.0)
    """
    token_entropies, planning, response = token_arrays(entropies, planning_mask, response_mask)
    return TokenEntropy(_mean(token_entropies[response & planning]), _mean(token_entropies[response & ~planning]))


def token_arrays(
    entropies: Any, planning_mask: Any, response_mask: Any = None
) -> tuple[FloatArray, BoolArray, BoolArray]:
    """Return (entropies, planning tokens, response tokens) as arrays of one shape; errors as for `token_entropy`."""
    token_entropies = _as_floats(entropies, "entropies")
    planning = _as_mask(planning_mask, token_entropies, "the planning mask")
    if response_mask is None:
        response = np.ones(token_entropies.shape, bool)
    else:
        response = _as_mask(response_mask, token_entropies, "the response mask")
    if not np.isfinite(token_entropies[response]).all():
        raise InputError("the entropy of a response token is missing or not finite; mask out unmeasured tokens")
    return token_entropies, planning, response


def perplexity(logprobs: Any, mask: Any = None) -> float | None:
    """Return exp of the mean negative log-probability (natural) of the tokens in `mask`, or of all tokens.

    The arrays have one shape, (T,) or (B, T). None if there is no token. Raise `InputError` if a log-probability is
    missing or above 0, `UsageError` if shapes differ.

    >>> round(perplexity([math.log(1 / 2), math.log(1 / 8)]), 6)
    4.0
    """
    token_logprobs = _as_floats(logprobs, "log-probabilities")
    if mask is not None:
        token_logprobs = token_logprobs[_as_mask(mask, token_logprobs, "the mask")]
    if not (token_logprobs <= POSITIVE_LOGPROB).all():
        raise InputError(
            "a log-probability is missing or above 0; give natural logarithms of probabilities and mask out unmeasured "
            "tokens"
        )
    mean = _mean(token_logprobs)
    if mean is None:
        return None
    with np.errstate(over="ignore"):  # a perplexity too large for a float is infinite
        return float(np.exp(-mean))


def _as_floats(numbers: Any, name: str) -> FloatArray:
    """Return `numbers` as float64, None as NaN."""
    if hasattr(numbers, "detach"):  # a tensor, whose dtype numpy may not have
        numbers = numbers.detach().cpu().double().numpy()
    try:
        return np.asarray(numbers, np.float64)
    except (TypeError, ValueError):
        raise UsageError(f"{name} must be an array of numbers with rows of equal length; pad the rows") from None


def _as_mask(mask: Any, numbers: FloatArray, name: str) -> BoolArray:
    flags: BoolArray = _as_floats(mask, name) != 0
    if flags.shape != numbers.shape:
        raise UsageError(f"{name} has the shape {flags.shape}, the values have {numbers.shape}; give equal shapes")
    return flags


def _mean(numbers: FloatArray) -> float | None:
    return float(numbers.mean()) if numbers.size else None
