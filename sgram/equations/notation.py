"""Pieces of mathematical notation in TeX or plain text, and what they stand for."""

import re
from typing import NamedTuple

NOTATION = re.compile(
    r"""
    (?P<calc><<[^<>\n]{1,300}>>)
  | (?P<block>\\begin\{(?P<env>[a-zA-Z]?matrix|array|cases|tabular)\*?\}.{0,800}?\\end\{(?P=env)\*?\})
  | (?P<number>(?<![A-Za-z0-9_.])(?:\d{1,3}(?:(?:,|\{,\}|\\,|\\!,|,\\!)\d{3})+(?![\d])|\d{1,60})(?:\.\d{1,60})?
      (?!\d|\.\d)
      |(?<![\w.)])\.\d{1,60}(?!\d|\.\d)|(?<=\\frac|\\cdot|\\sqrt)\d{1,60}|(?<=\\dfrac|\\tfrac|\\times)\d{1,60})
  | (?P<ignored>\\(?:left|right|[bB]ig+[lr]?|displaystyle|textstyle|limits|quad|qquad|mathrm|mathbf|rm|bf|boxed|\$
      |[,;:!>\ ])
      (?![A-Za-z])(?:\{\})?|~(?!\s*[$\d]))
  | (?P<text>\\(?:text|textbf|textit|mbox|operatorname\*?|hbox)\s*\{[^{}\n]{0,120}\})
  | (?P<break>\\\\(?:\[[^\]\n]{0,9}\])?|\n[^\S\n]*|\\begin\{[a-z*]{1,12}\}|\\end\{[a-z*]{1,12}\}|\\[\[\]])
  | (?P<fence>\\[()]|\$\$?|[€£`"“”]|&)
  | (?P<command>\\[A-Za-z]+|\\[{}%|])
  | (?P<word>[^\W\d_²³¹]{2,}(?:['’-][^\W\d_²³¹]+)*)
  | (?P<letter>[^\W\d_²³¹]\d*)
  | (?P<arrow>-+>|=+>|→|⇒|⟹|⇔|<=+>|\.\.\.+|…)
  | (?P<relation>==|<=|>=|!=|:=|\+=|-=|\*=|/=|[=≈≠<>≤≥≡∼~])
  | (?P<sign>\*\*|//|[-+*/^!%()\[\]{}|_×·÷−–√²³°∙⋅±'.,:;?])
  | (?P<space>[^\S\n]+)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
SIGNS = {
    "×": "*",
    "·": "*",
    "∙": "*",
    "⋅": "*",
    "÷": "/",
    "−": "-",
    "–": "-",
    r"\times": "*",
    r"\cdot": "*",
    r"\div": "/",
    r"\ast": "*",
    r"\%": "%",
    r"\{": "(",
    r"\}": ")",
    r"\circ": "°",
    r"\lbrace": "(",
    r"\rbrace": ")",
}
RELATIONS = {
    "=": "=",
    "≈": "≈",
    r"\approx": "≈",
    r"\simeq": "≈",
    r"\doteq": "≈",
    "~": "≈",
    "∼": "≈",
    r"\sim": "?",
    r"\neq": "?",
    r"\ne": "?",
    r"\leq": "?",
    r"\le": "?",
    r"\geq": "?",
    r"\ge": "?",
    r"\lt": "?",
    r"\gt": "?",
    r"\equiv": "?",
    r"\cong": "?",
    r"\in": "?",
    r"\leqslant": "?",
    r"\geqslant": "?",
    r"\propto": "?",
    r"\mid": "?",
}
BREAKS = {
    r"\implies",
    r"\Rightarrow",
    r"\rightarrow",
    r"\to",
    r"\iff",
    r"\Leftrightarrow",
    r"\Longrightarrow",
    r"\longrightarrow",
    r"\therefore",
    r"\because",
    r"\land",
    r"\wedge",
    r"\lor",
    r"\vee",
    r"\hline",
}
GREEK = frozenset(
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta kappa lambda mu nu xi rho sigma tau phi varphi "
    "chi psi omega Gamma Delta Theta Lambda Xi Sigma Phi Psi Omega ell".split()
)
FRACTIONS = (r"\frac", r"\dfrac", r"\tfrac", r"\cfrac")
BINOMIALS = (r"\binom", r"\dbinom", r"\tbinom")
FUNCTIONS = {
    name: name.removeprefix("\\").removeprefix("arc")
    for name in (r"\sin", r"\cos", r"\tan", r"\ln", r"\log", "sin", "cos", "tan", "ln", "log", "sqrt")
}
SCALES = frozenset(
    "million billion trillion thousand hundred hundreds thousands dozen dozens pairs half halves third thirds quarter "
    "quarters percent percentage times plus minus mod modulo remainder remainders base divided multiplied squared "
    "cubed factorial degrees st nd rd th tens ones twice double".split()
)
"""Words that change the number before them."""
GLUE = frozenset(
    "and or is are was were then if so gives we which that the this there since because when where for in to from with "
    "as by at on be has have had he she it they her his their not but i you thus hence therefore while until after "
    "before into than more less means yields makes makes it's let let's also next now each".split()
)
"""Words that are not part of a unit."""
SHORT_UNITS = frozenset("cm mm km kg mg ml ft hr hrs min mins sec secs oz lb lbs mph kph gb mb usd".split())


SPOILERS = frozenset(
    "of times by twice half double triple plus minus root squared mod modulo divided multiplied to over log thousand "
    "million hundred dozen factorial choose power base percent".split()
)
"""Words that act on the expression after them."""
OPENING, CLOSING = ("(", "[", "{"), (")", "]", "}")


class NotationPiece(NamedTuple):
    """A piece of an expression at `[start, end)`."""

    kind: str
    """Group of `NOTATION` as matched, or number, symbol, sign, command or function in a side."""
    text: str
    start: int
    end: int
    tight: bool
    """Whether there is no space before it."""
