"""The server of `sgram view`: what it answers, whom it refuses, and its page in a real browser."""

import http.client
import json
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from sgram.analysis import TraceExample
from sgram.errors import UsageError
from sgram.reports.pages.view_page import render_view_page
from sgram.reports.trace_store import PAGE_TRACES, TraceStore
from sgram.reports.view_server import ViewServer
from tests.builders.chromium import Chromium, find_chromium
from tests.builders.injection_payloads import ALL
from tests.builders.report_analyses import CORRECT, WRONG, example

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


def examples() -> list[TraceExample]:
    """Return a wrong and a correct trace, and 30 of another model."""
    made = [example(WRONG, False, name="w"), example(CORRECT, True, name="c")]
    made += [example(f"trace {number}", None, name=f"n{number:02}", source="other") for number in range(30)]
    return [TraceExample(one.trace, one.source, one.spans, (), one.diagnosis) for one in made]


@contextmanager
def serving_traces(traces):
    """Serve traces on a free port of the loopback interface; yield the server."""
    with TraceStore() as store:
        for trace in traces:
            store.add(trace)
        with ViewServer(render_view_page("Some traces", ["32 traces"], store.choices()), store) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield server
            finally:
                server.shutdown()
                thread.join()


@pytest.fixture(scope="module")
def server():
    with serving_traces(examples()) as running:
        yield running


def ask(server, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of an answer; `path` follows the token."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path if path.startswith("/") else f"/{server.token}/{path}", headers=names)
    answer = connection.getresponse()
    result = answer.status, dict(answer.getheaders()), answer.read()
    connection.close()
    return result


def listed(server, query: str) -> tuple[int, list[str]]:
    """Return the number of matching traces and the ids on the page."""
    answer = json.loads(ask(server, f"traces?{query}")[2])
    return answer["total"], [row["id"] for row in answer["rows"]]


def test_the_page_and_the_traces_are_served_with_headers_that_keep_them_here(server):
    status, headers, page = ask(server, "")
    assert (status, page) == (200, server.page)
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "Server" not in headers
    key = json.loads(ask(server, "traces?q=w&where=id")[2])["rows"][0]["key"]
    record = json.loads(ask(server, f"trace?key={key}")[2])
    assert record["text"] == WRONG
    # equations are checked when the trace is asked for: 3 * 17 = 52 is wrong, 10 * 3 = 30 is right
    assert [equation[2] for equation in record["equations"]] == [1, 0]


def test_traces_are_found_by_every_filter_and_come_page_by_page(server):
    assert listed(server, "outcome=wrong") == listed(server, "kind=procedural") == (1, ["w"])
    assert listed(server, "q=THE+ANSWER+IS+51") == (1, ["c"])
    assert listed(server, "q=but+wait&where=phrase") == (1, ["w"])
    assert listed(server, "q=pens&where=phrase") == (0, [])
    assert listed(server, "q=pens&where=text") == (2, ["w", "c"])
    assert listed(server, "source=other&page=1") == (30, [f"n{number:02}" for number in range(PAGE_TRACES, 30)])
    assert listed(server, "move=6") == (2, ["w", "c"])
    assert listed(server, "move=x&page=x") == (0, [])
    assert listed(server, "q=%27+or+1%3D1+--") == (0, [])
    assert listed(server, "source=%27+or+1%3D1+--") == (0, [])


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "example.org"},
        {"Host": "example.org:80"},
        {"Host": "127.0.0.1"},
        {"Host": "127.0.0.1:1"},
        {"Host": "127.0.0.1.example.org"},
        {"Host": ""},
        {"Origin": "http://example.org"},
        {"Origin": "null"},
        {"Origin": "https://127.0.0.1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_requests_of_other_hosts_and_origins_are_refused(server, headers):
    for path in ("", "traces", "trace?key=1"):
        status, _, body = ask(server, path, **headers)
        assert (status, body) == (403, b"403 Forbidden\n")


def test_own_requests_may_say_where_they_come_from(server):
    own = f"127.0.0.1:{server.server_port}"
    assert ask(server, "traces", Host=own, Origin=f"http://{own}", Sec_Fetch_Site="same-origin")[0] == 200
    local = f"localhost:{server.server_port}"
    assert ask(server, "traces", Host=local, Origin=f"http://{local}")[0] == 200
    assert ask(server, "traces", Host=local, Origin=f"http://{own}")[0] == 403


@pytest.mark.parametrize("path", ["/", "/traces", "/wrong-token/", "/wrong-token/traces", "/favicon.ico", "//"])
def test_without_the_token_nothing_is_there(server, path):
    assert ask(server, path)[0] == 404


def test_other_paths_keys_and_long_queries_are_not_there(server):
    for path in ("../", "traces/", "traces/x", "page.html", "trace", "trace?key=nosuch", f"traces?q={'x' * 9000}"):
        assert ask(server, path)[0] == 404


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND"])
def test_only_get_is_answered(server, method):
    status, headers, _ = ask(server, "traces", method)
    assert (status, headers["Allow"]) == (405, "GET")


def test_a_port_that_is_taken_is_a_usage_error(server):
    with TraceStore() as store, pytest.raises(UsageError, match="cannot be used"):
        ViewServer(b"", store, server.server_port)


def test_the_database_is_removed_with_its_store_and_takes_lone_surrogates():
    with TraceStore() as store:
        store.add(TraceExample(example("\ud800 wait", True).trace, "\udfff", (), ()))
        assert store.find({"q": "wait"})["total"] == 1
        folder = Path(store._folder.name)
        assert folder.exists()
    assert not folder.exists()


# -- in a browser ---------------------------------------------------------------------------------------

needs_browser = pytest.mark.skipif(find_chromium() is None, reason="no Chromium is installed to try the page in")
SETTLED = "new Promise(done => setTimeout(done, 150))"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp("chromium")) as chromium:
        yield chromium


@needs_browser
def test_the_page_lists_filters_and_shows_traces_and_a_link_leads_to_one(browser, server):
    tab = browser.open(server.address)
    ids = "[...document.querySelectorAll('#lookup .trace .id')].map(each => each.textContent)"
    assert len(tab.until(ids, bool)) == PAGE_TRACES
    tab.run(
        "(one => { one.value = 'wrong'; one.dispatchEvent(new Event('input', {bubbles: true})); })"
        "(document.querySelector('#lookup [name=outcome]'))"
    )
    tab.until(ids, lambda shown: shown == ["w"])
    tab.run("document.querySelector('#lookup .trace').open = true")
    assert tab.until("[...document.querySelectorAll('.text mark')].map(each => each.textContent)", bool) == [
        "So then",
        "But wait",
        "let me try",
    ]
    link = tab.run("document.querySelector('.trace-tools a').href")
    other = browser.open(link)
    assert other.until("document.querySelector('.trace[open] .id')?.textContent", bool) == "w"
    assert (tab.dialogs, tab.complaints, other.complaints) == ([], [], [])


@needs_browser
def test_payloads_in_every_field_run_nothing_and_ask_for_nothing(browser):
    texts = [*ALL, *(f"${payload}$" for payload in ALL if "$" not in payload and "\n" not in payload)]
    assert len(texts) > 200
    evil = [
        TraceExample(one.trace, one.source, one.spans, (), one.diagnosis)
        for text in texts
        for one in [example(text, False, lambda _, text=text: text, source=text)]
    ]
    with serving_traces(evil) as running:
        tab = browser.open(running.address)
        tab.until("document.querySelectorAll('#lookup .trace').length", bool)
        n_pages = -(-len(evil) // PAGE_TRACES)
        n_shown = 0
        for number in range(n_pages):
            tab.run("document.querySelectorAll('#lookup details').forEach(each => { each.open = true; })")
            expected = min(PAGE_TRACES, len(evil) - number * PAGE_TRACES)
            n_shown += tab.until("document.querySelectorAll('#lookup .text').length", lambda n, e=expected: n >= e)
            tab.run(
                "document.querySelectorAll('main *').forEach(each => each.dispatchEvent(new MouseEvent('mouseover')))"
            )
            first = tab.run("document.querySelector('#lookup .trace').id")
            if number + 1 < n_pages:
                tab.run("[...document.querySelectorAll('.pager button')].at(-1).click()")
                tab.until("document.querySelector('#lookup .trace').id", lambda key, first=first: key != first)
        tab.run(SETTLED)
        assert n_shown == len(evil)
        assert tab.run("typeof window.__pwned") == "undefined"
        assert (tab.dialogs, tab.complaints) == ([], [])
        base = running.address.rpartition("/")[0]
        assert {url.partition("?")[0] for url in tab.requests} <= {f"{base}/", f"{base}/traces", f"{base}/trace"} | {
            f"http://127.0.0.1:{running.server_port}/favicon.ico"
        }
        assert (
            tab.run("document.querySelectorAll('main script, iframe, object, embed, link, base, form, img').length")
            == 0
        )
