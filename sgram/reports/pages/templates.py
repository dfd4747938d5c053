"""What all pages share: templates with their style sheets and scripts, and texts from data made harmless.

Texts from traces, models, files and lexicons are untrusted. Every text that a template inserts is escaped: markup
becomes text, and control and bidi characters become visible escapes, so that no text can change or hide the rest of a
page.
"""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sgram.markdown import escape_invisible as escape_invisible
from sgram.reports.pages.marked_text import move_class, style_stretch

if TYPE_CHECKING:
    import jinja2

LONGEST_TEXT = 240
"""Maximum characters of a text if nothing else is said, such as that of a cell."""
_SCRIPT_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&"}
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n){2,}")


def read_asset(name: str) -> str:
    """Return the text of a template, style sheet or script in the folder of this module; "" if there is none."""
    path = Path(__file__).with_name(name)
    return path.read_text(encoding="utf-8") if path.exists() else ""


def policy_digest(text: str) -> str:
    """Return the SHA-256 digest of an inline script or style sheet, in base64 as a content security policy needs it.

    >>> policy_digest("body { margin: 0 }")
    'mX+s7KJgWpgxJola85xdpAFPBQaV091gzM2oPjgTW2w='
    """
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def render_page(
    name: str,
    *,
    shared_styles: Sequence[str] = (),
    shared_scripts: Sequence[str] = (),
    with_pictures: bool = False,
    asks_own_server: bool = False,
    **content: object,
) -> bytes:
    """Return a page as UTF-8 HTML: the template `name` filled with `content`; equal contents give equal bytes.

    Its style sheets and its script, if it has one, stand inside it; those that pages share come first. The content
    security policy allows these, by their digests, and with `with_pictures` embedded pictures. It allows no request,
    except with `asks_own_server` those to the server of the page. Raise `jinja2.UndefinedError` if the template needs a
    content that is missing.
    """
    style = "".join(read_asset(f"{sheet}.css") for sheet in (*shared_styles, name))
    script = "".join(read_asset(f"{part}.js") for part in (*shared_scripts, name))
    policy = (
        "default-src 'none'; "
        + (f"script-src 'sha256-{policy_digest(script)}'; " if script else "")
        + f"style-src 'sha256-{policy_digest(style)}'; "
        + ("img-src data:; " if with_pictures else "")
        + ("connect-src 'self'; " if asks_own_server else "")
        + "base-uri 'none'; form-action 'none'"
    )
    template = _environment().get_template(f"{name}.html.jinja")
    return template.render(style=style, script=script, policy=policy, **content).encode()


def render_fragment(name: str, **content: object) -> str:
    """Return the template `name` filled with `content` as HTML that stands inside another page.

    Raise `jinja2.UndefinedError` if the template needs a content that is missing.
    """
    return _environment().get_template(f"{name}.html.jinja").render(**content)


@cache
def _environment() -> "jinja2.Environment":
    """Return the environment of all templates, which escapes all that is inserted unless a template made it."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: read_asset(name) or None),
        autoescape=True,
        finalize=lambda content: content if hasattr(content, "__html__") else escape_invisible(content),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "move_class": move_class,
        "shorten": shorten,
        "squeeze": squeeze_blank_lines,
        "style_stretch": style_stretch,
    }
    return environment


_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n){2,}")


def squeeze_blank_lines(text: str) -> str:
    """Return `text` with a single blank line for several in a row.

    >>> squeeze_blank_lines("one\\n\\n \\n\\ntwo")
    'one\\n\\ntwo'
    """
    return _BLANK_LINES.sub("\n\n", text.replace("\r\n", "\n"))


def shorten(text: object, longest: int = LONGEST_TEXT) -> str:
    """Return `text`, cut to `longest` characters with "…" at the end if it is longer.

    >>> shorten("planning", 5)
    'plan…'
    """
    full_text = str(text)
    return full_text if len(full_text) <= longest else f"{full_text[: longest - 1]}…"


def script_json(document: object) -> str:
    """Return JSON in ASCII that can stand inside a script element.

    >>> script_json(["</script>"])
    '["\\\\u003c/script\\\\u003e"]'
    """
    return json.dumps(document, ensure_ascii=True, allow_nan=False, separators=(",", ":")).translate(_SCRIPT_ESCAPES)
