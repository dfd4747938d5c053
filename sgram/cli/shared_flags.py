"""Arguments and flags that several verbs have."""

from typing import Annotated

from cyclopts import Group, Parameter

from sgram.cli.number_checks import check_minimum
from sgram.cli.option_groups import ADVANCED, INPUT, OUTPUT, in_group
from sgram.tagging.spans import MaskKind
from sgram.traces.parts import PartChoice


def path_argument(help_text: str, group: Group | None = None) -> Parameter:
    """Return an argument or flag that takes a file, or - for stdin or stdout; `group` is its heading in help."""
    return in_group(Parameter(help=help_text, allow_leading_hyphen=True), group)


def output_flag(help_text: str) -> Parameter:
    """Return the flag ``--output``, also ``-o``."""
    return Parameter(name=["--output", "-o"], help=help_text, allow_leading_hyphen=True, group=OUTPUT)


def number_flag(name: str, minimum: int, help_text: str, group: Group | None = None) -> Parameter:
    """Return the flag ``--name`` for a number; a number below `minimum` is a usage error. `group` is its heading."""
    flag = Parameter(help=help_text, validator=lambda _, number: check_minimum(name, number, minimum))
    return in_group(flag, group)


# allow_leading_hyphen permits "-" for stdin or stdout; `sgram.cli.path_checks` refuses other names with a hyphen
LEXICON = path_argument("A lexicon file or URL (- for stdin), hf://owner/name, or a preset such as sgram.")
SCORER = path_argument("A sentence scorer's file (- for stdin), hf://owner/name, or a preset; sgram by default.")
REPEATABLE = Parameter(negative="", show_default=False)
REPEATABLE_PATH = Parameter(negative="", show_default=False, allow_leading_hyphen=True)

TracePaths = Annotated[list[str], path_argument("Files, folders, URLs, or - for stdin.")]
Limit = Annotated[int | None, number_flag("limit", 1, "Stop after this many traces.", INPUT)]
Part = Annotated[
    PartChoice,
    Parameter(group=INPUT, help="Part of each trace: reasoning or answer. Traces that do not mark it are left out."),
]
MaxDiagnosed = Annotated[
    int,
    number_flag(
        "max-diagnosed",
        0,
        "Diagnose at most this many wrong traces: above it a sample stratified by step and problem.",
        ADVANCED,
    ),
]
Ratings = Annotated[
    str | None,
    Parameter(
        group=INPUT, help="Ratings of wrong traces, from sgram annotate import; shares of kinds are corrected by them."
    ),
]
Mask = Annotated[
    MaskKind,
    Parameter(help="What is marked: grams of the lexicon, planning sentences, or the grams inside planning sentences."),
]
JudgeAnswers = Annotated[
    bool,
    Parameter(help="If a rollout does not say whether it is correct, compare its answer with its reference answer."),
]
DryRun = Annotated[bool, Parameter(negative="", group=OUTPUT, help="Print the plan, and stop.")]
AsJson = Annotated[bool, Parameter(name="--json", negative="", group=OUTPUT, help="Print one JSON object.")]
