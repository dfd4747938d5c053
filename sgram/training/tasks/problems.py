r"""Read problems with answers from JSONL, JSON arrays and Parquet.

========================================  =====================================================================
field                                     content
========================================  =====================================================================
``problem``, ``question``, ``prompt``     text, or messages of a chat that ends with the user's
``answer``, ``reference``, ``solution``   the answer: the text after ``####`` (GSM8K), the content of the last
                                          ``\boxed{}``, else the whole text
``id``                                    unique; if absent, a digest of the problem
``split``                                 ``train`` or ``test``; if absent, a draw by id and seed
========================================  =====================================================================

Of several fields in one line of the table, the first one in the row is used. Every row is counted as a problem, as
repeated or as set aside.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sgram.errors import InputError, QuarantineError, UsageError
from sgram.files import canonical_json, digest, excerpt
from sgram.grading.answers import MAX_ANSWER_CHARS, marked_answer
from sgram.grading.outcome import Problem, Split
from sgram.quarantine import Quarantine
from sgram.safe_reading import Caps
from sgram.traces.input_files import find_input_files, iter_rows
from sgram.traces.rows import InputFile, Row
from sgram.training.tasks.prompts import Prompt

PROBLEM_FIELDS = ("problem", "question", "prompt")
ANSWER_FIELDS = ("answer", "reference", "solution")
MAX_PROMPT = 100_000
"""Characters of the longest problem."""
_ROLES = ("system", "developer", "user", "assistant")


class ProblemError(InputError):
    """A row is not a valid problem; the message says why."""


@dataclass(frozen=True, slots=True)
class ReadConfig:
    """Which problems are held out, and how many invalid rows are accepted."""

    test: str | os.PathLike[str] | None = None
    """Another file, whose problems are held out; all problems of the first file are then for training."""
    test_share: float = 0.1
    """Share of the problems without a split that is held out."""
    seed: int = 0
    """Seed of the draw of the split."""
    max_bad: float = 0.01
    """Largest share of rows that may be set aside."""
    quarantine: str | os.PathLike[str] | None = None
    """File for the rows that are set aside; None: they are only counted."""
    requires_answer: bool = True
    """Whether a row without an answer is invalid; if not, its reference is None."""

    def __post_init__(self) -> None:
        for name in ("test_share", "max_bad"):
            share = getattr(self, name)
            if not (isinstance(share, int | float) and 0 <= share <= 1):
                raise UsageError(f"{name} must be a share >= 0 and <= 1 (got {excerpt(str(share), 40)})")


@dataclass(slots=True)
class ProblemSet:
    """Problems, and the counts of the rows that became none."""

    train: tuple[Problem, ...] = ()
    test: tuple[Problem, ...] = ()
    digest: str = ""
    """SHA-256 of the problems and their split; it does not depend on the paths of their files."""
    rows_in: int = 0
    rows_repeated: int = 0
    """Rows with the problem of an earlier row, or with a held-out problem."""
    rows_quarantined: int = 0
    first_fault: str = ""
    """File, line and reason of the first row that is set aside."""

    def note(self) -> str:
        """Return a sentence on the rows that became no problem, "" if there are none.

        >>> ProblemSet(rows_in=2, rows_repeated=1).note()
        'of 2 rows 1 repeat a problem'
        """
        clauses = []
        if self.rows_repeated:
            clauses.append(f"{self.rows_repeated:,} repeat a problem")
        if self.rows_quarantined:
            clauses.append(f"{self.rows_quarantined:,} are set aside (first: {self.first_fault})")
        return f"of {self.rows_in:,} rows {' and '.join(clauses)}" if clauses else ""


@dataclass(slots=True)
class _ProblemReader:
    """Reader of several files that skips repeated problems and sets invalid rows aside."""

    problem_set: ProblemSet = field(default_factory=ProblemSet)
    quarantine: Quarantine = field(default_factory=Quarantine)
    requires_answer: bool = True
    problems_by_prompt: dict[str, Problem] = field(default_factory=dict)
    """Digest of a prompt -> its problem."""
    ids: set[str] = field(default_factory=set)

    def read(self, path: str | os.PathLike[str], split: Split | None) -> Iterator[tuple[Problem, Split | None]]:
        """Yield the new problems of a file, each with `split` or, if that is None, the split in its row."""
        files, _ = find_input_files(path)
        for file in files:
            if file.kind == "inspect":
                raise InputError(f"{file.name} is an Inspect log, not a file of problems; pass JSONL or Parquet")
            for row in iter_rows(file, Caps()):
                self.problem_set.rows_in += 1
                try:
                    problem, row_split = _parse_problem(row, self.requires_answer)
                    is_new = self._register(problem)
                except ProblemError as fault:
                    self._set_aside(file, row, str(fault))
                    continue
                if is_new:
                    yield problem, split or row_split
                else:
                    self.problem_set.rows_repeated += 1

    def _register(self, problem: Problem) -> bool:
        """Return whether a problem is new, and store it. Raise `ProblemError` if it contradicts an earlier one."""
        key = _prompt_digest(problem.prompt)
        earlier_problem = self.problems_by_prompt.get(key)
        if earlier_problem is not None:
            if earlier_problem.reference != problem.reference:
                raise ProblemError(
                    "the problem occurs twice with different answers: "
                    f"'{excerpt(earlier_problem.reference or '', 60)}', then '{excerpt(problem.reference or '', 60)}'"
                )
            return False
        if problem.id in self.ids:
            raise ProblemError(f"another problem has this id: '{excerpt(problem.id, 60)}'")
        self.problems_by_prompt[key] = problem
        self.ids.add(problem.id)
        return True

    def _set_aside(self, file: InputFile, row: Row, reason: str) -> None:
        self.problem_set.rows_quarantined += 1
        self.problem_set.first_fault = self.problem_set.first_fault or f"{file.name}:{row.line}: {reason}"
        self.quarantine.add(file.name, row.line, row.byte, reason, row.data or b"")


def read_problems(path: str | os.PathLike[str], config: ReadConfig | None = None) -> ProblemSet:
    """Return the problems in `path`, in file order, split into train and test; no problem is in both.

    Raise `InputError` if there is no problem, `QuarantineError` if more rows than allowed are set aside. Both messages
    name the file and line of the first invalid row.
    """
    config = config or ReadConfig()
    reader = _ProblemReader(quarantine=Quarantine(config.quarantine), requires_answer=config.requires_answer)
    problem_set = reader.problem_set
    try:
        held_out = [] if config.test is None else list(reader.read(config.test, "test"))
        rows = [*held_out, *reader.read(path, None if config.test is None else "train")]
    finally:
        reader.quarantine.close()
    name = excerpt(os.fspath(path), 1000)
    if not rows:
        reason = problem_set.first_fault or f"{name} is empty"
        raise InputError(f'no problems in {name}: {reason}; a row is {{"problem": ..., "answer": ...}}')
    if problem_set.rows_quarantined > config.max_bad * problem_set.rows_in:
        raise QuarantineError(
            f"{problem_set.rows_quarantined:,} of {problem_set.rows_in:,} rows of {name} are invalid, more than the "
            f"{config.max_bad:.1%} allowed; the first is {problem_set.first_fault}"
        )
    problem_set.train, problem_set.test = _split_problems(rows, config)
    problem_rows = [
        [problem.id, problem.prompt, problem.reference] for problem in (*problem_set.train, *problem_set.test)
    ]
    problem_set.digest = digest(canonical_json([len(problem_set.train), problem_rows]))
    return problem_set


def _split_problems(
    rows: Sequence[tuple[Problem, Split | None]], config: ReadConfig
) -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
    """Return (train, test), each in the order of `rows`. The split of a problem does not depend on other problems."""
    draws = {problem.id: _draw(problem.id, config.seed) for problem, split in rows if split is None}
    held_out_ids = {problem_id for problem_id, draw in draws.items() if draw < config.test_share}
    is_one_sided = len(held_out_ids) in (0, len(rows))
    if len(draws) == len(rows) > 1 and 0 < config.test_share < 1 and is_one_sided:  # so few that all fell to one side
        ids_by_draw = sorted(draws, key=lambda problem_id: (draws[problem_id], problem_id))
        held_out_ids = set(ids_by_draw[:1]) if not held_out_ids else set(ids_by_draw[:-1])
    is_test = [split == "test" or (split is None and problem.id in held_out_ids) for problem, split in rows]
    train = tuple(problem for (problem, _), in_test in zip(rows, is_test, strict=True) if not in_test)
    return train, tuple(problem for (problem, _), in_test in zip(rows, is_test, strict=True) if in_test)


def _draw(problem_id: str, seed: int) -> float:
    """Return a number >= 0 and < 1 that the id and the seed determine."""
    return int.from_bytes(hashlib.sha256(f"{seed} {problem_id}".encode()).digest()[:8], "big") / 2**64


def _prompt_digest(prompt: Prompt) -> str:
    """Return a digest of a prompt that ignores differences in white space."""
    texts = [prompt] if isinstance(prompt, str) else [message["content"] for message in prompt]
    return digest(canonical_json([" ".join(text.split()) for text in texts]))


# -- one row --------------------------------------------------------------------------------------------


def _parse_problem(row: Row, requires_answer: bool) -> tuple[Problem, Split | None]:
    """Return the problem of a row and the split in it. Raise `ProblemError` if the row is invalid."""
    if row.fault:
        raise ProblemError(row.fault)
    if not isinstance(row.record, Mapping):
        raise ProblemError("the row is not an object")
    record = {name: cell for name, cell in row.record.items() if cell is not None}
    problem_field = next((name for name in PROBLEM_FIELDS if name in record), None)
    if problem_field is None:
        raise ProblemError(f"a field is missing: {', '.join(PROBLEM_FIELDS[:-1])} or {PROBLEM_FIELDS[-1]}")
    prompt = _parse_prompt(record[problem_field], problem_field)
    answer_field = next((name for name in ANSWER_FIELDS if name in record), None)
    if answer_field is None and requires_answer:
        raise ProblemError(f"a field is missing: {', '.join(ANSWER_FIELDS[:-1])} or {ANSWER_FIELDS[-1]}")
    reference = None if answer_field is None else _parse_reference(record[answer_field], answer_field)
    split = record.get("split")
    if split is not None and split not in ("train", "test"):
        raise ProblemError(f"split must be train or test (got {_quote(split)})")
    read_fields = (problem_field, answer_field, "id", "split")
    meta = {name: cell for name, cell in record.items() if name not in read_fields}
    return Problem(_parse_id(record.get("id"), prompt), prompt, reference, meta), split


def _parse_id(cell: Any, prompt: Prompt) -> str:
    problem_id = str(cell) if type(cell) is int else cell
    if problem_id is None:
        return _prompt_digest(prompt)[:16]
    if type(problem_id) is not str or not problem_id.strip() or len(problem_id) > 200:
        raise ProblemError(f"id must be a string of 1 to 200 characters (got {_quote(cell)})")
    return problem_id


def _parse_prompt(cell: Any, name: str) -> Prompt:
    prompt: Prompt
    if isinstance(cell, str):
        texts, prompt = [cell], cell
    else:
        messages = tuple(_parse_message(message, name) for message in cell) if isinstance(cell, list) else ()
        if not messages or messages[-1]["role"] != "user":
            raise ProblemError(f"{name} is neither a text nor messages that end with the user's")
        texts, prompt = [message["content"] for message in messages], messages
    if not any(text.strip() for text in texts):
        raise ProblemError(f"{name} is empty")
    if sum(map(len, texts)) > MAX_PROMPT:
        raise ProblemError(f"{name} is longer than {MAX_PROMPT:,} characters")
    return prompt


def _parse_message(message: Any, name: str) -> Mapping[str, str]:
    role = message.get("role") if isinstance(message, Mapping) else None
    if role not in _ROLES or not isinstance(message.get("content"), str):
        raise ProblemError(f"{name} holds a message without a known role and a text as its content")
    return {"role": role, "content": message["content"]}


def _parse_reference(cell: Any, name: str) -> str:
    if isinstance(cell, list) and len(cell) == 1:
        (cell,) = cell
    if type(cell) in (int, float):
        return str(cell)
    if type(cell) is not str or not cell.strip():
        raise ProblemError(f"{name} must be a text or a number (got {_quote(cell)})")
    reference = _extract_marked_answer(cell) or cell.strip()
    if len(reference) > MAX_ANSWER_CHARS:
        raise ProblemError(f"{name} marks no answer and is longer than {MAX_ANSWER_CHARS:,} characters")
    return reference


def _extract_marked_answer(solution: str) -> str | None:
    """Return the marked answer of a solution; a ``####`` mark is preferred to others."""
    return solution.rpartition("####")[2].strip() if "\n####" in f"\n{solution}" else marked_answer(solution)


def _quote(cell: Any) -> str:
    return f"'{excerpt(str(cell), 40)}'" if isinstance(cell, str | int | float) else type(cell).__name__
