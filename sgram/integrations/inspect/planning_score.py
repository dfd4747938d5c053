"""What a planning score says of one sample: the share of its text that plans, by move, and its kind of error."""

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any, get_args

from sgram.diagnosis.kinds import Diagnosis, Kind, diagnose, make_span_finder
from sgram.errors import MissingExtraError
from sgram.files import excerpt
from sgram.grading import grade
from sgram.grading.fill_correct import answer_text
from sgram.lexicon import LexiconLike, SentenceScorerLike, order_moves
from sgram.tagging.mask_kinds import PlanningFinder
from sgram.tagging.projection import planning_characters
from sgram.tagging.spans import PLANNING, MaskKind, Span, remove_overlaps
from sgram.traces import Trace
from sgram.traces.own_scores import PLANNING_SCORE
from sgram.traces.part_texts import check_choice, part_text
from sgram.traces.parts import PartChoice

ERRORS: tuple[Kind, ...] = tuple(kind for kind in get_args(Kind) if kind != "not-wrong")
SHARE = "planning_share"
_MAX_GRAMS = 20
"""Most frequent grams that the metadata name."""
_NOT_JUDGED = math.nan
"""Inspect leaves a value that is not a number out of its metrics."""


@dataclass(frozen=True, slots=True)
class PlanningScore:
    """What is written of one sample."""

    value: dict[str, float]
    """Share of the text that plans, of each move, and for each kind of error 1 if the sample makes it, else 0; NaN if
    it is unknown whether the sample is correct."""
    explanation: str
    metadata: dict[str, Any]


class PlanningScorer:
    """Scores traces by a lexicon or sentence scorer. The arguments are those of `PlanningFinder`, and `part`.

    Raise `UsageError` for an unknown part, and what `PlanningFinder` raises.

    >>> scorer = PlanningScorer("wang2025")
    >>> score = scorer(Trace(id="1", text="Wait, let me check. It is four.", correct=True))
    >>> round(score.value["planning_share"], 2), score.value["error_procedural"]
    (0.36, 0.0)
    >>> score.explanation
    '36 % of the text plans: 1 x backtracking, 1 x goal-setting. The answer is correct.'
    """

    def __init__(
        self,
        lexicon: LexiconLike = "sgram",
        mask: MaskKind = "grams",
        scorer: SentenceScorerLike = "sgram",
        part: PartChoice = "all",
        judge_answers: bool = True,
        diagnosis: bool = True,
    ):
        check_choice(part)
        self.part: PartChoice = part
        self._find = PlanningFinder(lexicon, mask, scorer)
        self._find_plans = make_span_finder(self._find.lexicon)
        self._judges_answers, self._diagnoses = judge_answers, diagnosis
        sentence_scorer = self._find.scorer
        moves = self._find.lexicon.moves if sentence_scorer is None else order_moves(sentence_scorer.moves)
        self.moves: tuple[str, ...] = moves or (PLANNING,)
        """Moves that a score names."""

    def __call__(self, trace: Trace) -> PlanningScore | None:
        """Return the score of a trace; None if it has no text, or does not mark the part.

        If the trace does not say whether it is correct, its answer is compared with its reference.
        """
        selected = part_text(trace, self.part)
        if selected is None or not selected.text.strip():
            return None
        spans = self._find(selected.text)
        is_planning, is_filled = planning_characters(spans, selected.text)
        separate_spans = remove_overlaps(spans)
        n_characters = int(is_filled.sum())
        shares = {move: _n_marked(separate_spans, move, selected.text) / n_characters for move in self.moves}
        correct = self._correct(trace)
        error = self._diagnosis(trace, correct)
        share = int(is_planning.sum()) / n_characters
        errors = _error_values(correct, error) if self._diagnoses else {}
        counts = Counter(span.label for span in separate_spans)
        return PlanningScore(
            {SHARE: share, **shares, **errors},
            _explain(share, counts, correct, error),
            self._metadata(separate_spans, counts, error),
        )

    def _correct(self, trace: Trace) -> bool | None:
        if trace.correct is not None or not self._judges_answers or not trace.reference:
            return trace.correct
        try:
            return grade(answer_text(trace), trace.reference, trace.prompt).correct
        except MissingExtraError:  # a formula, and nothing to compare it with
            return None

    def _diagnosis(self, trace: Trace, correct: bool | None) -> Diagnosis | None:
        if correct is not False or not self._diagnoses:
            return None
        return diagnose(trace, (), self._find_plans)

    def _metadata(self, spans: list[Span], counts: Counter[str], diagnosis: Diagnosis | None) -> dict[str, Any]:
        lexicon, scorer = self._find.lexicon, self._find.scorer
        grams = Counter(span.gram for span in spans if span.gram)
        ranked = sorted(grams.items(), key=lambda pair: (-pair[1], pair[0]))
        return {
            "format": PLANNING_SCORE,
            "version": 1,
            "mask": self._find.mask,
            "part": self.part,
            "lexicon": {"name": lexicon.name, "digest": lexicon.digest},
            "scorer": None if scorer is None else {"name": scorer.name, "digest": scorer.digest},
            "spans": {move: counts[move] for move in self.moves},
            "grams": dict(ranked[:_MAX_GRAMS]),
            "diagnosis": None if diagnosis is None else diagnosis.to_json(),
        }


def _n_marked(spans: list[Span], move: str, text: str) -> int:
    """Return the number of non-space characters inside spans of a move."""
    is_marked, _ = planning_characters([span for span in spans if span.label == move], text)
    return int(is_marked.sum())


def _error_values(correct: bool | None, diagnosis: Diagnosis | None) -> dict[str, float]:
    """Return 1 for the kind of error of a wrong sample, 0 for others; NaN if it is unknown whether it is wrong."""
    if correct is None:
        return {f"error_{kind}": _NOT_JUDGED for kind in ERRORS}
    made = None if diagnosis is None else diagnosis.kind
    return {f"error_{kind}": float(kind == made) for kind in ERRORS}


def _explain(share: float, counts: Counter[str], correct: bool | None, diagnosis: Diagnosis | None) -> str:
    moves = ", ".join(f"{counts[move]} x {move}" for move in order_moves(counts))
    sentence = f"{100 * share:.0f} % of the text plans" + (f": {moves}." if moves else ".")
    if diagnosis is not None:
        return f"{sentence} The error is {diagnosis.kind}: {excerpt(diagnosis.evidence[0].sentence)}."
    verdict = {True: " The answer is correct.", False: " The answer is wrong.", None: ""}[correct]
    return sentence + verdict
