"""Mining by parts on a real Ray cluster of this machine, in an environment of its own: `make test-ray`."""
