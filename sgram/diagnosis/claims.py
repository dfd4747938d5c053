"""Claims that plain text makes about orders, exchanges and stacks of brackets, checked by their own rules.

Three kinds are recognized by their form: words in alphabetical order ("ash" < "birch"), two people who swap what they
hold ("Ann and Bob swap: Ann: pen, Bob: cup"), and a stack of brackets after one more bracket ("] ; stack: ( <").
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MAX_CHARS = 20_000
"""Characters of a step that are read."""
_MAX_STACK_CHARS = 2000


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim that was checked."""

    right: bool
    reason: str
    """Why it is wrong; "" if it is right."""


def check_claims(steps: Sequence[str]) -> list[list[Claim]]:
    """Return the claims of each step that can be checked, given the steps before it.

    >>> check_claims(['"birch" < "ash"', "3 < 4"])
    [[Claim(right=False, reason="'ash' comes before 'birch'")], []]
    """
    claims_by_step: list[list[Claim]] = []
    holdings: Mapping[str, str] | None = None
    stack: _StackState | None = None
    for step in steps:
        text = step[:MAX_CHARS]
        claims = _check_orders(text) + _check_letters(text)
        new_holdings = _read_holdings(text)
        if new_holdings and holdings:
            claims += _check_swap(text, holdings, new_holdings)
        holdings = new_holdings or holdings
        new_stack = _read_stack(text)
        if new_stack is not None and stack is not None:
            claims += _check_stack(new_stack, stack)
        stack = new_stack or stack
        claims_by_step.append(claims)
    return claims_by_step


# -- alphabetical order --------------------------------------------------------------------------------

_ORDER = re.compile(
    r'(?:\(\d{1,3}\)\s*)?(?:"[\w\'-]{1,40}"|\[[^\[\]\n]{1,400}\])(?:\s*<\s*(?:\(\d{1,3}\)\s*)?(?:"[\w\'-]{1,40}"|\[[^\[\]\n]{1,400}\]))+'
)
_MEMBER = re.compile(r'(?:\((\d{1,3})\)\s*)?("[\w\'-]{1,40}"|\[[^\[\]\n]{1,400}\])')
_QUOTED = re.compile(r'"([\w\'-]{1,40})"')


def _check_orders(text: str) -> list[Claim]:
    """Check quoted words that are joined by <; words of a group in brackets have no order among themselves."""
    claims = []
    for order in _ORDER.finditer(text):
        members = [(int(key or 0), _QUOTED.findall(words)) for key, words in _MEMBER.findall(order[0])]
        for (key, words), (next_key, next_words) in zip(members, members[1:], strict=False):
            reversed_pairs = [
                (word, next_word) for word in words for next_word in next_words if word.lower() > next_word.lower()
            ]
            keys_decrease = bool(key and next_key and key >= next_key)
            if reversed_pairs:
                word, next_word = reversed_pairs[0]
                claims.append(Claim(False, f"'{next_word}' comes before '{word}'"))
            elif keys_decrease:
                claims.append(Claim(False, f"{key} is not below {next_key}"))
            else:
                claims.append(Claim(True, ""))
    return claims


_ORDINALS = "first second third fourth fifth sixth seventh eighth".split()
_LETTER = re.compile(r'"([A-Za-z\'-]{2,40})":\s*"([A-Za-z])"(?:\s*\((\d{1,2})\))?')


def _check_letters(text: str) -> list[Claim]:
    """Check texts such as "The second letter: "ash": "s" (19)": the letter, and its position in the alphabet."""
    ordinal = re.search(rf"\b({'|'.join(_ORDINALS)}) letters?\b", text)
    if not ordinal:
        return []
    index, claims = _ORDINALS.index(ordinal[1]), []
    for word, letter, number in _LETTER.findall(text):
        if word[index : index + 1].lower() != letter.lower():
            claims.append(Claim(False, f"letter {index + 1} of '{word}' is not '{letter}'"))
        elif number and ord(letter.lower()) - 96 != int(number):
            claims.append(Claim(False, f"'{letter}' is not letter {number}"))
        else:
            claims.append(Claim(True, ""))
    return claims


# -- who holds what ------------------------------------------------------------------------------------

_HOLDS = re.compile(r"\b([A-Z][a-z]{1,20}): ([^,:;.\n]{1,60}?)(?=, [A-Z][a-z]{1,20}: |[.;\n]|$)")
_SWAP = re.compile(r"\b([A-Z][a-z]{1,20}) and ([A-Z][a-z]{1,20}) (?:swap|trade|switch|exchange)", re.IGNORECASE)


def _read_holdings(text: str) -> dict[str, str] | None:
    """Return who holds what; None if fewer than two people are named."""
    holdings = {name: possession.strip().lower() for name, possession in _HOLDS.findall(text)}
    return holdings if len(holdings) > 1 else None


def _check_swap(text: str, before: Mapping[str, str], after: Mapping[str, str]) -> list[Claim]:
    """Check the holdings `after` the one swap that `text` names."""
    swaps = _SWAP.findall(text)
    if len(swaps) != 1 or set(before) != set(after):
        return []
    first, second = swaps[0]
    if first not in before or second not in before:
        return []
    expected = {**before, first: before[second], second: before[first]}
    wrong_names = [name for name in expected if expected[name] != after[name]]
    return [
        Claim(not wrong_names, f"{wrong_names[0]} holds {expected[wrong_names[0]]} after that" if wrong_names else "")
    ]


# -- brackets ------------------------------------------------------------------------------------------

_OPENING = {")": "(", "]": "[", "}": "{", ">": "<"}
_STACK = re.compile(r"(?:^|\n)\s*([][(){}<>]|)\s*;?\s*stack:\s*(empty|[][(){}<>\s]*)\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _StackState:
    bracket: str
    """The bracket that was just read, or ""."""
    stack: str
    """The brackets that are open after it."""


def _read_stack(text: str) -> _StackState | None:
    match = _STACK.search(text[:_MAX_STACK_CHARS])
    if match is None:
        return None
    return _StackState(match[1], "" if match[2].lower() == "empty" else "".join(match[2].split()))


def _check_stack(after: _StackState, before: _StackState) -> list[Claim]:
    """Check the stack after one more bracket."""
    bracket = after.bracket
    if not bracket:
        return []
    expected = before.stack + bracket
    if bracket in _OPENING and before.stack.endswith(_OPENING[bracket]):
        expected = before.stack[:-1]
    is_right = after.stack == expected
    return [Claim(is_right, "" if is_right else f"the stack is {' '.join(expected) or 'empty'} after {bracket}")]
