"""Plain convolutions over small images written out on numpy: maps and gradients.

With little to compute, most of a step goes into calling layers and the graph behind
them. Here a convolution is one product of matrices, and relu and pooling are one
maximum; both take a handful of calls.

Maps have the shape (channels, height, width, n_samples): the samples of a place lie
side by side, and arithmetic runs along them.
"""

import numpy as np
import torch
from torch import nn

from skdeep._numpy_losses import sigmoid_loss, softmax_loss
from skdeep.modules import CNN
from skdeep.modules.blocks import ConvBlock

# Multiplications of a batch up to which that pays; from some three times as many on,
# torch's convolutions are faster.
_FEW = 10_000_000
# Along an axis: each place of a window takes calls of its own.
_WIDEST_POOL = 4


def is_plain(module):
    """Whether `module` is a net on the CPU whose convolutions this file can compute."""
    return (
        type(module) is CNN
        and len(module.config["input_shape"]) == 3
        and module.config["architecture"] == "plain"
        and module.config["stride"] == 1
        and module.config["pool_size"] <= _WIDEST_POOL
        and module.config["activation"] == "relu"
        and module.config["normalization"] == "batch"
        and module.device.type == "cpu"
    )


def is_small(module, n_samples):
    """Whether this file is faster than the layers for so many images at once."""
    return n_samples * module.n_operations <= _FEW


def is_whole(module, settings):
    """Whether that goes for all of the net, too: ``SmallNet`` has its gradients."""
    return (
        is_plain(module)
        and not settings["mixed_precision"]
        and settings["loss"] == "log_loss"
        and module.config["pooling"] == "flatten"
        and not module.config["hidden_layer_sizes"]
        and not module.config["dropout"]
    )


class SmallMaps:
    """The convolutions of a plain net in training mode.

    Parameters
    ----------
    module : CNN
        Its parameters and their gradients stay where they are from now on.
    """

    def __init__(self, module):
        self.blocks = []
        for layer in module.features.modules():
            if isinstance(layer, ConvBlock):
                self.blocks.append(_Block(layer))
            elif isinstance(layer, nn.MaxPool2d):
                self.blocks[-1].window = layer.kernel_size

    def __call__(self, x, weight):
        """Map images to the last map, whose backward pass fills the gradients.

        Parameters
        ----------
        x : Tensor of shape (n_samples, channels, height, width)
            It gets no gradient.

        weight : Tensor of shape (n_samples,) or None
            As the ``row_weight`` of batch normalization.

        Returns
        -------
        maps : Tensor of shape (n_samples, n_filters, height, width)
        """
        maps, kept = self.forward(x, weight)
        # Laid out as by the layers: dropout draws in the order of memory.
        maps = np.ascontiguousarray(maps.transpose(3, 1, 2, 0))
        maps = torch.from_numpy(maps).permute(0, 3, 1, 2).requires_grad_()
        maps.register_hook(
            lambda delta: self.backward(delta.numpy().transpose(1, 2, 3, 0), kept)
        )
        return maps

    def forward(self, x, weight):
        """The last map, with the samples last, and what ``backward`` needs."""
        maps, kept = x.numpy().transpose(1, 2, 3, 0), []
        weight = None if weight is None else weight.numpy()
        for block in self.blocks:
            maps, own = block.forward(maps, weight)
            kept.append(own)
        return maps, kept

    def backward(self, delta, kept):
        """Fill the gradients, given that of the last map."""
        for block in reversed(self.blocks):
            delta = block.backward(delta, kept.pop())
            if kept:
                delta = block.input_gradient(delta)


class SmallNet:
    """Gradients of a plain net of which nothing but one layer follows the last map.

    Parameters
    ----------
    module : CNN
        Its parameters and their gradients stay where they are from now on.

    multilabel : bool
    """

    def __init__(self, module, multilabel):
        self.maps, output = SmallMaps(module), module.output
        self.weight, self.bias = (p.detach().numpy() for p in output.parameters())
        self.gradients = [p.grad.numpy() for p in output.parameters()]
        self.loss = sigmoid_loss if multilabel else softmax_loss

    def __call__(self, batch):
        """Fill the gradients.

        Parameters
        ----------
        batch : Batch

        Returns
        -------
        loss : float
            Weighted mean over the batch.
        """
        maps, kept = self.maps.forward(batch.x, batch.weight)
        flat = maps.reshape(-1, maps.shape[3])
        logits = self.weight @ flat
        logits += self.bias[:, None]
        (losses,), (delta,) = self.loss(logits[None], batch.target.numpy().T[None])
        if batch.weight is not None:
            weight = batch.weight.numpy()
            losses *= weight
            delta *= weight
        delta /= float(batch.total)
        np.matmul(delta, flat.T, out=self.gradients[0])
        np.add.reduce(delta, 1, out=self.gradients[1])
        self.maps.backward((self.weight.T @ delta).reshape(maps.shape), kept)
        return float(losses.sum()) / float(batch.total)


class _Block:
    """Convolution, batch normalization, relu, max pooling.

    Attributes
    ----------
    window : tuple of int
        Of the pooling.
    """

    window = (1, 1)

    def __init__(self, block):
        # Padding may come before the convolution.
        *_, convolution, norm, _ = block
        self.size = convolution.kernel_size[0]
        self.kernels = _channels_last(convolution.weight.detach())
        self.kernel_gradient = _channels_last(convolution.weight.grad)
        self.bias = convolution.bias.detach().numpy()
        self.gain, self.shift = (p.detach().numpy() for p in norm.parameters())
        self.norm_gradients = [p.grad.numpy() for p in norm.parameters()]
        self.epsilon, self.momentum = norm.eps, norm.momentum
        self.mean, self.variance, self.n_batches = (b.numpy() for b in norm.buffers())

    def forward(self, maps, weight):
        """Next maps, and what ``backward`` needs."""
        rows = _rows(maps, self.size, (self.size - 1) // 2)
        z = self.kernels.reshape(len(self.kernels), -1) @ rows
        share = _shares(z, weight)
        mean = z @ share
        z -= mean[:, None]
        variance = np.square(z) @ share
        # The bias moves the mean and nothing else, so its gradient is zero.
        self._remember(mean + self.bias, variance)
        inverse = 1.0 / np.sqrt(variance + self.epsilon)
        y = z * (self.gain * inverse)[:, None]
        y += self.shift[:, None]
        y = y.reshape(-1, *maps.shape[1:])
        maps, places = _highest(y, self.window)
        return maps, (rows, z, share, inverse, places, y.shape)

    def _remember(self, mean, variance):
        """As ``WeightedBatchNorm`` does."""
        self.n_batches += 1
        share = max(self.momentum, 1.0 / float(self.n_batches))
        self.mean += share * (mean - self.mean)
        self.variance += share * (variance - self.variance)

    def backward(self, delta, kept):
        """Fill the gradients; return that of what the convolution gives."""
        rows, z, share, inverse, places, shape = kept
        gain_gradient, shift_gradient = self.norm_gradients
        delta = _to_highest(delta, places, self.window, shape).reshape(z.shape)
        np.add.reduce(delta, 1, out=shift_gradient)
        np.multiply(np.einsum("ij,ij->i", delta, z), inverse, out=gain_gradient)
        # What z has a part in through the mean and the variance.
        z *= (gain_gradient * inverse)[:, None]
        z += shift_gradient[:, None]
        z *= share
        delta -= z
        delta *= (self.gain * inverse)[:, None]
        np.matmul(delta, rows.T, out=self.kernel_gradient.reshape(len(z), -1))
        return delta.reshape(shape)

    def input_gradient(self, delta):
        """Gradient of what the convolution reads: one with the kernels turned round."""
        rows = _rows(delta, self.size, self.size // 2)
        turned = self.kernels[:, ::-1, ::-1].transpose(3, 1, 2, 0)
        inputs = turned.reshape(len(turned), -1) @ rows
        return inputs.reshape(-1, *delta.shape[1:])


def _channels_last(kernels):
    """View of shape (n_filters, height, width, channels), which is contiguous."""
    return kernels.numpy().transpose(0, 2, 3, 1)


def _rows(maps, size, before):
    """What a kernel sees at each place, with zeros beyond the edge.

    Parameters
    ----------
    maps : ndarray of shape (channels, height, width, n_samples)

    size, before : int
        Places that the kernel covers along an axis, and how many of them lie before
        the one that it is for.

    Returns
    -------
    rows : ndarray of shape (size * size * channels, height * width * n_samples)
    """
    channels, height, width, n = maps.shape
    padded = np.zeros((channels, height + size - 1, width + size - 1, n), maps.dtype)
    padded[:, before : before + height, before : before + width] = maps
    of_channel, of_line, of_place, of_sample = padded.strides
    # A line of places with all their samples is one run of memory.
    seen = np.ndarray(
        (size, size, channels, height, width * n),
        maps.dtype,
        padded,
        strides=(of_line, of_place, of_channel, of_line, of_sample),
    )
    return seen.reshape(size * size * channels, -1)


def _shares(z, weight):
    """Share of each column of z in the mean."""
    if weight is None:
        return np.full(z.shape[1], 1.0 / z.shape[1], z.dtype)
    n_places = z.shape[1] // len(weight)
    return np.tile(weight / (n_places * weight.sum()), n_places)


def _views(y, window):
    """Views of the first places of all windows, of the second ones, and so on."""
    (high, wide), (_, height, width, _) = window, y.shape
    bottom, right = height // high * high, width // wide * wide
    return [y[:, i:bottom:high, j:right:wide] for i in range(high) for j in range(wide)]


def _highest(y, window):
    """Maximum of zero and each window, and which one it is: 0, or a place from 1 on."""
    first, *others = _views(y, window)
    best = np.maximum(first, 0.0)
    places = (first > 0.0).view(np.int8)
    for i, view in enumerate(others, 2):
        higher = np.multiply(view > best, i, dtype=np.int8)
        np.maximum(places, higher, out=places)
        np.maximum(best, view, out=best)
    return best, places


def _to_highest(delta, places, window, shape):
    """Give what belongs to a maximum to the place where it is."""
    full = np.zeros(shape, delta.dtype)
    for i, view in enumerate(_views(full, window), 1):
        np.multiply(delta, places == i, out=view)
    return full
