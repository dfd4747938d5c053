"""`sgram view`: one line with the address, a clean end, and what it refuses."""

import json
import webbrowser

import pytest

from sgram.cli import main
from sgram.reports.view_server import ViewServer
from tests.builders.analysis_examples import build_trace, write_rollouts

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
TRACES = [
    build_trace("a", "But wait, we get 6 + 9 = 14. The answer is 14.", correct=False),
    build_trace("b", "We get 6 + 9 = 15. The answer is 15.", correct=True),
]


@pytest.fixture
def served(monkeypatch):
    """End the server at once, as Ctrl-C does; return what it served and what was opened."""
    seen = {"opened": []}

    def interrupt(server, *_):
        seen["port"], seen["page"], seen["wrong"] = (
            server.server_port,
            server.page,
            server.store.find({"outcome": "wrong"}),
        )
        raise KeyboardInterrupt

    monkeypatch.setattr(ViewServer, "serve_forever", interrupt)
    monkeypatch.setattr(webbrowser, "open", seen["opened"].append)
    return seen


def run(*arguments: str, code: int = 0) -> None:
    with pytest.raises(SystemExit) as exit_info:
        main(["view", *arguments])
    assert exit_info.value.code == code


def test_one_line_with_the_address_is_printed_and_ctrl_c_ends_it(tmp_path, served, capsys):
    run(write_rollouts(tmp_path, TRACES))
    out = capsys.readouterr().out
    assert out.startswith(f"http://127.0.0.1:{served['port']}/")
    assert out.count("\n") == 1
    assert served["opened"] == []
    assert b"rollouts.jsonl" in served["page"]
    (row,) = served["wrong"]["rows"]
    assert (row["id"], row["kind"], row["source"]) == ("a", "procedural", "m")


def test_the_browser_is_opened_if_asked_and_json_names_the_address(tmp_path, served, capsys):
    run(write_rollouts(tmp_path, TRACES), "--open", "--json", "--max-diagnosed", "0")
    answer = json.loads(capsys.readouterr().out)
    assert served["opened"] == [answer["address"]]
    assert (answer["format"], answer["traces"]) == ("sgram-view", 2)
    assert served["wrong"]["rows"][0]["kind"] == ""  # nothing is diagnosed


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nosuch.jsonl"], 3, "nosuch.jsonl"),
        (["--port", "70000", "x.jsonl"], 2, "--port must be <= 65,535"),
        (["--port", "-1", "x.jsonl"], 2, "--port must be >= 0"),
        (["-", "-"], 2, "only one of the inputs can come from stdin"),
    ],
)
def test_wrong_calls_are_refused_in_a_sentence(arguments, code, message, capsys):
    run(*arguments, code=code)
    assert message in capsys.readouterr().err
