"""A scan of logs that exist: the scores of planning are added to their samples, as ``inspect score`` does."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sgram.errors import InputError, UsageError
from sgram.files import excerpt, write_bytes
from sgram.integrations.inspect.scorers import planning
from sgram.safe_reading import Caps
from sgram.traces.containers.inspect_logs import check_archive
from sgram.traces.own_scores import own_mark
from sgram.urls import is_url, printable_name

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog

_SUFFIXES = (".eval", ".json")
_NO_MODEL = "mockllm/model"
"""Scores of planning ask no model; this one needs neither a key nor a network."""


class ScannedLog(NamedTuple):
    """A log that was scored."""

    path: Path
    """Where it was written."""
    n_samples: int
    n_scored: int
    """Samples with text."""
    metrics: dict[str, float]
    """Means over the samples that have the value."""


def scan_logs(
    logs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    output: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> list[ScannedLog]:
    """Add a score of planning to every sample of logs, and return what was written, by path.

    `logs` are files (``.eval`` or JSON) or folders of them. The scored logs are written into the folder `output`, under
    the same names; without it, each replaces its log. Scores that an earlier scan added are replaced, all others stay.
    `settings` are the arguments of `planning`: lexicon, mask, part and so on. No model is asked.

    Raise `UsageError` for a URL, if two logs would be written to one file, or for an invalid setting; `InputError` if a
    log cannot be read or has no samples.
    """
    paths = _find_logs([logs] if isinstance(logs, str | os.PathLike) else list(logs))
    targets = {path: path if output is None else Path(output) / path.name for path in paths}
    if len(set(targets.values())) < len(targets):
        raise UsageError(
            f"two of the logs have one name; scan them into folders of their own, not {excerpt(str(output))}"
        )
    return [_scan(path, target, settings) for path, target in targets.items()]


def _find_logs(logs: list[str | os.PathLike[str]]) -> list[Path]:
    paths: set[Path] = set()
    for log in logs:
        if is_url(log):
            raise UsageError(f"{printable_name(log)} is a URL; download the log, and scan the file")
        path = Path(log)
        if path.is_dir():
            files = [child for child in path.rglob("*") if child.suffix.lower() in _SUFFIXES and child.is_file()]
            if not files:
                raise InputError(f"no log of Inspect lies in {excerpt(path)}; name a folder of .eval or .json files")
            paths.update(files)
        elif path.is_file():
            paths.add(path)
        else:
            raise InputError(f"there is no log {excerpt(path)}; check the path")
    return sorted(paths)


def _scan(path: Path, target: Path, settings: dict[str, Any]) -> ScannedLog:
    from inspect_ai import score

    log = _read(path)
    _remove_own(log)
    try:
        scorer = planning(**settings)
    except TypeError as error:
        raise UsageError(f"invalid setting of the scorer planning: {excerpt(str(error))}") from None
    scored_log = score(log, scorer, model=_NO_MODEL, action="append", display="none", copy=False)
    _write(scored_log, target)
    results = [] if scored_log.results is None else scored_log.results.scores
    metrics = {
        row.name: row.metrics["mean"].value for row in results if row.scorer == "planning" and "mean" in row.metrics
    }
    samples = scored_log.samples or []
    n_scored = sum(bool(own_mark(score.metadata)) for sample in samples for score in (sample.scores or {}).values())
    return ScannedLog(target, len(samples), n_scored, metrics)


def _read(path: Path) -> "EvalLog":
    from inspect_ai.log import read_eval_log

    if path.suffix.lower() == ".eval":
        check_archive(path, excerpt(path), Caps())
    try:
        log = read_eval_log(str(path))
    except Exception as error:  # the library promises no kind of error
        reason = excerpt(" ".join(str(error).split()))
        raise InputError(f"{excerpt(path)} cannot be read as an Inspect log: {reason}; check the file") from error
    if not log.samples:
        raise InputError(f"{excerpt(path)} has no samples to score; run the evaluation first")
    return log


def _remove_own(log: "EvalLog") -> None:
    """Remove the scores of an earlier scan, from the samples and from the results."""
    names: set[str] = set()
    for sample in log.samples or []:
        own_names = [name for name, score in (sample.scores or {}).items() if own_mark(score.metadata)]
        for name in own_names:
            del (sample.scores or {})[name]
        names.update(own_names)
    if log.results is not None and names:
        log.results.scores = [score for score in log.results.scores if score.scorer not in names]


def _write(log: "EvalLog", target: Path) -> None:
    """Write a log whole or not at all."""
    from inspect_ai.log import write_eval_log

    with tempfile.TemporaryDirectory(prefix="sgram-inspect-") as folder:
        written = Path(folder) / target.name
        write_eval_log(log, str(written))
        write_bytes(target, written.read_bytes())
