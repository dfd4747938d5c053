"""`EvolveConfig`: everything that determines one run of `sgram evolve`, as a value with a JSON and TOML form."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

from sgram.declarations import match_name
from sgram.errors import UsageError
from sgram.files import excerpt
from sgram.tagging.spans import MaskKind
from sgram.training.credit.registry import find_method
from sgram.training.evolve.gate import Gate
from sgram.training.evolve.pool import HowToDraw
from sgram.training.evolve.protocols import ROLES, Role
from sgram.training.experiments.run_config import RunConfig, Scale, Schedule, convert_settings
from sgram.urls import is_url

ProposerKind = Literal["learned", "frozen", "none"]
JudgeReward = Literal["format", "calibrated"]
FixedQuestions = Literal["train", "start"]
JUDGES = ("policy", "frozen", "oracle", "random")
"""Judges by name; any other judge is the URL of an endpoint."""


@dataclass(frozen=True, slots=True)
class EvolveConfig:
    """Configuration of one run of Multi-Agent Evolve (arXiv 2510.23595); the same one and seed give the same weights.

    Every field is a flag of `sgram evolve`. Raise `UsageError` if a setting is out of its bounds or contradicts another
    one.

    >>> config = EvolveConfig(judge="oracle", steps=5)
    >>> config.roles, config.rows
    (('proposer', 'solver'), 60)
    """

    task: str = "testbed"
    """"testbed", or a path of JSONL questions."""
    task_options: Mapping[str, Any] = field(default_factory=dict)
    model: str = "testbed"
    """"testbed" (a tiny model, warmed up on the texts of all three roles), "smollm2", or a Hugging Face folder or
    name."""
    chat: bool | None = None
    """Whether prompts are chats, by the tokenizer's chat template; None: where it has one."""
    warmup_seed: int = 0
    sft_steps: int | None = None
    """Supervised steps of the tiny model; None: as many as the three roles need."""
    seed: int = 0
    steps: int = 80
    train_roles: str | None = None
    """Roles whose texts are trained on, separated by commas or plus signs; None: the solver, a learned proposer, and
    the judge if it is the policy."""
    proposer: ProposerKind = "learned"
    """Who proposes: the current policy, the policy at the start, or nobody (fixed questions)."""
    judge: str = "policy"
    """Who judges: "policy" (current weights), "frozen" (those at the start), "oracle" (the task's truth), "random", or
    the URL of an endpoint."""
    judge_model: str | None = None
    """Name of the model behind the URL."""
    judge_samples: int = 1
    """Judgements of each question and answer, whose mean counts; the paper's is 5."""
    expected_score: bool = True
    """Whether a judgement counts by its expected score behind the analysis, and not by the score that it sampled."""
    judge_reward: JudgeReward = "format"
    """What the judge is rewarded for: its form (the paper), or also agreement with the truth."""
    judge_quality: float | None = None
    """On the testbed: weight of the right verdict in the texts that the judge is warmed up on, 0.5 to 1."""
    judge_mark_trust: float | None = None
    """On the testbed: weight of the verdict "right" on a wrong answer with a concluding phrase, in those texts."""
    gate: str = "q0.5"
    """What enters the pool: a quality of at least a quantile of recent ones ("q0.5"), of at least a number ("0.7"),
    valid questions ("oracle"), or every one ("none")."""
    difficulty: Literal["on", "off"] = "on"
    """Whether the proposer's reward has the term of difficulty."""
    drop_difficulty: bool = True
    """Whether a question below the gate loses the term of difficulty, as in the official code."""
    whiten: Literal["responses", "tokens"] = "responses"
    """What the mean and the deviation of a role count: its responses (the paper), or their tokens (official code)."""
    proposals: int = 20
    trials: int = 2
    """Answers to each proposal by which its difficulty is measured; they are not trained on."""
    questions: int = 10
    """Questions of the pool that the solver answers in a step."""
    answers: int = 4
    """Answers to each of them: the size of a group."""
    judge_rows: int = 12
    """Judgements of earlier answers that the judge is trained on in a step."""
    draw: HowToDraw = "uniform"
    """How questions are drawn from the pool: from all of it, the newest ones, or from its 256 newest."""
    references: float = 0.0
    """Probability that a proposer's prompt holds a question of the pool to vary; the paper has 0, 0.5 and 1."""
    fixed_questions: FixedQuestions = "train"
    """Without proposer: the questions that are trained on, those of the task or those that the pool starts with."""
    method: str = "grpo"
    """How the advantages of the solver's rows are shaped."""
    alpha: float = 0.2
    lexicon: str = "task"
    """"task" (the task's own phrases), a preset or a file."""
    mask: MaskKind | None = None
    scorer: str = "sgram"
    min_mask_share: float = 0.01
    placebo_draw: int | None = None
    siren_coef: float | None = None
    method_options: Mapping[str, Any] = field(default_factory=dict)
    max_tokens: int | None = None
    """Maximum tokens of any text; None: what the testbed's texts need, else 512."""
    learning_rate: float | None = None
    """None: 1.75e-4 on the testbed, whose model is tiny, else 1e-6, or 1e-5 for adapters."""
    schedule: Schedule = "constant"
    warmup_steps: int = 5
    weight_decay: float = 0.0
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    scale: Scale | None = None
    """Whether the advantages of a role are divided by their standard deviation; None: what the method prescribes, else
    "std"."""
    loss: str | None = None
    clip_low: float = 0.2
    clip_high: float = 0.28
    beta: float = 0.0
    iterations: int = 1
    accumulation: int = 1
    lora_rank: int = 0
    bf16: bool = False
    gradient_checkpointing: bool = False
    report_to: str = "none"
    eval_samples: int = 240
    """Answers to held-out problems in each measurement."""
    eval_proposals: int = 128
    """Fresh proposals in each measurement."""
    eval_every: int = 20
    """Steps between measurements; 0: only before and after training."""
    save_every: int = 10
    threads: int = 1

    def __post_init__(self) -> None:
        if self.max_tokens is None:
            object.__setattr__(self, "max_tokens", 112 if self.on_testbed else 512)
        if self.learning_rate is None:
            rate = 1.75e-4 if self.on_testbed else 1e-5 if self.lora_rank else 1e-6
            object.__setattr__(self, "learning_rate", rate)
        for name, low in _LOWER_BOUNDS.items():
            if getattr(self, name) < low:
                raise UsageError(f"{name} must be >= {low} (got {getattr(self, name)})")
        if not 0 <= self.references <= 1:
            raise UsageError(f"references must be >= 0 and <= 1 (got {self.references})")
        for name, choices in _CHOICES.items():
            object.__setattr__(self, name, match_name(getattr(self, name), choices))
            if getattr(self, name) not in choices:
                raise UsageError(
                    f"{name} must be one of {', '.join(choices)} (got {excerpt(str(getattr(self, name)))})"
                )
        Gate.parse(self.gate)
        self._check_judge()
        self._check_roles()
        run_config = self.run_config()  # checks the settings that both have
        for name in ("task_options", "method_options", "mask"):
            object.__setattr__(self, name, getattr(run_config, name))

    def _check_judge(self) -> None:
        object.__setattr__(self, "judge", match_name(self.judge, JUDGES))
        if self.judge not in JUDGES and not is_url(self.judge):
            raise UsageError(
                f"judge must be one of {', '.join(JUDGES)}, or the URL of an endpoint (got {excerpt(self.judge)})"
            )
        if is_url(self.judge) != (self.judge_model is not None):
            raise UsageError("the URL of a judge and judge_model, the name of its model, belong together: give both")
        if self.trials == 0 and self.difficulty == "on" and self.proposer != "none":
            raise UsageError("without trials no difficulty is known: set trials >= 1, or difficulty off")

        for name in ("judge_quality", "judge_mark_trust"):
            if getattr(self, name) is not None and self.model != "testbed":
                raise UsageError(f"{name} shapes the warm-up of the model testbed: leave it out")

    def _check_roles(self) -> None:
        for role in self.roles:
            if role not in ROLES:
                raise UsageError(f"train_roles names {excerpt(role)}; the roles are {', '.join(ROLES)}")
        if not self.roles:
            raise UsageError(f"train_roles names no role; the roles are {', '.join(ROLES)}")
        if "proposer" in self.roles and self.proposer != "learned":
            raise UsageError(f"a proposer that is {self.proposer} cannot be trained: leave it out of train_roles")
        for name, count in (("proposals", self.n_rows("proposer")), ("judge_rows", self.n_rows("judge"))):
            if count % self.answers:
                raise UsageError(
                    f"{name} must be a multiple of answers, {self.answers} (got {count}): rows are sampled in groups"
                )
        method = find_method(self.method)
        object.__setattr__(self, "method", method.name)
        if method.penalty == "entropy":
            raise UsageError(
                f"the bonus of method {self.method} acts on the texts of every role: choose siren, which acts on the "
                "solver's alone"
            )
        if self.lexicon == "mined":
            raise UsageError("lexicon mined needs a run of sgram train: mine one with sgram mine, and pass its file")
        if self.method != "grpo" and "solver" not in self.roles:
            raise UsageError(f"method {self.method} acts on the solver's texts: add solver to train_roles")

    @property
    def on_testbed(self) -> bool:
        """Whether the task is the testbed."""
        return self.task == "testbed"

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles that are trained, in the order of their rows."""
        if self.train_roles is None:
            is_trained = {"proposer": self.proposer == "learned", "solver": True, "judge": self.judge == "policy"}
            return tuple(role for role in ROLES if is_trained[role])
        names: Any = [name.strip() for name in self.train_roles.replace("+", ",").split(",") if name.strip()]
        return tuple(sorted(set(names), key=lambda name: ROLES.index(name) if name in ROLES else len(ROLES)))

    def n_rows(self, role: Role) -> int:
        """Return how many texts of a role are trained on in a step."""
        rows = {"proposer": self.proposals, "solver": self.questions * self.answers, "judge": self.judge_rows}
        return rows[role] if role in self.roles else 0

    @property
    def rows(self) -> int:
        """How many texts are trained on in a step."""
        return sum(map(self.n_rows, ROLES))

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any], where: str = "") -> "EvolveConfig":
        """Return the configuration with these `settings`, as `RunConfig.from_mapping` does.

        >>> EvolveConfig.from_mapping({"gate": 0.7}).gate
        '0.7'
        """
        gate = settings.get("gate")
        if isinstance(gate, int | float) and not isinstance(gate, bool):
            settings = {**settings, "gate": str(gate)}
        return cls(**convert_settings(cls, settings, where))

    def run_config(self) -> RunConfig:
        """Return the configuration of a run of `sgram train` with the same model, sampling, credit and updates."""
        own_fields = {setting.name for setting in fields(self)}
        settings = {
            setting.name: getattr(self, setting.name) for setting in fields(RunConfig) if setting.name in own_fields
        }
        return RunConfig(**{**settings, "prompts": self.rows // self.answers, "samples": self.answers})

    def identity(self) -> dict[str, Any]:
        """Return all settings as JSON values; roles, scale and loss are those that the run has."""
        run_config = self.run_config()
        return {
            **asdict(self),
            "train_roles": ",".join(self.roles),
            "scale": run_config.advantage_scale,
            "loss": run_config.loss_type,
        }

    @property
    def testbed_options(self) -> dict[str, Any]:
        """Settings of the testbed: `task_options`, and those of the judge's warm-up."""
        judge_settings = {"quality": self.judge_quality, "mark_trust": self.judge_mark_trust}
        return {**self.task_options, **{name: share for name, share in judge_settings.items() if share is not None}}

    @property
    def token_limit(self) -> int:
        """`max_tokens` as it is after the defaults."""
        return self.run_config().token_limit


_LOWER_BOUNDS = {
    "proposals": 1,
    "trials": 0,
    "questions": 1,
    "answers": 2,
    "judge_rows": 1,
    "judge_samples": 1,
    "eval_proposals": 0,
}
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "proposer": get_args(ProposerKind),
    "judge_reward": get_args(JudgeReward),
    "difficulty": ("on", "off"),
    "whiten": ("responses", "tokens"),
    "draw": get_args(HowToDraw),
    "fixed_questions": get_args(FixedQuestions),
}
