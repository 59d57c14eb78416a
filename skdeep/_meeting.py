"""Where fits of several Python threads meet, to train as one.

Whatever runs many fits through joblib (searches, cross-validation, ensembles) can run
them on ``StackingBackend``. Each task is an ordinary call in a thread of its own: a
pipeline fits its transformers, a score is computed, an error is that task's error. Only
where a net is about to train, its thread waits; once all tasks wait or are done, the
nets train together and the tasks go on.
"""

import threading
from contextlib import contextmanager
from itertools import islice

import joblib
import torch

from skdeep import _stacked as stacked

_here = threading.local()


def run(trainings):
    """Train, together with others if this thread belongs to a meeting.

    Parameters
    ----------
    trainings : list of Training
        Of one estimator.

    Returns
    -------
    outcomes : list of Outcome
    """
    meeting = getattr(_here, "meeting", None)
    if meeting is not None:
        results = meeting.wait(trainings)
    elif len(trainings) == 1:
        return [trainings[0].run()]
    else:
        results = stacked.train(trainings, torch.get_num_threads())
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def in_company():
    """Whether fits of this thread train together with others, of which few are kept."""
    return getattr(_here, "meeting", None) is not None


class _Aborted(BaseException):
    """The call that a task belongs to has been given up."""


class _Task:
    """A call in a thread of its own, and what came of it.

    Parameters
    ----------
    function : callable

    meeting : Meeting

    callback : callable or None
        Called with the task at its end.
    """

    def __init__(self, function, meeting, callback):
        self.function, self.meeting, self.callback = function, meeting, callback
        self.done, self.result, self.error = False, None, None

    def run(self):
        try:
            with self.meeting.attended():
                self.result = self.function()
        except BaseException as error:
            self.error = error
        if self.callback is not None and not self.meeting.aborted:
            # Submits the next task, which so belongs to the next training.
            self.callback(self)
        self.meeting.leave(self)


class _Entry:
    """Nets that wait to be trained.

    Parameters
    ----------
    trainings : list of Training
    """

    def __init__(self, trainings):
        self.trainings, self.results = trainings, None
        self.trained = threading.Event()


class Meeting:
    """Tasks that run `n_running` at a time and train all at once.

    Parameters
    ----------
    n_running : int
        How many tasks, and how many stacks of nets, may compute at the same time.

    n_waiting : int
        How many tasks may be under way, waiting ones included.
    """

    def __init__(self, n_running, n_waiting):
        self.n_running, self.n_waiting = n_running, n_waiting
        self.changed = threading.Condition()
        self.running = threading.Semaphore(n_running)
        self.present = threading.Semaphore(n_waiting)
        self.n_unfinished, self.aborted = 0, False
        self.waiting = []

    def submit(self, function, callback):
        """Start a task."""
        task = _Task(function, self, callback)
        with self.changed:
            self.n_unfinished += 1
        threading.Thread(target=task.run, name="skdeep", daemon=True).start()
        return task

    @contextmanager
    def attended(self):
        """Let this thread take part."""
        with self.present, self.running:
            if self.aborted:
                raise _Aborted
            _here.meeting = self
            yield

    def wait(self, trainings):
        """Wait until these nets are trained.

        Returns
        -------
        results : list
            An Outcome, or the exception that ended the training, for each net.
        """
        entry = _Entry(trainings)
        with self.changed:
            self.waiting.append(entry)
            self.changed.notify_all()
        self.running.release()
        try:
            entry.trained.wait()
        finally:
            self.running.acquire()
        if self.aborted:
            raise _Aborted
        return entry.results

    def leave(self, task):
        """Take note that a task has ended."""
        with self.changed:
            task.done = True
            self.n_unfinished -= 1
            self.changed.notify_all()

    def result(self, task):
        """Train whenever all tasks wait, until this one is done.

        Called by the thread that started the tasks, so that Ctrl-C ends training.

        Returns
        -------
        result : object
            What the task returned; what it raised is raised.
        """
        while not self._done_or_all_wait(task):
            entries, self.waiting = self.waiting, []
            trainings = [t for entry in entries for t in entry.trainings]
            results = iter(stacked.train(trainings, self.n_running))
            for entry in entries:
                entry.results = list(islice(results, len(entry.trainings)))
                entry.trained.set()
        if task.error is not None:
            raise task.error
        return task.result

    def _done_or_all_wait(self, task):
        """Wait for either. Returns whether it is the former."""

        def all_wait():
            n_present = min(self.n_waiting, self.n_unfinished)
            return self.waiting and len(self.waiting) >= n_present

        with self.changed:
            self.changed.wait_for(lambda: task.done or all_wait())
            return task.done

    def abort(self):
        """Let every task end at once."""
        with self.changed:
            self.aborted = True
            for entry in self.waiting:
                entry.trained.set()


class StackingBackend(joblib.ParallelBackendBase):
    """Joblib backend on which fits of skdeep's estimators train together.

    Parameters
    ----------
    n_jobs : int
        How many tasks, and how many stacks of nets, may compute at the same time.

    n_waiting : int
        How many tasks may be under way, those included that wait for training.
    """

    uses_threads = True
    supports_sharedmem = True

    def __init__(self, n_jobs=1, n_waiting=256, **kwargs):
        super().__init__(**kwargs)
        self.n_running, self.n_waiting = n_jobs, max(n_waiting, 2)
        self.meeting = Meeting(self.n_running, self.n_waiting)

    def effective_n_jobs(self, n_jobs):
        """Tasks under way, whatever `n_jobs` says: most of them just wait."""
        return self.n_waiting

    def submit(self, func, callback=None):
        """Start a task."""
        return self.meeting.submit(func, callback)

    def retrieve_result(self, out, timeout=None):
        """Train what is to be trained, until this task is done."""
        return self.meeting.result(out)

    def abort_everything(self, ensure_ready=True):
        """End all tasks."""
        self.meeting.abort()
        self.meeting = Meeting(self.n_running, self.n_waiting)
