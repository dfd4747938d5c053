"""Lexicons and scorers on a hub: published and loaded, and one sentence where that fails."""

import json
import subprocess
import sys

import pytest

from sgram.cli import main
from sgram.errors import InputError, MissingExtraError, SgramError, UsageError
from sgram.files import data_path
from sgram.hub.card import CardFields
from sgram.hub.load_notes import announce_loads
from sgram.lexicon import Cluster, Gram, Lexicon, LinearWeights, SentenceScorer, as_lexicon
from sgram.mining.classifier import GramClassifier
from sgram.tagging.spans import find_spans
from tests.builders.hub_server import READER, WRITER, serving_hub
from tests.builders.paths import ROOT

huggingface_hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub comes with the extra hub")
fsspec = pytest.importorskip("fsspec", reason="fsspec comes with the extra hub")
pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

LEXICON = Lexicon.build(
    "checks", [Cluster(0, (Gram(("let", "me", "check"), df=9),), 9, "let me check", "verification")], {"inputs": {}}
)
OTHER = Lexicon.from_grams(["wait"], "waits")
SCORER = SentenceScorer("doubts", LinearWeights(-1000, {"^ wait": 3000}), {})


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub that HF_ENDPOINT names; nobody is logged in."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr("huggingface_hub.constants.HF_STORED_TOKENS_PATH", str(tmp_path / "stored_tokens"))
    with serving_hub() as served:
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        yield served
    huggingface_hub.HfFileSystem.clear_instance_cache()


def call(capsys, *arguments: object) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of a command."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return ended.value.code, captured.out, captured.err


# -- published and loaded -------------------------------------------------------------------------------


def test_a_published_lexicon_is_loaded_by_its_name_revision_and_file(hub):
    with pytest.raises(InputError, match="no such repository"):
        Lexicon.load("hf://org/checks")
    first = LEXICON.push_to_hub("org/checks", token=WRITER, card=CardFields(license="mit"))
    assert Lexicon.load("hf://org/checks") == LEXICON
    second = OTHER.push_to_hub("hf://org/checks", token=WRITER)
    assert Lexicon.load("hf://org/checks") == OTHER
    assert Lexicon.load(first.address) == LEXICON
    assert Lexicon.load("hf://org/checks@main/lexicon.json") == OTHER
    assert as_lexicon(second.address) == OTHER
    assert as_lexicon(second.address) is as_lexicon(second.address)
    assert [span.gram for span in find_spans("Wait.", "hf://org/checks")] == ["wait"]
    assert first.url == f"{hub.url}/org/checks/commit/{first.address.rpartition('@')[2]}"
    assert hub.messages[0] == f"Lexicon checks, digest {LEXICON.digest[:16]}"
    files = hub.repositories["org/checks"].files(first.address.rpartition("@")[2])
    assert files["lexicon.json"] == LEXICON.to_bytes()
    assert files["README.md"] == LEXICON.hub_files("org/checks", CardFields(license="mit"))["README.md"]


def test_scorers_and_classifiers_are_published_and_loaded(hub):
    SCORER.push_to_hub("org/doubts", token=WRITER)
    assert SentenceScorer.load("hf://org/doubts") == SCORER
    classifier = GramClassifier.packaged()
    address = classifier.push_to_hub("org/grams", token=WRITER).address
    assert GramClassifier.load(address) == classifier
    assert set(hub.repositories["org/grams"].files("main")) == {".gitattributes", "README.md", "classifier.json"}


def test_a_branch_is_created_and_the_main_one_stays(hub):
    LEXICON.push_to_hub("org/checks", token=WRITER)
    OTHER.push_to_hub("org/checks", token=WRITER, revision="v2")
    assert Lexicon.load("hf://org/checks") == LEXICON
    assert Lexicon.load("hf://org/checks@v2") == OTHER


def test_the_digest_of_what_is_loaded_is_announced_once(hub):
    sentences = []
    announce_loads(sentences.append)
    hub.add("org/checks", lexicon=LEXICON.to_bytes())
    for _ in range(2):
        Lexicon.load("hf://org/checks")
    Lexicon.load("hf://org/checks@main")
    digest = LEXICON.digest[:16]
    assert sentences == [
        f"lexicon checks from hf://org/checks/lexicon.json, digest {digest}; write @REVISION behind owner/name to "
        "always get this one",
        f"lexicon checks from hf://org/checks@main/lexicon.json, digest {digest}",
    ]


def test_what_is_downloaded_is_checked_as_any_file(hub, monkeypatch):
    hub.add("org/bad", lexicon=b'{"format": "sgram-lexicon", "version": 1}', other=b"{", scorer=LEXICON.to_bytes())
    with pytest.raises(InputError, match=r"^hf://org/bad/lexicon\.json: its grams have the normal form null"):
        Lexicon.load("hf://org/bad")
    with pytest.raises(InputError, match=r"^hf://org/bad/other\.json is not JSON"):
        Lexicon.load("hf://org/bad/other.json")
    with pytest.raises(InputError, match=r"^hf://org/bad/scorer\.json is not a sentence scorer"):
        SentenceScorer.load("hf://org/bad")
    monkeypatch.setattr("sgram.lexicon.document.MAX_BYTES", 3)
    with pytest.raises(InputError, match="is larger than 0 MiB, the limit for a lexicon"):
        Lexicon.load("hf://org/bad")


# -- private repositories and refusals ------------------------------------------------------------------


def test_a_private_repository_is_private_and_read_with_a_token(hub, monkeypatch):
    LEXICON.push_to_hub("org/secret", private=True, token=WRITER)
    assert hub.repositories["org/secret"].private
    with pytest.raises(InputError, match="no such repository, or it is private; check the name; for a private one run"):
        Lexicon.load("hf://org/secret")
    monkeypatch.setenv("HF_TOKEN", READER)  # the refusal of a moment ago is not remembered
    assert Lexicon.load("hf://org/secret") == LEXICON


def test_nothing_private_is_sent_to_a_public_repository(hub):
    hub.add("org/open")
    with pytest.raises(
        UsageError, match="org/open exists and is public; make it private in its settings, or publish to"
    ):
        LEXICON.push_to_hub("org/open", private=True, token=WRITER)
    assert hub.messages == []


@pytest.mark.parametrize(
    ("token", "message"),
    [
        (False, r"^cannot publish org/checks: it needs a login \(HTTP 401\).*; run hf auth login, or set HF_TOKEN$"),
        (READER, r"^cannot publish org/checks: the token has no right to do this \(HTTP 403\).*\.\.\. may only read"),
    ],
)
def test_a_refused_token_is_explained_and_never_shown(hub, token, message):
    with pytest.raises(SgramError, match=message) as refused:
        LEXICON.push_to_hub("org/checks", token=token)
    assert READER not in str(refused.value)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("hf://org/missing", "there is no such repository, or it is private"),
        ("hf://org/checks@v9", "the repository has no such revision; check what stands behind @"),
        ("hf://org/checks/old.json", "the repository has no such file; name one of its files: hf://owner/name/FILE"),
        ("hf://org/empty", "the repository has no such file"),
        ("hf://org/gated", "its owner grants access on request; ask for access on its page"),
        ("hf://checks", "write hf://owner/name/FILE|check the address"),
    ],
)
def test_what_cannot_be_loaded_is_explained(hub, address, message):
    hub.add("org/checks", lexicon=LEXICON.to_bytes())
    hub.add("org/empty")
    hub.add("org/gated", lexicon=LEXICON.to_bytes()).gated = True
    with pytest.raises(InputError, match=message) as failed:
        Lexicon.load(address)
    assert str(failed.value).startswith(f"cannot read {address}")


def test_a_hub_that_cannot_be_reached_is_explained(hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # the port of the discard service, closed
    with pytest.raises(
        InputError, match=r"^cannot read hf://org/a/lexicon\.json: the hub cannot be reached; check the"
    ):
        Lexicon.load("hf://org/a")
    with pytest.raises(SgramError, match=r"^cannot publish org/a: the hub cannot be reached; check the network"):
        LEXICON.push_to_hub("org/a", token=WRITER)


@pytest.mark.parametrize("name", ["checks", "a/b/c", "org/", "org/a--b", "../etc", "org/a b", "org/" + "a" * 100, ""])
def test_only_owner_and_name_are_a_repository(name):
    with pytest.raises(UsageError, match="is not the name of a repository; write owner/name"):
        LEXICON.push_to_hub(name)


def test_a_missing_package_is_named_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match=r"^publishing needs huggingface_hub; pip install 'sgram\[hub\]'$"):
        LEXICON.push_to_hub("org/checks")


def test_the_hub_is_not_imported_before_it_is_needed():
    program = "import sys, sgram.lexicon, sgram.hub.publishing\nprint('huggingface_hub' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert shown.stdout == "False\n"


# -- the command line -----------------------------------------------------------------------------------


def test_verbs_take_a_lexicon_of_the_hub(hub, capsys):
    hub.add("org/checks", lexicon=LEXICON.to_bytes(), scorer=SCORER.to_bytes())
    code, out, err = call(capsys, "lexicon", "show", "hf://org/checks", "--json")
    assert (code, json.loads(out)["digest"]) == (0, LEXICON.digest)
    assert f"lexicon checks from hf://org/checks/lexicon.json, digest {LEXICON.digest[:16]}" in err
    code, out, _ = call(
        capsys, "tag", data_path("sample_traces.jsonl"), "--limit", "3", "--json", "--lexicon", "hf://org/checks"
    )
    assert (code, json.loads(out)["lexicon"]["digest"]) == (0, LEXICON.digest)


def test_publish_sends_the_file_and_its_card(hub, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_TOKEN", WRITER)
    LEXICON.save(tmp_path / "mine.json")
    options = ("--license", "mit", "--language", "en", "--dataset", "org/traces", "--private", "--yes")
    code, out, err = call(capsys, "publish", tmp_path / "mine.json", "org/checks", *options)
    assert (code, out.startswith("hf://org/checks@")) == (0, True)
    assert "load it by hf://org/checks" in err
    card = hub.repositories["org/checks"].files("main")["README.md"].decode()
    assert card.startswith(
        '---\nlibrary_name: sgram\nlicense: "mit"\nlanguage:\n- "en"\ndatasets:\n- "org/traces"\ntags:'
    )
    monkeypatch.setenv("HF_TOKEN", WRITER)
    assert Lexicon.load(out.strip()) == LEXICON


def test_a_dry_run_prints_the_card_and_sends_nothing(hub, capsys):
    code, out, err = call(capsys, "publish", "wang2025", "org/paper", "--dry-run")
    assert code == 0
    assert "\n# wang2025\n" in out
    assert "README.md" in err
    assert "nothing was sent" in err
    assert hub.requests == []


def test_without_a_terminal_or_yes_nothing_is_published(hub, capsys):
    code, _, err = call(capsys, "publish", "wang2025", "org/paper")
    assert (code, hub.requests) == (2, [])
    assert "publishing to org/paper needs --yes; --dry-run shows what would be sent" in err


@pytest.mark.parametrize(("reply", "is_sent"), [("y\n", True), ("n\n", False), ("", False)])
def test_on_a_terminal_publishing_is_asked(hub, capsys, monkeypatch, reply, is_sent):
    class Terminal:
        isatty = staticmethod(lambda: True)
        readline = staticmethod(lambda: reply)

    monkeypatch.setenv("HF_TOKEN", WRITER)
    monkeypatch.setattr(sys, "stdin", Terminal())
    code, _, err = call(capsys, "publish", "wang2025", "org/paper")
    assert ("org/paper" in hub.repositories, code) == (is_sent, 0 if is_sent else 2)
    assert "publish README.md and lexicon.json to org/paper (public, unless its owner has set otherwise" in err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[]", "is not a lexicon, sentence scorer or classifier of grams"),
        (b'{"format": "sgram-lexicon"}', "version must be 1"),
        (b'{"format": "sgram-classifier", "version": 9}', "has version 9"),
    ],
)
def test_only_values_of_sgram_are_published(hub, capsys, tmp_path, content, message):
    path = tmp_path / "file.json"
    path.write_bytes(content)
    code, _, err = call(capsys, "publish", path, "org/name", "--yes")
    assert (code, hub.requests) == (3, [])
    assert message in err


def test_a_scorer_is_recognized_by_its_format(hub, capsys, tmp_path):
    SCORER.save(tmp_path / "scorer.json")
    code, out, _ = call(capsys, "publish", tmp_path / "scorer.json", "org/doubts", "--dry-run", "--json")
    assert (code, sorted(json.loads(out)["files"])) == (0, ["README.md", "scorer.json"])
