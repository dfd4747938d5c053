"""Diagnoses of several traces as a list that notebooks show as a table and that becomes a data frame."""

from collections import Counter
from typing import Any

from sgram.diagnosis.kinds import KINDS, Diagnosis
from sgram.frames import Backend, CellKind, build_frame
from sgram.notebook_html import render_notebook_html

_COLUMNS: dict[str, CellKind] = {
    "id": "text",
    "kind": "text",
    "step": "count",
    "start": "count",
    "end": "count",
    "confidence": "number",
    "evidence": "text",
}


class DiagnosisList(list[Diagnosis]):
    """List of diagnoses, equal to a plain list of them.

    >>> from sgram import diagnose
    >>> rows = [{"prompt": "6 + 9?", "response": "We get 6 + 9 = 14. The answer is 14.", "correct": False}]
    >>> diagnose(rows)
    DiagnosisList(1 diagnosis: 1 procedural)
    """

    __slots__ = ()

    def frame(self, backend: Backend | None = None) -> Any:
        """Return one row per diagnosis: id, kind, step, start, end, confidence, its first evidence, and a column of
        the probability of each kind.

        `backend` is ``pandas`` or ``polars`` (`sgram.frames.build_frame`). Raise `MissingExtraError` if it is not
        installed.

        >>> DiagnosisList().frame().columns.tolist()[:3]
        ['id', 'kind', 'step']
        """
        rows = (
            (
                *(diagnosis.trace_id, diagnosis.kind, diagnosis.step, diagnosis.start, diagnosis.end),
                diagnosis.confidence,
                diagnosis.evidence[0].sentence if diagnosis.evidence else None,
                *(diagnosis.scores.get(kind) for kind in KINDS),
            )
            for diagnosis in self
        )
        return build_frame({**_COLUMNS, **{f"p_{kind}": "number" for kind in KINDS}}, rows, backend)

    def _repr_html_(self) -> str:
        return render_notebook_html(self)

    def __repr__(self) -> str:
        counts = Counter(diagnosis.kind for diagnosis in self)
        kinds = [f"{counts[kind]:,} {kind}" for kind in KINDS if counts[kind]]
        n_diagnoses = f"{len(self):,} diagnos{'is' if len(self) == 1 else 'es'}"
        return f"DiagnosisList({': '.join(filter(None, (n_diagnoses, ', '.join(kinds))))})"
