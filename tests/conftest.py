"""Settings of the whole suite."""

import hypothesis

# Compiled functions are built at their first use, inside whatever example comes first: no deadlines.
hypothesis.settings.register_profile("sgram", deadline=None)
hypothesis.settings.load_profile("sgram")
