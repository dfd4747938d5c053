"""An analysis as one offline HTML page that people read. Knows nothing about how numbers came.

The page asks no host for anything: its content security policy allows the one script and the one style sheet that are
inside it, by their digests, and pictures that are part of the page. It can be read without the script, which adds
sorting and filtering. Whatever comes from traces, models, files and lexicons is untrusted: markup is escaped, control
characters and bidi overrides are shown as visible escapes, and every text has a length at which it is cut.

A page stays under `ReportConfig.max_bytes` whatever it is given: texts of traces are cut first, then rows of tables,
then figures are left out; the page says what it left out.
"""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any

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
_WIDE = 640
"""Width of a picture, in points, that a narrow screen cannot show whole."""
_WIDTH = re.compile(rb'<svg[^>]* width="([\d.]+)pt"')
_LEAST_BYTES = 200_000
_MOST_SENTENCES = 60
_MOST_NOTES = 60
_LONGEST_SENTENCE = 900
_LONGEST_VALUE = 3000
_MOST_INPUTS = 200


@dataclass(frozen=True, slots=True)
class ReportConfig:
    """How much a page shows."""

    max_bytes: int = 10_000_000
    """Size that the page stays under, from 200,000."""
    trace_chars: int = 9_000
    """Characters of a trace's text that are shown at most; of siblings half as many each."""
    max_examples: int = 40
    max_siblings: int = 10
    max_rows: int = 400
    """Rows of a table; of the lexicon's five times as many."""

    def __post_init__(self) -> None:
        if self.max_bytes < _LEAST_BYTES:
            raise UsageError(f"max_bytes is a number from {_LEAST_BYTES:,}, not {self.max_bytes:,}")
        for name in ("trace_chars", "max_examples", "max_siblings", "max_rows"):
            if getattr(self, name) < 0:
                raise UsageError(f"{name} is a number from 0, not {getattr(self, name)}")


def render_report_page(
    analysis: "Analysis",
    figures: Sequence[RenderedFigure],
    sentences: Sequence["Sentence"],
    config: ReportConfig | None = None,
) -> bytes:
    """The file's bytes: UTF-8 HTML under ``config.max_bytes``, the same for equal analyses."""
    config = config or ReportConfig()
    room = config.max_bytes // 2
    drawn, left = _fitting(figures, room)
    for smaller in (1, 2, 4, 8, 16, 64, 256):
        made = _made(analysis, drawn, left, sentences, config, smaller)
        if len(made) < config.max_bytes:
            return made
    raise AssertionError("a page of nothing but its frame is too large")


def _fitting(figures: Sequence[RenderedFigure], room: int) -> tuple[list[RenderedFigure], list[str]]:
    """The figures that fit into `room` bytes as a page holds them, and the titles of those that do not."""
    drawn, left = [], []
    for figure in figures:
        size = len(figure.svg) * 4 // 3 + 2000
        if size <= room:
            room -= size
            drawn.append(figure)
        else:
            left.append(shorten(figure.title))
    return drawn, left


def _made(
    analysis: "Analysis",
    figures: Sequence[RenderedFigure],
    left: Sequence[str],
    sentences: Sequence["Sentence"],
    config: ReportConfig,
    smaller: int,
) -> bytes:
    """The page with a `smaller` part of what it could show."""
    style, script = read_asset("report_page.css"), read_asset("report_page.js")
    policy = (
        f"default-src 'none'; script-src 'sha256-{policy_digest(script)}'; style-src 'sha256-{policy_digest(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    tables = dict(analysis.tables)
    if (first := summarize_sources(tables)) is not None:
        tables["glance"] = first
    n_examples = -(-min(len(analysis.examples), config.max_examples) // smaller)
    n_siblings = -(-min(len(analysis.sibling_pairs), config.max_siblings) // smaller)
    chars, rows = config.trace_chars // smaller, config.max_rows // smaller
    if smaller >= 64:
        n_examples = n_siblings = 0
    examples = [build_example_view(each, chars) for each in analysis.examples[:n_examples]]
    page = {
        "title": shorten(analysis.title, 160),
        "style": style,
        "script": script,
        "policy": policy,
        "facts": _facts(analysis, tables),
        "short": _HEADINGS["summary"],
        "findings": _grouped(list(sentences)[:_MOST_SENTENCES]),
        "sections": arrange_sections(tables, figures),
        "figures_left": left[:_MOST_NOTES],
        "rows": lambda table: _rows(table.name, rows),
        "serial": count(1).__next__,
        "legend": _legend(tables),
        "comparisons": compare_with_placebos(tables, max(4, rows // 20)),
        "examples": examples,
        "opened": _opened(examples),
        "siblings": [build_siblings_view(each, chars // 2) for each in analysis.sibling_pairs[:n_siblings]],
        "n_examples": len(analysis.examples),
        "n_siblings": len(analysis.sibling_pairs),
        "chars": chars,
        "n_traces": sum(row.get("traces") or 0 for row in tables["corpus"].records()) if "corpus" in tables else 0,
        "orders": [
            (source, order, getattr(analysis, "placebo_phase_orders", {}).get(source))
            for source, order in list(analysis.phase_orders.items())[:_MOST_NOTES]
        ],
        "lexicon": analysis.lexicon,
        "inputs": _inputs(analysis.provenance),
        "provenance": _told(analysis.provenance, _LONGEST_VALUE // smaller),
        "notes": [shorten(each, _LONGEST_SENTENCE) for each in analysis.notes[:_MOST_NOTES]],
        "n_notes_left": max(0, len(analysis.notes) - _MOST_NOTES),
        "shortened": smaller > 1,
    }
    return _template().render(page).encode()


def _rows(name: str, most: int) -> int:
    return {"grams": 5 * most, "glance": 40, "diagnoses": most // 2}.get(name, most)


def _facts(analysis: "Analysis", tables: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(number, what it counts) of what the page is about."""
    facts = []
    if "corpus" in tables:
        rows = tables["corpus"].records()
        for name, singular in (("traces", "trace"), ("words", "word")):
            total = sum(row.get(name) or 0 for row in rows)
            facts.append((f"{total:,}", singular if total == 1 else f"{singular}s"))
        judged = sum((row.get("correct") or 0) + (row.get("wrong") or 0) for row in rows)
        if judged:
            right = sum(row.get("correct") or 0 for row in rows)
            facts.append((f"{100 * right / judged:.1f} %", "of the judged traces correct"))
    n = len(analysis.sources)
    facts.append((f"{n:,}", "source" if n == 1 else "sources"))
    facts.append((f"{len(analysis.lexicon.grams):,}", f"grams in the lexicon {shorten(analysis.lexicon.name, 60)}"))
    # what the title says already
    return [(count, what) for count, what in facts if f"{count} {what}" not in analysis.title]


def _legend(tables: Mapping[str, Any]) -> list[tuple[str, str, int | None]]:
    """(move, what it means, how often it is made) of every move."""
    counts: dict[str, int] = {}
    if "moves" in tables:
        for row in tables["moves"].records(outcome="all"):
            counts[row["move"]] = counts.get(row["move"], 0) + (row.get("count") or 0)
    return [(move, meaning, counts.get(move)) for move, meaning in MOVE_MEANINGS.items()]


def _inputs(provenance: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    inputs = provenance.get("inputs")
    return (
        [each for each in inputs if isinstance(each, Mapping)][:_MOST_INPUTS]
        if isinstance(inputs, list | tuple)
        else []
    )


@dataclass(frozen=True, slots=True)
class Told:
    """One entry of the provenance: a text, or names with their values, or what is nested as JSON."""

    name: str
    text: str = ""
    pairs: tuple[tuple[str, str], ...] = ()
    nested: str = ""


def _told(provenance: Mapping[str, Any], most: int) -> list[Told]:
    """Everything but the inputs."""
    return [
        _entry(shorten(name, 80), value, most)
        for name, value in list(provenance.items())[:_MOST_NOTES]
        if name != "inputs"
    ]


def _entry(name: str, value: Any, most: int) -> Told:
    if isinstance(value, Mapping) and not any(isinstance(each, Mapping | list | tuple) for each in value.values()):
        pairs = sorted((shorten(key, 80), shorten("none" if each is None else each)) for key, each in value.items())
        return Told(name, pairs=tuple(pairs[:_MOST_NOTES]))
    if isinstance(value, Mapping | list | tuple):
        return Told(
            name, nested=shorten(json.dumps(value, indent=1, sort_keys=True, default=str, ensure_ascii=False), most)
        )
    return Told(name, text=shorten(value, most))


def _grouped(sentences: Sequence["Sentence"]) -> list[tuple[str, list["Sentence"]]]:
    """(heading, sentences) of every section that sentences sum up, in the order in which it is first spoken of."""
    groups: dict[str, list[Sentence]] = {}
    for sentence in sentences:
        groups.setdefault(_HEADINGS.get(sentence.section, shorten(sentence.section, 40)), []).append(sentence)
    return list(groups.items())


def exemplified(text: str) -> tuple[str, str]:
    """A sentence that counts sources, and the one that it has as an example; "" where it has none."""
    counted, found, example = text.partition(_EXAMPLE)
    return (counted + ".", _EXAMPLE[2:] + example) if found else (text, "")


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


def _opened(examples: Sequence[ExampleView]) -> int:
    """Place of the example that is open at first: the wrong one that makes most kinds of moves."""
    moves = [len({name for name, _, _ in each.bars}) if each.outcome == "wrong" else -1 for each in examples]
    return moves.index(max(moves)) if moves else 0


def is_wide(svg: bytes) -> bool:
    """Whether a picture is too wide for a narrow screen to show whole."""
    found = _WIDTH.search(svg[:4000])
    return found is not None and float(found.group(1)) > _WIDE * 3 / 4


# -- what the template calls ----------------------------------------------------------------------------


def emphasize_numbers(text: str) -> list[tuple[str, str]]:
    """(style, part) of a sentence: numbers are "number", what stands in brackets with a number is "aside"."""
    made = []
    for place, part in enumerate(_BRACKETS.split(shorten(text, _LONGEST_SENTENCE))):
        if place % 2:
            made.append(("aside", part))
            continue
        at = 0
        for found in _NUMBER.finditer(part):
            made += [("", part[at : found.start()]), ("number", found.group())]
            at = found.end()
        made.append(("", part[at:]))
    return [(style, piece) for style, piece in made if piece]


def picture(svg: bytes) -> str:
    """An SVG as the address of a picture, which can neither run nor load anything."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"


@dataclass(frozen=True, slots=True)
class Look:
    """The element that a run of a trace's text becomes; without a tag it is text alone."""

    tag: str
    classes: str
    title: str


def style_stretch(run: MarkedStretch) -> Look:
    """A planning word is a ``mark``, whatever else is said of a run gives it a class."""
    tag, classes, titles = "", [], []
    for mark in run.marks:
        if mark.layer == "fork":
            continue
        tag = "mark" if mark.layer == "move" or tag == "mark" else "span"
        classes += _CLASSES[mark.layer] if mark.layer != "move" else [move_class(mark.name)]
        if mark.layer == "equation":
            classes.append(mark.name)
            classes += ["last"] if mark in run.ends else []
        titles.append(mark.title)
    return Look(tag, " ".join(classes), " · ".join(title for title in titles if title))


_CLASSES = {"equation": ["eq"], "evidence": ["ev"], "step": ["step"]}


@dataclass(frozen=True, slots=True)
class Parted:
    """The runs of a text before and after it leaves its sibling's path."""

    before: tuple[MarkedStretch | Gap, ...]
    after: tuple[MarkedStretch | Gap, ...]
    forked: bool


def split_at_fork(runs: Sequence[MarkedStretch | Gap]) -> Parted:
    """`runs` parted where the mark of the fork begins; all of them after it where there is none."""
    for place, run in enumerate(runs):
        if isinstance(run, MarkedStretch) and any(mark.layer == "fork" for mark in run.begins):
            return Parted(tuple(runs[:place]), tuple(runs[place:]), True)
    return Parted((), tuple(runs), False)


def whole(value: object) -> str:
    """A whole number with its thousands apart; a dash for anything else."""
    return f"{value:,}" if type(value) is int else "–"


@cache
def _template() -> "jinja2.Template":
    return load_template(
        "report_page.html.jinja",
        escape_invisible=escape_invisible,
        shorten=shorten,
        move_class=move_class,
        emphasized=emphasize_numbers,
        picture=picture,
        is_wide=is_wide,
        typeset=typeset,
        exemplified=exemplified,
        shown=format_table,
        is_gap=lambda run: isinstance(run, Gap),
        look=style_stretch,
        parted=split_at_fork,
        whole=whole,
        sentence_class=lambda kind: kind if kind in ("finding", "control", "caution") else "finding",
    )
