"""Arguments and flags that several verbs have."""

from typing import Annotated

from cyclopts import Parameter

# allow_leading_hyphen permits "-" for stdin or stdout; `sgram.cli.path_checks` refuses other names with a hyphen
LEXICON = Parameter(help="A lexicon file (- for stdin), or a preset such as wang2025.", allow_leading_hyphen=True)
REPEATABLE = Parameter(negative="", show_default=False)
REPEATABLE_PATH = Parameter(negative="", show_default=False, allow_leading_hyphen=True)

TracePaths = Annotated[list[str], Parameter(help="Files, folders, or - for stdin.", allow_leading_hyphen=True)]
Limit = Annotated[int | None, Parameter(help="Stop after this many traces.")]
DryRun = Annotated[bool, Parameter(negative="", help="Print the plan, and stop.")]
AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON object.")]


def path_argument(help_text: str) -> Parameter:
    """Return an argument or flag that takes a file, or - for stdin or stdout."""
    return Parameter(help=help_text, allow_leading_hyphen=True)


def output_flag(help_text: str) -> Parameter:
    """Return the flag ``--output``, also ``-o``."""
    return Parameter(name=["--output", "-o"], help=help_text, allow_leading_hyphen=True)
