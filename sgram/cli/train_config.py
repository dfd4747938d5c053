"""What ``sgram train`` is told by flags and by a file, as one configuration. Nothing but reading what was asked for."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields, make_dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from cyclopts import Parameter

from sgram.errors import InputError, UsageError
from sgram.files import excerpt
from sgram.training.experiments.arms import Arm, did_you_mean, parse_arms
from sgram.training.experiments.run_config import RunConfig

VERB_KEYS = ("seeds", "warmup_seeds", "compare", "controls", "jobs")
"""Keys of a file that say how many runs there are; all others are settings of a run."""
HELP = {
    "task": "testbed, gym:DATASET, or a file of JSONL problems.",
    "task_options": "A setting of the task, as key=value; may be given again.",
    "model": "testbed (a tiny model warmed up on the task), smollm2, or a Hugging Face folder or name.",
    "warmup_seed": "Seed of the tiny model that training starts from.",
    "warmup_steps": "Supervised steps of the tiny model; by default as many as it takes to begin to solve problems.",
    "method": "How advantages are shaped: grpo, hicra, siren, placebo, ...",
    "alpha": "How much planning tokens are amplified.",
    "lexicon": "task (the task's own phrases), mined, a preset, or a file.",
    "placebo_draw": "Number of the placebo's draw; by default the seed.",
    "seed": "Seed of sampling and of everything else after the warm-up.",
    "steps": "Optimizer steps.",
    "prompts": "Problems a step.",
    "samples": "Responses to each problem: the size of a group.",
    "max_tokens": "Most tokens of a response.",
    "learning_rate": "Learning rate.",
    "schedule": "How the learning rate falls.",
    "temperature": "Temperature of sampling.",
    "scale": "Whether a group's advantages are divided by their standard deviation.",
    "loss": "TRL's loss_type.",
    "clip_low": "How far below 1 the ratio of policies is clipped.",
    "clip_high": "How far above 1 the ratio of policies is clipped.",
    "iterations": "Updates with each batch of responses.",
    "accumulation": "Parts that a batch is computed in, to save memory.",
    "entropy_coef": "Coefficient of the uniform entropy bonus, for method entropy.",
    "siren_coef": "Coefficient of SIREN's squared distance, for method siren.",
    "method_options": "Another setting of the method, as key=value; may be given again.",
    "lora_rank": "Rank of LoRA adapters; 0: all weights are trained.",
    "bf16": "Compute in bfloat16.",
    "refresh_lexicon": "Steps after which the lexicon is mined anew from recent rollouts; 0: never.",
    "eval_samples": "Responses to held-out problems, before and after.",
    "eval_every": "Steps between measurements on held-out problems; 0: only before and after.",
    "save_every": "Steps between checkpoints, from which an interrupted run goes on.",
    "threads": "CPU threads of PyTorch; the last digits of a result depend on it.",
}
_TABLES = {"task_options": "task-option", "method_options": "method-option"}


def _flag(each: Field, hints: Mapping[str, Any]) -> tuple[str, Any, Any]:
    """A setting as an optional flag: None where it is not given, so that a file can say it."""
    default = each.default if each.default is not MISSING else None
    told = HELP.get(each.name, "") + (f" [default: {default}]" if default not in (None, "") else "")
    if each.name in _TABLES:
        parameter = Parameter(
            name=f"--{_TABLES[each.name]}", help=told, negative="", show_default=False, allow_leading_hyphen=True
        )
        return each.name, Annotated[tuple[str, ...], parameter], ()
    parameter = Parameter(help=told, show_default=False, allow_leading_hyphen=True)
    return each.name, Annotated[hints[each.name] | None, parameter], None


TrainFlags = make_dataclass(
    "TrainFlags",
    [_flag(each, get_type_hints(RunConfig)) for each in fields(RunConfig)],
    namespace={"__module__": __name__},  # cyclopts takes what the standard library makes for a plain value
    frozen=True,
)
"""Every field of `RunConfig` as a flag."""


@dataclass(frozen=True)
class MatrixFlags:
    """How many runs, and which."""

    compare: str | None = None
    """Arms to run and compare: grpo,hicra,hicra:alpha=0.5,placebo."""
    controls: str | None = None
    """Arms that the others are held against; by default those whose methods are controls."""
    seeds: str | None = None
    """Several seeds, as 0,1,2: a run for each."""
    warmup_seeds: str | None = None
    """Several seeds of the tiny model: all other runs from each."""
    jobs: int | None = None
    """Runs at once. [default: 1]"""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be run."""

    config: RunConfig
    arms: tuple[Arm, ...]
    controls: tuple[str, ...] | None
    seeds: tuple[int, ...]
    warmup_seeds: tuple[int, ...]
    jobs: int

    @property
    def n_runs(self) -> int:
        """Runs in all."""
        return len(self.arms) * len(self.seeds) * len(self.warmup_seeds)


def asked_for(file: Path | None, flags: Any, matrix: MatrixFlags) -> Asked:
    """What the file and the flags ask for; flags override the file. `UsageError` for what cannot be meant."""
    held = {} if file is None else read_config(file)
    given = {each.name: getattr(flags, each.name) for each in fields(flags)}
    tables = {name: {**held.get(name, {}), **_table(given.pop(name), flag)} for name, flag in _TABLES.items()}
    settings = {key: value for key, value in held.items() if key not in VERB_KEYS}
    settings |= {key: value for key, value in given.items() if value is not None} | tables
    config = RunConfig.from_mapping(settings, "" if file is None else excerpt(file))
    verb = {key: held.get(key) for key in VERB_KEYS}
    verb |= {key: value for key in VERB_KEYS if (value := getattr(matrix, key)) is not None}
    for many, one in (("seeds", "seed"), ("warmup_seeds", "warmup_seed")):
        if getattr(matrix, many) is not None and given[one] is not None:
            flag = many.replace("_", "-")
            raise UsageError(f"--{flag} and --{one.replace('_', '-')} say the same; give one of them")
        if given[one] is not None:
            verb[many] = None
    arms = (
        parse_arms(_names(verb["compare"], "compare")) if verb["compare"] is not None else parse_arms([config.method])
    )
    jobs = 1 if verb["jobs"] is None else verb["jobs"]
    if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1:
        raise UsageError(f"jobs is a whole number from 1, not {excerpt(str(jobs))}")
    controls = None if verb["controls"] is None else tuple(_names(verb["controls"], "controls"))
    seeds = _numbers(verb["seeds"], "seeds", config.seed)
    return Asked(
        config, tuple(arms), controls, seeds, _numbers(verb["warmup_seeds"], "warmup_seeds", config.warmup_seed), jobs
    )


def read_config(path: Path) -> dict[str, Any]:
    """The settings that a TOML file writes down, under the names of fields."""
    shown = excerpt(path)
    try:
        held = tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {shown}: {error.strerror}; check the path") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{shown} is not UTF-8 ({error}); save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{shown} is no TOML: {error}; write settings as steps = 80") from error
    known = [each.name for each in fields(RunConfig)] + list(VERB_KEYS)
    found: dict[str, Any] = {}
    for key, value in held.items():
        name = key.replace("-", "_")
        if name not in known:
            raise UsageError(f"{shown}: there is no setting {excerpt(key)}; {did_you_mean(name, known)}")
        if name in found:
            raise UsageError(f"{shown} says {name} twice, as {excerpt(key)} too; leave one out")
        if name in _TABLES and not isinstance(value, dict):
            raise UsageError(f"{shown}: {name} is a table, written below [{name}]")
        found[name] = value
    return found


def _table(pairs: Sequence[str], flag: str) -> dict[str, Any]:
    """``key=value`` pairs; values are read as TOML reads them, else as text."""
    found: dict[str, Any] = {}
    for each in pairs:
        key, sign, value = (part.strip() for part in each.partition("="))
        if not (key and sign):
            raise UsageError(f"--{flag} {excerpt(each)} is not understood; write --{flag} key=value")
        try:
            found[key] = tomllib.loads(f"value = {value}")["value"]
        except (tomllib.TOMLDecodeError, KeyError):
            found[key] = value
    return found


def _names(given: Any, what: str) -> list[str]:
    """Names separated by commas, or a list of them."""
    names = given.split(",") if isinstance(given, str) else given
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UsageError(f"{what} is a list of arms, as grpo,hicra,placebo")
    return [name.strip() for name in names]


def _numbers(given: Any, what: str, default: int) -> tuple[int, ...]:
    """Different whole numbers from 0, sorted: ``0,1,2`` or a list of them."""
    if given is None:
        return (default,)
    parts = given.split(",") if isinstance(given, str) else given if isinstance(given, list) else [given]
    texts = [str(part).strip() for part in parts]
    numbers = [int(text) for text in texts if text.isdecimal() and text.isascii()]
    if not numbers or len(numbers) < len(texts) or len(set(numbers)) < len(numbers):
        raise UsageError(f"{what} are different whole numbers from 0, as 0,1,2, not {excerpt(', '.join(texts))}")
    return tuple(sorted(numbers))
