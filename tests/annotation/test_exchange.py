"""Export, annotate, import: the ratings are exactly those of the annotators, and invalid files are refused."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.annotation.exchange import (
    FORMATS,
    PARSERS,
    SUFFIXES,
    check_answer,
    detect_format,
    encode_export,
    import_ratings,
)
from sgram.annotation.items import LABELS
from sgram.annotation.ratings import Rating
from sgram.errors import InputError, UsageError
from tests.builders.annotation_examples import (
    ANNOTATORS,
    filled_samples,
    in_label_studio_csv,
    in_label_studio_min,
    in_prodigy,
    item,
    sample,
)

ONE = sample(item())
EXPORTS = [(name, fill) for name, fills in ANNOTATORS.items() for fill in fills]


def ratings_rows(labels, rater):
    return "".join(
        json.dumps({"item": name, "rater": rater, "label": label}) + "\n" for name, label in labels.items() if label
    ).encode()


@pytest.fixture
def write_file(tmp_path):
    def write(content: bytes, name="filled.jsonl"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


@given(filled_samples(), st.sampled_from(["ada", "Zoë 👩‍💻", "3", "=cmd", "'t Hooft"]))
@settings(max_examples=60)
def test_export_and_import_preserve_ratings_and_texts(sampled_labels, rater):
    sampled, labels = sampled_labels
    items = {sampled_item.item: sampled_item for sampled_item in sampled.items}
    for name, fill in EXPORTS:
        data = fill(encode_export(name, sampled.blinded_items)[""], labels, rater)
        assert detect_format(data, "here") == name
        answers = list(PARSERS[name](data, "here"))
        assert {answer.item: answer.label for answer in answers} == labels
        assert {answer.rater for answer in answers} == {rater}
        for answer in answers:
            check_answer(answer, items)
            assert answer.text == items[answer.item].text
            assert answer.span in ((items[answer.item].start, items[answer.item].end), None)
            assert answer.span is not None or fill.__name__ == "in_doccano_documents"


@given(filled_samples(), st.sampled_from(["ada@example.org", "Zoë 👩‍💻", "=cmd"]))
@settings(max_examples=40)
def test_flat_exports_of_label_studio_preserve_ratings_and_texts(sampled_labels, rater):
    sampled, labels = sampled_labels
    items = {sampled_item.item: sampled_item for sampled_item in sampled.items}
    for fill, parser in ((in_label_studio_csv, "csv"), (in_label_studio_min, "label-studio")):
        data = fill(encode_export("label-studio", sampled.blinded_items)[""], labels, rater)
        assert detect_format(data, "here") == parser
        answers = list(PARSERS[parser](data, "here"))
        assert {answer.item: answer.label for answer in answers} == {
            name: label for name, label in labels.items() if label
        }
        assert {answer.rater for answer in answers} == {rater}
        for answer in answers:
            check_answer(answer, items)
            assert answer.text == items[answer.item].text


@pytest.mark.parametrize("fill", [in_label_studio_csv, in_label_studio_min])
@pytest.mark.parametrize("format_name", ["auto", "label-studio"])
def test_two_annotators_of_one_label_studio_export_are_two_raters(fill, format_name, write_file):
    tasks = encode_export("label-studio", ONE.blinded_items)[""]
    first, second = (fill(tasks, {"a1": label}, rater) for label, rater in (("other", "ada"), ("deduction", "bob")))
    both = first + second.partition(b"\n")[2] if fill is in_label_studio_csv else first[:-1] + b"," + second[1:]
    imported = import_ratings([write_file(both)], ONE, format_name=format_name)
    assert imported.ratings == (Rating("a1", "ada", "other"), Rating("a1", "bob", "deduction"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_byte_order_mark_and_quoted_headers_are_read(encoding, write_file):
    for table in (
        '"Item";"Text; marked";"Label";"Rater"\n"a1";"x";"other";"ada"\n',
        '\n"item"\t"text, shown, marked"\t"label"\t"annotator"\na1\tx\tother\tada\n',
    ):
        assert import_ratings([write_file(table.encode(encoding))], ONE).ratings == (Rating("a1", "ada", "other"),)


def test_a_named_file_has_one_rater(write_file):
    path = write_file(b"item,label,rater\na1,other,3\n", "a.csv")
    assert import_ratings([path], ONE, names={str(path): "ada"}).ratings == (Rating("a1", "ada", "other"),)
    two = sample(item("a1"), item("b2"))
    path = write_file(b"item,label,rater\na1,other,3\nb2,other,4\n", "b.csv")
    with pytest.raises(InputError, match="has ratings of several raters \\('3', '4'\\), which would become one, 'ada'"):
        import_ratings([path], two, names={str(path): "ada"})


def test_two_answers_in_a_file_without_raters_may_be_of_two_raters(write_file):
    path = write_file(b"item,label\na1,other\na1,other\n", "a.csv")
    with pytest.raises(InputError, match=r"row 2 and .*row 3 both label item 'a1' and name no rater"):
        import_ratings([path], ONE)


def test_files_of_one_name_in_two_folders_do_not_become_one_rater(tmp_path):
    paths = [tmp_path / folder / "ratings.csv" for folder in ("x", "y")]
    for path in paths:
        path.parent.mkdir()
        path.write_text("item,label\na1,other\n")
    with pytest.raises(InputError, match="missing rater, and other files have the name 'ratings' too; name the rater"):
        import_ratings(paths, ONE)
    names = {str(path): path.parent.name for path in paths}
    assert [rating.rater for rating in import_ratings(paths, ONE, names=names).ratings] == ["x", "y"]


@pytest.mark.parametrize(("name", "fill"), EXPORTS)
def test_files_become_ratings(name, fill, write_file):
    sampled = sample(item("a1"), item("b2"), item("c3", kind="control"))
    data = encode_export(name, sampled.blinded_items)[""]
    labels = {"a1": "backtracking", "b2": None, "c3": "procedural"}
    files = [write_file(fill(data, labels, rater), f"{rater}{SUFFIXES[name]}") for rater in ("ada", "bob")]
    for format_name in (name, "auto"):
        imported = import_ratings(files, sampled, format_name=format_name)
        assert imported.ratings == (
            Rating("a1", "ada", "backtracking"),
            Rating("a1", "bob", "backtracking"),
            Rating("c3", "ada", "procedural"),
            Rating("c3", "bob", "procedural"),
        )
        assert (imported.n_unanswered, imported.n_repeated) == (2, 0)


def test_the_download_of_the_page_is_imported(write_file):
    path = write_file(ratings_rows({"a1": "other"}, "ada"))
    assert import_ratings([path], ONE).ratings == (Rating("a1", "ada", "other"),)


def test_labels_are_read_in_capitals_as_people_type_them(write_file):
    path = write_file(b"item,label,rater\na1, Deduction,ada\n", "filled.csv")
    assert import_ratings([path], ONE).ratings == (Rating("a1", "ada", "deduction"),)


def test_strategic_without_a_move_is_a_label(write_file):
    path = write_file(ratings_rows({"a1": "strategic"}, "ada"))
    assert import_ratings([path], ONE).ratings == (Rating("a1", "ada", "strategic"),)


def test_the_rater_comes_from_the_file_the_argument_or_the_file_name(write_file):
    row = b'{"item": "a1", "label": "other"%s}\n'
    anonymous, named = write_file(row % b"", "eve.jsonl"), write_file(row % b', "rater": "bob"', "x.jsonl")
    assert import_ratings([anonymous], ONE).ratings[0].rater == "eve"
    assert import_ratings([anonymous], ONE, rater="zoe").ratings[0].rater == "zoe"
    assert import_ratings([named], ONE, rater="zoe").ratings[0].rater == "bob"


def test_no_export_reveals_what_annotators_must_not_know():
    sampled = sample(
        item("a1", "But wait, is it?", trace="TRACE-ID", model="MODEL-NAME", cluster=777),
        item("b2", "But wait, is it?", kind="control", trace="TRACE-ID", model="MODEL-NAME"),
    )
    for name in ANNOTATORS:
        data = encode_export(name, sampled.blinded_items)[""].decode("utf-8-sig")
        assert not [
            secret for secret in ("TRACE-ID", "MODEL-NAME", "777", '"sg"', "control", "cluster") if secret in data
        ]
        # apart from their ids the two are alike
        a, b = (data.replace(sampled_item.item, "ID").count("ID") for sampled_item in sampled.items)
        assert a == b


def test_the_guideline_goes_with_every_export():
    for name in ANNOTATORS:
        (guideline,) = [data for ending, data in encode_export(name, ONE.blinded_items).items() if ending]
        assert "procedural" in guideline.decode()
    with pytest.raises(
        UsageError, match="unknown format 'excel'; must be one of label-studio, prodigy, doccano, csv, html"
    ):
        encode_export("excel", ONE.blinded_items)
    assert set(FORMATS) == set(SUFFIXES) == {*ANNOTATORS, "html"}


PRODIGY = encode_export("prodigy", ONE.blinded_items)[""]
PRODIGY_OTHER = in_prodigy(PRODIGY, {"a1": "other"}, "ada")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"filled.jsonl is empty; give the file that the annotation tool exported"),
        (b" \n\n", "is empty"),
        (b"hello, world\n1,2\n", "unknown format; neither JSON nor a table"),
        (b'{"a": 1}\n', "its first row has the keys a; name the format with --format"),
        (
            b'{"format": "sgram-annotation", "lexicon": "d"}\n',
            "is the items file of an export; give the file that an annotator filled in",
        ),
        (
            b'[{"id": 1, "text": "x", "sentiment": "other", "annotator": 1}]',
            "task 1 is an object of Label Studio's JSON-MIN without item and label \\(its keys are id, text, sentiment",
        ),
        (
            b"id,text,sentiment,annotator,annotation_id\n1,x,other,1,2\n",
            "is Label Studio's CSV, with 0 columns named item; import its export of the tasks",
        ),
        (b"[1]", "task 1 must be a JSON object \\(got 1\\)"),
        (b"[", "is not valid JSON"),
        (b'{"item": ', ":1 is not valid JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (ratings_rows({"zz": "other"}, "ada"), "item 'zz' is not in the items file; give the .items.jsonl of"),
        (ratings_rows({"a1": "guess"}, "ada"), "item 'a1' has the unknown label 'guess'; must be one of deduction"),
        (ratings_rows({"a1": "\u202e"}, "ada"), r"unknown label '\\u202e'"),
        (b'{"item": "a1", "label": 3}\n', r":1: label must be a string \(got 3\)"),
        (b'{"item": 5, "label": "other"}\n', ':1: missing "item"'),
        (
            ratings_rows({"a1": "other"}, "ada") + ratings_rows({"a1": "deduction"}, "ada"),
            r":1 and .*:2: rater 'ada' gives item 'a1' the labels 'other' and 'deduction'; keep the intended",
        ),
        (PRODIGY_OTHER.replace(b"But wait", b"So, wait"), "the text of item 'a1' was changed after the export"),
        (in_prodigy(PRODIGY, {"a1": None}, "ada"), r"no item in .* has a label \(1 answers are empty or skipped\)"),
        (
            PRODIGY_OTHER.replace(b'"answer": "accept"', b'"answer": "maybe"'),
            "invalid answer 'maybe'; Prodigy writes one of accept, reject, ignore",
        ),
        (
            PRODIGY_OTHER.replace(b'"accept": ["other"]', b'"accept": ["other", "deduction"]'),
            r"has 2 labels \(deduction, other\); keep the intended one",
        ),
        (
            PRODIGY_OTHER.replace(b'"start": 4, "end": 8', b'"start": 10, "end": 12'),
            "labeled from 10 to 12, but its phrase is at 4 to 8",
        ),
        (ratings_rows({"a1": "other"}, "x" * 201), "a rater's name must have at most 200 characters \\(got 201\\)"),
    ],
)
def test_an_invalid_file_is_refused(content, message, write_file):
    with pytest.raises(InputError, match=message):
        import_ratings([write_file(content)], ONE)


def test_a_repeated_answer_is_counted_and_not_refused(write_file):
    once = ratings_rows({"a1": "other"}, "ada")
    imported = import_ratings([write_file(once, "a.jsonl"), write_file(once * 2, "b.jsonl")], ONE)
    assert (imported.ratings, imported.n_repeated) == ((Rating("a1", "ada", "other"),), 2)


def test_changed_line_ends_do_not_change_the_text(write_file):
    sampled = sample(item(text="One.\r\nBut wait\rnow"))
    data = in_prodigy(encode_export("prodigy", sampled.blinded_items)[""], {"a1": "other"}, "ada")
    path = write_file(data.replace(b"\\r\\n", b"\\n").replace(b"\\r", b"\\n"))
    assert len(import_ratings([path], sampled).ratings) == 1


def parse_or_fault(parse, data):
    """(answers, error message)."""
    try:
        return list(parse(data, "here")), ""
    except InputError as error:
        return [], str(error)


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
@settings(max_examples=100)
def test_any_bytes_are_parsed_or_refused_with_their_file(data):
    for parse in PARSERS.values():
        answers, fault = parse_or_fault(parse, data)
        assert not fault or "here" in fault
        assert all(answer.item for answer in answers)


TOP_KEYS = ["item", "label", "text", "data", "annotations", "accept", "answer", "spans", "entities", "cats", "rater"]
values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.sampled_from(["a1", "other", "phrase", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "item",
                    "label",
                    "text",
                    "data",
                    "meta",
                    "annotations",
                    "result",
                    "value",
                    "choices",
                    "answer",
                    "accept",
                    "spans",
                    "entities",
                    "completed_by",
                    "rater",
                    "start",
                    "end",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(TOP_KEYS), values))
@settings(max_examples=200)
def test_any_json_is_parsed_or_refused_with_its_file(row):
    for name, parse in PARSERS.items():
        data = json.dumps([row] if name == "label-studio" else row).encode()
        answers, fault = parse_or_fault(parse, data)
        assert not fault or "here" in fault
        assert all(type(answer.label) in (str, type(None)) for answer in answers)


def test_labels_differ_in_any_case():
    assert len(set(LABELS)) == len(LABELS) == len({label.lower() for label in LABELS})
