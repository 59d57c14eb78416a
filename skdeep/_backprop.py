"""Gradients of a batch, for one net or for many of one architecture."""

from contextlib import contextmanager

import torch
from torch import nn
from torch.func import functional_call, vmap

from skdeep import _dense, _small_maps
from skdeep._losses import weighted_mean
from skdeep._streams import for_nets
from skdeep.modules import Dropout, SharedMLP, WeightedBatchNorm


def gradient_function(module, flat, per_sample_loss, settings, n_shards, n_threads):
    """Choose how the gradients of `module` are computed.

    Parameters
    ----------
    module : Net

    flat : FlatParameters
        Of that module.

    per_sample_loss : callable

    settings : dict
        Parameters of the estimator, `multilabel` and `n_operations`.

    n_shards, n_threads : int
        Parts of a batch, and the threads that share them, where it can be cut.

    Returns
    -------
    gradient : callable
        Takes a ``Batch``, leaves the gradient in ``flat.gradient`` and returns the
        mean loss, a float or a Tensor without a graph.
    """
    if is_written_out(module, settings):
        dense = _dense.DenseGradient(
            [module],
            flat.views(flat.vector[None]),
            flat.views(flat.gradient[None]),
            settings["multilabel"],
            n_shards,
            n_threads,
            settings["n_operations"],
        )
        return lambda batch: dense(for_nets(batch)).item() / batch.total

    body, small = _body(module, settings), None
    if _small_maps.is_whole(module, settings):
        small = _small_maps.SmallNet(module, settings["multilabel"])

    def gradient(batch):
        flat.gradient.zero_()
        if small is not None and _small_maps.is_small(module, len(batch.x)):
            return small(batch)
        with torch.enable_grad():
            logits = body(batch)
            losses = _losses(
                per_sample_loss, logits.to(batch.target.dtype), batch.target
            )
            loss = weighted_mean(losses, batch.weight, batch.total)
            loss.backward()
        return loss.detach()

    return gradient


def _body(module, settings):
    """Build what maps a ``Batch`` to logits."""
    normalizers = _layers(module, WeightedBatchNorm)
    # It has the range of float32, so gradients need no scaling.
    precision = torch.autocast(
        module.device.type, torch.bfloat16, enabled=settings["mixed_precision"]
    )

    def body(batch):
        with precision, _row_weight(normalizers, batch.weight):
            return module.body(batch.x)

    if settings["mixed_precision"] or not _small_maps.is_plain(module):
        return body
    if _small_maps.is_whole(module, settings):
        # Only large batches come here.
        return body
    small = _small_maps.SmallMaps(module)
    normalizers_behind = _layers(module.head, WeightedBatchNorm)

    def small_body(batch):
        if not _small_maps.is_small(module, len(batch.x)):
            return body(batch)
        with precision, _row_weight(normalizers_behind, batch.weight):
            return module.read_maps(small(batch.x, batch.weight))

    return small_body


@contextmanager
def _row_weight(normalizers, weight):
    for layer in normalizers:
        layer.row_weight = weight
    yield
    for layer in normalizers:
        layer.row_weight = None


def _losses(per_sample_loss, logits, target):
    """Loss of each sample, or its mean over the members if they have their logits."""
    if logits.ndim == target.ndim:
        return per_sample_loss(logits, target)
    n_members, n_samples, _ = logits.shape
    losses = per_sample_loss(logits.flatten(0, 1), target.repeat(n_members, 1))
    return losses.view(n_members, n_samples).mean(0)


def _layers(module, kind):
    return [layer for layer in module.modules() if isinstance(layer, kind)]


def is_written_out(module, settings):
    """Whether ``_dense`` has the gradients of this net."""
    return (
        settings["loss"] == "log_loss"
        and not settings["mixed_precision"]
        and _dense.is_plain(module)
        and module.periodic is None
    )


def can_stack(module, settings, batch_size):
    """Whether ``StackedBackprop`` takes this net, and it would be slower alone.

    torch can't batch recurrent layers, and batched linear ones forget about autocast.
    Nets that share weights are many as it is, and what fixed layers make of the rows is
    each net's own.
    """
    if isinstance(module, SharedMLP) or module.preparation is not module.standardizer:
        return False
    if _small_maps.is_whole(module, settings):
        return not _small_maps.is_small(module, batch_size)
    recurrent = any(isinstance(layer, nn.RNNBase) for layer in module.modules())
    return not (recurrent or settings["mixed_precision"])


class StackedBackprop:
    """Gradients of many nets by autograd through one batched forward pass.

    Parameters
    ----------
    modules : list of Net
        Of one architecture, but for the rate of their dropout.

    values, gradients : dict
        Parameters of the first module to Tensors of shape (n_nets, *shape).

    per_sample_loss : callable
    """

    def __init__(self, modules, values, gradients, per_sample_loss):
        self.module, self.per_sample_loss = modules[0], per_sample_loss
        self.body, self.shapes = _Body(modules[0]), None
        self.dropouts = [_layers(module, Dropout) for module in modules]
        self.normalizers = _layers(modules[0], WeightedBatchNorm)
        self.parameters, self.gradients = {}, []
        for name, parameter in self.body.named_parameters():
            self.parameters[name] = values[parameter].detach().requires_grad_()
            self.gradients.append(gradients[parameter])
        self.buffers = {
            f"net.{name}": rows for name, rows in _stack_buffers(modules).items()
        }

    def __call__(self, batch):
        """Fill the gradients.

        Parameters
        ----------
        batch : StackedBatch

        Returns
        -------
        losses : Tensor of shape (n_nets,)
            Weighted sums over the batch, without a graph.
        """
        n_nets = len(batch.sizes)
        with torch.enable_grad():
            logits = self._logits(batch)
            target = batch.target.expand(n_nets, -1, -1)
            losses = self.per_sample_loss(logits.flatten(0, 1), target.flatten(0, 1))
            losses = losses.view(n_nets, -1)
            if batch.weight is not None:
                losses = losses * batch.weight
            losses = losses.sum(1)
            like = {"dtype": losses.dtype, "device": losses.device}
            means = losses / torch.as_tensor(batch.totals, **like)
            found = torch.autograd.grad(means.sum(), list(self.parameters.values()))
        # Written into rows by hand: autograd would want them contiguous.
        for gradient, value in zip(self.gradients, found, strict=True):
            gradient.copy_(value)
        return losses.detach()

    def _logits(self, batch):
        common = len(batch.x) == 1

        def body(parameters, buffers, masks, weight, x):
            for layer, mask in zip(self.dropouts[0], masks, strict=True):
                layer.given_mask = mask
            for layer in self.normalizers:
                layer.row_weight = weight
            return functional_call(self.body, (parameters, buffers), (x,))

        masks, weight = self._masks(batch), batch.weight
        x = batch.x[0] if common else batch.x
        if weight is not None:
            weight = weight.expand(len(batch.sizes), -1)
        in_dims = (0, 0, 0, None if weight is None else 0, None if common else 0)
        try:
            return vmap(body, in_dims=in_dims)(
                self.parameters, self.buffers, masks, weight, x
            )
        finally:
            for layer in self.dropouts[0]:
                layer.given_mask = None
            for layer in self.normalizers:
                layer.row_weight = None

    def _masks(self, batch):
        """Masks of shape (n_nets, n_batch, ...) of each dropout layer."""
        if not self.dropouts[0]:
            return ()
        masks = []
        for k, shape in enumerate(self._dropout_shapes(batch.x[0, :1])):
            n_nets, n_rows = len(batch.sizes), batch.x.shape[1]
            mask = batch.x.new_ones(n_nets, n_rows, *shape)
            for net, size in enumerate(batch.sizes):
                mask[net, :size] = self.dropouts[net][k].mask(mask[net, :size])
            masks.append(mask)
        return tuple(masks)

    def _dropout_shapes(self, x):
        """Shape of one sample at each dropout layer."""
        if self.shapes is None:
            self.shapes = []

            def record(layer, inputs):
                self.shapes.append(inputs[0].shape[1:])

            hooks = [
                layer.register_forward_pre_hook(record) for layer in self.dropouts[0]
            ]
            self.module.eval()
            self.module.body(x)
            self.module.train()
            for hook in hooks:
                hook.remove()
        return self.shapes


class _Body(nn.Module):
    """The body of a net as a module of its own."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net.body(x)


def own_buffers(module):
    """Undo for one module what stacking did to its buffers."""
    for name, buffer in list(module.named_buffers()):
        path, _, attribute = name.rpartition(".")
        setattr(module.get_submodule(path), attribute, buffer.clone())


def _stack_buffers(modules):
    """Lay the buffers of all bodies side by side; those of a module become views."""
    stacked = {}
    for name, _ in modules[0].named_buffers():
        path, _, attribute = name.rpartition(".")
        if path.split(".")[0] == "standardizer":
            continue
        owners = [module.get_submodule(path) for module in modules]
        stacked[name] = torch.stack([getattr(owner, attribute) for owner in owners])
        for owner, row in zip(owners, stacked[name], strict=True):
            setattr(owner, attribute, row)
    return stacked
