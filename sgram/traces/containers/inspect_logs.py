"""Rows of Inspect logs: ``.eval`` with the inspect-ai library, JSON without it.

The archive's sizes are checked before the library decompresses it, because a log may come from anyone.
"""

import os
import zipfile
from collections.abc import Iterator
from typing import Any

import orjson

from sgram.errors import InputError, MissingExtraError
from sgram.safe_reading import BLOCK, Caps, open_raw
from sgram.traces.containers.container import Container
from sgram.traces.containers.inspect_json import begins_inspect_log, iter_inspect_json
from sgram.traces.own_scores import own_mark
from sgram.traces.rows import InputFile, Row

_EXCLUDED_FIELDS = {"events", "store", "timelines", "events_data"}


def _library() -> Any:
    try:
        import inspect_ai.log
    except ImportError as error:
        raise MissingExtraError(
            f"reading Inspect logs needs inspect-ai ({error}); pip install 'sgram[inspect]'"
        ) from error
    return inspect_ai.log


def check_archive(path: str | os.PathLike[str], name: str, caps: Caps) -> None:
    """Raise `InputError` if the log at `path`, which messages call `name`, is not a zip archive or inflates too far."""
    try:
        with zipfile.ZipFile(path) as archive:
            member_sizes = [member.file_size for member in archive.infolist()]
        stored = os.path.getsize(path)  # noqa: PTH202
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise InputError(f"{name} is not an Inspect log: {error}; check the file") from error
    inflated = sum(member_sizes)
    is_bomb = inflated > max(BLOCK, caps.max_inflation * stored)
    if is_bomb or inflated > caps.max_inflated_bytes or max(member_sizes, default=0) > 4 * caps.max_line_bytes:
        raise InputError(f"{name} inflates from {stored} to {inflated} bytes, more than the cap allows")


def _record(sample: Any, header: Any) -> dict[str, Any]:
    """Return a sample as a JSON record, as the dialect ``inspect`` expects it."""

    def plain(messages: Any) -> Any:
        if isinstance(messages, list):
            return [message.model_dump(exclude_none=True) for message in messages]
        return messages

    scores = {
        name: {"value": score.value, "answer": score.answer, **own_mark(score.metadata)}
        for name, score in (sample.scores or {}).items()
    }
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


def iter_samples(file: InputFile, caps: Caps) -> Iterator[Row]:
    """Yield the samples of a log as rows, one in memory at a time; an unreadable sample is a row with a fault.

    Raise `InputError` if the log itself cannot be read, `MissingExtraError` if it is no JSON and inspect-ai is not
    installed.
    """
    if _is_json(file):
        yield from iter_inspect_json(file, caps)
        return
    log = _library()
    check_archive(_path(file), file.name, caps)
    try:
        header = log.read_eval_log(_path(file), header_only=True, format="eval")
        summaries = log.read_eval_log_sample_summaries(_path(file), format="eval")
    except Exception as error:  # the library promises no kind of error
        raise InputError(f"{file.name} cannot be read as an Inspect log: {_one_line(error)}") from error
    for number, summary in enumerate(summaries, 1):
        try:
            sample = log.read_eval_log_sample(
                _path(file),
                summary.id,
                summary.epoch,
                resolve_attachments="core",
                format="eval",
                exclude_fields=_EXCLUDED_FIELDS,
            )
            record = orjson.loads(orjson.dumps(_record(sample, header)))
        except Exception as error:
            yield Row(number, None, None, f"sample cannot be read: {_one_line(error)}")
        else:
            yield Row(number, None, record)
        file.share_read = number / len(summaries)


def _path(file: InputFile) -> str:
    return file.path if file.copy is None else file.copy.path


def _is_json(file: InputFile) -> bool:
    """Return whether a log is JSON, perhaps compressed: all that is not named as an archive and is none."""
    if file.raw is not None or not file.path.lower().endswith(".eval"):
        return True
    with open_raw(file.stored) as raw:
        return begins_inspect_log(raw.read(512))


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]


INSPECT = Container(
    "inspect",
    (".eval",),
    "a log of Inspect: `.eval`, which needs the extra `inspect`, or JSON (`--log-format json`)",
    iter_samples,
    begins_inspect_log,
)
