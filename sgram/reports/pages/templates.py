"""Assets, Jinja templates and policy digests that all pages share."""

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2


def read_asset(name: str) -> str:
    """Return the text of a template, style sheet or script in the folder of this module."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def policy_digest(text: str) -> str:
    """Return the SHA-256 digest of an inline script or style sheet, in base64 as a content security policy needs it.

    >>> policy_digest("body { margin: 0 }")
    'mX+s7KJgWpgxJola85xdpAFPBQaV091gzM2oPjgTW2w='
    """
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def load_template(name: str, **filters: Callable[..., Any]) -> "jinja2.Template":
    """Return the Jinja template of the file `name`, with these filters.

    The template escapes what is inserted and raises `jinja2.UndefinedError` if a variable is missing.
    """
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= filters
    return environment.from_string(read_asset(name))
