"""120 texts that try to be more than text, through every field of a report: to a parser and to a real browser.

The harmless twin of a payload differs from it only in the characters that could act; so a page of payloads and the page
of their twins must be the same elements with the same attributes, and only the texts in them may differ.
"""

import html
import unicodedata
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from itertools import cycle
from types import SimpleNamespace

import pytest

from sgram.analysis import Measure, all_measures
from sgram.analysis.findings import Finding, Level
from sgram.analysis.table import Table, build_table
from sgram.reports.figures.figure import RenderedFigure
from sgram.reports.pages.report_page import ReportConfig, render_report_page
from sgram.reports.pages.templates import escape_invisible
from sgram.statistics import Estimate
from sgram.tagging.spans import Span
from tests.builders.chromium import Chromium, find_chromium
from tests.builders.injection_payloads import ALL, WORD
from tests.builders.report_analyses import SVG, analysis, column, example, figures, findings, tables
from tests.reports.pages.test_report_page import Reader

TAGS = {
    "a",
    "article",
    "b",
    "bdi",
    "body",
    "caption",
    "circle",
    "code",
    "dd",
    "details",
    "dfn",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "head",
    "header",
    "html",
    "img",
    "input",
    "label",
    "legend",
    "li",
    "main",
    "mark",
    "meta",
    "nav",
    "noscript",
    "ol",
    "option",
    "output",
    "p",
    "pre",
    "q",
    "rect",
    "script",
    "section",
    "select",
    "span",
    "strong",
    "style",
    "summary",
    "sup",
    "svg",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "title",
    "tr",
    "ul",
}
ATTRIBUTES = {
    "alt",
    "aria-hidden",
    "aria-label",
    "aria-labelledby",
    "aria-live",
    "autocomplete",
    "charset",
    "checked",
    "class",
    "content",
    "cx",
    "cy",
    "data-column",
    "data-key",
    "data-none",
    "data-picture",
    "dir",
    "height",
    "hidden",
    "href",
    "http-equiv",
    "id",
    "lang",
    "name",
    "open",
    "preserveaspectratio",
    "r",
    "role",
    "scope",
    "placeholder",
    "spellcheck",
    "src",
    "tabindex",
    "title",
    "type",
    "value",
    "viewbox",
    "width",
    "x",
    "y",
}
CONFIG = ReportConfig(max_examples=200)
_ACTING = str.maketrans("<>&\"'`{}=/;#$", "‹›§“’´⟨⟩≈∕⁏♯€")


def twin(payload: str) -> str:
    """`payload` with what could act made harmless; of the same length, its letters, digits and spaces as they are."""
    return "".join(
        "~" if unicodedata.category(mark) in ("Cc", "Cf", "Cs", "Zl", "Zp") and mark not in "\n\t" else mark
        for mark in payload.translate(_ACTING)
    )


def taking(texts: Iterator[str]) -> Callable[[str], str]:
    """A `word` that puts the next of `texts` into every field."""
    return lambda _: next(texts)


def page_of(word: Callable[[str], str], **fields: object) -> bytes:
    """A page with what `word` gives in every field."""
    evil_analysis = analysis(
        word,
        **{
            "lexicon": SimpleNamespace(name=word(""), digest=word(""), grams=(), clusters=()),
            "tables": tables(word) | headed(word),
            "measures": (*all_measures(), NEW),
            "findings": (*findings(word), *new_findings(word)),
            # with a formula on it, the page has KaTeX in any case
            "lookup": (*analysis(word).examples, example("$x$", True, word)),
            "provenance": {
                "inputs": [{"path": word(""), "digest": word(""), "bytes": word(""), "traces": None}],
                "versions": {word(""): word("")},
                "command": word(""),
                f"{word('')} name": 1,
                "lexicons": [[word("")]],
            },
        }
        | fields,
    )
    page_figures = [*figures(word), RenderedFigure("dynamics", word(""), word(""), SVG, word(""))]
    page_figures.append(RenderedFigure("errors", word(""), word(""), b"x" * 9_000_000))  # too large: it is named
    return render_report_page(evil_analysis, page_figures, CONFIG)


QUESTION = Level(name="new", subject="the new one")
NEW = Measure("new", "New", (), lambda data: [], section="of a plug-in", questions=(QUESTION,))


def new_findings(word: Callable[[str], str]) -> tuple[Finding, ...]:
    """The findings of a plug-in's measure: of more sources than are shown, with names and notes from data."""
    low, high = (word(""), "measured"), (word(""), "measured")
    value = Estimate(0.5, 0.25, 0.75)
    by_source = (Finding("new", QUESTION, word(""), value, notes=(word(""), word(""))) for _ in range(30))
    return (Finding("new", QUESTION, None, n=30, sides=(value, value), verdicts=(low, high)), *by_source)


def headed(word: Callable[[str], str]) -> dict[str, Table]:
    """A table of which every name and meaning is a text."""
    heads = [column(word(""), "flag", word("")), column(word(""), "share", word(""))]
    return {"new": build_table("new", word(""), heads, [{} for _ in range(20)])}


def evil(texts: tuple[str, ...], start: int) -> bytes:
    """A page with one of `texts` in every field, from the one at `start` on, and all of them in those of traces."""
    from_start = texts[start:] + texts[:start]
    word = taking(cycle(from_start))
    evil_tables = tables(word)
    names = ("trace", "source", "kind", "gram", "move", "list", "outcome", "evidence")
    for name, n_rows in (("diagnoses", len(texts)), ("few", 20)):  # of few choices there is a list to choose from
        evil_tables[name] = build_table(
            name,
            word(""),
            [column(name, meaning=word("")) for name in names],
            [dict.fromkeys(names, text) for text in from_start[:n_rows]],
            word(""),
        )
    return page_of(
        word,
        tables=evil_tables | headed(word),
        examples=tuple(traced(text, texts, start_index) for start_index, text in enumerate(from_start)),
        sibling_pairs=tuple(
            SimpleNamespace(
                prompt=(text + " ") * 90,
                wrong=traced(text, texts, start_index),
                correct=traced(word(""), texts, start_index),
                divergence=SimpleNamespace(start_wrong=0, start_correct=0, step=1, kind="result", evidence=word("")),
            )
            for start_index, text in enumerate(from_start[:10])
        ),
    )


def traced(text: str, texts: tuple[str, ...], start_index: int) -> SimpleNamespace:
    """A trace that is nothing but `text`, all of it marked, with others in its other fields."""
    next_text = taking(cycle(texts[start_index:] + texts[:start_index]))
    trace_example = example(text, False, next_text, source=next_text(""))
    trace_example.spans = (Span(0, len(text), next_text(""), 0, next_text("")),)
    trace_example.equations = (
        SimpleNamespace(start=0, end=len(text), text=next_text(""), verdict="wrong", reason=next_text("")),
    )
    evidence = (SimpleNamespace(sentence=next_text(""), start=0, end=len(text)),)
    trace_example.diagnosis = SimpleNamespace(
        kind=next_text(""), step=0, start=0, end=len(text), evidence=evidence, confidence=0.5
    )
    return trace_example


TWINS = tuple(map(twin, ALL))


class Elements(HTMLParser):
    """Every element of a page with the names of its attributes, and their values where no text can stand."""

    _TEXTS = frozenset({"title", "alt", "aria-label", "value"})

    def __init__(self, page: bytes):
        super().__init__(convert_charrefs=True)
        self.found = []
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, tuple((name, None if name in self._TEXTS else attribute) for name, attribute in attrs)))


def skeleton(page: bytes) -> list[tuple]:
    return Elements(page).found


def grouped() -> list[str]:
    """All payloads, some in a row, so that every field shows a whole row."""
    rows = [""]
    for payload in ALL:
        if len(rows[-1]) + len(payload) > 150:
            rows.append("")
        rows[-1] += payload
    return rows


def test_there_are_120_payloads_and_twins_of_the_same_shape():
    assert len(set(ALL)) == len(set(TWINS)) == 120
    assert list(map(len, ALL)) == list(map(len, TWINS))
    assert not set("".join(TWINS)) & set("<>&\"'\x00\x1b\u202e")


def test_whatever_stands_in_every_field_at_once_the_elements_of_the_page_are_the_same():
    plain = skeleton(page_of(lambda _: "a text that is forty characters long here"))
    assert len(plain) > 500
    for row in grouped():
        assert skeleton(page_of(lambda _, row=row: row)) == plain, row


@pytest.mark.parametrize("start", [0, 60])
def test_a_page_of_payloads_is_the_same_elements_as_the_page_of_their_twins(start):
    page = evil(ALL, start)
    page_elements = skeleton(page)
    assert page_elements == skeleton(evil(TWINS, start))
    assert {tag for tag, _ in page_elements} <= TAGS
    assert {name for _, attrs in page_elements for name, _ in attrs} <= ATTRIBUTES
    assert [dict(attrs) for tag, attrs in page_elements if tag == "script"] == [
        {"type": "application/json", "id": "lookup-data"},
        {},
    ]
    assert sum(tag == "style" for tag, _ in page_elements) == 1
    links = [address for _, attrs in page_elements for name, address in attrs if name == "href"]
    assert links
    assert all(link.startswith("#") for link in links)


def test_every_payload_stands_on_the_page_as_text_and_nothing_in_it_can_turn_or_hide_text():
    source = evil(ALL, 0).decode()  # no lone surrogate: it could not be decoded
    assert not {
        mark for mark in source if unicodedata.category(mark) in ("Cc", "Zl", "Zp", "Co") and mark not in "\n\t"
    }
    assert not {mark for mark in source if unicodedata.category(mark) == "Cf"} - set("\u200c\u200d\u2060")
    reader = Reader(source)
    texts = {
        "".join(data.split())
        for where, data in reader.texts
        if where and any("text" in of_class.split() for _, _, of_class in where)
    }
    for payload in ALL:
        assert "".join(escape_invisible(payload).split()) in texts
    assert html.escape(escape_invisible(ALL[0])) in source


# -- in a browser ---------------------------------------------------------------------------------------

needs_browser = pytest.mark.skipif(find_chromium() is None, reason="no Chromium is installed to try the page in")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp("chromium")) as chromium:
        yield chromium


@needs_browser
def test_in_a_browser_nothing_runs_nothing_is_asked_for_and_nothing_is_refused(browser, tmp_path):
    path = tmp_path / "page.html"
    path.write_bytes(evil(ALL, 0))
    tab = browser.open(path)
    tab.size(375, 800, mobile=True)
    # everything is opened, sorted, filtered, pointed at
    tab.run(
        "document.querySelectorAll('details').forEach(each => { each.open = true; });"
        "document.querySelectorAll('th button').forEach(each => each.click());"
        "document.querySelectorAll('select').forEach(each => { each.selectedIndex = each.options.length - 1;"
        " each.dispatchEvent(new Event('input', {bubbles: true})); });"
        "document.querySelectorAll('main *').forEach(each => each.dispatchEvent(new MouseEvent('mouseover')));"
        "document.querySelectorAll('a').forEach(each => each.click())"
    )
    tab.run("new Promise(done => setTimeout(done, 50))")
    assert tab.run("typeof window.__pwned") == "undefined"
    assert (tab.dialogs, tab.complaints) == ([], [])
    urls = {url.partition("#")[0] for url in tab.requests}
    assert {url for url in urls if not url.startswith("data:image/svg+xml,")} == {path.as_uri()}
    assert (
        tab.run(
            "document.querySelectorAll('main script, iframe, object, embed, link, base, form, video, audio').length"
        )
        == 0
    )
    assert tab.run("document.title") in {" ".join(escape_invisible(payload).split()) for payload in ALL}
    assert tab.run("document.scrollingElement.scrollWidth <= innerWidth")


@needs_browser
def test_a_word_wider_than_the_page_does_not_make_the_page_wider(browser, tmp_path):
    path = tmp_path / "page.html"
    word = taking(cycle([WORD]))
    wide_analysis = analysis(word, examples=(traced(WORD, (WORD,), 0),))
    path.write_bytes(render_report_page(wide_analysis, figures(word)))
    tab = browser.open(path)
    for width in (375, 1280):
        tab.size(width, 800, mobile=width < 400)
        tab.run("document.querySelectorAll('details').forEach(each => { each.open = true; })")
        assert tab.run("document.scrollingElement.scrollWidth") <= width


@needs_browser
def test_the_policy_really_stops_what_gets_past_the_page(browser, tmp_path):
    path = tmp_path / "page.html"
    path.write_bytes(render_report_page(analysis(), figures()))
    tab = browser.open(path)
    tab.run(
        "document.body.insertAdjacentHTML('beforeend', '<img src=http://example.org/x onerror=\"window.__pwned=1\">"
        '<style>body{color:red}</style><div onclick="window.__pwned=2" id=bad></div>\');'
        "document.getElementById('bad').click();"
        "const made = document.createElement('script'); made.textContent = 'window.__pwned=3';"
        " document.body.append(made)"
    )
    assert tab.run("typeof window.__pwned") == "undefined"
    assert any("Content Security Policy" in complaint for complaint in tab.complaints)
