"""What a mining run leaves in its directory: lexicon, examples of use, every candidate, summary of the reading."""

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from sgram.files import canonical_json, pretty_json, write_bytes
from sgram.lexicon import Lexicon
from sgram.mining.miner import Miner, MiningRecords
from sgram.run_directory import RunDirectory
from sgram.traces import TraceReader

LEXICON, EXAMPLES, CANDIDATES, SUMMARY = ("lexicon.json", "examples.jsonl", "candidates.parquet", "summary.json")
PRODUCTS = (LEXICON, EXAMPLES, CANDIDATES, SUMMARY)
OUTCOME_NAMES = ("unknown", "correct", "wrong")
"""Names of `sgram.mining.corpus.UNKNOWN`, `CORRECT` and `WRONG` in the columns of the candidates."""


@dataclass(frozen=True, slots=True)
class MiningOutcome:
    """Products of a run."""

    lexicon: Lexicon
    examples: list[dict[str, Any]]
    """Uses of each cluster's medoid: cluster, gram, trace, text, start, end."""
    summary: dict[str, Any]
    """Rows read, dialects, warnings."""
    directory: Path
    reused: bool
    """Whether the run was already finished."""


def reading_summary(reader: TraceReader) -> dict[str, Any]:
    """Return how many rows were read, by which dialects, and what was inferred, as JSON."""
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
        "decisions": report.decisions,
    }


def prepare_products() -> None:
    """Import what `write_products` needs; pyarrow imports pandas with its first array."""
    import pyarrow as pa
    import pyarrow.parquet

    pa.array([0])


def write_products(run: RunDirectory, miner: Miner, summary: dict[str, Any]) -> None:
    """Write what a fitted miner has; the lexicon comes last, as it marks the run as finished."""
    with run.write(EXAMPLES) as file:
        for cluster, examples in sorted(miner.records_.examples.items()):
            for example in examples:
                file.write(canonical_json({"cluster": cluster} | asdict(example)) + b"\n")
    _write_candidates(run, miner.records_)
    with run.write(SUMMARY) as file:
        file.write(pretty_json(summary))
    miner.lexicon_.save(run.part(LEXICON))


def _write_candidates(run: RunDirectory, records: MiningRecords) -> None:
    """Write every candidate with its statistics, score and cluster (null if it is not in the lexicon)."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    candidates = records.candidates
    columns: dict[str, Any] = {"gram": candidates.texts, "score": records.scores}
    for column in fields(candidates):
        statistic = getattr(candidates, column.name)
        if column.name in ("texts", "row", "n_docs") or statistic is None:
            continue
        if column.name == "df":
            columns["df"] = statistic.sum(axis=1)
            columns |= {f"df_{name}": statistic[:, outcome] for outcome, name in enumerate(OUTCOME_NAMES)}
        else:
            columns[column.name] = statistic
    cluster = np.full(len(candidates), -1)
    cluster[records.lexicon_rows] = records.clusters
    core = np.zeros(len(candidates), bool)
    core[records.lexicon_rows] = records.core
    columns |= {"cluster": pa.array(cluster, mask=cluster < 0), "core": core}
    with run.write(CANDIDATES) as file:
        parquet.write_table(pa.table(columns), file, compression="zstd")


def load_outcome(run: RunDirectory, reused: bool) -> MiningOutcome:
    """Return the products in the directory of a finished run."""
    examples = [orjson.loads(line) for line in run.part(EXAMPLES).read_bytes().splitlines()]
    summary = orjson.loads(run.part(SUMMARY).read_bytes())
    return MiningOutcome(Lexicon.load(run.part(LEXICON)), examples, summary, run.path, reused)


def export_lexicon(outcome: MiningOutcome, path: Path) -> Path:
    """Copy the lexicon to `path` and its examples beside it; return the path of the examples."""
    target = examples_path(path)
    write_bytes(target, (outcome.directory / EXAMPLES).read_bytes())
    outcome.lexicon.save(path)
    return target


def examples_path(path: Path) -> Path:
    """Return the path of the examples of the lexicon at `path`.

    >>> examples_path(Path("lexicon.json")).name
    'lexicon.examples.jsonl'
    """
    return path.with_name(path.name.removesuffix(".json") + ".examples.jsonl")
