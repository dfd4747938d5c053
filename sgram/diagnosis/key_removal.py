"""Find a secret in what a server says, in any of the encodings in which servers repeat what they were sent.

Plain occurrences are replaced. Where a secret can be decoded from a text (escapes of JSON or HTML, percent-encoding,
base64, hexadecimal digits, or two of these on top of each other), the text cannot be mended piece by piece, so it is
withheld as a whole.
"""

import base64
import binascii
import html
import re
from collections.abc import Callable, Iterator
from urllib.parse import unquote

REPLACEMENT = "[key]"
WITHHELD = "(withheld: it repeats the key)"
MIN_ENCODED = 8
"""Shorter secrets, such as the EMPTY of local servers, are replaced where they stand letter by letter, and not looked
for in encodings or other capitals: chance would find them."""
_DEPTH = 2
"""Encodings on top of each other that are undone."""
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_BASE64_RUN = re.compile(r"[A-Za-z0-9+/_-]{8,}")
_HEX_RUN = re.compile(r"(?:[0-9a-fA-F]{2}[\s:]?){8,}")


def remove_secret(text: str, secret: str) -> str:
    """Return `text` without `secret`; `WITHHELD` if the text has it in an encoded form.

    >>> remove_secret("invalid key sk-0123456789", "sk-0123456789")
    'invalid key [key]'
    >>> remove_secret("invalid key sk%2D0123456789", "sk-0123456789")
    '(withheld: it repeats the key)'
    """
    if not secret:
        return text
    if len(secret) < MIN_ENCODED:
        return text.replace(secret, REPLACEMENT)
    text = re.sub(re.escape(secret), REPLACEMENT, text, flags=re.IGNORECASE)
    return WITHHELD if _can_decode(text, secret.casefold(), _DEPTH) else text


def _can_decode(text: str, secret: str, depth: int) -> bool:
    for decode in _DECODERS:
        for decoded in decode(text):
            if decoded != text and (
                secret in decoded.casefold() or (depth > 1 and _can_decode(decoded, secret, depth - 1))
            ):
                return True
    return False


def _unescape(text: str) -> Iterator[str]:
    """Yield the text with the escapes of JSON and of string literals undone."""
    yield _ESCAPE.sub(lambda match: chr(int(match[1] or match[2], 16)) if match[1] or match[2] else match[3], text)


def _decode_base64(text: str) -> Iterator[str]:
    """Yield what runs of base64 digits, of any alignment, decode to."""
    runs = _BASE64_RUN.findall(re.sub(r"\s", "", text).translate(str.maketrans("-_", "+/")))
    for shift in range(4):
        decoded = []
        for run in runs:
            part = run[shift:]
            part = part[: len(part) - (len(part) % 4 == 1)]
            decoded.append(base64.b64decode(part + "=" * (-len(part) % 4)).decode("latin-1"))
        if decoded:
            yield "\n".join(decoded)


def _decode_hex(text: str) -> Iterator[str]:
    """Yield what runs of hexadecimal digits decode to."""
    runs = [re.sub(r"[\s:]", "", run) for run in _HEX_RUN.findall(text)]
    if runs:
        yield "\n".join(binascii.unhexlify(run).decode("latin-1") for run in runs)


_DECODERS: tuple[Callable[[str], Iterator[str]], ...] = (
    _unescape,
    lambda text: iter([html.unescape(text)]),
    lambda text: iter([unquote(text)]),
    _decode_base64,
    _decode_hex,
)
