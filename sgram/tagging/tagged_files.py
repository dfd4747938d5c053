"""A data set of tagged traces: for each input file a Parquet file with its traces and their planning masks.

Columns are those of traces (`sgram read -o FILE.parquet` writes the same ones), with the token ids that the mask
belongs to, and ``planning_mask`` and ``spans`` (`sgram.tagging.masks`). Every file is a task of its own, which reads,
tags and writes it; a file that is there already, made of the same input with the same settings, is not made again.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from sgram import __version__
from sgram.errors import UsageError
from sgram.files import canonical_json, digest, excerpt, write_atomic
from sgram.lexicon import Lexicon, SentenceScorer
from sgram.tagging.masks import check_mask_row, mask_metadata, mask_schema, mask_table
from sgram.tagging.spans import MaskKind
from sgram.tagging.tagged_rollouts import RolloutTagger, TaggedTrace
from sgram.traces import TraceReader
from sgram.traces.containers.parquet import trace_schema, trace_table
from sgram.traces.file_tasks import FileTask, file_tasks
from sgram.traces.parts import PartChoice
from sgram.traces.tokens import load_tokenizer, tokenizer_name
from sgram.traces.writers import check_traces
from sgram.urls import is_url, location

if TYPE_CHECKING:
    import pyarrow as pa

QUARANTINES = "_quarantine"
"""Folder of the rows that could not be read; readers of data sets pass over names that begin with an underscore."""
_REPORT_KEY = b"sgram-tagging"
_ROW_GROUP_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class TagSettings:
    """What determines the masks of a trace."""

    lexicon: Lexicon
    tokenizer: str
    """Path of tokenizer.json, or its folder."""
    part: PartChoice = "all"
    mask: MaskKind = "grams"
    scorer: SentenceScorer | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """What tells the settings apart from others, as JSON."""
        return {
            "sgram": __version__,
            "lexicon": self.lexicon.digest,
            "part": self.part,
            "mask": self.mask,
            "scorer": None if self.scorer is None else self.scorer.digest,
        }


@dataclass(frozen=True, slots=True)
class TagTask:
    """One file to tag, and the file to write."""

    input: FileTask
    target: Path
    settings: TagSettings

    def identity(self, tokenizer_digest: str) -> str:
        """Return the digest of the input's state and all settings; "" if the input has no state that can be known."""
        source = self.input
        if is_url(source.path):
            return ""
        status = Path(source.path).stat()
        reading = asdict(replace(source.options, quarantine=None, tokenizer=None)) | {"dialect": source.dialect}
        thresholds = {run: rewards.threshold for run, rewards in source.rewards.items()}
        parts = [source.path, source.is_in_folder, status.st_size, status.st_mtime_ns, source.run, reading, thresholds]
        return digest(canonical_json([*parts, self.settings.identity, tokenizer_digest]))


@dataclass(slots=True)
class FileReport:
    """What became of one file."""

    source: str
    rows: dict[str, int] = field(default_factory=dict)
    """Rows in, skipped and set aside."""
    traces: int = 0
    tokens: int = 0
    """Tokens of the policy, of the part that was tagged."""
    planning: int = 0
    """Planning tokens among them."""
    spans: int = 0
    left_out: int = 0
    """Traces without the part."""
    ids: dict[str, int] = field(default_factory=dict)
    """Traces by where their token ids come from; see `sgram.tagging.tagged_rollouts.TokenIdCounts`."""
    warnings: list[str] = field(default_factory=list)
    reused: bool = False
    """Whether the file was there already."""


def plan_files(reader: TraceReader, folder: Path, settings: TagSettings, dialect: str) -> list[TagTask]:
    """Return a task for each file of `reader`, whose survey of the rewards is part of every one.

    Raise `UsageError` for stdin and pipes, and if `folder` holds Parquet files of other inputs.
    """
    inputs = file_tasks(reader, dialect)
    targets = _name_targets([task.path for task in inputs])
    others = sorted(path.name for path in folder.glob("*.parquet") if path.name not in set(targets.values()))
    if others:
        raise UsageError(
            f"{excerpt(folder)} holds files of other inputs ({excerpt(others[0])}); name another folder, or remove them"
        )
    return [TagTask(task, folder / targets[task.path], settings) for task in inputs]


def _name_targets(paths: Sequence[str]) -> dict[str, str]:
    """Return the name of the output of each file: its own, with the folders below the one that all share.

    >>> _name_targets(["/data/a/x.jsonl", "/data/b/x.jsonl.gz"])
    {'/data/a/x.jsonl': 'a__x.jsonl.parquet', '/data/b/x.jsonl.gz': 'b__x.jsonl.gz.parquet'}
    """
    places = {path: PurePosixPath(location(path) if is_url(path) else os.path.realpath(path)) for path in paths}
    folders = zip(*(place.parent.parts for place in places.values()), strict=False)
    n_shared = len(list(takewhile(lambda names: len(set(names)) == 1, folders)))
    return {path: "__".join(place.parts[n_shared:]) + ".parquet" for path, place in places.items()}


def tag_file(task: TagTask) -> FileReport:
    """Read, tag and write one file; return what became of it. A finished file is only looked at.

    A file of a folder that holds no rollouts becomes a file without rows.

    Raise every error of `TraceReader` and `RolloutTagger`, and `UsageError` if a trace has no mask.
    """
    tagger = _load_tagger(task.settings)
    vocabulary = tagger.vocabulary
    if vocabulary is None:
        raise UsageError("a data set of masks needs a tokenizer")
    identity = task.identity(vocabulary.digest)
    if identity and (report := _read_report(task.target, identity)) is not None:
        return report
    quarantine = task.target.parent / QUARANTINES / f"{task.target.name}.jsonl"
    reader = task.input.lone_reader(quarantine)
    report = FileReport(task.input.path)
    settings = task.settings
    metadata = mask_metadata(settings.lexicon, vocabulary, settings.part, settings.mask, tagger.scorer)
    _write_tagged(
        task.target, _count(tagger(reader), report), metadata, lambda: _finish(report, reader, tagger, identity)
    )
    return report


def _finish(report: FileReport, reader: TraceReader, tagger: RolloutTagger, identity: str) -> dict[bytes, bytes]:
    """Fill in the counts of the whole file; return the metadata that hold them."""
    counts = reader.report
    report.rows = {"in": counts.rows_in, "skipped": counts.rows_skipped, "quarantined": counts.rows_quarantined}
    report.left_out = tagger.selection.n_left_out
    report.ids = asdict(tagger.id_counts)
    report.warnings = list(counts.warnings)
    return {_REPORT_KEY: canonical_json({"identity": identity, "report": asdict(report)})}


def _count(tagged_traces: Iterable[TaggedTrace], report: FileReport) -> Iterator[TaggedTrace]:
    for tagged in tagged_traces:
        n_planning, n_tokens = tagged.count_units()
        report.traces += 1
        report.tokens += n_tokens
        report.planning += n_planning
        report.spans += len(tagged.spans)
        yield tagged


def _write_tagged(
    path: Path,
    tagged_traces: Iterable[TaggedTrace],
    metadata: Mapping[str, bytes],
    finish: Callable[[], Mapping[bytes, bytes]],
) -> None:
    """Write traces and masks in row groups of about 16 MiB; `finish` gives more metadata behind the last trace."""
    import pyarrow.parquet as pq

    schema = _dataset_schema(metadata)
    row_group: list[TaggedTrace] = []
    n_bytes = 0
    with write_atomic(path) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for tagged in tagged_traces:
            row_group.append(tagged)
            n_bytes += len(tagged.trace.text) + 24 * len(tagged.spans)
            if n_bytes >= _ROW_GROUP_BYTES:
                writer.write_table(_dataset_table(row_group, schema))
                row_group, n_bytes = [], 0
        if row_group:
            writer.write_table(_dataset_table(row_group, schema))
        writer.add_key_value_metadata(finish())


def _dataset_schema(metadata: Mapping[str, bytes]) -> "pa.Schema":
    """Return the columns of traces, `token_ids` and the further columns of masks as those of masks are."""
    import pyarrow as pa

    mask_fields = {column.name: column for column in mask_schema()}
    fields = [mask_fields.pop(column.name, column) for column in trace_schema()]
    return pa.schema([*fields, *mask_fields.values()], metadata=metadata)


def _dataset_table(tagged_traces: Sequence[TaggedTrace], schema: "pa.Schema") -> "pa.Table":
    import pyarrow as pa

    traces = (replace(tagged.trace, token_ids=None) for tagged in tagged_traces)  # the column of masks replaces it
    columns = trace_table(list(check_traces(traces)))
    rows = [check_mask_row(tagged.mask_row(), number) for number, tagged in enumerate(tagged_traces, 1)]
    masks = mask_table(rows, mask_schema())
    return pa.Table.from_arrays(
        [(masks if name in masks.schema.names else columns)[name].combine_chunks() for name in schema.names],
        schema=schema,
    )


def _read_report(path: Path, identity: str) -> FileReport | None:
    """Return the report in a finished file of this identity; None if there is no such file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            metadata = file.metadata.metadata or {}
        stored = json.loads(metadata.get(_REPORT_KEY, b"{}"))
        if stored.get("identity") != identity:
            return None
        return replace(FileReport(**stored["report"]), reused=True)
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError):
        return None


_loaded: list[tuple[TagSettings, RolloutTagger]] = []
"""The tagger of the last settings: tables of a lexicon and a vocabulary are made once a process, not once a file."""


def _load_tagger(settings: TagSettings) -> RolloutTagger:
    """Return a tagger by `settings`, with counts at zero."""
    if not _loaded or _loaded[0][0] != settings:
        tokenizer = load_tokenizer(settings.tokenizer)
        tagger = RolloutTagger(
            settings.lexicon,
            tokenizer,
            tokenizer_name(settings.tokenizer),
            part=settings.part,
            mask=settings.mask,
            scorer=settings.scorer or "sgram",
        )
        _loaded[:] = [(settings, tagger)]
    return _loaded[0][1].restart()
