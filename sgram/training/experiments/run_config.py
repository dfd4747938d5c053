"""`RunConfig`: everything that determines one training run, as a value with a JSON and TOML form."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from sgram.declarations import match_name
from sgram.errors import SgramError, UsageError
from sgram.files import excerpt
from sgram.tagging.spans import MaskKind
from sgram.training.credit.method import Method, MethodSettings
from sgram.training.trainer.loss_reduction import LOSS_TYPES
from sgram.training.trainer.sequence_ratio import find_token_obstacle

Scale = Literal["none", "std"]
Schedule = Literal["linear", "constant", "cosine"]
RatioLevel = Literal["token", "sequence"]
_WARMUP_STEPS = 5


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Configuration of one run; the same configuration and seed give the same weights.

    Every field is a flag of `sgram train`. The defaults train the built-in testbed in about two minutes on a laptop's
    CPU. Raise `UsageError` if a setting is out of its bounds or contradicts another one.

    >>> RunConfig(method="grpo", steps=5).identity()["steps"]
    5
    """

    task: str = "testbed"
    """"testbed", "gym:<dataset>", or a path of JSONL problems."""
    task_options: Mapping[str, Any] = field(default_factory=dict)
    model: str = "testbed"
    """"testbed" (a tiny model, warmed up on the task), "smollm2", or a Hugging Face folder or name."""
    chat: bool | None = None
    """Whether prompts are chats, by the tokenizer's chat template; None: where it has one."""
    warmup_seed: int = 0
    sft_steps: int | None = None
    """Supervised steps of the tiny model; None: as many as it needs to solve some problems."""
    method: str = "hicra"
    alpha: float = 0.2
    lexicon: str = "task"
    """"task" (the task's own phrases), "mined" (from responses of the starting policy), a preset or a file."""
    mask: MaskKind | None = None
    """What is marked; None: "grams" on the testbed, as published, else "grams-in-sentences". Never None afterwards."""
    scorer: str = "sgram"
    """Sentence scorer of the masks "sentences" and "grams-in-sentences": a preset or a file."""
    min_mask_share: float = 0.01
    """Share of marked tokens over the first five steps below which a run warns, and stops at 0; 0: no check."""
    placebo_draw: int | None = None
    """Number of the placebo draw; None: the seed."""
    seed: int = 0
    steps: int = 80
    prompts: int = 8
    """Problems a step."""
    samples: int = 8
    """Responses to each problem: the size of a group."""
    max_tokens: int | None = None
    """Maximum tokens of a response; None: 112 on the testbed, else 512. Never None afterwards."""
    learning_rate: float | None = None
    """None: 5e-4 on the testbed, whose model is tiny, else 1e-6, or 1e-5 for adapters. Never None afterwards."""
    schedule: Schedule = "linear"
    warmup_steps: int = _WARMUP_STEPS
    """Steps over which the learning rate rises from 0 to `learning_rate`."""
    weight_decay: float = 0.0
    temperature: float = 1.0
    top_p: float = 1.0
    """Probability mass that tokens are sampled from, in training and evaluation; 1: all of it."""
    top_k: int = 0
    """Number of likeliest tokens that are sampled from, in training and evaluation; 0: all of them."""
    scale: Scale | None = None
    """Whether a group's advantages are divided by their standard deviation (GRPO) or not (the HICRA paper, Dr.GRPO);
    None: what the method prescribes, else "std"."""
    loss: str | None = None
    """TRL's loss_type; None: what the method prescribes, else "dapo"."""
    importance_sampling: RatioLevel = "token"
    """Level of the ratio of policies: of each token, or of the whole response (GSPO)."""
    clip_low: float = 0.2
    clip_high: float = 0.28
    """How far above 1 the ratio is clipped; with loss "cispo", the bound of the ratio itself."""
    beta: float = 0.0
    """Weight of the KL divergence from the policy at the start; above 0, that policy is in memory, too."""
    iterations: int = 1
    accumulation: int = 1
    entropy_coef: float | None = None
    siren_coef: float | None = None
    method_options: Mapping[str, Any] = field(default_factory=dict)
    lora_rank: int = 0
    """Rank of LoRA adapters; 0: all weights are trained."""
    merge: bool = False
    """Whether the adapter is also written merged into its base model. It does not change the run."""
    bf16: bool = False
    gradient_checkpointing: bool = False
    """Compute activations again in the backward pass, for less memory."""
    report_to: str = "none"
    """Trackers of transformers that get every row of the log, separated by commas, or "none"."""
    refresh_lexicon: int = 0
    """Number of steps after which the lexicon is mined again from recent rollouts; 0: never."""
    eval_samples: int = 480
    """Responses to held-out problems, before and after training."""
    eval_every: int = 0
    """Steps between measurements on held-out problems; 0: only before and after training."""
    save_every: int = 10
    threads: int = 1
    """CPU threads of PyTorch. The last digits of a result depend on it."""

    def __post_init__(self) -> None:
        from sgram.training.credit.registry import spelled_method

        object.__setattr__(self, "method", spelled_method(self.method))
        on_testbed = self.task == "testbed"
        for name, default in (
            ("mask", "grams" if on_testbed else "grams-in-sentences"),
            ("max_tokens", 112 if on_testbed else 512),
            ("learning_rate", 5e-4 if on_testbed else 1e-5 if self.lora_rank else 1e-6),
        ):
            if getattr(self, name) is None:
                object.__setattr__(self, name, default)
        for name, low in _LOWER_BOUNDS.items():
            number = getattr(self, name)
            if number is not None and not (math.isfinite(number) and number >= low):
                raise UsageError(f"{name} must be a finite number >= {low} (got {number})")
        if self.samples < 2:
            raise UsageError(
                f"samples must be >= 2 (got {self.samples}): an advantage compares a response with other responses to "
                "the same problem"
            )
        n_responses = self.prompts * self.samples
        if n_responses % self.accumulation:
            raise UsageError(f"accumulation {self.accumulation} does not divide the {n_responses} responses of a step")
        for name in ("temperature", "learning_rate"):
            if getattr(self, name) <= 0:
                raise UsageError(f"{name} must be > 0 (got {getattr(self, name)})")
        if self.min_mask_share > 1:
            raise UsageError(f"min_mask_share must be <= 1 (got {self.min_mask_share})")
        if not 0 < self.top_p <= 1:
            raise UsageError(f"top_p must be > 0 and <= 1 (got {self.top_p})")
        if self.warmup_steps > max(self.steps, _WARMUP_STEPS):
            raise UsageError(
                f"warmup_steps must be <= steps (got {self.warmup_steps} and {self.steps}): the learning rate rises "
                "over them; the supervised steps of the tiny model are sft_steps"
            )
        for name, choices in (
            ("scale", (None, *get_args(Scale))),
            ("schedule", get_args(Schedule)),
            ("mask", get_args(MaskKind)),
            ("loss", (None, *LOSS_TYPES)),
            ("importance_sampling", get_args(RatioLevel)),
        ):
            choice, names = getattr(self, name), [known for known in choices if known is not None]
            if isinstance(choice, str):
                choice = match_name(choice, names)
                object.__setattr__(self, name, choice)
            if choice not in choices:
                raise UsageError(f"{name} must be one of {', '.join(names)} (got {excerpt(str(choice))})")
        if self.merge and not self.lora_rank:
            raise UsageError("merge writes an adapter merged into its base model; set lora_rank, or leave merge out")
        if "chat" in self.task_options:
            raise UsageError("chat is no option of a task; use --chat or --no-chat (chat = true in a file)")
        for name in ("task_options", "method_options"):
            object.__setattr__(self, name, dict(sorted(getattr(self, name).items())))
        MethodSettings.from_mapping(self.method_options, "method_options")  # before a model is warmed up
        self._check_loss()

    def _check_loss(self) -> None:
        """Raise `UsageError` if method and loss do not go together; an unknown method is named where it is needed."""
        method = self._known_method()
        if method is not None:
            for name, prescribed in (("scale", method.scale_rewards), ("loss", method.loss)):
                given = getattr(self, name)
                if None not in (given, prescribed) and given != prescribed:
                    raise UsageError(
                        f"method {method.name} prescribes {name} {prescribed}, but {name} {given} was given: leave "
                        f"{name} out, or choose another method"
                    )
            obstacle = find_token_obstacle(method, self.loss_type, self.importance_sampling)
            if obstacle is not None:
                raise UsageError(obstacle)
        if self.loss_type == "cispo" and self.clip_high < 1:
            raise UsageError(
                f"with loss cispo, clip_high is the bound of the ratio itself, so {self.clip_high} would bound every "
                "ratio: give clip_high >= 1 (TRL recommends 5)"
            )

    def _known_method(self) -> Method | None:
        from sgram.training.credit.registry import METHODS, all_methods

        return METHODS.get(self.method) or all_methods().get(self.method)

    @property
    def loss_type(self) -> str:
        """TRL's loss_type: what was given or what the method prescribes, else "dapo"."""
        method = self._known_method()
        return self.loss or (method and method.loss) or "dapo"

    @property
    def advantage_scale(self) -> Scale:
        """What was given as `scale` or what the method prescribes, else "std"."""
        method = self._known_method()
        return self.scale or (method and method.scale_rewards) or "std"

    @property
    def trackers(self) -> list[str]:
        """The names in `report_to`; none for "none"."""
        names = [name.strip() for name in self.report_to.split(",")]
        return [name for name in names if name and name != "none"]

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any], where: str = "") -> "RunConfig":
        """Return the configuration with these `settings`; keys may have hyphens, None means the default.

        Raise `UsageError` if a key is unknown or a setting has the wrong type; the message begins with `where`.

        >>> RunConfig.from_mapping({"learning-rate": 1}).learning_rate
        1.0
        """
        return cls(**convert_settings(cls, settings, where))

    @property
    def token_limit(self) -> int:
        """`max_tokens` as it is after the defaults."""
        if self.max_tokens is None:
            raise SgramError("a configuration has no max_tokens")
        return self.max_tokens

    @property
    def peak_rate(self) -> float:
        """`learning_rate` as it is after the defaults."""
        if self.learning_rate is None:
            raise SgramError("a configuration has no learning_rate")
        return self.learning_rate

    @property
    def mask_kind(self) -> MaskKind:
        """What is marked."""
        return self.mask or "grams"

    @property
    def uses_scorer(self) -> bool:
        """Whether the mask depends on the sentence scorer."""
        return self.mask_kind != "grams"

    def identity(self) -> dict[str, Any]:
        """Return all settings as JSON values; scale and loss are those that the run has."""
        return {**asdict(self), "scale": self.advantage_scale, "loss": self.loss_type}


def convert_settings(cls: type[Any], settings: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """Return `settings` by the fields of the dataclass `cls`, in the types of its fields; see `RunConfig.from_mapping`.

    >>> convert_settings(RunConfig, {"learning-rate": 1, "steps": 5.0})
    {'learning_rate': 1.0, 'steps': 5}
    """
    types = {setting.name: setting.type for setting in fields(cls)}
    prefix = f"{where}: " if where else ""
    field_settings = {}
    for key, setting in settings.items():
        name = key.replace("-", "_")
        if name not in types:
            near_names = get_close_matches(name, list(types), n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(near_names)}?" if near_names else f"the settings are {', '.join(types)}"
            raise UsageError(f"{prefix}unknown setting {excerpt(key)}; {hint}")
        if setting is not None or _is_optional(types[name]):
            field_settings[name] = _convert(types[name], setting, f"{prefix}{name}")
    return field_settings


_LOWER_BOUNDS = {
    "warmup_seed": 0,
    "sft_steps": 1,
    "warmup_steps": 0,
    "weight_decay": 0,
    "top_p": 0,
    "top_k": 0,
    "beta": 0,
    "alpha": 0,
    "seed": 0,
    "steps": 1,
    "prompts": 1,
    "max_tokens": 1,
    "clip_low": 0,
    "clip_high": 0,
    "iterations": 1,
    "accumulation": 1,
    "entropy_coef": 0,
    "siren_coef": 0,
    "lora_rank": 0,
    "refresh_lexicon": 0,
    "eval_samples": 1,
    "eval_every": 0,
    "save_every": 1,
    "threads": 1,
    "placebo_draw": 0,
    "min_mask_share": 0,
    "temperature": 0,
    "learning_rate": 0,
}
_TYPE_NAMES = {float: "a number", int: "an integer", str: "a string", bool: "true or false", Mapping: "a table"}


def _is_optional(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, UnionType) and type(None) in get_args(annotation)


def _convert(annotation: Any, setting: Any, where: str) -> Any:
    """Return `setting` in the type of a field's `annotation`. Raise `UsageError` if it has another type."""
    if _is_optional(annotation):
        if setting is None:
            return None
        annotation = next(member for member in get_args(annotation) if member is not type(None))
    if get_origin(annotation) is Literal:
        annotation = str
    if get_origin(annotation) is not None:
        annotation = Mapping
    is_wrong_bool = isinstance(setting, bool) and annotation is not bool
    if annotation is float and isinstance(setting, int) and not is_wrong_bool:
        return float(setting)
    if annotation is int and isinstance(setting, float) and setting.is_integer():
        return int(setting)
    if is_wrong_bool or not isinstance(setting, annotation):
        raise UsageError(f"{where} must be {_TYPE_NAMES[annotation]} (got {excerpt(repr(setting))})")
    return setting
