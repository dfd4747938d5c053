r"""Equality of two mathematical answers, by math-verify.

Runs in the worker process only: a comparison may compute for ever (``9^{9^{9^9}}``), so the caller must be able to kill
it. math-verify's own limits are switched off, because they need signals.

Both answers are parsed as the content of ``\boxed{}``; an unmarked one by math-verify's search through the text. There
are three exceptions: words ("Evelyn", "\text{odd}") are compared as words, not as products of letters; if the reference
is a number, a sentence with one number in it ("18 dollars") is that number, and so is the number that an unmarked
response ends on (`unmarked_answers`).
"""

import logging
import re
from functools import lru_cache
from typing import Any

from math_verify import parse, verify

from sgram.grading.outcome import AnswerFault, AnswerGrade, AnswerQuestion
from sgram.grading.unmarked_answers import final_number, single_number

logging.getLogger("math_verify").setLevel(logging.CRITICAL)  # it warns that its limits are off

_WORDS = re.compile(r"[A-Za-z][A-Za-z'-]*(?: [A-Za-z][A-Za-z'-]*)*")
_TEXT = re.compile(r"\\(?:text|textbf|mathrm|textit|mbox)\s*\{([^{}]*)\}")
_IS_NUMBER = re.compile(r"[-+]?\s*(?:\\?\$)?\s*(?:\d[\d,]*(?:\.\d+)?|\.\d+|\d+/\d+|\\[dt]?frac\{\d+\}\{\d+\})")
_MAX_OPERATIONS = 40
_MAX_EXPONENT = 64
_MAX_CANONICAL_CHARS = 200
_INVALID_REFERENCE: AnswerFault = {"fault": "the reference cannot be read as mathematics"}


def reply(question: AnswerQuestion) -> AnswerGrade | AnswerFault:
    """Return the grade of the answer, or a fault if the reference cannot be compared."""
    reference, answer = _clean(question["reference"]), question["answer"]
    is_marked, is_number = question["marked"], _IS_NUMBER.fullmatch(reference)
    if is_marked:
        answer = _clean(answer)
        if is_number and (number := single_number(answer)):
            answer = number
    elif is_number and (number := final_number(answer)):
        answer, is_marked = number, True
    reference_words = _words(reference)
    if reference_words is not None:
        answer_words = _words(answer, 1) if is_marked else None
        if answer_words is not None or not is_marked:
            return {"correct": answer_words == reference_words, "answer": answer_words}
    parsed_reference = _parse_boxed(reference)
    if not parsed_reference:
        return _INVALID_REFERENCE
    parsed_answer = _parse_boxed(answer) if is_marked else parse(answer, parsing_timeout=None)
    if answer != reference and all(isinstance(expression, str) for expression in parsed_reference):
        return _INVALID_REFERENCE
    if answer == reference or verify(parsed_reference, parsed_answer, timeout_seconds=None):
        return {"correct": True, "answer": _canonical(parsed_reference, reference)}
    canonical = _canonical(parsed_answer, answer) if parsed_answer or is_marked else None
    if canonical is not None and canonical == _canonical(parsed_reference, reference):
        canonical = f"not {canonical}"  # looks equal but does not match: a tuple for a set
    return {"correct": False, "answer": canonical}


def _clean(answer: str) -> str:
    """Return `answer` without spaces around it and a full stop behind it."""
    answer = " ".join(answer.split())
    return answer[:-1].rstrip() if answer.endswith(".") and not answer.endswith("..") else answer


def _words(answer: str, min_letters: int = 4) -> str | None:
    """Return `answer` in lower case if it is words: set as text, or at least `min_letters` letters; else None."""
    plain = _TEXT.sub(r"\1", answer.strip("$ ")).strip()
    is_text = plain != answer.strip("$ ") or len(plain) >= min_letters
    return plain.lower() if is_text and "\\" not in plain and _WORDS.fullmatch(plain) else None


@lru_cache(maxsize=4096)
def _parse_boxed(answer: str) -> list[Any]:
    """Return the content of a box as math-verify parses it: an expression and its text, or nothing."""
    expressions: list[Any] = parse(f"\\boxed{{{answer}}}", parsing_timeout=None)
    return expressions


def _canonical(expressions: list[Any], text: str) -> str:
    """Return one string for equal answers: fractions for decimals, sums in one order; else the text itself."""
    try:
        canonical = str(_simplify(expressions[0])) if expressions else text
    except Exception:
        canonical = text  # an answer that cannot be simplified stays as it was written
    return " ".join((canonical if len(canonical) <= _MAX_CANONICAL_CHARS else text).split())


def _simplify(expression: Any) -> Any:
    """Return `expression` with its arithmetic done, if that is certain to be cheap."""
    from sympy import Eq, Float, Pow, Rational, Symbol, count_ops

    if isinstance(expression, str) or count_ops(expression) > _MAX_OPERATIONS:
        return expression
    if any(not abs(power.exp) <= _MAX_EXPONENT for power in expression.atoms(Pow) if power.exp.is_number):
        return expression
    expression = expression.xreplace({number: Rational(str(number)) for number in expression.atoms(Float)}).doit()
    return expression.rhs if isinstance(expression, Eq) and isinstance(expression.lhs, Symbol) else expression
