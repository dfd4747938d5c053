"""Labeled text in three dialects; what is refused, and where the message says it stands."""

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


def own(name="a", text="Wait, so it is.", units=(), **fields):
    return {"id": name, "text": text, "units": list(units), **fields}


def unit(start, end, label="planning"):
    return {"start": start, "end": end, "label": label}


def flow(name="a", by="D", nodes=(), text="Wait, so it is.", **fields):
    return {"doc_id": name, "annotator": by, "response": text, "nodes": list(nodes), **fields}


def anchor(at, chunk="Wait.", tags=("plan_generation",), trace="t", **fields):
    return {"trace": trace, "chunk_idx": at, "chunk": chunk, "function_tags": list(tags), **fields}


@pytest.fixture
def read(tmp_path):
    """Read these rows (objects, or lines as they are) from labels.jsonl."""

    def read(*rows, annotator=None):
        lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
        path = tmp_path / "labels.jsonl"
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        return read_labels(path, annotator)

    return read


# -- sgram's own ----------------------------------------------------------------------------------------


def test_a_document_of_ones_own(read):
    row = own(units=[unit(6, 15, "fact"), unit(0, 5)], problem="p", note="not looked at")
    assert read(row) == [
        LabeledDocument("a", "Wait, so it is.", (Unit(0, 5, ("planning",)), Unit(6, 15, ("fact",))), "p")
    ]


def test_a_unit_may_have_several_labels(read):
    units = [
        {"start": 0, "end": 5, "labels": ["planning", "fact", "planning"]},
        unit(6, 8, ["b", "a"]),
        unit(9, 11, []),
    ]
    (found,) = read(own(units=units))
    assert [each.labels for each in found.units] == [("fact", "planning"), ("a", "b"), ()]
    assert [each.is_positive() for each in found.units] == [True, False, False]


def test_a_document_may_be_without_problem_and_without_units(read):
    assert read(own()) == [LabeledDocument("a", "Wait, so it is.", (), "")]


@pytest.mark.parametrize(
    "row",
    [own(problem=17), flow(problem_id=17), anchor(0, problem_id=17)],
    ids=["sgram", "reasoningflow", "thought-anchors"],
)
def test_documents_on_a_problem_with_a_number_stay_together(read, row):
    try:
        (found,) = read(row)
    except InputError:
        return  # to refuse it would do, too
    assert found.problem


def test_offsets_are_characters_not_bytes(read):
    (found,) = read(own(text="é\N{GRINNING FACE} wait", units=[unit(3, 7)]))
    assert found.text[found.units[0].start : found.units[0].end] == "wait"


def test_documents_come_by_id_whatever_the_order_of_the_lines(read):
    rows = [own(name, units=[unit(0, 4)], problem=name) for name in "abc"]
    expected = read(*rows)
    assert [each.id for each in expected] == ["a", "b", "c"]
    for order in itertools.permutations(rows):
        assert read(*order) == expected


def test_blank_lines_carriage_returns_and_a_byte_order_mark_are_passed_over(read):
    line = json.dumps(own()).encode()
    assert read(b"\xef\xbb\xbf" + line + b"\r", b"", b"  ") == read(line)


# -- ReasoningFlow --------------------------------------------------------------------------------------


def test_a_record_of_reasoningflow(read):
    nodes = [
        {"id": 0, "start": 0, "end": 5, "label": "context", "source": "problem"},  # not of the response
        {"id": 1, "start": 0, "end": 5, "label": "planning", "source": "response"},
        {"id": 2, "start": 6, "end": 8, "label": "fact"},  # the response is meant
        {"id": 3, "start": 9, "end": 11, "label": None, "source": "response"},  # nobody labeled it
        {"id": 4, "start": 12, "end": 12, "label": "fact", "source": "response"},  # nothing in it
    ]
    units = (Unit(0, 5, ("planning",)), Unit(6, 8, ("fact",)))
    assert read(flow(nodes=nodes, problem_id="p")) == [LabeledDocument("a", "Wait, so it is.", units, "p")]


def by_three():
    """D labeled three documents, A and B two each; who labeled is the label."""
    held = {"a": "AD", "b": "DBA", "c": "BD", "d": "A"}
    return [flow(name, by, [unit(0, 5, by)]) for name, people in held.items() for by in people]


def chosen(documents):
    return {each.id: each.units[0].labels[0] for each in documents}


def test_of_several_people_the_one_who_labeled_most_documents_is_taken(read):
    # D labeled 3, A 3, B 2: of A and D, who labeled as many, the name decides
    rows = by_three()
    assert chosen(read(*rows)) == {"a": "A", "b": "A", "c": "D", "d": "A"}
    assert chosen(read(*rows, flow("e", "D", [unit(0, 5, "D")]))) == {"a": "D", "b": "D", "c": "D", "d": "A", "e": "D"}
    assert read(*rows[::-1]) == read(*rows)


def test_an_annotator_may_be_asked_for(read):
    rows = by_three()
    assert chosen(read(*rows, annotator="B")) == {"b": "B", "c": "B"}
    assert chosen(read(*rows, annotator="A")) == {"a": "A", "b": "A", "d": "A"}
    with pytest.raises(InputError, match=r"labels\.jsonl holds nothing labeled by 'Z'; ask for another annotator"):
        read(*rows, annotator="Z")


def test_two_records_of_a_document_by_one_person_are_refused_or_told_apart_by_more_than_their_order(read):
    rows = [flow(nodes=[unit(0, 5)]), flow(nodes=[unit(6, 8)])]
    try:
        assert read(*rows) == read(*rows[::-1])
    except InputError:
        return


# -- Thought Anchors ------------------------------------------------------------------------------------


def test_sentences_of_thought_anchors_are_put_together_in_their_order(read):
    rows = [
        anchor(2, "So it is.", ["self_checking", "fact_retrieval"], problem_id="p"),
        anchor(0, "Wait.", ["plan_generation"], problem_id="p"),
        anchor(1, " \n", ["uncertainty_management"], problem_id="p"),  # nothing in it
        anchor(10, "Hmm.", [], problem_id="p"),
    ]
    text = "Wait.\nSo it is.\nHmm.\n"
    units = (Unit(0, 5, ("plan_generation",)), Unit(6, 15, ("fact_retrieval", "self_checking")), Unit(16, 20, ()))
    assert read(*rows) == [LabeledDocument("t", text, units, "p")]
    assert [text[each.start : each.end] for each in units] == ["Wait.", "So it is.", "Hmm."]


def test_each_trace_of_thought_anchors_is_a_document(read):
    rows = [anchor(at, f"Wait {at}.", trace=trace) for at in range(2) for trace in "ba"]
    found = read(*rows)
    assert [(each.id, each.text) for each in found] == [("a", "Wait 0.\nWait 1.\n"), ("b", "Wait 0.\nWait 1.\n")]


def test_a_sentence_that_is_there_twice_is_refused(read):
    with pytest.raises(InputError, match="twice"):
        read(anchor(0), anchor(1), anchor(0))


# -- what is refused ------------------------------------------------------------------------------------

GOOD = own("good")
OWN_FAULTS = {
    "no id": ({"text": "a", "units": []}, "the id and the text of a document are texts"),
    "an empty id": (own(""), "the id and the text of a document are texts"),
    "a number for an id": (own(7), "the id and the text of a document are texts"),
    "a number for a text": (own(text=7), "the id and the text of a document are texts"),
    "a text for units": (own() | {"units": "none"}, "units is a list of objects with start, end and label"),
    "a list for a unit": (own(units=[[0, 5, "planning"]]), "units is a list of objects with start, end and label"),
    "no units": (own() | {"units": None}, "units is a list of objects"),
    "an end beyond the text": (own(units=[unit(0, 16)]), "from 0 to 16 is no stretch of a text of 15 characters"),
    "a start before the text": (own(units=[unit(-1, 5)]), "from -1 to 5 is no stretch of a text of 15 char"),
    "an empty unit": (own(units=[unit(5, 5)]), "from 5 to 5 is no stretch"),
    "an end before the start": (own(units=[unit(5, 2)]), "from 5 to 2 is no stretch"),
    "a fraction": (own(units=[unit(0.0, 5)]), r"from 0\.0 to 5 is no stretch"),
    "a truth value": (own(units=[unit(False, 5)]), "from False to 5 is no stretch"),
    "an offset as text": (own(units=[unit("0", 5)]), "from '0' to 5 is no stretch"),
    "no start": (own(units=[{"end": 5, "label": "a"}]), "from None to 5 is no stretch"),
    "no label": (own(units=[{"start": 0, "end": 5}]), "the label of the unit from 0 to 5 is a text, or a list of"),
    "a number for a label": (own(units=[unit(0, 5, 1)]), "the label of the unit from 0 to 5 is a text"),
    "a number among labels": (own(units=[unit(0, 5, ["a", 1])]), "the label of the unit from 0 to 5 is a text"),
    "units that overlap": (own(units=[unit(4, 9), unit(0, 5)]), "the units from 0 and from 4 overlap"),
    "a unit inside another": (own(units=[unit(0, 9), unit(2, 4)]), "the units from 0 and from 2 overlap"),
    "a unit twice": (own(units=[unit(0, 5), unit(0, 5)]), "the units from 0 and from 0 overlap"),
    "an unknown kind": ({"id": "a", "sentence": "b"}, "no labeled text; wanted are id, text and units, or the fields"),
    "a list": ([1], "must be a JSON object, a document or a sentence"),
    "a number": (7, "must be a JSON object"),
    "no JSON": (b"wait", r"no JSON \(.*\); each line is one JSON object"),
    "half an object": (b'{"id": "a"', r"no JSON \(.*\)"),
    "no UTF-8": (b'{"id": "\xe9"}', r"no JSON \(.*\)"),
    "half a character": (b'{"id": "\\ud800"}', r"no JSON \(.*\)"),
    "no number": (b'{"id": NaN}', r"no JSON \(.*\)"),
}
FLOW_FAULTS = {
    "a number for nodes": (flow() | {"nodes": 7}, "nodes is a list of objects with start, end and label"),
    "no nodes": (flow() | {"nodes": None}, "nodes is a list of objects with start, end and label"),
    "a text for a node": (flow(nodes=["planning"]), "nodes is a list of objects with start, end and label"),
    "a node without a label": (flow(nodes=[{"start": 0, "end": 5}]), "nodes is a list of objects with start, end"),
    "a node without a start": (flow(nodes=[{"end": 5, "label": "a"}]), "nodes is a list of objects with start, end"),
    "offsets of two kinds": (flow(nodes=[unit("0", 5)]), "nodes is a list of objects with start, end and label"),
    "offsets as texts": (flow(nodes=[unit("0", "5")]), "from '0' to '5' is no stretch"),
    "a node beyond the text": (flow(nodes=[unit(0, 99)]), "from 0 to 99 is no stretch of a text of 15 characters"),
    "a number for a document": (flow(7), "the id and the text of a document are texts"),
    "a list for a document": (flow(["a"]), "the id and the text of a document are texts"),
    "nodes that overlap": (flow(nodes=[unit(0, 5), unit(3, 8)]), "the units from 0 and from 3 overlap"),
}
ANCHOR_FAULTS = {
    "no number": (anchor(None), "chunk_idx is the number of the sentence in its trace"),
    "a word for a number": (anchor("first"), "chunk_idx is the number of the sentence in its trace"),
    "a number for a chunk": (anchor(1) | {"chunk": 7}, "chunk is a text"),
    "no tags": (anchor(0) | {"function_tags": None}, "the label of the unit from 0 to 5 is a text, or a list"),
    "an empty trace": (anchor(0, trace=""), "the id and the text of a document are texts"),
}


@pytest.mark.parametrize("fault", OWN_FAULTS)
def test_a_document_that_cannot_be_meant_is_refused_with_file_and_line(read, fault):
    row, match = OWN_FAULTS[fault]
    with pytest.raises(InputError, match=rf"labels\.jsonl, line 3: .*{match}"):
        read(GOOD, b"", row)


@pytest.mark.parametrize("fault", FLOW_FAULTS)
def test_a_record_of_reasoningflow_that_cannot_be_meant_is_refused(read, fault):
    row, match = FLOW_FAULTS[fault]
    with pytest.raises(InputError, match=rf"labels\.jsonl, line 2: .*{match}"):
        read(flow("good"), row)


@pytest.mark.parametrize("fault", ANCHOR_FAULTS)
def test_a_sentence_that_cannot_be_meant_is_refused(read, fault):
    row, match = ANCHOR_FAULTS[fault]
    with pytest.raises(InputError, match=rf"labels\.jsonl, line 2: .*{match}"):
        read(anchor(0, trace="good"), row)


def test_units_may_touch(read):
    (found,) = read(own(units=[unit(0, 5), unit(5, 8), unit(8, 15)]))
    assert [each.start for each in found.units] == [0, 5, 8]


@pytest.mark.parametrize("rows", [(), (b"", b" ")], ids=["empty", "blank"])
def test_a_file_without_a_document_is_refused(read, rows):
    with pytest.raises(InputError, match=r"labels\.jsonl holds no labeled text; give a JSONL file with a document"):
        read(*rows)


@pytest.mark.parametrize(
    ("rows", "kinds"),
    [
        ((own(), flow("b")), "reasoningflow and sgram"),
        ((flow(), anchor(0)), "reasoningflow and thought-anchors"),
        ((anchor(0), own(), flow("b")), "reasoningflow and sgram and thought-anchors"),
    ],
)
def test_a_file_of_two_kinds_is_refused(read, rows, kinds):
    with pytest.raises(InputError, match=rf"labels\.jsonl mixes rows of {kinds}; give a file of one kind"):
        read(*rows)


def test_a_document_that_is_there_twice_is_refused(read):
    with pytest.raises(InputError, match=r"labels\.jsonl holds the document 'a' twice; keep one of them"):
        read(own(), own("b"), own(units=[unit(0, 5)]))


def test_a_message_cannot_move_the_terminal(read):
    with pytest.raises(InputError) as raised:
        read(own("\x1b[2J"), own("\x1b[2J"))
    assert str(raised.value).isprintable()


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*nowhere\.jsonl"):
        read_labels(tmp_path / "nowhere.jsonl")


# -- compressed and damaged -----------------------------------------------------------------------------

ROWS = [own(f"d{number:03d}", f"Wait, {number * 7919} it is.", [unit(0, 5)]) for number in range(200)]
LINES = b"".join(json.dumps(row).encode() + b"\n" for row in ROWS)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_compressed_labels_are_read(tmp_path, read, pack):
    path = tmp_path / "labels.bin"
    path.write_bytes(pack(LINES))
    assert read_labels(path) == read(*ROWS)
    assert len(read_labels(path)) == 200


@pytest.mark.parametrize("left", [-4, -9, 0.5], ids=["behind the last line", "in the check sum", "in the middle"])
def test_damaged_labels_are_refused_as_damaged(tmp_path, left):
    packed = gzip.compress(LINES)
    path = tmp_path / "labels.jsonl.gz"
    path.write_bytes(packed[: left if left < 0 else int(left * len(packed))])
    with pytest.raises(InputError, match=r"labels\.jsonl\.gz.*(corrupt gzip data|cut short)"):
        read_labels(path)


def test_a_line_that_is_too_long_is_refused_as_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr(labels, "iter_lines", lambda stream: iter_lines(stream, Caps(max_line_bytes=1000)))
    path = tmp_path / "labels.jsonl"
    path.write_bytes(json.dumps(own(text="wait " * 500)).encode())
    with pytest.raises(InputError, match=r"labels\.jsonl, line 1: .*longer than the cap"):
        read_labels(path)


# -- what is positive -----------------------------------------------------------------------------------


def test_positive_are_the_moves_and_the_planning_labels_of_the_known_schemas():
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
def test_the_real_labels_are_read_whole(name, n_documents, n_units, share):
    documents = read_labels(REAL / f"{name}.jsonl.gz")
    units = [each for document in documents for each in document.units]
    assert (len(documents), len(units)) == (n_documents, n_units)
    assert sum(each.is_positive() for each in units) / len(units) == pytest.approx(share, abs=0.0005)
    assert all(document.problem for document in documents)
