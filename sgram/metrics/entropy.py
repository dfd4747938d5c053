"""How spread out strategies and next tokens are. Knows nothing about traces, lexicons or where the numbers come from.

Arrays may be numpy arrays, nested lists of equal length or torch tensors on any device.
"""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from sgram.errors import InputError, UsageError

Correction = Literal["none", "miller-madow"]
POSITIVE_LOGPROB = 0.01
"""Log-probabilities up to this are taken for rounded ones of sure tokens."""


@dataclass(frozen=True, slots=True)
class SemanticEntropy:
    """Shannon entropy of a frequency distribution, with what is needed to read it."""

    value: float | None
    """None where nothing was counted."""
    n: float
    """Occurrences: the entropy of few is too low, so compare equal numbers."""
    n_bins: int
    """Different labels that occur."""
    base: float
    """Of the logarithm: e for nats, 2 for bits."""
    correction: Correction


def semantic_entropy(
    counts_or_labels: Mapping[Hashable, float] | Iterable[Any],
    base: float = math.e,
    correction: Correction = "none",
) -> float | None:
    """Shannon entropy of a frequency distribution of Strategic Grams or clusters (HICRA §2.2.2); None of nothing.

    H = -sum_g p(g) log p(g), p(g) = c(g) / sum c, the plug-in estimate. Counts are a mapping such as a `Counter`, or
    numbers in an array or list; other values are labels, each one occurrence. "miller-madow" adds (bins - 1) / (2 n)
    nats, the first term of the plug-in's bias (Miller 1955). The paper states neither base nor bins: report both, as
    `measure_semantic_entropy` does. The order of counts does not matter.
    """
    return measure_semantic_entropy(counts_or_labels, base, correction).value


def measure_semantic_entropy(
    counts_or_labels: Mapping[Hashable, float] | Iterable[Any],
    base: float = math.e,
    correction: Correction = "none",
) -> SemanticEntropy:
    """`semantic_entropy` with its base, its number of occurrences and of bins."""
    if correction not in ("none", "miller-madow"):
        raise UsageError(f"a correction is 'none' or 'miller-madow', not {correction!r:.80}")
    if not isinstance(base, int | float) or not 1 < base < math.inf:
        raise UsageError(
            f"the base of an entropy is a number above 1 (2 for bits, e for nats), not {base!r:.80}"
        )
    counts = [count for count in _counts(counts_or_labels) if count > 0]
    n = math.fsum(counts)
    if not counts:
        return SemanticEntropy(None, 0, 0, base, correction)
    nats = -math.fsum(count / n * math.log(count / n) for count in counts)
    if correction == "miller-madow":
        nats += (len(counts) - 1) / (2 * n)
    return SemanticEntropy(max(0.0, nats) / math.log(base), n, len(counts), base, correction)


def _counts(given: Any) -> list[float]:
    if isinstance(given, Mapping):
        values = list(given.values())
    else:
        values = given.tolist() if hasattr(given, "tolist") else list(given)
        if not all(_is_number(value) for value in values):
            values = list(Counter(values).values())
    for value in values:
        if not _is_number(value) or not 0 <= value < math.inf:
            raise InputError(f"a count is a number of at least 0, not {value!r:.80}; count occurrences")
    return [float(value) for value in values]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


class TokenEntropy(NamedTuple):
    """Mean entropy of next-token distributions by class of token; None where there is no token of the class."""

    planning: float | None
    execution: float | None


def token_entropy(entropies: Any, planning_mask: Any, response_mask: Any = None) -> TokenEntropy:
    """Mean entropy of planning tokens and of execution tokens, in the unit of `entropies` (HICRA §2.2.1).

    Arrays of one shape, (T,) or (B, T); every token weighs the same, whatever the length of its response. Execution
    tokens are all response tokens that are not planning tokens; without `response_mask` every token is a response
    token. `InputError` where the entropy of a response token is missing or not finite.
    """
    values = _array(entropies, "entropies")
    planning = _mask(planning_mask, values, "the planning mask")
    response = (
        np.ones(values.shape, bool)
        if response_mask is None
        else _mask(response_mask, values, "the response mask")
    )
    if not np.isfinite(values[response]).all():
        raise InputError(
            "the entropy of a response token is missing or not finite; mask out what was not measured"
        )
    return TokenEntropy(_mean(values[response & planning]), _mean(values[response & ~planning]))


def perplexity(logprobs: Any, mask: Any = None) -> float | None:
    """exp of the mean negative log-probability (natural) of the tokens in `mask`, or of all; None where there is none.

    Arrays of one shape, (T,) or (B, T). `InputError` where a log-probability is missing or above 0.
    """
    values = _array(logprobs, "log-probabilities")
    values = values[np.ones(values.shape, bool) if mask is None else _mask(mask, values, "the mask")]
    if not (values <= POSITIVE_LOGPROB).all():
        raise InputError(
            "a log-probability is missing or above 0; give natural logarithms of probabilities, and mask out what was "
            "not measured"
        )
    mean = _mean(values)
    if mean is None:
        return None
    with np.errstate(over="ignore"):  # then it is infinite
        return float(np.exp(-mean))


def _array(values: Any, what: str) -> np.ndarray:
    """As float64, None as NaN."""
    if hasattr(values, "detach"):  # a tensor, of a type that numpy may not know
        values = values.detach().cpu().double().numpy()
    try:
        return np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise UsageError(
            f"{what} must be an array of numbers with rows of equal length; pad the rows"
        ) from None


def _mask(mask: Any, like: np.ndarray, what: str) -> np.ndarray:
    flags = _array(mask, what) != 0
    if flags.shape != like.shape:
        raise UsageError(
            f"{what} is of shape {flags.shape}, the values of {like.shape}; give arrays of one shape"
        )
    return flags


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if values.size else None
