"""Tasks that policies are trained on: problems with a judge of responses.

`task` is the protocol; `answer_task` reads problems with answers from files, `gym` generates them with reasoning-gym,
and `task_names` makes a task from its name on the command line. The testbed (`sgram.testbed`) is a task, too.
"""
