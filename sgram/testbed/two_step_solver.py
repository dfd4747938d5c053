"""The solver of the hard testbed: one attempt, no check, faults at given rates.

It announces a method, writes both steps out and gives the result. It may announce a method without reading the clues,
leave out the second step, or write a result that is wrong by one. After such a slip it goes on with the wrong number.
"""

from dataclasses import dataclass

import numpy as np

from sgram.grading.outcome import Problem
from sgram.testbed.arithmetic import split_operation
from sgram.testbed.methods import OPERATORS
from sgram.testbed.two_step_config import TwoStepConfig
from sgram.testbed.wording import ANSWER, EQUATION_LEADS


@dataclass(frozen=True, slots=True)
class Faults:
    """Rates of the solver's faults; all are probabilities."""

    insight: float = 1.0
    """Reads the clues and announces the right method; otherwise it draws from all methods evenly."""
    omits: float = 0.0
    """Leaves out the second step."""
    slips: float = 0.0
    """An equation's result is wrong by one."""


class TwoStepSolver:
    """A writer of responses; each call draws from the generator that it gets.

    >>> from sgram.testbed.problems import problems_in_split
    >>> problem = problems_in_split(TwoStepConfig(), "train")[0]
    >>> problem.prompt
    'In 9 crates are 7 pens each, some lost. How many pens?\\n'
    >>> TwoStepSolver(TwoStepConfig(execution=1), Faults())(problem, np.random.default_rng(0))
    'Maybe multiply and drop-one. This makes 9 * 7 = 63. Then 63 - 1 = 62. The answer is 62.'
    """

    def __init__(self, config: TwoStepConfig, faults: Faults) -> None:
        self._config, self._faults, self._methods = config, faults, config.available_methods

    def __call__(self, problem: Problem, rng: np.random.Generator) -> str:
        """Return one response to `problem`, without an end-of-text token."""
        config, faults = self._config, self._faults
        method = config.methods_by_key[problem.meta["method"]]
        if rng.random() >= faults.insight:
            method = self._methods[int(rng.integers(len(self._methods)))]
        openers = config.phrases["propose"]
        n_steps = 1 if rng.random() < faults.omits else 2
        numbers = {"a": int(problem.meta["a"]), "b": int(problem.meta["b"])}
        texts = []
        for step in method.steps[:n_steps]:
            first, second = step.operands(numbers)
            text, numbers["r"] = self._write_operation(first, step.operator, second, config.execution, rng)
            texts.append(text)
        opener = openers[int(rng.integers(len(openers)))]
        equations = ". Then ".join(texts)
        return f"{opener} {method.name}. {EQUATION_LEADS[0]} {equations}. {ANSWER.capitalize()} {numbers['r']}."

    def _write_operation(
        self, first: int, operator: str, second: int, depth: int, rng: np.random.Generator
    ) -> tuple[str, int]:
        """Return the text of an operation written out to `depth`, and its result with the slips in it."""
        operation, result = f"{first} {operator} {second}", OPERATORS[operator](first, second)
        part_texts: list[str] = []
        written: dict[int, int] = {}  # right result of a part -> result as written
        deviation = 0  # of the last part
        for part in split_operation(first, operator, second) if depth > 1 else []:
            part_first = written.get(part.first, part.first)
            text, part_result = self._write_operation(part_first, part.operator, part.second, depth - 1, rng)
            part_texts.append(text)
            written[part.result], deviation = part_result, part_result - part.result
        result += deviation
        if rng.random() < self._faults.slips:
            result += 1 if result == 0 or rng.random() < 0.5 else -1
        if not part_texts:
            return f"{operation} = {result}", result
        return f"{operation}: {', '.join(part_texts)}, so {operation} = {result}", result
