"""An analysis as one offline HTML page for people.

The page makes no network request: its content security policy allows only the inline script and style sheet, by their
digests, and embedded pictures. The page is readable without the script, which adds sorting and filtering. Texts from
traces, models, files and lexicons are untrusted: markup is escaped, control characters and bidi overrides are shown as
visible escapes, and every text has a maximum length.

A page stays under `ReportConfig.max_bytes` for any input: texts of traces are cut first, then rows of tables, then
figures are left out; the page says what is left out.
"""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any

from sgram.analysis.table import Table
from sgram.errors import UsageError
from sgram.lexicon import MOVE_MEANINGS
from sgram.reports.figures.figure import RenderedFigure
from sgram.reports.findings.wording import typeset
from sgram.reports.pages.marked_text import Gap, MarkedStretch
from sgram.reports.pages.placebo_comparison import compare_with_placebos, summarize_sources
from sgram.reports.pages.report_sections import arrange_sections
from sgram.reports.pages.report_traces import ExampleView, build_example_view, build_siblings_view
from sgram.reports.pages.table_cells import format_table, shorten
from sgram.reports.pages.templates import load_template, policy_digest, read_asset
from sgram.reports.pages.trace_page import escape_invisible, move_class

if TYPE_CHECKING:
    import jinja2

    from sgram.analysis import Analysis
    from sgram.reports.findings.summary import Sentence

# a quantity: with per cent, a sign, decimals or at least two digits; "seed 12" and "step 12" are names, "1,000 words"
# is a unit
_WHOLE = r"(?:\d{1,3}(?:,\d{3})+|\d+)"
_NUMBER = re.compile(
    rf"(?<![\w.])(?<!\d,)(?<!seed )(?<!step )(?:[+\-−]?{_WHOLE}(?:\.\d+)? ?%|[+\-−]{_WHOLE}(?:\.\d+)?|{_WHOLE}\.\d+|"
    rf"(?!1,000 words)\d{{1,3}}(?:,\d{{3}})+|\d{{2,}})(?![\w])"
)
_BRACKETS = re.compile(r"(\([^()]*\d[^()]*\)|\[[^\[\]()]*\d[^\[\]()]*\])")
_NARROW_SCREEN = 640
"""Pixels of width up to which a picture fits; a pixel is 3/4 of a point."""
_SVG_WIDTH = re.compile(rb'<svg[^>]* width="([\d.]+)pt"')
_MIN_BYTES = 200_000
_FIGURE_FRAME_BYTES = 2000
"""Bytes of the page around a figure: its caption, and its title and caption again as alternative text."""
_MAX_SENTENCES = 60
_MAX_NOTES = 60
_MAX_INPUTS = 200
_LONGEST_TITLE = 160
_LONGEST_SENTENCE = 900
_LONGEST_VALUE = 3000
_LONGEST_NAME = 80
_REDUCTIONS = (1, 2, 4, 8, 16, 64, 256)
"""Divisors of the amounts that a page shows, tried in order until it fits."""
_NO_TRACES_FROM = 64
"""Reduction from which a page shows no traces."""
_EXAMPLE = ". For example, "
_HEADINGS = {
    "summary": "In short",
    "corpus": "What was read",
    "success": "Success",
    "planning": "Planning",
    "moves": "Moves",
    "entropy": "Variety",
    "tokens": "Tokens",
    "dynamics": "Over training",
    "errors": "Errors",
    "architecture": "Architecture",
}
_LAYER_CLASSES = {"equation": ["eq"], "evidence": ["ev"], "step": ["step"]}


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
    analysis: "Analysis",
    figures: Sequence[RenderedFigure],
    sentences: Sequence["Sentence"],
    config: ReportConfig | None = None,
) -> bytes:
    """Return the page as UTF-8 HTML of fewer than `config.max_bytes` bytes; equal analyses give equal bytes."""
    config = config or ReportConfig()
    fitting_figures, omitted_titles = _select_figures(figures, config.max_bytes // 2)
    for reduction in _REDUCTIONS:
        page = _render(analysis, fitting_figures, omitted_titles, sentences, config, reduction)
        if len(page) < config.max_bytes:
            return page
    raise AssertionError("the frame of a report page is larger than its limit")


def _select_figures(figures: Sequence[RenderedFigure], max_bytes: int) -> tuple[list[RenderedFigure], list[str]]:
    """Return the figures that fit into `max_bytes` of a page, and the titles of the others."""
    fitting_figures, omitted_titles = [], []
    for figure in figures:
        size = len(figure.svg) * 4 // 3 + _FIGURE_FRAME_BYTES  # in base64
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
    sentences: Sequence["Sentence"],
    config: ReportConfig,
    reduction: int,
) -> bytes:
    """Return the page with all amounts divided by `reduction`."""
    style, script = read_asset("report_page.css"), read_asset("report_page.js")
    policy = (
        f"default-src 'none'; script-src 'sha256-{policy_digest(script)}'; style-src 'sha256-{policy_digest(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    tables = dict(analysis.tables)
    overview = summarize_sources(tables)
    if overview is not None:
        tables["glance"] = overview
    n_examples = -(-min(len(analysis.examples), config.max_examples) // reduction)
    n_siblings = -(-min(len(analysis.sibling_pairs), config.max_siblings) // reduction)
    max_characters, max_rows = config.trace_chars // reduction, config.max_rows // reduction
    if reduction >= _NO_TRACES_FROM:
        n_examples = n_siblings = 0
    examples = [build_example_view(example, max_characters) for example in analysis.examples[:n_examples]]
    siblings = [build_siblings_view(pair, max_characters // 2) for pair in analysis.sibling_pairs[:n_siblings]]
    page = {
        "title": shorten(analysis.title, _LONGEST_TITLE),
        "style": style,
        "script": script,
        "policy": policy,
        "facts": _headline_facts(analysis, tables),
        "summary_heading": _HEADINGS["summary"],
        "finding_groups": _group_by_heading(list(sentences)[:_MAX_SENTENCES]),
        "sections": arrange_sections(tables, figures),
        "omitted_figures": omitted_figures[:_MAX_NOTES],
        "max_rows_of": lambda table: _max_rows(table.name, max_rows),
        "next_number": count(1).__next__,
        "legend": _legend(tables),
        "comparisons": compare_with_placebos(tables, max(4, max_rows // 20)),
        "examples": examples,
        "open_example": _first_open_example(examples),
        "siblings": siblings,
        "n_examples": len(analysis.examples),
        "n_siblings": len(analysis.sibling_pairs),
        "max_characters": max_characters,
        "n_traces": _total(tables["corpus"], "traces") if "corpus" in tables else 0,
        "phase_orders": [
            (source, order, getattr(analysis, "placebo_phase_orders", {}).get(source))
            for source, order in list(analysis.phase_orders.items())[:_MAX_NOTES]
        ],
        "lexicon": analysis.lexicon,
        "inputs": _list_inputs(analysis.provenance),
        "provenance": _list_provenance(analysis.provenance, _LONGEST_VALUE // reduction),
        "notes": [shorten(note, _LONGEST_SENTENCE) for note in analysis.notes[:_MAX_NOTES]],
        "n_omitted_notes": max(0, len(analysis.notes) - _MAX_NOTES),
        "is_reduced": reduction > 1,
    }
    return _template().render(page).encode()


def _max_rows(table_name: str, max_rows: int) -> int:
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
    facts.append((f"{n_sources:,}", "source" if n_sources == 1 else "sources"))
    facts.append((f"{len(analysis.lexicon.grams):,}", f"grams in the lexicon {shorten(analysis.lexicon.name, 60)}"))
    return [(number, noun) for number, noun in facts if f"{number} {noun}" not in analysis.title]


def _legend(tables: Mapping[str, Table]) -> list[tuple[str, str, int | None]]:
    """Return (move, meaning, number of spans) for every move; the number is None if it was not counted."""
    counts: dict[str, int] = {}
    if "moves" in tables:
        for row in tables["moves"].records(outcome="all"):
            move = row.text("move")
            counts[move] = counts.get(move, 0) + int(row.number("count") or 0)
    return [(move, meaning, counts.get(move)) for move, meaning in MOVE_MEANINGS.items()]


def _list_inputs(provenance: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    inputs = provenance.get("inputs")
    if not isinstance(inputs, list | tuple):
        return []
    return [input_file for input_file in inputs if isinstance(input_file, Mapping)][:_MAX_INPUTS]


@dataclass(frozen=True, slots=True)
class ProvenanceEntry:
    """A part of the provenance: a text, pairs of names and values, or nested JSON; the others are empty."""

    name: str
    text: str = ""
    pairs: tuple[tuple[str, str], ...] = ()
    nested_json: str = ""


def _list_provenance(provenance: Mapping[str, Any], longest: int) -> list[ProvenanceEntry]:
    """Return the provenance without the inputs; texts have at most `longest` characters."""
    return [
        _provenance_entry(shorten(name, _LONGEST_NAME), content, longest)
        for name, content in list(provenance.items())[:_MAX_NOTES]
        if name != "inputs"
    ]


def _provenance_entry(name: str, content: object, longest: int) -> ProvenanceEntry:
    if isinstance(content, Mapping) and not any(isinstance(part, Mapping | list | tuple) for part in content.values()):
        pairs = sorted(
            (shorten(key, _LONGEST_NAME), shorten("none" if part is None else part)) for key, part in content.items()
        )
        return ProvenanceEntry(name, pairs=tuple(pairs[:_MAX_NOTES]))
    if isinstance(content, Mapping | list | tuple):
        text = json.dumps(content, indent=1, sort_keys=True, default=str, ensure_ascii=False)
        return ProvenanceEntry(name, nested_json=shorten(text, longest))
    return ProvenanceEntry(name, text=shorten(content, longest))


def _group_by_heading(sentences: Sequence["Sentence"]) -> list[tuple[str, list["Sentence"]]]:
    """Return (heading, sentences) for each section of the summary, in the order of their first sentences."""
    groups: dict[str, list[Sentence]] = {}
    for sentence in sentences:
        groups.setdefault(_HEADINGS.get(sentence.section, shorten(sentence.section, 40)), []).append(sentence)
    return list(groups.items())


def _first_open_example(examples: Sequence[ExampleView]) -> int:
    """Return the index of the example that is open at first: the wrong one with the most kinds of moves."""
    n_moves = [len({move for move, _, _ in example.bars}) if example.outcome == "wrong" else -1 for example in examples]
    return n_moves.index(max(n_moves)) if n_moves else 0


# -- filters of the template ----------------------------------------------------------------------------


def split_example(text: str) -> tuple[str, str]:
    """Return a sentence of the summary without its example, and the example; "" if it has none.

    >>> split_example("In both sources it rose. For example, a: it rose by 2.")
    ('In both sources it rose.', 'For example, a: it rose by 2.')
    """
    statement, separator, example = text.partition(_EXAMPLE)
    return (statement + ".", _EXAMPLE[2:] + example) if separator else (text, "")


def is_wide(svg: bytes) -> bool:
    """Return whether a picture is wider than a narrow screen (640 pixels).

    >>> is_wide(b'<svg width="481pt">'), is_wide(b'<svg width="300pt">')
    (True, False)
    """
    match = _SVG_WIDTH.search(svg[:4000])
    return match is not None and float(match.group(1)) > _NARROW_SCREEN * 3 / 4


def emphasize_numbers(text: str) -> list[tuple[str, str]]:
    """Return a sentence as (style, part): "number" for numbers, "aside" for brackets that contain one, else "".

    >>> emphasize_numbers("It is 12.3 % [11, 13].")
    [('', 'It is '), ('number', '12.3 %'), ('', ' '), ('aside', '[11, 13]'), ('', '.')]
    """
    parts = []
    for index, section in enumerate(_BRACKETS.split(shorten(text, _LONGEST_SENTENCE))):
        if index % 2:
            parts.append(("aside", section))
            continue
        end = 0
        for match in _NUMBER.finditer(section):
            parts += [("", section[end : match.start()]), ("number", match.group())]
            end = match.end()
        parts.append(("", section[end:]))
    return [(style, part) for style, part in parts if part]


def picture_address(svg: bytes) -> str:
    """Return an SVG as a data URL for an image element, in which it can neither run scripts nor load files."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"


@dataclass(frozen=True, slots=True)
class StretchStyle:
    """The HTML element of a stretch of a trace's text; without a tag it is plain text."""

    tag: str
    classes: str
    title: str


def style_stretch(stretch: MarkedStretch) -> StretchStyle:
    """Return the element of a stretch: ``mark`` for planning words, ``span`` for other marks, with a class for each.

    >>> from sgram.reports.pages.marked_text import Mark
    >>> style_stretch(MarkedStretch("wait", (Mark(0, 4, "move", "verification", "verification: wait"),)))
    StretchStyle(tag='mark', classes='m-verification', title='verification: wait')
    """
    tag, classes, titles = "", [], []
    for mark in stretch.marks:
        if mark.layer == "fork":
            continue
        tag = "mark" if mark.layer == "move" or tag == "mark" else "span"
        classes += _LAYER_CLASSES[mark.layer] if mark.layer != "move" else [move_class(mark.name)]
        if mark.layer == "equation":
            classes.append(mark.name)
            classes += ["last"] if mark in stretch.ends else []
        titles.append(mark.title)
    return StretchStyle(tag, " ".join(classes), " · ".join(title for title in titles if title))


@dataclass(frozen=True, slots=True)
class ForkedText:
    """The stretches of a text before and after it leaves its sibling."""

    before: tuple[MarkedStretch | Gap, ...]
    after: tuple[MarkedStretch | Gap, ...]
    is_forked: bool


def split_at_fork(stretches: Sequence[MarkedStretch | Gap]) -> ForkedText:
    """Return `stretches` split where the fork mark begins; without one, all of them stand after it."""
    for index, stretch in enumerate(stretches):
        if isinstance(stretch, MarkedStretch) and any(mark.layer == "fork" for mark in stretch.begins):
            return ForkedText(tuple(stretches[:index]), tuple(stretches[index:]), True)
    return ForkedText((), tuple(stretches), False)


def format_integer(number: object) -> str:
    """Return an integer with thousands separators; "–" for anything else.

    >>> format_integer(12345), format_integer(None)
    ('12,345', '–')
    """
    return f"{number:,}" if type(number) is int else "–"


def _sentence_class(kind: str) -> str:
    return kind if kind in ("finding", "control", "caution") else "finding"


@cache
def _template() -> "jinja2.Template":
    return load_template(
        "report_page.html.jinja",
        escape_invisible=escape_invisible,
        shorten=shorten,
        move_class=move_class,
        emphasize_numbers=emphasize_numbers,
        picture_address=picture_address,
        is_wide=is_wide,
        typeset=typeset,
        split_example=split_example,
        format_table=format_table,
        is_gap=lambda stretch: isinstance(stretch, Gap),
        style_stretch=style_stretch,
        split_at_fork=split_at_fork,
        format_integer=format_integer,
        sentence_class=_sentence_class,
    )
