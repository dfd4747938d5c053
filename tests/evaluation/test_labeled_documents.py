"""Labeled text in three layouts; invalid rows are refused with file and line."""

import gzip
import itertools
import json

import pytest
import zstandard

from sgram.errors import InputError
from sgram.evaluation import labeled_documents
from sgram.evaluation.labeled_documents import POSITIVE_LABELS, LabeledDocument, Unit, read_labels
from sgram.lexicon import MOVES
from sgram.safe_reading import Caps, iter_lines
from tests.builders.paths import ROOT

REAL = ROOT.parent / "shared" / "data" / "labels"


def sgram_row(name="a", text="Wait, so it is.", units=(), **fields):
    return {"id": name, "text": text, "units": list(units), **fields}


def unit(start, end, label="planning"):
    return {"start": start, "end": end, "label": label}


def flow_row(name="a", annotator="D", nodes=(), text="Wait, so it is.", **fields):
    return {"doc_id": name, "annotator": annotator, "response": text, "nodes": list(nodes), **fields}


def anchor_row(number, chunk="Wait.", tags=("plan_generation",), trace="t", **fields):
    return {"trace": trace, "chunk_idx": number, "chunk": chunk, "function_tags": list(tags), **fields}


@pytest.fixture
def read(tmp_path):
    """Read labels.jsonl with these rows (objects, or raw lines)."""

    def read(*rows, annotator=None):
        lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
        path = tmp_path / "labels.jsonl"
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        return read_labels(path, annotator)

    return read


# -- sgram ----------------------------------------------------------------------------------------


def test_a_document_of_sgram(read):
    row = sgram_row(units=[unit(6, 15, "fact"), unit(0, 5)], problem="p", note="ignored")
    assert read(row) == [
        LabeledDocument("a", "Wait, so it is.", (Unit(0, 5, ("planning",)), Unit(6, 15, ("fact",))), "p")
    ]


def test_a_unit_may_have_several_labels(read):
    units = [
        {"start": 0, "end": 5, "labels": ["planning", "fact", "planning"]},
        unit(6, 8, ["b", "a"]),
        unit(9, 11, []),
    ]
    (labeled,) = read(sgram_row(units=units))
    assert [labeled_unit.labels for labeled_unit in labeled.units] == [("fact", "planning"), ("a", "b"), ()]
    assert [labeled_unit.is_positive() for labeled_unit in labeled.units] == [True, False, False]


def test_problem_and_units_are_optional(read):
    assert read(sgram_row()) == [LabeledDocument("a", "Wait, so it is.", (), "")]


@pytest.mark.parametrize(
    "row",
    [sgram_row(problem=17), flow_row(problem_id=17), anchor_row(0, problem_id=17)],
    ids=["sgram", "reasoningflow", "thought-anchors"],
)
def test_documents_on_a_problem_with_a_number_stay_together(read, row):
    try:
        (labeled,) = read(row)
    except InputError:
        return  # a refusal is acceptable
    assert labeled.problem


def test_offsets_are_characters_not_bytes(read):
    (labeled,) = read(sgram_row(text="é\N{GRINNING FACE} wait", units=[unit(3, 7)]))
    assert labeled.text[labeled.units[0].start : labeled.units[0].end] == "wait"


def test_documents_are_sorted_by_id_for_any_order_of_lines(read):
    rows = [sgram_row(name, units=[unit(0, 4)], problem=name) for name in "abc"]
    expected = read(*rows)
    assert [labeled.id for labeled in expected] == ["a", "b", "c"]
    for order in itertools.permutations(rows):
        assert read(*order) == expected


def test_blank_lines_carriage_returns_and_a_byte_order_mark_are_ignored(read):
    line = json.dumps(sgram_row()).encode()
    assert read(b"\xef\xbb\xbf" + line + b"\r", b"", b"  ") == read(line)


# -- ReasoningFlow --------------------------------------------------------------------------------------


def test_a_record_of_reasoningflow(read):
    nodes = [
        {"id": 0, "start": 0, "end": 5, "label": "context", "source": "problem"},  # not of the response
        {"id": 1, "start": 0, "end": 5, "label": "planning", "source": "response"},
        {"id": 2, "start": 6, "end": 8, "label": "fact"},  # the response by default
        {"id": 3, "start": 9, "end": 11, "label": None, "source": "response"},  # not labeled
        {"id": 4, "start": 12, "end": 12, "label": "fact", "source": "response"},  # empty
    ]
    units = (Unit(0, 5, ("planning",)), Unit(6, 8, ("fact",)))
    assert read(flow_row(nodes=nodes, problem_id="p")) == [LabeledDocument("a", "Wait, so it is.", units, "p")]


def rows_of_three_annotators():
    """Rows of documents a to d by annotators A, B and D; the label is the annotator."""
    annotators = {"a": "AD", "b": "DBA", "c": "BD", "d": "A"}
    return [
        flow_row(name, annotator, [unit(0, 5, annotator)])
        for name, document_annotators in annotators.items()
        for annotator in document_annotators
    ]


def annotators_of(documents):
    return {labeled.id: labeled.units[0].labels[0] for labeled in documents}


def test_the_annotator_with_most_documents_is_used(read):
    # A and D labeled 3 documents, B 2; the name decides between A and D
    rows = rows_of_three_annotators()
    assert annotators_of(read(*rows)) == {"a": "A", "b": "A", "c": "D", "d": "A"}
    assert annotators_of(read(*rows, flow_row("e", "D", [unit(0, 5, "D")]))) == {
        "a": "D",
        "b": "D",
        "c": "D",
        "d": "A",
        "e": "D",
    }
    assert read(*rows[::-1]) == read(*rows)


def test_an_annotator_may_be_requested(read):
    rows = rows_of_three_annotators()
    assert annotators_of(read(*rows, annotator="B")) == {"b": "B", "c": "B"}
    assert annotators_of(read(*rows, annotator="A")) == {"a": "A", "b": "A", "d": "A"}
    with pytest.raises(InputError, match=r"labels\.jsonl contains no labels by 'Z'; name another annotator"):
        read(*rows, annotator="Z")


def test_two_records_of_a_document_by_one_person_do_not_depend_on_their_order(read):
    rows = [flow_row(nodes=[unit(0, 5)]), flow_row(nodes=[unit(6, 8)])]
    try:
        assert read(*rows) == read(*rows[::-1])
    except InputError:
        return


# -- Thought Anchors ------------------------------------------------------------------------------------


def test_sentences_of_thought_anchors_are_joined_in_order(read):
    rows = [
        anchor_row(2, "So it is.", ["self_checking", "fact_retrieval"], problem_id="p"),
        anchor_row(0, "Wait.", ["plan_generation"], problem_id="p"),
        anchor_row(1, " \n", ["uncertainty_management"], problem_id="p"),  # empty
        anchor_row(10, "Hmm.", [], problem_id="p"),
    ]
    text = "Wait.\nSo it is.\nHmm.\n"
    units = (Unit(0, 5, ("plan_generation",)), Unit(6, 15, ("fact_retrieval", "self_checking")), Unit(16, 20, ()))
    assert read(*rows) == [LabeledDocument("t", text, units, "p")]
    assert [text[labeled_unit.start : labeled_unit.end] for labeled_unit in units] == ["Wait.", "So it is.", "Hmm."]


def test_each_trace_of_thought_anchors_is_a_document(read):
    rows = [anchor_row(number, f"Wait {number}.", trace=trace) for number in range(2) for trace in "ba"]
    assert [(labeled.id, labeled.text) for labeled in read(*rows)] == [
        ("a", "Wait 0.\nWait 1.\n"),
        ("b", "Wait 0.\nWait 1.\n"),
    ]


def test_a_duplicate_sentence_is_refused(read):
    with pytest.raises(InputError, match="duplicate sentence 0"):
        read(anchor_row(0), anchor_row(1), anchor_row(0))


# -- invalid rows ------------------------------------------------------------------------------------

GOOD = sgram_row("good")
OWN_FAULTS = {
    "no id": ({"text": "a", "units": []}, "id must be a non-empty string and text a string"),
    "an empty id": (sgram_row(""), "id must be a non-empty string and text a string"),
    "a number for an id": (sgram_row(7), "id must be a non-empty string and text a string"),
    "a number for a text": (sgram_row(text=7), "id must be a non-empty string and text a string"),
    "a text for units": (sgram_row() | {"units": "none"}, "units must be a list of objects with start, end and label"),
    "a list for a unit": (
        sgram_row(units=[[0, 5, "planning"]]),
        "units must be a list of objects with start, end and label",
    ),
    "no units": (sgram_row() | {"units": None}, "units must be a list of objects"),
    "an end beyond the text": (sgram_row(units=[unit(0, 16)]), "invalid unit 0 to 16 in a text of 15 characters"),
    "a start before the text": (sgram_row(units=[unit(-1, 5)]), "invalid unit -1 to 5 in a text of 15 char"),
    "an empty unit": (sgram_row(units=[unit(5, 5)]), "invalid unit 5 to 5"),
    "an end before the start": (sgram_row(units=[unit(5, 2)]), "invalid unit 5 to 2"),
    "a fraction": (sgram_row(units=[unit(0.0, 5)]), r"invalid unit 0\.0 to 5"),
    "a truth value": (sgram_row(units=[unit(False, 5)]), "invalid unit False to 5"),
    "an offset as text": (sgram_row(units=[unit("0", 5)]), "invalid unit '0' to 5"),
    "no start": (sgram_row(units=[{"end": 5, "label": "a"}]), "invalid unit None to 5"),
    "no label": (sgram_row(units=[{"start": 0, "end": 5}]), "the label of unit 0 to 5 must be a string or a list of"),
    "a number for a label": (sgram_row(units=[unit(0, 5, 1)]), "the label of unit 0 to 5 must be a string"),
    "a number among labels": (sgram_row(units=[unit(0, 5, ["a", 1])]), "the label of unit 0 to 5 must be a string"),
    "units that overlap": (sgram_row(units=[unit(4, 9), unit(0, 5)]), "the units that start at 0 and at 4 overlap"),
    "a unit inside another": (sgram_row(units=[unit(0, 9), unit(2, 4)]), "the units that start at 0 and at 2 overlap"),
    "a unit twice": (sgram_row(units=[unit(0, 5), unit(0, 5)]), "the units that start at 0 and at 0 overlap"),
    "an unknown kind": (
        {"id": "a", "sentence": "b"},
        "not a labeled text; must have id, text and units, or text and label",
    ),
    "a list": ([1], "must be a JSON object \\(a document or a sentence\\)"),
    "a number": (7, "must be a JSON object"),
    "no JSON": (b"wait", r"invalid JSON \(.*\); each line must be one JSON object"),
    "half an object": (b'{"id": "a"', r"invalid JSON \(.*\)"),
    "no UTF-8": (b'{"id": "\xe9"}', r"invalid JSON \(.*\)"),
    "half a character": (b'{"id": "\\ud800"}', r"invalid JSON \(.*\)"),
    "no number": (b'{"id": NaN}', r"invalid JSON \(.*\)"),
}
FLOW_FAULTS = {
    "a number for nodes": (flow_row() | {"nodes": 7}, "nodes must be a list of objects with start, end and label"),
    "no nodes": (flow_row() | {"nodes": None}, "nodes must be a list of objects with start, end and label"),
    "a text for a node": (flow_row(nodes=["planning"]), "nodes must be a list of objects with start, end and label"),
    "a node without a label": (
        flow_row(nodes=[{"start": 0, "end": 5}]),
        "nodes must be a list of objects with start, end",
    ),
    "a node without a start": (
        flow_row(nodes=[{"end": 5, "label": "a"}]),
        "nodes must be a list of objects with start, end",
    ),
    "offsets of two kinds": (
        flow_row(nodes=[unit("0", 5)]),
        "nodes must be a list of objects with start, end and label",
    ),
    "offsets as texts": (flow_row(nodes=[unit("0", "5")]), "invalid unit '0' to '5'"),
    "a node beyond the text": (flow_row(nodes=[unit(0, 99)]), "invalid unit 0 to 99 in a text of 15 characters"),
    "a number for a document": (flow_row(7), "id must be a non-empty string and text a string"),
    "a list for a document": (flow_row(["a"]), "id must be a non-empty string and text a string"),
    "nodes that overlap": (flow_row(nodes=[unit(0, 5), unit(3, 8)]), "the units that start at 0 and at 3 overlap"),
}
ANCHOR_FAULTS = {
    "no number": (anchor_row(None), "chunk_idx must be an integer, the number of the sentence in its trace"),
    "a word for a number": (
        anchor_row("first"),
        "chunk_idx must be an integer, the number of the sentence in its trace",
    ),
    "a number for a chunk": (anchor_row(1) | {"chunk": 7}, "chunk must be a string"),
    "no tags": (anchor_row(0) | {"function_tags": None}, "the label of unit 0 to 5 must be a string or a list"),
    "an empty trace": (anchor_row(0, trace=""), "id must be a non-empty string and text a string"),
}


@pytest.mark.parametrize("fault", OWN_FAULTS)
def test_an_invalid_document_is_refused_with_file_and_line(read, fault):
    row, match = OWN_FAULTS[fault]
    with pytest.raises(InputError, match=rf"labels\.jsonl, line 3: .*{match}"):
        read(GOOD, b"", row)


@pytest.mark.parametrize("fault", FLOW_FAULTS)
def test_an_invalid_record_of_reasoningflow_is_refused(read, fault):
    row, match = FLOW_FAULTS[fault]
    with pytest.raises(InputError, match=rf"labels\.jsonl, line 2: .*{match}"):
        read(flow_row("good"), row)


@pytest.mark.parametrize("fault", ANCHOR_FAULTS)
def test_an_invalid_sentence_of_thought_anchors_is_refused(read, fault):
    row, match = ANCHOR_FAULTS[fault]
    with pytest.raises(InputError, match=rf"labels\.jsonl, line 2: .*{match}"):
        read(anchor_row(0, trace="good"), row)


def test_units_may_touch(read):
    (labeled,) = read(sgram_row(units=[unit(0, 5), unit(5, 8), unit(8, 15)]))
    assert [labeled_unit.start for labeled_unit in labeled.units] == [0, 5, 8]


@pytest.mark.parametrize("rows", [(), (b"", b" ")], ids=["empty", "blank"])
def test_a_file_without_a_document_is_refused(read, rows):
    with pytest.raises(
        InputError, match=r"labels\.jsonl contains no labeled text; give a JSONL file with one document"
    ):
        read(*rows)


@pytest.mark.parametrize(
    ("rows", "layouts"),
    [
        ((sgram_row(), flow_row("b")), "reasoningflow and sgram"),
        ((flow_row(), anchor_row(0)), "reasoningflow and thought-anchors"),
        ((anchor_row(0), sgram_row(), flow_row("b")), "reasoningflow and sgram and thought-anchors"),
    ],
)
def test_a_file_with_two_layouts_is_refused(read, rows, layouts):
    with pytest.raises(InputError, match=rf"labels\.jsonl mixes rows of {layouts}; give a file of one layout"):
        read(*rows)


def test_a_duplicate_document_is_refused(read):
    with pytest.raises(InputError, match=r"labels\.jsonl contains the document 'a' twice; keep one"):
        read(sgram_row(), sgram_row("b"), sgram_row(units=[unit(0, 5)]))


def test_a_message_contains_no_escape_sequence(read):
    with pytest.raises(InputError) as raised:
        read(sgram_row("\x1b[2J"), sgram_row("\x1b[2J"))
    assert str(raised.value).isprintable()


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*nowhere\.jsonl"):
        read_labels(tmp_path / "nowhere.jsonl")


# -- compressed and damaged -----------------------------------------------------------------------------

ROWS = [sgram_row(f"d{number:03d}", f"Wait, {number * 7919} it is.", [unit(0, 5)]) for number in range(200)]
LINES = b"".join(json.dumps(row).encode() + b"\n" for row in ROWS)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_compressed_labels_are_read(tmp_path, read, pack):
    path = tmp_path / "labels.bin"
    path.write_bytes(pack(LINES))
    assert read_labels(path) == read(*ROWS)
    assert len(read_labels(path)) == 200


@pytest.mark.parametrize("end", [-4, -9, 0.5], ids=["behind the last line", "in the check sum", "in the middle"])
def test_damaged_files_are_refused(tmp_path, end):
    packed = gzip.compress(LINES)
    path = tmp_path / "labels.jsonl.gz"
    path.write_bytes(packed[: end if end < 0 else int(end * len(packed))])
    with pytest.raises(InputError, match=r"labels\.jsonl\.gz.*(corrupt gzip data|cut short)"):
        read_labels(path)


def test_a_line_over_the_length_limit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(labeled_documents, "iter_lines", lambda stream: iter_lines(stream, Caps(max_line_bytes=1000)))
    path = tmp_path / "labels.jsonl"
    path.write_bytes(json.dumps(sgram_row(text="wait " * 500)).encode())
    with pytest.raises(InputError, match=r"labels\.jsonl, line 1: .*longer than the cap"):
        read_labels(path)


# -- positive labels -----------------------------------------------------------------------------------


def test_the_moves_and_the_planning_labels_of_known_schemes_are_positive():
    assert set(MOVES) <= POSITIVE_LABELS
    for label in ("strategic", "planning", "reflection", "plan_generation", "uncertainty_management", "self_checking"):
        assert Unit(0, 1, ("fact", label)).is_positive()
    for label in ("procedural", "reasoning", "fact", "active_computation", "problem_setup", "Planning", ""):
        assert not Unit(0, 1, (label,)).is_positive()
    assert not Unit(0, 1, ()).is_positive()
    assert Unit(0, 1, ("fact",)).is_positive(frozenset({"fact"}))
    assert not Unit(0, 1, ("planning",)).is_positive(frozenset({"fact"}))


@pytest.mark.skipif(not REAL.exists(), reason="the real labels (../shared/data) are not here")
@pytest.mark.parametrize(
    ("name", "n_documents", "n_units", "share"),
    [("reasoningflow_human", 51, 5408, 0.313), ("thought_anchors_chunks", 40, 5814, 0.314)],
)
def test_the_published_labels_are_read_completely(name, n_documents, n_units, share):
    documents = read_labels(REAL / f"{name}.jsonl.gz")
    units = [labeled_unit for labeled in documents for labeled_unit in labeled.units]
    assert (len(documents), len(units)) == (n_documents, n_units)
    assert sum(labeled_unit.is_positive() for labeled_unit in units) / len(units) == pytest.approx(share, abs=0.0005)
    assert all(document.problem for document in documents)
