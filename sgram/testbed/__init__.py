"""The built-in testbed: word problems with known truth, and a tiny policy warmed up to write responses to them.

Public names load their module at first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sgram.testbed.policy import load_policy as load_policy
    from sgram.testbed.policy import warm_policy as warm_policy
    from sgram.testbed.problems import TestbedConfig as TestbedConfig
    from sgram.testbed.solver import Solver as Solver
    from sgram.testbed.task import PRESETS as PRESETS
    from sgram.testbed.task import Testbed as Testbed
    from sgram.testbed.tokenizer import make_tokenizer as make_tokenizer
    from sgram.testbed.two_step_config import TwoStepConfig as TwoStepConfig
    from sgram.testbed.warmup import warm_up as warm_up
    from sgram.testbed.warmup_config import WarmUpConfig as WarmUpConfig

_MODULE_OF = {
    "PRESETS": "task",
    "Testbed": "task",
    "TestbedConfig": "problems",
    "Solver": "solver",
    "make_tokenizer": "tokenizer",
    "TwoStepConfig": "two_step_config",
    "WarmUpConfig": "warmup_config",
    "warm_up": "warmup",
    "warm_policy": "policy",
    "load_policy": "policy",
}
__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'sgram.testbed' has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return __all__
