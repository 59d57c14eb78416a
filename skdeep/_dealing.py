"""Tasks dealt out to processes, in each of which they train together.

Steps of small nets are too short for Python threads to share: each would mostly wait
for the other. So every process gets its share of the tasks at once, and its nets meet
there.
"""

import joblib
from sklearn.utils.parallel import Parallel, delayed

from skdeep._meeting import StackingBackend


class _Task:
    """A call that some process will make, and what came of it.

    Parameters
    ----------
    function : callable

    callback : callable or None
        Called with the task at its end.
    """

    def __init__(self, function, callback):
        self.function, self.callback = function, callback
        self.done, self.result = False, None

    def end(self, result):
        self.done, self.result = True, result
        if self.callback is not None:
            self.callback(self)


class DealingBackend(joblib.ParallelBackendBase):
    """Joblib backend that deals tasks out to processes, as hands of cards are dealt.

    Parameters
    ----------
    n_jobs : int
        Number of processes.

    n_waiting : int
        How many tasks may be under way in all of them.
    """

    def __init__(self, n_jobs, n_waiting, **kwargs):
        super().__init__(**kwargs)
        self.n_processes, self.n_waiting = n_jobs, n_waiting
        self.tasks = []

    def effective_n_jobs(self, n_jobs):
        """Tasks under way, whatever `n_jobs` says: most of them just wait."""
        return max(self.n_waiting, self.n_processes)

    def submit(self, func, callback=None):
        """Put a task on the pile."""
        task = _Task(func, callback)
        self.tasks.append(task)
        return task

    def retrieve_result(self, out, timeout=None):
        """Deal until this task is done; what a task raises is raised."""
        while not out.done:
            self._deal()
        return out.result

    def abort_everything(self, ensure_ready=True):
        """Forget the tasks that wait to be dealt out."""
        self.tasks = []

    def _deal(self):
        tasks, self.tasks = self.tasks, []
        n_hands = min(self.n_processes, len(tasks))
        # Neighbours, mostly candidates alike or folds of one, cost alike: no process
        # gets all the long ones.
        hands = [tasks[i::n_hands] for i in range(n_hands)]
        n_waiting = self.n_waiting // n_hands
        # scikit-learn's own hands on its configuration and the filters of warnings.
        results = Parallel(n_hands, backend="loky")(
            delayed(run_together)([task.function for task in hand], n_waiting)
            for hand in hands
        )
        for hand, own_results in zip(hands, results, strict=True):
            for task, result in zip(hand, own_results, strict=True):
                # Submits the next task, which belongs to the next deal.
                task.end(result)


def run_together(functions, n_waiting):
    """Call functions, whose nets train together.

    Parameters
    ----------
    functions : list of callable

    n_waiting : int
        How many of them may be under way.

    Returns
    -------
    results : list
    """
    backend = StackingBackend(n_jobs=1, n_waiting=n_waiting)
    with joblib.parallel_config(backend=backend):
        return joblib.Parallel()(joblib.delayed(function)() for function in functions)
