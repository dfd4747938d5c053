"""Folders that tests read."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The repository."""
SHARED = ROOT.parent / "shared" / "data"
"""Real traces, problems and labels; absent on most machines."""
