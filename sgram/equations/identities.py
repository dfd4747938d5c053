"""Whether two expressions in the same symbols are identical, by their exact values at a few rational points.

One point where both sides have exact, different values refutes an identity. Agreement at `N_POINTS` points with large
numerators is no proof, but two different polynomials of degree d agree at a point drawn from S values with probability
at most d / |S| (Schwartz and Zippel). Nothing is simplified, so the check is fast for every expression.
"""

from fractions import Fraction
from typing import Literal, TypeAlias

from sgram.equations.evaluate import Number, evaluate
from sgram.equations.expressions import ExpressionError, Tree, free_symbols

IdentityAnswer: TypeAlias = Literal["yes", "no", "cannot say"]
N_POINTS = 4
MAX_SYMBOLS = 6
_NUMERATORS = (7919, 104_729, 1_299_709, 15_485_863, 611_953, 32_452_843)
_DENOMINATORS = (1009, 9973, 99_991, 1_000_003, 31_337, 2_750_159)


def check_identity(left_tree: Tree, right_tree: Tree) -> IdentityAnswer:
    """Return whether two trees are equal for all values of their symbols.

    "cannot say" if the sides do not have the same symbols, have none or more than `MAX_SYMBOLS`, or have no value at
    too many of the points.

    >>> from sgram.equations import find_chains, parse_expression
    >>> (chain,) = find_chains("(x + 1)^2 = x^2 + 2x + 1")
    >>> check_identity(*(parse_expression(side.pieces) for side in chain.sides))
    'yes'
    """
    names = sorted(free_symbols(left_tree))
    if not names or len(names) > MAX_SYMBOLS or free_symbols(right_tree) != frozenset(names):
        return "cannot say"
    n_agreed = 0
    for point in range(N_POINTS):
        symbols = {
            name: Fraction(_NUMERATORS[index] + 2 * point * (index + 3), _DENOMINATORS[index] * (point + 1))
            for index, name in enumerate(names)
        }
        try:
            left_numbers, right_numbers = evaluate(left_tree, symbols), evaluate(right_tree, symbols)
        except ExpressionError:
            continue
        if any(_are_equal(x, y) for x in left_numbers for y in right_numbers):
            n_agreed += 1
        else:
            return "no"
    return "yes" if n_agreed >= N_POINTS - 1 else "cannot say"


def _are_equal(x: Number, y: Number) -> bool:
    if isinstance(x, Fraction) and isinstance(y, Fraction):
        return x == y
    return abs(float(x) - float(y)) <= 1e-9 * max(abs(float(x)), abs(float(y)), 1e-300)
