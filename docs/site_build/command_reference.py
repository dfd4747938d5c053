"""The page of commands: what ``sgram help VERB`` prints, of every verb."""

import contextlib
import io
import os

from sgram.cli import app, main

INTRODUCTION = """# Commands

What `sgram help VERB` prints, of every verb. `sgram` alone says what to do first.

Exit codes: 0 done, 1 internal error, 2 invalid usage, 3 unusable input, 4 over the quarantine limit, 130 interrupted.
"""


def render_commands() -> str:
    """Return the page in Markdown."""
    sections = [INTRODUCTION]
    for verb in (name for name in app if not name.startswith("-")):
        sections.append(f"## sgram {verb}\n\n{_fence(_help(verb))}")
        for name in (name for name in app[verb] if not name.startswith("-")):
            sections.append(f"### sgram {verb} {name}\n\n{_fence(_help(verb, name))}")
    return "\n".join(sections)


def _help(*words: str) -> str:
    """Return the help of a verb, 96 columns wide."""
    columns = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "96"
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
            main(["help", *words])
    finally:
        os.environ.pop("COLUMNS")
        if columns is not None:
            os.environ["COLUMNS"] = columns
    lines = [line.rstrip() for line in printed.getvalue().strip("\n").splitlines()]
    if not lines:
        raise RuntimeError(f"sgram help {' '.join(words)} printed nothing")
    return "\n".join(lines)


def _fence(text: str) -> str:
    """Return a block of plain text, with a fence that the text does not hold."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}text\n{text}\n{fence}\n"
