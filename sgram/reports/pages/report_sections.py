"""Which tables and figures stand in which section of a report, and what to give for those that are absent.

Knows nothing about what the tables hold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sgram.analysis.table import Table
from sgram.reports.figures.figure import RenderedFigure


@dataclass(frozen=True, slots=True)
class SectionPlan:
    """A section as it is planned, whatever an analysis holds of it."""

    id: str
    title: str
    about: str
    """What a reader must know before looking: what is measured, in which unit."""
    tables: tuple[str, ...] = ()
    """Shown open."""
    folded: tuple[str, ...] = ()
    """Shown when asked for."""
    figures: tuple[str, ...] = ()
    tables_first: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A section with what there is for it."""

    plan: SectionPlan
    tables: tuple[Table, ...]
    folded: tuple[Table, ...]
    figures: tuple[RenderedFigure, ...]
    missing: tuple[str, ...]
    """What is not measured, each with what to give to get it."""


SECTION_PLANS = (
    SectionPlan("summary", "Summary", "", ("glance",), ("corpus", "success"), ("success",), tables_first=True),
    SectionPlan(
        "lexicon",
        "The lexicon",
        "The phrases that count as planning here. A gram belongs to a cluster of phrases that say the same; a cluster "
        "makes one move. The difference is the share of correct traces that hold the gram less that of wrong ones, "
        "within sources: it says where a phrase occurs, not what it does.",
        ("grams",),
        ("moves",),
        ("moves", "grams", "lexicon"),
        tables_first=True,
    ),
    SectionPlan("traces", "Traces", "", figures=("traces",)),
    SectionPlan(
        "dynamics",
        "Entropies and dynamics",
        "Semantic entropy says how many different strategies are in use: Shannon entropy of the SGs' frequencies, in "
        "nats, taken at equal sizes so that longer traces do not look more varied. Token entropy says how open the "
        "model is about its next token. Bars and brackets are 95 % intervals by bootstrap over problems; gray is the "
        "placebo.",
        folded=(
            "shares",
            "semantic_entropy",
            "conditional_entropy",
            "tokens",
            "overlap",
            "curves",
            "settling",
            "aha",
            "scaling",
        ),
    ),
    SectionPlan(
        "errors",
        "Errors by kind",
        "Of the traces whose answer is wrong: a strategic error chose a wrong way, a procedural one slipped on a right "
        "way (arithmetic, algebra); the rest ran out of room, fell into a loop, or could not be told.",
        ("errors",),
        ("equations", "diagnoses"),
        ("errors", "equations"),
    ),
    SectionPlan(
        "controls",
        "Controls: SGs beside placebos",
        "A placebo is a lexicon of random phrases that mark the same share of the text. What holds for the placebos as "
        "well says nothing about planning. Below, each quantity for the SGs (dot, with its 95 % interval) and for the "
        "placebos (gray, from the smallest to the largest draw). Over all texts of a lexicon the marked share is the "
        "same by construction, of a part of them it need not be.",
        folded=("placebo",),
        figures=("placebo", "controls"),
    ),
    SectionPlan(
        "architecture",
        "The architecture of a trace",
        "An analogy, no more: the lengths of the stretches of execution between planning phrases, in order, are "
        "classed as Mishra et al. (2023) class the masses of planets about a star. Growing lengths are ordered, "
        "shrinking ones anti-ordered, alike ones similar, others mixed.",
        ("architecture",),
        figures=("architecture",),
    ),
    SectionPlan("provenance", "Provenance", "What was read, with which settings; the same inputs give the same page."),
)
_REST = "dynamics"
_LONG = 24
"""Rows of a table that is folded where a figure shows what it says."""
_NEVER_FOLDED = {"glance", "grams"}
_NOT_MISSED = {"glance", "corpus"}
_WANTED = {
    "success": "Success needs traces that are marked correct or wrong, or that bring reference answers",
    "grams": "The lexicon's table needs traces in which its grams occur",
    "moves": "Moves need traces in which grams of the lexicon occur",
    "shares": "Planning shares need traces with words in them",
    "semantic_entropy": "Semantic entropy needs SGs that occur in the traces",
    "conditional_entropy": "The entropy of what follows an SG needs SGs that occur in the traces",
    "tokens": "Entropies of planning and execution tokens need token ids with entropies or log-probabilities: give a "
    "run of `sgram train`, or compute them with a local model (`sgram metrics --model`)",
    "overlap": "The overlap with high-entropy tokens needs every token's entropy: give a run of `sgram train`, or "
    "compute them with a local model (`sgram metrics --model`)",
    "curves": "Curves need training steps: give a run of `sgram train`, or traces whose rows hold a `step`",
    "settling": "When a curve settles needs traces of at least a handful of training steps",
    "aha": "The growth of reflection phrases needs traces of several training steps",
    "scaling": "Length against planning needs traces of different lengths",
    "errors": "Kinds of errors need traces that are marked wrong",
    "equations": "Checked equations need traces that write equations out",
    "diagnoses": "Diagnoses need traces that are marked wrong",
    "placebo": "Controls need traces with enough phrases to draw a placebo from (and `placebos` above 0)",
    "architecture": "The architecture needs traces with at least three SGs",
}


def arrange_sections(tables: Mapping[str, Table], figures: Sequence[RenderedFigure]) -> list[Section]:
    """Every section with its tables and figures, in the order of `SECTION_PLANS`; what has no home goes to the dynamics."""
    planned = {name for plan in SECTION_PLANS for name in (*plan.tables, *plan.folded)}
    homes = {name: plan.id for plan in SECTION_PLANS for name in plan.figures}
    made = []
    for plan in SECTION_PLANS:
        rest = tuple(name for name in tables if name not in planned) if plan.id == _REST else ()
        shown = tuple(figure for figure in figures if _home(figure.name, homes) == plan.id)
        long = [
            name
            for name in plan.tables
            if name in tables and len(tables[name]) > _LONG and shown and name not in _NEVER_FOLDED
        ]
        made.append(
            Section(
                plan,
                tuple(tables[name] for name in plan.tables if name in tables and name not in long),
                tuple(tables[name] for name in (*long, *plan.folded, *rest) if name in tables),
                shown,
                tuple(
                    _WANTED[name]
                    for name in (*plan.tables, *plan.folded)
                    if name not in tables and name not in _NOT_MISSED
                ),
            )
        )
    return made


def _home(name: str, homes: Mapping[str, str]) -> str:
    """The section of a figure: by its name, or by the first word of it."""
    return homes.get(name) or homes.get(name.partition("-")[0], _REST)
