"""Problems with answers out of JSONL, JSON arrays and Parquet. Knows nothing about how a response is checked.

====================================  =========================================================================
field                                 what it is
====================================  =========================================================================
``problem``, ``question``, ``prompt``  text, or messages of a chat that ends with the user's
``answer``, ``reference``, ``solution``  the answer: what follows ``####`` (GSM8K), what the last ``\\boxed{}`` holds,
                                      else all of it
``id``                                unique; a digest of the problem where absent
``split``                             ``train`` or ``test``; where absent a draw decides, by id and seed
====================================  =========================================================================

The first field of a line of the table that is there counts. Every row is kept, repeated or set aside, and counted.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sgram.errors import InputError, QuarantineError, UsageError
from sgram.files import canonical_json, digest, excerpt
from sgram.grading.answers import MAX_ANSWER, marked_answer
from sgram.grading.outcome import Problem, Split
from sgram.quarantine import Quarantine
from sgram.safe_reading import Caps
from sgram.traces.sources import Row, Source, find_sources, iter_rows
from sgram.training.tasks.prompts import Prompt

PROBLEM_FIELDS = ("problem", "question", "prompt")
ANSWER_FIELDS = ("answer", "reference", "solution")
MAX_PROMPT = 100_000
"""Most characters of a problem."""
_ROLES = ("system", "developer", "user", "assistant")


class ProblemError(InputError):
    """One row cannot be a problem; the message says why."""


@dataclass(frozen=True, slots=True)
class ReadConfig:
    """How problems are read."""

    test: str | os.PathLike[str] | None = None
    """Another file, whose problems are the held-out ones; the first file's are then all of training."""
    test_share: float = 0.1
    """Share of the problems without a split of their own that is held out."""
    seed: int = 0
    """Of the draw that decides the split."""
    max_bad: float = 0.01
    """Largest share of rows that may be set aside."""
    quarantine: str | os.PathLike[str] | None = None
    """File for the rows set aside; None: they are counted."""

    def __post_init__(self) -> None:
        for name in ("test_share", "max_bad"):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and 0 <= value <= 1):
                raise UsageError(f"{name} is {excerpt(str(value), 40)}; it is a share from 0 to 1")


@dataclass(slots=True)
class ProblemSet:
    """The problems that were read, and what was passed over."""

    train: tuple[Problem, ...] = ()
    test: tuple[Problem, ...] = ()
    digest: str = ""
    """SHA-256 of the problems and their split: equal for equal problems, wherever their files lie."""
    rows_in: int = 0
    rows_repeated: int = 0
    """Rows whose problem was there before, or is held out."""
    rows_quarantined: int = 0
    first_fault: str = ""

    def note(self) -> str:
        """A sentence on what was passed over; "" where nothing was."""
        told = []
        if self.rows_repeated:
            told.append(f"{self.rows_repeated:,} repeat a problem")
        if self.rows_quarantined:
            told.append(f"{self.rows_quarantined:,} are set aside (first: {self.first_fault})")
        return f"of {self.rows_in:,} rows {' and '.join(told)}" if told else ""


@dataclass(slots=True)
class _Reading:
    """Problems found so far; `asked` maps the digest of a prompt to its problem."""

    config: ReadConfig
    found: ProblemSet = field(default_factory=ProblemSet)
    quarantine: Quarantine = field(default_factory=Quarantine)
    asked: dict[str, Problem] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    def read(self, path: str | os.PathLike[str], split: Split | None) -> Iterator[tuple[Problem, Split | None]]:
        """New problems of a file, each with the split that is given or that its row gives."""
        sources, _ = find_sources(path)
        for source in sources:
            if source.kind == "inspect":
                raise InputError(f"{source.name} is an Inspect log, not a file of problems; give JSONL or Parquet")
            for row in iter_rows(source, Caps()):
                self.found.rows_in += 1
                try:
                    problem, own = _problem(row)
                    new = self._is_new(problem)
                except ProblemError as fault:
                    self._set_aside(source, row, str(fault))
                    continue
                if new:
                    yield problem, split or own
                else:
                    self.found.rows_repeated += 1

    def _is_new(self, problem: Problem) -> bool:
        key = _prompt_digest(problem.prompt)
        known = self.asked.get(key)
        if known is not None:
            if known.reference != problem.reference:
                raise ProblemError(
                    f"the problem was there before with another answer: "
                    f"'{excerpt(known.reference, 60)}', now '{excerpt(problem.reference, 60)}'"
                )
            return False
        if problem.id in self.ids:
            raise ProblemError(f"another problem has this id: '{excerpt(problem.id, 60)}'")
        self.asked[key], self.ids[problem.id] = problem, key
        return True

    def _set_aside(self, source: Source, row: Row, reason: str) -> None:
        self.found.rows_quarantined += 1
        self.found.first_fault = self.found.first_fault or f"{source.name}:{row.line}: {reason}"
        self.quarantine.add(source.name, row.line, row.byte, reason, row.data or b"")


def read_problems(path: str | os.PathLike[str], config: ReadConfig | None = None) -> ProblemSet:
    """The problems in `path`, in file order, train and test apart; no problem is in both.

    `InputError` where there is none, `QuarantineError` where more rows than allowed are set aside; both name the
    first bad row's file and line.
    """
    config = config or ReadConfig()
    reading = _Reading(config, quarantine=Quarantine(config.quarantine))
    found = reading.found
    try:
        held_out = [] if config.test is None else list(reading.read(config.test, "test"))
        rows = [*held_out, *reading.read(path, None if config.test is None else "train")]
    finally:
        reading.quarantine.close()
    where = excerpt(os.fspath(path), 1000)
    if not rows:
        why = found.first_fault or f"{where} is empty"
        raise InputError(f'no problems in {where}: {why}; a row is {{"problem": ..., "answer": ...}}')
    if found.rows_quarantined > config.max_bad * found.rows_in:
        raise QuarantineError(
            f"{found.rows_quarantined:,} of {found.rows_in:,} rows of {where} are no problems, more than the "
            f"{config.max_bad:.1%} allowed; the first is {found.first_fault}"
        )
    found.train, found.test = _sides(rows, config)
    listed = [[problem.id, problem.prompt, problem.reference] for problem in (*found.train, *found.test)]
    found.digest = digest(canonical_json([len(found.train), listed]))
    return found


def _sides(
    rows: Sequence[tuple[Problem, Split | None]], config: ReadConfig
) -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
    """(train, test), each in the order of `rows`; a problem's side does not depend on what other problems there are."""
    drawn = {problem.id: _draw(problem.id, config.seed) for problem, split in rows if split is None}
    held_out = {name for name, draw in drawn.items() if draw < config.test_share}
    if len(drawn) == len(rows) > 1 and 0 < config.test_share < 1 and len(held_out) in (0, len(rows)):
        by_draw = sorted(drawn, key=lambda name: (drawn[name], name))  # so few that all fell to one side
        held_out = set(by_draw[:1]) if not held_out else set(by_draw[:-1])
    tests = [split == "test" or (split is None and problem.id in held_out) for problem, split in rows]
    train = tuple(problem for (problem, _), test in zip(rows, tests, strict=True) if not test)
    return train, tuple(problem for (problem, _), test in zip(rows, tests, strict=True) if test)


def _draw(name: str, seed: int) -> float:
    """A number from 0 up to 1 that the id and the seed decide."""
    return int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest()[:8], "big") / 2**64


def _prompt_digest(prompt: Prompt) -> str:
    """Digest of a prompt, spaces and line breaks apart."""
    texts = [prompt] if isinstance(prompt, str) else [message["content"] for message in prompt]
    return digest(canonical_json([" ".join(text.split()) for text in texts]))


# -- one row --------------------------------------------------------------------------------------------


def _problem(row: Row) -> tuple[Problem, Split | None]:
    """The problem of a row, and its split where it says one; `ProblemError` where it is none."""
    if row.fault:
        raise ProblemError(row.fault)
    if not isinstance(row.record, Mapping):
        raise ProblemError("it is no object")
    record = {name: value for name, value in row.record.items() if value is not None}
    asked = next((name for name in PROBLEM_FIELDS if name in record), None)
    if asked is None:
        raise ProblemError(f"it has no {', no '.join(PROBLEM_FIELDS)}")
    prompt = _prompt(record[asked], asked)
    told = next((name for name in ANSWER_FIELDS if name in record), None)
    if told is None:
        raise ProblemError(f"it has no {', no '.join(ANSWER_FIELDS)}")
    reference = _reference(record[told], told)
    split = record.get("split")
    if split is not None and split not in ("train", "test"):
        raise ProblemError(f"split is {_shown(split)}, not train or test")
    meta = {name: value for name, value in record.items() if name not in (asked, told, "id", "split")}
    return Problem(_id(record.get("id"), prompt), prompt, reference, meta), split


def _id(given: Any, prompt: Prompt) -> str:
    name = str(given) if type(given) is int else given
    if name is None:
        return _prompt_digest(prompt)[:16]
    if type(name) is not str or not name.strip() or len(name) > 200:
        raise ProblemError(f"id is {_shown(given)}, not a short text")
    return name


def _prompt(value: Any, name: str) -> Prompt:
    if isinstance(value, str):
        texts, prompt = [value], value
    else:
        prompt = tuple(_message(each, name) for each in value) if isinstance(value, list) else ()
        if not prompt or prompt[-1]["role"] != "user":
            raise ProblemError(f"{name} is neither a text nor messages that end with the user's")
        texts = [message["content"] for message in prompt]
    if not any(text.strip() for text in texts):
        raise ProblemError(f"{name} is empty")
    if sum(map(len, texts)) > MAX_PROMPT:
        raise ProblemError(f"{name} is longer than {MAX_PROMPT:,} characters")
    return prompt


def _message(value: Any, name: str) -> Mapping[str, str]:
    role = value.get("role") if isinstance(value, Mapping) else None
    if role not in _ROLES or not isinstance(value.get("content"), str):
        raise ProblemError(f"{name} holds a message without a known role and a text as its content")
    return {"role": role, "content": value["content"]}


def _reference(value: Any, name: str) -> str:
    if isinstance(value, list) and len(value) == 1:
        (value,) = value
    if type(value) in (int, float):
        return str(value)
    if type(value) is not str or not value.strip():
        raise ProblemError(f"{name} is {_shown(value)}, not a text or a number")
    reference = _after_hashes_or_boxed(value) or value.strip()
    if len(reference) > MAX_ANSWER:
        raise ProblemError(f"{name} marks no answer and is longer than one ({MAX_ANSWER:,} characters)")
    return reference


def _after_hashes_or_boxed(text: str) -> str | None:
    """The marked answer of a solution; a mark at its very end goes before others."""
    return text.rpartition("####")[2].strip() if "\n####" in f"\n{text}" else marked_answer(text)


def _shown(value: Any) -> str:
    return f"'{excerpt(str(value), 40)}'" if isinstance(value, str | int | float) else "no text"
