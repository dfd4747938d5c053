"""The packaged classifier is what its script makes of the labels it names; keeps what it promises; holds no text."""

import re

import orjson
import pytest

from sgram.evaluation.label_index import labels_digest
from sgram.evaluation.labeled_documents import read_labels
from sgram.lexicon import SentenceScorer
from sgram.mining.classifier import GramClassifier
from sgram.mining.config import SETTINGS
from sgram.mining.features import STATS
from sgram.mining.score import Background
from sgram.text import MAX_WORDS, gram_words
from tests.builders.paths import ROOT

SHARED = ROOT.parent / "shared" / "data"
PACKAGED = ROOT / "data" / "sg_classifier.json"
LABELS = {"guideline_sentences": "guideline_sentences"}
needs_labels = pytest.mark.skipif(
    not (SHARED / "labels").exists(), reason="the real labels (../shared/data) are not here"
)


@pytest.fixture(scope="module")
def document():
    return orjson.loads(PACKAGED.read_bytes())


@pytest.fixture(scope="module")
def packaged():
    return GramClassifier.packaged()


def texts_of(value):
    """Every text of a JSON value, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, child in value.items():
            yield key
            yield from texts_of(child)
    elif isinstance(value, list):
        for child in value:
            yield from texts_of(child)


def test_the_file_is_the_canonical_form_of_what_is_loaded_from_it(packaged):
    data = PACKAGED.read_bytes()
    assert packaged.to_bytes() == data
    assert GramClassifier.load(PACKAGED).digest == packaged.digest
    assert len(data) < 1 << 20


def test_it_uses_what_needs_no_library(packaged):
    assert packaged.blocks == ("stats", "words")
    assert packaged.dense == STATS
    assert packaged.source["config"]["blocks"] == list(packaged.blocks)


def test_it_holds_no_text_longer_than_a_gram(document):
    for gram in document["counts"]:
        assert " ".join(gram_words(gram)) == gram
        assert len(gram.split(" ")) <= MAX_WORDS
    for name in document["bag"]:
        assert re.fullmatch(r"(w|first|last)=\S+|n=[1-6]", name)
    for text in texts_of(document["source"]):
        assert len(text.split(" ")) <= 15
        assert len(text) <= 100


def test_its_counts_are_valid(packaged):
    for gram, (k, n) in packaged.counts.items():
        assert 0 <= k <= n * (1 + 1e-5), gram
        assert n >= 1, gram
    assert len(packaged.counts) > 1000
    share = {gram: k / n for gram, (k, n) in packaged.counts.items()}
    assert min(share[gram] for gram in ("wait", "alternatively", "maybe", "perhaps", "let me check")) > 0.8
    assert max(share[gram] for gram in ("the", "is", "equals")) < 0.3


def test_its_thresholds_lie_between_0_and_1_and_the_clean_one_is_strictest(packaged):
    assert packaged.thresholds.keys() == set(SETTINGS)
    at = packaged.thresholds
    assert 0 < at["f1"] <= at["default"] <= at["clean"] < 1


def test_it_names_its_sources_their_licences_and_their_labels(packaged):
    source = packaged.source
    assert source["built_by"] == "data/build_classifier.py"
    assert (ROOT / source["built_by"]).exists()
    assert len(source["sources"]) >= 4
    for label_set in source["sources"]:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+ \((MIT|Apache-2\.0)\)", label_set)
    source_names = " ".join(source["sources"])
    assert "jinulee-v/reasoningflow" in source_names
    assert "interp-reasoning/thought-anchors.com" in source_names
    (label_set,) = source["labels"]
    assert (label_set["name"], label_set["documents"], label_set["evaluated"]) == ("guideline_sentences", 2082, True)
    # a scorer that was fitted anew asks for a new classifier: run data/build_classifier.py, then build_lexicon.py
    assert source["scored"]["scorer"] == SentenceScorer.load("sgram").digest
    assert source["scored"]["texts"] == source["traces"]
    for label_set in (*source["labels"], source["inputs"]):
        assert re.fullmatch("[0-9a-f]{64}", label_set["digest"])
    assert source["inputs"]["traces"] == source["traces"] > 1000
    assert source["candidates"] > len(packaged.counts)
    assert source["background"] == dict(Background.packaged().origin)


@pytest.mark.parametrize("rates", ["default", "default_nested"])
def test_out_of_fold_it_finds_planning_as_well_as_it_promises(packaged, rates):
    rates_of = packaged.source["out_of_fold"]["guideline_sentences"]
    assert rates_of[rates]["precision"] >= 0.89
    assert rates_of[rates]["recall"] >= 0.75
    assert rates_of[rates]["f1"] >= 0.82
    assert rates_of[rates]["precision"] > 2 * rates_of["base_rate"]
    assert rates_of["clean"]["precision"] > rates_of["default"]["precision"]
    assert rates_of["f1"]["recall"] >= rates_of["default"]["recall"]


def test_figures_are_of_the_sets_that_are_evaluated(packaged):
    evaluated = {label_set["name"] for label_set in packaged.source["labels"] if label_set["evaluated"]}
    assert packaged.source["out_of_fold"].keys() == evaluated
    assert packaged.source["out_of_fold"]["guideline_sentences"]["units"] == 2082


@needs_labels
def test_its_labels_are_those_of_the_files(packaged):
    for label_set in packaged.source["labels"]:
        documents = read_labels(SHARED / "labels" / f"{LABELS[label_set['name']]}.jsonl.gz")
        assert (labels_digest(documents), len(documents)) == (label_set["digest"], label_set["documents"])


@needs_labels
def test_it_holds_no_line_of_the_labeled_texts(document):
    classifier_texts = set(texts_of(document))
    for file in LABELS.values():
        for labeled_document in read_labels(SHARED / "labels" / f"{file}.jsonl.gz"):
            for unit in labeled_document.units:
                text = labeled_document.text[unit.start : unit.end]
                assert len(text.split()) <= MAX_WORDS or text not in classifier_texts
