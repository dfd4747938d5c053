"""Diagnoses in a notebook: one with its evidence and the probability of each kind, or several as a table."""

from sgram.analysis.table import Column, build_table
from sgram.diagnosis.diagnosis_list import DiagnosisList
from sgram.diagnosis.kinds import Diagnosis
from sgram.reports.notebooks import table_html
from sgram.reports.notebooks.output_html import render_output

_MAX_EVIDENCE = 20
_COLUMNS = (
    Column("trace", "id of the trace"),
    Column("kind", "kind of its error"),
    Column("step", "step in which it is first seen, from 1", "count"),
    Column("confidence", "probability of the kind", "number"),
    Column("evidence", "what speaks for it most"),
)


def render(diagnosis: Diagnosis | DiagnosisList) -> str:
    """Return the HTML of a diagnosis or of several.

    >>> from sgram import Trace, diagnose
    >>> "procedural" in render(diagnose(Trace(id="1", text="We get 6 + 9 = 14. The answer is 14.", correct=False)))
    True
    """
    if isinstance(diagnosis, DiagnosisList):
        return _render_list(diagnosis)
    scores = sorted(diagnosis.scores.items(), key=lambda kind_and_score: (-kind_and_score[1], kind_and_score[0]))
    return render_output("notebook_diagnosis", diagnosis=diagnosis, scores=scores, max_evidence=_MAX_EVIDENCE)


def _render_list(diagnoses: DiagnosisList) -> str:
    records = (
        {
            "trace": diagnosis.trace_id,
            "kind": diagnosis.kind,
            "step": None if diagnosis.step is None else diagnosis.step + 1,
            "confidence": diagnosis.confidence,
            "evidence": diagnosis.evidence[0].sentence if diagnosis.evidence else None,
        }
        for diagnosis in diagnoses
    )
    return table_html.render(build_table("diagnoses", "Diagnoses", _COLUMNS, records))
