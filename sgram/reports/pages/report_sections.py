"""Sections of a report: what measures say and show in each, and what inputs need for the absent ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sgram.analysis.measure import Measure
from sgram.analysis.table import Table
from sgram.reports.figures.figure import RenderedFigure
from sgram.reports.wording import StatementGroup


@dataclass(frozen=True, slots=True)
class SectionPlan:
    """A section as planned, whether or not the analysis has its tables and figures."""

    id: str
    """What `Measure.section` names."""
    title: str
    introduction: str = ""
    """What a reader must know first: what is measured, and in which unit."""


@dataclass(frozen=True, slots=True)
class Section:
    """A section with its statements, tables and figures."""

    plan: SectionPlan
    statements: tuple[StatementGroup, ...]
    tables: tuple[Table, ...]
    folded_tables: tuple[Table, ...]
    figures: tuple[RenderedFigure, ...]
    requirements: tuple[str, ...]
    """For each measure whose table is absent, what it needs."""


SECTION_PLANS = (
    SectionPlan("summary", "Summary"),
    SectionPlan(
        "dynamics",
        "Entropies and dynamics",
        "Semantic entropy says how many different strategies are in use: Shannon entropy of the SGs' frequencies, in "
        "nats, taken at equal sizes so that longer traces do not look more varied. Token entropy says how open the "
        "model is about its next token. Bars and brackets are 95 % intervals by bootstrap over problems; gray is the "
        "placebo.",
    ),
    SectionPlan(
        "errors",
        "Errors by kind",
        "Traces with a wrong answer, by kind of error: a strategic error is a wrong approach; a procedural error is a "
        "slip in a right approach (arithmetic, algebra); others ran out of tokens, fell into a loop, are right in "
        "another form, or are not wrong by their answers. Where nothing shows the kind it is undecided: each kind then "
        "has at least its decided share, and at most that and the undecided together.",
    ),
    SectionPlan("traces", "Traces"),
    SectionPlan(
        "lexicon",
        "The lexicon",
        "The phrases that count as planning here. A gram belongs to a cluster of phrases with the same meaning; a "
        "cluster makes one move. The difference is the share of correct traces that contain the gram minus that of "
        "wrong ones, within sources: it says where a phrase occurs, not what it does.",
    ),
    SectionPlan(
        "controls",
        "Controls: SGs beside random phrases",
        "A placebo is a lexicon of random phrases that mark the same share of the text. A finding that also holds for "
        "the placebos says nothing about planning. Below, each quantity for the SGs (dot, with its 95 % interval) and "
        "for the placebos (gray, from the smallest to the largest draw). The SGs lie above or below the placebos if "
        "their interval shares no point with the draws, and their value lies outside the 95 % prediction interval of "
        "one more draw. Each quantity has a false-alarm rate of 5 %: of 20 quantities one lies beyond the placebos by "
        "chance. Over all texts of a lexicon the marked share is the same by construction; in a part of them it may "
        "differ.",
    ),
    SectionPlan("more", "More measures"),
    SectionPlan("provenance", "Provenance", "What was read, with which settings; the same inputs give the same page."),
)
_OTHER = "more"
"""Section of measures and figures whose section is not known; it is left out if it is empty."""
_OVERVIEW = "glance"
"""Table of the summary that belongs to no measure."""
_MAX_OPEN_ROWS = 24
"""A longer table is folded if its section has a figure."""
_NEVER_FOLDED = ("grams",)


def arrange_sections(
    measures: Sequence[Measure],
    tables: Mapping[str, Table],
    figures: Sequence[RenderedFigure],
    statements: Sequence[StatementGroup] = (),
) -> list[Section]:
    """Return every section in the order of `SECTION_PLANS`, with what belongs to it and the tables of its measures.

    >>> sections = arrange_sections([], {}, [RenderedFigure("moves", "Moves", "", b"<svg/>", section="lexicon")])
    >>> [section.plan.id for section in sections if section.figures]
    ['lexicon']
    """
    sections = []
    for plan in SECTION_PLANS:
        section_measures = [measure for measure in measures if measure.section and _home(measure.section) == plan.id]
        section_figures = tuple(figure for figure in figures if _home(figure.section) == plan.id)
        groups = tuple(group for group in statements if _home(group.section) == plan.id)
        open_tables: list[Table] = []
        folded_tables = [tables[_OVERVIEW]] if plan.id == "summary" and _OVERVIEW in tables else []
        for measure in section_measures:
            if measure.name in tables:
                table = tables[measure.name]
                is_long = bool(section_figures) and len(table) > _MAX_OPEN_ROWS and measure.name not in _NEVER_FOLDED
                is_open = (measure.is_open or plan.id == _OTHER) and not is_long
                (open_tables if is_open else folded_tables).append(table)
        requirements = (measure.needs for measure in section_measures if measure.needs and measure.name not in tables)
        section = Section(plan, groups, tuple(open_tables), tuple(folded_tables), section_figures, tuple(requirements))
        if plan.id != _OTHER or groups or open_tables or section_figures or section.requirements:
            sections.append(section)
    return sections


def _home(section: str) -> str:
    """Return the section of a page for that of a measure."""
    return section if any(plan.id == section for plan in SECTION_PLANS) else _OTHER
