"""docs/hub.md: its commands and blocks run against a hub, and its options exist."""

import re
import shlex

import pytest

from sgram.cli import main
from sgram.files import data_path
from sgram.lexicon import Lexicon
from tests.builders.hub_server import WRITER, serving_hub
from tests.builders.paths import ROOT

huggingface_hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub comes with the extra hub")
pytest.importorskip("fsspec", reason="fsspec comes with the extra hub")
pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

PAGE = (ROOT / "docs" / "hub.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub with the repository of the page, somebody who is logged in, and the files of the page in the folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_TOKEN", WRITER)
    lexicon = Lexicon.from_grams(["wait"])
    lexicon.save("lexicon.json")
    rows = data_path("sample_traces.jsonl").read_bytes().splitlines()[:20]
    (tmp_path / "rollouts.jsonl").write_bytes(b"\n".join(rows))
    with serving_hub() as served:
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        repository = served.add("owner/name", lexicon=lexicon.to_bytes())
        repository.branches["v1"] = repository.branches["main"]
        yield served
    huggingface_hub.HfFileSystem.clear_instance_cache()


def test_the_commands_of_the_page_run(hub, capsys):
    commands = [line for language, block in BLOCKS if not language for line in block.splitlines()]
    assert len(commands) == 3
    for command in commands:
        with pytest.raises(SystemExit) as ended:
            main(shlex.split(command)[1:])
        assert ended.value.code == 0, command
    assert "digest" in capsys.readouterr().err


def test_the_python_of_the_page_runs(hub, capsys):
    load, publish = (block for language, block in BLOCKS if language == "python")
    exec(compile(load, "hub.md", "exec"), {})  # noqa: S102
    assert Lexicon.load("lexicon.json").digest in capsys.readouterr().out
    del hub.repositories["owner/name"]
    exec(compile(publish, "hub.md", "exec"), {})  # noqa: S102
    assert hub.repositories["owner/name"].private


def test_the_options_of_the_page_are_those_of_the_verb(capsys):
    with pytest.raises(SystemExit):
        main(["publish", "--help"])
    shown = capsys.readouterr().out
    options = set(re.findall(r"`(--[\w-]+)", PAGE)) - {"--labels", "--lexicon"}
    assert {"--license", "--validation", "--private", "--yes"} <= options
    assert all(option in shown for option in options)
