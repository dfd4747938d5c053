"""Training with credit on planning tokens, and the controls that any claim about planning tokens needs.

`credit` computes advantages from arrays, `trainer` puts them into TRL, `tasks` holds problems and judges of responses,
`experiments` runs and compares whole training runs, and `models` loads language models.

Public names load lazily; `sgram.training.credit.advantages` needs numpy alone.
"""

from importlib import import_module
from typing import Any

_MODULES = {
    "HICRAConfig": "trainer.config",
    "HICRATrainer": "trainer.trainer",
    "METHODS": "credit.registry",
    "CreditBatch": "credit.method",
    "Method": "credit.method",
    "RunConfig": "experiments.run_config",
    "calibrated_rewards": "evolve.rewards",
    "difficulty": "evolve.rewards",
    "group_advantages": "credit.advantages",
    "hicra_advantages": "credit.advantages",
    "judge_rewards": "evolve.rewards",
    "proposer_rewards": "evolve.rewards",
    "register_method": "credit.registry",
    "role_advantages": "credit.role_advantages",
    "shape_advantages": "credit.shaping",
    "solver_rewards": "evolve.rewards",
    "unregister_method": "credit.registry",
    "train": "experiments.run",
}
__all__ = sorted(_MODULES)
_OPTIONAL_LIBRARIES = ("trl", "transformers", "accelerate", "datasets", "torch")


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'sgram.training' has no attribute {name!r}")
    try:
        return getattr(import_module(f"sgram.training.{_MODULES[name]}"), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _OPTIONAL_LIBRARIES:
            raise
        from sgram.errors import MissingExtraError

        raise MissingExtraError(f"{name} needs {error.name}: pip install 'sgram[train]'") from error


def __dir__() -> list[str]:
    return __all__
