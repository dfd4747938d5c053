"""What changed over a run of verl: findings in words, and the share of planning by step.

Run: `python docs/examples/verl_report.py rollouts/`
"""

import sys

from sgram import analyze
from sgram.analysis import AnalysisConfig
from sgram.reports.wording import headlines

analysis = analyze(sys.argv[1:], AnalysisConfig(n_placebos=1, n_draws=200))
for statement in headlines(analysis):
    print(statement.text)

curves = analysis.frame("curves")
shares = curves[curves["series"] == "planning share"]
print(shares[["step", "list", "value", "low", "high"]].to_string(index=False))
