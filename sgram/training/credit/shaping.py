"""`shape_advantages`: advantages by a credit method, for any trainer."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from sgram.errors import UsageError
from sgram.training.credit.advantages import long_response_mask, rewards_as_floats
from sgram.training.credit.array_backend import (
    Array,
    ArrayBackend,
    ArrayLike,
    check_shape,
    constant_entropies,
    expand_to_tokens,
)
from sgram.training.credit.method import LOSS_FIELDS, CreditBatch, Method, MethodSettings, TokenRule
from sgram.training.credit.registry import find_method

_HINTS = {
    "token_ids": "pass the sampled ids",
    "rewards": "pass rewards=, one number a response",
    "entropies": "pass entropies=, (B, T) of the policy in nats",
}


def shape_advantages(
    advantages: ArrayLike,
    token_ids: Any,
    response_mask: ArrayLike,
    groups: Any,
    tagger: "Callable[[Any, Any], Any] | ArrayLike | None",
    method: str | Method,
    *,
    alpha: float = 0.2,
    rewards: Any = None,
    entropies: Any = None,
    **options: float,
) -> tuple[Array, dict[str, float]]:
    """Return the (B, T) advantages of a credit method, and what it did to them as metrics.

    - `advantages`: (B,), or (B, T) as trainers expand them; see `group_advantages`. A tensor gives a tensor on its
      device and of its type, anything else numpy float64.
    - `token_ids`: (B, T) as sampled, padded; None if neither tagger nor method reads them.
    - `response_mask`: (B, T), true for the tokens that are trained on.
    - `groups`: (B,) keys; rows of one prompt have one key, wherever they are. Pass every row of a group.
    - `tagger`: a `PlanningTagger`, any function of ids and mask that returns a mask, or the (B, T) mask itself; None
      for methods without a mask. The placebo methods need the mask of a placebo.
    - `method`: a name of `METHODS`, of a registered or installed method, or a `Method`.
    - `rewards`: (B,), None or NaN if missing. `entropies`: (B, T) nats of the policy that sampled the tokens, for
      methods that read those of the current policy in a trainer: they are equal at the first update of a batch.
    - `options`: other fields of `MethodSettings`.

    Tokens outside the response keep their advantage. Metrics are ``credit/share`` (of the response tokens, those that
    `tagger` marks), ``credit/changed`` (those whose advantage the method changed) and ``credit/norm_ratio`` (L2 norm of
    the advantages, over that of the given ones). Raise `UsageError` if the method acts in a loss, or if what it needs
    is missing.

    >>> from sgram import Lexicon, PlanningTagger
    >>> tagger = PlanningTagger(Lexicon.from_grams(["let me"]), [b"let", b" me", b" add", b"4"])
    >>> ids, mask = [[0, 1, 2], [3, 2, 3]], [[1, 1, 1], [1, 1, 0]]
    >>> token_advantages, metrics = shape_advantages([1.0, -1.0], ids, mask, ["p", "p"], tagger, "hicra", alpha=0.5)
    >>> token_advantages
    array([[ 1.5,  1.5,  1. ],
           [-1. , -1. , -1. ]])
    >>> metrics["credit/share"]
    0.4
    """
    credit_method = find_method(method)
    settings = MethodSettings.from_mapping({"alpha": alpha, **options}, f"shape_advantages with {credit_method.name}")
    _check_method(credit_method)
    backend = ArrayBackend.of(advantages)
    mask = backend.to_bools(response_mask, "the response mask")
    plain_advantages = backend.to_floats(advantages, "advantages")
    token_advantages = expand_to_tokens(backend, plain_advantages, mask)
    batch = CreditBatch(
        advantages=plain_advantages,
        credit_mask=_credit_mask(credit_method, tagger, token_ids, response_mask, backend, mask),
        response_mask=mask,
        groups=groups,
        token_ids=_token_ids(token_ids, backend, mask),
        rewards=None if rewards is None else backend.to_floats(rewards_as_floats(rewards), "rewards"),
        entropies=None if entropies is None else constant_entropies(backend, entropies, mask),
        is_long=None if credit_method.at_update is None else long_response_mask(mask, groups),
    )
    check_needs(credit_method, batch, "shape_advantages")
    shaped: Array = rollout_advantages(credit_method, batch, settings)
    shaped = update_advantages(credit_method, replace(batch, advantages=shaped), settings)
    return shaped, _metrics(token_advantages, shaped, batch, backend)


def rollout_advantages(method: Method, batch: CreditBatch, settings: MethodSettings) -> Any:
    """Return the (B, T) advantages of `Method.at_rollout`; the given ones, expanded, if the method has none.

    Raise `UsageError` if the method returns another shape.
    """
    if method.at_rollout is None:
        return expand_to_tokens(ArrayBackend.of(batch.advantages), batch.advantages, batch.response_mask)
    return _apply(method, "at_rollout", method.at_rollout, batch, settings)


def update_advantages(method: Method, batch: CreditBatch, settings: MethodSettings) -> Any:
    """Return the (B, T) advantages of `Method.at_update`; the given ones if the method has none.

    Raise `UsageError` if the method returns another shape.
    """
    if method.at_update is None:
        return batch.advantages
    return _apply(method, "at_update", method.at_update, batch, settings)


def check_needs(method: Method, batch: CreditBatch, where: str) -> None:
    """Raise `UsageError` if `batch` lacks a field that the method needs; the message names both and `where`."""
    for name in method.needs:
        if getattr(batch, name) is None:
            hint = _HINTS.get(name, f"no caller of {where} can give it: use another method, or a trainer that has it")
            raise UsageError(f"method {method.name} needs {name}, which {where} was not given: {hint}")


def check_known_when_sampled(method: Method, trainer: str) -> None:
    """Raise `UsageError` if a method reads what `trainer` knows in the loss alone, but acts only before it."""
    if method.at_rollout is None or method.acts_in_loss:
        return
    for name in method.needs:
        if name in LOSS_FIELDS:
            raise UsageError(
                f"method {method.name} needs {name} in at_rollout, which {trainer} knows in the loss alone: read it in "
                "at_update"
            )


def _check_method(method: Method) -> None:
    """Raise `UsageError` if the method is not one of advantages alone."""
    if method.penalty != "none":
        raise UsageError(
            f"method {method.name} adds a term to the loss, which shape_advantages cannot: use HICRATrainer, or a "
            "method of advantages"
        )
    if method.loss is not None or method.scale_rewards is not None:
        raise UsageError(
            f"method {method.name} prescribes the trainer's loss and the scale of rewards, which shape_advantages "
            'cannot set: set them there (group_advantages(..., scale="none")), and use method grpo'
        )


def _token_ids(token_ids: Any, backend: ArrayBackend, mask: Any) -> Any:
    """Return the (B, T) token ids as integers of the backend; None if there are none."""
    if token_ids is None:
        return None
    integers = backend.to_integers(token_ids, "token ids")
    check_shape(integers, mask.shape, "the array of token ids", "the response mask")
    return integers


def _credit_mask(
    method: Method, tagger: Any, token_ids: Any, response_mask: ArrayLike, backend: ArrayBackend, mask: Any
) -> Any:
    """Return the (B, T) tokens that `tagger` marks, none without a tagger."""
    if tagger is None:
        if method.mask != "none":
            raise UsageError(f"method {method.name} gives credit to planning tokens: pass a tagger or a mask")
        return mask & False
    if not callable(tagger):
        marked = backend.to_bools(tagger, "the mask of credit")
    elif method.mask.startswith("placebo") and hasattr(tagger, "lexicon"):
        raise UsageError(
            f"method {method.name} gives credit to tokens of a placebo, but the tagger marks planning tokens: pass the "
            "mask of a placebo (sgram.training.trainer.placebo.draw_placebo)"
        )
    else:
        marked = backend.to_bools(tagger(token_ids, response_mask), "the mask of the tagger")
    check_shape(marked, mask.shape, "the mask of credit", "the response mask")
    return marked


def _apply(method: Method, stage: str, rule: TokenRule, batch: CreditBatch, settings: MethodSettings) -> Any:
    shaped = rule(batch, settings)
    shape, expected = tuple(getattr(shaped, "shape", ())), tuple(batch.response_mask.shape)
    if shape == expected:
        return shaped
    if shape == expected[:1]:
        return expand_to_tokens(ArrayBackend.of(batch.advantages), shaped, batch.response_mask)
    raise UsageError(
        f"{stage} of method {method.name} returned {type(shaped).__name__} of shape {shape}, but the batch has shape "
        f"{expected}; return one advantage a token or a response"
    )


def _metrics(plain: Any, shaped: Any, batch: CreditBatch, backend: ArrayBackend) -> dict[str, float]:
    mask = batch.response_mask
    before, after, credited = plain[mask], shaped[mask], batch.credit_mask[mask]
    n_tokens = len(before)
    if not n_tokens:
        return {}
    sums = [credited.sum(), (before != after).sum(), (before * before).sum(), (after * after).sum()]
    if backend.xp is not np:
        sums = backend.xp.stack([total.float() for total in sums]).tolist()  # one copy to the host
    n_credited, n_changed, plain_squares, shaped_squares = map(float, sums)
    metrics = {"credit/share": n_credited / n_tokens, "credit/changed": n_changed / n_tokens}
    if plain_squares > 0:
        metrics["credit/norm_ratio"] = math.sqrt(shaped_squares / plain_squares)
    return metrics
