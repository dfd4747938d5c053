"""HICRA on TRL's `GRPOTrainer`: configuration, trainer, rollouts, checkpoints and the checks around them.

`HICRATrainer` folds masks into TRL's advantages and leaves everything else to TRL; `trl_contract` names what it relies
on. Importing a module of this room loads torch and TRL.
"""
