"""Measure `testbed_phases`: what settles first by the checker of the testbed, whose truth is known."""

from sgram.analysis.checked_details import checked_phases
from sgram.testbed.task import RIGHT_EXECUTION, RIGHT_METHOD

TESTBED_PHASES = checked_phases(
    "testbed_phases", "the testbed's checker", execution=RIGHT_EXECUTION, planning=RIGHT_METHOD
)
