"""Logits of rows that take some of their columns from other rows."""

from contextlib import nullcontext

import numpy as np
import torch
from scipy import sparse
from torch import nn
from torch.nn import functional as F

from skdeep._batches import Rows
from skdeep._dense import is_plain
from skdeep._frames import is_frame
from skdeep._inference import forward
from skdeep._members import modules_of
from skdeep._threads import MODULE_FORWARD, threads_for
from skdeep._validation import surely_complete
from skdeep.inspection._subject import transform
from skdeep.modules import SharedMLP
from skdeep.modules.blocks import fuse

# Rows that are made at once, and what the first layers of dense nets may remember.
_CHUNK_BYTES = 2**25
_MOST_BYTES = 2**28
# Of more columns, rows are hardly ever alike.
_MOST_COMPARED = 32
# Of columns with more values for each order, and so fewer rows that get what they have,
# a row hardly ever gets one twice.
_MANY_VALUES = 20
# Values in the widest layer of one chunk of a dense net, and of one block of it, which
# should stay in the cache from layer to layer.
_DENSE_CHUNK, _BLOCK = 3 * 2**17, 3 * 2**16
# Activations of plain nets, in the memory of their input.
_IN_PLACE = {
    "identity": lambda z: z,
    "logistic": torch.Tensor.sigmoid_,
    "tanh": torch.Tensor.tanh_,
    "relu": torch.Tensor.relu_,
}


def as_dense(X):
    """`X` as an array or a data frame."""
    if sparse.issparse(X):
        raise TypeError("X must be dense. Got a sparse matrix; use X.toarray().")
    return X if is_frame(X) else np.asarray(X)


def exchange(X, columns, rows, donors):
    """Rows of `X` with some columns of other rows.

    Parameters
    ----------
    X : ndarray of shape (n_samples, ...) or data frame

    columns : ndarray of int
        Flat positions within a sample.

    rows, donors : ndarray of int, of equal length
        Where everything else comes from, and where the columns come from.

    Returns
    -------
    mixed : ndarray or data frame, of ``len(rows)`` rows
    """
    if hasattr(X, "iloc"):
        mixed = X.iloc[rows].reset_index(drop=True)
        given = X.iloc[donors, columns].reset_index(drop=True)
        mixed[given.columns] = given
        return mixed
    if is_frame(X):
        names = [X.columns[j] for j in columns]
        return X[rows].with_columns(X[donors].select(names).get_columns())
    flat = X.reshape(len(X), -1)
    mixed = flat[rows]
    mixed[:, columns] = flat[donors[:, np.newaxis], columns]
    return mixed.reshape(len(rows), *X.shape[1:])


class Exchange:
    """Logits of exchanged rows, each of which is computed once.

    Parameters
    ----------
    net : estimator
        A fitted classifier.

    steps : list
        Transformers before the net, with their names.

    X : ndarray or data frame
    """

    def __init__(self, net, steps, X):
        if not steps:
            self.X = net._check_X(X)
            self.answer = _answers_of_net(net, self.X)
        else:
            self.X = X
            self.answer = _Transformed(net, steps, X)
        self.unchanged = self._compute(np.arange(0), *[np.arange(len(X))] * 2)

    def __call__(self, columns, orders):
        """Logits of all rows when `columns` are given to each other in these orders.

        Parameters
        ----------
        columns : ndarray of int

        orders : ndarray of shape (n_orders, n_samples)

        Returns
        -------
        logits : ndarray of shape (n_orders, n_samples, n_outputs), float64
        """
        rows, donors = np.tile(np.arange(orders.shape[1]), len(orders)), orders.ravel()
        values = self._values(columns)
        changed = np.flatnonzero(values[orders] != values)
        if orders.size - len(changed) <= orders.shape[1] / _MANY_VALUES:
            logits = self._compute(columns, rows, donors)
        else:
            logits = self.unchanged[rows]
            codes = np.unique(values, return_inverse=True)[1]
            pairs = rows[changed] * len(values) + codes[donors[changed]]
            _, first, inverse = np.unique(pairs, return_index=True, return_inverse=True)
            if len(first):
                asked = changed[first]
                new = self._compute(columns, rows[asked], donors[asked])
                logits[changed] = new[inverse]
        return logits.reshape(*orders.shape, -1)

    def _values(self, columns):
        """What each row has in these columns, or a code for it."""
        if is_frame(self.X) or len(columns) > _MOST_COMPARED:
            return np.arange(len(self.X))
        part = self.X.reshape(len(self.X), -1)[:, columns]
        if len(columns) == 1:
            return part[:, 0]
        return np.unique(part, axis=0, return_inverse=True)[1]

    def _compute(self, columns, rows, donors):
        size = self.answer.size
        with self.answer.threads():
            answer = self.answer.with_columns(columns)
            return np.concatenate(
                [
                    answer(rows[start : start + size], donors[start : start + size])
                    for start in range(0, len(rows), size)
                ]
            )


def _answers_of_net(net, flat):
    if net._input_format.padded and not surely_complete(flat):
        raise ValueError(
            "Sequences must have the same length, for their steps are exchanged. Got "
            "NaN, which pads the shorter ones."
        )
    module = net.to_module().to(net.module_.device)
    if not net._input_format.table:
        return _Forwarded(net, _rounded(module), flat)
    n_inputs = sum(len(member.sources) for member in modules_of(module))
    shared = isinstance(module, SharedMLP)
    if shared or 4 * n_inputs * len(flat) > _MOST_BYTES:
        return _Forwarded(net, module, flat)
    return _Dense(net, module, flat)


class _Transformed:
    """Through the steps before the net."""

    # The net knows by itself how many it is worth.
    threads = nullcontext

    def __init__(self, net, steps, X):
        self.net, self.steps, self.X = net, steps, X
        n_columns = X.shape[1] if is_frame(X) else X[:1].size
        self.size = max(1, _CHUNK_BYTES // (8 * n_columns))

    def with_columns(self, columns):
        def answer(rows, donors):
            mixed = exchange(self.X, columns, rows, donors)
            return self.net._logits(transform(self.steps, mixed))

        return answer


class _Forwarded:
    """Through the whole module."""

    threads = nullcontext

    def __init__(self, net, module, flat):
        self.net, self.module, self.flat = net, module, flat
        self.size = max(1, _CHUNK_BYTES // (8 * flat.shape[1]))

    def with_columns(self, columns):
        own = self.net.module_

        def answer(rows, donors):
            mixed = exchange(self.flat, columns, rows, donors)
            rows = Rows(mixed, self.net._fold, own.dtype, own.device)
            return forward(self.module, rows)

        return answer


class _Dense:
    """Through the first layer as a sum of what the columns add to it."""

    def __init__(self, net, module, flat):
        own = net.module_
        rows, self.n_rows = Rows(flat, net._fold, own.dtype, own.device), len(flat)
        self.combine = getattr(module, "combine", lambda logits: logits[0])
        layers = modules_of(module)[0].linear_layers
        self.size = max(1, _DENSE_CHUNK // max(layer.out_features for layer in layers))
        self.n_operations = 2 * module.n_operations * self.size
        with self.threads():
            self.members = [_FirstLayer(member, rows) for member in modules_of(module)]

    def threads(self):
        return threads_for(self.n_operations, MODULE_FORWARD)

    def with_columns(self, columns):
        device = self.members[0].total.device
        columns = torch.as_tensor(columns, device=device)
        with torch.inference_mode():
            functions = [member.with_columns(columns) for member in self.members]

        def answer(rows, donors):
            # The first layers have what comes from each below the other.
            pairs = np.stack([rows, donors + self.n_rows], 1)
            pairs = torch.as_tensor(pairs, device=device)
            with torch.inference_mode():
                logits = torch.stack([f(pairs) for f in functions]).double()
                return self.combine(logits).cpu().numpy()

        return answer


class _FirstLayer:
    """The first dense layer of all rows, in float32."""

    def __init__(self, module, rows):
        size = max(1, _CHUNK_BYTES // (8 * len(module.sources)))
        with torch.inference_mode():
            self.inputs = torch.cat(
                [
                    module.encode(rows.take(slice(start, start + size))).float()
                    for start in range(0, len(rows), size)
                ]
            )
            self.sources = module.sources.to(self.inputs.device)
            module.float()
            first = module.linear_layers[0]
            self.weight = first.weight.T.contiguous()
            self.total = self.inputs @ self.weight + first.bias
        n_widest = max(layer.out_features for layer in module.linear_layers)
        self.n_at_once = max(1, _BLOCK // n_widest)
        self.finish = _finish(module)

    def with_columns(self, columns):
        of_columns = torch.isin(self.sources, columns).nonzero()[:, 0]
        # Of both, one below the other, two rows are taken and added in one pass.
        summands = self.total.new_empty(2, *self.total.shape)
        rest, part = summands
        torch.mm(self.inputs[:, of_columns], self.weight[of_columns], out=part)
        torch.sub(self.total, part, out=rest)
        summands = summands.flatten(0, 1)

        def answer(pairs):
            blocks = pairs.chunk(-(-len(pairs) // self.n_at_once))
            return torch.cat(
                [self.finish(F.embedding_bag(b, summands, mode="sum")) for b in blocks]
            )

        return answer


def _finish(module):
    """All but the first dense layer, as a function of what that gives."""
    if len(module.linear_layers) == 1:
        return nn.Identity()
    if is_plain(module):
        return _LaterLayers(module)
    return nn.Sequential(*module.hidden[1:], module.output)


class _LaterLayers:
    """Those of a plain net, without batch after batch of new memory."""

    def __init__(self, module):
        self.activate = _IN_PLACE[module.config["activation"]]
        *hidden, output = module.linear_layers[1:]
        # Products with weights that lie so are quicker.
        self.hidden = [(layer.bias, layer.weight.T.contiguous()) for layer in hidden]
        self.output = output.bias[:, None], output.weight
        self.buffers = [None] * len(hidden)

    def __call__(self, z):
        """Logits; `z`, the sums of the first layer, is overwritten."""
        z = self.activate(z)
        for k, (bias, weight) in enumerate(self.hidden):
            if self.buffers[k] is None or len(self.buffers[k]) < len(z):
                self.buffers[k] = z.new_empty(len(z), len(bias))
            z = torch.addmm(bias, z, weight, out=self.buffers[k][: len(z)])
            z = self.activate(z)
        bias, weight = self.output
        # Rows rather than columns: few of those take longer.
        return torch.addmm(bias, weight, z.T).T


class _ToFloat32(nn.Module):
    def forward(self, x):
        return x.float()


def _rounded(module):
    """Let a net compute in float32 once the input is standardized."""
    fuse(module)
    standardizers = [member.standardizer for member in modules_of(module)]
    for member in modules_of(module):
        member.standardizer = nn.Identity()
    module.float()
    for member, standardizer in zip(modules_of(module), standardizers, strict=True):
        member.standardizer = nn.Sequential(standardizer, _ToFloat32())
    return module
