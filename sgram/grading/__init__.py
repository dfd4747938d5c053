"""TODO grading."""
