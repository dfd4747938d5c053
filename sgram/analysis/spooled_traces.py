"""Rollouts that are no files, kept in a temporary file while they are analyzed, because they are read twice."""

from collections.abc import Iterator
from contextlib import contextmanager

from sgram.analysis.sources import Source
from sgram.files import scratch_folder
from sgram.traces import ReadOptions, TraceReader, as_traces, write_traces
from sgram.traces.from_python import Rollouts, name_of


@contextmanager
def spooled(inputs: Rollouts, options: ReadOptions | None, dialect: str) -> Iterator[tuple[Source, list[str]]]:
    """Yield the source of rollouts that `as_traces` takes, and notes for the user; the file is deleted afterwards.

    >>> from pathlib import Path
    >>> with spooled([{"text": "so it is 4"}], None, "auto") as (source, _):
    ...     path = Path(source.paths[0])
    ...     source.typed_path, [trace.text for trace in source.reader()], path.exists()
    ('the list', ['so it is 4'], True)
    >>> path.exists()
    False
    """
    name = name_of(inputs)
    with scratch_folder() as folder:
        path = str(folder / "traces.jsonl")
        traces = as_traces(inputs, options=options, dialect=dialect)
        write_traces(traces, path)
        yield Source(None, "traces", name, (path,), runs={path: ""}), _notes(traces, name)


def _notes(traces: object, name: str) -> list[str]:
    """Return what reading the rollouts found."""
    if not isinstance(traces, TraceReader):
        return []
    report = traces.report
    rejected = f"{report.rows_quarantined:,} rows of {name} could not be read; first: {report.first_fault}."
    return [*([rejected] if report.rows_quarantined else []), *report.warnings, *report.decisions]


def reading_again(options: ReadOptions | None) -> ReadOptions:
    """Return the options for traces that were read with `options` before."""
    options = options or ReadOptions()
    return ReadOptions(caps=options.caps, infer_correct=options.infer_correct)
