"""The measures, a file for each subject. A file that declares a `Measure` is found by `sgram.analysis.registry`."""
