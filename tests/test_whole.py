import gzip

import pytest

from sgram.errors import InputError
from sgram.files import read_whole


def test_a_file_comes_whole_and_unpacked(tmp_path):
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(b"wait " * 100_000))
    assert read_whole(path, 1 << 20, "a lexicon is") == b"wait " * 100_000


def test_a_file_of_the_cap_is_read_and_one_byte_more_is_refused(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b"x" * (1 << 20))
    assert len(read_whole(path, 1 << 20, "a lexicon is")) == 1 << 20
    path.write_bytes(b"x" * ((1 << 20) + 1))
    with pytest.raises(InputError, match=r"a\.json is over 1 MiB; a lexicon is not that large$"):
        read_whole(path, 1 << 20, "a lexicon is")


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(b"wait " * 1000)[:-9])
    with pytest.raises(InputError, match=r"a\.json\.gz: "):
        read_whole(path, 1 << 20, "a lexicon is")
