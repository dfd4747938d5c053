"""The page of traces: what it says, that nothing in a trace can act on it, that it loads and runs nothing."""

import base64
import hashlib
import re
import unicodedata
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.cli.console import MOVE_COLORS
from sgram.lexicon import MOVE_MEANINGS, MOVES
from sgram.reports.pages import templates as parts
from sgram.reports.pages.templates import escape_invisible, squeeze_blank_lines
from sgram.reports.pages.trace_page import TracePage, TraceView, render_trace_page
from sgram.tagging.spans import Span

EVIL = (
    "<script>alert(1)</script>\"><img src=x onerror=alert(1)>' onload='x {{ 7*7 }} &lt;b&gt; "
    "\x00\x1b[2J\u202eevil\u2066"
)
DIRECTORS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
VOID = {"meta", "input", "img", "br", "link", "hr"}


class Reader(HTMLParser):
    """Elements with attributes and text of a page; refuses tags that do not nest."""

    def __init__(self, source: str):
        super().__init__(convert_charrefs=True)
        self.elements, self.texts, self._open = [], [], []
        self.feed(source)
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.texts.append((tuple(self._open), data))

    def of(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        return [
            attrs
            for name, attrs in self.elements
            if name == tag and all(attrs.get(key) == value for key, value in attributes.items())
        ]

    def text_in(self, tag: str) -> str:
        return "".join(text for where, text in self.texts if tag in where)


def page(text="", spans=(), prompt=None, trace_id="t1", facts=("model m", "correct"), **fields) -> TracePage:
    defaults = {
        "title": "2 traces",
        "summary": ("12.0 % of 50 tokens are planning.",),
        "columns": ("traces of", "planning", "tokens"),
        "rows": (("all", "12.0 %", 1050), ("m", "-", 7)),
        "move_counts": {"branching": 1234},
        "traces": (TraceView(trace_id, facts, text, spans, prompt),),
    }
    return TracePage(**defaults | fields)


def read(trace_page: TracePage) -> Reader:
    return Reader(render_trace_page(trace_page).decode())


TEXT = ("So\n\n  x < 1 & let me try.\t", (Span(14, 24, "branching", 12, "let me try"),))


def test_the_page_says_what_it_was_given():
    reader = read(page(*TEXT, prompt="What is x?"))
    body = reader.text_in("body")
    for words in ("2 traces", "12.0 % of 50 tokens are planning.", "1,234", "t1", "model m", "correct", "What is x?"):
        assert words in body
    assert "So\n\n  x < 1 & let me try.\t\n" in body  # spaces and line breaks as they are
    assert reader.text_in("td") == "all12.0 %1,050m-7"
    assert reader.text_in("th") == "traces ofplanningtokens"
    (mark,) = [attrs for attrs in reader.of("mark") if "title" in attrs]
    assert mark == {"class": "m-branching", "title": "branching · cluster 12 · 'let me try'"}
    assert reader.of("label")[0]["title"] == MOVE_MEANINGS["branching"]


def test_a_trace_without_a_prompt_has_no_place_for_one():
    assert not read(page(*TEXT)).of("div", **{"class": "prompt"})
    assert read(page(*TEXT, prompt="")).of("div", **{"class": "prompt"})


def test_only_the_first_trace_is_open():
    traces = tuple(TraceView(str(number), (), "", ()) for number in range(3))
    details = read(page(traces=traces)).of("details")
    assert [("open" in attrs, attrs["id"]) for attrs in details] == [
        (True, "trace-1"),
        (False, "trace-2"),
        (False, "trace-3"),
    ]


def test_a_page_of_nothing_is_a_page():
    reader = read(TracePage("0 traces", (), (), (), {}, ()))
    assert reader.text_in("h1") == "0 traces"
    assert not reader.of("table")


# -- what a trace cannot do -----------------------------------------------------------------------------


def evil_page() -> TracePage:
    n = len(EVIL)
    return page(
        EVIL * 3,
        (Span(n, 2 * n, EVIL, 0, EVIL), Span(2 * n, 3 * n, "branching", 0, EVIL)),
        prompt=EVIL,
        trace_id=EVIL,
        facts=(EVIL, EVIL),
        title=EVIL,
        summary=(EVIL,),
        columns=(EVIL,),
        rows=((EVIL,),),
    )


def test_markup_in_anything_given_is_text():
    reader = read(evil_page())
    tags = {tag for tag, _ in reader.elements}
    assert not tags & {"script", "img", "b", "iframe", "object", "link", "base", "form", "a"}
    names = {name for _, attrs in reader.elements for name in attrs}
    assert not {name for name in names if name.startswith("on")}
    assert names <= {
        "lang",
        "charset",
        "http-equiv",
        "content",
        "name",
        "class",
        "title",
        "type",
        "checked",
        "id",
        "dir",
        "open",
        "aria-label",
        "aria-hidden",
        "viewbox",
        "preserveaspectratio",
        "x",
        "width",
        "height",
        "scope",
        "role",
        "tabindex",
    }
    assert "{{ 7*7 }}" in reader.text_in("h1")


def test_what_could_hide_or_turn_text_is_shown_as_escapes():
    source = render_trace_page(evil_page()).decode()
    assert not set(source) & set("\x00\x1b\u202e\u2066")
    # heading and title, sentence, column, cell, id, 2 facts, prompt, 3 stretches, their titles: a move and two grams
    assert source.count("\\x00\\x1b[2J\\u202eevil\\u2066") == 15


@given(st.text(max_size=30))
@settings(max_examples=100)
def test_any_text_is_shown_as_its_visible_form(text):
    spans = (Span(len(text), 2 * len(text), "other", None, text),) if text else ()
    reader = read(page(rows=(), traces=(TraceView(text, (text,), text * 2, spans, text),)))
    escaped = escape_invisible(text)
    kinds = {unicodedata.category(character) for character in escaped if character not in "\n\t"}
    assert not kinds & {"Cc", "Cs", "Zl"}
    assert not {unicodedata.bidirectional(character) for character in escaped} & DIRECTORS
    assert not text or reader.of("mark", title=f"other · cluster None · '{escaped}'")
    divs = "".join(part for where, part in reader.texts if where[-1:] == ("div",))
    assert divs == escaped + squeeze_blank_lines(escaped)  # prompt, and the stretch that is not marked


def test_line_ends_of_windows_are_line_ends():
    assert escape_invisible("a\r\nb\rc\td") == "a\nb\\rc\td"
    assert escape_invisible("e\u0301 \u00a0 👩\u200d🚀 مرحبا") == "e\u0301 \u00a0 👩\u200d🚀 مرحبا"
    assert escape_invisible("\ud800\u2028\x85\u200f\ufeff\xad") == "\\ud800\\u2028\\x85\\u200f\\ufeff\\xad"


# -- what the page is -----------------------------------------------------------------------------------


def test_the_page_loads_and_runs_nothing_and_its_policy_says_so():
    source = render_trace_page(page(*TEXT)).decode()
    (style,) = re.findall(r"<style>(.*?)</style>", source, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = [attrs["content"] for attrs in Reader(source).of("meta", **{"http-equiv": "Content-Security-Policy"})]
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert not re.search(r"url\(|@import|https?:|src=|href=|<script|style=", source)


def test_equal_pages_are_equal_bytes():
    assert render_trace_page(page(*TEXT)) == render_trace_page(page(*TEXT))


def test_every_move_has_the_color_that_the_terminal_gives_it():
    style = parts.read_asset("moves.css")
    colors = dict(re.findall(r"^\.m-([a-z-]+) \{ --c: (#[0-9a-f]{6});", style, re.MULTILINE))
    assert list(colors) == list(MOVES)
    for move, color in MOVE_COLORS.items():
        assert colors[move] == color or color == "default"
    assert len(set(colors.values())) == len(MOVES)


def test_every_move_can_be_switched_off():
    source = render_trace_page(page(move_counts=dict.fromkeys(MOVES, 1))).decode()
    assert [attrs["id"] for attrs in Reader(source).of("input", type="checkbox")] == [f"m-{move}" for move in MOVES]
    for move in MOVES:
        assert f":root:has(#m-{move}:not(:checked)) details .m-{move}" in source


def test_moves_that_only_a_scorer_has_share_one_switch_and_no_color():
    source = render_trace_page(page(move_counts={"branching": 1, "guessing": 2, "planning": 3})).decode()
    assert [attrs["id"] for attrs in Reader(source).of("input", type="checkbox")] == ["m-branching", "m-other"]
    assert "guessing, planning</mark> <span>5</span>" in source


def test_other_has_no_color():
    style = parts.read_asset("moves.css")
    assert 'mark[class~="m-other"], .chip[class~="m-other"] { background: none; }' in style
    assert '.strip rect[class~="m-other"] { fill: none; }' in style


def test_what_speaks_for_a_span_is_in_its_title():
    view = TraceView("t", (), "Let me see.", (Span(0, 11, "goal-setting"),), None, ("probability 0.90",))
    assert read(page(traces=(view,))).of("mark", title="goal-setting · probability 0.90")


def test_dark_light_and_paper_are_all_thought_of():
    style = "".join(map(parts.read_asset, ("base.css", "traces.css", "trace_page.css")))
    for part in ("prefers-color-scheme: dark", "@media print", "color-scheme: light dark"):
        assert part in style


def test_the_strip_shows_where_planning_stands():
    rects = read(page("x" * 40 + "y" * 10 + "z" * 50, (Span(40, 50, "deduction"),))).of("rect")
    assert [(attrs["class"], attrs["x"], attrs["width"]) for attrs in rects] == [("m-deduction", "400", "100")]


@pytest.mark.parametrize(
    "name", ["trace_page.css", "trace_page.html.jinja", "moves.css", "head.html.jinja", "marked_text.html.jinja"]
)
def test_files_beside_the_module_end_with_one_line_end(name):
    assert parts.read_asset(name).endswith("\n")
    assert not parts.read_asset(name).endswith("\n\n")
