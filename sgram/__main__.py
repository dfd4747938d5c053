"""Run ``sgram`` as a module, as launchers of several processes do: ``torchrun -m sgram train``."""

from sgram.cli import main

if __name__ == "__main__":
    main()
