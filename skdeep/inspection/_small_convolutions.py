"""Plain convolutions over small maps, written out for gradients of what they read.

All places of a line of a small map, with all their channels, are little more than what
a kernel sees. So a line of the next map is one product of a matrix with the few lines
that it depends on, and so is a line of the gradient.

Inside, maps have the shape (height, width, channels, n_samples), or some of these axes
joined: lines lie one after the other, and arithmetic runs along samples.
"""

from itertools import cycle

import torch
from torch import nn
from torch.autograd.function import once_differentiable

from skdeep.modules import CNN

# Measured on nets for maps from 6x10 to 28x28 and for series. A multiplication of a
# layer takes that many of those here, ...
_SLOWNESS = 1.2
# ... what a layer does besides for each of its values that many, ...
_PER_VALUE = 30
# ... and larger maps leave too few samples at once for fast products.
_LARGEST_MAP = 2**12


def speed_up(module):
    """Let a net compute its convolutions as this file does, where that is faster.

    Parameters
    ----------
    module : Net
        In eval mode, float32, its normalization fused, without gradients of weights.
    """
    if not is_plain(module) or module.row_size > _LARGEST_MAP:
        return
    maps = SmallConvolutions(module)
    of_layers = _SLOWNESS * module.n_operations + _PER_VALUE * maps.n_values
    if maps.n_operations <= of_layers:
        module.features = maps


def is_plain(module):
    """Whether the convolutions of `module` are of the kind that is written out here."""
    return (
        type(module) is CNN
        and module.config["architecture"] == "plain"
        and module.config["stride"] == 1
        and module.config["activation"] == "relu"
        and module.config["normalization"] in ("batch", None)
    )


class SmallConvolutions(nn.Module):
    """The convolutions of a plain net, of images or series.

    It keeps the tensors that it computes in, and the next forward pass writes into
    them again: a backward pass that comes later than that is an error.

    Parameters
    ----------
    module : CNN
        As ``speed_up`` takes it.

    Attributes
    ----------
    n_operations : int
        Multiplications of one sample's forward pass.

    n_values : int
        Values of all maps of one sample.
    """

    def __init__(self, module):
        super().__init__()
        self.blocks, size = [], _image(module.config["input_shape"][1:])
        for convolution, window in _convolutions(module.features):
            self.blocks.append(_Block(convolution, window, size))
            size = self.blocks[-1].size
        self.n_operations = sum(block.forth.n_operations for block in self.blocks)
        self.n_values = sum(block.forth.n_rows for block in self.blocks)

    def forward(self, x):
        return _Maps.apply(x, self.blocks)


def _image(size):
    """Height and width; a series is an image that is one place wide."""
    return (*size, 1)[:2]


def _convolutions(features):
    """Pairs of each convolution and the window of the pooling behind it."""
    pairs = []
    for layer in features.modules():
        if isinstance(layer, nn.Conv1d | nn.Conv2d):
            pairs.append((layer, (1, 1)))
        elif isinstance(layer, nn.MaxPool1d | nn.MaxPool2d):
            pairs[-1] = pairs[-1][0], _image(layer.kernel_size)
    return pairs


class _Maps(torch.autograd.Function):
    """The last map as a function of what the first convolution reads."""

    @staticmethod
    def forward(ctx, x, blocks):
        maps, kept = _samples_last(x), []
        for block in blocks:
            maps, own = block.forward(maps)
            kept += own
        # Torch sees to it that nobody has written into these when they are asked for.
        ctx.save_for_backward(*kept)
        ctx.blocks, ctx.size = blocks, x.shape[2:]
        size = blocks[-1].size[: x.ndim - 2]
        return _samples_first(maps, size)

    @staticmethod
    @once_differentiable
    def backward(ctx, delta):
        kept, delta = list(ctx.saved_tensors), _samples_last(delta)
        for block in reversed(ctx.blocks):
            positive, full = kept.pop(), kept.pop()
            delta = block.backward(delta, full, positive)
        return _samples_first(delta, ctx.size), None


def _samples_last(x):
    """Lay out maps as this file does: (height * width * channels, n_samples)."""
    return x.flatten(2).permute(2, 1, 0).reshape(-1, len(x))


def _samples_first(maps, size):
    """Copy maps to the layout of the layers, (n_samples, channels, *size)."""
    maps = maps.view(*size, -1, maps.shape[1])
    axes = maps.ndim - 1, maps.ndim - 2, *range(len(size))
    return maps.permute(axes).clone(memory_format=torch.contiguous_format)


class _Block:
    """Convolution, relu, max pooling.

    Parameters
    ----------
    convolution : Conv1d or Conv2d
        It keeps the size of the map.

    window : tuple of int
        Of the pooling, (height, width).

    size : tuple of int
        Of the map that it reads.

    Attributes
    ----------
    size : tuple of int
        Of the map after pooling.

    forth, back : _Lines or _TwoLines
        What the convolution and its gradient do, but for the bias.
    """

    def __init__(self, convolution, window, size):
        (height, width), (high, wide) = size, window
        self.window, self.size = window, (height // high, width // wide)
        kernels = convolution.weight.detach()
        kernels = kernels.view(*kernels.shape[:3], -1)
        matrices = _matrices(kernels, width, wide)
        # Places that no window covers are left out.
        n_read, n_written = height, self.size[0] * high
        before = (len(matrices) - 1) // 2
        self.forth = _lines(matrices, before, n_read, n_written)
        turned = matrices.flip(0).transpose(1, 2)
        after = len(matrices) - 1 - before
        self.back = _lines(turned, after, n_written, n_read)
        self.bias = convolution.bias.detach().repeat(self.size[1])[:, None]
        self.n_samples = None

    def _make_room(self, n_samples):
        """Have tensors for so many samples: new ones take longer to get than to fill.

        Those of ``full`` hold a map before pooling, then the places of its maxima;
        those of ``slopes`` its gradient.
        """
        if n_samples == self.n_samples:
            return
        self.n_samples, new = n_samples, self.bias.new_empty
        pooled = self.size[0], len(self.bias), n_samples
        self.best = new(pooled), new(pooled)
        self.positive, self.delta = new(pooled), new(pooled)
        self.full, self.slopes = (new(self.forth.n_rows, n_samples) for _ in range(2))
        self.gradient = new(self.back.n_rows, n_samples)

    def _places(self, full):
        """Views of the first places of all windows, of the second ones, and so on."""
        n_places = self.window[0] * self.window[1]
        return full.view(self.size[0], n_places, len(self.bias), -1).unbind(1)

    def forward(self, maps):
        """Next maps, and what ``backward`` needs."""
        self._make_room(maps.shape[1])
        self.forth(maps, self.full)
        best, *others = self._places(self.full)
        for other, better in zip(others, cycle(self.best), strict=False):
            torch.maximum(best, other, out=better)
            other.gt_(best)
            best = better
        # All places have the same bias, and relu keeps their order: both can wait.
        best += self.bias
        torch.gt(best, 0.0, out=self.positive)
        best.clamp_min_(0.0)
        return best.view(-1, self.n_samples), (self.full, self.positive)

    def backward(self, delta, full, positive):
        """Gradient of what the convolution reads."""
        self._make_room(delta.shape[1])
        delta = torch.mul(delta.view_as(positive), positive, out=self.delta)
        (first, *others), (_, *higher) = map(self._places, (self.slopes, full))
        # The last place that is higher than all before has it, or else the first one.
        for other, own in zip(reversed(others), reversed(higher), strict=True):
            torch.mul(delta, own, out=other)
            delta -= other
        first.copy_(delta)
        self.back(self.slopes, self.gradient)
        return self.gradient


def _matrices(kernels, width, wide):
    """What each line that a kernel sees adds to a line of the convolution.

    Parameters
    ----------
    kernels : Tensor of shape (n_filters, channels, high, n_across)

    width : int
        Places of a line.

    wide : int
        Places that a window of the pooling covers along a line.

    Returns
    -------
    matrices : Tensor of shape (high, n_out, width * channels)
        The outputs are ordered as (place in the window, window, filter).
    """
    n_filters, channels, high, n_across = kernels.shape
    before, n_windows = (n_across - 1) // 2, width // wide
    kernels = kernels.permute(2, 0, 3, 1)
    shape = high, wide, n_windows, n_filters, width, channels
    matrices = kernels.new_zeros(shape)
    for place in range(n_windows * wide):
        first = place - before
        start, stop = max(first, 0), min(first + n_across, width)
        own = matrices[:, place % wide, place // wide]
        own[:, :, start:stop] = kernels[:, :, start - first : stop - first]
    return matrices.flatten(4).flatten(1, 3)


def _lines(matrices, before, n_read, n_written):
    """Products that make a map, by the way that takes the fewest.

    Parameters
    ----------
    matrices : Tensor of shape (n_around, n_out, n_in)
        What each line around adds to a line.

    before : int
        How many of the lines around lie before the one that is written.

    n_read, n_written : int
        Lines of the two maps.
    """
    around = matrices[max(before - 1, 0) : before + 2]
    if n_read == n_written == 2 and len(around) == 3:
        return _TwoLines(*around)
    return _Lines(matrices, before, n_read, n_written)


class _Lines:
    """Lines of a map as products of a matrix with the lines around, zeros beyond.

    Parameters
    ----------
    matrices, before, n_read, n_written
        As ``_lines`` takes them.

    Attributes
    ----------
    n_rows : int
        Values of the map that is written.

    n_operations : int
        Multiplications of one sample.
    """

    def __init__(self, matrices, before, n_read, n_written):
        n_around, n_out, n_in = matrices.shape
        matrix = matrices.transpose(0, 1).reshape(n_out, -1)
        self.n_rows, self.products = n_written * n_out, []
        for line in range(n_written):
            first = line - before
            start, stop = max(first, 0), min(first + n_around, n_read)
            near = matrix[:, (start - first) * n_in : (stop - first) * n_in]
            read = slice(start * n_in, stop * n_in)
            written = slice(line * n_out, (line + 1) * n_out)
            self.products.append((near, read, written))
        self.n_operations = sum(near.numel() for near, *_ in self.products)

    def __call__(self, maps, out):
        """Write into `out` what belongs to `maps`."""
        for near, read, written in self.products:
            torch.mm(near, maps[read], out=out[written])


class _TwoLines:
    """The same for a map of two lines, by three products in place of four.

    Each line has a part in itself and one in the other. If the former took both lines
    in, it would be one product for the two of them; the latter make up for the rest
    (Karatsuba).

    Parameters
    ----------
    before, own, after : Tensor of shape (n_out, n_in)
        What the line before, the line itself and the line after add to a line.
    """

    def __init__(self, before, own, after):
        self.own = own.contiguous()
        self.before, self.after = before - own, after - own
        self.n_rows, self.n_operations = 2 * len(own), 3 * own.numel()

    def __call__(self, maps, out):
        """Write into `out` what belongs to `maps`."""
        (upper, lower), (first, second) = maps.chunk(2), out.chunk(2)
        torch.mm(self.own, upper + lower, out=first)
        second.copy_(first)
        first.addmm_(self.after, lower)
        second.addmm_(self.before, upper)
