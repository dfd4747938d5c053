import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.errors import InputError
from sgram.traces.containers.parquet_pages import read_column_pages, read_footer
from tests.builders.container_rows import rows_of, write

TABLE = pa.table(
    {
        "id": [f"{n}" for n in range(60)],
        "text": [f"wait, {n} " * 20 for n in range(60)],
        "reward": [float(n) for n in range(60)],
        "messages": [[{"role": "user", "content": "q" * n}, {"role": "assistant", "content": None}] for n in range(60)],
        "steps": [list(range(n % 4)) for n in range(60)],
    }
)


def parquet_bytes(**options: object) -> bytes:
    sink = io.BytesIO()
    pq.write_table(TABLE, sink, **options)
    return sink.getvalue()


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("codec", ["none", "snappy", "zstd", "gzip", "brotli"])
@pytest.mark.parametrize("dictionary", [True, False, ["id"]])
def test_footer_and_pages_are_those_that_pyarrow_reads(version, codec, dictionary):
    content = parquet_bytes(
        compression=codec, use_dictionary=dictionary, data_page_version=version, row_group_size=25, data_page_size=200
    )
    file = io.BytesIO(content)
    metadata = pq.ParquetFile(io.BytesIO(content)).metadata
    groups = read_footer(file)
    assert len(groups) == metadata.num_row_groups == 3
    for group, chunks in enumerate(groups):
        expected = metadata.row_group(group)
        assert [chunk.path for chunk in chunks] == [expected.column(n).path_in_schema for n in range(len(chunks))]
        for number, chunk in enumerate(chunks):
            column = expected.column(number)
            pages = read_column_pages(file, chunk)
            assert (chunk.n_values, chunk.stored) == (column.num_values, column.total_compressed_size)
            assert chunk.is_repeated == (metadata.schema.column(number).max_repetition_level > 0)
            assert chunk.width == (8 if column.physical_type in ("DOUBLE", "INT64") else 0)
            assert pages.n_values == column.num_values
            # pyarrow counts the page headers too
            assert pages.inflated <= column.total_uncompressed_size <= pages.inflated + 2000
            assert bool(pages.dictionary) == column.has_dictionary_page
            assert pages.n_dictionary_values == (pages.n_values if column.has_dictionary_page else 0)
            assert not pages.has_shared_prefixes


def test_encodings_with_shared_prefixes_are_told():
    file = io.BytesIO(parquet_bytes(use_dictionary=False, column_encoding={"text": "DELTA_BYTE_ARRAY"}))
    pages = {chunk.path: read_column_pages(file, chunk) for chunk in read_footer(file)[0]}
    assert [path for path, column in pages.items() if column.has_shared_prefixes] == ["text"]


@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"PAR1\xff\xff\xff\xffPAR1", b"PAR1" + bytes(20) + b"\x10\0\0\0PAR1"]
)
def test_what_has_no_footer_raises_a_value_error(content):
    with pytest.raises(ValueError, match="footer"):
        read_footer(io.BytesIO(content))


CONTENTS = [
    parquet_bytes(),
    parquet_bytes(compression="zstd", data_page_version="2.0", use_dictionary=False, row_group_size=20),
    parquet_bytes(use_dictionary=False, column_encoding={"text": "DELTA_BYTE_ARRAY"}, compression="none"),
]


@given(
    number=st.integers(0, len(CONTENTS) - 1),
    changes=st.lists(st.tuples(st.integers(1, 3000), st.integers(0, 255)), min_size=1, max_size=3),
)
@settings(max_examples=150, deadline=None)
def test_a_damaged_file_ends_in_an_input_error_or_in_faults_and_never_ends_the_process(
    number, changes, tmp_path_factory
):
    content = bytearray(CONTENTS[number])
    for from_end, byte in changes:  # most of the footer, and some pages
        content[-(from_end % len(content))] = byte
    try:
        rows = rows_of(write(tmp_path_factory.mktemp("in") / "in.parquet", bytes(content)))
    except InputError:
        return
    assert all(row.fault or row.record.keys() for row in rows)
