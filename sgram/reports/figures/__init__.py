"""Figures of reports and comparisons, as values that draw themselves with matplotlib."""
