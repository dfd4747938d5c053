"""A mining run as a directory, so that a killed run resumes and a finished run is reused.

The directory is named by the digest of everything that determines the result (bytes of the inputs, what was inferred
from them, config, version), so parts of another run cannot mix in. After the inputs were read, their bytes are compared
with that digest. Products appear atomically, ``lexicon.json`` last: it marks the run as finished.
A killed run leaves the encoded traces, if all were read, and its vectors, chunk by chunk.
"""

import hashlib
import math
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from sgram import __version__
from sgram.errors import InputError, SgramError, UsageError
from sgram.files import canonical_json, digest, excerpt, pretty_json, write_bytes
from sgram.mining.classifier import GramClassifier, make_scorer
from sgram.mining.config import MiningConfig, Resources
from sgram.mining.corpus_cache import MANIFEST
from sgram.mining.embed import Embedder, get_embedder
from sgram.mining.encoding_process import open_embedder
from sgram.mining.miner import Miner
from sgram.mining.moves import packaged_namer
from sgram.mining.products import (
    PRODUCTS,
    MiningOutcome,
    examples_path,
    load_outcome,
    prepare_products,
    reading_summary,
    write_products,
)
from sgram.mining.score import Background, Scorer
from sgram.run_directory import RunDirectory
from sgram.traces import ReadOptions, Trace, TraceReader
from sgram.traces.input_files import check_unchanged, digest_file, find_input_files
from sgram.traces.rows import InputFile

Progress = Callable[[str, int, int, str], None]
"""Is called with (stage, done, total or 0 if unknown, remark)."""

QUARANTINE = "quarantine.jsonl"
READ_SUMMARY = "read.json"
"""File in the scratch folder with the summary of the rows read, beside the encoded corpus."""


@dataclass(frozen=True, slots=True)
class BackgroundInput:
    """Traces of a background, with the digests of their files."""

    reader: TraceReader
    digests: list[str]


@dataclass(frozen=True, slots=True)
class _Inputs:
    """Inputs of one run, with the digests by which the run is named."""

    reader: TraceReader
    digests: list[str]
    """SHA-256 of each file of `reader`."""
    background: BackgroundInput | None
    classifier: GramClassifier | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MiningJob:
    """One mining run: inputs, config, resources."""

    paths: tuple[str, ...]
    config: MiningConfig
    resources: Resources
    background: tuple[str, ...] = ()
    """Files of traces to contrast with, instead of the packaged background."""
    classifier: str | None = None
    """File of a classifier of grams, instead of the packaged one."""
    dialect: str = "auto"
    options: ReadOptions = field(default_factory=ReadOptions)
    """How traces are read. Without a quarantine file, invalid rows are written to the run's directory."""
    runs: Path = Path("reports")
    """Folder of the run directories."""

    def input_files(self) -> list[tuple[str, int | None]]:
        """Return (name, bytes or None if unknown) of every input file."""
        return [(input_file.name, input_file.size) for input_file in find_input_files(self.paths)[0]]

    def check(self, output: str | None = None) -> None:
        """Raise `UsageError` or `InputError` for errors that are visible before anything is read or written.

        `output` is the file for the lexicon, "-" for stdout.
        """
        self.reader()  # checks paths and options only
        if self.classifier is not None and not self._needs_classifier():
            raise UsageError("--classifier is for the scorer labels; leave it out, or use that scorer")
        if self.classifier is None or Path(self.classifier).is_file():
            self.load_classifier()  # what can be read only once is read when the run starts
        weights = [self.options.correct_above or 0.0, *self.options.rewards.values()]
        if not all(map(math.isfinite, weights)):
            raise UsageError("--correct-above and the weights of --reward must be finite numbers")
        if ["-" in self.paths, "-" in self.background, self.classifier == "-"].count(True) > 1:
            raise UsageError("only one of the inputs can come from stdin; name files for the others")
        background = find_input_files(self.background)[0] if self.background else []
        if output in (None, "-"):
            return
        output_path = Path(output)
        if output_path.is_dir():
            raise UsageError(f"cannot write {excerpt(output)}: it is a directory; name a file")
        targets = {output_path.resolve(), examples_path(output_path).resolve()}
        for input_file in [*find_input_files(self.paths)[0], *background]:
            if input_file.path != "-" and Path(input_file.path).resolve() in targets:
                raise UsageError(f"{input_file.name} is an input; name another file for the lexicon")

    def open_directory(self, progress: Progress | None = None) -> RunDirectory:
        """Open (or create) the run's directory. The inputs are read, as their bytes and what they say name it."""
        return self._open_directory(self._open_inputs(progress))

    def _open_directory(self, inputs: _Inputs) -> RunDirectory:
        return RunDirectory.open(self.runs, "mine", self._identity(inputs))

    def identity(self) -> dict[str, Any]:
        """Return everything that determines the result, as JSON. The inputs are read, as their bytes are part of it."""
        return self._identity(self._open_inputs())

    def _open_inputs(self, progress: Progress | None = None) -> _Inputs:
        """Return readers of all inputs; what can be read only once is copied to disk."""
        reader = self.reader()
        reader.copy_streams()
        digests = _digest_files(reader.files, progress)
        return _Inputs(reader, digests, self.open_background(), self.load_classifier())

    def reader(self) -> TraceReader:
        """Return a reader of the traces."""
        return TraceReader(self.paths, self.dialect, options=self.options)

    def open_background(self) -> BackgroundInput | None:
        """Return the traces of the user's background; None if there are none."""
        if not self.background:
            return None
        reader = TraceReader(self.background, options=ReadOptions(infer_correct=False))
        reader.copy_streams()
        return BackgroundInput(reader, _digest_files(reader.files))

    def _identity(self, inputs: _Inputs) -> dict[str, Any]:
        tokenizer = self.options.tokenizer
        config = asdict(self.config) | {"embedder": get_embedder(self.config.embedder, self.config.seed).name}
        if self.config.part == "all":  # runs on whole traces keep the names that they had before parts
            del config["part"]
        return {
            "sgram": __version__,
            "config": config,
            "inputs": sorted(inputs.digests),  # names and order do not matter
            "background": sorted(inputs.background.digests) if inputs.background else "packaged",
            "classifier": inputs.classifier.digest if inputs.classifier else None,
            "moves": packaged_namer().digest,
            "read": {
                "dialect": self.dialect,
                "where": sorted(self.options.where),
                "max_bad": self.options.max_bad,
                "columns": dict(self.options.columns),
                "rewards": dict(self.options.rewards),
                "correct_above": self.options.correct_above,
                "infer_correct": self.options.infer_correct,
                "decisions": _describe_decisions(inputs.reader, inputs.digests),
                "tokenizer": None if tokenizer is None else _digest_tokenizer(tokenizer),
            },
        }

    def run(self, progress: Progress, fresh: bool = False, embedder: Embedder | None = None) -> MiningOutcome:
        """Run the job, resume it, or load its products if it is finished; `fresh` starts it again.

        `embedder` is that of the config if it has been opened already.

        Raise `SgramError` if another process runs the job, `InputError` if an input changes while it is read, and every
        error of `check`, `TraceReader` and `Miner.fit`.
        """
        self.check()
        config = self.config
        if embedder is not None:
            return self._run(embedder, progress, fresh)
        with open_embedder(config.embedder, config.seed, self.resources.workers) as embedder:
            return self._run(embedder, progress, fresh)

    def _run(self, embedder: Embedder, progress: Progress, fresh: bool) -> MiningOutcome:
        inputs = self._open_inputs(progress)
        run = self._open_directory(inputs)
        with run.lock():
            if fresh:
                for name in (*PRODUCTS, QUARANTINE):
                    run.part(name).unlink(missing_ok=True)
                shutil.rmtree(run.part("scratch"), ignore_errors=True)
            if all(map(run.has, PRODUCTS)):
                shutil.rmtree(run.part("scratch"), ignore_errors=True)  # left if a run was killed at its end
                copy_quarantine(run.part(QUARANTINE), self.options.quarantine)
                return load_outcome(run, reused=True)
            scratch_path = run.part("scratch")
            for unfinished in run.path.glob(".sgram-*.tmp"):
                unfinished.unlink()
            try:
                _clear_scratch(scratch_path)
                outcome = self._mine(run, inputs, embedder, scratch_path, progress)
                shutil.rmtree(scratch_path, ignore_errors=True)
            except SgramError:  # the same inputs will always fail, so resuming is useless
                shutil.rmtree(scratch_path, ignore_errors=True)
                raise
            finally:
                _clear_scratch(scratch_path)
            return outcome

    def _mine(
        self, run: RunDirectory, inputs: _Inputs, embedder: Embedder, scratch: Path, progress: Progress
    ) -> MiningOutcome:
        scratch.mkdir(exist_ok=True)
        quarantine = run.part(QUARANTINE)
        reader = inputs.reader.reread(quarantine, self.options.max_bad)

        def report_stage(stage: str, done: int, total: int) -> None:
            if stage == "read":
                report = reader.report
                remark = f"{report.rows_in:,} rows"
                remark += f", {report.rows_quarantined:,} set aside" if report.rows_quarantined else ""
                progress("read", reader.bytes_read, reader.bytes_total or 0, remark)
            else:
                progress(stage, done, total, "")

        miner = Miner(
            self.config,
            self.resources,
            scorer=self._make_scorer(inputs),
            embedder=embedder,
            scratch=scratch,
            keep_corpus=True,
            progress=report_stage,
            meanwhile=prepare_products,
        )
        try:
            miner.fit(_read_and_summarize(reader, inputs.digests, scratch / READ_SUMMARY))
        finally:
            copy_quarantine(quarantine, self.options.quarantine)
        write_products(run, miner, orjson.loads((scratch / READ_SUMMARY).read_bytes()))
        return load_outcome(run, reused=False)

    def _make_scorer(self, inputs: _Inputs) -> Scorer | None:
        if self.config.method == "paper":
            return None
        return make_scorer(self.config, self.count_background(inputs.background), inputs.classifier)

    def _needs_classifier(self) -> bool:
        return self.config.method != "paper" and self.config.scorer == "labels"

    def load_classifier(self) -> GramClassifier | None:
        """Return the classifier of the run; None if its scorer needs none."""
        if not self._needs_classifier():
            return None
        return GramClassifier.packaged() if self.classifier is None else GramClassifier.load(self.classifier)

    def count_background(self, background: BackgroundInput | None) -> Background | None:
        """Return the background counted in the user's files; None if there are none.

        Raise `InputError` if a file changes while it is read.
        """
        if background is None:
            return None
        texts = (trace.text[: self.config.max_chars] for trace in background.reader)
        counted = Background.count(texts, {}, self.resources.workers)
        check_unchanged(background.reader.files, background.digests)
        # The table's digest, not the files': the lexicon must not change with the order of their rows.
        origin = {"what": "traces given by the user", "digest": digest(canonical_json(dict(counted.df)))}
        return replace(counted, origin=origin)


def copy_quarantine(quarantine: str | os.PathLike[str], target: str | os.PathLike[str] | None) -> None:
    """Copy the quarantine file to `target`, if there is one and it differs."""
    if target is not None and Path(quarantine).exists() and Path(quarantine) != Path(target):
        write_bytes(target, Path(quarantine).read_bytes())


def _clear_scratch(scratch: Path) -> None:
    """Delete what a killed run left, except vectors and, if the whole corpus is there, its arrays."""
    for path in scratch.glob("*"):
        if path.name != "vectors" and not (scratch / MANIFEST).exists():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    if scratch.is_dir() and not any(scratch.iterdir()):
        scratch.rmdir()


def _digest_files(input_files: Sequence[InputFile], progress: Progress | None = None) -> list[str]:
    """Return the SHA-256 of each input file."""
    digests = []
    total, done = sum(input_file.size or 0 for input_file in input_files), 0
    for input_file in input_files:
        digests.append(digest_file(input_file))
        done += input_file.size or 0
        if progress is not None:
            progress("look", done, total, "")
    return digests


def _describe_decisions(reader: TraceReader, digests: Sequence[str]) -> list[dict[str, Any]]:
    """Return which rewards are read as correctness, as JSON: for each run its files and what its rewards are.

    Files go by their digests, so their names do not matter. A run that the data name goes by its name.
    """
    files_of_run: dict[str, list[str]] = {}
    for file, file_digest in zip(reader.files, digests, strict=True):
        files_of_run.setdefault(reader.runs[file.path], []).append(file_digest)
    decisions: list[dict[str, Any]] = [
        {
            "run": None if run in files_of_run else run,
            "files": sorted(files_of_run.get(run, ())),
            "columns": sorted(rewards.columns),
            "rewards": rewards.n,
            "correct_above": rewards.threshold,
        }
        for run, rewards in reader.survey().items()
        if rewards.threshold is not None
    ]
    return sorted(decisions, key=canonical_json)


def _digest_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(
            f"cannot read {excerpt(path, 1000)}: {error.strerror}; check the path and its permissions"
        ) from None


def _digest_tokenizer(path: str | os.PathLike[str]) -> list[str]:
    """Return the digests of a tokenizer's file, or of those in its directory; its path does not matter."""
    tokenizer = Path(path)
    files = [*tokenizer.rglob("tokenizer.json"), *tokenizer.glob("refs/main")] if tokenizer.is_dir() else [tokenizer]
    return sorted(map(_digest_file, files))


def _read_and_summarize(reader: TraceReader, digests: Sequence[str], path: Path) -> Iterator[Trace]:
    """Yield the traces of `reader`; after the last one write the summary to `path`, for a run that resumes later.

    Raise `InputError` if a file has another digest than in `digests` by then.
    """
    yield from reader
    check_unchanged(reader.files, digests)
    write_bytes(path, pretty_json(reading_summary(reader)))
