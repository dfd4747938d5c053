"""The labeled sample: sound, about the sample traces, and as its builder makes it."""

import importlib.util

import pytest

from sgram import read_traces
from sgram.evaluation.labeled_documents import read_labels
from sgram.lexicon import MOVES
from tests.builders.paths import ROOT

DATA = ROOT / "data"


@pytest.fixture(scope="module")
def documents():
    return read_labels(DATA / "sample_labels.jsonl")


def test_every_document_is_a_sample_trace_untouched(documents):
    traces = {trace.id: trace for trace in read_traces(DATA / "sample_traces.jsonl")}
    assert len(documents) == 10
    for document in documents:
        assert document.text == traces[document.id].text
        assert document.problem == traces[document.id].group


def test_every_unit_is_a_stretch_of_sentence_with_one_label(documents):
    for document in documents:
        for unit in document.units:
            text = document.text[unit.start : unit.end]
            assert text == text.strip()
            assert "\n" not in text.rstrip("\n")
            assert len(unit.labels) == 1
            assert unit.labels[0] in {*MOVES, "execution"}


def test_nothing_but_space_lies_between_the_units(documents):
    for document in documents:
        edges = [0, *(edge for unit in document.units for edge in (unit.start, unit.end)), len(document.text)]
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            assert not document.text[start:end].strip()


def test_every_move_but_other_and_monitoring_is_there(documents):
    labels = {label for document in documents for unit in document.units for label in unit.labels}
    assert labels == {*MOVES, "execution"} - {"other", "monitoring"}


def test_the_file_is_what_its_builder_makes(monkeypatch, tmp_path):
    spec = importlib.util.spec_from_file_location("build_sample_labels", DATA / "build_sample_labels.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "sample_traces.jsonl").write_bytes((DATA / "sample_traces.jsonl").read_bytes())
    monkeypatch.setattr(module, "HERE", tmp_path)
    module.main()
    assert (tmp_path / "sample_labels.jsonl").read_bytes() == (DATA / "sample_labels.jsonl").read_bytes()
