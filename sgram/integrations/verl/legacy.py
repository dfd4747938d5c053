"""verl's trainers that only call ``compute_advantage``: the deprecated one, and the experimental ones made from it.

Their estimators get no token ids, but the batch of ``compute_advantage`` holds the responses, so this function is
wrapped. The wrapper also refuses ``algorithm.sgram`` in a trainer of version 1 that would not shape anything.
"""

from collections.abc import Callable
from functools import wraps
from inspect import signature
from types import ModuleType
from typing import Any

from sgram.errors import UsageError
from sgram.files import canonical_json
from sgram.integrations.verl.settings import SECTION, check_loss, find_section, read_settings


def wrap_compute_advantage(trainer: ModuleType) -> None:
    """Replace ``compute_advantage`` of ``verl.trainer.ppo.ray_trainer`` by one that reads ``algorithm.sgram``."""
    trainer.compute_advantage = shaping(trainer.compute_advantage)  # type: ignore[attr-defined]


def shaping(compute_advantage: Callable[..., Any]) -> Callable[..., Any]:
    """Return `compute_advantage` with advantages shaped by the settings of its argument ``config``, if it has any.

    The function raises `UsageError` if the method cannot be carried, or if the batch has no responses.
    """
    shapers: dict[bytes, Any] = {}  # settings -> row shaper, which takes seconds to make
    parameters = signature(compute_advantage)

    @wraps(compute_advantage)
    def compute_shaped(*args: Any, **named: Any) -> Any:
        batch = compute_advantage(*args, **named)
        algorithm = parameters.bind(*args, **named).arguments.get("config")
        section = find_section(algorithm)
        if section is None:
            return batch
        from sgram.integrations.verl.trainers import TRAINERS, is_shaped_later

        if is_shaped_later():
            return batch
        if "responses" not in batch.batch:
            raise UsageError(
                f"{SECTION} is set, but the trainer is one of verl's own: set trainer.v1.trainer_mode to one of "
                f"{', '.join(TRAINERS)}"
            )
        key = canonical_json(section)
        if key not in shapers:
            shapers[key] = _make_shaper(section, algorithm)
        from sgram.integrations.verl.row_shaping import RowBatch

        rows = batch.batch
        rows["advantages"], _ = shapers[key](
            RowBatch(
                token_ids=rows["responses"],
                response_mask=rows["response_mask"],
                advantages=rows["advantages"],
                groups=batch.non_tensor_batch["uid"].tolist(),
                rewards=rows["token_level_scores"].sum(1),
            )
        )
        return batch

    return compute_shaped


def _make_shaper(section: dict[str, Any], algorithm: Any) -> Any:
    """Return the row shaper of the settings. Raise `UsageError` for what these trainers cannot give."""
    settings = read_settings(section, algorithm)
    get_root = getattr(algorithm, "_get_root", None)  # OmegaConf's: the whole configuration
    check_loss(settings, {} if get_root is None else get_root())
    if settings.needs_entropies:
        raise UsageError(
            f"method {settings.method.name} reads entropies, which this trainer drops before it computes advantages: "
            "use trainer.use_v1=True with trainer.v1.trainer_mode=sgram_sync, or another method"
        )
    if settings.lexicon is not None and settings.tokenizer is None:
        raise UsageError(
            "this trainer does not hand over its tokenizer: add "
            f"+{SECTION}.tokenizer='${{actor_rollout_ref.model.path}}', or use trainer.use_v1=True with "
            "trainer.v1.trainer_mode=sgram_sync"
        )
    from sgram.integrations.verl.row_shaping import RowShaper
    from sgram.integrations.verl.trainers import load_tokenizer

    return RowShaper(settings, load_tokenizer(settings))
