"""Safe reading: compression, caps, lines, whole files."""

import bz2
import gzip
import io
import lzma
import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.errors import InputError
from sgram.safe_reading import (
    BLOCK,
    Caps,
    DamagedInputError,
    InputStream,
    StreamFile,
    iter_lines,
    open_input,
    read_bytes,
)
from tests.builders.paths import ROOT

# The peak of this process alone: ru_maxrss of a child begins at its parent's.
PEAK = "int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")


class Dribble(io.BytesIO):
    """A stream that gives a few bytes at a time, as pipes do."""

    def read1(self, size: int = -1) -> bytes:
        return super().read1(min(7, size) if size > 0 else 7)


def read_all(stream: InputStream) -> bytes:
    blocks = []
    while block := stream.read():
        blocks.append(block)
    return b"".join(blocks)


def zstd_frames(*parts: bytes) -> bytes:
    return b"".join(map(zstandard.compress, parts))


PACKERS = {
    "plain": lambda *parts: b"".join(parts),
    "gzip": lambda *parts: b"".join(map(gzip.compress, parts)),
    "zstd": zstd_frames,
    "bzip2": lambda *parts: b"".join(map(bz2.compress, parts)),
    "xz": lambda *parts: b"".join(map(lzma.compress, parts)),
    "xz with padding": lambda *parts: b"".join(lzma.compress(part) + bytes(8) for part in parts),
    "zstd with skippable frames": lambda *parts: b"\x50\x2a\x4d\x18\x03\0\0\0abc" + zstd_frames(*parts),
}


@given(
    st.sampled_from(sorted(PACKERS)),
    st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=4),
    st.booleans(),
)
def test_whatever_was_packed_is_read_back_and_counted(name, parts, dribbles):
    parts = [b"{" + part for part in parts]  # so that plain content does not look packed
    packed = PACKERS[name](*parts)
    stream = InputStream((Dribble if dribbles else io.BytesIO)(packed), "x", Caps())
    assert read_all(stream) == b"".join(parts)
    assert stream.bytes_read == len(packed) - (packed.count(bytes(8)) and 8 * len(parts) if "padding" in name else 0)
    assert stream.bytes_out == len(b"".join(parts))


TEXT = b"".join(b"line %d of some text\n" % n for n in range(3000))


@pytest.mark.parametrize("cut", [2, 5, 11, 40, 1000, -9, -8, -1])
def test_a_cut_gzip_gives_the_data_before_the_cut_and_then_raises(cut):
    stream = InputStream(io.BytesIO(gzip.compress(TEXT)[:cut]), "x", Caps())
    blocks = []

    def read() -> None:
        while block := stream.read():
            blocks.append(block)

    with pytest.raises(DamagedInputError, match=r"corrupt gzip data after byte .*: the file is cut short"):
        read()
    whole = b"".join(blocks)
    # an independent reader sees the same prefix
    assert whole == zlib.decompressobj(31).decompress(gzip.compress(TEXT)[:cut])
    assert stream.bytes_out == len(whole)


@given(st.integers(min_value=0, max_value=10_000), st.integers(min_value=1, max_value=255))
@settings(max_examples=60)
def test_a_flipped_byte_never_raises_anything_but_the_promised_error(offset, flip):
    for packed in (gzip.compress(TEXT), zstandard.compress(TEXT), bz2.compress(TEXT), lzma.compress(TEXT)):
        broken = bytearray(packed)
        broken[offset % len(broken)] ^= flip
        try:
            stream = InputStream(io.BytesIO(bytes(broken)), "x", Caps())
            for _ in iter_lines(stream):
                pass
        except InputError:
            assert offset % len(broken) < 6  # the magic itself is gone


def test_lines_before_a_corrupt_block_survive():
    packed = bytearray(gzip.compress(TEXT))
    half = len(packed) // 2
    packed[half] ^= 0xFF
    lines = list(iter_lines(InputStream(io.BytesIO(bytes(packed)), "x", Caps())))
    assert lines[-1].fault.startswith("corrupt gzip data")
    # what the bytes before the damage hold, by an independent reader
    before = zlib.decompressobj(31).decompress(bytes(packed[: half - 1])).split(b"\n")[:-1]
    assert len(before) > 100
    assert [line.data for line in lines[: len(before)]] == before


@pytest.mark.parametrize("name", ["gzip", "zstd", "bzip2", "xz"])
def test_a_bomb_is_stopped_and_what_it_gave_until_then_is_kept(name):
    packed = PACKERS[name](TEXT, bytes(50_000_000))
    lines = list(iter_lines(InputStream(io.BytesIO(packed), "x", Caps())))
    assert [line.data for line in lines[:3000]] == TEXT.splitlines()
    assert len(lines) == 3001
    assert "inflates more than 200 times" in lines[-1].fault
    assert (lines[-1].number, lines[-1].offset) == (3001, len(TEXT))


def test_the_ratio_is_not_judged_before_the_first_mebibyte():
    for size, stopped in ((1 << 20, False), ((1 << 20) + 1, True)):
        stream = InputStream(io.BytesIO(gzip.compress(bytes(size))), "x", Caps())
        if stopped:
            with pytest.raises(DamagedInputError, match="as a bomb does"):
                read_all(stream)
        else:
            assert len(read_all(stream)) == size


def test_inflated_bytes_are_capped_and_plain_ones_are_not():
    caps = Caps(max_inflated_bytes=10_000)
    with pytest.raises(DamagedInputError, match="inflates past the cap of 10000 bytes"):
        read_all(InputStream(io.BytesIO(gzip.compress(TEXT)), "x", caps))
    assert read_all(InputStream(io.BytesIO(TEXT), "x", caps)) == TEXT


BOMB = f"""
import sys
from sgram.safe_reading import iter_lines, open_input
with open_input(sys.argv[1]) as stream:
    (line,) = iter_lines(stream)
print(line.fault.split(",")[0], {PEAK})
"""


@needs_proc
@pytest.mark.parametrize("name", ["gzip", "zstd", "bzip2", "xz"])
def test_a_gibibyte_of_zeros_is_refused_in_little_memory(name, tmp_path):
    path = tmp_path / "bomb"
    zeros = bytes(1 << 20)
    packer = {
        "gzip": lambda: zlib.compressobj(9, zlib.DEFLATED, 31),
        "zstd": lambda: zstandard.ZstdCompressor().compressobj(),
        "bzip2": bz2.BZ2Compressor,
        "xz": lzma.LZMACompressor,
    }[name]()
    n_blocks = 1024 if name in ("gzip", "zstd") else 128  # the others pack slowly
    path.write_bytes(b"".join([*(packer.compress(zeros) for _ in range(n_blocks)), packer.flush()]))
    process = subprocess.run(
        [sys.executable, "-c", BOMB, str(path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    fault, kibibytes = process.stdout.strip().rsplit(" ", 1)
    assert fault == "inflates more than 200 times"
    assert int(kibibytes) < 300 * 1024


LONG = f"""
import sys
from sgram.safe_reading import iter_lines, open_input
with open_input(sys.argv[1]) as stream:
    lines = [(line.number, line.offset, len(line.data), line.fault) for line in iter_lines(stream)]
print(lines)
print({PEAK})
"""


@needs_proc
def test_a_line_over_the_cap_is_passed_over_without_being_held(tmp_path):
    path = tmp_path / "long.jsonl"
    with path.open("wb") as file:
        file.write(b"one\n")
        file.seek(400 << 20, os.SEEK_CUR)  # a sparse line of 400 MiB
        file.write(b"x\ntwo\n")
    process = subprocess.run(
        [sys.executable, "-c", LONG, str(path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    lines, kibibytes = process.stdout.strip().split("\n")
    size = (400 << 20) + 1
    assert lines == str(
        [(1, 0, 3, ""), (2, 4, 800, "longer than the cap of 67108864 bytes a line"), (3, 4 + size + 1, 3, "")]
    )
    assert int(kibibytes) < 250 * 1024


def naive_lines(content: bytes, cap: int) -> list[tuple[int, int, bytes, bool]]:
    """What `iter_lines` promises, one byte after the other."""
    lines, number, start = [], 1, 0
    while start < len(content):
        end = start
        while end < len(content) and content[end] != 0x0A:
            end += 1
        data = content[start:end]
        if data and data[-1] == 0x0D:
            data = data[:-1]
        if number == 1 and data.startswith(b"\xef\xbb\xbf"):
            data = data[3:]
        lines.append((number, start, b"" if len(data) > cap else data, len(data) > cap))
        number, start = number + 1, end + 1
    return lines


@given(
    st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r", b"\r\n", b"\xef\xbb\xbf", b"0123456789"]), max_size=40),
    st.integers(min_value=1, max_value=12),
    st.booleans(),
)
@settings(max_examples=300)
def test_lines_offsets_and_caps_are_those_of_a_naive_reader(pieces, cap, dribbles):
    content = b"".join(pieces)
    stream = InputStream((Dribble if dribbles else io.BytesIO)(content), "x", Caps())
    lines = [
        (line.number, line.offset, b"" if line.fault else line.data, bool(line.fault))
        for line in iter_lines(stream, Caps(max_line_bytes=cap))
    ]
    assert lines == naive_lines(content, cap)


def test_a_line_at_the_cap_passes_and_one_byte_more_does_not():
    content = b"12345\n123456\r\n12345\r\n"
    lines = list(iter_lines(InputStream(io.BytesIO(content), "x", Caps()), Caps(max_line_bytes=5)))
    assert [bool(line.fault) for line in lines] == [False, True, False]


def test_blocks_of_a_large_file_are_joined(tmp_path):
    path = tmp_path / "in.jsonl"
    content = b"".join(bytes([65 + n % 26]) * (n * 97_777 % 300_000) + b"\n" for n in range(60))
    path.write_bytes(content)
    assert len(content) > 4 * BLOCK
    with open_input(path) as stream:
        assert b"".join(line.data + b"\n" for line in iter_lines(stream)) == content
        assert stream.bytes_read == len(content)


def test_stdin_may_be_packed(monkeypatch):
    for packed in PACKERS.values():
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(packed(TEXT))))
        with open_input("-") as stream:
            assert (read_all(stream), stream.name) == (TEXT, "stdin")
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match="stdin is closed"), open_input("-"):
        pass


def test_input_that_cannot_be_opened_raises_an_input_error(tmp_path):
    for path in (tmp_path / "missing", tmp_path, "a\0b"):
        with pytest.raises(InputError, match=r"cannot read .*; check the path"), open_input(path):
            pass


def test_a_failing_disk_counts_as_damage():
    class Failing(io.BytesIO):
        def read1(self, size: int = -1) -> bytes:
            raise OSError(5, "Input/output error")

    (line,) = iter_lines(InputStream(Failing(b"first bytes"), "x", Caps()))
    assert line.fault == "reading fails after byte 6: [Errno 5] Input/output error"


@pytest.mark.parametrize(("pack", "name"), [(bz2.compress, "bzip2"), (lzma.compress, "xz")])
@pytest.mark.parametrize("cut", [7, 40, 1000, -9, -1])
def test_a_cut_bzip2_or_xz_gives_what_is_before_the_cut_and_then_raises(pack, name, cut):
    packed = pack(os.urandom(3000) + TEXT)
    stream = InputStream(io.BytesIO(packed[:cut]), "x", Caps())
    lines = list(iter_lines(stream))
    assert lines[-1].fault.startswith(f"corrupt {name} data after byte {stream.bytes_out}: ")


def test_damage_is_raised_again_by_whoever_reads_on():
    stream = InputStream(io.BytesIO(gzip.compress(TEXT)[:-9]), "x", Caps())
    for _ in range(3):
        with pytest.raises(DamagedInputError, match="the file is cut short"):
            read_all(stream)


def test_garbage_behind_bzip2_or_xz_is_damage():
    for packed in (bz2.compress(TEXT), lzma.compress(TEXT)):
        *lines, last = iter_lines(InputStream(io.BytesIO(packed + b"garbage"), "x", Caps()))
        assert [line.data for line in lines] == TEXT.splitlines()
        assert last.fault.startswith("corrupt ")


def test_xz_data_that_need_much_memory_are_damage():
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 28}]
    (line,) = iter_lines(InputStream(io.BytesIO(lzma.compress(TEXT, filters=filters)), "x", Caps()))
    assert line.fault == "corrupt xz data after byte 0: Memory usage limit exceeded"


# -- files that change -------------------------------------------------------------------------------------


def test_what_is_appended_after_a_file_was_opened_is_not_read(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_bytes(TEXT)
    with open_input(path) as stream:
        with path.open("ab") as more:
            more.write(b"late\n")
        assert read_all(stream) == TEXT
    with open_input(path, size=5) as stream:
        assert (read_all(stream), stream.bytes_read) == (TEXT[:5], 5)


def test_a_file_that_shrinks_raises_an_input_error(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_bytes(TEXT * 100)
    size = len(TEXT) * 100
    with open_input(path) as stream:
        os.truncate(path, 1000)
        with pytest.raises(InputError, match=rf"in\.jsonl shrank from {size} to \d+ bytes while it was read") as error:
            read_all(stream)
    assert not isinstance(error.value, DamagedInputError)
    with open_input(path, size=2000) as stream, pytest.raises(InputError, match="shrank from 2000 to 1000 bytes"):
        read_all(stream)


def test_a_stream_is_a_file_for_libraries_that_read_files():
    stream = InputStream(Dribble(gzip.compress(TEXT)), "x", Caps())
    file = io.TextIOWrapper(io.BufferedReader(StreamFile(stream)))
    assert file.read() == TEXT.decode()


# -- whole files -----------------------------------------------------------------------------------------


def test_a_file_comes_whole_and_unpacked(tmp_path):
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(b"wait " * 100_000))
    assert read_bytes(path, 1 << 20, "a lexicon") == b"wait " * 100_000


def test_a_file_of_the_cap_is_read_and_one_byte_more_is_refused(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b"x" * (1 << 20))
    assert len(read_bytes(path, 1 << 20, "a lexicon")) == 1 << 20
    path.write_bytes(b"x" * ((1 << 20) + 1))
    with pytest.raises(InputError, match=r"a\.json is larger than 1 MiB, the limit for a lexicon$"):
        read_bytes(path, 1 << 20, "a lexicon")


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(b"wait " * 1000)[:-9])
    with pytest.raises(InputError, match=r"a\.json\.gz: "):
        read_bytes(path, 1 << 20, "a lexicon")
