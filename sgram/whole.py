"""Small files, read whole and never past a cap. Knows nothing about what is in them."""

import os

from sgram.errors import InputError
from sgram.files import DamagedInputError, open_input


def read_whole(path: str | os.PathLike[str], max_bytes: int, such: str) -> bytes:
    """The bytes of a file (``-``: stdin; gzip and zstd are unpacked).

    Raises `InputError` for a damaged file, and past `max_bytes` with `such` ("a lexicon is") said to be smaller.
    """
    blocks, size = [], 0
    with open_input(path) as stream:
        try:
            while block := stream.read():
                size += len(block)
                if size > max_bytes:
                    raise InputError(f"{stream.name} is over {max_bytes >> 20} MiB; {such} not that large")
                blocks.append(block)
        except DamagedInputError as error:
            raise InputError(f"{stream.name}: {error}") from None
    return b"".join(blocks)
