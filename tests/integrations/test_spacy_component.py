"""The spaCy component, on blank pipelines, and the examples of docs/tagging.md: nothing is downloaded."""

import doctest
import functools
import math
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin

from sgram.errors import InputError, UsageError
from sgram.integrations.spacy_component import PlanningSpans
from sgram.lexicon import DEFAULT_LEXICON, Cluster, Gram, Lexicon, LinearWeights, SentenceScorer
from sgram.tagging.spans import find_spans, remove_overlaps
from tests.builders.paths import ROOT

WAITS = Cluster(0, (Gram(("wait",)), Gram(("hold", "on"))), 7, "wait", "backtracking")
CHECKS = Cluster(
    0, (Gram(("let", "me", "check")), Gram(("let", "me")), Gram(("check", "if"))), 9, "let me", "verification"
)
LEXICON = Lexicon.build("test", [WAITS, CHECKS], {})  # by df: the checks are cluster 0, the waits cluster 1
TEXT = "Wait, let me check if it holds.\nHold on"
# longest first: "let me check" goes before "let me" and "check if"
EXPECTED = [
    ("Wait", "backtracking", "wait", "1"),
    ("let me check", "verification", "let me check", "0"),
    ("Hold on", "backtracking", "hold on", "1"),
]


@pytest.fixture
def path(tmp_path):
    LEXICON.save(tmp_path / "test.json")
    return tmp_path / "test.json"


def pipeline(path, **config):
    nlp = spacy.blank("en")
    nlp.add_pipe("sgram", config={"lexicon": str(path), **config})
    return nlp


def span_fields(doc: Doc, key: str = "sgram") -> list[tuple[str, str, str, str]]:
    return [(span.text, span.label_, span.id_, span.kb_id_) for span in doc.spans[key]]


def run(program: str, *arguments: str) -> str:
    """Return what a fresh interpreter prints."""
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


# -- what is written into a Doc -------------------------------------------------------------------------


def test_a_span_has_move_gram_and_cluster(path):
    assert span_fields(pipeline(path)(TEXT)) == EXPECTED


def test_the_group_names_its_lexicon(path):
    group = pipeline(path)(TEXT).spans["sgram"]
    assert group.attrs == {"lexicon": "test", "digest": LEXICON.digest}
    assert group.name == "sgram"


def test_with_overlaps_every_occurrence_is_there_by_start_the_longest_first(path):
    doc = pipeline(path, overlaps=True)("let me check if")
    assert [span.text for span in doc.spans["sgram"]] == ["let me check", "let me", "check if"]
    assert doc.spans["sgram"].has_overlap


def test_the_default_lexicon_is_the_packaged_one():
    nlp = spacy.blank("en")
    nlp.add_pipe("sgram")
    doc = nlp("So it is 4. Wait, let me double-check.")
    assert [fields[2] for fields in span_fields(doc)] == ["wait let me double-check"]  # "so" is not marked
    assert doc.spans["sgram"].attrs["lexicon"] == DEFAULT_LEXICON


def test_a_preset_is_used_by_its_name():
    nlp = spacy.blank("en")
    nlp.add_pipe("sgram", config={"lexicon": "wang2025"})
    doc = nlp("Alternatively, let's try a different angle.")
    # cluster and move as in the preset, which has both grams
    cluster, _ = Lexicon.load("wang2025").find("let's try a different angle")
    assert span_fields(doc)[1] == (
        "let's try a different angle",
        "branching",
        "let's try a different angle",
        str(cluster.id),
    )
    assert doc.spans["sgram"].attrs["lexicon"] == "wang2025"


def test_a_text_without_grams_and_an_empty_text_have_an_empty_group(path):
    nlp = pipeline(path)
    for text in ("", " ", "4 = 2 + 2"):
        assert span_fields(nlp(text)) == []
        assert nlp(text).spans["sgram"].attrs["digest"] == LEXICON.digest


def test_a_group_of_the_same_key_is_replaced_and_others_stay(path):
    nlp = pipeline(path)
    doc = nlp.make_doc(TEXT)
    doc.spans["other"] = [doc[0:2]]
    doc.spans["sgram"] = [doc[0:2]]
    assert span_fields(nlp.get_pipe("sgram")(doc)) == EXPECTED
    assert [span.text for span in doc.spans["other"]] == ["Wait,"]


def test_two_components_write_two_groups(path):
    nlp = pipeline(path, spans_key="test")
    nlp.add_pipe("sgram", name="published", config={"spans_key": "published", "lexicon": "wang2025"})
    doc = nlp(TEXT)
    assert span_fields(doc, "test") == EXPECTED
    assert doc.spans["published"].attrs["lexicon"] == "wang2025"


def test_the_tokens_and_entities_of_a_doc_are_left_alone(path):
    doc = pipeline(path)(TEXT)
    bare = spacy.blank("en")(TEXT)
    assert doc.text == TEXT
    assert [token.text for token in doc] == [token.text for token in bare]
    assert list(doc.ents) == []


# -- tokens that share characters with what is no gram ----------------------------------------------------


def words(*texts: str) -> Doc:
    """A Doc whose tokens are `texts`, one space between them."""
    return Doc(spacy.blank("en").vocab, words=list(texts))


def test_a_span_covers_every_token_that_shares_a_character_with_the_gram(path):
    component = pipeline(path).get_pipe("sgram")
    assert span_fields(component(words("so", "(wait)", "or"))) == [("(wait)", "backtracking", "wait", "1")]
    assert [fields[0] for fields in span_fields(component(words("then:let", "me:then")))] == ["then:let me:then"]


def test_no_two_spans_share_a_token_unless_overlaps_are_asked_for(path):
    # the characters of "wait" and "let me" do not overlap, but one token holds parts of both
    doc = words("wait:let", "me", "go")
    assert span_fields(pipeline(path).get_pipe("sgram")(doc)) == [("wait:let me", "verification", "let me", "0")]
    both = span_fields(pipeline(path, overlaps=True).get_pipe("sgram")(doc))
    assert [(text, gram) for text, _, gram, _ in both] == [("wait:let", "wait"), ("wait:let me", "let me")]


def test_two_grams_in_one_token_give_the_first(path):
    doc = words("wait:hold:on:wait")
    assert [fields[2] for fields in span_fields(pipeline(path).get_pipe("sgram")(doc))] == ["hold on"]  # most words
    assert [fields[2] for fields in span_fields(pipeline(path).get_pipe("sgram")(words("wait:wait")))] == ["wait"]


def test_words_that_spacy_splits_are_found_whole():
    nlp = spacy.blank("en")
    component = nlp.add_pipe("sgram")
    component.lexicon = Lexicon.from_grams(["let's see", "double-check", "can't"])
    doc = nlp("Let’s see: I can't double-check")
    assert [span.text for span in doc.spans["sgram"]] == ["Let’s see", "can't", "double-check"]
    assert [len(span) for span in doc.spans["sgram"]] == [3, 2, 3]  # Let ’s see; ca n't; double - check


PIECES = [
    "wait",
    "Let",
    "me",
    "check",
    "if",
    " ",
    " ",
    "  ",
    ",",
    ":",
    "(",
    "—",
    ".",
    "\n",
    "'",
    "-",
    "1",
    "é",
    "😀",
    "等",
]


@functools.cache
def cached_pipeline(overlaps: bool):
    nlp = spacy.blank("en")
    nlp.add_pipe("sgram", config={"overlaps": overlaps}).lexicon = LEXICON
    return nlp


@given(text=st.lists(st.sampled_from(PIECES), max_size=25).map("".join), overlaps=st.booleans())
@settings(max_examples=200)
def test_spans_are_those_of_the_text_widened_to_tokens(text, overlaps):
    doc = cached_pipeline(overlaps)(text)
    widened = []
    for span in find_spans(text, LEXICON):
        touched = [token.i for token in doc if token.idx < span.end and token.idx + len(token) > span.start]
        widened.append((touched[0], touched[-1] + 1, span.gram))
    written = [(span.start, span.end, span.id_) for span in doc.spans["sgram"]]
    if overlaps:
        assert written == widened
    else:
        assert set(written) <= set(widened)
        assert not doc.spans["sgram"].has_overlap
        if all(doc.char_span(span.start, span.end) for span in find_spans(text, LEXICON)):
            assert [fields[2] for fields in written] == [
                span.gram for span in remove_overlaps(find_spans(text, LEXICON))
            ]


# -- saving and loading ---------------------------------------------------------------------------------


def test_a_saved_pipeline_needs_no_lexicon_file(path, tmp_path):
    pipeline(path, overlaps=True).to_disk(tmp_path / "saved")
    path.unlink()
    nlp = spacy.load(tmp_path / "saved")
    doc = nlp("let me check if")
    assert [span.text for span in doc.spans["sgram"]] == ["let me check", "let me", "check if"]
    assert doc.spans["sgram"].attrs == {"lexicon": "test", "digest": LEXICON.digest}
    assert nlp.get_pipe("sgram").lexicon == LEXICON


def test_a_saved_pipeline_keeps_its_lexicon_when_the_file_changes(path, tmp_path):
    pipeline(path).to_disk(tmp_path / "saved")
    Lexicon.from_grams(["something else"]).save(path)
    assert span_fields(spacy.load(tmp_path / "saved")(TEXT)) == EXPECTED


def test_the_saved_lexicon_is_an_ordinary_lexicon_file(path, tmp_path):
    pipeline(path).to_disk(tmp_path / "saved")
    assert (tmp_path / "saved" / "sgram" / "lexicon.json").read_bytes() == path.read_bytes()


def test_bytes_contain_the_lexicon(path):
    saved = pipeline(path).to_bytes()
    nlp = spacy.blank("en")
    nlp.add_pipe("sgram")
    assert span_fields(nlp.from_bytes(saved)(TEXT)) == EXPECTED


def test_a_lexicon_that_was_set_is_saved_too(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("sgram").lexicon = LEXICON
    assert span_fields(nlp(TEXT)) == EXPECTED
    nlp.to_disk(tmp_path / "saved")
    assert span_fields(spacy.load(tmp_path / "saved")(TEXT)) == EXPECTED


def test_setting_a_lexicon_replaces_the_one_in_use(path):
    nlp = pipeline(path)
    assert span_fields(nlp(TEXT)) == EXPECTED
    nlp.get_pipe("sgram").lexicon = Lexicon.from_grams(["holds"])
    assert [text for text, *_ in span_fields(nlp(TEXT))] == ["holds"]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b'{"format": "sgram-lexicon"}', b"[" * 100_000])
def test_bytes_without_a_lexicon_are_refused(path, content):
    with pytest.raises(InputError, match=r"the saved component 'sgram'"):
        pipeline(path).get_pipe("sgram").from_bytes(content)


def test_a_saved_pipeline_without_its_lexicon_is_refused(path, tmp_path):
    pipeline(path).to_disk(tmp_path / "saved")
    (tmp_path / "saved" / "sgram" / "lexicon.json").unlink()
    with pytest.raises(InputError, match=r"cannot read .*lexicon\.json"):
        spacy.load(tmp_path / "saved")


def test_annotated_docs_keep_everything_in_a_docbin_and_in_bytes(path):
    doc = pipeline(path)(TEXT)
    bin_bytes = DocBin(docs=[doc]).to_bytes()
    (restored,) = DocBin().from_bytes(bin_bytes).get_docs(spacy.blank("en").vocab)
    for copy in (restored, Doc(spacy.blank("en").vocab).from_bytes(doc.to_bytes()), doc.copy()):
        assert span_fields(copy) == EXPECTED
        assert copy.spans["sgram"].attrs == doc.spans["sgram"].attrs


def test_the_config_is_unchanged(path):
    config = pipeline(path, spans_key="plans").config["components"]["sgram"]
    assert config == {
        "factory": "sgram",
        "lexicon": str(path),
        "spans_key": "plans",
        "overlaps": False,
        "mask": "grams",
        "scorer": "sgram",
    }


# -- faults ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [("wang2024", UsageError, "did you mean wang2025"), ("no/such.json", InputError, r"cannot read no/such\.json")],
)
def test_a_lexicon_that_cannot_be_loaded_is_an_error_when_it_is_needed(name, error, message):
    nlp = pipeline(name)  # spacy.load also creates the component before it sets the saved lexicon
    with pytest.raises(error, match=message) as lexicon_error:
        Lexicon.load(name)
    with pytest.raises(error, match=message) as text_error:
        nlp("wait")
    assert str(text_error.value) == str(lexicon_error.value)
    with pytest.raises(error, match=message):
        _ = nlp.get_pipe("sgram").lexicon
    with pytest.raises(error, match=message):
        nlp.to_bytes()


def test_a_file_that_is_no_lexicon_is_named(tmp_path):
    (tmp_path / "bad.json").write_text('{"format": "other"}')
    with pytest.raises(InputError, match=r"bad\.json is not a lexicon"):
        pipeline(tmp_path / "bad.json")("wait")


def test_a_config_of_the_wrong_type_is_refused_by_spacy(path):
    with pytest.raises(ValueError, match="overlaps"):
        pipeline(path, overlaps="often")


def test_without_spacy_the_message_names_the_extra():
    program = """
import sys
sys.modules["spacy"] = None
from sgram.errors import MissingExtraError
try:
    import sgram.integrations.spacy_component
except MissingExtraError as error:
    print(error)
"""
    assert "pip install 'sgram[spacy]'" in run(program)


# -- as spaCy sees it -----------------------------------------------------------------------------------


def test_spacy_finds_the_component_without_an_import_of_sgram():
    program = """
import spacy
nlp = spacy.blank("en")
nlp.add_pipe("sgram")
doc = nlp("Well, alternatively, count.")
print([span.text for span in doc.spans["sgram"]])
"""
    assert run(program) == "['alternatively']\n"


def test_a_pipeline_without_the_component_loads_no_finder():
    program = """
import spacy, sys
spacy.blank("en")
print([name in sys.modules for name in ("sgram.integrations.spacy_component", "sgram.tagging.span_finder", "numba")])
"""
    assert run(program) == "[True, False, False]\n"


def test_the_analysis_of_pipes_names_what_is_assigned(path):
    nlp = pipeline(path)
    assert nlp.analyze_pipes()["summary"]["sgram"]["assigns"] == ["doc.spans"]
    assert nlp.pipe_labels["sgram"] == ["backtracking", "verification"]


@pytest.mark.parametrize("used_before", [False, True])
def test_several_processes_equal_one(path, used_before):
    nlp = pipeline(path)
    texts = [TEXT, "", "no gram here", "hold—on; wait"] * 4
    if used_before:
        nlp(TEXT)
    parallel = [span_fields(doc) for doc in nlp.pipe(texts, n_process=2, batch_size=3)]
    assert parallel == [span_fields(doc) for doc in nlp.pipe(texts)]
    assert parallel[0] == EXPECTED
    assert parallel[3] == [("hold—on", "backtracking", "hold on", "1"), ("wait", "backtracking", "wait", "1")]


def test_a_component_can_be_pickled_before_and_after_its_first_text(path):
    nlp = pipeline(path)
    component = nlp.get_pipe("sgram")
    for _ in range(2):
        copy = pickle.loads(pickle.dumps(component))  # noqa: S301  our own bytes
        assert isinstance(copy, PlanningSpans)
        assert span_fields(copy(nlp.make_doc(TEXT))) == EXPECTED
        nlp(TEXT)


# -- planning sentences ---------------------------------------------------------------------------------

SCORER = SentenceScorer(
    "example",
    LinearWeights(-1000, {"let me": 1500, "check": 2500, "? $": 1200}),
    {"monitoring": LinearWeights(5, {}), "verification": LinearWeights(0, {"check": 10})},
)
SENTENCES = "Wait, let me check. It is 4. Is it?"


@pytest.fixture
def scorer_path(tmp_path):
    SCORER.save(tmp_path / "scorer.json")
    return str(tmp_path / "scorer.json")


def test_a_sentence_has_its_move_its_strongest_gram_and_its_score(path, scorer_path):
    doc = pipeline(path, mask="sentences", scorer=scorer_path)(SENTENCES)
    # -1000 + 1500 + 2500 = 3000; -1000 + 1200 = 200
    assert span_fields(doc) == [
        ("Wait, let me check.", "verification", "check", ""),
        ("Is it?", "monitoring", "? $", ""),
    ]
    group = doc.spans["sgram"]
    assert group.attrs["scores"] == [1 / (1 + math.exp(-3)), 1 / (1 + math.exp(-0.2))]
    assert (group.attrs["mask"], group.attrs["scorer"], group.attrs["scorer_digest"]) == (
        "sentences",
        "example",
        SCORER.digest,
    )


def test_grams_inside_sentences_have_the_move_of_the_sentence(path, scorer_path):
    nlp = pipeline(path, mask="grams-in-sentences", scorer=scorer_path)
    doc = nlp(SENTENCES + " Wait.")
    assert span_fields(doc) == [
        ("Wait", "verification", "wait", "1"),
        ("let me check", "verification", "let me check", "0"),
    ]
    assert nlp.pipe_labels["sgram"] == ["verification", "monitoring"]


@pytest.mark.parametrize("overlaps", [False, True])
def test_sentences_that_share_a_token_keep_their_own_scores(path, scorer_path, overlaps):
    text = "Let me。Check。"  # spaCy sees three tokens: "Let", "me。Check" and "。"
    doc = pipeline(path, mask="sentences", scorer=scorer_path, overlaps=overlaps)(text)
    fields = [("Let me。Check", "monitoring", "let me", ""), ("me。Check。", "verification", "check", "")]
    assert span_fields(doc) == fields[: 2 if overlaps else 1]
    scores = [1 / (1 + math.exp(-0.5)), 1 / (1 + math.exp(-1.5))]
    assert doc.spans["sgram"].attrs["scores"] == scores[: 2 if overlaps else 1]


def test_a_saved_pipeline_has_its_scorer_with_it(path, scorer_path, tmp_path):
    nlp = pipeline(path, mask="sentences", scorer=scorer_path)
    expected = span_fields(nlp(SENTENCES))
    nlp.to_disk(tmp_path / "pipeline")
    data = nlp.to_bytes()
    path.unlink()
    Path(scorer_path).unlink()
    loaded = spacy.load(tmp_path / "pipeline")
    assert span_fields(loaded(SENTENCES)) == expected
    assert loaded.get_pipe("sgram").scorer == SCORER
    from_bytes = pipeline(path, mask="sentences", scorer=scorer_path)
    with pytest.raises(InputError, match="cannot read"):
        from_bytes(SENTENCES)
    assert span_fields(from_bytes.from_bytes(data)(SENTENCES)) == expected
    copied = next(iter(DocBin(docs=[nlp(SENTENCES)]).get_docs(nlp.vocab)))
    assert copied.spans["sgram"].attrs["scores"] == nlp(SENTENCES).spans["sgram"].attrs["scores"]


def test_a_scorer_is_refused_where_sentences_are_not_scored(path):
    component = pipeline(path).get_pipe("sgram")
    assert component.scorer is None
    with pytest.raises(UsageError, match="the mask grams has no sentence scorer"):
        component.scorer = SCORER
    with pytest.raises(UsageError, match="mask must be grams, sentences or grams-in-sentences"):
        PlanningSpans("sgram", "wang2025", spans_key="sgram", overlaps=False, mask="words")


# -- docs/tagging.md --------------------------------------------------------------------------------------


def test_the_examples_in_the_documentation_run(tmp_path, monkeypatch):
    text = (ROOT / "docs" / "tagging.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^ *```pycon\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 10
    monkeypatch.chdir(tmp_path)  # one of them writes a file
    output = []
    example = doctest.DocTestParser().get_doctest("".join(blocks), {}, "tagging.md", None, None)
    doctest.DocTestRunner(verbose=False).run(example, out=output.append)
    assert "".join(output) == ""
