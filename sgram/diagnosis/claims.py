"""Claims that plain text makes about states and orders, checked by their own rules. Knows nothing about numbers.

Three kinds, each recognized by its form only: words in alphabetical order ("ash" < "birch"), two holders who swap
what they hold ("Ann and Bob swap: Ann: pen, Bob: cup"), and a stack of brackets after one more ("] ; stack: ( <").
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MAX_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim that could be checked."""

    right: bool
    reason: str
    """Why it is wrong; "" where it is right."""


def check_claims(steps: Sequence[str]) -> list[list[Claim]]:
    """The claims of each step that can be checked, given the steps before it."""
    found, held, stack = [], None, None
    for step in steps:
        text = step[:MAX_TEXT]
        claims = _orders(text) + _letters(text)
        state = _state(text)
        if state and held:
            claims += _swap(text, held, state)
        held = state or held
        now = _stack(text)
        if now is not None and stack is not None:
            claims += _pushed(now, stack[1])
        stack = now or stack
        found.append(claims)
    return found


# -- alphabetical order --------------------------------------------------------------------------------

_RUN = re.compile(
    r'(?:\(\d{1,3}\)\s*)?(?:"[\w\'-]{1,40}"|\[[^\[\]\n]{1,400}\])(?:\s*<\s*(?:\(\d{1,3}\)\s*)?(?:"[\w\'-]{1,40}"|\[[^\[\]\n]{1,400}\]))+'
)
_MEMBER = re.compile(r'(?:\((\d{1,3})\)\s*)?("[\w\'-]{1,40}"|\[[^\[\]\n]{1,400}\])')
_QUOTED = re.compile(r'"([\w\'-]{1,40})"')


def _orders(text: str) -> list[Claim]:
    """Quoted words joined by <, groups of them in brackets in no order."""
    claims = []
    for run in _RUN.finditer(text):
        members = [(int(key or 0), _QUOTED.findall(words)) for key, words in _MEMBER.findall(run[0])]
        for (key, words), (next_key, next_words) in zip(members, members[1:], strict=False):
            late = [(x, y) for x in words for y in next_words if x.lower() > y.lower()]
            keys = bool(key and next_key and key >= next_key)
            why = f"'{late[0][1]}' comes before '{late[0][0]}'" if late else f"{key} is not below {next_key}"
            claims.append(Claim(not late and not keys, why if late or keys else ""))
    return claims


_ORDINALS = "first second third fourth fifth sixth seventh eighth".split()
_LETTER = re.compile(r'"([A-Za-z\'-]{2,40})":\s*"([A-Za-z])"(?:\s*\((\d{1,2})\))?')


def _letters(text: str) -> list[Claim]:
    """ "The second letter: "ash": "s" (19)": the letter, and its place in the alphabet."""
    named = re.search(rf"\b({'|'.join(_ORDINALS)}) letters?\b", text)
    if not named:
        return []
    place, claims = _ORDINALS.index(named[1]), []
    for word, letter, number in _LETTER.findall(text):
        right = word[place : place + 1].lower() == letter.lower()
        numbered = not number or ord(letter.lower()) - 96 == int(number)
        why = f"letter {place + 1} of '{word}' is not '{letter}'" if not right else f"'{letter}' is not letter {number}"
        claims.append(Claim(right and numbered, "" if right and numbered else why))
    return claims


# -- who holds what ------------------------------------------------------------------------------------

_HOLDS = re.compile(r"\b([A-Z][a-z]{1,20}): ([^,:;.\n]{1,60}?)(?=, [A-Z][a-z]{1,20}: |[.;\n]|$)")
_SWAP = re.compile(r"\b([A-Z][a-z]{1,20}) and ([A-Z][a-z]{1,20}) (?:swap|trade|switch|exchange)", re.IGNORECASE)


def _state(text: str) -> dict[str, str] | None:
    held = {name: thing.strip().lower() for name, thing in _HOLDS.findall(text)}
    return held if len(held) > 1 else None


def _swap(text: str, before: Mapping[str, str], after: Mapping[str, str]) -> list[Claim]:
    swaps = _SWAP.findall(text)
    if len(swaps) != 1 or set(before) != set(after):
        return []
    one, other = swaps[0]
    if one not in before or other not in before:
        return []
    due = {**before, one: before[other], other: before[one]}
    wrong = [name for name in due if due[name] != after[name]]
    return [Claim(not wrong, f"{wrong[0]} holds {due[wrong[0]]} after that" if wrong else "")]


# -- brackets ------------------------------------------------------------------------------------------

_PARTNERS = {")": "(", "]": "[", "}": "{", ">": "<"}
_STACK = re.compile(r"(?:^|\n)\s*([][(){}<>]|)\s*;?\s*stack:\s*(empty|[][(){}<>\s]*)\s*$", re.IGNORECASE)


def _stack(text: str) -> tuple[str, str] | None:
    """(bracket that was read or "", the stack then)."""
    found = _STACK.search(text[:2000])
    return (found[1], "" if found[2].lower() == "empty" else "".join(found[2].split())) if found else None


def _pushed(now: tuple[str, str], before: str) -> list[Claim]:
    bracket, stack = now
    if not bracket:
        return []
    due = before + bracket
    if bracket in _PARTNERS:
        due = before[:-1] if before.endswith(_PARTNERS[bracket]) else before + bracket
    right = stack == due
    return [Claim(right, "" if right else f"the stack is {' '.join(due) or 'empty'} after {bracket}")]
