"""Training with credit on planning tokens, and the controls that tell whether it was they. Knows nothing about HTML.

Names load what they need when first used; `sgram.training.credit.advantages` needs numpy alone.
"""

from importlib import import_module

_HOMES = {
    "HICRAConfig": "trainer.config",
    "HICRATrainer": "trainer.trainer",
    "METHODS": "credit.registry",
    "RunConfig": "experiments.run_config",
    "group_advantages": "credit.advantages",
    "hicra_advantages": "credit.advantages",
    "train": "experiments.run",
}
__all__ = sorted(_HOMES)
_NEEDS = ("trl", "transformers", "accelerate", "datasets", "torch")


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'sgram.training' has no attribute {name!r}")
    try:
        return getattr(import_module(f"sgram.training.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _NEEDS:
            raise
        from sgram.errors import MissingExtraError

        raise MissingExtraError(f"{name} needs {error.name}: pip install 'sgram[train]'") from error


def __dir__() -> list[str]:
    return __all__
