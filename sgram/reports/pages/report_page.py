"""An analysis as one offline HTML page for people.

The page makes no network request: its content security policy allows only the inline script and style sheet, by their
digests, and embedded pictures. The page is readable without the script, which adds sorting, filtering and looking up
traces.

A page stays under `ReportConfig.max_bytes` for any input: every text has a maximum length, texts of traces, rows of
tables and statements are cut, and figures are left out; the page says what is left out.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sgram.analysis.table import Column, Table, build_table
from sgram.errors import UsageError
from sgram.lexicon import MOVE_MEANINGS, MOVES
from sgram.reports.figures.figure import RenderedFigure
from sgram.reports.pages.page_tables import adapt_tables
from sgram.reports.pages.picture_addresses import picture_address
from sgram.reports.pages.placebo_comparison import compare_with_placebos, summarize_sources
from sgram.reports.pages.question_grid import build_grid
from sgram.reports.pages.report_alerts import find_alerts
from sgram.reports.pages.report_sections import arrange_sections
from sgram.reports.pages.report_traces import ExampleView, build_example_view, build_siblings_view
from sgram.reports.pages.table_cells import format_table
from sgram.reports.pages.templates import render_page, script_json, shorten
from sgram.reports.pages.trace_records import has_tex, lookup_choices, lookup_data, trace_record
from sgram.reports.wording import group_statements

if TYPE_CHECKING:
    from sgram.analysis import Analysis

_MIN_BYTES = 200_000
_FIGURE_FRAME_BYTES = 2000
"""Bytes of the page around a figure: its caption, and its title and caption again as alternative text."""
_MAX_NOTES = 60
_MIN_DETAILS, _MAX_DETAILS = 3, 24
"""Statements under one about all sources: as many as a page shows at most, and when it is cut most."""
_SHORTEST_PART, _LONGEST_PART = 40, 300
"""Characters of a part of a statement, such as a name: the same."""
_LONGEST_TITLE = 160
_LONGEST_NOTE = 900
_LONGEST_VALUE = 3000
_LONGEST_NAME = 80
_REDUCTIONS = (1, 2, 4, 8, 16, 64, 256)
"""Divisors of the amounts that a page shows, tried in order until it fits."""
_NO_TRACES_FROM = 64
"""Reduction from which a page shows no traces."""
_INPUT_COLUMNS = (
    Column("path", "file or folder that was read"),
    Column("traces", "traces in it", "count"),
    Column("bytes", "its size", "count"),
    Column("digest", "SHA-256 of its content"),
)


@dataclass(frozen=True, slots=True)
class ReportConfig:
    """Amounts that a page shows at most. Raises `UsageError` for amounts that are too small."""

    max_bytes: int = 10_000_000
    """Size that the page stays under, >= 200,000."""
    trace_chars: int = 9_000
    """Characters of a trace's text; a sibling's text gets half of it."""
    max_examples: int = 40
    max_siblings: int = 10
    max_rows: int = 400
    """Rows of a table; the table of the lexicon gets five times as many."""

    def __post_init__(self) -> None:
        if self.max_bytes < _MIN_BYTES:
            raise UsageError(f"max_bytes must be >= {_MIN_BYTES:,} (got {self.max_bytes:,})")
        for name in ("trace_chars", "max_examples", "max_siblings", "max_rows"):
            if getattr(self, name) < 0:
                raise UsageError(f"{name} must be >= 0 (got {getattr(self, name)})")


def render_report_page(
    analysis: "Analysis", figures: Sequence[RenderedFigure], config: ReportConfig | None = None
) -> bytes:
    """Return the page as UTF-8 HTML of fewer than `config.max_bytes` bytes; equal analyses give equal bytes."""
    config = config or ReportConfig()
    fitting_figures, omitted_titles = _select_figures(figures, config.max_bytes // 2)
    for reduction in _REDUCTIONS:
        page = _render(analysis, fitting_figures, omitted_titles, config, reduction)
        if len(page) < config.max_bytes:
            return page
    raise AssertionError("the frame of a report page is larger than its limit")


def _select_figures(figures: Sequence[RenderedFigure], max_bytes: int) -> tuple[list[RenderedFigure], list[str]]:
    """Return the figures that fit into `max_bytes` of a page, and the titles of the others."""
    fitting_figures, omitted_titles = [], []
    for figure in figures:
        size = len(picture_address(figure.svg)) + _FIGURE_FRAME_BYTES
        if size <= max_bytes:
            max_bytes -= size
            fitting_figures.append(figure)
        else:
            omitted_titles.append(shorten(figure.title))
    return fitting_figures, omitted_titles


def _render(
    analysis: "Analysis",
    figures: Sequence[RenderedFigure],
    omitted_figures: Sequence[str],
    config: ReportConfig,
    reduction: int,
) -> bytes:
    """Return the page with all amounts divided by `reduction`."""
    tables = adapt_tables(analysis.tables)
    overview = summarize_sources(tables)
    if overview is not None:
        tables["glance"] = overview
    n_examples = -(-min(len(analysis.examples), config.max_examples) // reduction)
    n_siblings = -(-min(len(analysis.sibling_pairs), config.max_siblings) // reduction)
    max_characters, max_rows = config.trace_chars // reduction, config.max_rows // reduction
    if reduction >= _NO_TRACES_FROM:
        n_examples = n_siblings = 0
    every = reduction if reduction < _NO_TRACES_FROM else len(analysis.lookup) + 1
    records = [trace_record(example) for example in analysis.lookup[every - 1 :: every]]
    lookup = lookup_data(records) if records else None
    examples = [build_example_view(example, max_characters) for example in analysis.examples[:n_examples]]
    siblings = [build_siblings_view(pair, max_characters // 2) for pair in analysis.sibling_pairs[:n_siblings]]
    groups = group_statements(analysis)
    comparisons = compare_with_placebos(analysis.measures, analysis.tables)
    anchors = {group.headline.finding.question: f"finding-{number}" for number, group in enumerate(groups, 1)}
    return render_page(
        "report_page",
        shared_styles=["base", "moves", "traces", "question_grid"],
        shared_scripts=_scripts(analysis),
        with_pictures=True,
        title=shorten(analysis.title, _LONGEST_TITLE),
        facts=_headline_facts(analysis, tables),
        alerts=find_alerts(analysis),
        grid=build_grid(analysis, comparisons, groups),
        source_kind=analysis.source_kind,
        anchors=anchors,
        named_anchors={question.name: anchor for question, anchor in anchors.items()},
        max_details=max(_MIN_DETAILS, _MAX_DETAILS // reduction),
        longest_part=max(_SHORTEST_PART, _LONGEST_PART // reduction),
        sections=arrange_sections(analysis.measures, tables, figures, groups),
        omitted_figures=omitted_figures[:_MAX_NOTES],
        format_rows=lambda table: format_table(table, _max_rows(table.name, max_rows)),
        picture_address=picture_address,
        legend=_legend(tables),
        comparisons=comparisons,
        examples=examples,
        open_example=_first_open_example(examples),
        siblings=siblings,
        lookup=lookup,
        lookup_json=script_json(lookup),
        lookup_choices=lookup_choices(records),
        all_moves=MOVES,
        n_examples=len(analysis.examples),
        n_siblings=len(analysis.sibling_pairs),
        max_characters=max_characters,
        n_traces=_total(tables["corpus"], "traces") if "corpus" in tables else 0,
        lexicon=analysis.lexicon,
        inputs=_list_inputs(analysis.provenance),
        provenance=_list_provenance(analysis.provenance, _LONGEST_VALUE // reduction),
        notes=[shorten(note, _LONGEST_NOTE) for note in analysis.notes[:_MAX_NOTES]],
        n_omitted_notes=max(0, len(analysis.notes) - _MAX_NOTES),
        is_reduced=reduction > 1,
    )


def _scripts(analysis: "Analysis") -> list[str]:
    """Return the scripts of the traces; KaTeX, which is large, only if there is a formula."""
    siblings = (example for pair in analysis.sibling_pairs for example in (pair.wrong, pair.correct))
    examples = (*analysis.examples, *analysis.lookup, *siblings)
    texts = (text for example in examples for text in (example.trace.text, example.trace.prompt or ""))
    return [*(["katex.min"] if has_tex(texts) else []), "tex", "trace_text", "trace_lookup"]


def _max_rows(table_name: str, max_rows: int) -> int:
    if table_name.startswith("beside_"):
        return max(4, max_rows // 20)
    return {"grams": 5 * max_rows, "glance": 40, "diagnoses": max_rows // 2}.get(table_name, max_rows)


def _total(table: Table, name: str) -> int:
    """Return the sum of a column of counts."""
    return sum(int(number) for number in table.numbers(name) if number is not None)


def _headline_facts(analysis: "Analysis", tables: Mapping[str, Table]) -> list[tuple[str, str]]:
    """Return (number, what it counts) for the head of the page, without what the title already says."""
    facts = []
    if "corpus" in tables:
        corpus = tables["corpus"]
        for name, singular in (("traces", "trace"), ("words", "word")):
            total = _total(corpus, name)
            facts.append((f"{total:,}", singular if total == 1 else f"{singular}s"))
        n_correct, n_wrong = _total(corpus, "correct"), _total(corpus, "wrong")
        if n_correct + n_wrong:
            facts.append((f"{100 * n_correct / (n_correct + n_wrong):.1f} %", "of the judged traces correct"))
    n_sources = len(analysis.sources)
    facts.append((f"{n_sources:,}", analysis.source_kind if n_sources == 1 else f"{analysis.source_kind}s"))
    lexicon = shorten(analysis.lexicon.name, 60)
    facts.append((f"{len(analysis.lexicon.grams):,}", f"Strategic Grams (SGs) in the lexicon {lexicon}"))
    return [(number, noun) for number, noun in facts if f"{number} {noun}" not in analysis.title]


def _legend(tables: Mapping[str, Table]) -> list[tuple[str, str, int | None]]:
    """Return (move, meaning, number of spans) for every move; the number is None if it was not counted."""
    counts: dict[str, int] = {}
    if "moves" in tables:
        for row in tables["moves"].records(outcome="all"):
            move = row.text("move")
            counts[move] = counts.get(move, 0) + int(row.number("count") or 0)
    return [(move, meaning, counts.get(move)) for move, meaning in MOVE_MEANINGS.items()]


def _list_inputs(provenance: Mapping[str, Any]) -> Table:
    """Return a table of the files and folders that were read."""
    inputs = provenance.get("inputs", ())
    records = [{column.name: input_file.get(column.name) for column in _INPUT_COLUMNS} for input_file in inputs]
    return build_table("inputs", "Inputs", _INPUT_COLUMNS, records)


def _list_provenance(provenance: Mapping[str, Any], longest: int) -> list[tuple[str, list[tuple[str, str]], str]]:
    """Return (name, pairs of names and texts, JSON of nested content) for all but the inputs.

    A text that stands alone has the name "". Texts have at most `longest` characters.
    """
    entries = []
    for name, content in list(provenance.items())[:_MAX_NOTES]:
        parts = content.values() if isinstance(content, Mapping) else (content,)
        pairs, nested = [("", shorten(content, longest))], ""
        if any(isinstance(part, Mapping | list | tuple) for part in parts):
            nested = shorten(json.dumps(content, indent=1, sort_keys=True, default=str, ensure_ascii=False), longest)
        elif isinstance(content, Mapping):
            texts = {shorten(key, _LONGEST_NAME): "none" if part is None else part for key, part in content.items()}
            pairs = [(key, shorten(text)) for key, text in sorted(texts.items())[:_MAX_NOTES]]
        if name != "inputs":
            entries.append((shorten(name, _LONGEST_NAME), pairs, nested))
    return entries


def _first_open_example(examples: Sequence[ExampleView]) -> int:
    """Return the index of the example that is open at first: the wrong one with the most kinds of moves."""
    n_moves = [len({move for move, _, _ in example.bars}) if example.outcome == "wrong" else -1 for example in examples]
    return n_moves.index(max(n_moves)) if n_moves else 0
