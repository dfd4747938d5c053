"""Settings of runs that belong together, by name: `sgram train --preset`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sgram.errors import UsageError
from sgram.files import excerpt

RUN_PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "hard": {
            "task": "testbed",
            "task_options": {"preset": "hard"},
            "prompts": 8,
            "samples": 16,
            "steps": 75,
            "max_tokens": 95,
            "learning_rate": 5e-4,
            "schedule": "constant",
            "eval_samples": 2040,
        }
    }
)
"""The reason for each setting stands in docs/testbed.md; 2,040 samples are 17 of each held-out problem."""


def apply_preset(name: str | None, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return `settings` with those of the preset `name` where they have none; None: no preset.

    Raise `UsageError` if the preset is unknown, or if it is for another task than `settings` name.

    >>> apply_preset("hard", {"steps": 5, "task_options": {"omits": 0.5}})["task_options"]
    {'preset': 'hard', 'omits': 0.5}
    """
    if name is None:
        return dict(settings)
    preset = RUN_PRESETS.get(str(name))
    if preset is None:
        raise UsageError(f"unknown preset {excerpt(str(name), 60)!r}; the presets are {', '.join(RUN_PRESETS)}")
    task = settings.get("task", preset["task"])
    if task != preset["task"]:
        raise UsageError(f"the preset {name} is for the task {preset['task']} (got {excerpt(str(task), 60)})")
    options = {**preset["task_options"], **settings.get("task_options", {})}
    return {**preset, **settings, "task_options": options}
