"""Sections of a report: which tables and figures each contains, and what to supply for absent ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sgram.analysis.table import Table
from sgram.reports.figures.figure import RenderedFigure


@dataclass(frozen=True, slots=True)
class SectionPlan:
    """A section as planned, whether or not the analysis has its tables and figures."""

    id: str
    title: str
    introduction: str
    """What a reader must know first: what is measured, and in which unit."""
    tables: tuple[str, ...] = ()
    """Names of tables that are shown open."""
    folded_tables: tuple[str, ...] = ()
    """Names of tables that a reader unfolds."""
    figures: tuple[str, ...] = ()
    """Names of figures, or their first words."""
    tables_first: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A section with its tables and figures."""

    plan: SectionPlan
    tables: tuple[Table, ...]
    folded_tables: tuple[Table, ...]
    figures: tuple[RenderedFigure, ...]
    requirements: tuple[str, ...]
    """For each planned table that is absent, what it needs."""


SECTION_PLANS = (
    SectionPlan("summary", "Summary", "", ("glance",), ("corpus", "success"), ("success",), tables_first=True),
    SectionPlan(
        "lexicon",
        "The lexicon",
        "The phrases that count as planning here. A gram belongs to a cluster of phrases with the same meaning; a "
        "cluster makes one move. The difference is the share of correct traces that contain the gram minus that of "
        "wrong ones, within sources: it says where a phrase occurs, not what it does.",
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
        folded_tables=(
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
        "Traces with a wrong answer, by kind of error: a strategic error is a wrong approach; a procedural error is a "
        "slip in a right approach (arithmetic, algebra); the other traces ran out of tokens, fell into a loop, or "
        "could not be classified.",
        ("errors",),
        ("equations", "diagnoses"),
        ("errors", "equations"),
    ),
    SectionPlan(
        "controls",
        "Controls: SGs beside placebos",
        "A placebo is a lexicon of random phrases that mark the same share of the text. A finding that also holds for "
        "the placebos says nothing about planning. Below, each quantity for the SGs (dot, with its 95 % interval) and "
        "for the placebos (gray, from the smallest to the largest draw). Over all texts of a lexicon the marked share "
        "is the same by construction; in a part of them it may differ.",
        folded_tables=("placebo",),
        figures=("placebo", "controls"),
    ),
    SectionPlan(
        "architecture",
        "The architecture of a trace",
        "Only an analogy: the lengths of the stretches of execution between planning phrases, in order, are classified "
        "as Mishra et al. (2023) classify the masses of planets around a star. Growing lengths are ordered, shrinking "
        "ones anti-ordered, roughly equal ones similar, others mixed.",
        ("architecture",),
        figures=("architecture",),
    ),
    SectionPlan("provenance", "Provenance", "What was read, with which settings; the same inputs give the same page."),
)
_DEFAULT_SECTION = "dynamics"
"""Section of tables and figures that no plan names."""
_MAX_OPEN_ROWS = 24
"""A longer table is folded if its section has a figure."""
_NEVER_FOLDED = {"glance", "grams"}
_NEVER_REQUIRED = {"glance", "corpus"}
_REQUIREMENTS = {
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
    "settling": "The step at which a curve settles needs traces of at least a handful of training steps",
    "aha": "The growth of reflection phrases needs traces of several training steps",
    "scaling": "Length against planning needs traces of different lengths",
    "errors": "Kinds of errors need traces that are marked wrong",
    "equations": "Checked equations need traces that write equations out",
    "diagnoses": "Diagnoses need traces that are marked wrong",
    "placebo": "Controls need traces with enough phrases to draw a placebo from (and `placebos` above 0)",
    "architecture": "The architecture needs traces with at least three SGs",
}


def arrange_sections(tables: Mapping[str, Table], figures: Sequence[RenderedFigure]) -> list[Section]:
    """Return every section in the order of `SECTION_PLANS`, with its tables and figures.

    Tables and figures that no plan names go to the section on dynamics.

    >>> sections = arrange_sections({}, [RenderedFigure("moves", "Moves", "", b"<svg/>")])
    >>> [section.plan.id for section in sections if section.figures]
    ['lexicon']
    """
    planned_tables = {name for plan in SECTION_PLANS for name in (*plan.tables, *plan.folded_tables)}
    section_of_figure = {name: plan.id for plan in SECTION_PLANS for name in plan.figures}
    sections = []
    for plan in SECTION_PLANS:
        is_default = plan.id == _DEFAULT_SECTION
        unplanned = tuple(name for name in tables if name not in planned_tables) if is_default else ()
        section_figures = tuple(figure for figure in figures if _section_id(figure.name, section_of_figure) == plan.id)
        long_tables = [
            name
            for name in plan.tables
            if name in tables and len(tables[name]) > _MAX_OPEN_ROWS and section_figures and name not in _NEVER_FOLDED
        ]
        sections.append(
            Section(
                plan,
                tuple(tables[name] for name in plan.tables if name in tables and name not in long_tables),
                tuple(tables[name] for name in (*long_tables, *plan.folded_tables, *unplanned) if name in tables),
                section_figures,
                tuple(
                    _REQUIREMENTS[name]
                    for name in (*plan.tables, *plan.folded_tables)
                    if name not in tables and name not in _NEVER_REQUIRED
                ),
            )
        )
    return sections


def _section_id(figure_name: str, section_of_figure: Mapping[str, str]) -> str:
    """Return the section of a figure: by its name, or by its first word."""
    first_word = figure_name.partition("-")[0]
    return section_of_figure.get(figure_name) or section_of_figure.get(first_word, _DEFAULT_SECTION)
