"""Run ``sgram`` from a checkout: ``python cli.py mine rollouts.jsonl``."""

from sgram.cli import main

main()
