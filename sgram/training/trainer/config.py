"""What a HICRA run is told, beside what TRL's GRPO is told. Knows nothing about how a step is made."""

from dataclasses import dataclass, field
from typing import ClassVar

from trl import GRPOConfig

from sgram.errors import UsageError
from sgram.training.credit.registry import Method, MethodSettings, method

_TRL_SCALES = {"std": "group", "none": "none"}


@dataclass
class HICRAConfig(GRPOConfig):
    """TRL's `GRPOConfig` and the settings of `HICRATrainer`; every field of the former means what it means there.

    With ``method="grpo"``, or ``alpha=0``, training is TRL's GRPO to the bit. `UsageError` for settings that
    contradict each other.
    """

    method: str = field(default="hicra", metadata={"help": "Who gets credit; see sgram.training.credit.registry."})
    alpha: float = field(default=0.2, metadata={"help": "HICRA's alpha, from 0; the paper's is 0.2."})
    entropy_bonus: float | None = field(
        default=None, metadata={"help": "Coefficient of the uniform entropy bonus, for method entropy."}
    )
    siren_coef: float | None = field(
        default=None, metadata={"help": "Coefficient of SIREN's squared distance, for method siren."}
    )
    method_options: dict | str | None = field(
        default=None, metadata={"help": "Other fields of MethodSettings, by name."}
    )
    placebo_draw: int | None = field(
        default=None, metadata={"help": "Number of the placebo's draw; None: the seed of the run."}
    )
    refresh_lexicon: int = field(
        default=0, metadata={"help": "Mine the lexicon anew from recent rollouts every so many steps; 0: never."}
    )
    recent_rollouts: int = field(default=2048, metadata={"help": "Rollouts that a refreshed lexicon is mined from."})
    success_reward: float | None = field(
        default=1.0, metadata={"help": "Reward from which a response counts as correct in pass@k; None: not known."}
    )
    save_rollouts: bool = field(
        default=True, metadata={"help": "Write what was sampled to <output_dir>/rollouts/, as traces."}
    )
    drop_finished_rows: bool = field(
        default=False,
        metadata={"help": "Sample with a loop that drops finished rows; for small models, where it is faster."},
    )

    _VALID_DICT_FIELDS: ClassVar = [*GRPOConfig._VALID_DICT_FIELDS, "method_options"]

    def __post_init__(self):
        if self.num_generations is not None and self.num_generations < 2:
            raise UsageError(
                f"num_generations is {self.num_generations}: a group of one has no mean to differ from; give at least 2"
            )
        super().__post_init__()
        chosen = self.chosen
        self.method_settings  # noqa: B018 (raises for a wrong setting here, not at the first step)
        if self.refresh_lexicon < 0 or self.recent_rollouts < 1:
            raise UsageError("refresh_lexicon is a number of steps from 0, recent_rollouts one from 1")
        if chosen.scale_rewards is not None:
            self.scale_rewards = _TRL_SCALES[chosen.scale_rewards]
        if chosen.loss is not None:
            self.loss_type = chosen.loss
        if chosen.penalty == "entropy":  # TRL has this term itself
            self.entropy_coef = self.method_settings.entropy_coef

    @property
    def chosen(self) -> Method:
        """The method by its name."""
        return method(self.method)

    @property
    def method_settings(self) -> MethodSettings:
        """The knobs of the methods."""
        named = {
            "alpha": self.alpha,
            "entropy_coef": self.entropy_bonus,
            "siren_coef": self.siren_coef,
            "epsilon_low": self.epsilon,
            "epsilon_high": self.epsilon_high,
        }
        given = {name: value for name, value in named.items() if value is not None}
        try:
            return MethodSettings(**{**given, **(self.method_options or {})})
        except TypeError as error:
            known = ", ".join(MethodSettings.__dataclass_fields__)
            raise UsageError(f"method_options: {error}; the options are {known}") from error

    @property
    def generate_every(self) -> int:
        """Micro-batches from one sampling to the next."""
        return self.steps_per_generation * self.num_iterations
