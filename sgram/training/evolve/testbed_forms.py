"""Forms of the three roles on the testbed: what each role is asked, and how its text is read.

Prompts are those of the warm-up (`sgram.testbed.role_prompts`). Only a role's own text is read, never its prompt.

======================  ================================================================================
fault                   what the text is
======================  ================================================================================
``no-question``         a proposal that does not end with a question mark
``several-lines``       a proposal of more than one line
``judge-marker``        a proposal or an answer with the judge's marker, which the judge would read
``no-method``           an answer that announces no method, which the testbed counts as wrong
``no-answer``           an answer without "the answer is" and a number
``no-score``            a judge's text without marker, or without a number right behind it
``several-scores``      a judge's text with several markers
``score-out-of-range``  a score that is not one of 1 to 10
``text-behind-score``   more text behind the score, such as a fraction
``no-analysis``         a score without a word before it
======================  ================================================================================
"""

import re

import numpy as np

from sgram.testbed import role_prompts
from sgram.testbed.question_reader import read_question
from sgram.testbed.response_parser import find_answer, make_parser
from sgram.testbed.roles_config import RolesConfig
from sgram.training.evolve.protocols import MAX_SCORE, Judgement, Reading

_MARKER = re.compile(rf"\b{role_prompts.SCORE_MARKER}\b", re.IGNORECASE)
_SCORE = re.compile(r"\s*([0-9]+)(.*)", re.ASCII | re.DOTALL)


class TestbedForms:
    """The prompts and parsers of the testbed of roles; a `RoleForms`.

    >>> forms = TestbedForms(RolesConfig())
    >>> forms.read_judgement("two crates: add both and then double. 6 + 7 = 13, 13 * 2 = 26 26 same. Score 9").score
    9
    >>> forms.read_answer("Let's try to add both and then double. The answer is 26. Score 10").fault
    'judge-marker'
    """

    __test__ = False  # for pytest: not a class of tests
    score_marker: str = role_prompts.SCORE_MARKER

    def __init__(self, config: RolesConfig) -> None:
        self._config, self._parser = config, make_parser(config)

    def proposer_prompt(self, rng: np.random.Generator, reference: str | None) -> str:
        """Return what the proposer is asked; nothing in it is drawn."""
        return role_prompts.proposer_prompt(reference)

    def solver_prompt(self, question: str) -> str:
        """Return what the solver is asked."""
        return role_prompts.solver_prompt(question)

    def judge_question_prompt(self, question: str) -> str:
        """Return what the judge is asked about a question."""
        return role_prompts.judge_question_prompt(question)

    def judge_answer_prompt(self, question: str, answer: str) -> str:
        """Return what the judge is asked about an answer."""
        return role_prompts.judge_answer_prompt(question, answer)

    def read_proposal(self, text: str) -> Reading:
        """Return the question in a proposer's text, or its fault; whether it is a problem, the task knows."""
        question = text.strip()
        if _MARKER.search(question):
            return Reading(None, "judge-marker")
        if len(question.splitlines()) > 1:
            return Reading(None, "several-lines")
        return Reading(question) if question.endswith("?") else Reading(None, "no-question")

    def read_answer(self, text: str) -> Reading:
        """Return the final answer in a solver's text, or its fault."""
        if _MARKER.search(text):
            return Reading(None, "judge-marker")
        if not self._parser.find_announcements(text):
            return Reading(None, "no-method")
        answer = find_answer(text)
        return Reading(None, "no-answer") if answer is None else Reading(answer)

    def read_judgement(self, text: str) -> Judgement:
        """Return the score at the end of a judge's text with the text before its marker, or its fault."""
        markers = list(_MARKER.finditer(text))
        match = _SCORE.match(text, markers[0].end()) if markers else None
        if match is None:
            return Judgement(text.strip(), None, "no-score")
        analysis, digits = text[: markers[0].start()].strip(), match[1]
        if len(markers) > 1:
            return Judgement(analysis, None, "several-scores")
        if match[2].strip():
            return Judgement(analysis, None, "text-behind-score")
        if not re.fullmatch(f"[1-9]|{MAX_SCORE}", digits):
            return Judgement(analysis, None, "score-out-of-range")
        if not re.search(r"\w", analysis):
            return Judgement(analysis, None, "no-analysis")
        return Judgement(analysis, int(digits))

    def normal_form(self, question: str) -> str:
        """Return method, story and numbers of a problem, whatever its noun; of another text its words.

        >>> TestbedForms(RolesConfig()).normal_form("In a square are 8 by 8 pens, and 3 others. How many pens?")
        'square/0 8 3'
        """
        reading = read_question(self._config, question)
        if reading.problem is None:
            return " ".join(question.split())
        return f"{reading.kind} {reading.problem.meta['a']} {reading.problem.meta['b']}"
