"""Formulas in traces in a real browser: what is drawn, what stays as it is written, and that nothing in TeX acts."""

import pytest

from sgram.reports.pages.report_page import render_report_page
from sgram.tagging.spans import Span
from tests.builders.chromium import Chromium, find_chromium
from tests.builders.injection_payloads import ALL
from tests.builders.report_analyses import analysis, example, figures

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="no Chromium is installed to try the page in")
OPEN = "document.querySelectorAll('#lookup details').forEach(each => { each.open = true; })"
EVIL = [
    r"\href{javascript:window.__pwned=1}{x}",
    r"\url{javascript:window.__pwned=1}",
    r"\includegraphics{https://example.org/x.png}",
    r"\htmlData{x=y}{z} \htmlId{theme-dark}{x} \htmlClass{spoken}{x} \htmlStyle{color:red}{x}",
    r"\def\x{\x\x}\x",
    r"\def\a{xxxxxxxxxx}\def\b{\a\a\a\a\a\a\a\a\a\a}\def\c{\b\b\b\b\b\b\b\b\b\b}\c\c\c\c\c\c\c\c\c\c",
    r"\fcolorbox{red}{blue}{x} \colorbox{red}{x} \color{red} x \pmb{x} \textcolor{#f00}{x}",
    r"\rule{99999em}{99999em} \kern9999em x \hspace{9999em} \raisebox{9999em}{x}",
    r"\text{<img src=x onerror=window.__pwned=1>}",
    r"\text{</math><script>window.__pwned=1</script>}",
    r"\begin{matrix}" + "&" * 900 + r"\end{matrix}",
    "{" * 400 + "x" + "}" * 400,
    r"\unicode{x202e} \char`\< \char\"202e",
    r"x^{" * 200 + "1" + "}" * 200,
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp("chromium")) as chromium:
        yield chromium


def shown(browser, folder, *texts: str, spans: tuple[Span, ...] = ()):
    """Return the tab of a page whose look-up has these texts; the first 20, which it shows at once, are opened."""
    traces = tuple(example(text, None, name=f"t{number}") for number, text in enumerate(texts))
    if spans:
        traces[0].spans = spans
    path = folder / "page.html"
    path.write_bytes(render_report_page(analysis(lookup=traces, examples=(), sibling_pairs=()), figures()))
    tab = browser.open(path)
    tab.run(OPEN)
    tab.until("document.querySelectorAll('#lookup .text').length", lambda n: n == min(20, len(texts)))
    return tab


def test_formulas_are_drawn_and_money_code_and_unknown_commands_are_not(browser, tmp_path):
    tab = shown(
        browser,
        tmp_path,
        r"So $x^2$ and \(y\) and \[\frac12\] and $$z$$ and \begin{align}a&=b\end{align}.",
        r"It costs $5 and $10, or \$7 and \$8; $HOME and $PATH; US$3/US$4; $\nosuch{1}$ and $x y",
    )
    counts = tab.run(
        "[...document.querySelectorAll('#lookup .text')].map(each => each.querySelectorAll('math').length)"
    )
    assert counts == [5, 0]
    assert tab.run("document.querySelectorAll('.tex .raw')[0].textContent") == "$x^2$"
    assert (tab.dialogs, tab.complaints) == ([], [])


def test_a_formula_that_a_mark_cuts_stays_as_it_is_written_and_the_mark_keeps_its_words(browser, tmp_path):
    text = r"We know $a \text{ but wait } b$ and $c$."
    start = text.index("but wait")
    tab = shown(browser, tmp_path, text, spans=(Span(start, start + 8, "backtracking", 0, "but wait"),))
    assert tab.run("document.querySelectorAll('#lookup .text math').length") == 1
    assert tab.run("document.querySelector('#lookup .text mark').textContent") == "but wait"
    assert tab.run("document.querySelector('#lookup .tex .raw').textContent") == "$c$"


def test_a_formula_inside_a_mark_is_drawn_inside_it(browser, tmp_path):
    text = "So then $x$ follows"
    tab = shown(browser, tmp_path, text, spans=(Span(0, len(text), "deduction", 0, "so"),))
    assert tab.run("document.querySelectorAll('#lookup .text mark math').length") == 1


def test_a_key_shows_formulas_as_they_are_written(browser, tmp_path):
    tab = shown(browser, tmp_path, "So $x^2$.")
    visible = "document.querySelector('#lookup .text').innerText.trim()"
    assert "$x^2$" not in tab.run(visible)
    tab.run("document.querySelector('#lookup summary').focus()")
    tab.keys("t")
    assert tab.run(visible) == "So $x^2$."
    assert tab.run("document.querySelector('button[data-key=t]').getAttribute('aria-pressed')") == "true"
    tab.keys("t")
    assert "$x^2$" not in tab.run(visible)


def test_a_page_without_formulas_has_no_katex():
    plain = render_report_page(analysis(), figures())
    with_formula = render_report_page(analysis(lookup=(example("$x$", True),)), figures())
    assert b"KaTeX parse error" not in plain
    assert b"KaTeX parse error" in with_formula
    assert len(with_formula) < len(plain) + 300_000


def test_nothing_in_tex_runs_asks_or_grows_without_bound(browser, tmp_path):
    texts = [wrapped.replace("TEX", tex) for tex in (*EVIL, *ALL) for wrapped in ("$TEX$", r"\[TEX\]")]
    assert len(texts) > 200
    tab = shown(browser, tmp_path, *texts)
    for number in range(1, -(-len(texts) // 20)):
        first = tab.run("document.querySelector('#lookup .trace').id")
        tab.run("[...document.querySelectorAll('.pager button')].at(-1).click()")
        tab.until("document.querySelector('#lookup .trace').id", lambda key, first=first: key != first, 60)
        tab.run(OPEN)
        n_here = min(20, len(texts) - 20 * number)
        tab.until("document.querySelectorAll('#lookup .text').length", lambda n, expected=n_here: n == expected, 60)
    # the pages were all opened; what follows holds of the last one, complaints and requests of all of them
    assert tab.run("typeof window.__pwned") == "undefined"
    assert (tab.dialogs, tab.complaints) == ([], [])
    urls = {url.partition("#")[0] for url in tab.requests if not url.startswith("data:image/svg+xml,")}
    assert urls == {(tmp_path / "page.html").as_uri()}


def test_tex_makes_no_element_with_an_address_a_style_or_a_handler(browser, tmp_path):
    tab = shown(browser, tmp_path, *(f"${tex}$" for tex in EVIL))
    names = tab.run(
        "[...new Set([...document.querySelectorAll('#lookup .tex *')].flatMap(each => each.getAttributeNames()))]"
    )
    assert not {name for name in names if name.startswith("on") or name in ("href", "src", "style", "id", "xlink:href")}
    assert tab.run("document.scrollingElement.scrollWidth <= innerWidth")
    # 3,000 elements a formula at most
    assert tab.run("document.querySelectorAll('#lookup .text *').length") < 3000 * len(EVIL)
