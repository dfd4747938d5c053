r"""One notation for answers: LaTeX without its layout, Unicode signs as LaTeX, no marks of formatting.

`plain` changes how an answer is written, never what it says: ``$\dfrac12$``, ``\frac{1}{2}`` and ``**\frac 12**``
become one text. Everything here takes time linear in the length of the text.
"""

import re
from collections.abc import Iterator

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n")
_SUPERSCRIPT_RUN = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ]+")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_SUBSCRIPT_RUN = re.compile("[₀₁₂₃₄₅₆₇₈₉]+")
_VULGAR = {
    **{"½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅖": (2, 5), "⅗": (3, 5)},
    **{"⅘": (4, 5), "⅙": (1, 6), "⅚": (5, 6), "⅛": (1, 8), "⅜": (3, 8), "⅝": (5, 8), "⅞": (7, 8), "⅑": (1, 9)},
    **{"⅒": (1, 10), "⅐": (1, 7)},
}
_SIGNS = {
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212\ufe63\uff0d", "-"),
    **dict.fromkeys("\u00a0\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u3000", "\u2009"),
    **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u200e\u200f", ""),
    **{"×": "\\times ", "·": "\\cdot ", "⋅": "\\cdot ", "∙": "\\cdot ", "÷": "/", "⁄": "/", "∕": "/"},
    **{"≤": "\\le ", "≥": "\\ge ", "≠": "\\ne ", "⩽": "\\le ", "⩾": "\\ge ", "≈": "\\approx ", "≅": "\\approx "},
    **{"∞": "\\infty ", "π": "\\pi ", "∪": "\\cup ", "∩": "\\cap ", "∈": "\\in ", "±": "\\pm ", "∅": "\\emptyset "},
    **{"√": "\\sqrt ", "°": "^\\circ ", "ℝ": "\\mathbb{R}", "ℤ": "\\mathbb{Z}", "ℕ": "\\mathbb{N}", "∶": ":"},
    **{"α": "\\alpha ", "β": "\\beta ", "γ": "\\gamma ", "δ": "\\delta ", "θ": "\\theta ", "λ": "\\lambda "},
    **{"μ": "\\mu ", "µ": "\\mu ", "ρ": "\\rho ", "σ": "\\sigma ", "τ": "\\tau ", "φ": "\\phi ", "ω": "\\omega "},
    **{"Δ": "\\Delta ", "Ω": "\\Omega ", "ε": "\\epsilon "},
    **{"“": '"', "”": '"', "‘": "'", "’": "'", "。": ".", "，": ",", "、": ",", "；": ";", "：": ":", "％": "%"},
    **{"（": "(", "）": ")", "＝": "=", "＋": "+", "＜": "<", "＞": ">", "．": ".", "＄": "$"},
    **{chr(0xFF10 + digit): str(digit) for digit in range(10)},
    **{chr(0xFF21 + letter): chr(65 + letter) for letter in range(26)},
}
_SIGN_TABLE = str.maketrans(_SIGNS)
_VULGAR_SIGN = re.compile(f"[{''.join(_VULGAR)}]")
_SEPARATOR = re.compile(r"(?<=\d)(?:\{,\}|,?\\[,!;: ]|,\\!|'|~|,?\u2009)(?=\d{3}(?!\d))")
"""Between groups of three digits; plain commas and spaces are left to `sgram.grading.numbers`."""
_SPACING = re.compile(
    r"(?<!\\)\\[,;:! ]|\\q?quad(?![a-zA-Z])|\\(?:hspace|vspace|hskip)\*?\{[^{}]*\}|~|\u2009|\\\n|\\phantom\{[^{}]*\}"
)
_LAYOUT = re.compile(
    r"\\(?:left|right|[Bb]igg?[lrm]?|displaystyle|textstyle|limits|nolimits|mathstrut|strut|bf|rm|it|large|Large|huge)"
    r"(?![a-zA-Z])\.?(?=\s|\W|\w|$)"
)
_FRACTION_NAME = re.compile(r"\\[dtc]frac(?![a-zA-Z])")
_SHORT_FRACTION = re.compile(r"\\frac\s*(?:(\d)\s*(\d)|(\d)\s*\{|\{([^{}]*)\}\s*(\d))")
_TEXT_COMMAND = re.compile(
    r"\\(?:text|textbf|textit|textrm|textsf|texttt|textnormal|mathrm|mathbf|mathit|mathsf|mathtt|boldsymbol|bm|mbox|hbox|"
    r"emph|underline|fbox|color\{\w+\}|textcolor\{\w+\})\*?\s*\{"
)
_DELIMITERS = re.compile(r"\\[()\[\]]|\$\$")
_RELATIONS = {
    r"\\(?:leqslant|leq|leqq)(?![a-zA-Z])": "\\\\le ",
    r"\\(?:geqslant|geq|geqq)(?![a-zA-Z])": "\\\\ge ",
    r"\\(?:neq)(?![a-zA-Z])": "\\\\ne ",
    r"\\lt(?![a-zA-Z])": "<",
    r"\\gt(?![a-zA-Z])": ">",
    r"<=|=<": "\\\\le ",
    r">=": "\\\\ge ",
    r"!=": "\\\\ne ",
    r"\\degrees?(?![a-zA-Z])|\^\{\\circ\}|\^\s*\\circ(?![a-zA-Z])": "^\\\\circ ",
    r"\\varnothing(?![a-zA-Z])": "\\\\emptyset ",
    r"\\colon(?![a-zA-Z])": ":",
    r"\\ldots|\\cdots|\\dots[bc]?(?![a-zA-Z])|…": "...",
    r"\\lbrace(?![a-zA-Z])": "\\\\{",
    r"\\rbrace(?![a-zA-Z])": "\\\\}",
    r"\\lbrack(?![a-zA-Z])": "[",
    r"\\rbrack(?![a-zA-Z])": "]",
    r"\\[dt]?binom": "\\\\binom",
    r"\\mathbb\s*([RZNQC])(?![a-zA-Z])": r"\\mathbb{\1}",
}
_RELATION_TABLE = [(re.compile(pattern), sign) for pattern, sign in _RELATIONS.items()]
_INFINITY_WORDS = re.compile(r"^(?:(minus |negative )|(?:plus |positive ))?infinity$", re.IGNORECASE)
_END_MARKS = ".,;:"


def plain(text: str) -> str:
    r"""Return an answer in one notation.

    >>> plain("**$\\dfrac12$**."), plain("1\\,234"), plain("5.89×10⁻⁷"), plain("2½")
    ('\\frac{1}{2}', '1234', '5.89\\times 10^{-7}', '2\\frac{1}{2}')
    """
    text = text.translate(_SIGN_TABLE)
    text = superscripts_as_powers(text)
    text = _SUBSCRIPT_RUN.sub(lambda run: "_{" + run.group().translate(_SUBSCRIPTS) + "}", text)
    text = _VULGAR_SIGN.sub(lambda sign: "\\frac{{{}}}{{{}}}".format(*_VULGAR[sign.group()]), text)
    text = _SPACING.sub(" ", _SEPARATOR.sub("", text))
    text = _LAYOUT.sub("", _DELIMITERS.sub(" ", without_commands(text)))
    text = text.replace("\\%", "%").replace("\\$", "$").replace("\\#", "#").replace("\\&", "&").replace("\\_", "_")
    for pattern, sign in _RELATION_TABLE:
        text = pattern.sub(sign, text)
    text = _FRACTION_NAME.sub(r"\\frac", text)
    text = _SHORT_FRACTION.sub(_long_fraction, text)
    text = text.replace("**", "").replace("__", "").replace("`", "").replace("$", "")
    text = strip_marks(" ".join(text.split()))
    return _INFINITY_WORDS.sub(lambda words: "-\\infty" if words[1] else "\\infty", text)


def superscripts_as_powers(text: str) -> str:
    """Return `text` with ``^{-7}`` for superscript signs.

    >>> superscripts_as_powers("10⁻⁷")
    '10^{-7}'
    """
    return _SUPERSCRIPT_RUN.sub(lambda run: "^{" + run.group().translate(_SUPERSCRIPTS) + "}", text)


def vulgar_fractions_as_text(text: str) -> str:
    """Return `text` with ``1/2`` for the sign of a half, and so on.

    >>> vulgar_fractions_as_text("2½ cups")
    '2 1/2 cups'
    """
    return re.sub(rf"(\d)?({_VULGAR_SIGN.pattern})", _typed_vulgar, text)


def _typed_vulgar(match: re.Match[str]) -> str:
    numerator, denominator = _VULGAR[match[2]]
    return f"{match[1] + ' ' if match[1] else ''}{numerator}/{denominator}"


def strip_marks(text: str) -> str:
    """Return `text` without full stops behind it, and without quotation marks, braces or stars around all of it."""
    while True:
        stripped = text.strip()
        if not stripped.endswith("..."):
            stripped = stripped.rstrip(_END_MARKS).rstrip()
        stripped = stripped.strip("\"'*").lstrip(":").strip()
        if stripped.startswith("{") and closing_brace(stripped, 0) == len(stripped) - 1:
            stripped = stripped[1:-1]
        if stripped == text:
            return text
        text = stripped


def without_commands(text: str) -> str:
    r"""Return `text` with the contents of ``\text{}`` and the like in place of the commands.

    >>> without_commands("35\\text{ cm}")
    '35 cm'
    """
    parts: list[str] = []
    position, depth, closings = 0, 0, set[int]()
    for index, command in _commands_and_braces(text):
        if command:
            parts += [text[position:index], " "]
            position = index + command
            depth += 1
            closings.add(depth)
        elif text[index] == "{":
            depth += 1
        else:
            if depth in closings:
                closings.discard(depth)
                parts.append(text[position:index])
                position = index + 1
            depth -= 1
    parts.append(text[position:])
    return "".join(parts)


def _commands_and_braces(text: str) -> Iterator[tuple[int, int]]:
    """Yield (position, length of the command; 0 for a brace)."""
    position = 0
    while position < len(text):
        character = text[position]
        if character == "\\":
            command = _TEXT_COMMAND.match(text, position)
            if command:
                yield position, command.end() - position
                position = command.end()
            else:
                position += 2
            continue
        if character in "{}":
            yield position, 0
        position += 1


def closing_brace(text: str, brace: int) -> int:
    """Return the position of the brace that closes the one at `brace`; -1 if there is none."""
    depth, position = 0, brace
    while position < len(text):
        character = text[position]
        if character == "\\":
            position += 1  # an escaped brace is no brace
        elif character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
            if not depth:
                return position
        position += 1
    return -1


def _long_fraction(match: re.Match[str]) -> str:
    first, second, numerator, top, bottom = match.groups()
    if first is not None:
        return f"\\frac{{{first}}}{{{second}}}"
    return f"\\frac{{{numerator}}}{{" if numerator is not None else f"\\frac{{{top}}}{{{bottom}}}"
