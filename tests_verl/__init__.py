"""Contract tests of `sgram.integrations.verl` against the real verl, in an environment of its own: `make test-verl`."""
