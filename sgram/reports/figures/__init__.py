"""Figures of reports, training runs and evaluations, drawn with matplotlib as SVG, PNG or PDF."""
