"""Draw wrong traces for people to say why they are wrong, and the items file of such a sample.

The sample is systematic: the wrong traces are sorted by the classifier's kind, source, training step and problem, and
every N/n-th is drawn, from a random start. Every trace has the same chance n/N, and the shares of kinds, sources and
steps in the sample are those of all wrong traces, up to one trace each. Annotators see problem, reference answer and
response; the classifier's kind, the source and the step stay in the items file.
"""

import os
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from sgram.annotation.items import BlindedItem, read_rows
from sgram.array_types import IntArray
from sgram.diagnosis.kinds import KINDS, Kind
from sgram.errors import InputError, UsageError
from sgram.files import canonical_json, digest, excerpt
from sgram.traces import Trace
from sgram.traces.trace_keys import UNKNOWN_MODEL, problem_name, stable_key
from sgram.urls import printable_name

FORMAT, VERSION = "sgram-error-annotation", 1
MAX_ITEMS = 10_000
NOT_GIVEN = "(not given)"
_RESPONSE = "Response"
_NO_STEP = -(1 << 63)


@dataclass(frozen=True, slots=True)
class ErrorItem:
    """A wrong trace to be rated, with what annotators must not know."""

    item: str
    """Random id."""
    trace: str
    """Id of the trace."""
    digest: str
    """Of the response; a rating applies to no other text."""
    kind: Kind
    """What the classifier says."""
    source: str
    step: int | None
    probability: float
    """Chance of a wrong trace to be in the sample."""
    text: str
    """Problem, reference answer and response, as shown to annotators."""
    start: int
    """Where the heading of the response stands in `text`; tools mark it."""
    end: int

    @property
    def blinded(self) -> BlindedItem:
        """The part that annotators see."""
        return BlindedItem(self.item, self.text, self.start, self.end)


@dataclass(frozen=True, slots=True)
class ErrorSample:
    """Wrong traces to be rated, sorted by id, which is a random order."""

    seed: int
    n_wrong: int
    """Wrong traces that the sample was drawn from."""
    items: tuple[ErrorItem, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", tuple(sorted(self.items, key=lambda item: item.item)))

    @property
    def digest(self) -> str:
        """SHA-256 of the items in canonical JSON, in hex."""
        return digest(canonical_json([asdict(item) for item in self.items]))

    @property
    def blinded_items(self) -> tuple[BlindedItem, ...]:
        """The parts of the items that annotators see, in the order of `items`."""
        return tuple(item.blinded for item in self.items)


def text_digest(trace: Trace) -> str:
    """Return 16 hex digits that identify the text of a response.

    >>> text_digest(Trace(id="1", text="It is 3.")) == text_digest(Trace(id="1", text="It is 4."))
    False
    """
    return digest(trace.text.encode())[:16]


def source_name(trace: Trace) -> str:
    """Return what tables call the source of a trace: its model, else its run.

    >>> source_name(Trace(id="1", text="so", run="run 7"))
    'run 7'
    """
    return trace.model or trace.run or UNKNOWN_MODEL


@dataclass(slots=True)
class ErrorSurvey:
    """Where a sample is drawn: a few numbers of each wrong trace, which are added in any order.

    >>> survey = ErrorSurvey()
    >>> for number in range(100):
    ...     survey.add(Trace(id=str(number), text=""), "strategic" if number < 70 else "undecided")
    >>> sorted(survey.draw(10).values()).count("strategic")
    7
    """

    _sources: dict[str, int] = field(default_factory=dict)
    _source_codes: "array[int]" = field(default_factory=lambda: array("i"))
    _kinds: "array[int]" = field(default_factory=lambda: array("b"))
    _steps: "array[int]" = field(default_factory=lambda: array("q"))
    _problems: "array[int]" = field(default_factory=lambda: array("Q"))
    _keys: "array[int]" = field(default_factory=lambda: array("Q"))

    def __len__(self) -> int:
        return len(self._kinds)

    def add(self, trace: Trace, kind: Kind) -> None:
        """Add one wrong trace with the classifier's kind."""
        self._source_codes.append(self._sources.setdefault(source_name(trace), len(self._sources)))
        self._kinds.append(KINDS.index(kind))
        self._steps.append(_NO_STEP if trace.step is None else trace.step)
        self._problems.append(stable_key(problem_name(trace)))
        self._keys.append(stable_key(trace.id))

    def draw(self, n: int, seed: int = 0) -> dict[int, Kind]:
        """Return the classifier's kind of each drawn trace by `stable_key` of its id; all if there are at most `n`."""
        kinds, keys = np.array(self._kinds), np.array(self._keys, np.uint64)
        if len(keys) <= n:
            rows: IntArray = np.arange(len(keys))
        else:
            names = sorted(self._sources)
            ranks = np.array([names.index(name) for name in self._sources])
            sources = ranks[np.array(self._source_codes)]
            problems, ids = (_shuffled(np.array(numbers, np.uint64), seed) for numbers in (self._problems, self._keys))
            order = np.lexsort((ids, problems, np.array(self._steps), sources, kinds))
            start = np.random.default_rng(seed).random()
            rows = order[((np.arange(n) + start) * len(keys) / n).astype(np.int64)]
        return {int(keys[row]): KINDS[kinds[row]] for row in rows}


def _shuffled(numbers: np.ndarray[Any, np.dtype[np.uint64]], seed: int) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """Return numbers whose order is random, the same for equal numbers."""
    factor = np.random.default_rng(seed).integers(1 << 63, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    return numbers * factor


def build_error_sample(traces: Iterable[Trace], survey: ErrorSurvey, n: int, seed: int = 0) -> ErrorSample:
    """Return `n` of the wrong traces that `survey` has seen, with the texts that `traces` has.

    Raise `UsageError` if `n` or `seed` is out of range, `InputError` if the survey is empty.
    """
    if not 1 <= n <= MAX_ITEMS:
        raise UsageError(f"n must be between 1 and {MAX_ITEMS:,} (got {n})")
    if not 0 <= seed < 1 << 63:
        raise UsageError(f"seed must be >= 0 and < 2^63 (got {seed})")
    if not len(survey):
        raise InputError("no trace is wrong, so there is no error to rate")
    kinds_by_key = survey.draw(n, seed)
    probability = min(1.0, n / len(survey))
    items = []
    for trace in traces:
        kind = kinds_by_key.pop(stable_key(trace.id), None)
        if kind is not None:
            items.append(_build_item(trace, kind, probability, seed))
    return ErrorSample(seed, len(survey), tuple(items))


def _build_item(trace: Trace, kind: Kind, probability: float, seed: int) -> ErrorItem:
    before = f"Problem\n\n{trace.prompt or NOT_GIVEN}\n\nReference answer\n\n{trace.reference or NOT_GIVEN}\n\n"
    response = text_digest(trace)
    return ErrorItem(
        item=digest(canonical_json([seed, trace.id, response]))[:12],
        trace=trace.id,
        digest=response,
        kind=kind,
        source=source_name(trace),
        step=trace.step,
        probability=round(probability, 9),
        text=f"{before}{_RESPONSE}\n\n{trace.text}",
        start=len(before),
        end=len(before) + len(_RESPONSE),
    )


# -- the items file -------------------------------------------------------------------------------------


def encode_error_sample(sample: ErrorSample) -> bytes:
    """Return the items file of a sample: JSONL, a header and one row per item. Annotators must not see it."""
    header = {
        "format": FORMAT,
        "version": VERSION,
        "seed": sample.seed,
        "n": len(sample.items),
        "n_wrong": sample.n_wrong,
        "digest": sample.digest,
    }
    return b"".join(canonical_json(row) + b"\n" for row in (header, *map(asdict, sample.items)))


def is_error_sample(header: Mapping[str, Any]) -> bool:
    """Return whether a file with this first row is the items file of an `ErrorSample`."""
    return header.get("format") == FORMAT


def read_error_sample(path: str | os.PathLike[str]) -> ErrorSample:
    """Return the sample of an items file.

    Raise `InputError`, with file and line, if the file is not one, was changed or cut off.
    """
    rows, name = read_rows(path), printable_name(path)
    _, header = next(rows, (name, {}))
    if not is_error_sample(header):
        raise InputError(f"{name} is not the items file of a sample of errors; give the .items.jsonl of the export")
    if header.get("version") != VERSION:
        raise InputError(
            f"{name}: unsupported version {excerpt(str(header.get('version')), 20)} (this sgram reads {VERSION}); use "
            "the version of sgram that wrote the file"
        )
    try:
        items = tuple(ErrorItem(**row) for _, row in rows)
        sample = ErrorSample(header["seed"], header["n_wrong"], items)
        is_unchanged = header["digest"] == sample.digest
    except (TypeError, KeyError):
        is_unchanged = False
    if not is_unchanged:
        raise InputError(
            f"{name} was changed or truncated after the export; export again with the same arguments, which gives the "
            "same items"
        )
    return sample
