"""The report in a real browser: sorting, filtering, colors, moves switched off, small screens, no script, paper."""

import json

import pytest

from sgram.reports.pages.report_page import render_report_page
from tests.builders.chromium import Chromium, find_chromium
from tests.builders.report_analyses import WRONG, analysis, example, figures

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="no Chromium is installed to try the page in")
GRAMS = "[...document.querySelectorAll('caption')].find(c => c.textContent === 'The table grams').closest('.tabled')"
LONG = "word " * 3000 + WRONG


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp("chromium")) as chromium:
        yield chromium


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    long_trace = example(LONG, False, name="t4", source="hicra, seed 0")
    plain = analysis()
    with_long_trace = analysis(examples=(*plain.examples, long_trace), lookup=(*plain.lookup, long_trace))
    path.write_bytes(render_report_page(with_long_trace, figures()))
    return path


@pytest.fixture
def tab(browser, path):
    page = browser.open(path)
    page.size(1280, 900)
    yield page
    assert (page.dialogs, page.complaints) == ([], [])
    urls = {url.partition("#")[0] for url in page.requests}
    assert {url for url in urls if not url.startswith("data:image/svg+xml")} == {path.as_uri()}


def column(tab, name: str) -> list[str]:
    """What the cells of a column of the lexicon's table say, of the rows that are shown, in their order."""
    return tab.run(
        f"(() => {{ const table = {GRAMS}.querySelector('table');"
        f" const place = [...table.tHead.rows[0].cells].findIndex(c => c.textContent.startsWith('{name}'));"
        " return [...table.tBodies[0].rows].filter(row => !row.hidden).map(row => row.cells[place].textContent); })()"
    )


def press(tab, name: str) -> dict[str, str]:
    """Click the head of a column; what every head says of the order then."""
    return tab.run(
        f"(() => {{ const heads = [...{GRAMS}.querySelectorAll('th')];"
        f" heads.find(head => head.textContent.startsWith('{name}')).querySelector('button').click();"
        " return Object.fromEntries(heads.map(head => [head.textContent, head.getAttribute('aria-sort')])"
        ".filter(each => each[1] !== 'none')); })()"
    )


def test_a_column_of_numbers_is_sorted_by_what_they_are_and_missing_ones_stand_last_either_way(tab):
    assert press(tab, "count") == {"count": "descending"}
    assert column(tab, "count") == ["1,900", "1,000", "421", "420", "77", "55", "12", "9", "3"]
    assert press(tab, "count") == {"count": "ascending"}
    assert column(tab, "count") == ["3", "9", "12", "55", "77", "420", "421", "1,000", "1,900"]
    assert press(tab, "entropy") == {"entropy": "descending"}
    assert column(tab, "entropy") == ["12.0", "2.5", "1.2", "0.9", "0.4", "0.1", "–", "–", "–"]
    press(tab, "entropy")
    assert column(tab, "entropy") == ["0.1", "0.4", "0.9", "1.2", "2.5", "12.0", "–", "–", "–"]
    press(tab, "interval")  # by its low end
    assert column(tab, "interval") == [
        "18.0 – 22.0",
        "1.0 – 5.0",
        "−1.0 – 3.0",
        "−2.0 – 2.0",
        "−3.0 – 1.0",
        "−12.0 – −8.0",
        "−32.0 – −28.0",
        "–",
        "–",
    ]


def test_a_column_of_texts_is_sorted_as_people_would_and_rows_that_are_alike_keep_their_order(tab):
    assert press(tab, "gram") == {"gram": "ascending"}
    assert column(tab, "gram") == [
        "but wait",
        "case 2",
        "case 10",
        "hold on",
        "let me try",
        "so then",
        "the aim is",
        "we know",
        "Zebra so",
    ]
    press(tab, "gram")
    assert column(tab, "gram")[0] == "Zebra so"
    press(tab, "count")
    press(tab, "move")
    assert column(tab, "move")[:4] == ["backtracking", "backtracking", "branching", "deduction"]
    # not as they stood by count, but as the table has them
    assert column(tab, "gram")[:2] == ["but wait", "hold on"]


def test_the_head_of_a_column_is_a_button_that_keys_reach(tab):
    tab.run(f"{GRAMS}.querySelector('th button').focus()")
    tab.keys("Enter")
    assert tab.run(f"{GRAMS}.querySelector('th').getAttribute('aria-sort')") == "ascending"
    assert tab.run("document.activeElement.tagName") == "BUTTON"


def fill(tab, selector: str, value: str) -> None:
    tab.run(
        f"(() => {{ const one = {GRAMS}.querySelector('{selector}'); one.value = {value!r};"
        " one.dispatchEvent(new Event('input', {bubbles: true})); })()"
    )


def test_rows_are_filtered_by_text_by_move_and_by_core_at_once(tab):
    row_count = f"{GRAMS}.querySelector('output').textContent"
    assert tab.run(row_count) == "9 of 9 rows"
    fill(tab, "input[type=search]", "WAIT but")  # words in any order, whatever their case
    assert column(tab, "gram") == ["but wait"]
    assert tab.run(row_count) == "1 of 9 rows"
    fill(tab, "input[type=search]", "")
    fill(tab, "select", "deduction")
    assert column(tab, "gram") == ["so then", "we know"]
    tab.run(f"{GRAMS}.querySelector('input[type=checkbox]').click()")
    assert column(tab, "gram") == ["we know"]
    fill(tab, "input[type=search]", "nothing like it")
    assert column(tab, "gram") == []
    assert tab.run(row_count) == "0 of 9 rows"


IDS = "[...document.querySelectorAll('#lookup .trace .id')].map(each => each.textContent)"
COUNT = "document.querySelector('#lookup output').textContent"


def look_up(tab, **values: str) -> list[str]:
    """Set the filters of the look-up and return the ids of the traces that it shows."""
    names = ("q", "where", "source", "outcome", "kind", "move")
    tab.run(
        f"(values => {{ for (const one of document.querySelectorAll('#lookup [name]')) one.value = values[one.name];"
        " document.querySelector('#lookup .tools').dispatchEvent(new Event('input')); })"
        f"({json.dumps({name: values.get(name, '') for name in names})})"
    )
    tab.run("new Promise(done => setTimeout(done, 0))")
    return tab.run(IDS)


def test_traces_are_looked_up_by_id_text_phrase_source_outcome_kind_and_move(tab):
    assert look_up(tab) == ["t1", "t2", "t4"]
    assert tab.run(COUNT) == "3 traces"
    assert look_up(tab, q="T2") == ["t2"]
    assert look_up(tab, q="THE ANSWER IS 51") == ["t2"]
    assert look_up(tab, q="the answer is 51", where="id") == []
    assert tab.run(COUNT) == "0 traces"
    # the word is in all texts, the phrase in those of the wrong traces
    assert look_up(tab, q="but wait", where="phrase") == ["t1", "t4"]
    assert look_up(tab, q="pens", where="phrase") == []
    assert look_up(tab, outcome="wrong") == look_up(tab, kind="procedural") == ["t1", "t4"]
    assert look_up(tab, outcome="wrong", source="hicra, seed 0") == ["t4"]
    assert look_up(tab, move="6", outcome="correct") == ["t2"]


def test_a_link_of_a_trace_opens_it_whatever_the_filters_are(tab):
    link = tab.run("document.querySelector('#lookup .trace').id")
    assert look_up(tab, q="nothing like it") == []
    tab.run(f"location.hash = '#{link}'")
    assert tab.until("document.querySelector('#lookup .trace')?.open ?? false", bool)
    assert tab.run(IDS) == ["t1"]
    assert tab.until("document.querySelectorAll('#lookup .trace .ev').length", bool) == 1


def test_keys_lead_to_the_next_phrase_and_the_next_diagnosis_of_a_trace(tab):
    tab.run("document.querySelector('#lookup .trace').open = true")
    assert tab.until("document.querySelectorAll('#lookup .trace mark').length", bool) == 3
    tab.run("document.querySelector('#lookup .trace summary').focus()")
    here = "document.querySelector('#lookup .here')?.textContent"
    phrases = []
    for _ in range(4):
        tab.keys("n")
        phrases.append(tab.run(here))
    assert phrases == ["So then", "But wait", "let me try", "So then"]
    tab.keys("d")  # the step with the error begins with the phrase that was reached last
    assert tab.run(here) == "3 * 17 = 52"
    tab.keys("d")
    assert tab.run(here) == "So then"


GROUND = "getComputedStyle(document.body).backgroundColor"
LIGHT, DARK = "rgb(251, 250, 247)", "rgb(21, 21, 23)"


def test_colors_follow_the_system_until_the_reader_chooses(tab):
    for scheme, ground in (("dark", DARK), ("light", LIGHT)):
        tab.scheme(scheme)
        assert tab.run(GROUND) == ground
    tab.run("document.getElementById('theme-dark').click()")
    assert tab.run(GROUND) == DARK
    assert tab.run("getComputedStyle(document.documentElement).colorScheme") == "dark"
    assert tab.run("getComputedStyle(document.querySelector('.plate img')).filter").startswith("invert")
    tab.scheme("dark")
    tab.run("document.getElementById('theme-light').click()")
    assert tab.run(GROUND) == LIGHT
    assert tab.run("getComputedStyle(document.querySelector('.plate img')).filter") == "none"
    tab.scheme("light")


CLEAR, GRAY = "rgba(0, 0, 0, 0)", "rgb(138, 138, 133)"


def mark_style(tab, selector: str, name: str) -> str:
    return tab.run(f"getComputedStyle(document.querySelector('{selector}')).{name}")


def test_a_move_can_be_switched_off(tab):
    assert mark_style(tab, "details mark.m-other", "borderBottomColor") == GRAY
    tab.run("document.getElementById('m-other').click()")
    assert mark_style(tab, "details mark.m-other", "borderBottomColor") == CLEAR
    assert mark_style(tab, ".legend mark.m-other", "borderBottomColor") == GRAY


def test_moves_have_a_color_and_other_has_none(tab):
    colors = {
        move: mark_style(tab, f".legend mark.m-{move}", "backgroundColor")
        for move in ("backtracking", "monitoring", "other")
    }
    assert colors.pop("other") == CLEAR
    assert CLEAR not in colors.values()
    assert mark_style(tab, "details mark.m-other", "backgroundColor") == CLEAR


@pytest.mark.parametrize(("width", "mobile"), [(320, True), (375, True), (768, True), (1280, False)])
def test_nothing_is_wider_than_the_screen_and_wide_tables_scroll_in_their_box(tab, width, mobile):
    tab.size(width, 800, mobile=mobile)
    tab.run("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    assert tab.run("document.scrollingElement.scrollWidth") <= width
    assert tab.run("innerWidth") == width  # a phone would zoom out for what is wider
    if width < 400:
        assert tab.run(f"(box => box.scrollWidth > box.clientWidth)({GRAMS}.querySelector('.scroll'))")
        assert tab.run("getComputedStyle(document.querySelector('.two')).gridTemplateColumns.split(' ').length") == 1
    if width == 1280:
        assert tab.run("getComputedStyle(document.querySelector('.two')).gridTemplateColumns.split(' ').length") == 2


def test_every_control_has_a_name(tab):
    tree = tab.send("Accessibility.getFullAXTree")["nodes"]
    roles = {"button", "checkbox", "radio", "searchbox", "combobox", "link", "image", "table", "region", "navigation"}
    named = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in tree
        if not node.get("ignored") and node.get("role", {}).get("value") in roles
    ]
    assert {"button", "checkbox", "radio", "searchbox", "combobox", "link", "image", "table", "region"} <= {
        role for role, _ in named
    }
    assert [role for role, name in named if not name.strip()] == []


def test_the_contents_tell_which_section_is_in_view(tab):
    tab.run("document.documentElement.style; location.hash = '#errors'")
    now = "document.querySelector('.toc [aria-current]')?.textContent"
    assert tab.until(now, lambda text: text == "Errors by kind") == "Errors by kind"


def test_a_note_leads_to_its_place_and_back(tab):
    for source, target in (("t1-at-1", "t1-note-1"), ("t1-at-a", "t1-note-a")):
        assert tab.run(f"document.getElementById('{source}').hash") == f"#{target}"
        assert tab.run(f"document.querySelector('#{target} .up').hash") == f"#{source}"


def test_a_question_of_the_grid_leads_to_its_answer(tab):
    tab.run("document.querySelector('.grid a').click()")
    top = "document.querySelector(':target')?.getBoundingClientRect().top"
    assert tab.until(f"{top} ?? -1", lambda number: 0 <= number < 200) >= 0


def test_without_a_script_everything_can_be_read_and_no_control_is_dead(browser, path):
    tab = browser.open("about:blank")
    tab.send("Emulation.setScriptExecutionDisabled", value=True)
    tab.go(path)
    nodes = tab.send("DOM.getDocument", depth=-1)["root"]["nodeId"]

    def all_of(selector: str) -> int:
        return len(tab.send("DOM.querySelectorAll", nodeId=nodes, selector=selector)["nodeIds"])

    assert all_of("button") == 0
    assert all_of(".tools") == all_of(".tools[hidden]") > 0
    assert all_of("tbody tr[hidden]") == all_of("details[hidden]") == 0
    assert all_of("details[open]") >= 2


def test_on_paper_there_are_no_controls_and_the_ground_is_white(tab):
    tab.send("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    assert tab.run(GROUND) == "rgb(255, 255, 255)"
    assert tab.run("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    hidden = (
        "[...document.querySelectorAll('.tools, .theme, .toc, .skip, .columns')]"
        ".every(each => each.getClientRects().length === 0)"
    )
    assert tab.run(hidden)
    assert tab.run("getComputedStyle(document.querySelector('.plate img')).filter") == "none"
    assert tab.send("Page.printToPDF")["data"]
