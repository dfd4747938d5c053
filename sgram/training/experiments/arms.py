"""Arms of a comparison: a method, and the settings in which it differs from the others. Knows nothing about runs."""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from sgram.errors import UsageError
from sgram.files import excerpt

if TYPE_CHECKING:
    from sgram.training.experiments.run_config import RunConfig

SHARED = (
    "task",
    "task_options",
    "model",
    "warmup_seed",
    "warmup_steps",
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
)
"""Settings that every arm shares: what is trained on, how much of it, from where, and how it is judged."""
CONTROL_METHODS = ("grpo", "grpo-matched", "hicra-symmetric", "hicra-centered", "placebo", "placebo-execution")
"""Methods that a claim about planning tokens has to be held against."""


@dataclass(frozen=True, slots=True)
class Arm:
    """A method and its own settings, sorted by name."""

    method: str
    overrides: tuple[tuple[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """As one writes it: ``hicra:alpha=0.5``."""
        return ":".join((self.method, *(f"{key}={_written(value)}" for key, value in self.overrides)))

    @property
    def is_control(self) -> bool:
        """Whether claims are held against this arm unless other controls are named."""
        return self.method in CONTROL_METHODS

    def apply(self, config: "RunConfig", **shared: Any) -> "RunConfig":
        """`config` as this arm runs it, with the `shared` settings of the run, such as its seed."""
        given = {each.name: getattr(config, each.name) for each in fields(config)}
        wanted = given | shared | {"method": self.method} | dict(self.overrides)
        return type(config).from_mapping(wanted, f"arm {self.name}")


def parse_arms(
    text: str | Sequence[str], methods: Collection[str] | None = None, settings: Collection[str] | None = None
) -> list[Arm]:
    """The arms that `text` names: ``grpo,hicra,hicra:alpha=0.5,placebo:placebo_draw=3:scale=none``.

    An arm is a method and its settings after colons; a value is a number, true or false, else text.
    `UsageError` for an unknown method or setting, one that all arms share, and an arm that is named twice.
    `methods` and `settings` are those of `sgram.training.credit.registry` and `RunConfig` unless given.
    """
    methods = _methods() if methods is None else methods
    settings = _settings() if settings is None else settings
    given = text.split(",") if isinstance(text, str) else list(text)
    arms = [_parse(each.strip(), methods, settings) for each in given]
    names = [arm.name for arm in arms]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"the arm {excerpt(twice)} is named twice; name each once, and more seeds with --seeds")
    return arms


def choose_controls(arms: Sequence[Arm], names: Sequence[str] | None = None) -> list[Arm]:
    """The arms that the others are held against: those of `names`, else every control, else the first arm."""
    if names is None:
        return [arm for arm in arms if arm.is_control] or list(arms[:1])
    known = {arm.name: arm for arm in arms}
    for name in names:
        if name not in known:
            raise UsageError(f"the control {excerpt(name)} is none of the arms, {', '.join(known)}")
    return [known[name] for name in dict.fromkeys(names)]


def did_you_mean(word: str, known: Collection[str]) -> str:
    """What was probably meant by an unknown `word`, as the end of a sentence."""
    close = get_close_matches(word, list(known), n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(sorted(known))}"


def _parse(text: str, methods: Collection[str], settings: Collection[str]) -> Arm:
    method, *rest = text.split(":")
    if not method:
        raise UsageError("an arm without a method; write arms as grpo,hicra,hicra:alpha=0.5")
    if method not in methods:
        raise UsageError(f"there is no method {excerpt(method)}; {did_you_mean(method, methods)}")
    overrides: dict[str, Any] = {}
    for each in rest:
        key, sign, value = (part.strip() for part in each.partition("="))
        key = key.replace("-", "_")
        if not (key and sign and value):
            raise UsageError(
                f"the setting {excerpt(each)!r} of arm {excerpt(text)} is not understood; write hicra:alpha=0.5"
            )
        if key in SHARED or key == "method":
            raise UsageError(f"arm {excerpt(text)} sets {key}, which all arms share; set it for all of them")
        if key not in settings:
            known = set(settings) - set(SHARED) - {"method"}
            raise UsageError(f"arm {excerpt(text)}: there is no setting {excerpt(key)}; {did_you_mean(key, known)}")
        if key in overrides:
            raise UsageError(f"arm {excerpt(text)} sets {key} twice")
        overrides[key] = _read(value)
    return Arm(method, tuple(sorted(overrides.items())))


def _read(text: str) -> Any:
    """A number, true, false or null; else the text itself."""
    for read in (json.loads, float):  # float: JSON knows no .5
        try:
            value = read(text)
        except ValueError:
            continue
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"{excerpt(text)} is no finite number")
        return text if isinstance(value, dict | list) else value
    return text


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _methods() -> Mapping[str, Any]:
    from sgram.training.credit.registry import METHODS

    return METHODS


def _settings() -> list[str]:
    from sgram.training.experiments.run_config import RunConfig

    return [each.name for each in fields(RunConfig)]
