"""The plug-in of verl: importing this module prepares verl's trainers for ``algorithm.sgram``.

verl imports the entry points of the group ``verl.plugins`` in each of its processes, also in workers that never train,
and hides the errors of those that fail. Therefore nothing of verl is imported here. An import hook waits for the two
modules of verl that have to know sgram, and logs an error where it does not fit them.
"""

import logging
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import MappingProxyType, ModuleType
from typing import Any

MODULES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "verl.trainer.ppo.ray_trainer": ("sgram.integrations.verl.legacy", "wrap_compute_advantage"),
        "verl.trainer.ppo.v1": ("sgram.integrations.verl.trainers", "register_trainers"),
    }
)
"""Module of verl -> module and function of sgram that gets it when it has been imported."""
_LOGGER = logging.getLogger(__name__)


class ImportHook(MetaPathFinder):
    """A finder of `MODULES` that calls their function once they are imported."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the usual spec of a module of `MODULES`, with a loader that calls its function; None for others."""
        if fullname not in MODULES:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None:
            return None
        loader: Any = spec.loader  # made for this import alone
        execute = loader.exec_module

        def execute_and_prepare(module: ModuleType) -> None:
            execute(module)
            prepare(module)

        loader.exec_module = execute_and_prepare
        return spec


def prepare(module: ModuleType) -> None:
    """Call the function that `MODULES` names for a module of verl; an error is logged, because verl works without."""
    place, function = MODULES[module.__name__]
    try:
        getattr(import_module(place), function)(module)
    except Exception:  # any change of verl; verl then refuses the name of the trainer
        _LOGGER.exception("sgram does not fit %s: algorithm.sgram has no effect (made for verl 0.9.1)", module.__name__)


def install() -> None:
    """Prepare those of `MODULES` that are imported, and the others when they will be. Once is enough."""
    if any(isinstance(finder, ImportHook) for finder in sys.meta_path):
        return
    sys.meta_path.insert(0, ImportHook())
    for name in MODULES:
        if name in sys.modules:
            prepare(sys.modules[name])


install()
