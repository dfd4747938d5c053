"""`HICRAConfig`: TRL's `GRPOConfig` with the settings of `HICRATrainer`."""

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from trl.trainer.grpo_config import GRPOConfig

from sgram.errors import SgramError, UsageError
from sgram.tagging.spans import check_mask_kind
from sgram.training.credit.array_backend import check_number
from sgram.training.credit.method import Method, MethodSettings
from sgram.training.credit.registry import check_name, find_method

if TYPE_CHECKING:
    MethodLike: TypeAlias = str | Method
else:
    MethodLike = str
"""A method or its name. TRL's parser makes a flag of each field and knows no unions, so that it sees a string."""
TRL_SCALES = {"std": "group", "none": "none"}
"""`scale` of `group_advantages` -> TRL's `scale_rewards`."""
_OWN_NAMES = {"entropy_coef": "entropy_bonus", "epsilon_low": "epsilon"}
"""Fields of `MethodSettings` -> those of `HICRAConfig` with another name."""
_UNSET: Any = None
"""Default of the fields of TRL that a method may prescribe: whatever else they hold, somebody gave it."""


def _prescribed_field(name: str) -> Any:
    """Return the field of `GRPOConfig` called `name` with the default `_UNSET`."""
    metadata = GRPOConfig.__dataclass_fields__[name].metadata
    help_text = f"{metadata['help']} If not given: what the method prescribes, else {_trl_default(name)!r}."
    return field(default=_UNSET, metadata={**metadata, "help": help_text})


def _trl_default(name: str) -> Any:
    return GRPOConfig.__dataclass_fields__[name].default


@dataclass
class HICRAConfig(GRPOConfig):
    """TRL's `GRPOConfig` and the settings of `HICRATrainer`. The fields of `GRPOConfig` keep their meaning.

    With ``method="grpo"`` or ``alpha=0``, training is bit for bit TRL's GRPO (with ``alpha=0`` and ratios of whole
    responses: up to rounding). A method may prescribe `loss_type` and `scale_rewards` (dr-grpo) or `entropy_coef`
    (entropy); if it does not, those that are not given are TRL's. Raise `UsageError` if settings are invalid or
    contradict each other, or if another value was given than the method prescribes. A copy with another method needs
    None for the three.

    >>> HICRAConfig("out", method="dr-grpo", use_cpu=True, bf16=False).loss_type
    'dr_grpo'
    """

    method: MethodLike = field(
        default="hicra", metadata={"help": "Credit method: a name (see sgram.training.credit.registry) or a Method."}
    )
    alpha: float = field(default=0.2, metadata={"help": "HICRA's alpha, >= 0; the paper's is 0.2."})
    entropy_bonus: float | None = field(
        default=None, metadata={"help": "Coefficient of the uniform entropy bonus, for method entropy."}
    )
    siren_coef: float | None = field(
        default=None, metadata={"help": "Coefficient of SIREN's squared distance, for method siren."}
    )
    method_options: dict[str, Any] | str | None = field(
        default=None, metadata={"help": "Additional fields of MethodSettings, by name."}
    )
    mask: str = field(
        default="grams",
        metadata={
            "help": "What is marked: grams (every gram of the lexicon, as published), sentences (planning sentences), "
            "grams-in-sentences."
        },
    )
    scorer: str = field(
        default="sgram",
        metadata={"help": "Sentence scorer of the masks sentences and grams-in-sentences: a path or a preset."},
    )
    min_mask_share: float = field(
        default=0.01,
        metadata={
            "help": "A smaller share of marked tokens over the first five steps warns, none stops the run; 0: no check."
        },
    )
    placebo_draw: int | None = field(
        default=None, metadata={"help": "Number of the placebo draw; None: the seed of the run."}
    )
    refresh_lexicon: int = field(
        default=0,
        metadata={"help": "Number of steps after which the lexicon is mined again from recent rollouts; 0: never."},
    )
    recent_rollouts: int = field(default=2048, metadata={"help": "Rollouts that a refreshed lexicon is mined from."})
    success_reward: float | None = field(
        default=1.0, metadata={"help": "Smallest reward of a correct response, for pass@k; None: unknown."}
    )
    save_rollouts: bool = field(
        default=True, metadata={"help": "Write the sampled responses to <output_dir>/rollouts/, as traces."}
    )
    drop_finished_rows: bool = field(
        default=False,
        metadata={"help": "Sample with a loop that drops finished rows; for small models, where it is faster."},
    )
    trim_padding: bool = field(
        default=False,
        metadata={
            "help": "Compute the loss in blocks of rows of similar length, without their padding; for small models on "
            "a CPU, where it is faster. SIREN, images and mixtures of experts are computed as one block."
        },
    )

    loss_type: str = _prescribed_field("loss_type")
    scale_rewards: str = _prescribed_field("scale_rewards")
    entropy_coef: float = _prescribed_field("entropy_coef")

    _VALID_DICT_FIELDS = [*GRPOConfig._VALID_DICT_FIELDS, "method_options"]  # noqa: RUF012  as TRL declares it

    def __post_init__(self) -> None:
        if self.num_generations is not None and self.num_generations < 2:
            raise UsageError(
                f"num_generations must be >= 2 (got {self.num_generations}): the advantage of a response is relative "
                "to the mean of its group"
            )
        super().__post_init__()
        method = self.credit_method
        check_name(method)  # its name stands for it in checkpoints
        self.method_settings  # noqa: B018  raises for a wrong setting here, not at the first step
        check_mask_kind(self.mask)
        check_number(self.min_mask_share, "min_mask_share", low=0, high=1)
        if isinstance(self.scorer, os.PathLike):
            self.scorer = os.fspath(self.scorer)
        if not isinstance(self.scorer, str):
            raise UsageError(
                f"scorer must be a path or the name of a preset (got {type(self.scorer).__name__}): save the scorer to "
                "a file and give its path"
            )
        if self.refresh_lexicon < 0 or self.recent_rollouts < 1:
            raise UsageError(
                f"refresh_lexicon must be >= 0 (got {self.refresh_lexicon}) and recent_rollouts >= 1 "
                f"(got {self.recent_rollouts})"
            )
        self._take_prescribed(method)

    def _take_prescribed(self, method: Method) -> None:
        """Set what the method prescribes. Raise `UsageError` if another value was given."""
        prescribed = {
            "loss_type": method.loss,
            "scale_rewards": None if method.scale_rewards is None else TRL_SCALES[method.scale_rewards],
            # TRL has the term of the entropy itself
            "entropy_coef": self.method_settings.entropy_coef if method.penalty == "entropy" else None,
        }
        for name, setting in prescribed.items():
            given = getattr(self, name)
            if setting is not None and given is not None and given != setting:
                hint = ", or set entropy_bonus" if name == "entropy_coef" else ""
                raise UsageError(
                    f"method {method.name} prescribes {name}={setting!r}, but {name}={given!r} was given: leave {name} "
                    f"out{hint}, or choose another method"
                )
            if given is None:
                setattr(self, name, _trl_default(name) if setting is None else setting)

    @property
    def credit_method(self) -> Method:
        """The method that `method` is or names."""
        return find_method(self.method)

    def to_dict(self) -> dict[str, Any]:
        """Return all settings as JSON values, as transformers does; the method by its name."""
        return {**super().to_dict(), "method": self.credit_method.name}

    def __getstate__(self) -> dict[str, Any]:
        # checkpoints hold the pickled configuration: functions of a method may be lambdas, so its name stands for it
        return {**self.__dict__, "method": self.credit_method.name}

    @property
    def method_settings(self) -> MethodSettings:
        """The settings of the methods."""
        named_settings = {
            "alpha": self.alpha,
            "entropy_coef": self.entropy_bonus,
            "siren_coef": self.siren_coef,
            "epsilon_low": self.epsilon,
            "epsilon_high": self.epsilon if self.epsilon_high is None else self.epsilon_high,  # as TRL does
        }
        options: Any = self.method_options or {}
        settings = {name: number for name, number in named_settings.items() if number is not None}
        for name in settings.keys() & set(options):
            if options[name] != settings[name]:
                own_name = _OWN_NAMES.get(name, name)
                raise UsageError(
                    f"method_options sets {name} to {options[name]}, and {own_name} is {settings[name]}: set "
                    f"{own_name} alone"
                )
        return MethodSettings.from_mapping({**settings, **options}, "method_options")

    @property
    def micro_batches_per_generation(self) -> int:
        """Micro-batches from one sampling to the next."""
        return self.n_steps_per_generation * self.num_iterations

    @property
    def n_steps_per_generation(self) -> int:
        """`steps_per_generation`, which is never None after TRL's `__post_init__`."""
        if self.steps_per_generation is None:
            raise SgramError("TRL did not set steps_per_generation")
        return self.steps_per_generation
