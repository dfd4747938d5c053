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

Correction = Literal["none", "miller-madow", "chao-shen"]
CORRECTIONS = ("none", "miller-madow", "chao-shen")
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
    counts_or_labels: Mapping[Hashable, float] | Iterable[Any], base: float = math.e, correction: Correction = "none"
) -> float | None:
    """Shannon entropy of a frequency distribution of Strategic Grams or clusters (HICRA §2.2.2); None of nothing.

    H = -sum_g p(g) log p(g), p(g) = c(g) / sum c, the plug-in estimate. Counts are a mapping such as a `Counter`, or
    numbers in an array or list; other values are labels, each one occurrence. "miller-madow" adds (bins - 1) / (2 n)
    nats, the first term of the plug-in's bias (Miller 1955); "chao-shen" allows for labels that did not occur (Chao and
    Shen 2003) and needs whole counts. The paper states neither base nor bins: report both, as
    `measure_semantic_entropy` does. The order of counts does not matter.
    """
    return measure_semantic_entropy(counts_or_labels, base, correction).value


def measure_semantic_entropy(
    counts_or_labels: Mapping[Hashable, float] | Iterable[Any], base: float = math.e, correction: Correction = "none"
) -> SemanticEntropy:
    """`semantic_entropy` with its base, its number of occurrences and of bins."""
    check_base(base)
    if correction not in CORRECTIONS:
        raise UsageError(f"a correction is 'none', 'miller-madow' or 'chao-shen', not {correction!r:.80}")
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


def check_base(base: float) -> None:
    """`UsageError` unless `base` can be that of a logarithm of an entropy."""
    if not isinstance(base, int | float) or not 1 < base < math.inf:
        raise UsageError(f"the base of an entropy is a number above 1 (2 for bits, e for nats), not {base!r:.80}")


def _chao_shen(counts: list[float], n: int) -> float:
    """Nats: -sum C p log(C p) / (1 - (1 - C p)^n), with C = 1 - f1 / n the share of the distribution that was seen.

    f1 labels occurred once. Where all did, C would be 0 and nothing could be said, so f1 is taken for n - 1.
    """
    check_whole(counts)
    once = sum(count == 1 for count in counts)
    seen = 1 - (once if once < n else n - 1) / n
    shares = [seen * count / n for count in counts]
    if n == 1:  # one occurrence: C is 1, and the one label is all there is
        return 0.0
    return -math.fsum(p * math.log(p) / -math.expm1(n * math.log1p(-p)) for p in shares if p < 1)


def check_whole(counts: Iterable[float]) -> None:
    """`InputError` unless all counts are whole."""
    for count in counts:
        if count != int(count):
            raise InputError(f"this needs whole counts of occurrences, not {count!r:.80}")


def positive_counts(given: Mapping[Hashable, float] | Iterable[Any]) -> list[float]:
    """The counts above 0 of what `semantic_entropy` takes: of a mapping, of numbers, or of labels."""
    return [count for count in _counts(given) if count > 0]


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
    values, planning, response = token_arrays(entropies, planning_mask, response_mask)
    return TokenEntropy(_mean(values[response & planning]), _mean(values[response & ~planning]))


def token_arrays(
    entropies: Any, planning_mask: Any, response_mask: Any = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(entropies, planning tokens, response tokens) as arrays of one shape; `InputError` as for `token_entropy`."""
    values = _array(entropies, "entropies")
    planning = _mask(planning_mask, values, "the planning mask")
    response = (
        np.ones(values.shape, bool) if response_mask is None else _mask(response_mask, values, "the response mask")
    )
    if not np.isfinite(values[response]).all():
        raise InputError("the entropy of a response token is missing or not finite; mask out what was not measured")
    return values, planning, response


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
        raise UsageError(f"{what} must be an array of numbers with rows of equal length; pad the rows") from None


def _mask(mask: Any, like: np.ndarray, what: str) -> np.ndarray:
    flags = _array(mask, what) != 0
    if flags.shape != like.shape:
        raise UsageError(f"{what} is of shape {flags.shape}, the values of {like.shape}; give arrays of one shape")
    return flags


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if values.size else None
