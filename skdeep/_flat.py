"""All parameters of a net as one vector."""

import torch

# Entries that a parameter on an accelerator starts at multiples of. There are kernels
# that take the memory of a weight to begin where an allocation would.
_ALIGNMENT = 64


class FlatParameters:
    """All that trains in a module as one vector, weights before biases and norms.

    These parameters become views of the vector, and so do their gradients. On an
    accelerator, zeros that nothing moves lie between them.

    Parameters
    ----------
    module : nn.Module

    Attributes
    ----------
    vector, gradient : Tensor of shape (n_parameters,)

    n_penalized : int
        The first so many entries are weights, which penalties act on.
    """

    def __init__(self, module):
        trained = [p for p in module.parameters() if p.requires_grad]
        self.parameters = sorted(trained, key=lambda p: p.ndim < 2)
        unit = 1 if self.parameters[0].device.type == "cpu" else _ALIGNMENT
        self.sizes = [-(-p.numel() // unit) * unit for p in self.parameters]
        self.n_penalized = sum(
            size
            for p, size in zip(self.parameters, self.sizes, strict=True)
            if p.ndim >= 2
        )
        vector = self.parameters[0].new_zeros(sum(self.sizes))
        for p, value in self.views(vector[None]).items():
            value[0] = p.detach()
        self.move_to(vector, torch.zeros_like(vector))

    def move_to(self, vector, gradient):
        """Live in other memory from now on, which holds the same values."""
        self.vector, self.gradient = vector, gradient
        values, gradients = self.views(vector[None]), self.views(gradient[None])
        for p in self.parameters:
            p.data, p.grad = values[p][0], gradients[p][0]

    def views(self, rows):
        """Parameter to its values in each of `rows`, vectors laid out as this one.

        Parameters
        ----------
        rows : Tensor of shape (n_nets, n_parameters)

        Returns
        -------
        views : dict
            Tensors of shape (n_nets, *shape of the parameter).
        """
        return {
            p: _channels_second(
                part[:, : p.numel()].view(len(rows), *_channels_last(p).shape), p.ndim
            )
            for p, part in zip(
                self.parameters, rows.split(self.sizes, dim=1), strict=True
            )
        }

    def release_gradients(self):
        """Forget the gradients, so that the module holds its weights only."""
        for p in self.parameters:
            p.grad = None


def _channels_last(p):
    """Move the input channels of image convolutions to where ``lay_out`` has them."""
    return p.movedim(1, -1) if p.ndim == 4 else p


def _channels_second(rows, n_dims):
    """Undo `_channels_last` for parameters of so many dimensions, side by side."""
    return rows.movedim(-1, 2) if n_dims == 4 else rows
