"""Findings of an analysis as sentences with numbers, each beside its placebo."""
