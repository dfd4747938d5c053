"""One training run, as a value that can be written down and read back. Knows nothing about how it is carried out."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from types import UnionType
from typing import Any, Literal, get_args, get_origin

from sgram.errors import UsageError
from sgram.files import excerpt

Scale = Literal["none", "std"]
Schedule = Literal["linear", "constant", "cosine"]


@dataclass(frozen=True, slots=True)
class RunConfig:
    """What shapes a run; the same configuration and seed give the same weights. Every field is a flag of `sgram train`.

    The defaults train the built-in testbed in about two minutes on a laptop's CPU.
    """

    task: str = "testbed"
    """"testbed", "gym:<dataset>", or a path of JSONL problems."""
    task_options: Mapping[str, Any] = field(default_factory=dict)
    model: str = "testbed"
    """"testbed" (a tiny model, warmed up on the task), "smollm2", or a Hugging Face folder or name."""
    warmup_seed: int = 0
    warmup_steps: int | None = None
    """Supervised steps of the tiny model; None: as many as it takes to begin to solve problems."""
    method: str = "hicra"
    alpha: float = 0.2
    lexicon: str = "task"
    """"task" (the task's own phrases), "mined" (from what the starting policy samples), a preset or a file."""
    placebo_draw: int | None = None
    """Number of the placebo's draw; None: the seed."""
    seed: int = 0
    steps: int = 80
    prompts: int = 8
    """Problems a step."""
    samples: int = 8
    """Responses to each problem: the size of a group."""
    max_tokens: int = 112
    learning_rate: float = 5e-4
    schedule: Schedule = "linear"
    temperature: float = 1.0
    scale: Scale = "std"
    """Whether a group's advantages are divided by their standard deviation (GRPO) or not (the HICRA paper, Dr.GRPO)."""
    loss: str = "dapo"
    """TRL's loss_type."""
    clip_low: float = 0.2
    clip_high: float = 0.28
    iterations: int = 1
    accumulation: int = 1
    entropy_coef: float | None = None
    siren_coef: float | None = None
    method_options: Mapping[str, Any] = field(default_factory=dict)
    lora_rank: int = 0
    """Rank of LoRA adapters; 0: all weights are trained."""
    bf16: bool = False
    refresh_lexicon: int = 0
    """Steps after which the lexicon is mined anew from recent rollouts; 0: never."""
    eval_samples: int = 480
    """Responses to held-out problems, before and after."""
    eval_every: int = 0
    """Steps between measurements on held-out problems; 0: only before and after."""
    save_every: int = 10
    threads: int = 1
    """CPU threads of PyTorch. The last digits of a result depend on it."""

    def __post_init__(self):
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= least):
                raise UsageError(f"{name} is a number from {least}, not {value}")
        if self.samples < 2:
            raise UsageError("samples is at least 2: an advantage compares a response with others to the same problem")
        if self.prompts * self.samples % self.accumulation:
            raise UsageError(
                f"accumulation {self.accumulation} does not divide a step's {self.prompts * self.samples} responses"
            )
        if self.temperature <= 0 or self.learning_rate <= 0:
            raise UsageError("temperature and learning_rate are numbers above 0")
        for name in ("scale", "schedule"):
            known = get_args(Scale if name == "scale" else Schedule)
            if getattr(self, name) not in known:
                raise UsageError(f"{name} is one of {', '.join(known)}, not {excerpt(str(getattr(self, name)))}")
        for name in ("task_options", "method_options"):
            object.__setattr__(self, name, dict(sorted(getattr(self, name).items())))

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any], where: str = "") -> "RunConfig":
        """The configuration that `given` writes down; `UsageError` names a wrong key or type, and `where`."""
        known = {each.name: each.type for each in fields(cls)}
        at = f"{where}: " if where else ""
        values = {}
        for key, value in given.items():
            name = key.replace("-", "_")
            if name not in known:
                close = get_close_matches(name, list(known), n=3, cutoff=0.5)
                hint = f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(known)}"
                raise UsageError(f"{at}there is no setting {excerpt(key)}; {hint}")
            if value is not None or _is_optional(known[name]):
                values[name] = _as(known[name], value, f"{at}{name}")
        return cls(**values)

    def identity(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return asdict(self)


_LEAST = {
    "warmup_seed": 0,
    "warmup_steps": 1,
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
    "temperature": 0,
    "learning_rate": 0,
}


def _is_optional(kind: Any) -> bool:
    return get_origin(kind) is UnionType and type(None) in get_args(kind)


def _as(kind: Any, value: Any, where: str) -> Any:
    """`value` as a field of type `kind`."""
    if _is_optional(kind):
        if value is None:
            return None
        kind = next(each for each in get_args(kind) if each is not type(None))
    if get_origin(kind) is Literal:
        kind = str
    if get_origin(kind) is not None:
        kind = Mapping
    wrong = isinstance(value, bool) if kind is not bool else False
    if kind is float and isinstance(value, int) and not wrong:
        return float(value)
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if wrong or not isinstance(value, kind):
        names = {float: "a number", int: "a whole number", str: "a text", bool: "true or false", Mapping: "a table"}
        raise UsageError(f"{where} is {names[kind]}, not {excerpt(repr(value))}")
    return value
