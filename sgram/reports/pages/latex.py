r"""Text and tables as LaTeX: everything is escaped, tables have the rules of booktabs.

The output compiles with pdfLaTeX in UTF-8, if its letters are Latin or Greek; other letters need LuaLaTeX or XeLaTeX
and a font that has them (`needs_unicode_engine`).
"""

import re
import unicodedata
from collections.abc import Sequence

from sgram.reports.pages.templates import escape_invisible

_COMMANDS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\char34{}",
    "`": r"\textasciigrave{}",
    "\u00a0": "~",
    "\u2013": "--",
    "\u2014": "---",
    "\u2018": "`",
    "\u2019": "'",
    "\u201c": "``",
    "\u201d": "''",
    "\u2026": r"\ldots{}",
    "\u2212": "$-$",
    "×": r"$\times$",
    "±": r"$\pm$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "≠": r"$\ne$",
    "→": r"$\to$",
    "°": r"$^\circ$",
}
_GREEK = {
    letter: f"$\\{name}$"
    for letter, name in (
        *(("α", "alpha"), ("β", "beta"), ("γ", "gamma"), ("δ", "delta"), ("ε", "varepsilon"), ("ζ", "zeta")),
        *(("η", "eta"), ("θ", "theta"), ("ι", "iota"), ("κ", "kappa"), ("λ", "lambda"), ("μ", "mu"), ("µ", "mu")),
        *(("ν", "nu"), ("ξ", "xi"), ("π", "pi"), ("ρ", "rho"), ("σ", "sigma"), ("τ", "tau"), ("υ", "upsilon")),
        *(("φ", "varphi"), ("χ", "chi"), ("ψ", "psi"), ("ω", "omega"), ("Γ", "Gamma"), ("Δ", "Delta")),
        *(("Θ", "Theta"), ("Λ", "Lambda"), ("Ξ", "Xi"), ("Π", "Pi"), ("Σ", "Sigma"), ("Φ", "Phi"), ("Ψ", "Psi")),
        ("Ω", "Omega"),
    )
}
_ESCAPES = str.maketrans({**_COMMANDS, **_GREEK})
_LIGATURES = re.compile(r"(?<=-)(?=-)|(?<=,)(?=,)|(?<=')(?=')|(?<=[?!])(?=[`'])")
_LAST_LATIN = "\u017f"
"""Last letter of Latin Extended-A, up to which pdfLaTeX knows the letters."""


def escape_latex(text: str) -> str:
    r"""Return `text` on one line, with everything escaped that LaTeX would take for a command.

    Control and bidi characters become visible escapes. An opening bracket or an asterisk at the start is put in braces,
    because LaTeX would take it for an option of the line break before it.

    >>> print(escape_latex("50 % of a_b & [c]"), escape_latex("[x]"), escape_latex("α--β"))
    50 \% of a\_b \& [c] {[}x] $\alpha$-{}-$\beta$
    """
    line = " ".join(unicodedata.normalize("NFC", escape_invisible(text)).split())
    escaped = _LIGATURES.sub("\0", line).translate(_ESCAPES).replace("\0", "{}")  # no "\0" is left in the line
    return f"{{{escaped[0]}}}{escaped[1:]}" if escaped[:1] in ("[", "*") else escaped


def needs_unicode_engine(text: str) -> bool:
    """Return whether escaped LaTeX has letters that pdfLaTeX cannot print.

    >>> needs_unicode_engine("Zoë"), needs_unicode_engine("שלום")
    (False, True)
    """
    return any(character > _LAST_LATIN for character in text)


def latex_table(
    label: str, caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, is_small: bool = False
) -> str:
    r"""Return a floating table: the first column is aligned left, the others right.

    A small table has smaller letters and less space between its columns. `label` is not escaped, so it must not come
    from data.

    >>> print(latex_table("tab:n", "Counts.", ["label", "n"], [["plan", "3"]]))
    \begin{table}[tbp]
      \centering
      \caption{Counts.}
      \label{tab:n}
      \begin{tabular}{lr}
        \toprule
        label & n \\
        \midrule
        plan & 3 \\
        \bottomrule
      \end{tabular}
    \end{table}
    """
    alignment = "l" + "r" * (len(columns) - 1)
    lines = [
        r"\begin{table}[tbp]",
        r"  \centering",
        rf"  \caption{{{escape_latex(caption)}}}",
        rf"  \label{{{label}}}",
        *([r"  \small", r"  \setlength{\tabcolsep}{4pt}"] if is_small else []),
        rf"  \begin{{tabular}}{{{alignment}}}",
        r"    \toprule",
        f"    {_join_cells(columns)}",
        r"    \midrule",
        *(f"    {_join_cells(row)}" for row in rows),
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines)


def _join_cells(cells: Sequence[str]) -> str:
    return rf"{' & '.join(map(escape_latex, cells))} \\"
