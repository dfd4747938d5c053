"""What every page of the room is put together from: files beside the modules, templates, digests. Knows no page."""

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jinja2


def read_asset(name: str) -> str:
    """The text of a file that stands beside these modules."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def policy_digest(text: str) -> str:
    """What a content security policy calls an inline script or style sheet after ``sha256-``."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def load_template(name: str, **filters: Callable) -> "jinja2.Template":
    """The template of the file `name`: what is put in is escaped, what is missing is an error."""
    import jinja2

    made = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters |= filters
    return made.from_string(read_asset(name))
