"""The first files of the fuzzer; `make fuzz` reads more."""

import logging
from pathlib import Path

import pytest

from tests.fuzz.__main__ import SEED
from tests.fuzz.invariants import find_faults

PARTS, FILES = range(8), 100
"""Parts, and files of a part. A worker takes a file of tests, so that `test_more_files` has the rest."""


@pytest.mark.parametrize("part", PARTS)
def test_reading_keeps_its_promises_for_any_file(part: int, tmp_path: Path):
    logging.disable(logging.WARNING)
    try:
        for number in range(FILES * part, FILES * (part + 1)):
            folder = tmp_path / str(number)
            folder.mkdir()
            assert find_faults(SEED, number, folder) == []
    finally:
        logging.disable(logging.NOTSET)
