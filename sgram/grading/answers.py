"""Where in a response its answer stands, read off the text alone. Knows nothing about whether an answer is right.

In this order: what the last ``<answer>...</answer>`` holds; else the last whole ``\\boxed{...}``; else, where wanted,
what follows the last ``####`` (GSM8K). An answer may be wrapped twice (``<answer>\\boxed{7}</answer>``). What is longer
than `MAX_ANSWER` is no answer, so that whoever judges it has little to read, however long the response is.
"""

import re

MAX_ANSWER = 2000
"""Most characters of an answer."""
MAX_TAIL = 1000
"""Most characters at a response's end in which an unmarked answer is looked for."""
_TRIES = 16
"""Marks that are tried from the end: a response of nothing but broken marks costs no more than one with few."""

INSTRUCTION = "Put your final answer in \\boxed{}."
TAGGED = "Think first, then give your final answer, and nothing else, between <answer> and </answer>."


def marked_answer(response: str, hashes: bool = True, most: int = MAX_ANSWER) -> str | None:
    """What the response marks as its answer, stripped; None where it marks none, or an empty or too long one."""
    found = _tagged(response, most)
    if found is None:
        found = _boxed(response, most)
    if found is None and hashes:
        found = _after_hashes(response, most)
    return None if found is None else _unwrapped(found) or None


def last_line(response: str) -> str | None:
    """The last line that is not blank; None where there is none, or where it is too long to be an answer."""
    line = response[-2 * MAX_ANSWER :].rstrip().rpartition("\n")[2].strip()
    return line if 0 < len(line) <= MAX_ANSWER else None


def tail(response: str) -> str | None:
    """The end of the response, from the beginning of a word on; None where it is blank."""
    kept = response[-2 * MAX_TAIL :].rstrip()
    if len(kept) > MAX_TAIL:
        kept = kept[-MAX_TAIL:]
        kept = (re.search(r"\s.*", kept, re.DOTALL) or [""])[0]  # a number that is cut through is another number
    return kept.strip() or None


def _unwrapped(answer: str) -> str:
    """`answer` without a ``\\boxed{}`` that is all of it."""
    answer = answer.strip()
    inner = _braced(answer, len("\\boxed"), len(answer)) if answer.startswith("\\boxed{") else None
    return inner.strip() if inner is not None and len(inner) + len("\\boxed{}") == len(answer) else answer


def _tagged(response: str, most: int) -> str | None:
    end = len(response)
    for _ in range(_TRIES):
        end = response.rfind("</answer>", 0, end)
        if end < 0:
            return None
        start = response.rfind("<answer>", max(0, end - most - len("<answer>")), end)
        if start >= 0:
            return response[start + len("<answer>") : end]
    return None


def _boxed(response: str, most: int) -> str | None:
    start = len(response)
    for _ in range(_TRIES):
        start = response.rfind("\\boxed", 0, start)
        if start < 0:
            return None
        brace = start + len("\\boxed")
        while response[brace : brace + 1] == " ":
            brace += 1
        if response[brace : brace + 1] == "{" and (inner := _braced(response, brace, most)) is not None:
            return inner
    return None


def _braced(text: str, brace: int, most: int) -> str | None:
    """What stands between the brace at `brace` and the one that closes it; None where none does in time."""
    depth, at = 0, brace
    last = min(len(text), brace + most + 2)
    while at < last:
        character = text[at]
        if character == "\\":
            at += 1  # an escaped brace is no brace
        elif character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
            if not depth:
                return text[brace + 1 : at]
        at += 1
    return None


def _after_hashes(response: str, most: int) -> str | None:
    start = response.rfind("####")
    if start < 0:
        return None
    line = response[start + 4 : start + 4 + most + 16].partition("\n")[0].strip()
    return line if len(line) <= most else None
