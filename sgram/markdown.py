"""Any text as part of a Markdown document: markup is escaped, invisible characters become visible."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

_MARKUP = re.compile(
    r"([\\`*_{}\[\]<>#!|~$&@])|(?<=^)([-+=])|(?<=^)(\d+)(?=[.)](?:\s|$))|:(?=//)|(?<=www)\.", re.IGNORECASE
)
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
_UNSAFE_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"


def escape_invisible(text: object) -> str:
    r"""Return `text` with control, bidi and other format characters as visible escapes.

    Line breaks, tabs and joiners (which emoji need) stay as they are; a Windows line break becomes a line feed.

    >>> escape_invisible("a\x1b[2J \u202eevil")
    'a\\x1b[2J \\u202eevil'
    """
    lines = str(text).replace("\r\n", "\n")
    if lines.isprintable():
        return lines
    return "".join(
        character.encode("unicode_escape", "surrogatepass").decode() if _is_unsafe(character) else character
        for character in lines
    )


def _is_unsafe(character: str) -> bool:
    return unicodedata.category(character) in _UNSAFE_CATEGORIES and character not in "\n\t" + _JOINERS


def escape_markdown(text: str) -> str:
    r"""Return `text` on one line, with all Markdown and HTML markup escaped.

    >>> escape_markdown("<b>a|b</b> *c*")
    '&lt;b&gt;a\\|b&lt;/b&gt; \\*c\\*'
    """
    line = " ".join(escape_invisible(text).split())
    return _MARKUP.sub(_escape_match, line)


def _escape_match(match: re.Match[str]) -> str:
    text = match.group()
    return f"&#{ord(text[0])};{text[1:]}" if text.isdecimal() else _ENTITIES.get(text, f"\\{text}")


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table whose cells are escaped texts.

    >>> print(markdown_table(["gram", "df"], [["a|b", 3]]))
    | gram | df |
    | --- | --- |
    | a\\|b | 3 |
    """
    lines = [head, ["---"] * len(head)]
    cells = [[escape_markdown(str(cell)) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in [*lines, *cells])
