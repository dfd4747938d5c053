"""The built-in task: word problems, their judge and its exact truth. Knows nothing about models or training.

A right response announces the method that the problem's clue asks for, carries it out and gives the answer.
What goes wrong has one of three causes: the plan (the method announced last is a wrong one, or the response
ends without an answer), its execution (the right method, a wrong answer), or form (no method is announced; the
answer then does not count). What the judge does not see is told by `sgram.testbed.checker`.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sgram.errors import UsageError
from sgram.files import excerpt
from sgram.grading.outcome import Problem, Split, TaskOutcome
from sgram.lexicon import Cluster, Gram, Lexicon
from sgram.tagging.spans import Span
from sgram.testbed import checker
from sgram.testbed.methods import BY_KEY, Method
from sgram.testbed.problems import TestbedConfig, methods_of, problems_of
from sgram.testbed.wording import MOVES_OF, PHRASES
from sgram.text import gram_words

PRESETS: Mapping[str, TestbedConfig] = MappingProxyType(
    {
        "default": TestbedConfig(),
        "middle": TestbedConfig(execution=2),
        "long": TestbedConfig(methods=5, largest=99, execution=3),
    }
)
"""Settings by name, planning from two fifths of the tokens to less than a tenth."""


class Testbed:
    """The task of a `TestbedConfig`; a `TaskWithTruth`."""

    __test__ = False  # no class of tests, whatever its name

    def __init__(self, config: TestbedConfig = TestbedConfig()):  # noqa: B008  frozen
        self.config = config
        self.name = "testbed"

    def problems(self, split: Split) -> tuple[Problem, ...]:
        """The problems of a split, the same at every call."""
        return problems_of(self.config, split)

    def judge(self, problems: Sequence[Problem], responses: Sequence[str]) -> list[TaskOutcome]:
        """One verdict a response, whatever it holds; reward 1.0 where correct, else 0.0, and the kind of error."""
        if len(problems) != len(responses):
            raise UsageError(f"testbed: {len(problems)} problems and {len(responses)} responses; give one for one")
        return [self._verdict(*each) for each in zip(problems, responses, strict=True)]

    def _verdict(self, problem: Problem, response: str) -> TaskOutcome:
        method, a, b = _asked(problem)
        methods, answer = checker.announced(response), checker.answer(response)
        if not methods:
            return TaskOutcome(0.0, False, answer, "format")
        if answer == str(method.answer(a, b)):
            return TaskOutcome(1.0, True, answer)
        right = methods[-1][1] is method and answer is not None
        return TaskOutcome(0.0, False, answer, "procedural" if right else "strategic")

    def read(self, problem: Problem, response: str) -> checker.Reading:
        """All that the checker finds in a response: announcements, equations, checks and their faults."""
        method, a, b = _asked(problem)
        clue = method.stories[problem.meta["story"]].clue
        return checker.read_response(self.config, method, a, b, clue, response)

    def planning_spans(self, problem: Problem, response: str) -> list[Span]:
        """The true planning spans, in order; they do not overlap, and do not depend on the problem."""
        return checker.planning_spans(response)

    def lexicon(self) -> Lexicon:
        """Planning phrases, in a cluster for each kind of move, and the names of the methods in play, each its own."""
        clusters = [_cluster(phrases, MOVES_OF[kind]) for kind, phrases in PHRASES.items()]
        clusters += [_cluster((method.name,), checker.METHOD_MOVE) for method in methods_of(self.config)]
        return Lexicon.build("testbed", clusters, {"method": "phrases of the testbed"})

    def close(self) -> None:
        """Nothing is to be ended."""


def _cluster(phrases: Sequence[str], move: str) -> Cluster:
    grams = tuple(Gram(gram_words(phrase)) for phrase in phrases)
    return Cluster(0, grams, None, grams[0].text, move)


def _asked(problem: Problem) -> tuple[Method, int, int]:
    """Method and numbers of a problem of this task."""
    meta: Mapping[str, Any] = problem.meta
    try:
        return BY_KEY[meta["method"]], int(meta["a"]), int(meta["b"])
    except (KeyError, TypeError, ValueError):
        shown = excerpt(str(problem.id), 80)
        raise UsageError(f"problem {shown} is none of the testbed's; take them from Testbed.problems()") from None
