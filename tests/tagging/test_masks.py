"""Masks in Parquet, read back by us, by pyarrow, pandas and datasets."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sgram
from sgram.errors import InputError, UsageError
from sgram.lexicon import Lexicon, SentenceScorer
from sgram.tagging.masks import MaskRow, read_masks, write_masks
from sgram.tagging.spans import Span
from sgram.tagging.vocabulary import Vocabulary

LEXICON = Lexicon.from_grams(["wait", "let me"], name="two grams")
VOCABULARY = Vocabulary("a/tokenizer", (b"Wait", b", ", None), False, True)
ROWS = [
    MaskRow("a", np.array([0, 1, 2]), np.array([True, False, False]), (Span(0, 4, "other", 1, "wait"),)),
    MaskRow("b", np.array([], np.int64), np.array([], bool)),
    MaskRow("é\n😀", [2**31 - 1], [False], (Span(3, 9, "branching"), Span(3, 5, "deduction"))),
]
METADATA = {
    "lexicon": "two grams",
    "lexicon_digest": LEXICON.digest,
    "tokenizer": "a/tokenizer",
    "tokenizer_digest": VOCABULARY.digest,
    "sgram": sgram.__version__,
    "part": "all",
    "mask": "grams",
}


def write_example(path, rows=ROWS) -> object:
    write_masks(path, rows, LEXICON, VOCABULARY)
    return path


def as_tuple(row: MaskRow) -> tuple:
    """Return a row in a form that compares; the file keeps start, end and label of a span."""
    spans = [(span.start, span.end, span.label) for span in row.spans]
    return row.id, np.asarray(row.token_ids).tolist(), np.asarray(row.planning_mask).tolist(), spans


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("masks")


spans = st.builds(
    lambda start, size, label: Span(start, start + size, label),
    st.integers(0, 10**6),
    st.integers(1, 99),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
)
tokens = st.lists(st.tuples(st.integers(0, 2**31 - 1), st.booleans()), max_size=6)
ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5)


@given(row_parts=st.lists(st.tuples(ids, tokens, st.lists(spans, max_size=3)), max_size=5))
@settings(max_examples=60)
def test_rows_are_read_back_equal(row_parts, folder):
    rows = [
        MaskRow(trace_id, [token_id for token_id, _ in pairs], [mark for _, mark in pairs], tuple(row_spans))
        for trace_id, pairs, row_spans in row_parts
    ]
    path = folder / "masks.parquet"
    assert write_masks(path, iter(rows), LEXICON, VOCABULARY) == len(rows)
    reader = read_masks(path)
    assert len(reader) == len(rows)
    assert [as_tuple(row) for row in reader] == [as_tuple(row) for row in rows]


def test_arrays_have_their_types_at_every_reading(tmp_path):
    reader = read_masks(write_example(tmp_path / "masks.parquet"))
    for _ in range(2):
        first, empty, last = reader
        assert (first.token_ids.dtype, first.planning_mask.dtype) == (np.int32, np.bool_)
        assert (len(empty.token_ids), len(empty.planning_mask), empty.spans) == (0, 0, ())
        assert last.spans == (Span(3, 9, "branching"), Span(3, 5, "deduction"))


def test_the_metadata_name_lexicon_and_tokenizer(tmp_path):
    path = write_example(tmp_path / "masks.parquet")
    assert dict(read_masks(path).metadata) == METADATA
    stored = pq.read_schema(path).metadata
    assert (stored[b"format"], stored[b"version"]) == (b"sgram-masks", b"1")
    with pytest.raises(TypeError):
        read_masks(path).metadata["lexicon"] = "another"


def test_the_metadata_name_the_kind_of_mask_and_its_scorer(tmp_path):
    path, scorer = tmp_path / "masks.parquet", SentenceScorer.load("sgram")
    write_masks(path, ROWS, LEXICON, VOCABULARY, mask="sentences", scorer="sgram")
    assert dict(read_masks(path).metadata) == METADATA | {
        "mask": "sentences",
        "scorer": "sgram",
        "scorer_digest": scorer.digest,
    }


@pytest.mark.parametrize(
    ("mask", "scorer", "message"),
    [
        ("sentences", None, "the mask sentences needs a scorer"),
        ("grams", "sgram", "a mask of grams has no sentence scorer"),
        ("words", "sgram", "mask must be grams, sentences or grams-in-sentences"),
    ],
)
def test_a_kind_of_mask_without_its_scorer_is_refused(mask, scorer, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        write_masks(tmp_path / "masks.parquet", ROWS, LEXICON, VOCABULARY, mask=mask, scorer=scorer)
    assert not (tmp_path / "masks.parquet").exists()


def test_a_name_that_is_no_unicode_is_written_as_escapes(tmp_path):
    odd = Vocabulary("caf\udce9", (b"a",), False, True)
    write_masks(tmp_path / "masks.parquet", [], LEXICON, odd)
    assert read_masks(tmp_path / "masks.parquet").metadata["tokenizer"] == "caf\\udce9"


def test_other_tools_read_plain_columns(tmp_path):
    path = write_example(tmp_path / "masks.parquet")
    first = {
        "id": "a",
        "token_ids": [0, 1, 2],
        "planning_mask": [True, False, False],
        "spans": [{"start": 0, "end": 4, "label": "other"}],
    }
    table = pq.read_table(path)
    assert table.to_pylist()[0] == first
    assert [str(field.type) for field in table.schema][:3] == ["string", "list<element: int32>", "list<element: bool>"]
    frame = pd.read_parquet(path)
    assert frame.id.tolist() == ["a", "b", "é\n😀"]
    assert frame.planning_mask[0].tolist() == [True, False, False]
    assert frame.spans[0].tolist() == first["spans"]


def test_datasets_reads_the_file(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets", reason="the datasets package is not installed")
    path = write_example(tmp_path / "masks.parquet")
    loaded = datasets.load_dataset("parquet", data_files=str(path), split="train", cache_dir=str(tmp_path))
    assert loaded[0]["planning_mask"] == [True, False, False]
    assert loaded["token_ids"][2] == [2**31 - 1]


def test_equal_rows_give_equal_bytes_whatever_arrays_they_come_in(tmp_path):
    first = write_example(tmp_path / "one.parquet")
    lists = [
        MaskRow(row.id, [int(token_id) for token_id in row.token_ids], np.array(row.planning_mask, bool), row.spans)
        for row in ROWS
    ]
    second = write_example(tmp_path / "two.parquet", lists)
    assert first.read_bytes() == second.read_bytes()


def test_rows_are_written_as_they_come_in_groups_of_16_mib(tmp_path):
    # 5 bytes a token: 1,200,000 tokens are 6 MB, so every third row ends a group
    ids, mask = np.arange(1_200_000) % 9, np.zeros(1_200_000, bool)
    path = write_example(tmp_path / "masks.parquet", (MaskRow(str(number), ids, mask) for number in range(4)))
    groups = pq.ParquetFile(path).metadata
    assert [groups.row_group(index).num_rows for index in range(groups.num_row_groups)] == [3, 1]
    assert [row.id for row in read_masks(path)] == ["0", "1", "2", "3"]


def test_a_source_that_fails_leaves_the_old_file(tmp_path):
    path = write_example(tmp_path / "masks.parquet")
    before = path.read_bytes()

    def failing():
        yield ROWS[0]
        raise InputError("no more")

    with pytest.raises(InputError, match="no more"):
        write_masks(path, failing(), LEXICON, VOCABULARY)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["masks.parquet"]


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (MaskRow("x", [1, 2], [True]), r"must both have shape \(T,\) \(got \(2,\) and \(1,\)\)"),
        (MaskRow("x", [[1]], [[True]]), r"must both have shape \(T,\) \(got \(1, 1\) and \(1, 1\)\)"),
        (MaskRow("x", [-1], [True]), r"token_ids must be integers from 0 to 2\^31 - 1"),
        (MaskRow("x", [2**31], [True]), r"token_ids must be integers from 0 to 2\^31 - 1"),
        (MaskRow("x", [0.5], [True]), r"token_ids must be integers from 0 to 2\^31 - 1"),
        (MaskRow("x", [1], [1]), r"planning_mask must be bool \(got int64\)"),
        (MaskRow("x", [1], [True], (Span(4, 4, "other"),)), "a span must have 0 <= start < end"),
        (MaskRow("", [1], [True]), "id must be a non-empty string"),
    ],
)
def test_an_invalid_row_is_an_error_with_its_number_and_trace(row, fault, tmp_path):
    with pytest.raises(UsageError, match=rf"^invalid mask row 2 \(trace '{row.id}'\): .*{fault}"):
        write_masks(tmp_path / "masks.parquet", [ROWS[0], row], LEXICON, VOCABULARY)
    assert not (tmp_path / "masks.parquet").exists()


def test_another_ending_than_parquet_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"masks\.jsonl: masks are written as Parquet; end the name in \.parquet"):
        write_masks(tmp_path / "masks.jsonl", ROWS, LEXICON, VOCABULARY)


# -- files that are no masks ----------------------------------------------------------------------------


def store_columns(path, metadata=None, **columns):
    """Write a Parquet file with the columns of masks, some of them replaced (None: left out)."""
    replaced = {"id": ["a"], "token_ids": [[1]], "planning_mask": [[True]], "spans": [[]]} | columns
    contents = {name: column for name, column in replaced.items() if column is not None}
    kinds = {"spans": pa.list_(pa.struct({"start": pa.int32(), "end": pa.int32(), "label": pa.string()}))}
    arrays = {name: pa.array(column, kinds.get(name)) for name, column in contents.items()}
    all_metadata = {"format": "sgram-masks", "version": "1", **METADATA} | (metadata or {})
    table = pa.table(arrays).replace_schema_metadata(
        {key: text for key, text in all_metadata.items() if text is not None}
    )
    pq.write_table(table, path)
    return path


def test_the_stored_file_is_valid_when_nothing_is_replaced(tmp_path):
    (row,) = read_masks(store_columns(tmp_path / "masks.parquet"))
    assert as_tuple(row) == ("a", [1], [True], [])


def test_a_file_of_an_earlier_version_holds_masks_of_grams_in_whole_responses(tmp_path):
    path = store_columns(tmp_path / "masks.parquet", {"mask": None, "part": None})
    assert dict(read_masks(path).metadata) == METADATA


@pytest.mark.parametrize(
    ("metadata", "columns", "fault"),
    [
        ({"format": None}, {}, " contains no planning masks; write them with sgram tag"),
        ({"version": "2"}, {}, " has format version 2, but this sgram reads version 1"),
        ({"lexicon_digest": None, "sgram": None}, {}, ": missing lexicon_digest, sgram;"),
        ({}, {"spans": None}, ": missing spans;"),
    ],
)
def test_a_file_without_masks_is_refused_when_it_is_opened(metadata, columns, fault, tmp_path):
    path = store_columns(tmp_path / "masks.parquet", metadata, **columns)
    with pytest.raises(InputError, match=rf"masks\.parquet{fault}"):
        read_masks(path)


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ({"id": [None]}, "row 1: id is null"),
        ({"token_ids": [None]}, "row 1: token_ids is null or contains a null"),
        ({"token_ids": [[None]]}, "row 1: token_ids is null or contains a null"),
        ({"planning_mask": [[None]]}, "row 1: planning_mask is null"),
        (
            {"planning_mask": [[True, False]]},
            r"row 1: token_ids and planning_mask must have one length \(got 1 and 2\)",
        ),
        ({"spans": [None]}, "row 1: spans is null or contains a null"),
        ({"spans": [[None]]}, "row 1: spans is null or contains a null"),
        ({"spans": [[{"start": 0, "end": None, "label": "x"}]]}, "row 1: spans is null or contains a null"),
        ({"spans": [[{"start": 2, "end": 2, "label": "x"}]]}, "row 1: a span must have 0 <= start < end"),
        ({"token_ids": [[2**40]]}, "cannot read planning masks from .*after row 0"),
        ({"planning_mask": [["yes"]]}, "cannot read planning masks from .*after row 0"),
    ],
)
def test_an_invalid_stored_row_is_an_error_with_its_number(columns, fault, tmp_path):
    reader = read_masks(store_columns(tmp_path / "masks.parquet", **columns))
    with pytest.raises(InputError, match=rf"(?=.*masks\.parquet).*{fault}"):
        list(reader)


def test_the_number_of_a_row_counts_from_the_file_s_start(tmp_path):
    n = 150  # more than are read at a time
    mask = [[True]] * (n - 1) + [[True, False]]
    path = store_columns(
        tmp_path / "masks.parquet", id=["a"] * n, token_ids=[[1]] * n, planning_mask=mask, spans=[[]] * n
    )
    with pytest.raises(InputError, match=f"row {n}: token_ids and planning_mask must have one length"):
        list(read_masks(path))


def test_wider_types_are_read_as_ours(tmp_path):
    table = pq.read_table(store_columns(tmp_path / "masks.parquet"))
    wide = pa.schema(
        [("id", pa.large_string()), ("token_ids", pa.large_list(pa.int64())), *list(table.schema)[2:]],
        metadata=table.schema.metadata,
    )
    pq.write_table(table.cast(wide), tmp_path / "wide.parquet")
    (row,) = read_masks(tmp_path / "wide.parquet")
    assert (row.id, row.token_ids.dtype, row.token_ids.tolist()) == ("a", np.int32, [1])


@pytest.mark.parametrize("content", [b"", b"not Parquet", b"PAR1 cut PAR1"])
def test_a_file_that_is_no_parquet_is_refused(content, tmp_path):
    (tmp_path / "masks.parquet").write_bytes(content)
    with pytest.raises(InputError, match=r"cannot read planning masks from .*masks\.parquet: .*; check the path"):
        read_masks(tmp_path / "masks.parquet")
    with pytest.raises(InputError, match=r"cannot read planning masks from .*missing\.parquet"):
        read_masks(tmp_path / "missing.parquet")


def test_damage_in_the_middle_is_an_error(tmp_path):
    path = write_example(
        tmp_path / "masks.parquet", [MaskRow(str(n), np.arange(999) + n, np.arange(999) % n == 0) for n in range(1, 99)]
    )
    data = bytearray(path.read_bytes())
    data[1000:3000] = bytes(2000)
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"cannot read planning masks from .*masks\.parquet: .*after row 0"):
        list(read_masks(path))
