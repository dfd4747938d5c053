"""Settings of the whole suite."""

import os

import hypothesis

# Compiled functions are built at their first use, inside whatever example comes first: no deadlines. Where a change
# is judged (.ci/run), examples are the same every time; elsewhere they are new ones each time, and find what is left.
hypothesis.settings.register_profile("sgram", deadline=None, derandomize="SGRAM_SAME_EXAMPLES" in os.environ)
hypothesis.settings.load_profile("sgram")
