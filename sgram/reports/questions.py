"""The questions that a report answers first, in their order: in its grid, and as curves over training steps."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sgram.analysis.table import Table
from sgram.analysis.trace_counts import SGS
from sgram.diagnosis.kind_shares import RIVALS

SMOOTHED_SHARE = 0.1
"""Share of the steps over which a curve is smoothed."""
StepPoint = tuple[float, float]
"""A training step, and a value at it."""


@dataclass(frozen=True, slots=True)
class ReportQuestion:
    """A question that has a number for each source."""

    name: str
    question: str
    short_name: str
    """Head of a narrow column."""
    section: str
    """Section of the page that says more."""
    finding: str
    """Name of the finding's question about the change over training steps."""
    series: str
    """Series of the table `curves`."""
    level_finding: str = ""
    """Name of the finding's question about the level over all steps; "" if a table has it."""
    units: tuple[str, str] = ("", "")
    """What the numbers of a change and of a level are: "% of answers"."""
    notes: tuple[str, str] = ("", "")
    """What else the pictures of a change and of a level show."""
    unit: str = "share"
    """Unit of the findings."""
    has_band: bool = False
    """Whether undecided kinds of errors may add to the values."""
    has_placebo: bool = False
    """Whether random phrases are drawn beside it; of the planning share they are the same by construction."""
    has_one_scale: bool = True
    """Whether the level over all steps is comparable with the values of the steps."""


QUESTIONS = (
    ReportQuestion(
        "accuracy",
        "How often is the answer right?",
        "Answer right",
        "dynamics",
        "accuracy over training",
        "pass@1",
        "accuracy",
        ("% of answers", "% of answers"),
    ),
    *(
        ReportQuestion(
            f"{kind} errors",
            question,
            short_name,
            "errors",
            f"{kind} errors over training",
            f"{kind} errors",
            "",
            ("% of judged traces", "% of wrong traces"),
            ("pale: undecided", "bar: with the undecided"),
            has_band=True,
        )
        for kind, question, short_name in zip(
            RIVALS,
            ("How often is the plan wrong?", "How often does a step slip?"),
            ("Plan wrong", "Step slips"),
            strict=True,
        )
    ),
    ReportQuestion(
        "exploration",
        "How varied are the strategies?",
        "Variety",
        "dynamics",
        "exploration over training",
        "semantic entropy",
        "",
        ("semantic entropy, nats", "semantic entropy, nats"),
        ("dashed: random phrases", "gray: random phrases"),
        unit="nats",
        has_placebo=True,
        has_one_scale=False,
    ),
    ReportQuestion(
        "planning",
        "How much of it is planning?",
        "Planning",
        "lexicon",
        "planning over training",
        "planning share",
        "planning share",
        ("% of words or tokens", "% of words or tokens"),
    ),
    ReportQuestion(
        "length",
        "How long are the traces?",
        "Length",
        "dynamics",
        "length over training",
        "length",
        "",
        ("words or tokens", "words"),
        unit="words",
    ),
)
"""The questions in their order."""


def smooth_steps(points: Sequence[StepPoint]) -> list[StepPoint]:
    """Return centered means over a tenth of the steps; at the ends over as many as there are.

    >>> smooth_steps([(step, float(step == 10)) for step in range(20)])[8:13]
    [(8, 0.0), (9, 0.3333333333333333), (10, 0.3333333333333333), (11, 0.3333333333333333), (12, 0.0)]
    """
    half = round(SMOOTHED_SHARE * len(points) / 2)
    heights = [height for _, height in points]
    means = []
    for index, (step, _) in enumerate(points):
        window = heights[max(0, index - half) : index + half + 1]
        means.append((step, math.fsum(window) / len(window)))
    return means


def read_steps(table: Table, source: str, series: str, list_name: str = SGS) -> list[StepPoint]:
    """Return (step, value) of a series, by step: of the lexicon, and of what no lexicon decides, or of the placebo."""
    rows = [row for row in table.records(source=source, series=series) if (row["list"] or SGS) == list_name]
    pairs = [(row.number("step"), row.number("value")) for row in rows]
    return sorted((step, value) for step, value in pairs if step is not None and value is not None)
