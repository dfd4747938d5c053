"""Process of one training run: reads its configuration from stdin and writes its progress as lines of JSON.

    python -m sgram.training.experiments.run_process ROOT < config.json

A line is ``{"row": {...}}`` for each row of progress, and ``{"failed": "..."}`` before a failed process ends with the
exit code of its error. Whatever libraries print to stdout goes to stderr, so that it is not read as a line.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from sgram.errors import SgramError
from sgram.files import canonical_json
from sgram.training.experiments.step_log import ProgressCallback


def main(root: str, run: Callable[[Any, Path, ProgressCallback], object] | None = None) -> int:
    """Run, write the run's directory under `root`, and return the exit code.

    `run` gets the settings that stdin holds, the root and the function that reports; by default it is that of
    `sgram.training.experiments.run`.
    """
    stream = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with stream:
        try:
            (run or _train)(
                json.load(sys.stdin.buffer), Path(root), lambda row: _write_line(stream, {"row": dict(row)})
            )
            return 0
        except SgramError as error:
            _write_line(stream, {"failed": str(error)})
            return error.exit_code
        except KeyboardInterrupt:
            return 130


def _train(settings: Any, root: Path, on_progress: ProgressCallback) -> None:
    from sgram.training.experiments.run import train
    from sgram.training.experiments.run_config import RunConfig

    train(RunConfig.from_mapping(settings), root, on_progress)


def _write_line(stream: BinaryIO, message: Mapping[str, Any]) -> None:
    stream.write(canonical_json(message) + b"\n")
    stream.flush()  # raises if the reader has ended, which ends the run


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
