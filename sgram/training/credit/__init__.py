"""TODO credit."""
