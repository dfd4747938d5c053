"""The report's page: what it says and where, that it is one file under its policy, that it stays small."""

import base64
import dataclasses
import hashlib
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest

from sgram.analysis import Measure, all_measures
from sgram.analysis.findings import Finding, Level
from sgram.analysis.table import build_table
from sgram.errors import UsageError
from sgram.lexicon import MOVES
from sgram.reports.figures.figure import RenderedFigure
from sgram.reports.pages import templates as parts
from sgram.reports.pages.page_tables import adapt_tables
from sgram.reports.pages.placebo_comparison import compare_with_placebos
from sgram.reports.pages.report_page import ReportConfig, render_report_page
from sgram.reports.pages.report_sections import SECTION_PLANS
from sgram.reports.pages.trace_page import TracePage, render_trace_page
from sgram.reports.wording import group_statements
from sgram.statistics import Estimate
from tests.builders.report_analyses import SVG, WRONG, analysis, column, example, figures, findings, low_high, tables

VOID = {"meta", "input", "img", "br", "link", "hr", "rect", "circle"}


class Reader(HTMLParser):
    """Elements with attributes and text of a page; refuses tags that do not nest."""

    def __init__(self, source: str):
        super().__init__(convert_charrefs=True)
        self.elements, self.texts, self._open = [], [], []
        self.feed(source)
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attrs):
        assert len(attrs) == len(dict(attrs)), f"{tag} has an attribute twice"
        self.elements.append((tag, dict(attrs), tuple(open_attrs.get("id") for _, open_attrs in self._open)))
        if tag not in VOID:
            self._open.append((tag, dict(attrs)))

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), ()))

    def handle_endtag(self, tag):
        assert self._open.pop()[0] == tag

    def handle_data(self, data):
        self.texts.append((tuple((tag, attrs.get("id"), attrs.get("class") or "") for tag, attrs in self._open), data))

    def of(self, tag: str, **attributes: str) -> list[dict]:
        return [
            attrs
            for name, attrs, _ in self.elements
            if name == tag and all(attrs.get(k) == v for k, v in attributes.items())
        ]

    def text(self, *, tag: str = "body", of_id: str | None = None, of_class: str | None = None) -> str:
        """All text inside elements of a kind; without the script and the style sheet."""
        texts = (
            data
            for where, data in self.texts
            if not {name for name, _, _ in where} & {"script", "style"}
            and any(
                name == tag and of_id in (None, its_id) and (of_class is None or of_class in its_class.split())
                for name, its_id, its_class in where
            )
        )
        return " ".join("".join(texts).split())


def read(page_analysis=None, config=None, page_figures=None) -> Reader:
    html = render_report_page(
        analysis() if page_analysis is None else page_analysis,
        figures() if page_figures is None else page_figures,
        config,
    )
    return Reader(html.decode())


@pytest.fixture(scope="module")
def page() -> Reader:
    return read()


def digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


# -- what the page is -----------------------------------------------------------------------------------


def test_the_policy_allows_the_one_script_the_one_style_sheet_and_pictures_inside_the_page():
    source = render_report_page(analysis(), figures()).decode()
    (style,) = re.findall(r"<style>(.*?)</style>", source, re.DOTALL)
    (script,) = re.findall(r"<script>(.*?)</script>", source, re.DOTALL)
    reader = Reader(source)
    (policy,) = reader.of("meta", **{"http-equiv": "Content-Security-Policy"})
    assert policy["content"] == (
        f"default-src 'none'; script-src {digest(script)}; style-src {digest(style)}; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )
    assert not {name for _, attrs, _ in reader.elements for name in attrs if name.startswith("on") or name == "style"}
    assert not re.search(
        r"https?://(?!www\.w3\.org/)|url\(|@import|innerHTML|insertAdjacent|eval\(|fetch\(|XMLHttp|localStorage", source
    )
    links = [attrs["href"] for attrs in reader.of("a")]
    assert links
    assert all(link.startswith("#") for link in links)
    assert all(attrs["src"].startswith("data:image/svg+xml,") for attrs in reader.of("img"))


def test_every_link_has_its_place_and_no_id_stands_twice(page):
    ids = [attrs["id"] for _, attrs, _ in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = {attrs["href"][1:] for attrs in page.of("a")} | {
        attrs["aria-labelledby"] for _, attrs, _ in page.elements if "aria-labelledby" in attrs
    }
    assert targets <= set(ids)


def test_equal_analyses_are_equal_bytes():
    assert render_report_page(analysis(), figures()) == render_report_page(analysis(), figures())


@pytest.mark.parametrize("ending", ["css", "js", "html.jinja"])
def test_files_beside_the_module_end_with_one_line_end(ending):
    text = parts.read_asset(f"report_page.{ending}")
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


def test_dark_light_small_screens_and_paper_are_all_thought_of():
    style = parts.read_asset("base.css") + parts.read_asset("report_page.css")
    for part in (
        "prefers-color-scheme: dark",
        "max-width: 560px",
        "@media print",
        "focus-visible",
        "prefers-reduced-motion",
    ):
        assert part in style


def test_moves_have_the_hues_that_the_page_of_traces_gives_them():
    rule = re.compile(r"^\.(m-[a-z-]+) \{ (--c: #[0-9a-f]{6}; --s: \w+;) \}", re.MULTILINE)
    sources = [render_report_page(analysis(), figures()), render_trace_page(TracePage("", (), (), (), {}, ()))]
    hues, trace_page_hues = (dict(rule.findall(source.decode())) for source in sources)
    assert set(hues) == {f"m-{move}" for move in MOVES}
    assert hues == trace_page_hues
    for move in hues:
        assert f":root:has(#{move}:not(:checked)) details .{move}" in sources[0].decode()


def luminance(color: str) -> float:
    """Relative luminance of #rgb or #rrggbb, by the definition of WCAG 2."""
    long = color[1:] if len(color) == 7 else "".join(2 * digit for digit in color[1:])
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (int(long[index : index + 2], 16) / 255 for index in (0, 2, 4))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(color: str, background: str) -> float:
    low, high = sorted((luminance(color), luminance(background)))
    return (high + 0.05) / (low + 0.05)


def test_text_can_be_told_from_its_ground_in_every_theme():
    blocks = re.findall(r"\{([^{}]*--ground:[^{}]*)\}", parts.read_asset("base.css"))
    assert len(blocks) == 4  # light; dark by the system's wish and by the reader's; paper
    for block in blocks:
        colors = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", block))
        for ink in ("ink", "quiet", "faint", "link", "good", "bad", "warn"):
            for ground in ("ground", "card", "sunk"):
                assert contrast(colors[ink], colors[ground]) >= 4.5, (ink, ground, colors)
        for ink, ground in (
            ("good", "good-ground"),
            ("bad", "bad-ground"),
            ("warn", "warn-ground"),
            ("ev", "card"),
            ("ev", "ground"),
            ("ink", "step"),
            ("card", "bad"),
            ("ground", "ink"),
        ):
            assert contrast(colors[ink], colors[ground]) >= 4.5, (ink, ground, colors)


# -- what the page says ---------------------------------------------------------------------------------


def test_a_stranger_is_told_what_everything_is_about(page):
    summary = page.text(tag="section", of_id="summary")
    assert summary.index("planning tokens") < summary.index("Strategic Gram") < summary.index("placebo")
    head = page.text(tag="header")
    for fact in (
        "1,200 traces",
        "123,456 words",
        "25.0 % of the judged traces correct",
        "2 runs",
        "3 Strategic Grams (SGs)",
    ):
        assert fact in head


def test_every_section_is_there_and_in_the_contents(page):
    sections = [attrs["id"] for attrs in page.of("section")]
    assert sections == [plan.id for plan in SECTION_PLANS]
    links = [attrs["href"] for attrs in page.of("a")]
    # first the link past the contents, then the contents; the questions of the first screen come after them
    assert [link for link in links if link[1:] in sections][1 : 1 + len(SECTION_PLANS)] == [
        f"#{plan.id}" for plan in SECTION_PLANS
    ]
    assert len(page.of("h1")) == 1


def styled_texts(reader: Reader, of_id: str) -> list[tuple[str, str]]:
    """The texts in an element that are numbers, intervals or names, with their elements and classes."""
    texts = [(where[-1], data) for where, data in reader.texts if any(of_id == its_id for _, its_id, _ in where)]
    return [(f"{tag} {of_class}".strip(), data) for (tag, _, of_class), data in texts if tag in ("b", "bdi", "span")]


def test_numbers_intervals_and_names_of_a_statement_are_elements_of_their_own(page):
    # the first finding: a planning share from 12.3 % (grpo) to 25.0 % (hicra), then each with its interval
    assert page.text(tag="li", of_id="finding-1") == (
        "The planning share: from 12.3 % (grpo, seed 0) to 25.0 % (hicra, seed 0). "
        "grpo, seed 0: 12.3 % [11.3, 13.3]. hicra, seed 0: 25.0 % [20.0, 30.0]."
    )
    grpo, hicra = ("bdi", "grpo, seed 0"), ("bdi", "hicra, seed 0")
    assert styled_texts(page, "finding-1") == [
        *(("b", "12.3 %"), grpo, ("b", "25.0 %"), hicra),
        *(grpo, ("b", "12.3 %"), ("span aside", "[11.3, 13.3]")),
        *(hicra, ("b", "25.0 %"), ("span aside", "[20.0, 30.0]")),
    ]


def test_every_statement_is_on_the_page_in_the_order_of_the_findings(page):
    elements = {"number": "b", "aside": "span aside", "name": "bdi"}
    for number, group in enumerate(group_statements(analysis()), 1):
        statements = (group.headline, *group.details)
        text = " ".join([*(statement.text for statement in statements), group.caution]).strip()
        assert page.text(tag="li", of_id=f"finding-{number}") == text
        parts_with_style = [part for statement in statements for part in statement.parts if part.style]
        assert styled_texts(page, f"finding-{number}") == [
            (elements[part.style], part.text) for part in parts_with_style
        ]
    assert f"finding-{number + 1}" not in {attrs.get("id") for attrs in page.of("li")}


def test_the_first_screen_has_questions_that_lead_on_and_no_second_summary(page):
    ids = {attrs.get("id") for attrs in page.of("li")} | {attrs.get("id") for attrs in page.of("section")}
    links = [attrs["href"][1:] for attrs in page.of("a") if attrs.get("href", "").startswith(("#finding-", "#errors"))]
    assert links
    assert set(links) <= ids
    assert "In short" not in page.text(tag="section", of_id="summary")


def test_panels_of_questions_stand_together_below_the_questions():
    panel = RenderedFigure("question-accuracy", "How often is the answer right?", "Smoothed.", SVG, "summary", True)
    reader = read(page_figures=[panel])
    summary = reader.text(tag="section", of_id="summary")
    assert "Over the steps of training" in summary
    assert "How often is the answer right? Smoothed." in summary
    assert len(reader.of("div", **{"class": "panels"})) == 1


def test_statements_stand_in_the_section_of_their_measure_and_those_of_unknown_sections_among_more(page):
    assert "“but wait” in grpo, seed 0: more frequent" in page.text(tag="section", of_id="lexicon")
    dynamics = page.text(tag="section", of_id="dynamics")
    assert "token entropy cannot say whether execution or planning settles first. No curve settles." in dynamics
    errors = page.text(tag="section", of_id="errors")
    assert "strategic or procedural, which is more frequent: cannot say" in errors.lower()
    assert "the undecided may be of any kind." in errors
    question = Level(name="new", subject="the share of hedges")
    plugin = Measure("new", "New", (column("x"),), lambda data: [], section="of a plug-in", questions=(question,))
    own = Finding("new", question, "grpo, seed 0", Estimate(0.5, 0.25, 0.75))
    reader = read(analysis(measures=(*all_measures(), plugin), findings=(*findings(), own)), page_figures=[])
    assert "grpo, seed 0: the share of hedges: 50.0 % [25.0, 75.0]." in reader.text(tag="section", of_id="more")


def many_findings(n_sources: int) -> tuple[Finding, ...]:
    """A level of each of many sources with long names, under one statement about all."""
    question = next(q for measure in all_measures() for q in measure.questions if q.name == "planning share")
    names = [f"{number} {'s' * 70}" for number in range(n_sources)]
    low, high = ((name, "measured") for name in (names[0], names[-1]))
    value = Estimate(0.5, 0.25, 0.75)
    summary = Finding("shares", question, None, n=n_sources, sides=(value, value), verdicts=(low, high))
    return (summary, *(Finding("shares", question, name, value) for name in names))


@pytest.mark.parametrize(
    ("n_sources", "n_shown", "is_folded"), [(3, 3, False), (4, 4, True), (24, 24, True), (30, 24, True)]
)
def test_more_than_three_statements_under_one_about_all_are_folded_and_many_are_cut(n_sources, n_shown, is_folded):
    reader = read(analysis(findings=many_findings(n_sources)))
    text = reader.text(tag="li", of_id="finding-1")
    assert text.count(": 50.0 % [25.0, 75.0].") == n_shown
    assert (f"{n_sources} in detail" in text) == is_folded
    assert ("6 more are in the tables." in text) == (n_sources == 30)


def test_an_analysis_without_findings_has_no_empty_list():
    reader = read(analysis(findings=()))
    assert "In short" not in reader.text()
    assert not reader.of("ul", **{"class": "findings"})


def test_a_table_is_captioned_has_units_in_its_head_and_numbers_to_the_right(page):
    assert "The table grams" in [page.text(tag="caption", of_id=attrs["id"]) for attrs in page.of("caption")]
    heads = page.of("th", scope="col")
    assert len(heads) + len(page.of("th", scope="row")) == len(page.of("th"))
    assert "traces share, %" in page.text(tag="th")
    cells = [attrs for attrs in page.of("td") if "data-key" in attrs and "answer" not in attrs["class"]]
    assert cells
    assert all("n" in attrs["class"].split() or attrs["class"] == "f" for attrs in cells)
    assert {attrs["title"] for attrs in heads if "title" in attrs} >= {"what entropy means"}


def test_rows_of_placebos_are_quiet(page):
    assert len(page.of("tr", **{"class": "placebo"})) == sum(
        row["list"] == "placebo"
        for table in adapt_tables(tables()).values()
        for row in table.records()
        if "list" in row
    )


def test_an_equation_that_is_wrong_says_why_to_the_eye_the_pointer_and_the_ear(page):
    wrong = [attrs for attrs in page.of("span") if "wrong" in (attrs.get("class") or "").split() and "title" in attrs]
    assert {attrs["title"] for attrs in wrong} >= {
        "the step with the error · 3 * 17 is 51, not 52 · the product is wrong"
    }
    notes = page.text(tag="ul", of_class="notes")
    assert "1 3 * 17 = 52 3 * 17 is 51, not 52" in notes
    assert "wrong, note 1" in page.text(tag="sup")
    assert "evidence a" in page.text(tag="sup")


def test_siblings_stand_side_by_side_with_the_place_where_they_part(page):
    assert len(page.of("article")) == 2
    before = page.text(tag="span", of_class="before")
    assert before.startswith("We have 3 boxes of 17 pens. S")
    assert page.text(tag="span", of_class="fork") == "here the two part" * 2
    assert "it says 52 where the other says 51" in page.text(tag="p", of_class="parting")


def test_controls_stand_beside_the_sgs_and_are_missed_where_there_are_none(page):
    text = page.text(tag="section", of_id="controls")
    assert "no difference shown" in text
    glyphs = [attrs for name, attrs, where in page.elements if name == "td" and attrs.get("class") == "glyph"]
    assert len(glyphs) == sum(
        len(comparison.positions) for comparison in compare_with_placebos(all_measures(), tables())
    )
    assert "No placebo stands beside the SGs" not in text
    bare = read(analysis(tables={}))
    assert "No placebo stands beside the SGs" in bare.text(tag="section", of_id="controls")


def test_what_was_not_measured_says_what_to_give():
    empty = analysis(tables={}, findings=(), examples=(), sibling_pairs=())
    text = read(empty, page_figures=[]).text(tag="main")
    assert "Not measured here" in text
    assert "give a run of `sgram train`" in text
    assert "No trace is shown here." in text


def test_provenance_is_told(page):
    text = page.text(tag="section", of_id="provenance")
    for fact in (
        "runs/a.jsonl",
        "12,345",
        "ab" * 32,
        "sgram report runs -o report.html",
        "python 3.11",
        "Of 1,200 traces 3 are shown.",
    ):
        assert fact in text


def test_what_is_nested_in_the_provenance_is_json():
    with_nesting = analysis(provenance={"lexicons": [{"b": 1, "a": None}], "config": {"seed": 0, "tokenizer": None}})
    text = read(with_nesting).text(tag="section", of_id="provenance")
    assert 'lexicons show[ { "a": null, "b": 1 } ]' in text
    assert "config seed 0tokenizer none" in text


def test_the_wrong_example_with_most_kinds_of_moves_is_open_at_first():
    wide = example("but wait, let me try. so then", False, name="t9")
    wide.spans = tuple(
        dataclasses.replace(span, label=label)
        for span, label in zip(wide.spans, ("deduction", "branching", "other"), strict=True)
    )
    reader = read(analysis(examples=(example(WRONG, True), example(WRONG, False), wide)))
    opened = [attrs["id"] for attrs in reader.of("details") if attrs.get("class") == "trace" and "open" in attrs]
    assert opened == ["t3"]


def test_a_figure_is_a_picture_with_words_and_its_title_ends_once(page):
    pictures = page.of("img")
    assert len(pictures) == 5
    assert all(attrs["alt"].endswith("Bars are 95 % intervals of 36 problems.") for attrs in pictures)
    reader = read(page_figures=[RenderedFigure("dynamics", "Does it grow?", "It may.", SVG)])
    assert reader.text(tag="figcaption") == "Does it grow? It may."


# -- that it stays small --------------------------------------------------------------------------------


def test_a_long_trace_says_how_much_of_it_is_left_out():
    long = "word " * 4000 + WRONG
    reader = read(analysis(examples=(example(long, False),), sibling_pairs=()), ReportConfig(trace_chars=2000))
    gaps = re.findall(r"… ([\d,]+) characters left out …", reader.text(tag="span", of_class="gap"))
    n_shown = len(
        "".join(
            data
            for where, data in reader.texts
            if where and where[-1][0] != "span" and any("text" in c for _, _, c in where)
        )
    )
    assert gaps
    assert sum(int(gap.replace(",", "")) for gap in gaps) + n_shown >= len(long) - 100
    assert "more than 2,000 characters" in reader.text(tag="section", of_id="traces")


def huge(n: int, text: str) -> object:
    large_example = example(text, False)
    return analysis(
        examples=(large_example,) * n,
        sibling_pairs=(SimpleNamespace(prompt=text, wrong=large_example, correct=large_example, divergence=None),) * 30,
    )


@pytest.mark.parametrize("text", ["but wait let me try so then " * 500, '"\x00&' * 40_000], ids=["marks", "escapes"])
def test_a_page_stays_under_its_size_whatever_the_traces_are(text):
    huge_analysis = huge(8, text)
    config = ReportConfig(max_bytes=250_000, trace_chars=8_000, max_examples=8, max_siblings=2)
    html = render_report_page(huge_analysis, figures(), config)
    assert len(html) < 250_000
    reader = Reader(html.decode())
    assert "So that this file stays small" in reader.text(tag="section", of_id="summary")
    assert "left out so that this file stays small" in reader.text(tag="section", of_id="traces")


def test_by_default_a_page_is_smaller_than_ten_million_bytes():
    html = render_report_page(huge(60, '"\x00&' * 40_000), figures())
    assert len(html) < 10_000_000


def test_a_page_stays_under_its_size_whatever_the_tables_are():
    rows = [{"gram": f"{'w' * 300} {number}", "note": "<" * 900} for number in range(30_000)]
    long_tables = tables() | {"grams": build_table("grams", "t", [column("gram"), column("note")], rows)}
    long_tables |= {name: build_table(name, "t", [column("gram"), column("note")], rows) for name in ("new", "newer")}
    html = render_report_page(analysis(tables=long_tables), figures(), ReportConfig(max_bytes=700_000))
    assert len(html) < 700_000
    assert "of 30,000 rows" in html.decode()


def test_comparisons_beyond_the_most_are_counted():
    # 20 rows of a comparison by default
    rows = [
        {"source": f"m{number:02}", "list": name, "high_given_planning": 0.5, "low": 0.4, "high": 0.6}
        for number in range(25)
        for name in ("SGs", "placebo")
    ]
    columns = [column("source"), column("list"), column("high_given_planning", "share"), *low_high("share")]
    reader = read(analysis(tables={"overlap": build_table("overlap", "t", columns, rows)}, findings=()))
    text = reader.text(tag="section", of_id="controls")
    assert "m19" in text
    assert "m20" not in text
    assert "The first 20 of 25 rows" in text


def test_figures_that_do_not_fit_are_named():
    large = RenderedFigure("dynamics", "A large one", "", b"<svg>" + b"x" * 500_000)
    html = render_report_page(analysis(), [*figures(), large], ReportConfig(max_bytes=900_000))
    reader = Reader(html.decode())
    assert len(reader.of("img")) == 5
    assert "The figure “A large one” is too large for this page." in reader.text(tag="section", of_id="provenance")


def test_names_and_notes_without_end_are_cut():
    endless = analysis(
        lambda word: word * 2000,
        sources=("s" * 900_000,),
        notes=("n" * 900_000,) * 99,
        provenance={
            "inputs": [],
            "command": "c" * 900_000,
            "versions": {"v" * 9000: "x" * 900_000},
            "more": [["y" * 900_000]],
        },
    )
    assert len(render_report_page(endless, figures(lambda word: word * 9000))) < 1_000_000


def test_sizes_that_make_no_page_are_refused():
    with pytest.raises(UsageError, match=r"max_bytes must be >= 200,000 \(got 5\)"):
        ReportConfig(max_bytes=5)
    with pytest.raises(UsageError, match=r"trace_chars must be >= 0 \(got -1\)"):
        ReportConfig(trace_chars=-1)
