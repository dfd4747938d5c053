"""HTML in notebooks: nothing in 200 payloads runs or changes an element, nothing leaks out of the block."""

import re
import unicodedata
from collections.abc import Callable
from itertools import cycle
from types import SimpleNamespace

import pytest

from sgram.analysis.table import Column, build_table
from sgram.diagnosis.degenerate import Evidence
from sgram.diagnosis.diagnosis_list import DiagnosisList
from sgram.diagnosis.kinds import KINDS, Diagnosis
from sgram.lexicon import Lexicon
from sgram.notebook_html import render_notebook_html
from sgram.reports.notebooks import analysis_html
from sgram.reports.notebooks.marked_text import MarkedText
from sgram.reports.notebooks.output_html import notebook_style, scope_style
from sgram.reports.notebooks.show import show
from sgram.reports.pages.templates import escape_invisible
from sgram.tagging.span import Span, SpanList
from sgram.traces import Trace
from tests.builders.injection_payloads import ALL, NOTEBOOK
from tests.builders.report_analyses import analysis
from tests.reports.pages.test_report_injection import skeleton, taking, twin

PAYLOADS = (*ALL, *NOTEBOOK)
TAGS = {
    *("b", "circle", "details", "div", "li", "mark", "ol", "p", "polygon", "polyline", "rect", "span", "style"),
    *("summary", "svg", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
ATTRIBUTES = {
    *("aria-hidden", "aria-label", "class", "cx", "cy", "data-key", "dir", "height", "points"),
    *("preserveaspectratio", "r", "scope", "title", "viewbox", "width", "x", "y"),
}
LEXICON = Lexicon.from_grams(["wait", "let me"])


def values_of(text: str) -> list[object]:
    """Return a value of each type that notebooks show, with `text` in every field that can hold it."""
    spans = SpanList([Span(0, len(text), text, 0, text), Span(0, 1, "other")], text)
    trace = Trace(id=text, text=text, prompt=text, answer=text, reference=text, model=text, step=3, correct=False)
    columns = (Column(text, text), Column("move", text), Column("share", text, "share"))
    table = build_table(text, text, columns, [{text: text, "move": text, "share": 0.5}, {}], text)
    diagnosis = Diagnosis(
        *(text, text, 1, 0, 1, (Evidence(text, 0, 1), Evidence(text)), 0.5), {**dict.fromkeys(KINDS, 0.0), text: 0.5}
    )
    lexicon = Lexicon.from_grams(["wait"], name=escape_invisible(text))  # lone surrogates cannot be in a file
    return [
        *(spans, trace, MarkedText(text, spans, lexicon, trace), MarkedText(text, spans, lexicon), lexicon),
        *(table, diagnosis, DiagnosisList([diagnosis, diagnosis])),
    ]


def evil_analysis(word: Callable[[str], str]) -> SimpleNamespace:
    """Return an analysis whose texts are those of `word`."""
    return analysis(word, lexicon=SimpleNamespace(name=word("")))


def test_there_are_200_payloads():
    assert len(set(PAYLOADS)) == len(PAYLOADS) == 200


@pytest.mark.parametrize("start", range(0, 200, 40))
def test_a_payload_makes_the_same_elements_as_its_harmless_twin(start):
    for payload in PAYLOADS[start : start + 40]:
        for value, harmless in zip(values_of(payload), values_of(twin(payload)), strict=True):
            html = render_notebook_html(value)
            if type(value).__name__ not in ("SpanList", "MarkedText", "Trace"):
                assert skeleton(html.encode()) == skeleton(render_notebook_html(harmless).encode()), payload
            check_harmless(html)


def check_harmless(html: str) -> None:
    """Fail if HTML has an element or attribute that is not the templates', an id, or a character that turns text."""
    elements = skeleton(html.encode())  # a lone surrogate would raise here
    assert {tag for tag, _ in elements} <= TAGS
    assert {name for _, attributes in elements for name, _ in attributes} <= ATTRIBUTES
    assert [tag for tag, _ in elements].count("style") == 1
    unsafe = {mark for mark in html if unicodedata.category(mark) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")}
    assert unsafe <= set("\n\t\u200c\u200d")


@pytest.mark.parametrize("start", [0, 67, 134])
def test_an_analysis_of_payloads_is_the_same_elements_as_that_of_their_twins(start):
    payloads = PAYLOADS[start:] + PAYLOADS[:start]
    html = analysis_html.render(evil_analysis(taking(cycle(payloads))))
    harmless = analysis_html.render(evil_analysis(taking(cycle(map(twin, payloads)))))
    assert skeleton(html.encode()) == skeleton(harmless.encode())
    check_harmless(html)


def test_every_payload_stands_as_text_in_what_show_returns():
    for payload in PAYLOADS:
        shown = show(f"Wait. {payload}", LEXICON)
        html = shown._repr_html_()
        check_harmless(html)
        assert ">Wait</mark>" in html
        assert len(repr(shown).splitlines()) < 3
        assert not {mark for mark in f"{shown}{shown!r}" if unicodedata.category(mark) in ("Cc", "Cs")} - set("\n\t")


def test_no_element_has_an_id_and_the_same_output_twice_is_the_same_page_twice():
    for value in values_of("wait"):
        html = render_notebook_html(value)
        assert html == render_notebook_html(value)
        assert not re.search(r"\s(?:id|name|for|href|src|style)\s*=", html.partition("</style>")[2])


def test_math_is_left_alone():
    # MathJax in notebooks skips elements of these classes; formulas of traces may hold links that run scripts
    html = show(r"Wait: $\href{javascript:x}{y}$", LEXICON)._repr_html_()
    assert html.startswith('<div class="sgram-output tex2jax_ignore mathjax_ignore">')


def test_the_style_is_that_of_the_notebook_and_stays_in_the_block():
    style = notebook_style()
    for name in ("--jp-content-font-color1", "--vscode-editor-foreground", "prefers-color-scheme: dark"):
        assert name in style
    assert not re.search(r"url\(|@import|https?:|expression|</", style)
    flat = re.sub(r"@media[^{]*\{((?:[^{}]|\{[^{}]*\})*)\}", r"\1", style)
    selectors = [
        selector for head in re.findall(r"([^{}]+)\{[^{}]*\}", flat) for selector in re.split(r",(?![^()]*\))", head)
    ]
    assert len(selectors) > 40
    assert [selector for selector in selectors if ".sgram-output" not in selector] == []
    assert ".sgram-output .m-deduction" in style  # the colors are those of the pages


def test_rules_of_a_style_sheet_are_limited_to_the_block():
    assert scope_style("/* a { } */ a:is(b, i), c { x: y }") == ".sgram-output a:is(b, i), .sgram-output c { x: y }\n"
    assert scope_style(":root:has(a) b, c { x: y }") == ".sgram-output c { x: y }\n"
    assert scope_style("@media print { :root { x: y } }") == ""
    assert scope_style(".dark :scope { x: y }") == ".dark .sgram-output { x: y }\n"


def test_a_long_text_is_cut_and_says_what_is_left_out():
    html = show("wait " * 6_000, LEXICON)._repr_html_()
    assert len(html) < 1_000_000
    assert re.search(r"… [\d,]+ characters …", html)
    assert "6,000 spans" in html


def test_a_large_lexicon_is_cut_and_says_what_is_left_out():
    lexicon = Lexicon.load("sgram")
    html = lexicon._repr_html_()
    assert f"{len(lexicon):,} grams in {len(lexicon.clusters):,} clusters" in html
    assert "frame() has all grams" in html


def test_a_value_of_another_type_has_no_html():
    with pytest.raises(KeyError, match="int"):
        render_notebook_html(7)
