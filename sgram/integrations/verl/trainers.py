"""verl's trainers of version 1 with shaped advantages, by name: ``trainer.v1.trainer_mode=sgram_sync``."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType, ModuleType
from typing import Any

from sgram.errors import UsageError
from sgram.integrations.verl.row_shaping import RowBatch, RowShaper
from sgram.integrations.verl.settings import SECTION, VerlSettings, check_loss, find_section, read_settings

TRAINERS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "sgram_sync": ("PPOTrainerSync", "sync"),
        "sgram_colocate_async": ("PPOTrainerColocateAsync", "colocate_async"),
        "sgram_separate_async": ("PPOTrainerSeparateAsync", "separate_async"),
    }
)
"""Name of a trainer -> verl's class below it, and the mode that this class is of."""
_is_shaped_later: ContextVar[bool] = ContextVar("_is_shaped_later", default=False)


class ShapedAdvantages:
    """What a trainer of sgram adds to one of verl's: the advantages of `_compute_advantage` are shaped by a method.

    Raise `UsageError` when the trainer is made, if the settings do not fit.
    """

    verl_mode: str
    config: Any
    tokenizer: Any
    settings: VerlSettings
    row_shaper: RowShaper

    def __init__(self, config: Any) -> None:
        section = find_section(config.algorithm)
        if section is None:
            raise UsageError(f"trainer.v1.trainer_mode=sgram_{self.verl_mode} needs +{SECTION}.method=hicra")
        self.settings = read_settings(section, config.algorithm)
        check_loss(self.settings, config)
        # verl asks for the mode in many places, and takes each unknown name for an asynchronous one
        config.trainer.v1.trainer_mode = self.verl_mode
        parent: Any = super()
        parent.__init__(config)

    def _init_tokenizer(self) -> None:
        parent: Any = super()
        parent._init_tokenizer()
        self.row_shaper = RowShaper(self.settings, load_tokenizer(self.settings) or self.tokenizer)

    def _compute_advantage(self, batch: Any, metrics: dict[str, Any]) -> Any:
        import transfer_queue
        from verl.workers.utils.padding import response_to_nested

        parent: Any = super()
        with _shaped_later():
            batch = parent._compute_advantage(batch, metrics)
        fields = ["uid", "responses", "response_mask", "rm_scores", "advantages"]
        fields += ["entropy"] if self.settings.needs_entropies else []
        stored = transfer_queue.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=fields)
        nested_mask = stored["response_mask"]  # rows of different lengths
        rows = stored.to_padded_tensor()
        shaped, credit_metrics = self.row_shaper(
            RowBatch(
                token_ids=rows["responses"],
                response_mask=rows["response_mask"],
                advantages=rows["advantages"],
                groups=rows.get("uid").tolist(),
                rewards=rows["rm_scores"].sum(1),
                sessions=sessions_of(batch.keys) if self.config.algorithm.adv_estimator == "grpo" else None,
                entropies=rows["entropy"] if self.settings.needs_entropies else None,
            )
        )
        metrics.update(credit_metrics)
        stored["advantages"] = response_to_nested(shaped, nested_mask)
        return transfer_queue.kv_batch_put(
            keys=batch.keys, partition_id=batch.partition_id, fields=stored.select("advantages")
        )


def sessions_of(keys: list[str]) -> list[tuple[str, int]]:
    """Return session and number of each row. verl's keys are ``{uid}_{session}_{number}``.

    >>> sessions_of(["a1_0_0", "a1_0_1"])
    [('a1_0', 0), ('a1_0', 1)]
    """
    return [(session, int(number)) for session, _, number in (key.rpartition("_") for key in keys)]


def is_shaped_later() -> bool:
    """Return whether a trainer of sgram computes advantages just now, and shapes them itself."""
    return _is_shaped_later.get()


def register_trainers(trainers: ModuleType) -> None:
    """Register `TRAINERS` with verl; `trainers` is ``verl.trainer.ppo.v1``."""
    for name, (base_name, mode) in TRAINERS.items():
        base = getattr(trainers, base_name)
        trainers.register_trainer(name)(
            type(f"Shaped{base_name}", (ShapedAdvantages, base), {"verl_mode": mode, "__doc__": base.__doc__})
        )


@contextmanager
def _shaped_later() -> Iterator[None]:
    token = _is_shaped_later.set(True)
    try:
        yield
    finally:
        _is_shaped_later.reset(token)


def load_tokenizer(settings: VerlSettings) -> Any:
    """Return the tokenizer that the settings name, None if they name none."""
    if settings.tokenizer is None:
        return None
    from verl.utils import hf_tokenizer

    return hf_tokenizer(settings.tokenizer)
