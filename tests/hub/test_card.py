"""Cards: what they say, and that no text from data is markup."""

import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import InputError, UsageError
from sgram.hub.card import MAX_ROWS, CardFields, provenance_section, render_card
from sgram.hub.validation_figures import validation_section
from sgram.lexicon import Cluster, Gram, Lexicon, LinearWeights, SentenceScorer
from sgram.mining.classifier import GramClassifier

CHECKS = Cluster(
    0, (Gram(("let", "me", "check"), df=9), Gram(("check", "if"), df=2)), 9, "let me check", "verification"
)
WAITS = Cluster(1, (Gram(("wait",), df=7, core=False),), 7, "wait", "backtracking")
SOURCE = {"inputs": {"traces": 40, "digest": "0f"}, "config": {"seed": 0}}
LEXICON = Lexicon.build("math", [CHECKS, WAITS], SOURCE)


def rates(precision: float | None) -> dict[str, object]:
    estimate = {"value": precision, "low": 0.5, "high": 1.0}
    return {"n": 1200, "precision": estimate, "recall": estimate, "f1": estimate}


def figures(digest: str = LEXICON.digest, name: str = "labels.jsonl") -> dict[str, object]:
    """What sgram validate --json prints, as far as a card reads it."""
    labels = {
        "name": name,
        "in_sample": False,
        "rows": [{"units": rates(0.75)}],
        "placebos": [{"level": "units", "rates": rates(0.25)}, {"level": "pieces", "rates": rates(0.1)}],
        "masks": {"digest": digest, "in_sample": True, "rows": [{"mask": "sentences", "units": rates(None)}]},
    }
    return {"format": "sgram-validation", "lexicon": {"digest": digest}, "label_sets": [labels]}


def card(value: Lexicon | SentenceScorer, fields: CardFields | None = None) -> str:
    return value.hub_files("org/name", fields)["README.md"].decode()


def front_matter(text: str) -> dict[str, object]:
    return yaml.safe_load(text.split("---\n")[1])


def test_the_card_of_a_lexicon_says_what_it_holds_and_where_it_comes_from():
    text = card(LEXICON, CardFields(validation=figures()))
    assert "3 grams in 2 clusters, mined from 40 traces" in text
    # by move in the fixed order; the frequent grams of the list that people read come first
    assert "| backtracking | 1 | 1 | wait |\n| verification | 1 | 2 | let me check, check if |" in text
    assert f"| digest (SHA-256) | {LEXICON.digest} |" in text
    assert "| config.seed | 0 |" in text
    assert "| labels.jsonl | 1,200 | this lexicon | 0.75 \\[0.50, 1.00\\] |" in text
    assert "| labels.jsonl | 1,200 | placebos | 0.25 \\[0.50, 1.00\\] |" in text
    assert 'Lexicon.load("hf://org/name")' in text
    assert "\n## Limits\n" in text


def test_the_python_of_the_card_runs(monkeypatch, capsys):
    monkeypatch.setattr(Lexicon, "load", lambda address: LEXICON if address == "hf://org/name" else None)
    (block,) = re.findall(r"^```python\n(.*?)^```", card(LEXICON), re.MULTILINE | re.DOTALL)
    exec(compile(block, "README.md", "exec"), {})  # noqa: S102
    assert "let me check" in capsys.readouterr().out


def test_the_front_matter_has_what_is_known_and_no_license_that_is_not():
    fields = CardFields("apache-2.0", ("en", "zh-Hans"), ("org/traces",), ("org/model",))
    assert front_matter(card(LEXICON, fields)) == {
        "library_name": "sgram",
        "license": "apache-2.0",
        "language": ["en", "zh-Hans"],
        "datasets": ["org/traces"],
        "base_model": ["org/model"],
        "tags": ["sgram", "strategic-grams", "reasoning", "lexicon"],
    }
    assert set(front_matter(card(LEXICON))) == {"library_name", "tags"}


@pytest.mark.parametrize(
    "arguments", [{"license": "mit\nevil: 1"}, {"license": ""}, {"languages": ("english!",)}, {"datasets": ("traces",)}]
)
def test_what_is_no_identifier_is_refused(arguments):
    with pytest.raises(UsageError, match="is not the"):
        CardFields(**arguments)


def test_scorers_and_classifiers_have_cards_of_their_own():
    scorer = SentenceScorer("doubts", LinearWeights(-1000, {"^ wait": 3000}), {"backtracking": LinearWeights(0, {})})
    text = card(scorer, CardFields(validation=figures(scorer.digest)))
    assert "| moves that it names | backtracking |" in text
    assert "| labels.jsonl, in-sample: too high | 1,200 | planning sentences | undefined |" in text
    classifier = GramClassifier.packaged()
    assert f"| digest (SHA-256) | {classifier.digest} |" in card(classifier)
    with pytest.raises(UsageError, match="measures lexicons and sentence scorers"):
        card(classifier, CardFields(validation=figures()))


def test_figures_of_another_value_or_file_are_refused():
    with pytest.raises(UsageError, match="validate the one that you publish"):
        card(LEXICON, CardFields(validation=figures("0" * 64)))
    with pytest.raises(InputError, match="are not those of sgram validate --json"):
        card(LEXICON, CardFields(validation={"format": "sgram-lexicon"}))
    damaged = {**figures(), "label_sets": [{"name": "a"}]}
    with pytest.raises(InputError, match="the validation figures are damaged"):
        validation_section(damaged, "lexicon", LEXICON.digest)


@given(st.text(), st.text(), st.recursive(st.text() | st.integers(), lambda leaf: st.dictionaries(st.text(), leaf)))
def test_no_text_from_data_is_markup(name, move, source):
    text = render_card(name, [], CardFields(), "", [provenance_section({"evil": source, move: name})]).decode()
    assert front_matter(text) == {"library_name": "sgram", "tags": ["sgram"]}
    body = text.split("---\n", 2)[2]
    assert body.count("\n## ") == body.count("\n# ") == 1
    assert "<" not in body
    assert not re.search(r"(?<!\\)[\[\]`*]", body)
    rows = [line for line in body.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {3}


def test_long_provenance_is_cut():
    section = provenance_section({f"part{part}": {f"field{n:02}": n for n in range(20)} for part in range(4)})
    assert section.body.count("\n") == MAX_ROWS + 1 + 2
    assert "20 more fields are in the file" in section.body
    assert "| topics | 612 entries |" in provenance_section({"topics": dict.fromkeys(map(str, range(612)))}).body
