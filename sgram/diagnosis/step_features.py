"""Features of each step of a solution, and of the solution as a whole, that say whether the first error is there.

Every feature is computed from the text of the problem and of the steps: no answer, no label, no other solution.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from sgram.array_types import AnyArray, BoolArray, FloatArray
from sgram.diagnosis.claims import Claim, check_claims
from sgram.equations import (
    SIDES_DIFFER,
    Chain,
    Equation,
    EquationLimits,
    ExpressionError,
    Number,
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
NO_ERROR_FEATURES = (
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
"""Features of there being no error."""

_LABEL = re.compile(r"^\s*(?:#+\s*)?(?:\*\*)?(?:Step\s*\d+|\d{1,2})\s*[:.)](?!\d)\s*(?:\*\*)?", re.IGNORECASE)
"""The label of a step, which is removed because it says nothing about the step."""
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
_MATHEMATICS = re.compile(r"[\d=+*/^\\<>-]")
_COUNTING = re.compile(r"\b(?:ways|choose|combinations?|permut\w+|probabilit\w+|arrange\w*|cases?)\b", re.IGNORECASE)
_RESULT = re.compile(r"=\s*\$?(\d[\d,]*(?:\.\d+)?)")
_DECIMAL = re.compile(r"\d\.\d")
_SYMBOLS = re.compile(r"[=\d\\]")
_SETUP_CHARS = 90
"""Characters at the start of a step in which it says what it sets up."""
_MAX_CHAINS = 60
"""Most chains of equations of a step that are checked for slips in solving."""
_FEATURES_WITH_CLAIMS = frozenset(("wrong", "first wrong", "after a wrong one"))
"""Features that count in a text with claims. There, nothing else says where an error is."""
_NO_ERROR_FEATURES_WITH_CLAIMS = frozenset(("one", "any wrong", "claims"))


@dataclass(frozen=True, slots=True)
class StepEvidence:
    """The features of a solution of n steps, with its equations and claims."""

    step_features: FloatArray
    """(n, len(STEP_FEATURES))"""
    no_error_features: FloatArray
    """(len(NO_ERROR_FEATURES),)"""
    equations: tuple[tuple[Equation, ...], ...]
    """Equations of each step."""
    claims: tuple[tuple[Claim, ...], ...]
    """Claims of each step."""


def step_evidence(problem: str | None, steps: Sequence[str], limits: EquationLimits | None = None) -> StepEvidence:
    """Return the features of `steps`, which must not be empty; checking equations takes most of the time.

    >>> evidence = step_evidence("What is 12 + 5?", ["We add: 12 + 5 = 18.", "The answer is 18."])
    >>> evidence.step_features[:, STEP_FEATURES.index("first wrong")].tolist()
    [1.0, 0.0]
    """
    steps = [_LABEL.sub("", step) for step in steps]
    equations = tuple(tuple(check_equations(step, limits)) for step in steps)
    claims = tuple(tuple(step_claims) for step_claims in check_claims(steps))
    problem = problem or ""
    n_steps = len(steps)
    position = np.arange(n_steps)
    has_claims = any(claims)
    has_wrong_equation = np.array([any(equation.verdict == "wrong" for equation in group) for group in equations])
    has_wrong_claim = np.array([any(not claim.right for claim in step_claims) for step_claims in claims])
    is_wrong: BoolArray = has_wrong_claim | has_wrong_equation
    sides_differ = np.array([any(equation.reason == SIDES_DIFFER for equation in group) for group in equations])
    n_right = np.array([sum(equation.verdict == "right" for equation in group) for group in equations], float)
    n_equations = np.array([len(group) for group in equations], float)
    words = [_WORD.findall(step.lower()) for step in steps]
    lengths: FloatArray = np.array([len(step_words) + 1 for step_words in words], float)
    share_before: FloatArray = (np.cumsum(lengths) - lengths) / lengths.sum()
    doubts: BoolArray = np.array([bool(_DOUBT.search(step)) for step in steps])
    n_hedges = np.array([len(_HEDGE.findall(step)) for step in steps], float)
    has_answer = np.array([bool(_ANSWER.search(step)) for step in steps])
    problem_words = set(_WORD.findall(problem.lower()))
    columns: dict[str, AnyArray] = {
        "wrong": is_wrong,
        "first wrong": _only_first(is_wrong),
        "sides differ": sides_differ,
        "slip in solving": np.array([_has_slip_in_solving(step) for step in steps]),
        "after a wrong one": _any_before(is_wrong),
        "right equations": np.log1p(n_right),
        "new numbers": np.log1p(_count_new_numbers(problem, steps)),
        "words": np.log(lengths) - 3,
        "words of mean": np.log(lengths / lengths.mean()),
        "first": position == 0,
        "second": position == 1,
        "third": position == 2,
        "late squared": (position / max(n_steps - 1, 1)) ** 2,
        "place": np.log1p(position),
        "last": position == n_steps - 1,
        "next to last": position == n_steps - 2,
        "hedge": np.minimum(n_hedges, 3),
        "doubt later": _any_before(doubts[::-1])[::-1],
        "doubt before": _any_before(doubts),
        "answer": has_answer,
        "words of problem": np.array([_share_in(set(step_words), problem_words) for step_words in words]),
        "no mathematics": np.array([not _SYMBOLS.search(step) for step in steps]),
        "conclusion": _matches(_CONCLUSION, steps),
        "setting up": _matches(_SETUP, [step[:_SETUP_CHARS] for step in steps]),
        "theorem": _matches(_THEOREM, steps),
        "extreme": _matches(_EXTREME, steps),
        "mathematics": np.log1p([len(_MATHEMATICS.findall(step)) for step in steps]) - 2,
        "text before": share_before,
        "counting": _matches(_COUNTING, steps),
    }
    for name in ("setting up", "words", "mathematics", "words of problem"):
        columns[f"first: {name}"] = np.asarray(columns[name], float) * (position == 0)
    if has_claims:
        columns = {
            name: column if name in _FEATURES_WITH_CLAIMS else np.zeros(n_steps) for name, column in columns.items()
        }
    columns["claims: text before"] = has_claims * share_before
    columns["claims: last"] = has_claims * (position == n_steps - 1)
    columns["claims: answer"] = has_claims * has_answer
    no_error: Mapping[str, float] = {
        "one": 1.0,
        "steps": math.log(n_steps),
        "all words": math.log(lengths.sum()) - 5,
        "problem words": math.log1p(len(problem_words)) - 3.5,
        "any wrong": bool(is_wrong.any()),
        "any differ": bool(sides_differ.any()),
        "claims": has_claims,
        "any doubt": bool(doubts.any()),
        "hedges": math.log1p(n_hedges.sum()),
        "share right": n_right.sum() / max(n_equations.sum(), 1),
        "decimal answer": bool(_DECIMAL.search(steps[-1])) and not _DECIMAL.search(problem),
        "equations a step": math.log1p(n_equations.sum() / n_steps),
    }
    if has_claims:
        no_error = {
            name: feature if name in _NO_ERROR_FEATURES_WITH_CLAIMS else 0.0 for name, feature in no_error.items()
        }
    return StepEvidence(
        np.array([columns[name] for name in STEP_FEATURES], float).T,
        np.array([no_error[name] for name in NO_ERROR_FEATURES], float),
        equations,
        claims,
    )


def _matches(pattern: re.Pattern[str], steps: Sequence[str]) -> BoolArray:
    """Return whether `pattern` occurs in each step, (n,)."""
    return np.array([bool(pattern.search(step)) for step in steps])


def _only_first(flags: BoolArray) -> BoolArray:
    """Return `flags` with only the first true one."""
    first: BoolArray = flags & (np.cumsum(flags) == 1)
    return first


def _any_before(flags: BoolArray) -> BoolArray:
    """Return whether any flag before each position is true, (n,)."""
    return np.concatenate(([False], np.logical_or.accumulate(flags)[:-1]))


def _share_in(words: set[str], reference_words: set[str]) -> float:
    """Return the share of `words` that are in `reference_words`; 0 if there is no word."""
    return len(words & reference_words) / len(words) if words else 0.0


def _count_new_numbers(problem: str, steps: Sequence[str]) -> FloatArray:
    """Return how many distinct numbers of each step occur neither before it nor after an equals sign, (n,)."""
    earlier, counts = set(_NUMBER.findall(problem)), []
    for step in steps:
        numbers = set(_NUMBER.findall(step))
        counts.append(len(numbers - earlier - set(_RESULT.findall(step))))
        earlier |= numbers
    return np.array(counts, float)


@dataclass(frozen=True, slots=True)
class _EquationInOneUnknown:
    unknown: str
    side_difference: Callable[[Fraction], Number]
    """Left side minus right side, by the number that the unknown stands for."""


def _has_slip_in_solving(step: str) -> bool:
    """Return whether an equation in one unknown is followed by one whose solution does not solve it."""
    previous: _EquationInOneUnknown | None = None
    for number, chain in enumerate(find_chains(step)):
        if number > _MAX_CHAINS:
            break
        equation = _equation_in_one_unknown(chain) if len(chain.sides) == 2 and chain.signs == ["="] else None
        if equation and previous and previous.unknown == equation.unknown and not _may_follow(previous, equation):
            return True
        previous = equation
    return False


def _may_follow(previous: _EquationInOneUnknown, equation: _EquationInOneUnknown) -> bool:
    """Return whether the root of a linear `equation` solves `previous`, or cannot be compared with it."""
    try:
        root = _linear_root(equation.side_difference)
        if root is None:
            return True
        error = previous.side_difference(root)
        slope = previous.side_difference(root + 1) - error
        scale = _magnitude(slope) or Fraction(1)
        return not _magnitude(error) / scale > 0.02 * float(max(Fraction(1), abs(root)))
    except (ExpressionError, OverflowError, ZeroDivisionError):
        return True


def _magnitude(number: Number) -> Number:
    return -number if number < 0 else number


def _equation_in_one_unknown(chain: Chain) -> _EquationInOneUnknown | None:
    """Return the equation of a chain with two sides; None if it has no or several unknowns, or is not understood."""
    left_side, right_side = chain.sides
    if left_side.opaque or right_side.opaque or not left_side.pieces or not right_side.pieces:
        return None
    try:
        left_tree, right_tree = parse_expression(left_side.pieces), parse_expression(right_side.pieces)
    except ExpressionError:
        return None
    names = free_symbols(left_tree) | free_symbols(right_tree)
    if len(names) != 1 or names & {"i", "e"}:
        return None
    (unknown,) = names

    def side_difference(number: Fraction) -> Number:
        left_number, right_number = (evaluate(tree, {unknown: number})[0] for tree in (left_tree, right_tree))
        return left_number - right_number

    return _EquationInOneUnknown(unknown, side_difference)


def _linear_root(side_difference: Callable[[Fraction], Number]) -> Fraction | None:
    """Return the root of `side_difference` if it is a straight line with exact numbers; else None."""
    at_zero, at_one, at_two = (side_difference(Fraction(number)) for number in range(3))
    if not (isinstance(at_zero, Fraction) and isinstance(at_one, Fraction) and isinstance(at_two, Fraction)):
        return None
    slope = at_one - at_zero
    if not slope or at_two - at_one != slope:
        return None
    return -at_zero / slope
