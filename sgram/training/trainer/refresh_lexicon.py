"""Mine the lexicon again during training, from rollouts of recent steps."""

import re
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from sgram.errors import InputError, UsageError
from sgram.lexicon import Lexicon
from sgram.traces import Trace
from sgram.training.trainer.config import HICRAConfig
from sgram.training.trainer.rollouts import read_rollouts

_FILE = re.compile(r"step-(\d+)(\.\d+)?\.jsonl\.gz$")


def read_recent_rollouts(directory: str | Path, before_step: int, limit: int) -> list[Trace]:
    """Return the newest `limit` rollouts of steps < `before_step`, as they were written, oldest first."""
    files = [
        (int(match[1]), path) for path in Path(directory).glob("rollouts/step-*") if (match := _FILE.search(path.name))
    ]
    traces: list[Trace] = []
    for _, path in sorted(((step, path) for step, path in files if step < before_step), reverse=True):
        traces = [*read_rollouts(path), *traces]
        if len(traces) >= limit:
            break
    return traces[-limit:]


def refresh_lexicon(
    current: Lexicon,
    args: HICRAConfig,
    step: int,
    accelerator: Any,
    mine: Callable[[Iterable[Trace]], Lexicon] | None = None,
) -> Lexicon:
    """Return the lexicon mined from recent rollouts, the same in all processes.

    If the rollouts hold too little, warn and return `current`. `mine` defaults to `sgram.mining.mine`.
    """
    if mine is None:
        from sgram.mining import mine as default_mine

        mine = default_mine
    lexicons: list[Lexicon | None] = [None]
    accelerator.wait_for_everyone()  # all processes have written their rollouts
    if accelerator.is_main_process:
        traces = read_recent_rollouts(args.output_dir or "", step, args.recent_rollouts)
        try:
            lexicons = [mine(traces)]
        except (UsageError, InputError) as error:
            warnings.warn(f"step {step}: the lexicon is not refreshed: {error}", RuntimeWarning, stacklevel=2)
    if accelerator.num_processes > 1:
        from accelerate.utils import broadcast_object_list

        broadcast_object_list(lexicons)
    return lexicons[0] or current
