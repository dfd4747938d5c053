"""Diagnosis of wrong traces: steps, equations, answers, error kinds, and the location of the first error."""
