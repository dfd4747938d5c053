"""A mining run as a directory: what is done stays done, and a killed run goes on. Knows nothing about printing.

The directory is named by the digest of everything that decides the result (inputs' bytes, config, version), so
parts of another run can never mix in. Products appear atomically, ``lexicon.json`` last: it marks the run as
finished. Vectors are kept chunk by chunk; reading and counting, minutes at most for gigabytes, start again.
"""

import fcntl
import hashlib
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
from sgram.errors import InputError, SgramError
from sgram.files import RunDirectory, canonical_json, pretty_json, write_bytes
from sgram.lexicon import Lexicon
from sgram.mining.config import MiningConfig, Resources
from sgram.mining.embed import get_embedder
from sgram.mining.miner import Miner
from sgram.mining.score import Background, ContrastScorer
from sgram.traces import ReadOptions, TraceReader
from sgram.traces.sources import find_sources

Progress = Callable[[str, int, int, str], None]
"""Hears (stage, done, total or 0, remark)."""

LEXICON, EXAMPLES, CANDIDATES, SUMMARY = (
    "lexicon.json",
    "examples.jsonl",
    "candidates.parquet",
    "summary.json",
)
QUARANTINE = "quarantine.jsonl"


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
    dialect: str = "auto"
    options: ReadOptions = field(default_factory=ReadOptions)
    """How traces are read; without a quarantine file of its own, rows set aside go to the run's directory."""
    runs: Path = Path("reports")

    def files(self) -> list[tuple[str, int | None]]:
        """(name, bytes) of every input file."""
        return [(source.name, source.size) for source in find_sources(self.paths)[0]]

    def directory(self, tell: Progress | None = None) -> RunDirectory | None:
        """The run's directory, made if need be; None for stdin, whose bytes are not known beforehand."""
        if "-" in self.paths:
            return None
        return RunDirectory.open(self.runs, "mine", self.identity(_file_digests(self.paths, tell)))

    def identity(self, inputs: list[str]) -> dict[str, Any]:
        """Everything that decides the result."""
        return {
            "sgram": __version__,
            "config": asdict(self.config)
            | {"embedder": get_embedder(self.config.embedder, self.config.seed).name},
            "inputs": inputs,
            "background": _file_digests(self.background) if self.background else "packaged",
            "read": {
                "dialect": self.dialect, "where": sorted(self.options.where), "max_bad": self.options.max_bad,
                "rewards": dict(self.options.rewards), "correct_above": self.options.correct_above,
                "tokenizer": None if self.options.tokenizer is None else str(self.options.tokenizer),
            },
        }  # fmt: skip

    def run(self, tell: Progress, fresh: bool = False) -> Outcome:
        """Do it, or what is left of it."""
        run = self.directory(tell)
        if run is None:
            with tempfile.TemporaryDirectory(prefix="sgram-") as scratch:
                return self._mine(None, Path(scratch), tell)
        with _locked(run):
            if fresh:
                for name in (LEXICON, EXAMPLES, CANDIDATES, SUMMARY, QUARANTINE):
                    run.part(name).unlink(missing_ok=True)
                shutil.rmtree(run.part("scratch"), ignore_errors=True)
            if run.has(LEXICON):
                return _load(run)
            scratch = run.part("scratch")
            for left in scratch.glob("*"):  # arrays of a killed try are worth nothing, its vectors are
                if left.name != "vectors":
                    shutil.rmtree(left) if left.is_dir() else left.unlink()
            scratch.mkdir(exist_ok=True)
            outcome = self._mine(run, scratch, tell)
            shutil.rmtree(scratch, ignore_errors=True)
            return outcome

    def _mine(self, run: RunDirectory | None, scratch: Path, tell: Progress) -> Outcome:
        aside = self.options.quarantine or (run.part(QUARANTINE) if run else scratch / QUARANTINE)
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
            self.config, self.resources, scorer=self._scorer(), scratch=scratch, progress=progress
        ).fit(reader)  # fmt: skip
        if run is None:  # now that stdin is read, its traces' own digest names the run
            run = RunDirectory.open(
                self.runs, "mine", self.identity([miner.lexicon_.source["inputs"]["digest"]])
            )
            if self.options.quarantine is None and aside.exists():
                write_bytes(run.part(QUARANTINE), aside.read_bytes())
        _write_products(run, miner, _summary(reader))
        return _load(run, reused=False)

    def _scorer(self) -> ContrastScorer | None:
        if not self.background:
            return None
        reader = TraceReader(self.background)
        about = {"what": "traces given by the user", "digest": _file_digests(self.background)}
        texts = (trace.text[: self.config.max_chars] for trace in reader)
        return ContrastScorer(Background.count(texts, about, self.resources.workers))

    def export(self, outcome: Outcome, path: Path) -> Path:
        """Copy the lexicon to `path` and its examples beside it; returns the path of the examples."""
        beside = path.with_name(path.name.removesuffix(".json") + ".examples.jsonl")
        write_bytes(beside, (outcome.directory / EXAMPLES).read_bytes())
        outcome.lexicon.save(path)
        return beside


def _file_digests(paths: tuple[str, ...], tell: Progress | None = None) -> list[str]:
    """SHA-256 of each input file, sorted: names and order do not matter."""
    digests = []
    sources = find_sources(paths)[0]
    total, done = sum(source.size or 0 for source in sources), 0
    for source in sources:
        try:
            with open(source.path, "rb") as file:
                digests.append(hashlib.file_digest(file, "sha256").hexdigest())
        except OSError as error:
            raise InputError(
                f"{source.name} cannot be read: {error.strerror}; check the path and its rights"
            ) from None
        done += source.size or 0
        if tell is not None:
            tell("look", done, total, "")
    return sorted(digests)


@contextmanager
def _locked(run: RunDirectory) -> Iterator[None]:
    """Hold the run for this process; the lock goes with the process, however it ends."""
    with open(run.part("lock"), "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SgramError(f"another process is working on this run ({run.path}); wait for it") from None
        yield


def _summary(reader: TraceReader) -> dict[str, Any]:
    report = reader.report
    return {
        "format": "sgram-mining-summary", "version": 1,
        "rows": {
            "in": report.rows_in, "kept": report.rows_kept, "skipped": report.rows_skipped,
            "quarantined": report.rows_quarantined,
        },
        "dialects": dict(report.dialects), "reasons": dict(report.reasons), "warnings": report.warnings,
    }  # fmt: skip


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
