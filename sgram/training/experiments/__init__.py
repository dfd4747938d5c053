"""Training experiments: one resumable run, and arms compared over seeds with paired intervals.

`run` trains one `RunConfig` in its own directory, `estimate` predicts its cost, `evaluate` measures a policy on
held-out problems. `matrix` runs many configurations, `compare` takes paired differences between them and
`comparison_io` writes these to files. `sgram train` is the command line of this room.
"""
