"""Figures as data addresses: an SVG with all that a picture in a page does not need left out.

Two digits behind the point are a hundredth of a pixel; matplotlib writes six. Comments and metadata are never drawn.
"""

import re
from functools import lru_cache
from urllib.parse import quote

_LEFT_OUT = re.compile(rb"<!--.*?-->|<metadata>.*?</metadata>|<\?xml.*?\?>|<!DOCTYPE.*?>", re.DOTALL)
_DECIMALS = re.compile(rb"(?<![\w#.])(-?\d+\.\d{3,})(?![\w.])")
_DRAWING = re.compile(
    rb"(?<=[\s\"])(?:d|transform|x|y|points|style|width|height|viewBox|cx|cy|r|x1|x2|y1|y2)=\"[^\"]*\""
)
_UNQUOTED = "'()*+,/:;=?@[]^`{|}~!$- ."
"""Characters that an address keeps; letters, digits and "_" are kept anyway."""
_POINT = rb"(-?[\d.]+) (-?[\d.]+)"
_LINES = re.compile(rb"M" + _POINT + rb"(?:[ML]" + _POINT + rb")*\s*z?\s*")
_POINTS = re.compile(rb"([ML])" + _POINT)
_REFERENCE = re.compile(rb"(?<=[\"(])#([A-Za-z][\w.-]*)(?=([\")]))")
_ID = re.compile(rb' id="([^"]*)"')
_SPACES = re.compile(rb"\s+")
_BEFORE_TAG = re.compile(rb">\s+<")
_AFTER_COMMAND = re.compile(rb" ?([MLQCZHVSTA]) ?")


def compact_svg(svg: bytes) -> bytes:
    """Return `svg` with coordinates of at most two decimals, and without comments and metadata.

    >>> compact_svg(b'<svg><!-- a label --><path d="M 10.123456 20.000000 \\nL 1 2 "/></svg>')
    b'<svg><path d="M10.12 20l-9.12-18"/></svg>'
    """
    svg = _BEFORE_TAG.sub(b"><", _LEFT_OUT.sub(b"", svg))
    return _shorten_ids(_DRAWING.sub(lambda match: _compact_attribute(match.group()), svg).strip())


def _shorten_ids(svg: bytes) -> bytes:
    """Return `svg` with numbers for the ids that it refers to, in their order, and without all other ids."""
    names = {
        name: f"i{number}".encode()
        for number, name in enumerate(dict.fromkeys(name for name, _ in _REFERENCE.findall(svg)))
    }
    svg = _REFERENCE.sub(lambda match: b"#" + names[match.group(1)], svg)
    return _ID.sub(lambda match: b' id="' + names[match.group(1)] + b'"' if match.group(1) in names else b"", svg)


def _compact_attribute(attribute: bytes) -> bytes:
    name, _, text = attribute.partition(b"=")
    text = _DECIMALS.sub(lambda match: _round(match.group(1), 4 if name == b"transform" else 2), text[1:-1])
    text = _SPACES.sub(b" ", text)
    if name == b"style":
        text = text.replace(b": ", b":").replace(b"; ", b";")
    if name == b"d":
        text = _relative_lines(_AFTER_COMMAND.sub(rb"\1", text))
    return name + b'="' + text.strip() + b'"'


def _relative_lines(path: bytes) -> bytes:
    """Return a path of lines alone with steps in place of positions, which have fewer digits; others unchanged.

    Steps are differences of rounded positions in hundredths: they do not add up to a drift.
    """
    if not _LINES.fullmatch(path):
        return path
    parts: list[bytes] = []
    x = y = 0
    for command, x_text, y_text in _POINTS.findall(path):
        next_x, next_y = round(float(x_text) * 100), round(float(y_text) * 100)
        if command == b"M":
            parts.append(b"M" + _hundredths(next_x) + b" " + _hundredths(next_y))
        else:
            step = _hundredths(next_y - y)
            parts.append(b"l" + _hundredths(next_x - x) + (step if step[:1] == b"-" else b" " + step))
        x, y = next_x, next_y
    return b"".join(parts) + (b"z" if path.rstrip()[-1:] == b"z" else b"")


def _hundredths(number: int) -> bytes:
    return _round(f"{number / 100:.2f}".encode(), 2)


def _round(number: bytes, digits: int) -> bytes:
    rounded = f"{float(number):.{digits}f}".rstrip("0").rstrip(".")
    if rounded in ("", "-", "-0", "0"):
        return b"0"
    return rounded.replace("0.", ".", 1).encode() if rounded.startswith(("0.", "-0.")) else rounded.encode()


@lru_cache(maxsize=64)
def picture_address(svg: bytes) -> str:
    """Return an SVG as a data address for an image element, in which it can neither run scripts nor load files.

    The address has none of the characters ``"<>&`` and no line break, so it can stand in an attribute as it is. It is
    a quarter shorter than base64.

    >>> picture_address(b'<svg width="1"/>')
    "data:image/svg+xml,%3Csvg width='1'/%3E"
    """
    text = compact_svg(svg)
    if b"'" not in text:
        text = text.replace(b'"', b"'")
    return "data:image/svg+xml," + quote(_SPACES.sub(b" ", text), safe=_UNQUOTED)
