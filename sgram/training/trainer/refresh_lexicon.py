"""A lexicon mined anew from what a run has sampled lately. Knows nothing about advantages or models."""

import re
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from sgram.errors import InputError, UsageError
from sgram.lexicon import Lexicon
from sgram.traces import Trace, read_traces

_FILE = re.compile(r"step-(\d+)(\.\d+)?\.jsonl\.gz$")


def recent_rollouts(directory: str | Path, before: int, most: int) -> list[Trace]:
    """The last `most` rollouts of steps before `before`, as they were written, oldest first."""
    files = [
        (int(match[1]), path) for path in Path(directory).glob("rollouts/step-*") if (match := _FILE.search(path.name))
    ]
    found: list[Trace] = []
    for _, path in sorted((each for each in files if each[0] < before), reverse=True):
        found = [*read_traces([path]), *found]
        if len(found) >= most:
            break
    return found[-most:]


def refreshed_lexicon(
    current: Lexicon, args: Any, step: int, accelerator: Any, mine: Callable[[Iterable[Trace]], Lexicon] | None = None
) -> Lexicon:
    """The lexicon mined from recent rollouts, the same in all processes; `current` where they hold too little."""
    if mine is None:
        from sgram.mining import mine
    made = [None]
    accelerator.wait_for_everyone()  # all processes have written their rollouts
    if accelerator.is_main_process:
        traces = recent_rollouts(args.output_dir, step, args.recent_rollouts)
        try:
            lexicon = mine(traces)
            made = [lexicon]
        except (UsageError, InputError) as error:
            warnings.warn(f"step {step}: the lexicon stays as it is: {error}", RuntimeWarning, stacklevel=2)
    if accelerator.num_processes > 1:
        from accelerate.utils import broadcast_object_list

        broadcast_object_list(made)
    return made[0] or current
