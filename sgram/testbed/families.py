"""The families of testbeds: stories, methods of two steps, and roles. A family is found by the type of its settings.

Beside the data that the settings hold (methods, phrases), a family has a tokenizer, and a warm-up of one or more
stages, each with a solver whose responses the policy imitates.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from sgram.grading.outcome import Problem
from sgram.testbed.examples import Example
from sgram.testbed.problems import AnyConfig, TestbedConfig
from sgram.testbed.role_examples import RoleExamples
from sgram.testbed.role_tokenizer import train_role_tokenizer
from sgram.testbed.roles_config import RolesConfig
from sgram.testbed.solver import Solver
from sgram.testbed.story_tokenizer import train_tokenizer
from sgram.testbed.two_step_config import TwoStepConfig
from sgram.testbed.two_step_solver import Faults, TwoStepSolver
from sgram.testbed.warmup_config import WarmUpConfig
from sgram.testbed.word_tokenizer import make_word_tokenizer

Writer = Callable[[Problem, np.random.Generator], str]
"""A solver: writes a response to a problem."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the warm-up: supervised steps on the responses of one solver."""

    steps: int
    rate: float
    """Factor of the learning rates."""
    write_response: Writer
    write_example: Callable[[Problem, np.random.Generator], Example] | None = None
    """Writes what is learned; None: the responses to the problems."""

    def draw_example(self, problem: Problem, rng: np.random.Generator) -> Example:
        """Return what is learned from a draw of `problem`."""
        if self.write_example is not None:
            return self.write_example(problem, rng)
        return Example(str(problem.prompt), self.write_response(problem, rng))


@dataclass(frozen=True, slots=True)
class Family:
    """What the settings of one type decide. Each function gets the settings first."""

    warm_up: Callable[[Any], WarmUpConfig]
    """Default size and training of the tiny policy."""
    stages: Callable[[Any, WarmUpConfig], tuple[Stage, ...]]
    make_tokenizer: Callable[[Any, int], str]
    """Returns the tokenizer as JSON; the number is the largest size of its vocabulary."""
    batches_by_length: bool
    """Whether the responses of a batch of the warm-up have similar lengths, so that few tokens are padding.

    In the family of two steps they do not: such a batch would have methods of one kind only, and the policy would not
    learn which number of the problem a method takes (docs/testbed.md).
    """
    rows_a_pass: int | None = None
    """Rows of similar length that go through the model together in a step of the warm-up; None: the whole batch."""


def family_of(config: AnyConfig) -> Family:
    """Return the family of a testbed's settings.

    >>> [stage.steps for stage in family_of(TwoStepConfig()).stages(TwoStepConfig(), WarmUpConfig(steps=600))]
    [600, 100]
    """
    return _FAMILIES[type(config)]


def default_warm_up(config: AnyConfig, seed: int = 0, steps: int | None = None) -> WarmUpConfig:
    """Return the warm-up of a testbed; `steps` are those of its first stage, None: as many as it needs.

    >>> default_warm_up(TestbedConfig()).steps, default_warm_up(TwoStepConfig(), steps=50).steps
    (500, 50)
    """
    warm_up = family_of(config).warm_up(config)
    return replace(warm_up, seed=seed, **({} if steps is None else {"steps": steps}))


def _story_stages(config: TestbedConfig, warm_up: WarmUpConfig) -> tuple[Stage, ...]:
    return (Stage(warm_up.steps, 1.0, Solver(config)),)


def _two_step_stages(config: TwoStepConfig, warm_up: WarmUpConfig) -> tuple[Stage, ...]:
    """Return two stages: capable, then sloppy. Faults from the start would keep arithmetic from being learned."""
    capable = TwoStepSolver(config, Faults(config.insight))
    sloppy = TwoStepSolver(config, Faults(config.sloppy_insight, config.omits, config.slips))
    return (Stage(warm_up.steps, 1.0, capable), Stage(config.sloppy_steps, config.sloppy_rate, sloppy))


def _role_stages(config: RolesConfig, warm_up: WarmUpConfig) -> tuple[Stage, ...]:
    """Return one stage, and a short second one if verdicts are wrong now and then: they are hardly learned at once."""
    right = RoleExamples(config.with_right_verdicts())
    stages = (Stage(warm_up.steps, 1.0, right.solver, right),)
    if not config.learns_verdicts_apart:
        return stages
    faulty = RoleExamples(config)
    return (*stages, Stage(config.verdict_steps, 0.3, faulty.solver, faulty))


_FAMILIES: Mapping[type[AnyConfig], Family] = MappingProxyType(
    {
        TestbedConfig: Family(lambda config: WarmUpConfig(), _story_stages, train_tokenizer, batches_by_length=True),
        TwoStepConfig: Family(
            lambda config: WarmUpConfig(steps=600, batch=config.warmup_batch),
            _two_step_stages,
            lambda config, vocabulary: make_word_tokenizer(config),
            batches_by_length=False,
        ),
        RolesConfig: Family(
            lambda config: WarmUpConfig(steps=2500, batch=32, vocabulary=800),
            _role_stages,
            train_role_tokenizer,
            batches_by_length=False,
            rows_a_pass=8,
        ),
    }
)
