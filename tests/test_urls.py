"""Files behind URLs: fsspec's file system in memory, and a web server on the loopback interface."""

import subprocess
import sys
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import InputError, UsageError
from sgram.safe_reading import open_raw, read_bytes
from sgram.urls import base_name, expand_url, is_url, list_folder, location, open_url, printable_name
from tests.builders.paths import ROOT
from tests.builders.web_server import serving_files

fsspec = pytest.importorskip("fsspec", reason="fsspec comes with the extra remote")
fsspec_registry = pytest.importorskip("fsspec.registry", reason="fsspec comes with the extra remote")
pytest.importorskip("aiohttp", reason="aiohttp comes with the extra remote")
pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


@pytest.fixture
def memory():
    """(URL of an empty folder in memory, function that puts a file there)."""
    files, folder = fsspec.filesystem("memory"), f"/{uuid.uuid4().hex}"
    yield f"memory:/{folder}", lambda name, content: files.pipe_file(f"{folder}/{name}", content)
    files.rm(folder, recursive=True)


def read(url: str) -> bytes:
    with open_url(url) as file:
        return file.read()


# -- names --------------------------------------------------------------------------------------------------------


def test_what_is_a_url():
    assert all(map(is_url, ("https://h/a", "s3://b/k", "hf://datasets/o/n", "memory://a", "simplecache::s3://b/k")))
    assert not any(map(is_url, ("a.jsonl", "/a//b", "c:/a", "a b://c", "-", "grpo=https://h/a", "", "://a")))


SECRETS = ("secret", "token=0f", "sig%3D")


@given(st.sampled_from(["http", "https", "HTTPS"]), st.sampled_from(SECRETS), st.sampled_from(SECRETS), st.booleans())
def test_no_name_of_a_web_address_holds_its_secrets(scheme, password, query, has_fragment):
    url = f"{scheme}://me:{password}@host:80/a/b.jsonl?{query}{'#' + query if has_fragment else ''}"
    for name in (location(url), printable_name(url), base_name(url)):
        assert not any(secret in name for secret in (*SECRETS, "me:", "@")), name
    assert printable_name(url) == f"{scheme}://host:80/a/b.jsonl?..."
    assert base_name(url) == "b.jsonl"


def test_names_of_other_schemes_stay_whole():
    assert printable_name("s3://bucket/what?.jsonl") == "s3://bucket/what?.jsonl"
    assert printable_name("hf://datasets/owner/name@main/a.parquet") == "hf://datasets/owner/name@main/a.parquet"
    assert printable_name("s3://key:secret@bucket/a") == "s3://bucket/a"


# -- reading ------------------------------------------------------------------------------------------------------


def test_a_file_in_memory_is_read(memory):
    folder, put = memory
    put("a.txt", b"wait, so" * 100_000)
    assert read(f"{folder}/a.txt") == b"wait, so" * 100_000
    with open_raw(f"{folder}/a.txt") as file:
        assert file.read(4) == b"wait"
    assert read_bytes(f"{folder}/a.txt", 1 << 20, "a text")[:4] == b"wait"
    with pytest.raises(InputError, match=r"^memory://\w+/a\.txt is larger than 0 MiB, the limit for a text$"):
        read_bytes(f"{folder}/a.txt", 10, "a text")


def test_a_chained_url_is_read(memory):
    folder, put = memory
    put("a.txt", b"wait")
    assert read(f"simplecache::{folder}/a.txt") == b"wait"


def test_patterns_and_folders(memory):
    folder, put = memory
    for name in ("b.jsonl", "a.jsonl", "c/d.jsonl", "c/[1].jsonl"):
        put(name, b"{}")
    tail = [url.rpartition(folder.removeprefix("memory:/"))[2] for url in expand_url(f"{folder}/*.jsonl")]
    assert tail == ["/a.jsonl", "/b.jsonl"]
    assert len(expand_url(f"{folder}/**/*.jsonl")) == 4
    assert expand_url(f"{folder}/c/[1].jsonl")[0].endswith("/c/[1].jsonl"), "a file of this name is no pattern"
    assert len(list_folder(folder)) == 4
    assert list_folder(f"{folder}/a.jsonl") is None
    with pytest.raises(InputError, match=r"^nothing matches memory://\w+/\*\.csv; check the pattern$"):
        expand_url(f"{folder}/*.csv")
    with pytest.raises(InputError, match=r"cannot read memory://\w+/x: there is no such file; check the URL$"):
        list_folder(f"{folder}/x")


def test_a_file_that_is_replaced_while_it_is_read_is_an_error(memory):
    folder, put = memory
    put("a.txt", b"a" * 1_000_000)
    with open_url(f"{folder}/a.txt") as file:
        assert file.read(10) == b"a" * 10
        put("a.txt", b"b" * 1_000_000)
        with pytest.raises(InputError, match=r"a\.txt was replaced while it was read; read it again$"):
            file.read()


def test_a_web_address_is_one_request_with_the_user_and_the_query():
    with serving_files({"/a.txt": b"wait"}) as served:
        assert read(f"http://me:secret@{served.address}/a.txt?token=0f") == b"wait"
    (get,) = [request for request in served.requests if request[0] == "GET"]
    assert get[1] == "/a.txt?token=0f"
    assert get[2].startswith("Basic ")


def test_a_page_of_links_is_a_folder():
    page = b'<a href="a.jsonl">a</a> <a href="sub/">b</a> <a href="http://elsewhere/x.jsonl">x</a> <a href="../">up</a>'
    files = {"/runs/": page, "/runs/a.jsonl": b"{}", "/runs/sub": b'<a href="b.jsonl">b</a>'}
    with serving_files(files) as served:
        names = list_folder(f"{served.url}/runs/")
    assert sorted(names) == [f"{served.url}/runs/a.jsonl", f"{served.url}/runs/sub/b.jsonl"]


# -- what cannot be read ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, "it needs a login (HTTP 401)"),
        (403, "access is denied (HTTP 403)"),
        (404, "there is no such file (HTTP 404)"),
        (410, "the server refuses it (HTTP 410)"),
        (500, "the server fails (HTTP 500)"),
    ],
)
def test_a_refusal_says_why_and_no_secret(status, reason):
    with serving_files({"/a.txt": status}) as served, pytest.raises(InputError) as error:
        read(f"http://me:secret@{served.address}/a.txt?token=0f")
    assert str(error.value) == f"cannot read {served.url}/a.txt?...: {reason}; check the URL"


def test_a_connection_that_breaks_is_an_error():
    sentence = r"^cannot read http://.*/a\.txt: the connection broke before the end; check the URL$"
    with serving_files({"/a.txt": b"wait, so"}, cut=4) as served, pytest.raises(InputError, match=sentence):
        read(f"{served.url}/a.txt")


def test_without_a_connection_a_sentence_says_so():
    with serving_files({}) as served:
        address = served.address
    with pytest.raises(InputError, match=r"^cannot read http://127.0.0.1:\d+/a\?\.\.\.: .*; check the URL$") as error:
        read(f"http://me:secret@{address}/a?token=0f")
    assert "Errno" in str(error.value)
    assert "secret" not in str(error.value)
    assert "0f" not in str(error.value).replace(address, "")


def test_an_unknown_scheme_and_a_missing_package_are_refused(monkeypatch):
    with pytest.raises(UsageError, match=r"^foo:// is not supported; fsspec knows hf, s3, gs, https and more$"):
        read("foo://a")
    for scheme, package in (("gs", "gcsfs"), ("hf", "huggingface_hub"), ("s3", "s3fs")):
        monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
        monkeypatch.delitem(fsspec_registry._registry, scheme, raising=False)
        with pytest.raises(
            UsageError, match=f"^reading {scheme}:// needs the package {package}; pip install {package}$"
        ):
            read(f"{scheme}://a/b")
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(UsageError, match=r"^reading URLs needs fsspec; pip install 'sgram\[remote\]'$"):
        read("https://host/a")


def test_nothing_is_loaded_before_a_url_is_read():
    code = (
        "import sys, sgram; from sgram.traces import TraceReader; "
        "list(TraceReader('data/sample_traces.jsonl')); "
        "print([name for name in ('fsspec', 'aiohttp', 'huggingface_hub') if name in sys.modules])"
    )
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert process.stdout == "[]\n"
