"""Make a task from its name on the command line.

======================  ===================================================================  =================
name                    task                                                                 needs
======================  ===================================================================  =================
``testbed``             word problems in which a method must be chosen, made by sgram        nothing
``gym:<dataset>``       a dataset of reasoning-gym                                           ``sgram[gym]``
a path                  problems with answers, JSONL or Parquet (`problems`)                 ``sgram[train]``
======================  ===================================================================  =================
"""

import difflib
import importlib.util
from collections.abc import Collection, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from sgram.errors import MissingExtraError, UsageError
from sgram.files import excerpt
from sgram.training.tasks.task import Task

TESTBED, GYM = "testbed", "gym:"


def make_task(name: str, options: Mapping[str, Any] | None = None) -> Task:
    """Return the task called `name` with its `options`.

    Options are a `preset` of the testbed and the fields of its settings (`TestbedConfig`, or `TwoStepConfig` with
    preset "hard"); or of `GymConfig`, with all other options for the dataset; or of `ReadConfig` and
    `AnswerTaskConfig`. Raise `UsageError` for an unknown name or option, `MissingExtraError` if a library is not
    installed.

    >>> make_task("testbed", {"methods": 3}).name
    'testbed'
    """
    task_options = dict(options or {})
    if name == TESTBED:
        return _make_testbed(task_options)
    if name.startswith(GYM):
        return _make_gym_task(name.removeprefix(GYM), task_options)
    if "/" in name or Path(name).suffix or Path(name).exists():
        return _make_answer_task(name, task_options)
    near_names = difflib.get_close_matches(name.lower(), (TESTBED, GYM), n=1)
    hint = f" (did you mean {near_names[0]}{'<dataset>' if near_names[0] == GYM else ''}?)" if near_names else ""
    raise UsageError(
        f"unknown task {excerpt(name, 60)!r}{hint}; a task is testbed, gym:<dataset> (such as gym:countdown) or a path "
        "of problems with answers"
    )


def _make_testbed(options: Mapping[str, Any]) -> Task:
    from sgram.testbed import PRESETS, Testbed

    preset = str(options.get("preset", "default"))
    if preset not in PRESETS:
        raise UsageError(f"testbed has no preset {excerpt(preset, 60)!r}; it has {', '.join(PRESETS)}")
    config = PRESETS[preset]
    settings = {name: option for name, option in options.items() if name != "preset"}
    owner = TESTBED if preset == "default" else f"{TESTBED} with preset={preset}"
    _check_names(settings, {"preset", *(field.name for field in fields(config))}, owner)
    task: Task = Testbed(replace(config, **settings))
    return task


def _make_gym_task(dataset: str, options: Mapping[str, Any]) -> Task:
    from sgram.training.tasks.gym import GymConfig, GymTask

    _require("reasoning_gym", "reasoning-gym", "sgram[gym]", f"the task gym:{excerpt(dataset, 60)}")
    names = {field.name for field in fields(GymConfig)} - {"dataset"}
    task_options = {name: option for name, option in options.items() if name in names}
    dataset_options = {name: option for name, option in options.items() if name not in names}
    return GymTask(dataset, GymConfig(**task_options, dataset=dataset_options))


def _make_answer_task(path: str, options: Mapping[str, Any]) -> Task:
    from sgram.training.tasks.answer_task import AnswerTask, AnswerTaskConfig
    from sgram.training.tasks.problems import ReadConfig, read_problems

    _require("math_verify", "math-verify", "sgram[train]", f"checking the answers to {excerpt(path, 60)}")
    read_names = {field.name for field in fields(ReadConfig)}
    _check_names(options, read_names | {field.name for field in fields(AnswerTaskConfig)}, "a file of problems")
    read_config = ReadConfig(**{name: option for name, option in options.items() if name in read_names})
    task_config = AnswerTaskConfig(**{name: option for name, option in options.items() if name not in read_names})
    return AnswerTask(Path(path).name, read_problems(path, read_config), task_config)


def _check_names(options: Mapping[str, Any], names: Collection[str], owner: str) -> None:
    for option in options:
        if option not in names:
            near_names = difflib.get_close_matches(option, sorted(names), n=1)
            hint = f" (did you mean {near_names[0]}?)" if near_names else ""
            raise UsageError(f"{owner} has no option {excerpt(option, 60)!r}{hint}; it has {', '.join(sorted(names))}")


def _require(module: str, library: str, extra: str, purpose: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise MissingExtraError(f"{purpose} needs {library}: pip install '{extra}'")
