"""Credit methods: per-token advantages and loss terms as pure functions of numpy arrays and torch tensors.

`advantages`, `covariance`, `nucleus` and `regularizers` hold the formulas, `method` the types of a credit method, and
`registry` the table of all methods by name. Nothing here knows a trainer, so other frameworks can use it.
"""
