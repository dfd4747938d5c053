import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sgram.files
from sgram.errors import SgramError, UsageError
from sgram.files import (
    canonical_json,
    data_path,
    digest,
    excerpt,
    parse_size,
    pretty_json,
    scratch_folder,
    write_atomic,
    write_bytes,
)
from tests.builders.paths import ROOT


def leftovers(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name.endswith(".tmp")]


# -- excerpt, JSON, sizes, data --------------------------------------------------------------------------


@given(st.one_of(st.text(max_size=400), st.binary(max_size=2000)))
def test_an_excerpt_is_short_printable_and_encodable(value):
    printable = excerpt(value)
    assert len(printable) <= 200
    assert printable.isprintable()
    printable.encode()


def test_an_excerpt_escapes_unprintable_characters():
    assert excerpt("a\x1b[0m\u202eb\n") == "a\\x1b[0m\\u202eb\\n"
    assert excerpt(b"caf\xe9") == "caf\\xe9"
    assert excerpt("\ud800") == "\\ud800"
    assert excerpt(Path("x/y z")) == "x/y z"
    assert excerpt("é" * 500) == "é" * 200


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(JSON_VALUES)
def test_canonical_and_pretty_json_hold_the_same_value(value):
    assert json.loads(canonical_json(value)) == json.loads(pretty_json(value)) == value


def test_canonical_json_does_not_depend_on_the_order_of_keys():
    assert (
        canonical_json({"b": 1, "a": {"d": "é", "c": [1.5, None]}}) == '{"a":{"c":[1.5,null],"d":"é"},"b":1}'.encode()
    )
    assert pretty_json({"b": 1, "a": []}) == b'{\n "a": [],\n "b": 1\n}\n'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_canonical_json_refuses_what_json_cannot_hold(value):
    with pytest.raises(ValueError, match=r"JSON compliant|surrogates not allowed"):
        canonical_json([value])


def test_digest_is_sha256_in_hex():
    # the well-known digest of no bytes
    assert digest(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4096", 4096),
        ("0", 0),
        ("1B", 1),
        ("2KB", 2000),
        ("2KiB", 2048),
        ("500MB", 500_000_000),
        ("500 MB", 500_000_000),
        ("3MiB", 3 << 20),
        ("1GB", 10**9),
        ("2GiB", 2 << 30),
        ("1.5gib", 3 << 29),
        (" 2gb ", 2 * 10**9),
    ],
)
def test_sizes_are_read_with_their_unit(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "x", "-1", "1.5", "1.5B", "2TiB", "2 G iB", "1e9", "٣MB", "1,000", "GiB", "9" * 40]
)
def test_an_invalid_size_raises_an_error_with_the_syntax(text):
    with pytest.raises(UsageError, match=r"^invalid size .*: write bytes or a unit"):
        parse_size(text)


def test_shipped_data_is_found_in_the_checkout():
    assert data_path("schemas").is_dir()
    assert data_path("schemas") == ROOT / "data" / "schemas"


def test_missing_shipped_data_raise_an_error_with_their_name():
    with pytest.raises(SgramError, match=r"shipped file data/no/such\.json is missing"):
        data_path("no", "such.json")


def test_shipped_data_is_found_in_an_installed_package(tmp_path):
    package = tmp_path / "site" / "sgram"
    (package / "data" / "lexicons").mkdir(parents=True)
    for name in ("__init__.py", "errors.py", "files.py"):
        (package / name).write_bytes((ROOT / "sgram" / name).read_bytes())
    (package / "data" / "lexicons" / "x.json").write_text("{}")
    code = "from sgram.files import data_path; print(data_path('lexicons', 'x.json'))"
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "site", capture_output=True, text=True, check=True
    )
    assert Path(process.stdout.strip()) == (package / "data" / "lexicons" / "x.json").resolve()


# -- atomic writing ------------------------------------------------------------------------------------------


def test_a_file_appears_only_when_the_block_ends_well(tmp_path):
    path = tmp_path / "new" / "folder" / "out.bin"
    with write_atomic(path) as file:
        file.write(b"half")
        file.flush()
        assert not path.exists()
        file.write(b" whole")
    assert path.read_bytes() == b"half whole"
    assert not leftovers(tmp_path)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, MemoryError])
def test_a_failed_block_leaves_the_old_file_and_no_temporary_one(tmp_path, error):
    path = tmp_path / "out.bin"
    path.write_bytes(b"old")

    def fail() -> None:
        with write_atomic(path) as file:
            file.write(b"new")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_bytes() == b"old"
    assert not leftovers(tmp_path)


def test_leftovers_of_killed_processes_are_removed_by_the_next_one_that_writes_there(tmp_path):
    code = """
import os, sys
from sgram.files import write_atomic
with write_atomic(sys.argv[1] + "/out.bin") as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT)
    (leftover,) = leftovers(tmp_path)
    with write_atomic(tmp_path / "being_written.bin") as file:
        (current,) = (path for path in leftovers(tmp_path) if path != leftover)
        for path in (leftover, current):
            os.utime(path, (0, 0))  # long ago
        sgram.files._cleaned_folders.clear()  # as in a new process
        write_bytes(tmp_path / "other.bin", b"b")
        # the leftover is gone; what is being written is not
        assert leftovers(tmp_path) == [current]
        file.write(b"a")
    assert not leftovers(tmp_path)
    assert (tmp_path / "being_written.bin").read_bytes() == b"a"


def test_scratch_folders_of_killed_processes_are_removed_by_the_next_one(tmp_path):
    code = """
import os, sys
from sgram.files import scratch_folder
with scratch_folder(sys.argv[1]) as folder:
    (folder / "part").write_bytes(b"half")
    os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT)
    (leftover,) = leftovers(tmp_path)
    assert (leftover / "files" / "part").read_bytes() == b"half"
    with scratch_folder(tmp_path) as current:
        for folder in (leftover, current.parent):
            os.utime(folder / ".lock", (0, 0))  # long ago
        sgram.files._cleaned_folders.clear()  # as in a new process
        write_bytes(tmp_path / "other.bin", b"b")
        # the leftover is gone; what another process works in is not
        assert leftovers(tmp_path) == [current.parent]
    assert not leftovers(tmp_path)


def test_a_scratch_folder_is_removed_after_an_error(tmp_path):
    def fail() -> None:
        with scratch_folder(tmp_path / "new") as folder:
            (folder / "part").write_bytes(b"half")
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        fail()
    assert not leftovers(tmp_path / "new")


def test_the_mode_of_the_old_file_is_kept_and_a_new_one_follows_the_umask(tmp_path):
    path = tmp_path / "out.bin"
    path.write_bytes(b"old")
    path.chmod(0o640)
    write_bytes(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    old = os.umask(0o027)
    try:
        write_bytes(tmp_path / "other.bin", b"")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "other.bin").stat().st_mode) == 0o640


def test_a_symlink_is_followed_and_stays_a_symlink(tmp_path):
    (tmp_path / "real").mkdir()
    link = tmp_path / "link.bin"
    link.symlink_to(tmp_path / "real" / "out.bin")
    write_bytes(link, b"one")
    write_bytes(link, b"two")
    assert link.is_symlink()
    assert (tmp_path / "real" / "out.bin").read_bytes() == b"two"


def test_a_device_is_written_in_place():
    write_bytes("/dev/null", b"gone")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_a_directory_is_refused_as_output(tmp_path):
    with pytest.raises(UsageError, match="it is a directory; name a file"):
        write_bytes(tmp_path, b"")


@pytest.mark.parametrize("name", ["file/out.bin", "a\0b", "x" * 300 + "/out.bin"])
def test_a_path_that_cannot_be_written_raises_an_error_with_advice(tmp_path, name):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SgramError, match=r"cannot write .*; choose another path"):
        write_bytes(f"{tmp_path}/{name}", b"")


def test_errors_of_the_block_itself_keep_their_type(tmp_path):
    with pytest.raises(FileNotFoundError), write_atomic(tmp_path / "out.bin"):
        (tmp_path / "missing").read_bytes()


FULL_DISK = """
import resource, signal, sys
import sgram.files
from sgram.errors import SgramError
from sgram.files import write_atomic
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    with write_atomic(sys.argv[1]) as file:
        file.write(bytes(100_000))
except SgramError as error:
    print(error)
"""


def test_a_full_disk_raises_an_error_and_the_old_file_stays(tmp_path):
    path = tmp_path / "out.bin"
    path.write_bytes(b"old")
    command = [sys.executable, "-c", FULL_DISK, str(path)]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert process.stdout.strip() == f"cannot write {path}: File too large; choose another path"
    assert path.read_bytes() == b"old"
    assert not leftovers(tmp_path)


KILLED = """
import os, signal, sys
from sgram.files import write_atomic
with write_atomic(sys.argv[1]) as file:
    file.write(b"new")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_writer_leaves_the_old_file_whole(tmp_path):
    path = tmp_path / "out.bin"
    path.write_bytes(b"old")
    process = subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=ROOT, check=False)
    assert process.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    assert len(leftovers(tmp_path)) == 1  # the accepted trade-off


def test_importing_files_stays_light():
    code = "import sys, sgram.files; print([m for m in ('pyarrow', 'numpy', 'pandas', 'torch') if m in sys.modules])"
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "[]"
