"""One training run as a process: its configuration on stdin, its metrics as lines of JSON. Knows no other run.

    python -m sgram.training.experiments.run_process ROOT < config.json

Lines are ``{"row": {...}}`` for each step, and ``{"failed": "..."}`` before a process that failed ends with the exit
code of its error. Whatever libraries print goes where errors go, so that it cannot be taken for a line.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from sgram.errors import SgramError
from sgram.files import canonical_json


def main(root: str) -> int:
    """Run, and leave the run's directory under `root`; the exit code."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with answers:
        try:
            return _run(root, answers)
        except SgramError as error:
            _answer(answers, {"failed": str(error)})
            return error.exit_code
        except KeyboardInterrupt:
            return 130


def _run(root: str, answers: BinaryIO) -> int:
    from sgram.training.experiments.run import train
    from sgram.training.experiments.run_config import RunConfig

    config = RunConfig.from_mapping(json.load(sys.stdin.buffer))
    train(config, Path(root), lambda row: _answer(answers, {"row": dict(row)}))
    return 0


def _answer(answers: BinaryIO, told: Mapping[str, Any]) -> None:
    answers.write(canonical_json(told) + b"\n")
    answers.flush()  # where nobody listens any more, this ends the run


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
