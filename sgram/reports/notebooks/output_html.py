"""What all HTML in notebooks shares: one block with its own style, without script, request or id.

A notebook shows many outputs on one page, the same one perhaps twice. So every rule of the style sheet applies inside
such blocks only, and no element has an id. The block inherits the color of the notebook, and takes those of JupyterLab
and VS Code where they set any. MathJax is told to leave the block alone: texts of traces are untrusted, and formulas
can hold links that run scripts.
"""

import re
from collections.abc import Iterator
from functools import cache

from sgram.reports.pages.templates import read_asset, render_fragment

SCOPE = ".sgram-output"
_SHEETS = ("moves", "question_grid", "notebook_output")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_RULE = re.compile(r"([^{}]+)\{((?:[^{}]|\{[^{}]*\})*)\}")
_COMMA = re.compile(r",(?![^()]*\))")


def render_output(template: str, **content: object) -> str:
    """Return the HTML of a template of the folder `pages`, filled with `content`, in a block with the style.

    Everything that is inserted is escaped; equal contents give equal HTML.
    """
    return render_fragment(template, style=notebook_style(), **content)


@cache
def notebook_style() -> str:
    """Return the style sheet of all blocks."""
    return scope_style("".join(read_asset(f"{name}.css") for name in _SHEETS))


def scope_style(style: str) -> str:
    """Return the rules of a style sheet, each limited to what is inside `SCOPE`.

    In a selector, ``:scope`` stands for the block itself. Rules about ``:root``, such as those of a page's switches,
    are left out.

    >>> scope_style("mark, b > i { color: red } :root { margin: 0 } @media print { :scope { color: black } }")
    '.sgram-output mark, .sgram-output b > i { color: red }\\n@media print { .sgram-output { color: black } }\\n'
    """
    return "".join(f"{rule}\n" for rule in _scope_rules(_COMMENT.sub("", style)))


def _scope_rules(style: str) -> Iterator[str]:
    for head, body in _RULE.findall(style):
        if head.strip().startswith("@"):
            rules = " ".join(_scope_rules(body))
            if rules:
                yield f"{head.strip()} {{ {rules} }}"
            continue
        selectors = [selector.strip() for selector in _COMMA.split(head)]
        scoped = [
            selector.replace(":scope", SCOPE) if ":scope" in selector else f"{SCOPE} {selector}"
            for selector in selectors
            if ":root" not in selector
        ]
        if scoped:
            yield f"{', '.join(scoped)} {{{body}}}"
