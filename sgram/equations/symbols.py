"""Whether two expressions in the same symbols are identical, by exact values at a few rational points. Knows nothing
but trees.

One point where both sides have exact, different values refutes an identity for good. Agreement at `N_POINTS` points
with large numerators is no proof, but two different polynomials of degree d agree at a point drawn from S values with
a chance of at most d / |S| (Schwartz and Zippel). Nothing is simplified, so that nothing can take long.
"""

from fractions import Fraction
from typing import Literal

from sgram.equations.arithmetic import values
from sgram.equations.expressions import NotUnderstoodError, Tree, free_symbols

N_POINTS = 4
MAX_SYMBOLS = 6
_NUMERATORS = (7919, 104_729, 1_299_709, 15_485_863, 611_953, 32_452_843)
_DENOMINATORS = (1009, 9973, 99_991, 1_000_003, 31_337, 2_750_159)


def identical(left: Tree, right: Tree) -> Literal["yes", "no", "cannot say"]:
    """Whether `left` = `right` for all values of their symbols, which have to be the same ones on both sides."""
    names = sorted(free_symbols(left))
    if not names or len(names) > MAX_SYMBOLS or free_symbols(right) != frozenset(names):
        return "cannot say"
    agreed = 0
    for point in range(N_POINTS):
        known = {
            name: Fraction(_NUMERATORS[at] + 2 * point * (at + 3), _DENOMINATORS[at] * (point + 1))
            for at, name in enumerate(names)
        }
        try:
            ours, theirs = values(left, known), values(right, known)
        except NotUnderstoodError:
            continue
        if any(_equal(x, y) for x in ours for y in theirs):
            agreed += 1
        else:
            return "no"
    return "yes" if agreed >= N_POINTS - 1 else "cannot say"


def _equal(x: object, y: object) -> bool:
    if isinstance(x, Fraction) and isinstance(y, Fraction):
        return x == y
    scale = max(abs(x), abs(y), 1e-300)
    return abs(float(x) - float(y)) <= 1e-9 * float(scale)
