"""Plain dense nets written out on numpy: forward pass and gradients.

Without a graph, and on the BLAS that scikit-learn runs on, small nets train two to
three times faster than through autograd. The arrays are views of the tensors' memory.
"""

from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from scipy.special import expit

from skdeep._numpy_losses import sigmoid_loss, softmax_loss
from skdeep._products import multipliers, multiply_few
from skdeep._threads import Team
from skdeep.modules import (
    MLP,
    Dropout,
    Ensemble,
    InputStandardizer,
    RobustStandardizer,
    TableInput,
)

# Where to leave out passes over the data: enough rows to pay for what it takes, and
# offsets that take less than the last three digits of a standardized net.
_MANY_ROWS = 256
_LARGEST_OFFSET = {"float32": 10.0, "float64": 1000.0}
# From so many entries on, torch's relu and sums over samples are up to twice as fast as
# numpy's.
_TORCH_PAYS = 5000

# Entries of gradients that are added up at once, in the cache, and how many such blocks
# a single thread does before others would have woken up.
_BLOCK = 2**15
_FEW_BLOCKS = 8

# Applied in place; then the derivative as a function of the output, times `d`.
_ACTIVATIONS = {
    "identity": (lambda h: h, lambda d, h: d),
    "logistic": (lambda h: expit(h, out=h), lambda d, h: _times(d, h * (1.0 - h))),
    "tanh": (lambda h: np.tanh(h, out=h), lambda d, h: _times(d, 1.0 - h * h)),
    "relu": (lambda h: _rectify(h), lambda d, h: _times(d, h > 0)),
}


def _rectify(h):
    if h.size < _TORCH_PAYS:
        return np.maximum(h, 0.0, out=h)
    torch.from_numpy(h).relu_()
    return h


def _add_samples(delta, out):
    if delta.size < _TORCH_PAYS:
        np.add.reduce(delta, 1, out=out)
    else:
        torch.sum(torch.from_numpy(delta), 1, out=torch.from_numpy(out))


def _times(d, factor):
    return np.multiply(d, factor, out=d)


def is_plain(module):
    """Whether `module` is a dense net on the CPU that this file can compute."""
    if type(module) is Ensemble:
        return all(map(is_plain, module.members))
    return (
        type(module) is MLP
        and module.config["activation"] in _ACTIVATIONS
        and module.config["normalization"] is None
        and module.output.weight.device.type == "cpu"
    )


def forward_function(module, n_samples):
    """Build the function that computes the logits of one chunk after the other.

    Parameters
    ----------
    module : MLP or Ensemble
        In eval mode.

    n_samples : int
        Rows of all chunks.

    Returns
    -------
    compute : callable
        ndarray of shape (n_chunk, n_features) to logits of shape (n_chunk, n_outputs).
    """
    if type(module) is MLP:
        return DenseForward(module, n_samples)
    members = [DenseForward(member, n_samples) for member in module.members]

    def compute(x):
        if module.reads_alike:
            entered = [members[0].enter(x)] * len(members)
        else:
            entered = [member.enter(x) for member in members]
        logits = [member.read(z) for member, z in zip(members, entered, strict=True)]
        return module.combine(torch.from_numpy(np.stack(logits)).double()).numpy()

    return compute


class DenseForward:
    """Forward pass of a plain dense net, one chunk after the other.

    All chunks share the memory of the hidden layers, which so stays in the cache.

    Parameters
    ----------
    module : MLP
        In eval mode.

    n_samples : int
        Rows of all chunks.
    """

    def __init__(self, module, n_samples):
        layers = module.linear_layers
        self.weights = [layer.weight.detach().numpy() for layer in layers]
        self.biases = [layer.bias.detach().numpy() for layer in layers]
        self.buffers = [None] * len(layers)
        self.mean, self.scale, self.floors, self.table = None, None, None, None
        activation = module.config["activation"]
        self.activate, _ = _ACTIVATIONS[activation]
        if isinstance(module.standardizer, InputStandardizer):
            self.mean = module.standardizer.mean.numpy()
            self.scale = module.standardizer.inverse_scale.numpy()
            if n_samples > _MANY_ROWS:
                self._scale_weights(activation)
        elif isinstance(module.standardizer, (TableInput, RobustStandardizer)):
            self.table, self.embed = module.standardizer, module.embed

    def _scale_weights(self, activation):
        """Scale the weights instead of x, which saves a pass over the data."""
        scale, self.scale = self.scale, None
        self.weights[0] = self.weights[0] * scale
        if activation == "relu":
            self._hand_on_offsets(scale)

    def _hand_on_offsets(self, scale):
        """Leave out the passes over the data that subtract the mean and add biases.

        As max(z + b, 0) = max(z, -b) + b, what a layer leaves out becomes part of the
        bias of the next one. Large offsets would cost digits and stay where they are.
        """
        offset, offsets = -self.mean, []
        for weight, bias in zip(self.weights, self.biases, strict=True):
            offset = bias + weight @ offset
            offsets.append(offset)
        largest = np.abs(np.concatenate([self.mean * scale, *offsets])).max()
        if largest < _LARGEST_OFFSET[largest.dtype.name]:
            self.mean, self.biases = None, offsets
            self.floors = [-offset for offset in offsets[:-1]]

    def __call__(self, x):
        """Logits of one chunk.

        They are NaN where x is, if there was nothing missing in training.

        Parameters
        ----------
        x : ndarray of shape (n_samples, n_features)
            Of the dtype of the net.

        Returns
        -------
        logits : ndarray of shape (n_samples, n_outputs)
            In Fortran order: sums over a few classes are quicker along the samples.
        """
        return self.read(self.enter(x))

    def enter(self, x):
        """What can't be left to the weights of the first layer."""
        return x if self.table is None else self.table(torch.from_numpy(x)).numpy()

    def read(self, x):
        """Logits of what ``enter`` has returned, which is left as it is."""
        if self.table is not None:
            x = self.embed(torch.from_numpy(x)).detach().numpy()
        if self.mean is not None:
            x = self._into(0, np.subtract, x, self.mean)
        if self.scale is not None:
            x *= self.scale
        for k in range(len(self.weights) - 1):
            x = self._into(k + 1, np.matmul, x, self.weights[k].T)
            if self.floors is not None:
                np.maximum(x, self.floors[k], out=x)
            else:
                x += self.biases[k]
                x = self.activate(x)
        logits = multiply_few(self.weights[-1], x.T)
        logits += self.biases[-1][:, None]
        return logits.T

    def _into(self, k, function, x, y):
        buffer = self.buffers[k]
        if buffer is None or len(buffer) < len(x):
            buffer = self.buffers[k] = function(x, y)
            return buffer
        return function(x, y, out=buffer[: len(x)])


class DenseGradient:
    """Gradients of plain dense nets of one architecture under the log-loss.

    The gradient with respect to the logits is the difference between probabilities
    and targets; each layer multiplies by its weights and by the derivative of its
    activation (Rumelhart, Hinton and Williams, 1986).

    Parameters
    ----------
    modules : list of MLP
        They may differ in their dropout.

    values, gradients : dict
        Parameters of the first module to Tensors of shape (n_nets, *shape).

    multilabel : bool

    n_shards : int
        Parts that a batch is cut into, for threads to share. The gradient is their
        sum in a fixed order, whatever the number of threads.

    n_threads : int

    n_operations : float
        Floating-point operations in a step of one net.
    """

    def __init__(
        self,
        modules,
        values,
        gradients,
        multilabel,
        n_shards=1,
        n_threads=1,
        n_operations=0.0,
    ):
        layers = modules[0].linear_layers
        self.weights = [values[layer.weight].numpy() for layer in layers]
        self.biases = [values[layer.bias].numpy()[:, None] for layer in layers]
        parameters = [p for layer in layers for p in (layer.weight, layer.bias)]
        self.embedding = modules[0].embedding
        if self.embedding is not None:
            self.vectors = values[self.embedding.weight]
            parameters.append(self.embedding.weight)
        gradients = [gradients[parameter].numpy() for parameter in parameters]
        self.gradients = [gradients]
        for _ in range(n_shards - 1):
            self.gradients.append([np.empty_like(gradient) for gradient in gradients])
        self.blocks = _blocks(self.gradients)
        self.activate, self.derivative = _ACTIVATIONS[modules[0].config["activation"]]
        self.dropouts = [_dropouts(module) for module in modules]
        self.shared_dropout = modules[0].config["shared_dropout"]
        self.output = sigmoid_loss if multilabel else softmax_loss
        self.multiply, self.multiply_few = multipliers(n_operations)
        self.team = Team(min(n_shards, n_threads))

    def __call__(self, batch):
        """Fill the gradients.

        Parameters
        ----------
        batch : StackedBatch

        Returns
        -------
        losses : ndarray of shape (n_nets,)
            Weighted sums over the batch.
        """
        x, target = batch.x.numpy(), batch.target.numpy().transpose(0, 2, 1)
        weight = None if batch.weight is None else batch.weight.numpy()
        totals = np.array(batch.totals, dtype=x.dtype)[:, None, None]
        masks = self._masks(batch) if any(self.dropouts) else None

        def shard(gradients, rows):
            # Each thread has an error state of its own.
            with np.errstate(all="ignore"):
                own_masks = self._masks_of(rows, masks)
                embedded, places = self._embed(x[:, rows])
                inputs, hidden, logits = self._forward(embedded, own_masks)
                losses, delta = self.output(logits, target[:, :, rows])
                if weight is not None:
                    losses *= weight[:, rows]
                    delta *= weight[:, None, rows]
                delta /= totals
                delta = delta.transpose(0, 2, 1)
                delta = self._backward(delta, inputs, hidden, own_masks, gradients)
                if places is not None:
                    self._embed_backward(delta, places, gradients[-1])
                return np.add.reduce(losses, 1)

        shards = _cut(x.shape[1], len(self.gradients))
        losses = self.team.share(shard, list(zip(self.gradients, shards, strict=True)))
        if len(self.blocks) > _FEW_BLOCKS:
            self.team.share(_add_up, self.blocks)
        else:
            for block in self.blocks:
                _add_up(*block)
        return sum(losses)

    def _masks(self, batch):
        """Masks of each hidden layer, drawn for the whole batch."""
        n_rows, masks = 1 if self.shared_dropout else batch.x.shape[1], []
        for k, weight in enumerate(self.weights[:-1]):
            layer_masks = np.ones((len(weight), n_rows, weight.shape[1]), weight.dtype)
            for mask, layers, size in zip(
                layer_masks, self.dropouts, batch.sizes, strict=True
            ):
                if layers:
                    drawn = layers[k].mask(torch.from_numpy(mask[:size]))
                    mask[:size] = drawn.numpy()
            masks.append(layer_masks)
        return masks

    def _masks_of(self, rows, masks):
        if masks is None or self.shared_dropout:
            return masks
        return [mask[:, rows] for mask in masks]

    def _embed(self, x):
        """Vectors in place of the codes, and where they are among all vectors."""
        if self.embedding is None:
            return x, None
        n_nets, n_rows, size = self.vectors.shape
        n = len(self.embedding.offsets)
        first = torch.arange(n_nets)[:, None, None] * n_rows + self.embedding.offsets
        places = torch.from_numpy(x[:, :, -n:]).long() + first
        vectors = self.vectors.reshape(-1, size)[places].flatten(2).numpy()
        x = np.broadcast_to(x[:, :, :-n], (n_nets, x.shape[1], x.shape[2] - n))
        return np.concatenate([x, vectors], 2), places

    def _forward(self, x, masks):
        inputs, hidden = [x], []
        last = len(self.weights) - 1
        for k in range(last):
            h = self._linear(k, inputs[-1])
            h = self.activate(h)
            hidden.append(h)
            if masks is not None:
                h = h * masks[k]
            inputs.append(h)
        logits = self.multiply_few(self.weights[last], inputs[-1].transpose(0, 2, 1))
        logits += self.biases[last].transpose(0, 2, 1)
        return inputs, hidden, logits

    def _linear(self, k, x):
        z = self.multiply(x, self.weights[k].transpose(0, 2, 1))
        z += self.biases[k]
        return z

    def _backward(self, delta, inputs, hidden, masks, gradients):
        for k in range(len(self.weights) - 1, -1, -1):
            weight_gradient, bias_gradient = gradients[2 * k : 2 * k + 2]
            is_last = k == len(self.weights) - 1
            multiply = self.multiply_few if is_last else self.multiply
            multiply(delta.transpose(0, 2, 1), inputs[k], out=weight_gradient)
            _add_samples(delta, bias_gradient)
            if k:
                delta = self.multiply(delta, self.weights[k])
                if masks is not None:
                    delta *= masks[k - 1]
                delta = self.derivative(delta, hidden[k - 1])
        return delta

    def _embed_backward(self, delta, places, gradient):
        """Add up the gradients of each vector, given those of the first layer."""
        n_vectors, size = places.shape[2], gradient.shape[2]
        delta = self.multiply(delta, self.weights[0][:, :, -n_vectors * size :])
        total = np.zeros((gradient.size // size, size), gradient.dtype)
        torch.from_numpy(total).index_add_(
            0, places.flatten(), torch.from_numpy(delta.reshape(-1, size))
        )
        gradient[:] = total.reshape(gradient.shape)


@lru_cache
def _cut(n_rows, n_parts):
    bounds = np.linspace(0, n_rows, n_parts + 1, dtype=int).tolist()
    return [slice(*pair) for pair in pairwise(bounds)]


def _blocks(gradients):
    """Cut the gradients of all shards alike, into tuples of parts to be added up.

    Batches are cut for a single net only, whose gradients are contiguous.
    """
    blocks = []
    if len(gradients) > 1:
        for of_shards in zip(*gradients, strict=True):
            flat = [gradient.reshape(-1) for gradient in of_shards]
            for start in range(0, flat[0].size, _BLOCK):
                blocks.append(tuple(g[start : start + _BLOCK] for g in flat))
    return blocks


def _add_up(total, *others):
    for other in others:
        total += other


def _dropouts(module):
    return [layer for layer in module.hidden if isinstance(layer, Dropout)]
