"""TODO findings."""
