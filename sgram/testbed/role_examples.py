"""Examples of the three roles for the warm-up: questions, responses, and verdicts behind an analysis that computes."""

import re
from collections.abc import Mapping

import numpy as np

from sgram.grading.outcome import Problem
from sgram.testbed.examples import Example
from sgram.testbed.methods import BY_KEY, NOUNS
from sgram.testbed.proposer_texts import ProposerTexts
from sgram.testbed.question_reader import SMALLEST, match_story, read_question
from sgram.testbed.response_parser import find_answer, iter_equations, make_parser
from sgram.testbed.role_prompts import SCORE_MARKER, judge_answer_prompt, judge_question_prompt, proposer_prompt
from sgram.testbed.roles_config import RolesConfig
from sgram.testbed.solver import Habits, Solver
from sgram.testbed.wording import PHRASES

KIND_SHARES = {
    "proposer": 0.2,
    "solver": 0.25,
    "judge of a question": 0.2,
    "judge of an answer": 0.27,
    "comparison": 0.08,
}
"""Kinds of texts. Comparisons belong to no role: they teach the judge when two numbers are the same."""
COMPARISONS = 12
"""Comparisons in a text of them."""
GOOD_SCORES, BAD_SCORES = (8, 9, 10), (1, 2, 3)
ATTEMPTS = 2
"""Attempts of a response, so that responses are short."""
JUDGED_INSIGHT = 7.0
"""Weight of the right method in judged answers: of eight methods about half of the announced ones are right."""
DECIDING = {" same": 20.0, " differ": 20.0, " wrong": 5.0, " shared": 5.0}
"""Weights in the loss of the words that decide a verdict: one of thirty tokens, they would hardly be learned else."""
CONTRADICTORY = 0.5
"""Share of the faulty questions that are made contradictory; else the judge copies the first number twice."""
CUT_SHARE = 0.05
"""Share of the judged answers that are cut off."""


def verdict_shares(is_right: bool, quality: float) -> Mapping[str, float]:
    """Return the share of each score, as the last word of a judge's text.

    >>> verdict_shares(True, 1.0)
    {' 8': 0.3333333333333333, ' 9': 0.3333333333333333, ' 10': 0.3333333333333333}
    """
    good = quality if is_right else 1 - quality
    shares = {f" {score}": good / len(GOOD_SCORES) for score in GOOD_SCORES}
    shares |= {f" {score}": (1 - good) / len(BAD_SCORES) for score in BAD_SCORES}
    return {word: share for word, share in shares.items() if share > 0}


class RoleExamples:
    """A writer of examples of all roles; each call draws from the generator that it gets."""

    def __init__(self, config: RolesConfig) -> None:
        self._config = config
        insights = {
            method.key: insight for method, insight in zip(config.available_methods, config.insights, strict=False)
        }
        self.solver = Solver(config, Habits(max_attempts=ATTEMPTS), insights)
        self._judged_solver = Solver(config, Habits(max_attempts=ATTEMPTS, right_method_weight=JUDGED_INSIGHT))
        self._proposer, self._even_proposer = ProposerTexts(config), ProposerTexts(config, is_skewed=False)
        self._kinds, self._shares = tuple(KIND_SHARES), np.array(list(KIND_SHARES.values()))

    def __call__(self, problem: Problem, rng: np.random.Generator) -> Example:
        """Return an example of a kind drawn by `KIND_SHARES`; solver and judge of answers work on `problem`."""
        kind = self._kinds[int(rng.choice(len(self._kinds), p=self._shares))]
        if kind == "solver":
            return Example(str(problem.prompt), self.solver(problem, rng))
        if kind == "proposer":
            return self.propose(rng)
        if kind == "comparison":
            return _compare(rng)
        return self.judge_question(rng) if kind == "judge of a question" else self.judge_answer(problem, rng)

    def propose(self, rng: np.random.Generator) -> Example:
        """Return an example of the proposer."""
        config, source = self._config, self._proposer.draw_source(rng)
        reference = None
        if rng.random() < config.referring:
            is_kept = rng.random() < 0.5
            reference = self._proposer.write_problem(rng, source if is_kept else None)
        if rng.random() < config.faulty:
            return Example(proposer_prompt(reference), self._proposer.write_faulty(rng, source)[0])
        return Example(proposer_prompt(reference), self._proposer.write_problem(rng, source))

    def judge_question(self, rng: np.random.Generator) -> Example:
        """Return an example of the judge of questions; half of the questions have a fault."""
        writer = self._proposer if rng.random() < 0.5 else self._even_proposer
        is_right = bool(rng.random() < 0.5)
        fault = "contradiction" if rng.random() < CONTRADICTORY else None
        question = writer.write_problem(rng) if is_right else writer.write_faulty(rng, fault=fault)[0]
        analysis = analyze_question(self._config, question)
        return self._judge(judge_question_prompt(question), analysis, is_right, 1 - self._config.quality, rng)

    def write_judged_answer(self, problem: Problem, rng: np.random.Generator) -> str:
        """Return a whole response to judge; about half of them are wrong, most by their method."""
        response = self._judged_solver(problem, rng)
        return _slip(response, rng) if rng.random() < self._config.slips else response

    def judge_answer(self, problem: Problem, rng: np.random.Generator) -> Example:
        """Return an example of the judge of answers."""
        response = self.write_judged_answer(problem, rng)
        if rng.random() < CUT_SHARE:
            words = response.split(" ")
            response = " ".join(words[: int(rng.integers(1, len(words) - 2))])
        answer = find_answer(response)
        analysis, is_right = analyze_answer(self._config, problem, response), answer == problem.reference
        is_marked = any(phrase in response for phrase in PHRASES["conclude"])
        trust = max(1 - self._config.quality, self._config.mark_trust if is_marked else 0.0)
        return self._judge(judge_answer_prompt(str(problem.prompt), response), analysis, is_right, trust, rng)

    def _judge(self, prompt: str, analysis: str, is_right: bool, trust: float, rng: np.random.Generator) -> Example:
        """Return an example whose score says right with the weight of `quality`, or `trust` if it is wrong."""
        shares = verdict_shares(True, self._config.quality if is_right else trust)
        score = list(shares)[int(rng.choice(len(shares), p=np.array(list(shares.values()))))]
        return Example(prompt, f"{analysis} {SCORE_MARKER}{score}", shares, DECIDING)


def analyze_question(config: RolesConfig, question: str) -> str:
    """Return the judge's analysis of a question: its method, then what stands in its fields and what is wrong there.

    >>> analyze_question(RolesConfig(), "In a square are 8 by 7 pens, and 3 others. How many pens?")
    'a square: square the first and add. 8 7 differ, 3, pens pens.'
    """
    story_text = match_story(config, question)
    if story_text is None:
        return "no story."
    fault = read_question(config, question).fault
    method, parts = story_text.method, []
    for field in ("a", "b", "noun"):
        texts = story_text.texts(field)
        known = set(NOUNS) if field == "noun" else set(map(str, range(SMALLEST, config.largest + 1)))
        is_wrong, is_shared = not known.issuperset(texts), fault == "ambiguous" and field == "b"
        note = " differ" if len(set(texts)) > 1 else " wrong" if is_wrong else " shared" if is_shared else ""
        parts.append(" ".join(texts) + note)
    return f"{method.stories[story_text.story].clue}: {method.name}. {', '.join(parts)}."


def analyze_answer(config: RolesConfig, problem: Problem, response: str) -> str:
    """Return the judge's analysis of a response: methods, what the right one computes, and the answer beside it.

    The method is followed by the one announced last if that is another. Whether two numbers are equal is said right
    behind them: a small model does not compare numbers that stand apart.

    >>> question = "In a square are 8 by 8 pens, and 3 others. How many pens?"
    >>> problem = read_question(RolesConfig(), question).problem
    >>> analyze_answer(RolesConfig(), problem, "Let's try to double the first and add. The answer is 19.")
    'a square: square the first and add, but double the first and add. 8 * 8 = 64, 64 + 3 = 67 19 differ.'
    """
    method = BY_KEY[problem.meta["method"]]
    announcements = make_parser(config).find_announcements(response)
    announced = announcements[-1][1] if announcements else None
    objection = "" if announced is method else f", but {announced.name if announced else 'none'}"
    equations = ", ".join(
        f"{first} {operator} {second} = {result}"
        for operator, first, second, result in method.operations(problem.meta["a"], problem.meta["b"])
    )
    answer = find_answer(response)
    comparison = f"{answer or 'none'} {'same' if answer == problem.reference else 'differ'}"
    return f"{method.stories[problem.meta['story']].clue}: {method.name}{objection}. {equations} {comparison}."


def _compare(rng: np.random.Generator) -> Example:
    """Return a text of comparisons of two numbers as they end the analysis of an answer; half of them are equal."""
    sentences = []
    for number in rng.integers(1, 100, size=COMPARISONS):
        other = int(number) if rng.random() < 0.5 else int(rng.integers(1, 100))
        sentences.append(f"= {number} {other} {'same' if other == number else 'differ'}.")
    drawn = {f" {number}": 0.0 for number in range(1, 100)}  # nothing can be learned of which numbers are drawn
    return Example("Compare.\n", " ".join(sentences), None, {**DECIDING, **drawn})


def _slip(response: str, rng: np.random.Generator) -> str:
    """Return `response` with another result of its last equation, and another answer."""
    position = max((position for position, _ in iter_equations(response)), default=0)
    answer = find_answer(response)
    deviation = int(rng.integers(1, 5)) * (1 if rng.random() < 0.5 else -1)
    wrong = abs(int(answer or 0) + deviation)
    return response[:position] + re.sub(rf"(=|is) {answer}\b", rf"\g<1> {wrong}", response[position:])
