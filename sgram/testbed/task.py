"""The built-in task: word problems, their judge and their known truth.

A right response announces the method that the problem's clue asks for, carries it out and gives the answer. An error
has one of three causes: the plan (the method announced last is wrong, or the response ends without an answer), its
execution (the right method, a wrong answer), or form (no method is announced; the answer then does not count). Shares
of these causes mislead where ever more methods become right, because only then can an execution fail. So an outcome
also says by itself whether the method is right, and whether the announced one, right or wrong, is carried out.
`sgram.testbed.response_parser` lists what the judge does not recognize.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sgram.errors import UsageError
from sgram.files import excerpt
from sgram.grading.outcome import ERROR_KINDS, ErrorKind, Problem, Split, TaskOutcome
from sgram.lexicon import Cluster, Gram, Lexicon
from sgram.tagging.spans import Span
from sgram.testbed.methods import SolutionMethod
from sgram.testbed.problems import AnyConfig, TestbedConfig, problems_in_split
from sgram.testbed.response_parser import ParsedResponse, find_answer, is_execution_right, make_parser
from sgram.testbed.two_step_config import TwoStepConfig
from sgram.testbed.wording import METHOD_MOVE, MOVE_OF_KIND
from sgram.text import gram_words

PRESETS: Mapping[str, AnyConfig] = MappingProxyType(
    {
        "default": TestbedConfig(),
        "middle": TestbedConfig(execution=2),
        "long": TestbedConfig(methods=5, largest=99, execution=3),
        "hard": TwoStepConfig(),
    }
)
"""Settings by name, planning from two fifths of the tokens to less than a tenth; "hard": 20 methods of two steps."""
RIGHT_METHOD, RIGHT_EXECUTION = "testbed/right_method", "testbed/right_execution"
"""Names of the details of an outcome: the method announced last is right; it is carried out, whichever it is."""
RIGHT_RESULT = "testbed/right_result"
"""Name of a detail: the answer is that of the method announced last, right or wrong, whatever is written between."""


class Testbed:
    """The task of a `TestbedConfig` or a `TwoStepConfig`; a `TaskWithTruth`.

    >>> testbed = Testbed()
    >>> problem = testbed.problems("train")[0]
    >>> problem.prompt
    'With 8 trays of 2 coins come 8 extra coins. How many coins?\\n'
    >>> testbed.judge([problem], ["Let's try to multiply and add the first. The answer is 24."])[0].reward
    1.0
    """

    __test__ = False  # for pytest: not a class of tests
    error_kinds: frozenset[ErrorKind] = frozenset(ERROR_KINDS)

    def __init__(self, config: AnyConfig = TestbedConfig()) -> None:  # noqa: B008  frozen
        self.config = config
        self._parser = make_parser(config)
        self.name = "testbed"

    def problems(self, split: Split) -> tuple[Problem, ...]:
        """Return the problems of a split, the same at every call."""
        return problems_in_split(self.config, split)

    def judge(self, problems: Sequence[Problem], responses: Sequence[str]) -> list[TaskOutcome]:
        """Return one outcome a response: reward 1.0 if correct, else 0.0 with the kind of error.

        Its details are `RIGHT_METHOD` and, if a method is announced, `RIGHT_EXECUTION` and `RIGHT_RESULT`.

        Raise `UsageError` if the lengths differ or a problem is not one of the testbed's.
        """
        if len(problems) != len(responses):
            raise UsageError(
                f"testbed: one response a problem is required (got {len(responses)} for {len(problems)} problems)"
            )
        return [self._judge_response(problem, text) for problem, text in zip(problems, responses, strict=True)]

    def _judge_response(self, problem: Problem, response: str) -> TaskOutcome:
        method, a, b = self._method_and_numbers(problem)
        announcements, answer = self._parser.find_announcements(response), find_answer(response)
        if not announcements:
            return TaskOutcome(0.0, False, answer, "format", {RIGHT_METHOD: False})
        is_planned = announcements[-1][1] == method
        is_executed = is_execution_right(announcements[-1], a, b, response, answer, self.config.execution)
        has_result = answer == str(announcements[-1][1].answer(a, b))
        details = {RIGHT_METHOD: is_planned, RIGHT_EXECUTION: is_executed, RIGHT_RESULT: has_result}
        if answer == str(method.answer(a, b)):
            return TaskOutcome(1.0, True, answer, None, details)
        error: ErrorKind = "procedural" if is_planned and answer is not None else "strategic"
        return TaskOutcome(0.0, False, answer, error, details)

    def parse(self, problem: Problem, response: str) -> ParsedResponse:
        """Return the announcements, equations and checks of a response, and their errors."""
        method, a, b = self._method_and_numbers(problem)
        clue = method.stories[problem.meta["story"]].clue
        return self._parser.parse(method, a, b, clue, response, self.config.execution)

    def planning_spans(self, problem: Problem, response: str) -> list[Span]:
        """Return the true planning spans, in order; they do not overlap and do not depend on the problem."""
        return self._parser.find_planning_spans(response)

    def lexicon(self) -> Lexicon:
        """Return the planning phrases, one cluster a kind, and the names of the methods in play, one cluster each."""
        clusters = [_cluster(phrases, MOVE_OF_KIND[kind]) for kind, phrases in self.config.phrases.items()]
        clusters += [_cluster((method.name,), METHOD_MOVE) for method in self.config.available_methods]
        return Lexicon.build("testbed", clusters, {"method": "phrases of the testbed"})

    def _method_and_numbers(self, problem: Problem) -> tuple[SolutionMethod, int, int]:
        """Return the method and the numbers of a problem. Raise `UsageError` if it is not one of the testbed's."""
        meta: Mapping[str, Any] = problem.meta
        try:
            return self.config.methods_by_key[meta["method"]], int(meta["a"]), int(meta["b"])
        except (KeyError, TypeError, ValueError):
            name = excerpt(str(problem.id), 80)
            raise UsageError(f"problem {name} is not one of the testbed's; use those of Testbed.problems()") from None

    def close(self) -> None:
        """Do nothing: the testbed starts no process."""


def _cluster(phrases: Sequence[str], move: str) -> Cluster:
    grams = tuple(Gram(gram_words(phrase)) for phrase in phrases)
    return Cluster(0, grams, None, grams[0].text, move)
