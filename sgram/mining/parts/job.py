"""Mining by parts as jobs over a folder: split traces, choose grams, join the parts to a lexicon."""

import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from sgram.engines import Engine
from sgram.errors import InputError, UsageError
from sgram.files import excerpt, scratch_folder
from sgram.mining.classifier import GramClassifier, make_scorer
from sgram.mining.config import Resources
from sgram.mining.corpus import FACETS
from sgram.mining.embed import Embedder
from sgram.mining.encoding_process import open_embedder
from sgram.mining.miner import Miner, TraceDigests, iter_documents, no_traces_message
from sgram.mining.parts.corpus import PartedCorpus, StepProgress, StopAfterChoice
from sgram.mining.parts.folder import SplitFolder, open_folder
from sgram.mining.parts.plan import LEAST_LOCAL_DF, PLAN, PlannedPart, SplitPlan, group_parts
from sgram.mining.parts.split import PartOf, file_name, split_documents
from sgram.mining.parts.steps import CHOICE, UNION
from sgram.mining.products import (
    LEXICON,
    PRODUCTS,
    MiningOutcome,
    load_outcome,
    prepare_products,
    reading_summary,
    write_products,
)
from sgram.mining.run import QUARANTINE, MiningJob, Progress, copy_quarantine
from sgram.mining.score import Background, Scorer
from sgram.run_directory import DESCRIPTION, LOCK_FILE, RunDirectory
from sgram.traces.part_texts import PartSelection
from sgram.traces.rows import InputFile
from sgram.urls import exists_url, is_url, printable_name, remove_url

CLASSIFIER, BACKGROUND = "classifier.json", "background.parquet"
FILES = (PLAN, DESCRIPTION, CLASSIFIER, BACKGROUND, QUARANTINE, UNION, CHOICE)
FOLDERS = ("split", "part", "count", "describe", "vectors")
_DESCRIPTION = {"verb": "mine split"}
MOST_PARTS = 500
"""Files that `split` writes at the same time; systems allow about 1,000."""


def split_traces(
    job: MiningJob,
    folder: Path,
    n_parts: int,
    *,
    exact_parts: bool = False,
    fresh: bool = False,
    part_of: PartOf | None = None,
    progress: Progress | None = None,
) -> SplitPlan:
    """Split the traces of a job into parts in `folder`, and write the plan.

    The number of parts is lowered until the local threshold of every part is at least
    `sgram.mining.parts.plan.LEAST_LOCAL_DF`, unless `exact_parts`. `fresh` replaces an earlier split. Raise
    `UsageError` if the folder holds one or `n_parts` is invalid, `InputError` if there is nothing to mine, and every
    error of `MiningJob.check` and `TraceReader`.
    """
    if not 1 <= n_parts <= MOST_PARTS:
        raise UsageError(f"the number of parts must be 1 to {MOST_PARTS} (got {n_parts})")
    job.check()
    run = RunDirectory(folder)
    with run.lock():
        _clear(folder, fresh)
        run.describe(_DESCRIPTION)  # folders with a run.json are not read as inputs
        classifier = job.load_classifier()
        if classifier is not None and job.classifier is not None:
            classifier.save(folder / CLASSIFIER)
        background = None if job.config.method == "paper" else job.count_background(job.open_background())
        if background is not None:
            background.save(folder / BACKGROUND)
        quarantine = run.part(QUARANTINE)
        reader = job.reader().reread(quarantine, job.options.max_bad)
        stamps = [_stamp(file) for file in reader.files]
        settings, digests, selection = job.config.resolve_settings(0), TraceDigests(), PartSelection(job.config.part)
        documents = iter_documents(reader, settings["correct_only"], settings["max_chars"], digests, selection)

        def report_reading(_n_docs: int, _n_bytes: int) -> None:
            if progress is not None:
                progress("read", reader.bytes_read, reader.bytes_total or 0, f"{reader.report.rows_in:,} rows")

        try:
            sizes = split_documents(documents, folder / "split", n_parts, job.resources, part_of, report_reading)
        finally:
            copy_quarantine(quarantine, job.options.quarantine)
        for file, stamp in zip(reader.files, stamps, strict=True):
            if _stamp(file) != stamp:
                raise InputError(f"{file.name} changed while it was read; split again when nothing writes to it")
        summary = digests.summary()
        if job.config.part != "all":
            summary["left_out"] = selection.n_left_out
        if not digests.n:
            raise InputError(no_traces_message(job.config, settings))
        docs_of_part = sizes.n_docs.sum(axis=1).tolist()
        plan = SplitPlan(
            folder=SplitFolder(folder),
            config=job.config,
            inputs=summary,
            n_docs=tuple(sizes.n_docs.sum(axis=0).tolist()),
            n_problems=len(sizes.facet_values[FACETS.index("problem")]),
            models=tuple(sizes.facet_values[FACETS.index("model")]),
            parts=(),
            requested_parts=n_parts,
            classifier=classifier.digest if classifier is not None and job.classifier is not None else None,
            background=background is not None,
            summary=reading_summary(reader),
        )
        counted_df = plan.counted_df
        groups = group_parts(docs_of_part, counted_df, 1 if exact_parts else LEAST_LOCAL_DF)
        plan = plan.with_parts(
            [
                PlannedPart(
                    f"{number:03d}",
                    tuple(file_name(part) for part in group),
                    sum(docs_of_part[part] for part in group),
                    sum(int(sizes.n_bytes[part]) for part in group),
                )
                for number, group in enumerate(groups)
            ]
        )
        plan.save()
        return SplitPlan.load(folder)


def split_to_url(
    job: MiningJob, url: str, n_parts: int, *, fresh: bool = False, exact_parts: bool = False, progress: Progress
) -> SplitPlan:
    """Split the traces of a job in scratch space, upload the parts to a folder behind a URL, and last the plan.

    Scratch space must hold all parts. Options and errors are those of `split_traces`, and those of `upload`.
    """
    url = url.rstrip("/")
    if not fresh and exists_url(f"{url}/{PLAN}"):
        raise UsageError(f"{printable_name(url)} holds a finished split; use it, or split again with --fresh")
    with scratch_folder() as scratch:
        folder = SplitFolder(scratch / "parts", url)
        RunDirectory(folder.path).describe(_DESCRIPTION)
        folder.publish([DESCRIPTION])  # a URL that cannot be written is refused before the traces are read
        plan = split_traces(job, folder.path, n_parts, exact_parts=exact_parts, progress=progress)
        for name in (PLAN, *PRODUCTS):  # files of the steps are told apart by the digest of their plan
            remove_url(f"{url}/{name}")
        written = [path for path in folder.path.rglob("*") if path.is_file() and path.name not in (PLAN, LOCK_FILE)]
        folder.publish([*sorted(path.relative_to(folder.path).as_posix() for path in written), PLAN])
        return replace(plan, folder=folder)


def _clear(folder: Path, fresh: bool) -> None:
    """Delete an earlier split and what was made of it.

    Raise `UsageError` for a finished one unless `fresh`, and if the folder holds files of something else.
    """
    if (folder / PLAN).exists() and not fresh:
        raise UsageError(f"{excerpt(folder)} holds a finished split; use it, or split again with --fresh")
    names = (*FILES, *FOLDERS, *PRODUCTS)
    others = sorted(path.name for path in folder.iterdir() if path.name not in (*names, LOCK_FILE))
    unfinished = [name for name in others if name.startswith(".sgram-")]
    if len(others) > len(unfinished):
        first = next(name for name in others if name not in unfinished)
        raise UsageError(f"{excerpt(folder)} holds other files ({excerpt(first)}); name a folder for the split alone")
    for name in (*names, *unfinished):  # the plan first: without it the rest is an unfinished split
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _stamp(file: InputFile) -> tuple[int, int] | None:
    """Return the size of a file and when it was written; None for a copy, a URL or rows in memory."""
    if file.copy is not None or is_url(file.path) or not Path(file.path).is_file():
        return None
    status = Path(file.path).stat()
    return status.st_size, status.st_mtime_ns


def choose(place: str | Path, resources: Resources, engine: Engine, progress: StepProgress) -> None:
    """Run `part`, `union` and `count` where they are missing, and write the chosen clusters.

    `place` is the path or URL of the split.
    """
    with open_folder(place) as folder:
        plan = SplitPlan.load(folder)
        corpus = PartedCorpus(plan, engine, resources, progress, stops_after_choice=True)
        with suppress(StopAfterChoice):
            _make_miner(plan, resources, progress).fit_corpus(corpus, plan.inputs)


def join(
    folder: Path | SplitFolder, resources: Resources, engine: Engine, progress: StepProgress, fresh: bool = False
) -> MiningOutcome:
    """Run every step that is missing, and return the lexicon, which is that of `MiningJob.run` on the same traces.

    The products are those of a mining run, in `folder`; a finished join is loaded unless `fresh`. Raise `InputError` if
    the folder holds no split, `SgramError` if another process of this machine joins it, and every error of `Miner.fit`.
    """
    plan = SplitPlan.load(folder)
    run = RunDirectory(plan.folder.path)
    with run.lock():
        if fresh:
            plan.folder.remove(PRODUCTS)
        if all(plan.folder.fetch(name).exists() for name in PRODUCTS):
            return load_outcome(run, reused=True)
        with open_embedder(plan.config.embedder, plan.config.seed, resources.workers) as embedder:
            miner = _make_miner(plan, resources, progress, embedder)
            miner.fit_corpus(PartedCorpus(plan, engine, resources, progress), plan.inputs)
        write_products(run, miner, dict(plan.summary))
        plan.folder.publish([name for name in PRODUCTS if name != LEXICON] + [LEXICON])
        return load_outcome(run, reused=False)


def mine_by_parts(
    job: MiningJob, n_parts: int, engine: Engine, progress: Progress, fresh: bool = False
) -> MiningOutcome:
    """Mine as `MiningJob.run` does, but by parts, which `engine` runs; the parts lie in the run's directory meanwhile.

    A killed run goes on with the parts that are finished. Raise every error of `split_traces` and `join`.
    """

    def report_step(step: str, done: int, total: int) -> None:
        progress(step, done, total, "")

    run = job.open_directory(progress)
    folder = run.path / "parts"
    if not fresh and all(map(run.has, PRODUCTS)):
        return load_outcome(run, reused=True)
    if fresh or not (folder / PLAN).exists():
        split_traces(job, folder, n_parts, fresh=True, progress=progress)
    with run.lock():
        outcome = join(folder, job.resources, engine, report_step, fresh=fresh)
        for name in PRODUCTS[::-1]:  # the lexicon last: it marks the run as finished
            with run.write(name) as file:
                file.write((outcome.directory / name).read_bytes())
        shutil.rmtree(folder)
        return load_outcome(run, reused=False)


def _make_miner(
    plan: SplitPlan, resources: Resources, progress: StepProgress, embedder: Embedder | None = None
) -> Miner:
    scorer = _make_scorer(plan)
    return Miner(
        plan.config,
        resources,
        scorer=scorer,
        embedder=embedder,
        scratch=plan.folder.path,
        progress=progress,
        meanwhile=prepare_products,
    )


def _make_scorer(plan: SplitPlan) -> Scorer | None:
    """Return the scorer of the plan's config; None for the method of the paper, which has none."""
    if plan.config.method == "paper":
        return None
    background = Background.load(plan.folder.fetch(BACKGROUND)) if plan.background else None
    classifier = None if plan.classifier is None else GramClassifier.load(plan.folder.fetch(CLASSIFIER))
    if classifier is not None and classifier.digest != plan.classifier:
        raise InputError(f"{plan.folder.file_title(CLASSIFIER)} is not the classifier of the split; split again")
    return make_scorer(plan.config, background, classifier)
