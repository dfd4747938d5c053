"""TODO equations."""
