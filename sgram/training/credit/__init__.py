"""Credit methods: per-token advantages and loss terms as pure functions of numpy arrays and torch tensors.

`advantages`, `role_advantages`, `outcomes`, `key_tokens`, `covariance`, `nucleus` and `regularizers` hold the formulas,
`method` the types of a credit method, `methods` the methods themselves, `registry` their table by name, and `shaping`
the function that applies any of them. Nothing here knows a trainer, so other frameworks can use it.
"""
