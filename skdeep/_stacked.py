"""Many nets of one architecture, trained as one.

A step of a small net costs more in calls than in arithmetic. The nets of a stack share
the calls: their parameters are the rows of a matrix, one step moves all of them, and
each net goes its way as if it were alone, with its own initial weights, order of the
batches, rates, penalties and early stopping.
"""

import hashlib
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import NamedTuple

import numpy as np
import torch
from scipy import sparse

from skdeep import _backprop as backprop
from skdeep._batches import Batches
from skdeep._dense import DenseGradient
from skdeep._devices import own_stream
from skdeep._graphs import make_step
from skdeep._optimizers import Solver
from skdeep._progress import Curves, Validation
from skdeep._streams import side_by_side, stacked_epoch
from skdeep._threads import TRAINING, n_stacks_for, threads_for

# On a CPU, more nets than these hardly save calls any more: dense ones, others.
_MOST_DENSE, _MOST_OTHERS = 32, 16
# Nets that take more of the cache than this together would leave it.
_STACK_BYTES = 2**23
# So many nets save most of the calls by themselves.
_LARGE_STACK = 8
# Parameters on which the nets of a stack agree, besides those of their modules.
_COMMON = (
    "solver",
    "nesterovs_momentum",
    "loss",
    "focal_gamma",
    "multilabel",
)


class Training(NamedTuple):
    """A fit that is ready to run.

    Attributes
    ----------
    net : TrainingNet

    batches : Batches

    validation : Validation or None

    curves : Curves
        Extended in place.

    events : object
        ``epoch_begins()``, and ``epoch_ends()`` that returns whether to stop.

    seed : int
        Of the order of the batches.

    max_iter : int
    """

    net: object
    batches: Batches
    validation: Validation | None
    curves: Curves
    events: object
    seed: int
    max_iter: int

    def run(self):
        """Train alone. Returns an Outcome."""
        try:
            return self.net.train(
                self.batches,
                self.validation,
                self.curves,
                self.events,
                max_iter=self.max_iter,
            )
        finally:
            self.batches.release()


def train(trainings, n_threads):
    """Train all nets, those of one architecture as stacks.

    Parameters
    ----------
    trainings : list of Training

    n_threads : int
        How many stacks may train at once.

    Returns
    -------
    results : list
        An Outcome, or the exception that ended the training, for each.
    """
    results, stop = [None] * len(trainings), threading.Event()
    n_operations = max(t.net.solver_settings_["n_operations"] for t in trainings)
    if all(_is_on_cpu(training) for training in trainings):
        n_threads = n_stacks_for(n_operations, n_threads)
    else:
        # All nets at once keep an accelerator busy.
        n_threads = 1
    plan = _plan(trainings, n_threads)
    # Stacks that train at the same time take one thread each.
    worth_sharing = TRAINING if n_threads == 1 or len(plan) == 1 else np.inf

    def run(positions, streams):
        members = [trainings[i] for i in positions]
        if len(members) == 1:
            outcomes = [_run_alone(*members)]
        else:
            outcomes = Stack(members, streams).run(stop, worth_sharing)
        for i, outcome in zip(positions, outcomes, strict=True):
            results[i] = outcome

    if n_threads == 1 or len(plan) == 1:
        for positions, streams in plan:
            run(positions, streams)
        return results
    with ThreadPoolExecutor(n_threads) as pool:
        try:
            list(pool.map(run, *zip(*plan, strict=True)))
        except BaseException:
            # Ctrl-C reaches the main thread only.
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    return results


def _is_on_cpu(training):
    return training.net.module_.device.type == "cpu"


def _run_alone(training):
    try:
        return training.run()
    except Exception as error:
        return error


def _plan(trainings, n_threads):
    """Divide into stacks: for each, the positions and the streams of its members."""
    digests = {}
    keys = [_stack_key(training, digests) for training in trainings]
    order = sorted(range(len(trainings)), key=lambda i: keys[i])
    plan = []
    for key, group in groupby(order, key=lambda i: keys[i][0]):
        positions = list(group)
        most = 1
        if key:
            most = min(
                _largest_stack(trainings[positions[0]], len(positions)),
                -(-len(positions) // n_threads),
            )
        plan += _cut(positions, [keys[i][1] for i in positions], most)
    return plan


def _largest_stack(training, n_nets):
    """How many of so many nets like this one should share their steps."""
    net, batch_size = training.net, training.batches.batch_size
    if not _is_on_cpu(training):
        return n_nets
    if not backprop.is_written_out(net.module_, net.solver_settings_):
        return _MOST_OTHERS
    layers, vector = net.module_.linear_layers, net.flat_.vector
    n_units = sum(layer.in_features + layer.out_features for layer in layers)
    # Parameters, gradients and two averages; what units give, and gradients of that.
    n_values = 4 * len(vector) + 2 * batch_size * n_units
    n_fitting = _STACK_BYTES // (n_values * vector.itemsize)
    return min(max(n_fitting, _LARGE_STACK), _MOST_DENSE)


def _cut(positions, streams, most):
    """Cut into stacks of at most `most`, along the borders of the streams if it pays.

    Nets of one stream share the copies of their batches.
    """
    stacks = [([], [])]
    for stream in dict.fromkeys(streams):
        members = [i for i, s in zip(positions, streams, strict=True) if s == stream]
        for part in np.array_split(members, -(-len(members) // most)):
            n_before = len(stacks[-1][0])
            if n_before + len(part) > most or len(part) >= _LARGE_STACK:
                stacks.append(([], []))
            stacks[-1][0].extend(part.tolist())
            stacks[-1][1].extend([stream] * len(part))
    return [stack for stack in stacks if stack[0]]


def _stack_key(training, digests):
    """What the nets of a stack have in common, then a ``_stream_key``.

    Nets that can't be stacked have an empty key. `digests` remembers arrays.
    """
    net, batches = training.net, training.batches
    module, settings = net.module_, net.solver_settings_
    written_out = backprop.is_written_out(module, settings)
    if (
        settings["solver"] == "lbfgs"
        or settings["callbacks"]
        or not (written_out or backprop.can_stack(module, settings, batches.batch_size))
    ):
        return "", ("", "")
    config = dict(module.config)
    if config["standardize"] != "sample":
        # The body is the same.
        del config["standardize"]
    config["dropout"] = written_out or config["dropout"] > 0
    common = (
        type(module).__name__,
        sorted(config.items()),
        str(module.dtype),
        str(module.device),
        batches.batch_size,
        batches.n_steps,
        [settings[name] for name in _COMMON],
    )
    return repr(common), _stream_key(training, digests)


def _stream_key(training, digests):
    """What decides which rows a net trains on, then what decides their order."""
    batches, settings = training.batches, training.net.solver_settings_
    X = batches.rows.X
    arrays = (X.data, X.indices, X.indptr) if sparse.issparse(X) else (X,)
    arrays = (*arrays, batches.codes, batches.index, batches.weight)
    for array in arrays:
        if id(array) not in digests:
            digests[id(array)] = _digest(array)
    statistics = training.net.module_.standardizer.buffers()
    names = ("label_smoothing", "standardize", "batch_sampler")
    order = training.seed, settings["shuffle"]
    changes = settings.get("augmentation"), settings["input_dropout"]
    parts = (
        [digests[id(array)] for array in arrays],
        [_digest(buffer.cpu().numpy()) for buffer in statistics],
        [settings[name] for name in names],
        # What changes batches draws with the order.
        (changes, order) if any(changes) else None,
    )
    return repr(parts), repr(order)


def _digest(array):
    if array is None:
        return ""
    digest = hashlib.blake2b(f"{array.shape}{array.dtype}".encode())
    digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    return digest.hexdigest()


class Stack:
    """Nets of one architecture that train in step.

    Parameters
    ----------
    trainings : list of Training

    streams : list of tuple
        ``_stream_key`` of each net. Those that are alike stand side by side.
    """

    def __init__(self, trainings, streams):
        self.trainings, self.streams = trainings, streams
        self.batches = {}
        for training, stream in zip(trainings, streams, strict=True):
            # Drawing the order changes its state: one for all, also when the first
            # net has left.
            standardizer = training.net.module_.standardizer
            self.batches.setdefault(stream, (training.batches, standardizer))
        self.progress = [t.net.start(t.validation, t.curves) for t in trainings]
        self.results = [None] * len(trainings)
        self.active = list(range(len(trainings)))
        settings = [t.net.solver_settings_ for t in trainings]
        self._lay_out()
        self._step_with(
            Solver(
                self.vectors,
                self.gradients,
                trainings[0].net.flat_.n_penalized,
                settings,
                [s["n_steps"] for s in settings],
            )
        )

    def run(self, stop, worth_sharing):
        """Train every net to its end.

        Parameters
        ----------
        stop : threading.Event
            Ends all training.

        worth_sharing : float
            As for ``threads_for``.

        Returns
        -------
        results : list
            An Outcome, or the exception that ended the training, for each net.
        """
        n_operations = self.trainings[0].net.solver_settings_["n_operations"]
        try:
            with (
                torch.no_grad(),
                np.errstate(all="ignore"),
                threads_for(n_operations, worth_sharing),
                own_stream(self.trainings[0].net.module_.device),
            ):
                while self.active:
                    self._train_epoch(stop)
        except BaseException:
            for i in self.active:
                self._leave(i)
            raise
        finally:
            for batches, _ in self.batches.values():
                batches.release()
        return self.results

    def _lay_out(self):
        """Give the nets that still train rows of a matrix to live in."""
        nets = [self.trainings[i].net for i in self.active]
        flats = [net.flat_ for net in nets]
        self.vectors = torch.stack([flat.vector for flat in flats])
        self.gradients = torch.zeros_like(self.vectors)
        for flat, vector, gradient in zip(
            flats, self.vectors, self.gradients, strict=True
        ):
            flat.move_to(vector, gradient)
        values, gradients = (
            flats[0].views(rows) for rows in (self.vectors, self.gradients)
        )
        modules = [net.module_ for net in nets]
        settings = nets[0].solver_settings_
        if backprop.is_written_out(modules[0], settings):
            self.gradient = DenseGradient(
                modules,
                values,
                gradients,
                settings["multilabel"],
                n_operations=settings["n_operations"],
            )
        else:
            self.gradient = backprop.StackedBackprop(
                modules, values, gradients, nets[0].loss_function_
            )
        for module in modules:
            module.train()

    def _step_with(self, solver):
        modules = [self.trainings[i].net.module_ for i in self.active]
        self.solver, self.step = solver, make_step(self.gradient, solver, modules)

    def _train_epoch(self, stop):
        nets = [self.trainings[i] for i in self.active]
        begun = [_attempt(t.net.begin_epoch, t.events, {}) for t in nets]
        iterators = list(self._epochs())
        losses, totals, n_seen, n_batches = 0.0, 0.0, 0, 0
        for batches in zip(*iterators, strict=True):
            if stop.is_set():
                raise KeyboardInterrupt
            batch = side_by_side(batches)
            losses = losses + self.step(batch)
            totals = totals + np.array(batch.totals)
            n_seen = n_seen + np.array(batch.sizes)
            n_batches += 1
        penalties = self.solver.penalty.values(totals / n_batches)
        losses = losses.tolist() / totals + penalties
        self._end_epoch(begun, losses.tolist(), n_seen.tolist())

    def _epochs(self):
        """What those that still train see: one iterator for nets on the same rows."""
        keys = [self.streams[i] for i in self.active]
        for _, alike in groupby(keys, key=lambda key: key[0]):
            n_nets = Counter(alike)
            streams, standardizers = zip(*map(self.batches.get, n_nets), strict=True)
            yield stacked_epoch(streams, standardizers[0], list(n_nets.values()))

    def _end_epoch(self, begun, losses, n_seen):
        """Record the epoch; nets that are done leave."""
        staying = []
        for row, i in enumerate(self.active):
            result = begun[row] or _attempt(
                self._judge, i, self.solver.schedules[row], losses[row], n_seen[row]
            )
            if result is None:
                staying.append(row)
            else:
                self.results[i] = result
                self._leave(i)
        if len(staying) < len(self.active):
            self.active = [self.active[row] for row in staying]
            if self.active:
                self._lay_out()
                self._step_with(self.solver.keep(staying, self.vectors, self.gradients))

    def _judge(self, i, schedule, loss, n_seen):
        training, progress = self.trainings[i], self.progress[i]
        stop = training.net.end_epoch(loss, n_seen, progress, training.events, {})
        outcome = progress.outcome(
            schedule, asked_to_stop=stop, max_iter=training.max_iter
        )
        if outcome is not None:
            progress.restore_best()
        return outcome

    def _leave(self, i):
        """Let a net live on its own again."""
        net = self.trainings[i].net
        net.flat_.move_to(net.flat_.vector.clone(), net.flat_.gradient)
        backprop.own_buffers(net.module_)
        net.forget_solver()
        net.module_.eval()


def _attempt(function, *args):
    """Call it; an exception is the net's own and becomes its result."""
    try:
        return function(*args)
    except Exception as error:
        return error
