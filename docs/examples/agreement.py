"""Agreement of two raters on labels of your own, from Python.

Run: `python docs/examples/agreement.py`
"""

from sgram.annotation.agreement import measure_agreement
from sgram.annotation.agreement_methods import describe_methods
from sgram.annotation.ratings import Rating

ada = ["verification", "procedural", "procedural", "branching", "procedural", "monitoring", "verification", "branching"]
ben = ["verification", "procedural", "monitoring", "branching", "procedural", "monitoring", "procedural", "branching"]
ratings = [
    Rating(item=f"sentence {index}", rater=rater, label=label)
    for rater, labels in (("ada", ada), ("ben", ben))
    for index, label in enumerate(labels)
]
agreement = measure_agreement(ratings)
print(" ".join(describe_methods(agreement)))
