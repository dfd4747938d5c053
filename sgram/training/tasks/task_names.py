"""Tasks by their names, as a person writes them. Knows nothing about models or training.

======================  ===================================================================  =================
name                    what it is                                                           needs
======================  ===================================================================  =================
``testbed``             word problems in which a method must be chosen, made by sgram        nothing
``gym:<dataset>``       a dataset of reasoning-gym                                           ``sgram[gym]``
a path                  problems with answers, JSONL or Parquet (`problems`)                 ``sgram[train]``
======================  ===================================================================  =================
"""

import difflib
import importlib.util
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from sgram.errors import MissingExtraError, UsageError
from sgram.files import excerpt
from sgram.training.tasks.task import Task

TESTBED, GYM = "testbed", "gym:"
_Config = TypeVar("_Config")


def make_task(name: str, options: Mapping[str, Any] | None = None) -> Task:
    """The task of that name with its `options`; `UsageError` for a name or an option that there is not.

    Options are the fields of `TestbedConfig`; of `GymConfig`, others going to the dataset; of `ReadConfig` and
    `CheckedConfig`. `MissingExtraError` where what the task needs is not installed.
    """
    given = dict(options or {})
    if name == TESTBED:
        from sgram.testbed import Testbed, TestbedConfig

        return Testbed(_config(TestbedConfig, given, name))
    if name.startswith(GYM):
        return _gym(name.removeprefix(GYM), given)
    if "/" in name or Path(name).suffix or Path(name).exists():
        return _checked(name, given)
    near = difflib.get_close_matches(name.lower(), (TESTBED, GYM), n=1)
    meant = f" (did you mean {near[0]}{'<dataset>' if near[0] == GYM else ''}?)" if near else ""
    raise UsageError(
        f"there is no task {excerpt(name, 60)!r}{meant}; a task is testbed, gym:<dataset> (such as gym:countdown) or a "
        "path of problems with answers"
    )


def _gym(dataset: str, options: dict[str, Any]) -> Task:
    from sgram.training.tasks.gym import GymConfig, GymTask

    _need("reasoning_gym", "reasoning-gym", "sgram[gym]", f"the task gym:{excerpt(dataset, 60)}")
    own = {each.name for each in fields(GymConfig)} - {"dataset"}
    ours = {name: value for name, value in options.items() if name in own}
    theirs = {name: value for name, value in options.items() if name not in own}
    return GymTask(dataset, GymConfig(**ours, dataset=theirs))


def _checked(path: str, options: dict[str, Any]) -> Task:
    from sgram.training.tasks.answer_task import CheckedConfig, CheckedTask
    from sgram.training.tasks.problems import ReadConfig, read_problems

    _need("math_verify", "math-verify", "sgram[train]", f"checking the answers to {excerpt(path, 60)}")
    of_reading = {each.name for each in fields(ReadConfig)}
    known = of_reading | {each.name for each in fields(CheckedConfig)}
    _check_names(options, known, "a file of problems")
    reading = ReadConfig(**{name: value for name, value in options.items() if name in of_reading})
    checking = CheckedConfig(**{name: value for name, value in options.items() if name not in of_reading})
    return CheckedTask(Path(path).name, read_problems(path, reading), checking)


def _config(kind: type[_Config], options: Mapping[str, Any], name: str) -> _Config:
    _check_names(options, {each.name for each in fields(kind)}, name)
    return kind(**options)


def _check_names(options: Mapping[str, Any], known: set[str], what: str) -> None:
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known), n=1)
            meant = f" (did you mean {near[0]}?)" if near else ""
            raise UsageError(f"{what} has no option {excerpt(name, 60)!r}{meant}; it has {', '.join(sorted(known))}")


def _need(module: str, library: str, extra: str, what: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise MissingExtraError(f"{what} needs {library}: pip install '{extra}'")
