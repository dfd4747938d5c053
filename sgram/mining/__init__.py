"""Mining a lexicon from traces: count, choose candidates, score, embed, cluster, select.

Public names load lazily, so that the sentence encoder can be loaded while the rest of this package is imported.
"""

from importlib import import_module
from typing import Any

_MODULES = {
    "Background": "score",
    "ContrastScorer": "score",
    "Miner": "miner",
    "MiningConfig": "config",
    "Resources": "config",
    "Scorer": "score",
    "mine": "miner",
}
__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'sgram.mining' has no attribute {name!r}")
    return getattr(import_module(f"sgram.mining.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
