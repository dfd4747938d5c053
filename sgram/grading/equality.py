"""Whether two mathematical answers are equal, by math-verify. Knows nothing about responses, rewards or time limits.

Runs in the worker process only: it may compute for ever (``9^{9^{9^9}}``), so whoever asks must be ready to kill it.
math-verify's own limits are switched off, since they need signals.

Both answers are read as the content of ``\\boxed{}``, an unmarked one by math-verify's search through the text. Three
departures: words ("Evelyn", "\\text{odd}") are compared as words, not as products of letters; where the reference is a
number, a sentence with one number in it ("18 dollars") is that number, and so is what an unmarked response ends on
(`stated`).
"""

import logging
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from math_verify import parse, verify

from sgram.grading.stated import only_number, stated_number

logging.getLogger("math_verify").setLevel(logging.CRITICAL)  # it says once that its limits are off

_WORDS = re.compile(r"[A-Za-z][A-Za-z'-]*(?: [A-Za-z][A-Za-z'-]*)*")
_TEXT = re.compile(r"\\(?:text|textbf|mathrm|textit|mbox)\s*\{([^{}]*)\}")
_IS_NUMBER = re.compile(r"[-+]?\s*(?:\\?\$)?\s*(?:\d[\d,]*(?:\.\d+)?|\.\d+|\d+/\d+|\\[dt]?frac\{\d+\}\{\d+\})")
_MOST_OPERATIONS = 40
_LARGEST_EXPONENT = 64
_LONGEST = 200


def reply(question: Mapping[str, Any]) -> dict[str, Any]:
    """Whether ``answer`` equals ``reference``; ``marked`` says that it is an answer and nothing else.

    ``{"correct": True or False, "answer": one string for answers that are equal, None where there is none}``, or
    ``{"fault": why}`` where the reference says nothing that could be compared.
    """
    reference, answer = _cleaned(question["reference"]), question["answer"]
    marked, is_number = question["marked"], _IS_NUMBER.fullmatch(reference)
    if marked:
        answer = _cleaned(answer)
        if is_number and (number := only_number(answer)):
            answer = number
    elif is_number and (number := stated_number(answer)):
        answer, marked = number, True
    words = _words(reference)
    if words is not None:
        said = _words(answer, 1) if marked else None
        if said is not None or not marked:
            return {"correct": said == words, "answer": said}
    expected = _parsed(reference)
    if not expected:
        return {"fault": "the reference cannot be read as mathematics"}
    found = _parsed(answer) if marked else parse(answer, parsing_timeout=None)
    if answer != reference and all(isinstance(each, str) for each in expected):
        return {"fault": "the reference cannot be read as mathematics"}
    if answer == reference or verify(expected, found, timeout_seconds=None):
        return {"correct": True, "answer": _canonical(expected, reference)}
    told = _canonical(found, answer) if found or marked else None
    if told is not None and told == _canonical(expected, reference):
        told = f"not {told}"  # of the same look, but no match: a tuple for a set
    return {"correct": False, "answer": told}


def _cleaned(answer: str) -> str:
    """`answer` without space around it and a full stop behind it."""
    answer = " ".join(answer.split())
    return answer[:-1].rstrip() if answer.endswith(".") and not answer.endswith("..") else answer


def _words(answer: str, shortest: int = 4) -> str | None:
    """`answer` in lower case if it is words: set as text, or of at least `shortest` letters; else None."""
    plain = _TEXT.sub(r"\1", answer.strip("$ ")).strip()
    is_text = plain != answer.strip("$ ") or len(plain) >= shortest
    return plain.lower() if is_text and "\\" not in plain and _WORDS.fullmatch(plain) else None


@lru_cache(maxsize=4096)
def _parsed(answer: str) -> list[Any]:
    """What the content of a box is read as: an expression and its text, or nothing."""
    return parse(f"\\boxed{{{answer}}}", parsing_timeout=None)


def _canonical(parsed: list[Any], text: str) -> str:
    """One string for what was `parsed` from `text`: fractions for decimals, sums in one order."""
    try:
        told = str(_simple(parsed[0])) if parsed else text
    except Exception:
        told = text  # what cannot be simplified is told as it was written
    return " ".join((told if len(told) <= _LONGEST else text).split())


def _simple(value: Any) -> Any:
    """`value` with its arithmetic done, where that is surely cheap."""
    from sympy import Eq, Float, Pow, Rational, Symbol, count_ops

    if isinstance(value, str) or count_ops(value) > _MOST_OPERATIONS:
        return value
    if any(not abs(power.exp) <= _LARGEST_EXPONENT for power in value.atoms(Pow) if power.exp.is_number):
        return value
    value = value.xreplace({number: Rational(str(number)) for number in value.atoms(Float)}).doit()
    return value.rhs if isinstance(value, Eq) and isinstance(value.lhs, Symbol) else value
