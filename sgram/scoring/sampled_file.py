"""Sample responses into a file, graded, in parts, so that an interrupted job can resume."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import sgram
from sgram.errors import SgramError, UsageError
from sgram.files import canonical_json, digest, write_bytes
from sgram.grading.grader import Grader
from sgram.run_directory import LOCK_FILE, RunDirectory, lock_folder
from sgram.scoring.sampling import Sampler, SampleRequest, SamplingConfig
from sgram.scoring.scored_file import check_format
from sgram.traces import Trace, TraceReader, write_traces
from sgram.training.tasks.prompts import is_empty_response, prompt_text

N_CHECKED = 16
"""Responses at the start that are looked at: if more than half of them are empty, sampling stops."""


@dataclass(slots=True)
class SampleCounts:
    """Counts of responses."""

    n_samples: int = 0
    n_judged: int = 0
    """Responses with a verdict."""
    n_correct: int = 0
    n_cut_off: int = 0
    """Responses that reached the limit of tokens."""
    n_empty: int = 0
    """Responses without text."""
    n_unscored: int = 0
    """Responses without token ids."""

    def add(self, trace: Trace) -> None:
        """Count one graded response."""
        self.n_samples += 1
        self.n_judged += trace.correct is not None
        self.n_correct += trace.correct is True
        self.n_cut_off += trace.meta.get("finish_reason") == "length"
        self.n_empty += not trace.text.strip()
        self.n_unscored += trace.token_ids is None


@dataclass(frozen=True, slots=True)
class SampledFile:
    """The file that `sample_file` wrote."""

    path: Path
    tokenizer: Path | None
    """The model's tokenizer.json beside the file; None for an endpoint, which does not send it."""
    counts: SampleCounts
    n_reused: int
    """Responses that an earlier, interrupted job sampled."""
    n_missing: int
    """Requests without a response; their rows are left out."""
    first_fault: str
    """Why the first of them has none."""


@dataclass(slots=True)
class StartCheck:
    """Looks at the first responses, and stops if more than half are empty or one token: the prompts have a wrong form.

    >>> check = StartCheck(n_checked=2, hint="use --no-chat")
    >>> check.add([Trace(id="a", text=""), Trace(id="b", text=" ")])
    Traceback (most recent call last):
    sgram.errors.UsageError: 2 of the first 2 responses are empty or one token; use --no-chat. Nothing of them is \
kept; --allow-empty samples on
    """

    n_checked: int
    hint: str
    n_seen: int = 0
    n_empty: int = 0

    def add(self, traces: Sequence[Trace]) -> None:
        """Look at `traces`. Raise `UsageError` if more than half of at least `n_checked` responses are empty."""
        if self.n_seen >= self.n_checked:
            return
        self.n_seen += len(traces)
        self.n_empty += sum(map(is_empty, traces))
        if self.n_seen >= self.n_checked and 2 * self.n_empty > self.n_seen:
            raise UsageError(
                f"{self.n_empty:,} of the first {self.n_seen:,} responses are empty or one token; {self.hint}. Nothing "
                "of them is kept; --allow-empty samples on"
            )


def is_empty(trace: Trace) -> bool:
    """Return whether a response has no text or consists of one token.

    >>> is_empty(Trace(id="a", text="4", token_ids=(19,))), is_empty(Trace(id="a", text="4", token_ids=(19, 2)))
    (True, False)
    """
    return is_empty_response(trace.text, None if trace.token_ids is None else len(trace.token_ids))


@dataclass(slots=True)
class SampleParts:
    """The responses so far, in parts of a run directory."""

    run: RunDirectory
    part_of: dict[str, Path] = field(default_factory=dict)
    """Id of a response -> the file of its part."""

    @classmethod
    def resume(cls, run: RunDirectory) -> "SampleParts":
        """Return the parts that an earlier job left in `run`."""
        parts = cls(run)
        for path in sorted(run.path.glob("part-*.jsonl.gz")):
            parts.part_of.update(dict.fromkeys((trace.id for trace in _read(path)), path))
        return parts

    def add(self, traces: Sequence[Trace]) -> None:
        """Write `traces` as a part."""
        name = digest(canonical_json([trace.id for trace in traces]))[:24]
        path = self.run.part(f"part-{name}.jsonl.gz")
        write_traces(traces, path)
        self.part_of.update(dict.fromkeys((trace.id for trace in traces), path))

    def read(self, requests: Sequence[SampleRequest]) -> Iterator[Trace]:
        """Yield the responses to `requests`, in their order, without those that are missing."""

        @lru_cache(maxsize=4)  # the responses of a part mostly stand side by side
        def read_part(path: Path) -> Mapping[str, Trace]:
            return {trace.id: trace for trace in _read(path)}

        for request in requests:
            if (path := self.part_of.get(request.id)) is not None:
                yield read_part(path)[request.id]


def _read(path: Path) -> Iterator[Trace]:
    """Yield the traces of a part; the name of the file does not become their run."""
    yield from TraceReader([path], "sgram", "raise", runs={str(path): ""})


def sample_file(
    requests: Sequence[SampleRequest],
    sampler: Sampler,
    output: Path,
    config: SamplingConfig,
    *,
    allow_empty: bool = False,
    report_progress: Callable[[SampleCounts], None] = lambda counts: None,
    report_start: Callable[[int], None] = lambda n_pending: None,
) -> SampledFile:
    """Sample a response to each request, grade it, and write them to `output` in the order of `requests`.

    The id of a row is that of its request and, after ``@``, a digest of the model and the settings.

    Responses of an interrupted job are in ``<output>.parts/`` under a digest of the model and the settings. The same
    command resumes after them; a command with other settings never uses them. If responses are missing, the parts
    stay, and the same command asks only for what is missing. `report_start` gets the number of responses to sample,
    `report_progress` the counts so far.

    Raise `UsageError` if `output` has no format for rollouts or the first responses are empty (`StartCheck`),
    `SgramError` if there is no response at all, or if another process samples into `output`.
    """
    check_format(output)
    identity = {
        "verb": "sample",
        "sampler": sampler.identity(),
        "sampling": config.identity(),
        "requests": _digest_requests(requests),
        "sgram": sgram.__version__,
    }
    # equal responses of two models stay two rows where both files are read together
    job = digest(canonical_json([identity["sampler"], identity["sampling"]]))[:8]
    folder = Path(f"{output}.parts")
    with lock_folder(folder):  # whatever their settings, two jobs would write the same output
        parts = SampleParts.resume(RunDirectory.open(folder, "sample", identity))
        pending = [request for request in requests if request.id not in parts.part_of]
        report_start(len(pending))
        n_checked = 0 if allow_empty or config.max_tokens == 1 else min(N_CHECKED, len(pending))
        check, counts = StartCheck(n_checked, sampler.suggest()), SampleCounts()
        problems = {request.id: prompt_text(request.problem.prompt) for request in requests}
        with Grader() as grader:
            for traces in sampler.sample(pending):
                check.add(traces)
                graded = grade_traces(traces, grader, problems)
                parts.add(graded)
                for trace in graded:
                    counts.add(trace)
                report_progress(counts)
        n_missing = sum(request.id not in parts.part_of for request in requests)
        if n_missing == len(requests):
            raise SgramError(f"there is no response: {sampler.first_fault}; run the same command again")
        counts = SampleCounts()

        def read_parts() -> Iterator[Trace]:
            for trace in parts.read(requests):
                counts.add(trace)
                yield replace(trace, id=f"{trace.id}@{job}")

        write_traces(read_parts(), output)
        tokenizer_json = sampler.tokenizer_json()
        tokenizer = None if tokenizer_json is None else Path(f"{output}.tokenizer.json")
        if tokenizer is not None and tokenizer_json is not None:
            write_bytes(tokenizer, tokenizer_json)
        if not n_missing:
            shutil.rmtree(parts.run.path)
            (folder / LOCK_FILE).unlink()
            with suppress(OSError):  # parts of other settings stay
                folder.rmdir()
        return SampledFile(output, tokenizer, counts, len(requests) - len(pending), n_missing, sampler.first_fault)


def _digest_requests(requests: Sequence[SampleRequest]) -> str:
    rows = [[request.id, request.problem.prompt, request.problem.reference] for request in requests]
    return digest(canonical_json(rows))


def grade_traces(traces: Sequence[Trace], grader: Grader, problems: Mapping[str, str]) -> list[Trace]:
    """Return `traces` with answers and verdicts; those without a reference are as they were.

    `problems` maps the id of a trace to the text of its problem.
    """
    rows = [row for row, trace in enumerate(traces) if trace.reference is not None]
    grades = grader.grade_many(
        [traces[row].text for row in rows],
        [traces[row].reference or "" for row in rows],
        [problems[traces[row].id] for row in rows],
    )
    graded = list(traces)
    for row, grade in zip(rows, grades, strict=True):
        graded[row] = replace(traces[row], correct=grade.correct, answer=grade.answer)
    return graded
