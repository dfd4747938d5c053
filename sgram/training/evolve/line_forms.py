"""Forms of the three roles for small models, which write "Question:", "Answer:" and "Score:" rather than tags.

The prompts are those of `ChatForms` but for the mark. A label counts at the beginning of a line, behind the thinking,
and once: a second one behind it is a fault, wherever it stands. The question lasts until an empty line, answer and
score to the end of their line. Faults have the names of `ChatForms`.
"""

import re
from dataclasses import dataclass

from sgram.training.evolve.chat_forms import ANSWER, QUESTION, SCORE, ChatForms, Content, end_of_thinking


@dataclass(frozen=True, slots=True)
class LineForms(ChatForms):
    r"""Prompts and parsers with a label in place of tags; a `RoleForms`.

    >>> LineForms().read_judgement("The sum is right.\nScore: 9").score
    9
    >>> LineForms().read_answer("It is 5.").fault
    'no-answer'
    """

    score_marker = f"{SCORE.capitalize()}:"

    def _question_instruction(self) -> str:
        return f'Begin your reply with "{QUESTION.capitalize()}:" and stop after the problem.'

    def _answer_instruction(self) -> str:
        return f'Solve it step by step. End with a line that has "{ANSWER.capitalize()}:" and the answer alone.'

    def _score_instruction(self) -> str:
        return f'End with a line that has "{self.score_marker}" and the score alone, a whole number.'

    def _holds(self, text: str, tag: str) -> bool:
        return f"{tag.capitalize()}:" in text

    def _read(self, text: str, tag: str) -> Content:
        """Return what stands behind the label."""
        start = end_of_thinking(text)
        if start is None:
            return Content(fault="unfinished-thinking")
        body, label = text[start:], f"{tag.capitalize()}:"
        match = re.search(rf"^[ \t]*({label})", body, re.MULTILINE)
        if match is None:
            return Content(fault=f"no-{tag}")
        if label in body[match.end() :]:
            return Content(fault=f"several-{tag}s")
        if tag == QUESTION:
            content = re.split(r"\n\s*\n", body[match.end() :].lstrip(), maxsplit=1)[0].strip()
        else:
            content = body[match.end() :].partition("\n")[0].strip()
        return Content(content, start + match.start(1), None if content else f"empty-{tag}")
