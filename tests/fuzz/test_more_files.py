"""More files of the fuzzer, for a second worker."""

from pathlib import Path

import pytest

from tests.fuzz.__main__ import SEED
from tests.fuzz.invariants import find_faults_of_part

PARTS, FILES = range(8, 15), 100
"""Parts, and files of a part."""


@pytest.mark.parametrize("part", PARTS)
def test_reading_keeps_its_promises_for_any_file(part: int, tmp_path: Path):
    assert find_faults_of_part(SEED, part, FILES, tmp_path) == []
