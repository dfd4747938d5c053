"""The annotation page: what it holds, and in a real browser that its keys work and nothing in a trace can act."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from sgram.annotation.exchange import import_ratings
from sgram.annotation.guideline import QUESTION, guideline_text, parse_guideline
from sgram.annotation.items import LABEL_KEYS, LABEL_MEANINGS, LABELS, BlindedItem, Item, Sample
from sgram.annotation.ratings import Rating
from sgram.reports.pages import templates as parts
from sgram.reports.pages.annotation_page import AnnotationPage, LabelChoice, render_annotation_page
from sgram.reports.pages.templates import escape_invisible
from tests.builders.chromium import Chromium, find_chromium

EVIL = (
    "<script>alert(1)</script><img src=x onerror=alert(2)>' onload='alert(3) </script><!--<script>"
    "javascript:alert(4) {{ 7*7 }} ${7*7} &lt;b&gt; <a href=javascript:alert(5)>x</a> <iframe src=//example.org>"
)
CHOICES = tuple(LabelChoice(label, LABEL_KEYS[label], LABEL_MEANINGS[label]) for label in LABELS)
TEXTS = (
    ("But wait, is it?", "wait"),
    (f"Before {EVIL} here {EVIL} after", f"here {EVIL} after"),
    ("שלום let me עולם \u202eabc\u2066 \u200e.", "let me"),
    ("👩\u200d💻 🇩🇪 e\u0301 so then \U0001f44d\U0001f3fd\r\nnext\rline\x1b[2J\u2028\x85\ufeff\U000e0041", "so then"),
    ("Tabs\tand\n\n  spaces: we need to", "we need to"),
)


def blinded_item(number: int, text: str, gram: str) -> BlindedItem:
    start = text.index(gram)
    return BlindedItem(f"{number:012x}", text, start, start + len(gram))


ITEMS = tuple(blinded_item(number, *text_and_gram) for number, text_and_gram in enumerate(TEXTS))


def page(items=ITEMS, title="Phrases of made") -> AnnotationPage:
    return AnnotationPage(title, QUESTION, CHOICES, parse_guideline(guideline_text()), items)


class Reader(HTMLParser):
    """Elements of a page with their attributes, and the text that each begins with."""

    def __init__(self, source: str):
        super().__init__(convert_charrefs=True)
        self.elements, self.texts, self._inside = [], [], False
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.texts.append("")
        self._inside = True

    def handle_endtag(self, tag):
        self._inside = False

    def handle_data(self, data):
        if self._inside:
            self.texts[-1] += data

    def of(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        pairs = zip(self.elements, self.texts, strict=True)
        return [(attrs, text) for (name, attrs), text in pairs if name == tag]


def read(annotation: AnnotationPage) -> Reader:
    return Reader(render_annotation_page(annotation).decode())


def digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


# -- what the page is -----------------------------------------------------------------------------------


def test_the_policy_allows_the_one_script_and_the_one_style_sheet_and_nothing_else():
    reader = read(page())
    (data, script), ((_, style),) = reader.of("script"), reader.of("style")
    assert (data[0], script[0]) == ({"type": "application/json", "id": "sample"}, {})
    (policy,) = [attrs["content"] for attrs, _ in reader.of("meta") if attrs.get("http-equiv")]
    assert policy == (
        f"default-src 'none'; script-src {digest(script[1])}; style-src {digest(style)}; base-uri 'none'; "
        "form-action 'none'"
    )
    source = render_annotation_page(page(items=ITEMS[:1])).decode()
    assert not re.search(
        r"url\(|@import|https?:|src=|href=|style=| on\w+=|fetch\(|XMLHttp|WebSocket|innerHTML|eval", source
    )


def test_the_items_are_all_there_is_to_know_of_them():
    sample_json = {attrs.get("id"): text for attrs, text in read(page()).of("script")}["sample"]
    assert sample_json.isascii()
    assert not set(sample_json) & set("<>&\u2028")
    assert json.loads(sample_json) == {
        "digest": page().digest,
        "item_name": "passage",
        "labels": [{"label": choice.label, "key": choice.key, "meaning": choice.meaning} for choice in CHOICES],
        "items": [{"item": item.item, "text": item.text, "start": item.start, "end": item.end} for item in ITEMS],
    }
    assert not re.search(r'"(sg|control|kind|cluster|move|score|trace|model)"', sample_json)


def test_markup_in_a_title_is_text():
    reader = read(page(title=f"{EVIL}\u202e"))
    assert {tag for tag, _ in reader.elements}.isdisjoint({"img", "a", "iframe"})
    assert reader.of("title")[0][1] == escape_invisible(f"{EVIL}\u202e")


def test_equal_pages_are_equal_bytes_and_other_items_have_another_digest():
    assert render_annotation_page(page()) == render_annotation_page(page())
    assert page().digest != page(items=ITEMS[:2]).digest


def test_the_guideline_and_every_label_with_its_key_are_on_the_page():
    reader = read(page())
    cells = [text for _, text in reader.of("strong")]
    assert cells.count("backtracking") == 3  # the guideline twice, the keys
    keys = [text for _, text in reader.of("kbd")]
    assert set(keys) >= {*LABEL_KEYS.values(), "s", "u", "j", "k", "?"}


def test_dark_and_small_screens_are_thought_of():
    style = parts.read_asset("base.css") + parts.read_asset("annotation_page.css")
    for part in ("prefers-color-scheme: dark", "max-width: 560px", "prefers-reduced-motion", "focus-visible"):
        assert part in style


@pytest.mark.parametrize("ending", ["css", "js", "html.jinja"])
def test_files_beside_the_module_end_with_one_line_end(ending):
    text = parts.read_asset(f"annotation_page.{ending}")
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


# -- in a browser ---------------------------------------------------------------------------------------

needs_browser = pytest.mark.skipif(find_chromium() is None, reason="no Chromium is installed to try the page in")
TEXT, MARK = "document.getElementById('text').textContent", "document.querySelector('#text mark').textContent"
COUNT = "document.getElementById('count').textContent"
KNOWN = "[...document.querySelectorAll('#known button')].map(b => b.textContent)"
STATUS = "document.getElementById('status').textContent"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp("chromium")) as chromium:
        yield chromium


@pytest.fixture
def opened(browser, tmp_path):
    """Opens a page of `items` with the storage of this test, which is empty at first; looks at its complaints after."""
    tabs, person = [], browser.person()

    def open_page(items=ITEMS, person=person):
        path = tmp_path / "page.html"
        path.write_bytes(render_annotation_page(page(items)))
        tab = browser.open(path, person)
        tabs.append(tab)
        while not kept(tab):
            tab = browser.open(path, person)
            tabs.append(tab)
            assert len(tabs) < 20, "the browser keeps nothing for a page"
        return tab

    yield open_page
    for tab in tabs:
        assert (tab.dialogs, tab.complaints) == ([], [])
        assert {url.partition("#")[0] for url in tab.requests} <= {(tmp_path / "page.html").as_uri(), "about:blank"}


def kept(tab):
    """Whether this page is connected to its storage: under load Chromium now and then (about one load in 50) gives a
    page a storage that leads nowhere, whatever is on the page.
    """
    tab.run("localStorage.setItem('probe', '1')")
    tab.reload()
    return tab.run("localStorage.getItem('probe')") == "1"


def reload_until(tab, expression, true):
    """Load the page again, and once more where the page that comes is one that is not connected (see `kept`)."""
    for _ in range(5):
        tab.reload()
        try:
            return tab.until(expression, true, wait=3)
        except TimeoutError as error:
            late = error
    raise late


def begin(tab, name="Ada"):
    tab.run("document.getElementById('name').focus()")
    tab.type(name)
    tab.keys("Enter")
    tab.until("document.getElementById('who').textContent", lambda who: who == name)


def pressed(tab):
    return tab.run("[...document.querySelectorAll('[aria-pressed=true]')].map(b => b.dataset.label || 'skip')")


@needs_browser
def test_keys_label_skip_undo_and_go_and_what_is_downloaded_is_imported(opened, browser, tmp_path):
    tab = opened()
    assert tab.run("[document.getElementById('start').hidden, document.getElementById('work').hidden]") == [False, True]
    tab.run("document.activeElement.blur()")
    tab.keys("1", "s")  # no name yet: nothing is answered
    begin(tab)
    assert (tab.run(COUNT), tab.run(TEXT), tab.run(MARK)) == ("1 of 5", "But wait, is it?", "wait")
    tab.keys("3")
    assert tab.run(COUNT) == "2 of 5"
    tab.keys("0", "s")  # procedural, skip
    assert tab.run(COUNT) == "4 of 5"
    tab.keys("u")
    assert (tab.run(COUNT), pressed(tab)) == ("3 of 5", [])
    tab.keys("5", "ArrowLeft", "k")
    assert (tab.run(COUNT), pressed(tab)) == ("2 of 5", ["procedural"])
    tab.keys("6")  # another answer for an answered item, then on to what is open
    assert tab.run(COUNT) == "4 of 5"
    tab.keys("u")
    assert (tab.run(COUNT), pressed(tab)) == ("2 of 5", ["procedural"])
    tab.keys("j", "ArrowRight", "ArrowRight", "ArrowRight")
    assert (tab.run(COUNT), tab.run(STATUS)) == ("5 of 5", "This is the last passage.")
    tab.keys("k", "x", "8", "s", "1")  # x and 8 are no keys
    assert tab.run("document.getElementById('summary').textContent") == "4 of 5 passages are labeled, 1 skipped."
    tab.keys("d")
    path = browser.downloaded()
    assert re.fullmatch(rf"ratings-Ada-{page().digest[:8]}\.jsonl", path.name)
    sample = Sample(
        "d",
        0,
        tuple(
            Item(item.item, "control", "x", None, None, "t", None, item.text, item.start, item.end) for item in ITEMS
        ),
    )
    labels = {0: "backtracking", 1: "procedural", 2: "goal-setting", 4: "deduction"}
    assert import_ratings([path], sample).ratings == tuple(
        Rating(ITEMS[number].item, "Ada", label) for number, label in labels.items()
    )


@needs_browser
def test_answers_survive_a_reload_and_raters_are_kept_apart(opened):
    tab = opened()
    begin(tab)
    tab.keys("1", "2")
    reload_until(tab, KNOWN, lambda names: names == ["Ada (2 of 5)"])
    begin(tab, "Bob")
    assert (tab.run(COUNT), pressed(tab)) == ("1 of 5", [])
    tab.keys("4")
    reload_until(tab, KNOWN, lambda names: names == ["Ada (2 of 5)", "Bob (1 of 5)"])
    tab.run("document.querySelector('#known button').click()")
    assert tab.run(COUNT) == "3 of 5"
    tab.keys("u")  # what was answered before the reload can be taken back
    assert (tab.run(COUNT), pressed(tab)) == ("2 of 5", [])
    tab.keys("k")
    assert pressed(tab) == ["deduction"]


@needs_browser
def test_a_download_can_be_continued_and_a_strange_file_cannot(opened, browser, tmp_path):
    tab = opened()
    begin(tab, "Eve")
    tab.keys("1", "0")
    tab.keys("d")
    path = browser.downloaded()
    tab = opened(person=browser.person())  # as on another computer
    for data, says in (
        ("oops\n", "Line 1 of that file is not JSON: it is no download of this page."),
        ('\n{"item": "zz", "rater": "a", "label": "other"}', "Line 2 of that file is about another set of passages"),
        ("", "That file is empty."),
    ):
        strange = tmp_path / "strange.jsonl"
        strange.write_text(data)
        tab.choose_file("#earlier", strange)
        assert says in tab.until(STATUS, lambda text, says=says: says in (text or ""))
    tab.choose_file("#earlier", path)
    tab.until(STATUS, lambda text: text == "2 answers taken over.")
    assert (tab.run(COUNT), tab.run("document.getElementById('who').textContent")) == ("3 of 5", "Eve")
    tab.keys("k")
    assert pressed(tab) == ["procedural"]


@needs_browser
def test_two_tabs_do_not_lose_each_other_s_answers(opened):
    first_tab, second_tab = opened(), opened()
    begin(first_tab)
    first_tab.keys("1")
    # tabs may be processes of their own, which see each other's writes a moment later
    reload_until(second_tab, KNOWN, lambda names: names == ["Ada (1 of 5)"])
    second_tab.run("document.querySelector('#known button').click()")
    second_tab.keys("2")
    first_tab.keys("k", "k", "3")  # answers the first again, whether or not this tab knows of the second
    for tab in (first_tab, second_tab):
        reload_until(tab, KNOWN, lambda names: names == ["Ada (2 of 5)"])
        tab.run("document.querySelector('#known button').click()")
        tab.keys(*"kkkkk")
        assert pressed(tab) == ["backtracking"]
        tab.keys("j")
        assert pressed(tab) == ["branching"]


@needs_browser
def test_nothing_in_a_text_runs_and_what_could_hide_is_shown(opened):
    tab = opened()
    begin(tab)
    for number, item in enumerate(ITEMS):
        tab.run("0")
        assert tab.run(TEXT) == escape_invisible(item.text)
        assert tab.run(MARK) == escape_invisible(item.gram)
        assert tab.run("[...document.querySelectorAll('#text *')].map(e => e.tagName)").count("MARK") == 1
        assert set(tab.run("[...document.querySelectorAll('#text *')].map(e => e.tagName)")) <= {"MARK", "SPAN"}
        if number + 1 < len(ITEMS):
            tab.keys("j")
    assert tab.run("document.querySelectorAll('img, iframe, a, object, embed, link').length") == 0


@needs_browser
def test_the_policy_really_stops_what_gets_past_the_page(browser, tmp_path):
    path = tmp_path / "page.html"
    path.write_bytes(render_annotation_page(page()))
    tab = browser.open(path)
    tab.run(
        "document.body.insertAdjacentHTML('beforeend', '<img src=http://example.org/x onerror=\"window.ran=1\">"
        '<style>body{color:red}</style><div onclick="window.ran=2" id=bad></div>\'); '
        "document.getElementById('bad').click()"
    )
    script = "const s = document.createElement('script'); s.textContent = 'window.ran=3'; document.body.append(s)"
    tab.run(script)
    assert tab.run("window.ran ?? null") is None
    assert not [url for url in tab.requests if url.startswith("http")] or tab.complaints
    assert any("Content Security Policy" in complaint for complaint in tab.complaints)


@needs_browser
def test_without_storage_it_works_and_warns(browser, tmp_path):
    path = tmp_path / "page.html"
    path.write_bytes(render_annotation_page(page()))
    tab = browser.open("about:blank")
    broken = "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError') }})"
    tab.send("Page.addScriptToEvaluateOnNewDocument", source=broken)
    tab.go(path)
    begin(tab)
    tab.keys("1", "k", "3", "u")
    assert (tab.run(COUNT), pressed(tab)) == ("1 of 5", ["deduction"])
    tab.keys("u", "2")
    assert tab.run(COUNT) == "2 of 5"
    assert "keeps nothing" in tab.run("document.getElementById('warning').textContent")
    assert tab.run("document.getElementById('warning').hidden") is False
    tab.keys("d")
    assert json.loads(browser.downloaded().read_text())["label"] == "branching"
    assert tab.complaints == []


@needs_browser
def test_a_key_that_is_held_answers_once(opened):
    tab = opened()
    begin(tab)
    for repeat in (False, True, True):
        tab.send("Input.dispatchKeyEvent", type="keyDown", key="1", text="1", autoRepeat=repeat)
    assert tab.run(COUNT) == "2 of 5"
    tab.run("document.dispatchEvent(new KeyboardEvent('keydown', {key: '1', ctrlKey: true}))")
    assert tab.run(COUNT) == "2 of 5"


@needs_browser
def test_dialogs_open_and_close_by_keys_and_take_the_keys_while_they_are_open(opened):
    tab = opened()
    begin(tab)
    for key, name in (("?", "help"), ("g", "guide")):
        tab.keys(key)
        assert tab.run(f"document.getElementById('{name}').open") is True
        tab.keys("1")
        assert tab.run(COUNT) == "1 of 5"
        tab.keys("Escape")
        assert tab.run(f"document.getElementById('{name}').open") is False


@needs_browser
@pytest.mark.parametrize(("width", "height", "mobile"), [(1200, 800, False), (760, 900, False), (390, 844, True)])
def test_every_choice_is_in_view_and_nothing_is_wider_than_the_screen(opened, width, height, mobile):
    long = "A sentence that goes on and on about the numbers. " * 22
    tab = opened((blinded_item(0, f"{long}Wait. {long}", "Wait"), *ITEMS))
    tab.size(width, height, mobile=mobile)
    for scheme in ("light", "dark"):
        tab.scheme(scheme)
        tab.reload()
        tab.run("document.querySelector('#known button')?.click()")
        if tab.run("document.getElementById('work').hidden"):
            begin(tab)
        assert tab.run("document.documentElement.scrollWidth") <= width
        in_view = tab.run(
            "[...document.querySelectorAll('#choices button, #text mark')].map(e => e.getBoundingClientRect())"
            ".map(r => r.top >= 0 && r.bottom <= innerHeight + 1 && r.left >= 0 && r.right <= innerWidth)"
        )
        assert len(in_view) == len(LABELS) + 1
        if not 560 < width < 940:  # there a long passage is scrolled
            assert all(in_view)
        if mobile:  # the choices stay at the bottom, and the phrase is not behind them
            bottom = "document.querySelector('#text mark').getBoundingClientRect().bottom"
            assert tab.run(f"{bottom} < document.getElementById('panel').getBoundingClientRect().top")
