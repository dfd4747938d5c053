"""Pools of questions, and of questions with an answer, from which the roles are given their rows.

Rows stay in the order in which they were added, so that a pool that is saved and loaded gives the same draws from the
same random numbers. Files are JSONL: a line with the format, then a line for each row.
"""

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args

import numpy as np
import orjson

from sgram.errors import InputError, SgramError, UsageError
from sgram.files import digest, excerpt, write_bytes
from sgram.safe_reading import read_bytes

HowToDraw = Literal["uniform", "newest", "capped"]
HOW_TO_DRAW: tuple[HowToDraw, ...] = get_args(HowToDraw)
CAP = 256
"""Number of the newest rows that ``how="capped"`` draws from."""
_QUESTIONS, _PAIRS = "sgram-question-pool", "sgram-pair-pool"
_MAX_BYTES = 1 << 30


def question_id(normal_form: str) -> str:
    """Return an id that the normal form of a question determines.

    >>> question_id("what is 1 + 1?")
    'q-99f829c3d56f'
    """
    return f"q-{digest(normal_form.encode())[:12]}"


@dataclass(frozen=True, slots=True)
class PoolQuestion:
    """A question of the pool."""

    id: str
    text: str
    step: int
    """Step in which it was added; 0 for the questions of the start."""
    source: str
    """Where it is from, such as "start" or "proposer"."""
    quality: float | None = None
    """Score of its judgement; None if it was not judged or the judgement has no score."""
    difficulty: float | None = None
    """1 less the mean score of its trial answers; None if there is none."""
    n_scores: int = 0
    """Answers of the solver with a score."""
    score_sum: float = 0.0

    def __post_init__(self) -> None:
        _set_scores(self, "quality", "difficulty")

    @property
    def solve_rate(self) -> float | None:
        """Mean score of the solver's answers by the judge; None if there is none.

        >>> PoolQuestion("a", "1 + 1?", 0, "start", n_scores=2, score_sum=1.5).solve_rate
        0.75
        """
        return self.score_sum / self.n_scores if self.n_scores else None


@dataclass(frozen=True, slots=True)
class PoolPair:
    """A question and an answer to it, which the judge can be asked about."""

    question_id: str
    question: str
    answer: str
    """The whole response."""
    step: int
    score: float | None = None
    """Score of its judgement at that step; None if there is none."""
    truth: float | None = None
    """1 for a right answer, 0 for a wrong one; None if the truth is not known."""

    def __post_init__(self) -> None:
        _set_scores(self, "score", "truth")


def _set_scores(row: Any, *names: str) -> None:
    """Make a row's scores Python floats, NaN None: files would not keep others. Raise `UsageError` outside [0, 1]."""
    for name in names:
        score = getattr(row, name)
        if score is None or score != score:
            object.__setattr__(row, name, None)
        elif isinstance(score, int | float | np.number) and 0 <= score <= 1:
            object.__setattr__(row, name, float(score))
        else:
            raise UsageError(f"{name} must be in [0, 1] or None (got {score!r:.40})")


class QuestionPool:
    """Questions without duplicates: of two with the same normal form only the first one is added.

    >>> pool = QuestionPool(str.lower)
    >>> pool.add(PoolQuestion("a", "1 + 1?", 0, "start")), pool.add(PoolQuestion("b", "1 + 1?", 3, "proposer"))
    (True, False)
    >>> pool.record("a", 1.0), pool.record("a", 0.5), pool["a"].solve_rate
    (None, None, 0.75)
    """

    def __init__(self, normal_form: Callable[[str], str]) -> None:
        self._normal_form = normal_form
        self._questions: dict[str, PoolQuestion] = {}
        """Id -> question, in the order of their addition."""
        self._normal_forms: set[str] = set()

    def __len__(self) -> int:
        return len(self._questions)

    def __getitem__(self, question_id: str) -> PoolQuestion:
        try:
            return self._questions[question_id]
        except KeyError:
            raise UsageError(f"the pool has no question with the id {excerpt(question_id, 60)}") from None

    def has(self, text: str) -> bool:
        """Return whether a question with the normal form of `text` is in the pool."""
        return self._normal_form(text) in self._normal_forms

    def add(self, question: PoolQuestion) -> bool:
        """Add a question and return True; return False if the pool has one with the same normal form.

        Raise `UsageError` if a different question has the same id.
        """
        if self.has(question.text):
            return False
        if question.id in self._questions:
            raise UsageError(f"two questions of the pool have the id {excerpt(question.id, 60)}; give each its own")
        self._questions[question.id] = question
        self._normal_forms.add(self._normal_form(question.text))
        return True

    def draw(self, n: int, rng: np.random.Generator, how: HowToDraw = "uniform", cap: int = CAP) -> list[PoolQuestion]:
        """Return `n` questions; none twice before all that can be drawn were drawn once.

        "uniform" draws from the whole pool, "capped" from its `cap` newest questions, and "newest" takes the newest
        ones, in random order within a step. Raise `SgramError` if the pool is empty, `UsageError` for invalid
        arguments.
        """
        rows = list(self._questions.values())
        return [rows[number] for number in _draw([row.step for row in rows], n, rng, how, cap, "question")]

    def record(self, question_id: str, score: float | None) -> None:
        """Count the score of an answer to a question, in [0, 1]; None, an answer without a score, is not counted."""
        question = self[question_id]
        if score is None or math.isnan(score):
            return
        if not 0 <= score <= 1:
            raise UsageError(f"the score of an answer must be in [0, 1] (got {score:g})")
        self._questions[question_id] = replace(
            question, n_scores=question.n_scores + 1, score_sum=question.score_sum + float(score)
        )

    def rows(self) -> list[PoolQuestion]:
        """Return all questions, in the order in which they were added."""
        return list(self._questions.values())

    @classmethod
    def from_rows(cls, rows: Iterable[PoolQuestion], normal_form: Callable[[str], str]) -> "QuestionPool":
        """Return the pool with these questions. Raise `InputError` if two have the same normal form or id."""
        pool = cls(normal_form)
        for row in rows:
            if row.id in pool._questions or not pool.add(row):
                raise InputError(f"a question occurs twice in the pool: {excerpt(row.text, 80)!r}")
        return pool

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the pool to a JSONL file, atomically."""
        _write_rows(path, _QUESTIONS, [asdict(row) for row in self.rows()])

    @classmethod
    def load(cls, path: str | os.PathLike[str], normal_form: Callable[[str], str]) -> "QuestionPool":
        """Return the pool that `save` wrote. Raise `InputError` if the file is not one."""
        return cls.from_rows([_make_row(PoolQuestion, row, path) for row in _read_rows(path, _QUESTIONS)], normal_form)


class PairPool:
    """Questions with an answer. The same answer to the same question is added once.

    >>> pool = PairPool()
    >>> pool.add(PoolPair("a", "1 + 1?", "It is 2.", 1)), pool.add(PoolPair("a", "1 + 1?", "It is 2.", 2)), len(pool)
    (True, False, 1)
    """

    def __init__(self) -> None:
        self._pairs: dict[tuple[str, str], PoolPair] = {}
        """Question and answer -> pair, in the order of their addition."""

    def __len__(self) -> int:
        return len(self._pairs)

    def add(self, pair: PoolPair) -> bool:
        """Add a pair and return True; return False if the pool has the same answer to the same question."""
        is_new = (pair.question, pair.answer) not in self._pairs
        if is_new:
            self._pairs[pair.question, pair.answer] = pair
        return is_new

    def draw(self, n: int, rng: np.random.Generator, how: HowToDraw = "uniform", cap: int = CAP) -> list[PoolPair]:
        """Return `n` pairs, in the way of `QuestionPool.draw`."""
        rows = self.rows()
        return [rows[number] for number in _draw([row.step for row in rows], n, rng, how, cap, "pair")]

    def rows(self) -> list[PoolPair]:
        """Return all pairs, in the order in which they were added."""
        return list(self._pairs.values())

    @classmethod
    def from_rows(cls, rows: Iterable[PoolPair]) -> "PairPool":
        """Return the pool with these pairs. Raise `InputError` if a pair occurs twice."""
        pool = cls()
        for row in rows:
            if not pool.add(row):
                raise InputError(f"an answer occurs twice in the pool: {excerpt(row.answer, 80)!r}")
        return pool

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the pool to a JSONL file, atomically."""
        _write_rows(path, _PAIRS, [asdict(row) for row in self.rows()])

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "PairPool":
        """Return the pool that `save` wrote. Raise `InputError` if the file is not one."""
        return cls.from_rows([_make_row(PoolPair, row, path) for row in _read_rows(path, _PAIRS)])


def _draw(steps: Sequence[int], n: int, rng: np.random.Generator, how: HowToDraw, cap: int, name: str) -> list[int]:
    """Return the numbers of `n` drawn rows. `steps` holds the step of each row."""
    if how not in HOW_TO_DRAW:
        raise UsageError(f"how must be one of {', '.join(HOW_TO_DRAW)} (got {excerpt(str(how), 40)!r})")
    if n < 0 or cap < 1:
        raise UsageError(f"the number of rows to draw must be >= 0 and the cap >= 1 (got {n} and {cap})")
    if n and not steps:
        raise SgramError(f"the pool of {name}s is empty, so that no {name} can be drawn; start with some questions")
    newest_first = sorted(range(len(steps)), key=lambda row: (-steps[row], -row))
    candidates = sorted(newest_first[:cap]) if how == "capped" else list(range(len(steps)))
    drawn_rows: list[int] = []
    while len(drawn_rows) < n:
        shuffled = [candidates[number] for number in rng.permutation(len(candidates)).tolist()]
        if how == "newest":
            shuffled.sort(key=lambda row: -steps[row])  # stable: random within a step
        drawn_rows += shuffled
    return drawn_rows[:n]


def _write_rows(path: str | os.PathLike[str], kind: str, rows: Iterable[Mapping[str, Any]]) -> None:
    lines = [{"format": kind, "version": 1}, *rows]
    write_bytes(path, b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines))


def _read_rows(path: str | os.PathLike[str], kind: str) -> list[Any]:
    """Return the rows of a file. Raise `InputError` if its first line names another format."""
    name = excerpt(path)
    documents = []
    for number, line in enumerate(read_bytes(path, _MAX_BYTES, "a pool").splitlines(), 1):
        try:
            documents.append(orjson.loads(line))
        except orjson.JSONDecodeError as error:
            raise InputError(f"{name}:{number} is not valid JSON ({excerpt(str(error), 80)})") from None
    if not documents or documents[0] != {"format": kind, "version": 1}:
        raise InputError(f"{name} is not a {kind} of version 1; pass the file that an earlier run wrote")
    return documents[1:]


def _make_row(row_type: Any, document: Any, path: str | os.PathLike[str]) -> Any:
    """Return a row of a file as an instance of `row_type`."""
    names = {field.name for field in fields(row_type)}
    if not isinstance(document, dict) or document.keys() != names:
        raise InputError(f"{excerpt(path)}: a row has other fields than {', '.join(sorted(names))}")
    for field in fields(row_type):
        cell = document[field.name]
        if field.type in (str, int, float) and type(cell) is not field.type:
            raise InputError(
                f"{excerpt(path)}: {field.name} must be {field.type.__name__} (got {excerpt(str(cell), 40)})"
            )
    try:
        return row_type(**document)
    except UsageError as error:
        raise InputError(f"{excerpt(path)}: {error}") from None
