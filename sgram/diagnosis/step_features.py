"""What can be seen on each step of a solution that says whether the first error is there. Knows nothing about weights.

Every feature is worked out from the text of the problem and of the steps alone: no answer, no label, no other
solution.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from sgram.diagnosis.claims import Claim, check_claims
from sgram.equations import (
    SIDES_DIFFER,
    Chain,
    Equation,
    EquationLimits,
    ExpressionError,
    check_equations,
    evaluate,
    find_chains,
    free_symbols,
    parse_expression,
)

STEP_FEATURES = (
    "wrong",
    "first wrong",
    "sides differ",
    "slip in solving",
    "after a wrong one",
    "right equations",
    "new numbers",
    "words",
    "words of mean",
    "first",
    "second",
    "third",
    "late squared",
    "place",
    "last",
    "next to last",
    "hedge",
    "doubt later",
    "doubt before",
    "answer",
    "words of problem",
    "no mathematics",
    "setting up",
    "theorem",
    "extreme",
    "mathematics",
    "text before",
    "counting",
    "conclusion",
    "claims: text before",
    "claims: last",
    "claims: answer",
    "first: setting up",
    "first: words",
    "first: mathematics",
    "first: words of problem",
)
NONE_FEATURES = (
    "one",
    "any wrong",
    "any differ",
    "steps",
    "all words",
    "problem words",
    "any doubt",
    "hedges",
    "share right",
    "decimal answer",
    "equations a step",
    "claims",
)

_LABEL = re.compile(r"^\s*(?:#+\s*)?(?:\*\*)?(?:Step\s*\d+|\d{1,2})\s*[:.)]\s*(?:\*\*)?", re.IGNORECASE)
"""What a step is called, which says nothing."""
_WORD = re.compile(r"[A-Za-z]{2,}")
_NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?")
_HEDGE = re.compile(
    r"\b(?:assum\w*|guess\w*|likely|probably|suppose|pattern|clearly|obvious\w*|symmetr\w*|approximat\w*|seems?|appears?|"
    r"must be|known (?:result|fact)|without loss|consider\w*|intuitiv\w*|estimat\w*|observ\w*|by trial)\b",
    re.IGNORECASE,
)
_DOUBT = re.compile(
    r"\b(?:wait|however|mistake\w*|error|incorrect\w*|re-?(?:evaluat|examin|consider|check|calculat|visit|think)\w*|"
    r"contradict\w*|not possible|impossible|cannot be|wrong|correct(?:ed|ion|ly)|actually|misinterpret\w*|"
    r"inconsisten\w*|"
    r"does not match|doesn't match|not match|apolog\w*|oversight|upon (?:review|closer)|unfortunately)\b",
    re.IGNORECASE,
)
_ANSWER = re.compile(r"\\boxed|final answer|answer is|the answer", re.IGNORECASE)
_CONCLUSION = re.compile(r"\b(?:therefore|thus|hence|so,|in conclusion|implies|it follows)\b", re.IGNORECASE)
_SETUP = re.compile(
    r"\b(?:first,|to (?:find|solve|determine|answer)|let(?:'s| us)?\b|given|recall|we (?:need|are|want|have to)|"
    r"define|denote|"
    r"identify|understand|the problem|start|consider|set up)",
    re.IGNORECASE,
)
_THEOREM = re.compile(
    r"\b(?:theorem|formula|identity|inequality|propert\w+|rule|lemma|definition|law of|criterion)\b", re.I
)
_EXTREME = re.compile(
    r"\b(?:only|always|every|never|unique|maxim\w+|minim\w+|at most|at least|smallest|largest|greatest|must)\b", re.I
)
_MATHS = re.compile(r"[\d=+*/^\\<>-]")


_OF_ALL = frozenset(("wrong", "first wrong", "after a wrong one"))


@dataclass(frozen=True, slots=True)
class StepEvidence:
    """The features of a solution of n steps, and what they stand on."""

    steps: np.ndarray
    """(n, len(STEP_FEATURES))"""
    none: np.ndarray
    """(len(NONE_FEATURES),) of there being no error."""
    equations: tuple[tuple[Equation, ...], ...]
    claims: tuple[tuple[Claim, ...], ...]


def step_evidence(problem: str | None, steps: Sequence[str], limits: EquationLimits | None = None) -> StepEvidence:
    """The features of `steps`, of which there is at least one, in the time that checking equations takes."""
    steps = [_LABEL.sub("", step) for step in steps]
    equations = tuple(tuple(check_equations(step, limits)) for step in steps)
    claims = tuple(tuple(each) for each in check_claims(steps))
    n = len(steps)
    claimed = any(claims)
    false = np.array([any(not each.right for each in found) for found in claims])
    wrong = false | [any(each.verdict == "wrong" for each in found) for found in equations]
    differs = np.array([any(each.reason == SIDES_DIFFER for each in found) for found in equations])
    right = np.array([sum(each.verdict == "right" for each in found) for found in equations], float)
    number = np.array([len(found) for found in equations], float)
    slips = np.array([_slipped(step) for step in steps])
    words = [_WORD.findall(step.lower()) for step in steps]
    lengths = np.array([len(each) + 1 for each in words], float)
    doubt = np.array([bool(_DOUBT.search(step)) for step in steps])
    hedges = np.array([len(_HEDGE.findall(step)) for step in steps], float)
    place = np.arange(n)
    problem_words = set(_WORD.findall((problem or "").lower()))
    decimals = np.array([len(re.findall(r"\d\.\d", step)) for step in steps], float)
    columns = {
        "wrong": wrong,
        "first wrong": _first(wrong),
        "sides differ": differs,
        "slip in solving": slips,
        "after a wrong one": np.concatenate(([False], np.logical_or.accumulate(wrong)[:-1])),
        "right equations": np.log1p(right),
        "new numbers": np.log1p(_new_numbers(problem or "", steps)),
        "words": np.log(lengths) - 3,
        "words of mean": np.log(lengths / lengths.mean()),
        "first": place == 0,
        "second": place == 1,
        "third": place == 2,
        "late squared": (place / max(n - 1, 1)) ** 2,
        "place": np.log1p(place),
        "last": place == n - 1,
        "next to last": place == n - 2,
        "hedge": np.minimum(hedges, 3),
        "doubt later": np.append(np.logical_or.accumulate(doubt[::-1])[::-1][1:], False),
        "doubt before": np.concatenate(([False], np.logical_or.accumulate(doubt)[:-1])),
        "answer": [bool(_ANSWER.search(step)) for step in steps],
        "words of problem": [_overlap(set(each), problem_words) for each in words],
        "no mathematics": [not re.search(r"[=\d\\]", step) for step in steps],
        "conclusion": [bool(_CONCLUSION.search(step)) for step in steps],
        "setting up": [bool(_SETUP.search(step[:90])) for step in steps],
        "theorem": [bool(_THEOREM.search(step)) for step in steps],
        "extreme": [bool(_EXTREME.search(step)) for step in steps],
        "mathematics": np.log1p([len(_MATHS.findall(step)) for step in steps]) - 2,
        "text before": (np.cumsum(lengths) - lengths) / lengths.sum(),
        "counting": [
            bool(re.search(r"\b(?:ways|choose|combinations?|permut\w+|probabilit\w+|arrange\w*|cases?)\b", step, re.I))
            for step in steps
        ],
    }
    for name in ("setting up", "words", "mathematics", "words of problem"):
        columns[f"first: {name}"] = np.asarray(columns[name], float) * (place == 0)
    if claimed:  # such a text is judged by its claims; where an error stands in prose says nothing about it
        columns = {name: columns[name] if name in _OF_ALL else np.zeros(n) for name in columns}
    columns["claims: text before"] = claimed * (np.cumsum(lengths) - lengths) / lengths.sum()
    columns["claims: last"] = claimed * (place == n - 1)
    columns["claims: answer"] = claimed * np.array([bool(_ANSWER.search(step)) for step in steps])
    table = np.array([columns[name] for name in STEP_FEATURES], float).T
    none = {
        "one": 1.0,
        "steps": math.log(n),
        "all words": math.log(lengths.sum()) - 5,
        "problem words": math.log1p(len(problem_words)) - 3.5,
        "any wrong": wrong.any(),
        "any differ": differs.any(),
        "claims": claimed,
        "any doubt": doubt.any(),
        "hedges": math.log1p(hedges.sum()),
        "share right": right.sum() / max(number.sum(), 1),
        "decimal answer": bool(decimals[-1]) and not re.search(r"\d\.\d", problem or ""),
        "equations a step": math.log1p(number.sum() / n),
    }
    if claimed:
        none = {name: none[name] if name in ("one", "any wrong", "claims") else 0.0 for name in none}
    return StepEvidence(table, np.array([none[name] for name in NONE_FEATURES], float), equations, claims)


def _first(flags: np.ndarray) -> np.ndarray:
    """`flags` with the first one left only."""
    return flags & (np.cumsum(flags) == 1)


def _overlap(ours: set[str], theirs: set[str]) -> float:
    return len(ours & theirs) / len(ours) if ours else 0.0


def _new_numbers(problem: str, steps: Sequence[str]) -> np.ndarray:
    """How many different numbers of each step were in none before it, nor stand after an equals sign."""
    seen, counts = set(_NUMBER.findall(problem)), []
    for step in steps:
        numbers = set(_NUMBER.findall(step))
        results = set(re.findall(r"=\s*\$?(\d[\d,]*(?:\.\d+)?)", step))
        counts.append(len(numbers - seen - results))
        seen |= numbers
    return np.array(counts, float)


def _slipped(step: str) -> bool:
    """Whether an equation in one unknown is followed by one whose solution does not solve it."""
    before: tuple[str, object] | None = None
    for number, chain in enumerate(find_chains(step)):
        if number > 60:
            break
        unknown = _unknown(chain) if len(chain.sides) == 2 and chain.signs == ["="] else None
        if unknown is None:
            before = None
            continue
        name, gap = unknown
        if before and before[0] == name:
            try:
                root = _root_of_line(gap)
                if root is not None:
                    size = abs(before[1](root))
                    scale = abs(before[1](root + 1) - before[1](root)) or 1
                    if size / scale > 0.02 * max(1, abs(root)):
                        return True
            except (ExpressionError, OverflowError, ZeroDivisionError):
                pass
        before = unknown
    return False


def _unknown(chain: Chain) -> tuple[str, object] | None:
    """(the one symbol of an equation, how far apart its sides are at a value of it)."""
    left, right = chain.sides
    if left.opaque or right.opaque or not left.pieces or not right.pieces:
        return None
    try:
        trees = parse_expression(left.pieces), parse_expression(right.pieces)
    except ExpressionError:
        return None
    names = free_symbols(trees[0]) | free_symbols(trees[1])
    if len(names) != 1 or names & {"i", "e"}:
        return None
    (name,) = names

    def gap(value: Fraction) -> float:
        ours, theirs = (evaluate(tree, {name: value})[0] for tree in trees)
        return ours - theirs

    return name, gap


def _root_of_line(gap: object) -> Fraction | None:
    """Where `gap` is 0 if it is a straight line, else None."""
    zero, one, two = gap(Fraction(0)), gap(Fraction(1)), gap(Fraction(2))
    slope = one - zero
    if not all(isinstance(each, Fraction) for each in (zero, one, two)) or not slope or two - one != slope:
        return None
    return -zero / slope
