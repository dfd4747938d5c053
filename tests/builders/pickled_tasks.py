"""An engine in this process that treats tasks as a cluster does."""

import pickle


def copied(value):
    """Return what another process would get."""
    return pickle.loads(pickle.dumps(value))  # noqa: S301  of this test


class PickledTasks:
    """Engine that runs tasks last to first, and pickles all that it is given and gives back."""

    def __init__(self):
        self.functions = []
        """Names of the functions of all tasks so far."""

    def run(self, function, tasks, n_cpus=1, shared=()):
        """Yield (index, outcome) of the tasks, the last one first."""
        for index in reversed(range(len(tasks))):
            self.functions.append(function.__name__)
            arguments = copied((*tasks[index], *shared))
            yield index, copied(function(*arguments))
