"""Flags and TOML file of ``sgram evolve``, read into one configuration."""

from dataclasses import dataclass, fields, make_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from sgram.cli.train_config import HELP as TRAIN_HELP
from sgram.cli.train_config import (
    arm_names,
    check_jobs,
    merge_settings,
    read_config,
    seed_numbers,
    setting_flag,
    verb_settings,
)
from sgram.files import excerpt
from sgram.training.evolve.evolve_config import EvolveConfig
from sgram.training.evolve.evolve_matrix import EvolveArm, parse_evolve_arms

VERB_KEYS = ("seeds", "warmup_seeds", "compare", "jobs")
"""Keys of a file that set the number of runs; all others are settings of a run."""
HELP = {
    **TRAIN_HELP,
    "task": "testbed, or a file of JSONL questions.",
    "model": "testbed (a tiny model warmed up on all roles), smollm2, or a Hugging Face folder or name.",
    "sft_steps": "Supervised steps of the tiny model; default: as many as the three roles need.",
    "train_roles": "Roles whose texts are trained on, such as solver,judge; default: the solver, a learned proposer, "
    "and the judge if it is the policy.",
    "proposer": "Who proposes questions: learned (current weights), frozen (those at the start), none (fixed ones).",
    "judge": "Who judges: policy (current weights), frozen (those at the start), oracle (the truth), random, or a URL.",
    "judge_model": "Name of the model behind the URL of --judge.",
    "judge_samples": "Judgments of each question and answer; the paper has 5.",
    "expected_score": "A judgment counts by its expected score, not by the one that was sampled.",
    "judge_reward": "What the judge is rewarded for: format, or calibrated (also agreement with the truth).",
    "judge_quality": "On the testbed: weight of right verdicts in the judge's warm-up, 0.5 to 1.",
    "judge_mark_trust": "On the testbed: weight of the verdict right on wrong answers with a concluding phrase there.",
    "gate": "What enters the pool: q0.5 (a quantile of recent qualities), 0.7, oracle (valid questions), or none.",
    "difficulty": "Whether the proposer's reward has the term of difficulty: on or off.",
    "drop_difficulty": "A question below the gate loses the term of difficulty, as in the official code.",
    "whiten": "What means and deviations of a role count: responses (the paper), or tokens (the official code).",
    "proposals": "Proposals in each step.",
    "trials": "Answers to each proposal, which measure its difficulty and are not trained on.",
    "questions": "Questions of the pool that the solver answers in each step.",
    "answers": "Answers to each of them: the size of a group.",
    "judge_rows": "Judgments of earlier answers that the judge is trained on in each step.",
    "draw": "How questions are drawn from the pool: uniform, newest, or capped (its 256 newest).",
    "references": "Probability that a proposer is shown a question of the pool to vary; the paper has 0, 0.5 and 1.",
    "fixed_questions": "Without proposer: questions of the task (train), or those that the pool starts with (start).",
    "method": "How the advantages of the solver's texts are shaped: grpo, hicra, siren, placebo, ...",
    "lexicon": "task (the task's own phrases), a preset, or a file.",
    "max_tokens": "Maximum tokens of any text; default: 112 on the testbed, else 512.",
    "learning_rate": "Learning rate; default: 1.75e-4 on the testbed, else 1e-6, or 1e-5 with --lora-rank.",
    "scale": "Whether advantages of a role are divided by their deviation; default: the method's, else std.",
    "eval_samples": "Answers to held-out problems in each measurement.",
    "eval_proposals": "Fresh proposals in each measurement.",
    "eval_every": "Steps between measurements; 0: only before and after training.",
}

if TYPE_CHECKING:

    class EvolveFlags:
        """All fields of `EvolveConfig` as optional flags."""

        def __init__(self, **settings: Any) -> None: ...

else:
    EvolveFlags = make_dataclass(
        "EvolveFlags",
        [setting_flag(field, get_type_hints(EvolveConfig), HELP) for field in fields(EvolveConfig)],
        namespace={"__module__": __name__},  # otherwise cyclopts takes the class for one from the standard library
        frozen=True,
    )


@dataclass(frozen=True)
class EvolveMatrixFlags:
    """Number and choice of runs."""

    compare: str | None = None
    """Arms to run and compare: evolve,judge=oracle,evolve:gate=0.7:trials=4."""
    seeds: str | None = None
    """Several seeds, such as 0,1,2: one run for each."""
    warmup_seeds: str | None = None
    """Several seeds of the tiny model: all runs from each of them."""
    jobs: int | None = None
    """Runs at the same time. [default: 1]"""


@dataclass(frozen=True, slots=True)
class RequestedEvolve:
    """The runs that the flags and the file ask for."""

    config: EvolveConfig
    arms: tuple[EvolveArm, ...]
    seeds: tuple[int, ...]
    warmup_seeds: tuple[int, ...]
    jobs: int
    is_comparison: bool
    """Whether arms were named."""

    @property
    def n_runs(self) -> int:
        """Return the number of runs."""
        return len(self.arms) * len(self.seeds) * len(self.warmup_seeds)


def requested_evolve(file: Path | None, flags: Any, matrix: EvolveMatrixFlags) -> RequestedEvolve:
    """Return the runs that the file and the flags ask for; flags override the file. Raise `UsageError` if invalid."""
    names = [field.name for field in fields(EvolveConfig)]
    file_settings = {} if file is None else read_config(file, [*names, *VERB_KEYS])
    flag_settings = {name: getattr(flags, name) for name in names}
    settings = merge_settings(file_settings, flag_settings, VERB_KEYS)
    verb = verb_settings(file_settings, flag_settings, matrix, VERB_KEYS)
    config = EvolveConfig.from_mapping(settings, "" if file is None else excerpt(file))
    is_comparison = verb["compare"] is not None
    arms = parse_evolve_arms(arm_names(verb["compare"], "compare") if is_comparison else ["evolve"])
    return RequestedEvolve(
        config,
        tuple(arms),
        seed_numbers(verb["seeds"], "seeds", config.seed),
        seed_numbers(verb["warmup_seeds"], "warmup_seeds", config.warmup_seed),
        check_jobs(verb["jobs"]),
        is_comparison,
    )
