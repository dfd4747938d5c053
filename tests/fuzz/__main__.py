"""Read as many files as wished: ``python -m tests.fuzz --files 20000 --seed 1``. The exit code is 1 after a fault."""

import argparse
import logging
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.invariants import find_faults

SEED = 14
"""Seed of the files that `make test` reads."""


def main() -> int:
    """Read the files, print their count, the seed and the faults; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--files", type=int, default=20_000, help="how many files to read")
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the files")
    parser.add_argument("--first", type=int, default=0, help="number of the first file")
    parser.add_argument("--keep", help="folder in which files with a fault are kept")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    n_faulty, began = 0, time.process_time()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "one"
        for number in range(options.first, options.first + options.files):
            folder.mkdir()
            faults = find_faults(options.seed, number, folder)
            n_faulty += bool(faults)
            for fault in faults:
                print(fault.encode("utf-8", "backslashreplace").decode(), flush=True)
            if faults and options.keep:
                shutil.copytree(folder, Path(options.keep) / str(number), symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(folder)
    seconds = time.process_time() - began
    print(f"{options.files} files, seed {options.seed}: {n_faulty} with faults ({seconds:.0f} s)")
    return 1 if n_faulty else 0


if __name__ == "__main__":
    sys.exit(main())
