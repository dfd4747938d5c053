r"""A library that finds, parses and evaluates equations in model text.

Texts may mix words, TeX and plain notation. Every step is bounded, so no text takes long, and every answer has three
values: an equation is right, wrong, or unchecked if it was not understood.

>>> from sgram.equations import check_equations
>>> text = r"The pens cost 17 * 3 = 52 dollars, and \frac{1}{2} of 30 is x = 15."
>>> [(equation.text, equation.verdict, equation.reason) for equation in check_equations(text)]
[('17 * 3 = 52', 'wrong', '17 * 3 is 51, not 52'), ('x = 15', 'unchecked', 'has symbols')]
"""

from sgram.equations.chains import Chain, Side, find_chains
from sgram.equations.check import (
    HAS_SYMBOLS,
    SIDES_DIFFER,
    Equation,
    EquationLimits,
    EquationVerdict,
    check_equations,
    format_number,
)
from sgram.equations.evaluate import Number, evaluate, rounding_slack
from sgram.equations.expressions import ExpressionError, Tree, contains_node, free_symbols, parse_expression
from sgram.equations.identities import check_identity
from sgram.equations.notation import NotationPiece

__all__ = [
    "HAS_SYMBOLS",
    "SIDES_DIFFER",
    "Chain",
    "Equation",
    "EquationLimits",
    "EquationVerdict",
    "ExpressionError",
    "NotationPiece",
    "Number",
    "Side",
    "Tree",
    "check_equations",
    "check_identity",
    "contains_node",
    "evaluate",
    "find_chains",
    "format_number",
    "free_symbols",
    "parse_expression",
    "rounding_slack",
]
