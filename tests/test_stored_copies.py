import io
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import InputError
from sgram.stored_copies import StoredCopy
from tests.builders.paths import ROOT


class Blocks:
    def __init__(self, *blocks: bytes):
        self._blocks = [*blocks, b""]

    def read(self) -> bytes:
        return self._blocks.pop(0)


@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=6),
    st.lists(st.tuples(st.integers(0, 250), st.integers(0, 60), st.booleans()), max_size=8),
)
def test_a_copy_reads_like_a_file_from_any_place(blocks, reads):
    copy, whole = StoredCopy(Blocks(*blocks), "x"), io.BytesIO(b"".join(blocks))
    assert copy.size == len(whole.getvalue())
    with copy.open() as file:
        for place, size, from_end in reads:
            whence = os.SEEK_END if from_end else os.SEEK_SET
            place = -min(place, copy.size) if from_end else place
            assert file.seek(place, whence) == whole.seek(place, whence)
            assert file.read(size) == whole.read(size)
            assert file.tell() == whole.tell()


def test_libraries_can_read_a_copy_by_its_file_and_by_its_path():
    buffer = io.BytesIO()
    pq.write_table(pa.table({"text": ["so"] * 3}), buffer)
    copy = StoredCopy(Blocks(buffer.getvalue()), "x")
    with copy.open() as file:
        assert pq.ParquetFile(file).read().num_rows == 3
    assert Path(copy.path).read_bytes() == buffer.getvalue()


def test_a_copy_has_no_name_and_is_gone_with_its_last_reference(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    copy = StoredCopy(Blocks(b"so"), "x")
    descriptor = copy.descriptor
    assert list(tmp_path.iterdir()) == []
    file = copy.open()
    del copy
    assert file.read() == b"so"
    del file
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_copy_that_fails_is_gone_too(tmp_path, monkeypatch):
    class Broken(Blocks):
        def read(self) -> bytes:
            raise InputError("cannot read stdin")

    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(InputError, match="cannot read stdin"):
        StoredCopy(Broken(), "x")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


FULL_DISK = """
import resource, sys
from sgram.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
sys.exit(main(["read", "-"]))
"""


def test_a_full_disk_ends_in_a_sentence(tmp_path):
    """A limit of 64 KiB a file takes the place of a full disk."""
    rows = b'{"text": "so", "score": 1}\n' * 4000
    process = subprocess.run(
        [sys.executable, "-c", FULL_DISK],
        input=rows,
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert (process.returncode, process.stdout) == (3, b"")
    sentence = f"cannot copy stdin into a temporary file in {tmp_path}: File too large; free space there, or set TMPDIR"
    assert sentence in process.stderr.decode()
    assert b"Traceback" not in process.stderr
    assert list(tmp_path.iterdir()) == []
