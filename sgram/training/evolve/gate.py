"""The gate: which proposed questions enter the pool.

=========  ==================================================================================
name       questions that enter
=========  ==================================================================================
``q0.5``   quality at least the quantile 0.5 of the recent qualities, and above the lowest of them
``0.7``    quality at least 0.7, as in 2510.23595
``oracle`` valid by the truth of the task
``none``   all
=========  ==================================================================================

Expected scores are closer together than single ones: a fixed number that suits one kind may let nothing or everything
in for the other, and a gate that does nothing is stopped.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from sgram.array_types import BoolArray
from sgram.errors import InputError, SgramError, UsageError
from sgram.files import excerpt

N_RECENT = 256
"""Number of the latest qualities whose quantile is taken."""
MAX_USELESS_STEPS = 10
"""Steps in a row in which nothing, or everything, enters, after which a run stops."""
MIN_USELESS_QUESTIONS = 40
"""Questions that such steps must have had: of a single new question a step, one enters or none."""


@dataclass(slots=True)
class Gate:
    """A gate and what it has seen so far.

    >>> gate = Gate.parse("q0.5")
    >>> gate.admit([0.2, 0.4, 0.6, None]).tolist()
    [False, True, True, False]
    >>> Gate.parse("oracle").admit([0.2, 0.9], [True, False]).tolist()
    [True, False]
    """

    kind: Literal["quantile", "threshold", "oracle", "none"]
    level: float = 0.0
    """The quantile, or the threshold."""
    recent: list[float] = field(default_factory=list)
    """The latest qualities, at most `N_RECENT`, oldest first."""
    none_entered: tuple[int, int] = (0, 0)
    """Steps up to now in a row in which no question entered, and the number of questions in them."""
    all_entered: tuple[int, int] = (0, 0)
    """Steps up to now in a row in which all questions entered, and the number of questions in them."""
    may_admit_all: bool = False
    """Whether all questions may enter for long, because qualities are the truth: a proposer may write no other ones."""

    @classmethod
    def parse(cls, text: str) -> "Gate":
        """Return the gate that `text` names. Raise `UsageError` if it names none."""
        if text == "oracle":
            return cls("oracle")
        if text == "none":
            return cls("none")
        is_quantile = text.startswith("q")
        try:
            level = float(text.removeprefix("q"))
        except ValueError:
            level = math.nan
        if not 0 <= level <= 1 or (is_quantile and not 0 < level < 1):
            raise UsageError(
                f"--gate must be a quantile such as q0.5, a quality from 0 to 1 such as 0.7, oracle or none "
                f"(got {excerpt(text, 40)!r})"
            )
        return cls("quantile" if is_quantile else "threshold", level)

    @property
    def name(self) -> str:
        """The text from which `parse` makes this gate."""
        if self.kind in ("oracle", "none"):
            return self.kind
        return f"{'q' if self.kind == 'quantile' else ''}{self.level}"

    def admit(self, qualities: Sequence[float | None], truths: Sequence[bool | None] | None = None) -> BoolArray:
        """Return (Q,): which of the questions of a step enter; pass those that can be read and are new.

        A quality is in [0, 1], or None (NaN) if the judgement has no score: such a question enters through `oracle`
        and `none` only. The quantile is that of the recent qualities with those of this step. `truths`, whether each
        question is valid, are read by `oracle`.

        Raise `SgramError` if none, or all, of at least `MIN_USELESS_QUESTIONS` questions have entered in
        `MAX_USELESS_STEPS` steps in a row (through `oracle`, or with `may_admit_all`, all may enter; through `none`,
        they do). Raise
        `UsageError` if `oracle` is given no truth, `InputError` if a quality is not in [0, 1].
        """
        floats = np.array([math.nan if quality is None else quality for quality in qualities], np.float64)
        if ((floats < 0) | (floats > 1)).any():
            raise InputError(f"a quality must be in [0, 1] (got {floats[(floats < 0) | (floats > 1)][0]:g})")
        known_qualities = floats[~np.isnan(floats)].tolist()
        self.recent = [*self.recent, *known_qualities][-N_RECENT:]
        if self.kind == "none":
            admitted = np.ones(len(floats), bool)
        elif self.kind == "oracle":
            if truths is None or len(truths) != len(floats) or any(truth is None for truth in truths):
                raise UsageError("--gate oracle needs a task that knows which questions are valid, such as the testbed")
            admitted = np.array(truths, bool)
        else:
            admitted = floats >= (self.threshold or 0.0)  # False for NaN
            if self.kind == "quantile" and self.recent and min(self.recent) < max(self.recent):
                admitted &= floats > min(self.recent)  # where most qualities are 0, the better ones are those above 0
        self._count(admitted)
        return admitted

    @property
    def threshold(self) -> float | None:
        """Lowest quality that can enter, by the qualities so far; None if qualities do not decide or there are none."""
        if self.kind == "threshold":
            return self.level
        return float(np.quantile(self.recent, self.level)) if self.kind == "quantile" and self.recent else None

    def _count(self, admitted: BoolArray) -> None:
        """Count a step. Raise `SgramError` if the gate has been useless for too long."""
        n_questions, n_admitted = len(admitted), int(admitted.sum())
        if not n_questions:
            return
        may_admit_all = self.may_admit_all or self.kind in ("oracle", "none")
        self.none_entered = _extend(self.none_entered, n_questions, n_admitted == 0)
        self.all_entered = _extend(self.all_entered, n_questions, n_admitted == n_questions and not may_admit_all)
        for share, (n_steps, n_seen) in (("none", self.none_entered), ("all", self.all_entered)):
            if n_steps >= MAX_USELESS_STEPS and n_seen >= MIN_USELESS_QUESTIONS:
                raise SgramError(
                    f"the gate {self.name} has let in {share} of the {n_seen} questions of {n_steps} steps in a row "
                    f"({self._describe_qualities()}); choose another --gate, such as q0.5, or --gate none"
                )

    def _describe_qualities(self) -> str:
        if not self.recent:
            return "no judgement of a question has a score"
        return f"recent qualities lie between {min(self.recent):.2f} and {max(self.recent):.2f}"

    def to_json(self) -> dict[str, Any]:
        """Return what the gate has seen, as JSON values."""
        return {
            "gate": self.name,
            "recent": list(self.recent),
            "none": [*self.none_entered],
            "all": [*self.all_entered],
            "may_admit_all": self.may_admit_all,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Gate":
        """Return the gate of a document of `to_json`.

        >>> gate = Gate.parse("0.7")
        >>> _ = gate.admit([0.9, 0.1])
        >>> Gate.from_json(gate.to_json()) == gate
        True
        """
        gate = cls.parse(document["gate"])
        gate.may_admit_all = bool(document.get("may_admit_all", False))
        gate.recent = [float(quality) for quality in document["recent"]]
        gate.none_entered, gate.all_entered = (
            (int(n_steps), int(n_questions)) for n_steps, n_questions in (document["none"], document["all"])
        )
        return gate


def _extend(streak: tuple[int, int], n_questions: int, goes_on: bool) -> tuple[int, int]:
    """Return a count of steps in a row and of their questions after one more step."""
    return (streak[0] + 1, streak[1] + n_questions) if goes_on else (0, 0)
