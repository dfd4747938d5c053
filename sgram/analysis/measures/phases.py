"""Measures `testbed_phases` and `testbed_result_phases`: what settles first by the checker of the testbed.

The first one asks for every equation of an execution, the second for its result alone, which is all that a reward
sees: a policy may unlearn to write the equations and keep the results.
"""

from sgram.analysis.checked_details import checked_phases
from sgram.testbed.task import RIGHT_EXECUTION, RIGHT_METHOD, RIGHT_RESULT

TESTBED_PHASES = checked_phases(
    "testbed_phases", "the testbed's checker", execution=RIGHT_EXECUTION, planning=RIGHT_METHOD
)
TESTBED_RESULT_PHASES = checked_phases(
    "testbed_result_phases", "the results of the testbed's methods", execution=RIGHT_RESULT, planning=RIGHT_METHOD
)
