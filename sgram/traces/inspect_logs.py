"""Rows out of Inspect logs (``.eval``), by the library that writes them. Knows nothing about traces.

The archive is looked over before the library inflates it, as it comes from somebody else.
"""

import os
import zipfile
from collections.abc import Iterator
from typing import Any

import orjson

from sgram.errors import InputError, MissingExtraError
from sgram.safe_reading import BLOCK, Caps
from sgram.traces.sources import Row, Source

_NOT_NEEDED = {"events", "store", "timelines", "events_data"}


def _library() -> Any:
    try:
        import inspect_ai.log
    except ImportError as error:
        raise MissingExtraError(
            f"reading Inspect logs needs inspect-ai ({error}); pip install 'sgram[inspect]'"
        ) from error
    return inspect_ai.log


def _look_over(source: Source, caps: Caps) -> None:
    try:
        with zipfile.ZipFile(source.path) as archive:
            inflated = [member.file_size for member in archive.infolist()]
        stored = os.path.getsize(source.path)  # noqa: PTH202
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise InputError(f"{source.name} is no Inspect log: {error}; check the file") from error
    bomb = sum(inflated) > max(BLOCK, caps.max_inflation * stored)
    if bomb or sum(inflated) > caps.max_inflated_bytes or max(inflated, default=0) > 4 * caps.max_line_bytes:
        raise InputError(f"{source.name} inflates from {stored} to {sum(inflated)} bytes, more than the cap allows")


def _record(sample: Any, header: Any) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [one.model_dump(exclude_none=True) for one in value]
        return value

    scores = {name: {"value": score.value, "answer": score.answer} for name, score in (sample.scores or {}).items()}
    return {
        "id": str(sample.id),
        "epoch": sample.epoch,
        "uuid": sample.uuid,
        "run": header.eval.run_id,
        "task": header.eval.task,
        "model": header.eval.model,
        "input": plain(sample.input),
        "messages": plain(sample.messages),
        "completion": sample.output.completion,
        "target": sample.target,
        "scores": scores,
        "error": sample.error.message if sample.error else None,
    }


def iter_samples(source: Source, caps: Caps) -> Iterator[Row]:
    """Samples of the log `source` as records, one in memory at a time; one that cannot be read is a fault."""
    log, kind = _library(), "json" if source.path.lower().endswith(".json") else "eval"
    if kind == "eval":
        _look_over(source, caps)
    try:
        header = log.read_eval_log(source.path, header_only=True, format=kind)
        summaries = log.read_eval_log_sample_summaries(source.path, format=kind)
    except Exception as error:  # the library promises no kind of error
        raise InputError(f"{source.name} cannot be read as an Inspect log: {_one_line(error)}") from error
    for number, summary in enumerate(summaries, 1):
        try:
            sample = log.read_eval_log_sample(
                source.path,
                summary.id,
                summary.epoch,
                resolve_attachments="core",
                format=kind,
                exclude_fields=_NOT_NEEDED,
            )
            record = orjson.loads(orjson.dumps(_record(sample, header)))
        except Exception as error:
            yield Row(number, None, None, f"sample cannot be read: {_one_line(error)}")
        else:
            yield Row(number, None, record)
        source.share_read = number / len(summaries)


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
