"""The folder of a split: on this machine, or behind a URL.

A step on a folder behind a URL downloads the files that it reads into scratch space, works there, and uploads the file
that it writes. Other machines see a file when its upload is complete: object storage replaces an object at once, and
elsewhere a file that is cut lacks its end and is refused.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sgram.files import excerpt, scratch_folder
from sgram.urls import download, is_url, printable_name, remove_url, upload


@dataclass(frozen=True, slots=True)
class SplitFolder:
    """Files of a split. Names have slashes on every system, such as ``part/003.arrays``.

    >>> folder = SplitFolder(Path("parts"))
    >>> folder.fetch("plan.json").as_posix(), folder.title
    ('parts/plan.json', 'parts')
    """

    path: Path
    """Folder on this machine; scratch space for one behind a URL."""
    url: str = ""
    """Address of the folder; "" for one on this machine."""

    @property
    def title(self) -> str:
        """What messages call the folder: never scratch space, no secrets."""
        return printable_name(self.url) if self.url else excerpt(self.path)

    @property
    def address(self) -> str:
        """Name by which another process opens the folder."""
        return self.url or str(self.path.resolve())

    def file_title(self, name: str) -> str:
        """Return what messages call a file."""
        return f"{self.title}/{excerpt(name)}"

    def fetch(self, name: str, again: bool = False) -> Path:
        """Return the path of a file, whether it exists or not.

        If the folder is behind a URL, the file is downloaded, unless it is here and not asked for `again`.
        """
        path = self.path / name
        if self.url and (again or not path.exists()):
            download(f"{self.url}/{name}", path)
        return path

    def publish(self, names: Iterable[str]) -> None:
        """Upload files, in this order; nothing is done in a folder on this machine."""
        for name in names if self.url else ():
            upload(self.path / name, f"{self.url}/{name}")

    def remove(self, names: Iterable[str]) -> None:
        """Delete those files that exist, here and behind the URL."""
        for name in names:
            (self.path / name).unlink(missing_ok=True)
            if self.url:
                remove_url(f"{self.url}/{name}")


@contextmanager
def open_folder(place: str | Path) -> Iterator[SplitFolder]:
    """Yield the folder of a split at a path or URL; the scratch space of a URL is deleted at the end.

    >>> with open_folder("parts") as folder:
    ...     folder
    SplitFolder(path=PosixPath('parts'), url='')
    """
    if is_url(place):
        with scratch_folder() as scratch:
            yield SplitFolder(scratch, str(place).rstrip("/"))
    else:
        yield SplitFolder(Path(place))
