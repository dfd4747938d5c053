"""Answers that a response states in words: in a sentence with other numbers, as a time of day, as a duration."""

import re
from fractions import Fraction

from sgram.diagnosis.derivations import computations, digit_numbers
from sgram.diagnosis.operations import Work
from sgram.grading.answers import marked_answer
from sgram.traces import Trace

_NO_STATEMENT = re.compile(r"\W*(?:<[^>]*>|\\\]|\$\$|```)?\W*")
_TIME = re.compile(r"(\d{1,2})(?::(\d{2}))?\s*([ap])\.*\s*m?\.*", re.IGNORECASE)
_DURATION = re.compile(
    r"(\d{1,4})\s*(?:\\text\{\s*|\\[,; ])?\s*(h(?:ou)?rs?|min(?:ute)?s?|sec(?:ond)?s?)\b", re.IGNORECASE
)
_SECONDS = {"h": 3600, "m": 60, "s": 1}


def last_statement(text: str) -> str:
    """Return the last line of a text that says something.

    >>> last_statement("It is 4.\\n\\\\]\\n")
    'It is 4.'
    """
    lines = [line for line in text.splitlines() if not _NO_STATEMENT.fullmatch(line)]
    return lines[-1] if lines else ""


def states_reference(trace: Trace, work: Work, reference: Fraction | None) -> bool:
    """Return whether a response computes `reference` last and states it, though its answer is marked nowhere.

    Its last line must have no other number that the problem does not name: "3 loaves cost $4 more than 2 bagels".

    >>> from sgram.diagnosis.operations import extract_work
    >>> prompt = "Bread is $2, a bagel $1. How much more are 3 loaves than 2 bagels?"
    >>> trace = Trace(id="1", prompt=prompt, text="3*2 - 2*1 = 6 - 2 = 4\\n3 loaves are $4 more than 2 bagels.")
    >>> states_reference(trace, extract_work(trace), Fraction(4))
    True
    """
    if reference is None or not trace.prompt or marked_answer(trace.text) is not None:
        return False
    own = computations(work, trace.text)
    if not own or own[-1].result != reference:
        return False
    return digit_numbers(last_statement(trace.text)) - digit_numbers(trace.prompt) == {reference}


def is_same_time(answer: str, reference: str) -> bool:
    """Return whether two texts are the same time of day in another spelling.

    >>> is_same_time("4:30 p.m.", "4:30p.."), is_same_time("4:30 pm", "4:30 am")
    (True, False)
    """
    times = [_TIME.fullmatch(text.strip()) for text in (answer, reference)]
    if times[0] is None or times[1] is None:
        return False
    first, second = ((int(time[1]), int(time[2] or 0), time[3].lower()) for time in times if time is not None)
    return first == second


def other_form(trace: Trace, answer: str | None, reference: Fraction | None) -> str | None:
    """Return how the answer is the reference in another form, as a time of day or a duration; None if it is not.

    >>> other_form(Trace(id="1", text="It takes **3 hours 45 minutes**."), "3", Fraction(225))
    '3 hours 45 minutes is 225 minutes'
    """
    if reference is None:
        return None
    time = _TIME.fullmatch((answer or "").replace(" 00", ":00").strip())
    if time is not None and int(time[1]) == reference and not int(time[2] or 0):
        return f"{answer} is {reference} o'clock"
    parts = _DURATION.findall(last_statement(trace.text))[-3:]
    seconds = sum(int(number) * _SECONDS[unit[0].lower()] for number, unit in parts)
    if len({unit[0].lower() for _, unit in parts}) < 2:
        return None
    for unit, size in (("seconds", 1), ("minutes", 60), ("hours", 3600)):
        if Fraction(seconds, size) == reference:
            return f"{' '.join(f'{number} {unit}' for number, unit in parts)} is {reference} {unit}"
    return None
