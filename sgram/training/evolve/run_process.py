"""Process of one run of `sgram evolve`, as `sgram.training.experiments.run_process` is one of `sgram train`.

python -m sgram.training.evolve.run_process ROOT < config.json
"""

import sys
from pathlib import Path
from typing import Any

from sgram.training.experiments import run_process
from sgram.training.experiments.step_log import ProgressCallback


def _evolve(settings: Any, root: Path, on_progress: ProgressCallback) -> None:
    from sgram.training.evolve.evolve_config import EvolveConfig
    from sgram.training.evolve.run import run_evolve

    run_evolve(EvolveConfig.from_mapping(settings), root, on_progress)


if __name__ == "__main__":
    sys.exit(run_process.main(sys.argv[1], _evolve))
