import gzip
import io
import json
import stat
import sys
import tarfile
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.errors import InputError
from sgram.safe_reading import Caps
from sgram.traces.input_files import find_input_files, iter_rows
from tests.builders.container_rows import kinds_of, records_of, rows_of, write

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def row(text: str) -> bytes:
    return json.dumps({"text": text}).encode() + b"\n"


def tar(members: dict[str, bytes | tarfile.TarInfo], packing: str = "", form: str = "pax") -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode=f"w:{packing}", format=FORMATS[form]) as archive:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return sink.getvalue()


def pack(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return sink.getvalue()


def texts(path) -> list[str]:
    return [record["text"] for record in records_of(path)]


MEMBERS = {"run/b.jsonl": row("b1") + row("b2"), "run/a.jsonl": row("a1"), "run/notes.md": b"x", "c.jsonl": row("c1")}
MAKERS = {
    "in.tar": tar,
    "in.tar.gz": lambda members: tar(members, "gz"),
    "in.tgz": lambda members: tar(members, "gz", "gnu"),
    "in.tar.xz": lambda members: tar(members, "xz"),
    "in.tar.bz2": lambda members: tar(members, "bz2", "ustar"),
    "in.zip": pack,
    "stored.zip": lambda members: pack(members, zipfile.ZIP_STORED),
    "in": lambda members: tar(members, "gz"),
    "in.jsonl": pack,
}


@pytest.mark.parametrize("name", MAKERS)
def test_members_are_read_in_the_order_of_their_names_and_label_their_rows(name, tmp_path):
    path = write(tmp_path / name, MAKERS[name](MEMBERS))
    assert kinds_of(path) == {name: "archive"}
    assert [(one.position, one.record["text"]) for one in rows_of(path)] == [
        ("c.jsonl:1", "c1"),
        ("run/a.jsonl:1", "a1"),
        ("run/b.jsonl:1", "b1"),
        ("run/b.jsonl:2", "b2"),
    ]
    assert [one.member for one in rows_of(path)] == ["c.jsonl", "run/a.jsonl", "run/b.jsonl", "run/b.jsonl"]


@pytest.mark.parametrize("name", MAKERS)
def test_an_archive_may_come_through_stdin(name, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(MAKERS[name](MEMBERS))))
    assert texts("-") == ["c1", "a1", "b1", "b2"]


@pytest.mark.parametrize("name", ["in.tar", "in.tar.gz", "in.zip"])
def test_progress_ends_at_the_size_of_the_archive(name, tmp_path):
    members = {f"{number:03d}.jsonl": row("x" * number) for number in range(300)}
    (file,), _ = find_input_files(write(tmp_path / name, MAKERS[name](members)))
    progress = [file.bytes_read for _ in iter_rows(file, Caps())]
    assert progress == sorted(progress)
    assert 0.8 * file.size <= file.bytes_read <= file.size


@given(
    names=st.lists(st.text(st.sampled_from("abé/"), min_size=1, max_size=150), min_size=1, max_size=5, unique=True),
    form=st.sampled_from(["gnu", "pax"]),
    packing=st.sampled_from(["", "gz"]),
)
@settings(max_examples=60, deadline=None)
def test_names_are_those_of_the_tarfile_module(names, form, packing, tmp_path_factory):
    members = {f"{name}{number}.jsonl": row(f"{number}") for number, name in enumerate(names)}
    content = tar(members, packing, form)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        written = {member.name: archive.extractfile(member).read() for member in archive}
    path = write(tmp_path_factory.mktemp("in") / "in.tar", content)
    assert {one.member: row(one.record["text"]) for one in rows_of(path)} == written


def test_the_last_of_several_members_of_one_name_counts(tmp_path):
    first, second = tar({"a.jsonl": row("old"), "b.jsonl": row("b")}), tar({"a.jsonl": row("new")})
    joined = first[: first.rindex(row("b")) + 512] + second  # as tar -r appends
    for name, content in (("in.tar", joined), ("in.tar.gz", gzip.compress(joined))):
        assert texts(write(tmp_path / name, content)) == ["new", "b"]


def test_members_may_be_compressed_and_of_every_container(tmp_path):
    parquet = io.BytesIO()
    pq.write_table(pa.table({"text": ["parquet"]}), parquet)
    members = {
        "1.jsonl.gz": gzip.compress(row("gzip")),
        "2.parquet": parquet.getvalue(),
        "3.csv": b"text\ncsv\n",
        "4.json": json.dumps([{"prompt": "q", "text": "json"}]).encode(),
        "5.json": b'{"lr": 0.1}',
        "6.jsonl": parquet.getvalue(),
    }
    for name in ("in.zip", "in.tar", "in.tar.gz"):
        path = write(tmp_path / name, MAKERS[name](members))
        assert texts(path) == ["gzip", "parquet", "csv", "json", "parquet"]


def test_hidden_files_directories_links_and_devices_are_ignored(tmp_path):
    members: dict[str, bytes | tarfile.TarInfo] = {
        "./run/a.jsonl": row("a"),
        ".hidden.jsonl": row("h"),
        "__MACOSX/a.jsonl": row("m"),
        "a.quarantine.jsonl": row("q"),
    }
    for name, kind in (
        ("link.jsonl", tarfile.SYMTYPE),
        ("hard.jsonl", tarfile.LNKTYPE),
        ("pipe.jsonl", tarfile.FIFOTYPE),
    ):
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, "/etc/passwd"
        members[name] = info
    directory = tarfile.TarInfo("d.jsonl")
    directory.type = tarfile.DIRTYPE
    members["d.jsonl"] = directory
    assert texts(write(tmp_path / "in.tar", tar(members))) == ["a"]
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        link = zipfile.ZipInfo("link.jsonl")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("d.jsonl/", b"")
        archive.writestr("a.jsonl", row("a"))
    assert texts(write(tmp_path / "in.zip", sink.getvalue())) == ["a"]


def test_names_are_labels_and_nothing_is_written_under_them(tmp_path):
    members = {"../../evil.jsonl": row("a"), "/abs.jsonl": row("b"), "a\x1b[31m\n.jsonl": row("c")}
    for name in ("in.tar.gz", "in.zip"):
        path = write(tmp_path / "deep" / "er" / name, MAKERS[name](members))
        assert [one.position for one in rows_of(path)] == [
            "../../evil.jsonl:1",
            "/abs.jsonl:1",
            "a\\x1b[31m\\n.jsonl:1",
        ]
        assert sorted(file.name for file in tmp_path.rglob("*.jsonl")) == []
        path.unlink()


# -- refusals ---------------------------------------------------------------------------------------------------------


def test_an_archive_in_an_archive_is_refused(tmp_path):
    for inner in ("inner.zip", "inner.tar.gz", "log.eval", "b.jsonl"):
        content = pack({"a.jsonl": row("a")})
        for name in ("in.tar.gz", "in.zip"):
            path = write(tmp_path / name, MAKERS[name]({"a.jsonl": row("a"), inner: content}))
            with pytest.raises(InputError, match=rf"{name}:{inner} is an archive in an archive; unpack it first"):
                rows_of(path)


def test_an_archive_without_anything_to_read_is_refused(tmp_path):
    for name in ("in.tar", "in.tar.gz", "in.zip"):
        path = write(tmp_path / name, MAKERS[name]({"a.txt": b"x", "config.json": b"{}"}))
        with pytest.raises(InputError, match=rf"nothing to read in .*{name}: it holds no file ending in \.jsonl"):
            rows_of(path)


def test_bombs_are_refused(tmp_path):
    zeros = b'{"text": "' + b"0" * 4_000_000 + b'"}\n'
    with pytest.raises(InputError, match=r"in\.zip inflates from \d+ to 40000\d\d bytes, more than the cap allows"):
        rows_of(write(tmp_path / "in.zip", pack({"a.jsonl": zeros})))
    (fault,) = rows_of(write(tmp_path / "in.tar.gz", tar({"a.jsonl": zeros}, "gz")))
    assert fault.fault.startswith("inflates more than 200 times, as a bomb does")
    nested = tar({f"{number}.jsonl.gz": gzip.compress(zeros * 2, 1) for number in range(3)}, "gz")
    with pytest.raises(InputError, match=r"in\.tar\.gz inflates past the cap of 10000000 bytes; unpack it first"):
        rows_of(write(tmp_path / "in.tar.gz", nested), Caps(max_inflation=1e9, max_inflated_bytes=10_000_000))


def test_a_large_header_is_damage_and_is_not_held(tmp_path):
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 1 << 30
    content = info.tobuf(tarfile.USTAR_FORMAT)
    (fault,) = rows_of(write(tmp_path / "in.tar", content + bytes(10_000)))
    assert fault.fault.startswith("corrupt tar data (a header of 1073741824 bytes) after byte 512")


def test_an_encrypted_member_is_refused(tmp_path):
    content = bytearray(pack({"a.jsonl": row("a")}))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + offset] |= 1
    with pytest.raises(InputError, match=r"in\.zip:a\.jsonl is encrypted; unpack the archive first"):
        rows_of(write(tmp_path / "in.zip", bytes(content)))


def test_what_is_no_archive_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"in\.zip cannot be read as a zip archive: .*; check the file"):
        rows_of(write(tmp_path / "in.zip", b"PK\x03\x04 no zip"))
    with pytest.raises(InputError, match=r"nothing to read in .*in\.tar: it holds no file"):
        rows_of(write(tmp_path / "in.tar", b""))
    for content in (b"hello", b"x" * 512):
        (fault,) = rows_of(write(tmp_path / "in.tar", content))
        assert fault.fault.endswith(f"after byte {len(content)}; the rest is not read")


# -- damage ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packing", ["", "gz"])
@pytest.mark.parametrize("is_sorted", [True, False])
def test_a_cut_archive_keeps_the_rows_before_the_cut_and_tells_it_once(packing, is_sorted, tmp_path):
    names = ["a.jsonl", "b.jsonl"] if is_sorted else ["b.jsonl", "a.jsonl"]
    members = {name: b"".join(row(f"{name} {number * 7919}") for number in range(20_000)) for name in names}
    content = tar(members, packing)
    path = write(tmp_path / "in.tar", content[: len(content) * 3 // 4])
    if packing and not is_sorted:
        with pytest.raises(InputError, match=r"in\.tar: corrupt gzip data after byte"):
            rows_of(path)
        return
    rows = rows_of(path)
    (fault,) = (one.fault for one in rows if one.fault)
    assert len(rows) > 20_000
    assert "the archive is cut short after byte" in fault or fault.startswith("corrupt gzip data after byte")


def test_damage_in_a_zip_costs_its_member(tmp_path):
    members = {name: b"".join(row(f"{number * 7919}") for number in range(5000)) for name in ("a.jsonl", "b.jsonl")}
    content = bytearray(pack(members))
    content[5000:5010] = bytes(10)
    rows = rows_of(write(tmp_path / "in.zip", bytes(content)))
    faults = [one for one in rows if one.fault]
    assert {one.member for one in faults} == {"a.jsonl"}
    assert "corrupt zip data" in faults[-1].fault
    assert sum(one.member == "b.jsonl" for one in rows) == 5000
