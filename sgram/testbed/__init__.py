"""The built-in testbed: a task of word problems, and a tiny policy that has learned to talk about them.

Names load what they need when first used. Knows nothing about learning by reward.
"""

from importlib import import_module

_HOMES = {
    "PRESETS": "task",
    "Testbed": "task",
    "TestbedConfig": "problems",
    "Solver": "solver",
    "make_tokenizer": "tokenizer",
    "WarmUpConfig": "warmup",
    "warm_up": "warmup",
    "warm_policy": "policy",
    "load_policy": "policy",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'sgram.testbed' has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
