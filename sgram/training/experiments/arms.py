"""Arms of a comparison: a method, and the settings in which it differs from other arms."""

import json
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from sgram.declarations import match_name
from sgram.errors import UsageError
from sgram.files import excerpt

if TYPE_CHECKING:
    from sgram.training.experiments.run_config import RunConfig

SHARED = (
    "task",
    "task_options",
    "model",
    "chat",
    "warmup_seed",
    "sft_steps",
    "seed",
    "steps",
    "prompts",
    "samples",
    "max_tokens",
    "iterations",
    "accumulation",
    "eval_samples",
    "eval_every",
    "threads",
    "report_to",
)
"""Settings that every arm shares: the task, the start model, the amount of training and the evaluation."""
CONTROL_METHODS = (
    *("grpo", "grpo-matched", "hicra-scale", "hicra-push", "hicra-symmetric", "hicra-centered"),
    *("placebo", "placebo-execution", "execution-scale", "execution-symmetric"),
)
"""Methods that a claim about planning tokens must be compared with."""


@dataclass(frozen=True, slots=True)
class Arm:
    """A method and its own settings, sorted by name.

    >>> Arm("hicra", (("alpha", 0.5),)).name
    'hicra:alpha=0.5'
    """

    method: str
    overrides: tuple[tuple[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """The arm in the notation of `parse_arms`, such as ``hicra:alpha=0.5``."""
        return ":".join((self.method, *(f"{key}={_format_setting(setting)}" for key, setting in self.overrides)))

    @property
    def is_control(self) -> bool:
        """Whether the arm is a control unless other controls are named."""
        return self.method in CONTROL_METHODS

    def apply(self, config: "RunConfig", **run_settings: Any) -> "RunConfig":
        """Return `config` with the settings of this arm and `run_settings`, such as the seed of the run."""
        settings = {field.name: getattr(config, field.name) for field in fields(config)}
        arm_settings = {"method": self.method} | dict(self.overrides)
        return type(config).from_mapping(settings | run_settings | arm_settings, f"arm {self.name}")


def parse_arms(
    text: str | Sequence[str],
    methods: Collection[str] | None = None,
    settings: Collection[str] | None = None,
    shared: Collection[str] = (*SHARED, "method"),
) -> list[Arm]:
    """Return the arms in `text`, such as ``grpo,hicra,hicra:alpha=0.5,placebo:placebo_draw=3:scale=none``.

    An arm is a method and its settings after colons. A setting is a number, true or false, else text. Raise
    `UsageError` if a method or setting is unknown, if all arms share the setting, or if an arm is named twice.
    `methods` and `settings` default to those of `sgram.training.credit.registry` and `RunConfig`; `shared` are the
    settings that no arm may have of its own.

    >>> parse_arms("grpo,hicra:alpha=0.5")
    [Arm(method='grpo', overrides=()), Arm(method='hicra', overrides=(('alpha', 0.5),))]
    """
    methods = _method_names() if methods is None else methods
    settings = _setting_names() if settings is None else settings
    parts = text.split(",") if isinstance(text, str) else list(text)
    arms = [_parse_arm(part.strip(), methods, settings, shared) for part in parts]
    names = [arm.name for arm in arms]
    repeated_name = next((name for name in names if names.count(name) > 1), None)
    if repeated_name is not None:
        raise UsageError(
            f"the arm {excerpt(repeated_name)} is named twice; name each arm once, and add seeds with --seeds"
        )
    return arms


def choose_controls(arms: Sequence[Arm], names: Sequence[str] | None = None) -> list[Arm]:
    """Return the arms that are compared with: those called `names`, else every control, else the first arm.

    >>> [arm.name for arm in choose_controls(parse_arms("hicra,grpo"))]
    ['grpo']
    """
    if names is None:
        return [arm for arm in arms if arm.is_control] or list(arms[:1])
    arms_by_name = {arm.name: arm for arm in arms}
    names = [match_name(name, arms_by_name) for name in names]
    for name in names:
        if name not in arms_by_name:
            raise UsageError(f"the control {excerpt(name)} is not among the arms, {', '.join(arms_by_name)}")
    return [arms_by_name[name] for name in dict.fromkeys(names)]


def did_you_mean(word: str, names: Collection[str]) -> str:
    """Return the end of an error message: the `names` nearest to an unknown `word`, or all of them.

    >>> did_you_mean("alhpa", ["alpha", "steps"])
    'did you mean alpha?'
    """
    near_names = get_close_matches(word, list(names), n=3, cutoff=0.5)
    return f"did you mean {' or '.join(near_names)}?" if near_names else f"the names are {', '.join(sorted(names))}"


def _parse_arm(text: str, methods: Collection[str], settings: Collection[str], shared: Collection[str]) -> Arm:
    written, *parts = text.split(":")
    method = match_name(written.strip(), methods)
    if not method:
        raise UsageError("an arm has no method; write arms as grpo,hicra,hicra:alpha=0.5")
    if method not in methods:
        raise UsageError(f"unknown method {excerpt(method)}; {did_you_mean(method, methods)}")
    overrides: dict[str, Any] = {}
    for part in parts:
        key, sign, setting = (piece.strip() for piece in part.partition("="))
        key = key.lower().replace("-", "_")
        if not (key and sign and setting):
            raise UsageError(f"invalid setting {excerpt(part)!r} of arm {excerpt(text)}; write hicra:alpha=0.5")
        if key in shared:
            raise UsageError(f"arm {excerpt(text)} sets {key}, which all arms share; set it for all of them")
        if key not in settings:
            arm_settings = set(settings) - set(shared)
            raise UsageError(f"arm {excerpt(text)}: unknown setting {excerpt(key)}; {did_you_mean(key, arm_settings)}")
        if key in overrides:
            raise UsageError(f"arm {excerpt(text)} sets {key} twice")
        overrides[key] = _parse_setting(setting)
    return Arm(method, tuple(sorted(overrides.items())))


def _parse_setting(text: str) -> Any:
    """Return a number, true, false or null as a JSON value, anything else as text."""
    for parse in (json.loads, float):  # float, because .5 is not JSON
        try:
            setting = parse(text)
        except ValueError:
            continue
        if isinstance(setting, float) and not math.isfinite(setting):
            raise UsageError(f"{excerpt(text)} is not a finite number")
        return text if isinstance(setting, dict | list) else setting
    return text


def _format_setting(setting: Any) -> str:
    return setting if isinstance(setting, str) else json.dumps(setting)


def _method_names() -> Collection[str]:
    from sgram.training.credit.registry import all_methods

    return all_methods()


def _setting_names() -> list[str]:
    from sgram.training.experiments.run_config import RunConfig

    return [field.name for field in fields(RunConfig)]
