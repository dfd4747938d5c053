"""Credit methods inside verl: an adapter for verl 0.9.1 that is switched on by verl's own configuration.

- `plugin`: verl imports it by itself, wherever sgram is installed, and it waits there for verl's trainers.
- `settings`: the keys below ``algorithm.sgram``, and which methods verl can carry.
- `row_shaping`: advantages of padded rows, by `shape_advantages`.
- `trainers`: verl's trainers with shaped advantages, under names of their own (``trainer.v1.trainer_mode``).
- `legacy`: the same for trainers that only call ``compute_advantage``.

docs/other_trainers.md says what users type. Nothing of verl is imported before verl has imported it.
"""
