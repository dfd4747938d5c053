"""A mining run as a directory: what is done stays done, and a killed run goes on. Knows nothing about printing.

The directory is named by the digest of everything that decides the result (inputs' bytes, config, version), so
parts of another run can never mix in. Products appear atomically, ``lexicon.json`` last: it marks the run as
finished. A killed run keeps the encoded traces, once all are read, and its vectors, chunk by chunk.
"""

import fcntl
import hashlib
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from sgram import __version__
from sgram.errors import InputError, SgramError, UsageError
from sgram.files import RunDirectory, canonical_json, digest, excerpt, pretty_json, write_bytes
from sgram.lexicon import Lexicon
from sgram.mining.classifier import GramClassifier, make_scorer
from sgram.mining.config import MiningConfig, Resources
from sgram.mining.corpus_cache import MANIFEST
from sgram.mining.embed import get_embedder
from sgram.mining.miner import Miner
from sgram.mining.score import Background, Scorer
from sgram.traces import ReadOptions, Trace, TraceReader
from sgram.traces.sources import Source, find_sources

Progress = Callable[[str, int, int, str], None]
"""Hears (stage, done, total or 0, remark)."""

LEXICON, EXAMPLES, CANDIDATES, SUMMARY = ("lexicon.json", "examples.jsonl", "candidates.parquet", "summary.json")
PRODUCTS = (LEXICON, EXAMPLES, CANDIDATES, SUMMARY)
QUARANTINE = "quarantine.jsonl"
READ = "read.json"
"""In the scratch folder: what was read, kept with the encoded corpus."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run made."""

    lexicon: Lexicon
    examples: list[dict[str, Any]]
    """Uses of each cluster's medoid: cluster, gram, trace, text, start, end."""
    summary: dict[str, Any]
    """Rows read, dialects, warnings."""
    directory: Path
    reused: bool
    """Whether an earlier run had made it all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One mining run: inputs, config, resources."""

    paths: tuple[str, ...]
    config: MiningConfig
    resources: Resources
    background: tuple[str, ...] = ()
    classifier: str | None = None
    """File of a classifier of grams, instead of the packaged one."""
    dialect: str = "auto"
    options: ReadOptions = field(default_factory=ReadOptions)
    """How traces are read; without a quarantine file of its own, rows set aside go to the run's directory."""
    runs: Path = Path("reports")

    def files(self) -> list[tuple[str, int | None]]:
        """(name, bytes) of every input file."""
        return [(source.name, source.size) for source in find_sources(self.paths)[0]]

    def check(self, output: str | None = None) -> None:
        """Raise what can be told before anything is read or written; `output` is where the lexicon goes."""
        TraceReader(self.paths, self.dialect, options=self.options)  # looks at paths and options only
        if self.classifier is not None and (self.config.method == "paper" or self.config.scorer != "labels"):
            raise UsageError("--classifier is for the scorer labels; leave it out, or use that scorer")
        self._classifier()
        weights = [self.options.correct_above or 0.0, *self.options.rewards.values()]
        if not all(map(math.isfinite, weights)):
            raise UsageError("--correct-above and the weights of --reward are finite numbers")
        background = find_sources(self.background)[0] if self.background else []
        for source in background:
            if source.size is None:
                raise UsageError(f"{source.name} can be read only once; keep the background in a file")
        if output in (None, "-"):
            return
        if Path(output).is_dir():
            raise UsageError(f"cannot write {excerpt(output)}: it is a directory; name a file")
        targets = {Path(output).resolve(), _beside(Path(output)).resolve()}
        for source in [*find_sources(self.paths)[0], *background]:
            if source.path != "-" and Path(source.path).resolve() in targets:
                raise UsageError(f"{source.name} is an input; name another file for the lexicon")

    def directory(self, tell: Progress | None = None) -> RunDirectory | None:
        """The run's directory, made if need be; None for stdin and pipes, whose bytes are not known beforehand."""
        sources = find_sources(self.paths)[0]
        if any(source.size is None for source in sources):
            return None
        return RunDirectory.open(self.runs, "mine", self.identity(_file_digests(sources, tell)))

    def identity(self, inputs: list[str]) -> dict[str, Any]:
        """Everything that decides the result."""
        return {
            "sgram": __version__,
            "config": asdict(self.config) | {"embedder": get_embedder(self.config.embedder, self.config.seed).name},
            "inputs": inputs,
            "background": self._background() or "packaged",
            "classifier": classifier.digest if (classifier := self._classifier()) else None,
            "read": {
                "dialect": self.dialect,
                "where": sorted(self.options.where),
                "max_bad": self.options.max_bad,
                "rewards": dict(self.options.rewards),
                "correct_above": self.options.correct_above,
                "tokenizer": None if self.options.tokenizer is None else _tokenizer(self.options.tokenizer),
            },
        }

    def run(self, tell: Progress, fresh: bool = False) -> Outcome:
        """Do it, or what is left of it."""
        self.check()
        run = self.directory(tell)
        if run is None:
            with tempfile.TemporaryDirectory(prefix="sgram-") as scratch:
                return self._mine(None, Path(scratch), tell)
        with _locked(run):
            if fresh:
                for name in (*PRODUCTS, QUARANTINE):
                    run.part(name).unlink(missing_ok=True)
                shutil.rmtree(run.part("scratch"), ignore_errors=True)
            if all(map(run.has, PRODUCTS)):
                shutil.rmtree(run.part("scratch"), ignore_errors=True)  # of a try that was killed at its end
                _copy(run.part(QUARANTINE), self.options.quarantine)
                return _load(run)
            scratch = run.part("scratch")
            for torn in run.path.glob(".sgram-*.tmp"):
                torn.unlink()
            try:
                _clear(scratch)
                outcome = self._mine(run, scratch, tell)
                shutil.rmtree(scratch, ignore_errors=True)
            except SgramError:  # this run will never end well: nothing of it is worth the room
                shutil.rmtree(scratch, ignore_errors=True)
                raise
            finally:
                _clear(scratch)
            return outcome

    def _mine(self, run: RunDirectory | None, scratch: Path, tell: Progress) -> Outcome:
        scratch.mkdir(exist_ok=True)
        unnamed = self.runs / f"stdin-{os.getpid()}.{QUARANTINE}"  # a run from stdin has no directory yet
        aside = run.part(QUARANTINE) if run else self.options.quarantine or unnamed
        reader = TraceReader(self.paths, self.dialect, options=replace(self.options, quarantine=aside))

        def progress(stage: str, done: int, total: int) -> None:
            if stage == "read":
                report = reader.report
                remark = f"{report.rows_in:,} rows"
                remark += f", {report.rows_quarantined:,} set aside" if report.rows_quarantined else ""
                tell("read", reader.bytes_read, reader.bytes_total or 0, remark)
            else:
                tell(stage, done, total, "")

        miner = Miner(
            self.config, self.resources, scorer=self._scorer(), scratch=scratch, keep_corpus=True, progress=progress
        )
        try:
            miner.fit(_remembered(reader, scratch / READ))
        finally:
            _copy(aside, self.options.quarantine)
        if run is None:  # now that stdin is read, its traces' own digest names the run
            run = RunDirectory.open(self.runs, "mine", self.identity([miner.lexicon_.source["inputs"]["digest"]]))
        summary = orjson.loads((scratch / READ).read_bytes())
        if summary["rows"]["quarantined"]:
            _copy(aside, run.part(QUARANTINE))
            unnamed.unlink(missing_ok=True)
        _write_products(run, miner, summary)
        return _load(run, reused=False)

    def _scorer(self) -> Scorer | None:
        if self.config.method == "paper":
            return None
        return make_scorer(self.config, self._counted_background(), self._classifier())

    def _classifier(self) -> GramClassifier | None:
        """The classifier that scores, if one does."""
        if self.config.method == "paper" or self.config.scorer != "labels":
            return None
        return GramClassifier.packaged() if self.classifier is None else GramClassifier.load(self.classifier)

    def _counted_background(self) -> Background | None:
        if not self.background:
            return None
        reader = TraceReader(self.background)
        texts = (trace.text[: self.config.max_chars] for trace in reader)
        counted = Background.count(texts, {}, self.resources.workers)
        # The table's digest, not the files': the lexicon must not change with the order of their rows.
        about = {"what": "traces given by the user", "digest": digest(canonical_json(dict(counted.df)))}
        return replace(counted, about=about)

    def _background(self) -> list[str]:
        return _file_digests(find_sources(self.background)[0]) if self.background else []

    def export(self, outcome: Outcome, path: Path) -> Path:
        """Copy the lexicon to `path` and its examples beside it; returns the path of the examples."""
        beside = _beside(path)
        write_bytes(beside, (outcome.directory / EXAMPLES).read_bytes())
        outcome.lexicon.save(path)
        return beside


def _beside(path: Path) -> Path:
    """Where the examples of the lexicon at `path` go."""
    return path.with_name(path.name.removesuffix(".json") + ".examples.jsonl")


def _copy(aside: str | os.PathLike[str], target: str | os.PathLike[str] | None) -> None:
    """Copy a quarantine file, if there is one and it is wanted elsewhere."""
    if target is not None and Path(aside).exists() and Path(aside) != Path(target):
        write_bytes(target, Path(aside).read_bytes())


def _clear(scratch: Path) -> None:
    """Remove what a stopped try left: vectors are kept, arrays only if the whole corpus is there."""
    for left in scratch.glob("*"):
        if left.name != "vectors" and not (scratch / MANIFEST).exists():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
    if scratch.is_dir() and not any(scratch.iterdir()):
        scratch.rmdir()


def _file_digests(sources: list[Source], tell: Progress | None = None) -> list[str]:
    """SHA-256 of each input file, sorted: names and order do not matter."""
    digests = []
    total, done = sum(source.size or 0 for source in sources), 0
    for source in sources:
        digests.append(_file_digest(Path(source.path)))
        done += source.size or 0
        if tell is not None:
            tell("look", done, total, "")
    return sorted(digests)


def _file_digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(
            f"{excerpt(path, 1000)} cannot be read: {error.strerror}; check the path and its rights"
        ) from None


def _tokenizer(path: str | os.PathLike[str]) -> list[str]:
    """Digests of a tokenizer's file, or of those in its directory: moving it changes nothing."""
    place = Path(path)
    inside = [*place.rglob("tokenizer.json"), *place.glob("refs/main")]
    return sorted(map(_file_digest, inside if place.is_dir() else [place]))


@contextmanager
def _locked(run: RunDirectory) -> Iterator[None]:
    """Hold the run for this process; the lock goes with the process, however it ends."""
    with open(run.part("lock"), "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SgramError(f"another process is working on this run ({run.path}); wait for it") from None
        yield


def _remembered(reader: TraceReader, record: Path) -> Iterator[Trace]:
    """Traces of `reader`; once all are read, what was read is told in `record`, for a run that goes on later."""
    yield from reader
    write_bytes(record, pretty_json(_summary(reader)))


def _summary(reader: TraceReader) -> dict[str, Any]:
    report = reader.report
    return {
        "format": "sgram-mining-summary",
        "version": 1,
        "rows": {
            "in": report.rows_in,
            "kept": report.rows_kept,
            "skipped": report.rows_skipped,
            "quarantined": report.rows_quarantined,
        },
        "dialects": dict(report.dialects),
        "reasons": dict(report.reasons),
        "warnings": report.warnings,
    }


def _write_products(run: RunDirectory, miner: Miner, summary: dict[str, Any]) -> None:
    with run.write(EXAMPLES) as file:
        for cluster, uses in sorted(miner.found_.examples.items()):
            for use in uses:
                file.write(canonical_json({"cluster": cluster} | asdict(use)) + b"\n")
    _write_candidates(run, miner)
    with run.write(SUMMARY) as file:
        file.write(pretty_json(summary))
    miner.lexicon_.save(run.part(LEXICON))


def _write_candidates(run: RunDirectory, miner: Miner) -> None:
    """Every candidate with its statistics, score, and cluster (null where it was not kept)."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    found = miner.found_
    columns: dict[str, Any] = {"gram": found.candidates.texts, "score": found.scores}
    for column in fields(found.candidates):
        value = getattr(found.candidates, column.name)
        if column.name in ("texts", "row", "n_docs") or value is None:
            continue
        if column.name == "df":
            columns["df"] = value.sum(axis=1)
            columns |= {f"df_{name}": value[:, at] for at, name in enumerate(("unknown", "correct", "wrong"))}
        else:
            columns[column.name] = value
    cluster = np.full(len(found.candidates), -1)
    cluster[found.kept] = found.clusters
    core = np.zeros(len(found.candidates), bool)
    core[found.kept] = found.core
    columns |= {"cluster": pa.array(cluster, mask=cluster < 0), "core": core}
    with run.write(CANDIDATES) as file:
        parquet.write_table(pa.table(columns), file, compression="zstd")


def _load(run: RunDirectory, reused: bool = True) -> Outcome:
    examples = [orjson.loads(line) for line in run.part(EXAMPLES).read_bytes().splitlines()]
    summary = orjson.loads(run.part(SUMMARY).read_bytes())
    return Outcome(Lexicon.load(run.part(LEXICON)), examples, summary, run.path, reused)
