"""Measures of rollouts, pure functions of numbers: entropies, success. Knows nothing but errors."""

from sgram.metrics.entropy import (
    SemanticEntropy,
    TokenEntropy,
    measure_semantic_entropy,
    perplexity,
    semantic_entropy,
    token_entropy,
)
from sgram.metrics.success import maj_at_k, pass_at_k

__all__ = [
    "SemanticEntropy", "TokenEntropy", "maj_at_k", "measure_semantic_entropy", "pass_at_k", "perplexity",
    "semantic_entropy", "token_entropy",
]  # fmt: skip
