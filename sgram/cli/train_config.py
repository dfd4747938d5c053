"""Flags and TOML file of ``sgram train``, read into one configuration."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields, make_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin, get_type_hints

from cyclopts import Group, Parameter

from sgram.cli.option_groups import ADVANCED, INPUT, METHOD, OUTPUT, shown_default
from sgram.errors import InputError, UsageError
from sgram.files import excerpt
from sgram.training.experiments.arms import Arm, did_you_mean, parse_arms
from sgram.training.experiments.run_config import RunConfig
from sgram.training.experiments.run_presets import apply_preset

VERB_KEYS = ("seeds", "warmup_seeds", "compare", "controls", "jobs", "preset")
"""Keys of a file that set the number of runs, or many settings; all others are settings of a run."""
HELP = {
    "task": "testbed, gym:DATASET, or a file of JSONL problems.",
    "task_options": "A setting of the task, as key=value; may be repeated.",
    "model": "testbed (a tiny model warmed up on the task), smollm2, or a Hugging Face folder or name.",
    "chat": "Prompts are chats, by the tokenizer's chat template; default: where it has one.",
    "warmup_seed": "Seed of the tiny model that training starts from.",
    "sft_steps": "Supervised steps of the tiny model; default: until it begins to solve problems.",
    "method": "How advantages are shaped: grpo, hicra, siren, placebo, ...",
    "alpha": "How much planning tokens are amplified.",
    "lexicon": "task (the task's own phrases), mined, a preset, or a file.",
    "mask": "What is marked; default: grams on the testbed, else grams-in-sentences.",
    "scorer": "Sentence scorer of the last two masks: a preset or a file.",
    "min_mask_share": "Share of marked tokens over the first five steps: below it a run warns, at 0 it stops; 0: off.",
    "placebo_draw": "Number of the placebo draw; default: the seed.",
    "seed": "Seed of sampling and of all else after the warm-up.",
    "steps": "Optimizer steps.",
    "prompts": "Problems in each step.",
    "samples": "Responses to each problem: the size of a group.",
    "max_tokens": "Maximum tokens of a response; default: 112 on the testbed, else 512.",
    "learning_rate": "Learning rate; default: 5e-4 on the testbed, else 1e-6, or 1e-5 with --lora-rank.",
    "schedule": "Schedule of the learning rate.",
    "warmup_steps": "Steps over which the learning rate rises from 0.",
    "weight_decay": "Weight decay of AdamW.",
    "temperature": "Sampling temperature.",
    "top_p": "Probability mass that tokens are sampled from; 1: all.",
    "top_k": "Number of likeliest tokens that are sampled from; 0: all.",
    "scale": "Whether a group's advantages are divided by their standard deviation; default: the method's, else std.",
    "loss": "TRL's loss_type; default: the method's, else dapo.",
    "importance_sampling": "Level of the ratio of policies: token, or sequence (GSPO; with masks GSPO-token).",
    "clip_low": "How far below 1 the ratio of policies is clipped.",
    "clip_high": "How far above 1 the ratio of policies is clipped; with loss cispo, the bound of the ratio itself.",
    "beta": "Weight of the KL divergence from the starting policy, which is then in memory, too.",
    "iterations": "Updates with each batch of responses.",
    "accumulation": "Number of parts that a batch is split into to save memory.",
    "entropy_coef": "Coefficient of the uniform entropy bonus, for method entropy.",
    "siren_coef": "Coefficient of SIREN's squared distance, for method siren.",
    "method_options": "Another setting of the method, as key=value; may be repeated.",
    "lora_rank": "Rank of LoRA adapters; 0: all weights are trained.",
    "merge": "Write the adapter merged into its base model, too; also of a finished run.",
    "bf16": "Compute in bfloat16.",
    "gradient_checkpointing": "Compute activations again in the backward pass, for less memory.",
    "report_to": "Trackers of transformers that get the log, such as tensorboard,trackio.",
    "refresh_lexicon": "Mine the lexicon again from recent rollouts every so many steps; 0: never.",
    "eval_samples": "Responses to held-out problems, before and after.",
    "eval_every": "Steps between measurements on held-out problems; 0: only before and after.",
    "save_every": "Steps between checkpoints, from which an interrupted run resumes.",
    "threads": "CPU threads of PyTorch; the last digits of results depend on it.",
}
RUNS = Group("Several runs", sort_key=3)
RUNS_FOLDER = Parameter(
    name=["--output", "-o"], group=OUTPUT, allow_leading_hyphen=True, help="Folder for the runs' directories."
)
INPUTS = (
    *("task", "task_options", "model", "chat", "lexicon", "scorer", "warmup_seed", "sft_steps", "seed"),
    *("judge_model", "fixed_questions"),
)
"""Settings that stand under Input in help."""
OUTPUTS = ("report_to", "merge", "eval_samples", "eval_every", "eval_proposals", "save_every")
"""Settings that stand under Output in help."""
BASICS = (
    *("method", "alpha", "mask", "steps", "prompts", "samples", "max_tokens", "learning_rate", "temperature", "scale"),
    *("loss", "beta", "lora_rank", "train_roles", "proposer", "judge", "gate", "proposals", "trials", "questions"),
    *("answers", "difficulty"),
)
"""Settings that stand under Method in help; all others are advanced."""
TABLES = {"task_options": "task-option", "method_options": "method-option"}
"""Setting that is a table -> its flag."""


def setting_flag(
    field: "Field[Any]", hints: Mapping[str, Any], help_texts: Mapping[str, str] = HELP
) -> tuple[str, Any, Any]:
    """Return a setting as an optional flag: (name, type, default); None means that the file decides."""
    default = field.default if field.default is not MISSING else None
    help_text = help_texts.get(field.name, "")
    if choices := _choices(hints[field.name]):
        help_text += f" [choices: {', '.join(choices)}]"
    if shown_default(default) not in (None, "none"):
        help_text += f" [default: {default}]"
    parameter = Parameter(
        help=help_text,
        show_default=False,
        show_choices=False,
        allow_leading_hyphen=True,
        group=_setting_group(field.name),
    )
    if field.name in TABLES:
        parameter = Parameter.combine(parameter, Parameter(name=f"--{TABLES[field.name]}", negative=""))
        return field.name, Annotated[tuple[str, ...], parameter], ()
    return field.name, Annotated[hints[field.name] | None, parameter], None


def _choices(hint: Any) -> tuple[str, ...]:
    """Return the choices of a setting that is a Literal, or a Literal or None; () of any other."""
    for member in (hint, *get_args(hint)):
        if get_origin(member) is Literal:
            return tuple(get_args(member))
    return ()


def _setting_group(name: str) -> Group:
    """Return the heading of a setting in help."""
    if name in INPUTS:
        return INPUT
    if name in OUTPUTS:
        return OUTPUT
    return METHOD if name in BASICS else ADVANCED


if TYPE_CHECKING:

    class TrainFlags:
        """All fields of `RunConfig` as optional flags."""

        def __init__(self, **settings: Any) -> None: ...

else:
    TrainFlags = make_dataclass(
        "TrainFlags",
        [setting_flag(field, get_type_hints(RunConfig)) for field in fields(RunConfig)],
        namespace={"__module__": __name__},  # otherwise cyclopts takes the class for one from the standard library
        frozen=True,
    )


@dataclass(frozen=True)
class MatrixFlags:
    """Number and choice of runs, and the preset that their settings begin with."""

    compare: str | None = None
    """Arms to run and compare: grpo,hicra,hicra:alpha=0.5,placebo."""
    controls: str | None = None
    """Arms that the others are compared with; default: those whose methods are controls."""
    seeds: str | None = None
    """Several seeds, such as 0,1,2: one run for each."""
    warmup_seeds: str | None = None
    """Several seeds of the tiny model: all runs from each of them."""
    jobs: int | None = None
    """Runs at the same time. [default: 1]"""
    preset: str | None = None
    """Settings that belong together, where neither a flag nor the file says otherwise: hard (the hard testbed)."""


@dataclass(frozen=True, slots=True)
class RequestedRuns:
    """The runs that the flags and the file ask for."""

    config: RunConfig
    arms: tuple[Arm, ...]
    controls: tuple[str, ...] | None
    seeds: tuple[int, ...]
    warmup_seeds: tuple[int, ...]
    jobs: int

    @property
    def n_runs(self) -> int:
        """Return the number of runs."""
        return len(self.arms) * len(self.seeds) * len(self.warmup_seeds)


def requested_runs(file: Path | None, flags: Any, matrix: MatrixFlags) -> RequestedRuns:
    """Return the runs that the file and the flags ask for; flags override the file. Raise `UsageError` if invalid."""
    file_settings = {} if file is None else read_config(file)
    flag_settings = {field.name: getattr(flags, field.name) for field in fields(flags)}
    settings = merge_settings(file_settings, flag_settings, VERB_KEYS)
    verb = verb_settings(file_settings, flag_settings, matrix, VERB_KEYS)
    settings = apply_preset(verb["preset"], settings)
    config = RunConfig.from_mapping(settings, "" if file is None else excerpt(file))
    arms = parse_arms([config.method] if verb["compare"] is None else arm_names(verb["compare"], "compare"))
    if settings.get("scorer") is not None and not any(arm.apply(config).uses_scorer for arm in arms):
        raise UsageError(
            f"the mask {config.mask} uses no sentence scorer, so --scorer has no effect: add --mask grams-in-sentences "
            "(or sentences), or leave --scorer out"
        )
    jobs = check_jobs(verb["jobs"])
    controls = None if verb["controls"] is None else tuple(arm_names(verb["controls"], "controls"))
    seeds = seed_numbers(verb["seeds"], "seeds", config.seed)
    warmup_seeds = seed_numbers(verb["warmup_seeds"], "warmup_seeds", config.warmup_seed)
    return RequestedRuns(config, tuple(arms), controls, seeds, warmup_seeds, jobs)


def verb_settings(
    file_settings: Mapping[str, Any], flag_settings: Mapping[str, Any], matrix: Any, verb_keys: Sequence[str]
) -> dict[str, Any]:
    """Return what sets the number of runs by file and flags (`matrix`), of which flags are stronger; None if not set.

    A single seed among `flag_settings` takes the place of the file's seeds. Raise `UsageError` if a flag sets those,
    too.
    """
    verb = {key: file_settings.get(key) for key in verb_keys}
    verb |= {key: setting for key in verb_keys if (setting := getattr(matrix, key)) is not None}
    for plural, singular in (("seeds", "seed"), ("warmup_seeds", "warmup_seed")):
        if flag_settings[singular] is None:
            continue
        if getattr(matrix, plural) is not None:
            raise UsageError(f"--{plural} and --{singular} set the same; give one of them".replace("_", "-"))
        verb[plural] = None
    return verb


def merge_settings(
    file_settings: Mapping[str, Any], flag_settings: Mapping[str, Any], verb_keys: Sequence[str]
) -> dict[str, Any]:
    """Return the settings of a run by file and flags, of which flags are stronger; tables are merged key by key."""
    settings = {name: setting for name, setting in file_settings.items() if name not in verb_keys}
    settings |= {name: setting for name, setting in flag_settings.items() if setting is not None}
    for name, flag in TABLES.items():
        settings[name] = {**file_settings.get(name, {}), **_table(flag_settings[name], flag)}
    return settings


def check_jobs(jobs: Any) -> int:
    """Return the number of runs at the same time, 1 for None. Raise `UsageError` if it is no whole number >= 1."""
    jobs = 1 if jobs is None else jobs
    if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1:
        raise UsageError(f"jobs must be a whole number >= 1 (got {excerpt(str(jobs))})")
    return jobs


def read_config(path: Path, names: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the settings of a TOML file, by name; raise `InputError` or `UsageError` if it is invalid.

    `names` are the settings that it may have, by default those of `sgram train`.
    """
    name_of_file = excerpt(path)
    try:
        document = tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {name_of_file}: {error.strerror}; check the path") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{name_of_file} is not UTF-8 ({error}); save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{name_of_file} is not valid TOML: {error}; write settings as steps = 80") from error
    if names is None:
        names = [field.name for field in fields(RunConfig)] + list(VERB_KEYS)
    settings: dict[str, Any] = {}
    for key, setting in document.items():
        name = key.replace("-", "_")
        if name not in names:
            raise UsageError(f"{name_of_file}: unknown setting {excerpt(key)}; {did_you_mean(name, names)}")
        if name in settings:
            raise UsageError(f"{name_of_file} sets {name} twice, also as {excerpt(key)}; leave one out")
        if name in TABLES and not isinstance(setting, dict):
            raise UsageError(f"{name_of_file}: {name} must be a table, written below [{name}]")
        settings[name] = setting
    return settings


def _table(pairs: Sequence[str], flag: str) -> dict[str, Any]:
    """Return ``key=value`` pairs as a dict; right sides are parsed as TOML, or else taken as text."""
    settings: dict[str, Any] = {}
    for pair in pairs:
        key, sign, text = (part.strip() for part in pair.partition("="))
        if not (key and sign):
            raise UsageError(f"invalid --{flag} {excerpt(pair)}; write --{flag} key=value")
        try:
            settings[key] = tomllib.loads(f"setting = {text}")["setting"]
        except (tomllib.TOMLDecodeError, KeyError):
            settings[key] = text
    return settings


def arm_names(setting: Any, key: str) -> list[str]:
    """Return names separated by commas, or a list of names, as a list."""
    names = setting.split(",") if isinstance(setting, str) else setting
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UsageError(f"{key} must be a list of arms, such as grpo,hicra,placebo")
    return [name.strip() for name in names]


def seed_numbers(setting: Any, key: str, default: int) -> tuple[int, ...]:
    """Return different whole numbers >= 0, sorted, from ``0,1,2`` or a list."""
    if setting is None:
        return (default,)
    parts = setting.split(",") if isinstance(setting, str) else setting if isinstance(setting, list) else [setting]
    texts = [str(part).strip() for part in parts]
    numbers = [int(text) for text in texts if text.isdecimal() and text.isascii()]
    if not numbers or len(numbers) < len(texts) or len(set(numbers)) < len(numbers):
        raise UsageError(f"{key} must be different whole numbers >= 0, such as 0,1,2 (got {excerpt(', '.join(texts))})")
    return tuple(sorted(numbers))
