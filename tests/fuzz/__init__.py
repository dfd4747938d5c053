"""A fuzzer that knows the shapes of rollouts: samples of every dialect, changed, in every container."""
