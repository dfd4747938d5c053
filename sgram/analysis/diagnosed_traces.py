"""What measures read of the sampled traces: diagnoses, and checks of equations."""

from dataclasses import dataclass
from typing import NamedTuple

from sgram.diagnosis.kinds import Diagnosis
from sgram.traces import Trace


@dataclass(frozen=True, slots=True)
class EquationCheck:
    """A trace with the verdicts on its equations."""

    source: int
    outcome: int
    problem: int
    verdicts: tuple[str, ...]


class TraceDiagnosis(NamedTuple):
    """A wrong trace with its diagnosis."""

    source: str
    trace: Trace
    diagnosis: Diagnosis
