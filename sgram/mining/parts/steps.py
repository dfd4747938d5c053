"""The steps of mining by parts, as functions of a folder and the name of a part.

Every step writes one file, atomically: run twice or by two machines at once, it writes the same bytes. A step that is
finished is not run again.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from sgram.engines import Engine
from sgram.errors import InputError
from sgram.files import scratch_folder
from sgram.mining.array_store import ArrayStore
from sgram.mining.config import Resources
from sgram.mining.parts.choice import Choice, write_part_clusters
from sgram.mining.parts.exact_counts import Union, write_part_counts
from sgram.mining.parts.files import is_written, open_corpus, read_step
from sgram.mining.parts.folder import open_folder
from sgram.mining.parts.part_grams import write_part_grams, write_union
from sgram.mining.parts.plan import SplitPlan

PartStep = Literal["part", "count", "describe"]
UNION, CHOICE = "union.arrays", "choice.arrays"


def step_file(step: PartStep, part: str) -> str:
    """Return the name of the file that a step writes for a part.

    >>> step_file("count", "003")
    'count/003.arrays'
    """
    return f"{step}/{part}.arrays"


def is_done(plan: SplitPlan, step: PartStep, part: str) -> bool:
    """Return whether a step of a part is finished; `describe` must be of the present choice."""
    about = {"choice": read_step(plan.folder.fetch(CHOICE), plan).about["choice"]} if step == "describe" else {}
    return is_written(plan.folder.fetch(step_file(step, part)), plan, **about)


def run_part(place: str | Path, step: PartStep, part: str, resources: Resources) -> None:
    """Run a step of one part of the split at a path or URL, unless it is finished.

    Raise `InputError` if the folder holds no split, or a file of an earlier step is missing or of another split.
    """
    with open_folder(place) as folder:
        _run_step(SplitPlan.load(folder), step, part, resources)


def _run_step(plan: SplitPlan, step: PartStep, part: str, resources: Resources) -> None:
    planned_part = plan.part(part)
    if step != "part":
        require_file(plan, UNION if step == "count" else CHOICE, "union" if step == "count" else "choose")
    if is_done(plan, step, part):
        return
    path = plan.folder.path / step_file(step, part)
    with scratch_folder() as scratch:
        corpus = open_corpus(plan, planned_part, scratch, resources.array_memory())
        if step == "part":
            write_part_grams(plan, planned_part, corpus, resources.workers, path)
        elif step == "count":
            union = Union.read(plan.folder.fetch(UNION), plan)
            write_part_counts(plan, planned_part, corpus, union, resources.workers, path)
        else:
            choice = Choice.read(plan.folder.fetch(CHOICE), plan)
            write_part_clusters(plan, planned_part, corpus, choice, resources.workers, path)
    plan.folder.publish([step_file(step, part)])


def require_file(plan: SplitPlan, name: str, step: str) -> None:
    """Raise `InputError` if the file of a step that all parts need is missing."""
    if not is_written(plan.folder.fetch(name), plan):
        raise InputError(f"{plan.folder.title} has no finished {name}; run sgram mine {step} first")


def require_parts(plan: SplitPlan, step: PartStep) -> list[Path]:
    """Return the files of a step of all parts. Raise `InputError` if some are missing."""
    missing = [part.name for part in plan.parts if not is_done(plan, step, part.name)]
    if missing:
        listed = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        raise InputError(
            f"{plan.folder.title}: sgram mine {step} has not been run for the parts {listed}; run it for them, or "
            "sgram mine join, which runs what is missing"
        )
    return [plan.folder.fetch(step_file(step, part.name)) for part in plan.parts]


def run_union(plan: SplitPlan, resources: Resources) -> None:
    """Unite the grams of all parts, unless this is finished. Raise `InputError` if a part is missing."""
    path = plan.folder.fetch(UNION)
    if is_written(path, plan):
        return
    paths = require_parts(plan, "part")
    with scratch_folder() as scratch:
        write_union(plan, paths, path, ArrayStore(scratch, resources.array_memory()))
    plan.folder.publish([UNION])


def run_missing_parts(
    plan: SplitPlan, step: PartStep, engine: Engine, resources: Resources, progress: Callable[[int, int], None]
) -> list[Path]:
    """Run a step of all parts for which it is not finished; return the files of all parts."""
    missing = [part.name for part in plan.parts if not is_done(plan, step, part.name)]
    n_done, n_parts = len(plan.parts) - len(missing), len(plan.parts)
    progress(n_done, n_parts)
    tasks = [(plan.folder.address, step, part, resources) for part in missing]
    for index, _ in engine.run(run_part, tasks, resources.workers):
        plan.folder.fetch(step_file(step, missing[index]), again=True)
        n_done += 1
        progress(n_done, n_parts)
    return [plan.folder.fetch(step_file(step, part.name)) for part in plan.parts]
