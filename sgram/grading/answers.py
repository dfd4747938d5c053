r"""The answer that a response marks, read off its text.

The answer is, in this order: the content of the last ``<answer>...</answer>``; else of the last complete
``\boxed{...}``; else, on request, the text after the last ``####`` (GSM8K). An answer may be wrapped twice
(``<answer>\boxed{7}</answer>``). Text longer than `MAX_ANSWER_CHARS` is not an answer, so that a grader has little to
read however long the response is.
"""

import re

MAX_ANSWER_CHARS = 2000
"""Longest answer, in characters."""
MAX_TAIL_CHARS = 1000
"""Longest end of a response that is searched for an unmarked answer, in characters."""
_MAX_TRIES = 16
"""Number of marks that are tried from the end, which bounds the time for a response full of broken marks."""

BOX_INSTRUCTION = "Put your final answer in \\boxed{}."
TAG_INSTRUCTION = "Think first, then give your final answer, and nothing else, between <answer> and </answer>."


def marked_answer(response: str, hashes: bool = True, max_chars: int = MAX_ANSWER_CHARS) -> str | None:
    r"""Return the answer that the response marks, stripped; None if there is none, or it is empty or too long.

    >>> marked_answer("So \\boxed{3}. No, \\boxed{4}.")
    '4'
    >>> marked_answer("She has 3.\n#### 1,234")
    '1,234'
    """
    answer = _tagged_answer(response, max_chars)
    if answer is None:
        answer = _boxed_answer(response, max_chars)
    if answer is None and hashes:
        answer = _answer_after_hashes(response, max_chars)
    return None if answer is None else unwrap_box(answer) or None


def last_line(response: str) -> str | None:
    r"""Return the last line that is not blank; None if there is none or it is too long to be an answer.

    >>> last_line("12 + 6\nthe 18\n")
    'the 18'
    """
    line = response[-2 * MAX_ANSWER_CHARS :].rstrip().rpartition("\n")[2].strip()
    return line if 0 < len(line) <= MAX_ANSWER_CHARS else None


def response_tail(response: str) -> str | None:
    """Return the end of the response, which begins with a whole word; None if it is blank.

    >>> response_tail("The answer is 4. ")
    'The answer is 4.'
    """
    tail = response[-2 * MAX_TAIL_CHARS :].rstrip()
    if len(tail) > MAX_TAIL_CHARS:
        tail = tail[-MAX_TAIL_CHARS:]
        tail = (re.search(r"\s.*", tail, re.DOTALL) or [""])[0]  # part of a number is another number
    return tail.strip() or None


def unwrap_box(answer: str) -> str:
    r"""Return `answer` without a ``\boxed{}`` around all of it."""
    answer = answer.strip()
    content = braced(answer, len("\\boxed"), len(answer)) if answer.startswith("\\boxed{") else None
    return content.strip() if content is not None and len(content) + len("\\boxed{}") == len(answer) else answer


def _tagged_answer(response: str, max_chars: int) -> str | None:
    end = len(response)
    for _ in range(_MAX_TRIES):
        end = response.rfind("</answer>", 0, end)
        if end < 0:
            return None
        start = response.rfind("<answer>", max(0, end - max_chars - len("<answer>")), end)
        if start >= 0:
            return response[start + len("<answer>") : end]
    return None


def _boxed_answer(response: str, max_chars: int) -> str | None:
    start = len(response)
    for _ in range(_MAX_TRIES):
        start = response.rfind("\\boxed", 0, start)
        if start < 0:
            return None
        brace = start + len("\\boxed")
        while response[brace : brace + 1] == " ":
            brace += 1
        if response[brace : brace + 1] == "{" and (content := braced(response, brace, max_chars)) is not None:
            return content
    return None


def braced(text: str, brace: int, max_chars: int) -> str | None:
    """Return the text between the brace at `brace` and its closing one; None if it is longer than `max_chars`."""
    depth, position = 0, brace
    end = min(len(text), brace + max_chars + 2)
    while position < end:
        character = text[position]
        if character == "\\":
            position += 1  # an escaped brace is no brace
        elif character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
            if not depth:
                return text[brace + 1 : position]
        position += 1
    return None


def _answer_after_hashes(response: str, max_chars: int) -> str | None:
    start = response.rfind("####")
    if start < 0:
        return None
    line = response[start + 4 : start + 4 + max_chars + 16].partition("\n")[0].strip()
    return line if len(line) <= max_chars else None
