"""The verbs: the group of each, its line of help, and where it is imported from."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb of the command line."""

    name: str
    group: str
    """The work that it belongs to, a heading of ``sgram --help``."""
    line: str
    """What it does, in one line."""
    target: str
    """Its function or `cyclopts.App`, as ``module:name``; it is imported when the verb is called."""
    usage: str = ""
    """Its arguments, where cyclopts would only say ARGS."""


# in the order of the work; verbs of one group stand together
VERBS = (
    Verb("demo", "Look", "Run the whole chain on shipped sample data, offline.", "sgram.cli.demo:demo"),
    Verb("read", "Look", "Summarize rollouts of any known format, or convert them.", "sgram.cli.read:read"),
    Verb("sample", "Look", "Sample responses of a model to problems, graded.", "sgram.cli.sample:sample"),
    Verb("mine", "Find", "Mine a lexicon: the phrases that carry the plan.", "sgram.cli.mine:app"),
    Verb("lexicon", "Find", "Show, compare, merge, check and export lexicons.", "sgram.cli.lexicon:app"),
    Verb(
        "validate",
        "Validate",
        "Measure a lexicon on labeled text; train scorers.",
        "sgram.cli.validate:validate",
        "[OPTIONS] [LEXICON]",
    ),
    Verb("annotate", "Validate", "Let people judge phrases or errors, blind.", "sgram.cli.annotate:app"),
    Verb("agreement", "Validate", "Measure how far raters agree.", "sgram.cli.agreement:agreement"),
    Verb("tag", "Mark", "Mark planning words and token ids of rollouts.", "sgram.cli.tag:tag"),
    Verb("train", "Train", "Train a policy with HICRA or a control.", "sgram.cli.train:train", "[OPTIONS] [CONFIG]"),
    Verb(
        "evolve",
        "Train",
        "Train one model to propose, solve and judge.",
        "sgram.cli.evolve:evolve",
        "[OPTIONS] [CONFIG]",
    ),
    Verb("metrics", "See", "Print tables about rollouts and runs.", "sgram.cli.metrics:metrics"),
    Verb("diagnose", "See", "Say why each wrong rollout is wrong.", "sgram.cli.diagnose:diagnose"),
    Verb("view", "See", "Browse and search the traces in a browser, locally.", "sgram.cli.view:view"),
    Verb("report", "See", "Write one page of all results, with figures.", "sgram.cli.report:report"),
    Verb("publish", "Share", "Publish a lexicon or a scorer on the hub.", "sgram.cli.publish:publish"),
)

FIRST_STEPS = (
    ("sgram demo", "the whole chain on sample data, offline"),
    ("sgram read FILE", "what is in your rollouts, and how it is read"),
    ("sgram mine FILE -o lexicon.json", "the phrases in them that carry the plan"),
    ("sgram report FILE -o report.html", "everything about them on one page"),
)
"""Commands for a beginning, and what they answer."""


def first_steps() -> Iterator[str]:
    """Yield the lines that say what to do first.

    >>> list(first_steps())[1]
    '  sgram demo                        the whole chain on sample data, offline'
    """
    width = max(len(command) for command, _ in FIRST_STEPS)
    yield "What to do first:"
    for command, answer in FIRST_STEPS:
        yield f"  {command:<{width}}  {answer}"


def verb_lines() -> Iterator[str]:
    """Yield one line a verb, below the heading of its group.

    >>> list(verb_lines())[:2]
    ['Look', '  demo       Run the whole chain on shipped sample data, offline.']
    """
    width = max(len(verb.name) for verb in VERBS)
    for group, verbs in groupby(VERBS, lambda verb: verb.group):
        yield group
        for verb in verbs:
            yield f"  {verb.name:<{width}}  {verb.line}"
