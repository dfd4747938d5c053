"""Files behind URLs, read and written through fsspec, and how names and messages call them.

Nothing is loaded and no network is asked before a URL is opened. User names, passwords and signatures of a URL are
never part of a name or message.
"""

import io
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, cast

from sgram.errors import InputError, SgramError, UsageError
from sgram.files import excerpt
from sgram.hub.addresses import is_hub_address
from sgram.hub.faults import explain_fault
from sgram.hub.publishing import hub_endpoint

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(::[A-Za-z][A-Za-z0-9+.-]*)*://")
_HTTP = re.compile(r"https?://", re.IGNORECASE)
_USER = re.compile(r"(?<=://)[^/?#]*@")
_BUFFER = 1 << 17
_CONNECT_SECONDS, _SILENT_SECONDS = 30, 120
_VERSION_KEYS = ("ETag", "etag", "blob_id", "md5Hash", "content_md5")
"""Keys of fsspec's `info` that tell the content of a file."""
_TIME_KEYS = ("mtime", "LastModified", "last_modified", "updated", "created")
_BROKEN = {"ClientPayloadError", "PayloadEncodingError", "IncompleteRead"}
"""Names of the errors of aiohttp and botocore for a response that is cut short."""
_STATUS_REASONS = {401: "it needs a login", 403: "access is denied", 404: "there is no such file"}


def is_url(path: str | os.PathLike[str]) -> bool:
    """Return whether `path` is a URL.

    >>> is_url("hf://datasets/owner/name/data.parquet"), is_url("rollouts.jsonl"), is_url("C:/rollouts.jsonl")
    (True, False, False)
    """
    return isinstance(path, str) and _URL.match(path) is not None


def location(path: str | os.PathLike[str]) -> str:
    """Return a path, or a URL without its user, password, query and fragment: what names and suffixes come from.

    >>> location("https://me:secret@host/a.jsonl?signature=0f#x"), location("s3://bucket/what?.jsonl")
    ('https://host/a.jsonl', 's3://bucket/what?.jsonl')
    """
    text = os.fspath(path)
    if not is_url(text):
        return text
    if _HTTP.search(text):
        text = re.split(r"[?#]", text, maxsplit=1)[0]
    return _USER.sub("", text, count=1)


def printable_name(path: str | os.PathLike[str], limit: int = 200) -> str:
    """Return what messages call an input: "stdin" for ``-``, a path or URL, without secrets, safe to print.

    >>> printable_name("-"), printable_name("https://me:secret@host/a.jsonl?signature=0f")
    ('stdin', 'https://host/a.jsonl?...')
    """
    text = os.fspath(path)
    if text == "-":
        return "stdin"
    location_text = location(text)
    return excerpt(f"{location_text}?..." if "?" in text[len(location_text) :] else location_text, limit)


def base_name(path: str | os.PathLike[str]) -> str:
    """Return the last part of a path or URL.

    >>> base_name("https://host/labels.jsonl?signature=0f"), base_name("a/labels.jsonl")
    ('labels.jsonl', 'labels.jsonl')
    """
    return PurePosixPath(location(path)).name


# -- files ----------------------------------------------------------------------------------------------------------


def expand_url(url: str) -> list[str]:
    """Return the URLs that a pattern stands for, sorted; a URL without ``*``, ``?`` or ``[`` stands for itself.

    ``?`` is no pattern in web addresses. Raise `InputError` if nothing matches, and as `open_url`.
    """
    with _as_sgram_errors(url):
        files, path = _file_system(url)
        magic = "*[" if _HTTP.match(url) else "*?["
        if not any(character in location(url) for character in magic) or _exists(files, path):
            return [_full_url(files, path)]
        matches = sorted(map(str, files.glob(path)))
    if not matches:
        raise InputError(f"nothing matches {printable_name(url)}; check the pattern")
    return [_full_url(files, match) for match in matches]


def list_folder(url: str) -> list[str] | None:
    """Return the URLs of all files below the folder `url`; None if it is a file. Raise as `open_url`.

    A web address is a folder if it ends in a slash and lists its files as links.
    """
    with _as_sgram_errors(url):
        files, path = _file_system(url)
        is_folder = location(url).endswith("/") if _HTTP.match(url) else files.info(path)["type"] == "directory"
        if not is_folder:
            files.info(path)
            return None
        return [_full_url(files, name) for name in files.find(path)]


@contextmanager
def open_url(url: str) -> Iterator[io.BufferedIOBase]:
    """Yield the file behind a URL, read once from its beginning.

    Raise `UsageError` if the scheme is unknown or its package is missing, `InputError` if the file cannot be read;
    reading raises `InputError` if it fails or the file is replaced meanwhile.
    """
    with _as_sgram_errors(url):
        files, path = _file_system(url)
        is_web = _HTTP.match(url) is not None
        version = None if is_web else _version(files.info(path))
        opened = files.open(path=path, mode="rb", **({"block_size": 0} if is_web else {}))
    with io.BufferedReader(_UrlReader(opened, url, files, path, version), _BUFFER) as reader:
        yield reader


def exists_url(url: str) -> bool:
    """Return whether there is a file behind a URL. Raise as `open_url`."""
    with _as_sgram_errors(url):
        files, name = _file_system(url)
        files.invalidate_cache()  # another machine may have written it
        return _exists(files, name)


def download(url: str, path: Path) -> bool:
    """Copy the file behind a URL to `path`; return whether there is one. Raise as `open_url`."""
    if not exists_url(url):
        return False
    with _as_sgram_errors(url):
        files, name = _file_system(url)
        path.parent.mkdir(parents=True, exist_ok=True)
        files.get_file(name, str(path))
    return True


def upload(path: Path, url: str) -> None:
    """Copy the file at `path` to a URL. Raise `UsageError` as `open_url`, `InputError` if it cannot be written."""
    with _as_sgram_errors(url, "write"):
        files, name = _file_system(url)
        files.makedirs(name.rpartition("/")[0], exist_ok=True)
        files.put_file(str(path), name)


def remove_url(url: str) -> None:
    """Delete the file behind a URL, if there is one. Raise as `upload`."""
    if exists_url(url):
        with _as_sgram_errors(url, "delete"):
            files, name = _file_system(url)
            files.rm_file(name)


class _UrlReader(io.RawIOBase):
    """Reader of a file of fsspec. A web address is one response; other files are read in parts, of one version."""

    def __init__(self, opened: Any, url: str, files: Any, path: str, version: tuple[object, ...] | None):
        super().__init__()
        self._opened, self._url, self._files, self._path, self._version = opened, url, files, path, version

    def readable(self) -> bool:
        """Return true."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Read into `buffer` and return the number of bytes, 0 at the end."""
        with _as_sgram_errors(self._url):
            data = self._opened.read(len(buffer))
            if not data and self._version is not None:
                self._files.invalidate_cache()
                if _version(self._files.info(self._path)) != self._version:
                    raise InputError(f"{printable_name(self._url)} was replaced while it was read; read it again")
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the connection."""
        if not self.closed:
            self._opened.close()
        super().close()


def _version(info: Mapping[str, Any]) -> tuple[object, ...]:
    """Return what tells whether a file was replaced: its etag or digest, else its size and time of change."""
    marks = tuple(str(info[key]) for key in _VERSION_KEYS if info.get(key))
    return marks or (info.get("size"), *(str(info[key]) for key in _TIME_KEYS if info.get(key)))


def _file_system(url: str) -> tuple[Any, str]:
    """Return the file system of fsspec for a URL, and the path in it. Raise `UsageError` if there is none."""
    try:
        import fsspec
        from fsspec.registry import known_implementations
    except ImportError as error:
        raise UsageError("reading URLs needs fsspec; pip install 'sgram[remote]'") from error
    scheme = url.partition("://")[0].rpartition("::")[2].lower()
    try:
        if _HTTP.match(url):
            fsspec.get_filesystem_class(scheme)
            return cast(tuple[Any, str], fsspec.core.url_to_fs(url, **_web_options()))
        options = {"endpoint": endpoint} if scheme == "hf" and (endpoint := hub_endpoint()) else {}
        return cast(tuple[Any, str], fsspec.core.url_to_fs(url, **options))
    except ImportError as error:
        package = str(known_implementations.get(scheme, {}).get("class", "")).partition(".")[0]
        missing = (
            package if package not in ("", "fsspec") else getattr(error.__cause__ or error, "name", None) or scheme
        )
        raise UsageError(f"reading {scheme}:// needs the package {missing}; pip install {missing}") from error
    except ValueError as error:
        if "rotocol not known" in str(error):
            raise UsageError(
                f"{excerpt(scheme, 40)}:// is not supported; fsspec knows hf, s3, gs, https and more"
            ) from error
        raise


def _web_options() -> dict[str, Any]:
    """Return how web addresses are read: as stored, however long it takes, but not if the server is silent."""
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=_SILENT_SECONDS)
    return {"headers": {"Accept-Encoding": "identity"}, "client_kwargs": {"timeout": timeout, "trust_env": True}}


def _exists(files: Any, path: str) -> bool:
    return bool(files.exists(path))


def _full_url(files: Any, path: str) -> str:
    return str(files.unstrip_protocol(path))


# -- errors ---------------------------------------------------------------------------------------------------------


@contextmanager
def _as_sgram_errors(url: str, verb: str = "read") -> Iterator[None]:
    """Raise every error of fsspec and the libraries below it as an `InputError` that says why.

    `verb` is what is done with the file.
    """
    try:
        yield
    except SgramError:
        raise
    except Exception as error:  # the libraries below fsspec promise no kind of error
        if is_hub_address(url):
            fault = explain_fault(error)
            _forget_hub()
            raise InputError(f"cannot {verb} {printable_name(url)}: {fault.reason}; {fault.remedy}") from error
        raise InputError(f"cannot {verb} {printable_name(url)}: {_reason(error, url)}; check the URL") from error


def _forget_hub() -> None:
    """Make fsspec forget what it knows of the hub: it would repeat an error that a login has mended."""
    import fsspec

    fsspec.get_filesystem_class("hf").clear_instance_cache()


def _reason(error: BaseException, url: str) -> str:
    """Return why a URL cannot be read, without its secrets."""
    for cause in _causes(error):
        status = getattr(cause, "status", None) or getattr(getattr(cause, "response", None), "status_code", None)
        if type(status) is int and status >= 400:
            reason = _STATUS_REASONS.get(status, "the server refuses it" if status < 500 else "the server fails")
            return f"{reason} (HTTP {status})"
    last = list(_causes(error))[-1]
    if isinstance(last, FileNotFoundError):
        return "there is no such file"
    if isinstance(last, PermissionError):
        return "access is denied"
    if _BROKEN & {base.__name__ for cause in _causes(error) for base in type(cause).__mro__}:
        return "the connection broke before the end"
    text = " ".join(str(last).split()).replace(url, printable_name(url))
    text = re.sub(r"(\w+://[^\s'\"?]*)\?[^\s'\")]*", r"\1?...", _USER.sub("", text))
    return excerpt(f"{type(last).__name__}: {text}" if text else type(last).__name__)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and the errors that it was raised from."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def hub_hint(name: str) -> str:
    """Return the end of a message about a model of the hub that cannot be loaded: what to download, and how.

    >>> hub_hint("Qwen/Qwen3-0.6B").split(", ")[1]
    'run hf download Qwen/Qwen3-0.6B --local-dir Qwen3-0.6B on one that is online'
    """
    shown = excerpt(name, 100)
    folder = shown.rpartition("/")[2]
    return (
        f"check the name; if this machine is offline, run hf download {shown} --local-dir {folder} on one that is "
        f"online, copy the folder {folder} here, and give its path in place of the name"
    )
