"""Named pipes that a thread writes to."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def feeding(path: Path, data: bytes) -> Iterator[Path]:
    """Yield a new named pipe that gives `data` once, to whoever reads it first."""
    os.mkfifo(path)

    def write() -> None:
        with suppress(BrokenPipeError), path.open("wb") as pipe:
            pipe.write(data)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield path
    finally:
        with suppress(OSError):  # nobody read it: the writer still waits
            os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
        writer.join()
        path.unlink()
