"""Steps of training, on a CUDA device as graphs.

A step of a small net is some fifty kernels of a few microseconds, and to launch one
from Python takes longer than to run it. So on CUDA a step is recorded once for each
form of batch and replayed from then on: one launch, and nothing to wait for.
"""

from collections import Counter

import numpy as np
import torch

from skdeep._devices import send
from skdeep._optimizers import StepNumbers
from skdeep.modules import Dropout

# Steps of a form that run as they are: libraries set themselves up in the first ones,
# and what is rare isn't worth recording.
_UNRECORDED = 3


def make_step(gradient, solver, modules):
    """Build what takes a step of training.

    Parameters
    ----------
    gradient : callable
        Takes a ``Batch`` or ``StackedBatch``, fills the gradients of the solver and
        returns losses.

    solver : Solver

    modules : list of Net
        All that train.

    Returns
    -------
    step : callable
        Takes a batch, moves the parameters and returns losses: on CUDA a Tensor that
        the next step overwrites.
    """
    if modules[0].device.type == "cuda":
        return RecordedStep(gradient, solver, modules)

    def step(batch):
        losses = gradient(batch)
        solver.step(batch.totals)
        return losses

    return step


class RecordedStep:
    """Step that is recorded for each form of batch, and then replayed.

    Parameters
    ----------
    gradient, solver, modules
        As of ``make_step``.
    """

    def __init__(self, gradient, solver, modules):
        self.gradient, self.solver = gradient, solver
        layers = [layer for module in modules for layer in module.modules()]
        drawing = [layer for layer in layers if isinstance(layer, Dropout)]
        # In order, each once: the layers of a net share one.
        self.generators = list(dict.fromkeys(layer.generator for layer in drawing))
        self.seen, self.recordings = Counter(), {}

    def __call__(self, batch):
        numbers = self.solver.next_numbers(batch.totals)
        form = _form(batch)
        if form not in self.recordings:
            self.seen[form] += 1
            if self.seen[form] <= _UNRECORDED:
                return self._compute(batch, numbers)
            self.recordings[form] = _Recording(
                self._compute, batch, numbers, self.solver.vectors, self.generators
            )
        return self.recordings[form](batch, numbers)

    def _compute(self, batch, numbers):
        losses = self.gradient(batch)
        self.solver.apply(numbers)
        return losses


def _form(batch):
    """What a recording depends on, besides what is in the tensors."""
    return batch.x.shape, batch.weight is not None, *batch.sizes


class _Recording:
    """A computation over tensors that stay where they are.

    Parameters
    ----------
    compute : callable
        Batch and ``StepNumbers`` to losses.

    batch : Batch or StackedBatch

    numbers : StepNumbers

    vectors : Tensor of shape (n_nets, n_parameters)
        Tells dtype and device.

    generators : list of torch.Generator
        That the computation draws from.
    """

    def __init__(self, compute, batch, numbers, vectors, generators):
        names = ("x", "target", "weight")
        self.fields = [name for name in names if getattr(batch, name) is not None]
        self.tensors = [torch.clone(getattr(batch, name)) for name in self.fields]
        self.numbers = _columns(numbers, vectors)
        static = batch._replace(**dict(zip(self.fields, self.tensors, strict=True)))
        rows = iter(self.numbers)
        given = StepNumbers(*(None if n is None else next(rows) for n in numbers))
        self.replay, self.losses = record(
            lambda: compute(static.with_totals_on_device(), given), generators
        )

    def __call__(self, batch, numbers):
        for name, tensor in zip(self.fields, self.tensors, strict=True):
            tensor.copy_(getattr(batch, name))
        self.numbers.copy_(_columns(numbers, self.numbers))
        self.replay()
        return self.losses


def _columns(numbers, like):
    """Numbers in use as a Tensor of shape (n_used, n_nets, 1)."""
    used = np.array([row for row in numbers if row is not None])
    return send(torch.from_numpy(used[:, :, None]).to(like.dtype), like.device)


def record(compute, generators):
    """Record the kernels that a function launches.

    Parameters
    ----------
    compute : callable
        Without arguments; it is run, its kernels are not.

    generators : list of torch.Generator

    Returns
    -------
    replay : callable
        Runs the kernels.

    result : Tensor
        What the function returned, which each replay fills.
    """
    graph = torch.cuda.CUDAGraph()
    for generator in generators:
        graph.register_generator_state(generator)
    # Other threads, which may train nets of their own, don't matter.
    graph.capture_begin(capture_error_mode="thread_local")
    try:
        result = compute()
    finally:
        graph.capture_end()
    return graph.replay, result
