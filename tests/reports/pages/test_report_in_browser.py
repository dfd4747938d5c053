"""The report in a real browser: sorting, filtering, colors, moves switched off, small screens, no script, paper."""

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
    with_long_trace = analysis(examples=(*analysis().examples, example(LONG, False, name="t4", source="hicra, seed 0")))
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


def test_traces_are_filtered_by_what_they_say_their_outcome_and_their_source(tab):
    visible_ids = "[...document.querySelectorAll('details.trace')].filter(each => !each.hidden).map(each => each.id)"
    tools = "document.getElementById('trace-tools')"
    change = ".dispatchEvent(new Event('input', {bubbles: true}))"
    assert tab.run(visible_ids) == ["t1", "t2", "t3", "t4"]
    tab.run(f"{tools}.querySelector('[data-of=outcome]').value = 'wrong'; {tools}{change}")
    assert tab.run(visible_ids) == ["t1", "t4"]
    tab.run(f"{tools}.querySelector('[data-of=source]').value = 'hicra, seed 0'; {tools}{change}")
    assert tab.run(visible_ids) == ["t4"]
    assert tab.run(f"{tools}.querySelector('output').textContent") == "1 of 4 traces"
    tab.run(
        f"{tools}.querySelectorAll('select').forEach(each => {{ each.value = '' }});"
        f"{tools}.querySelector('input').value = 'THE ANSWER IS 51'; {tools}{change}"
    )
    assert tab.run(visible_ids) == ["t2"]


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


def test_a_headline_leads_to_its_statement(tab):
    tab.run("document.querySelector('.short a').click()")
    top = "document.querySelector('.findings > li:target')?.getBoundingClientRect().top"
    assert tab.until(f"{top} ?? -1", lambda number: 0 <= number < 200) >= 0
    headline = tab.run("document.querySelector('.short p').textContent")
    assert headline.startswith(tab.run("document.querySelector('li:target p').textContent"))


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
