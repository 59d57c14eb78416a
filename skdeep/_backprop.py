"""Gradients of one batch: by autograd, or for plain dense nets written out.

Both leave the gradient in ``FlatParameters.gradient`` and return the loss.
"""

import torch

from skdeep._losses import weighted_mean
from skdeep.modules import MLP, Dropout

# Derivative of each activation as a function of its output.
_DERIVATIVES = {
    "identity": lambda d, h: d,
    "logistic": lambda d, h: d.mul_(h * (1.0 - h)),
    "tanh": lambda d, h: d.mul_(1.0 - h * h),
    "relu": lambda d, h: d.mul_(h > 0),
}

_FORWARD = {
    "identity": lambda h: h,
    "logistic": torch.sigmoid_,
    "tanh": torch.tanh_,
    "relu": torch.relu_,
}


def gradient_function(module, flat, *, loss, loss_function, multilabel):
    """Choose how the gradients of `module` are computed.

    Parameters
    ----------
    module : Net

    flat : FlatParameters

    loss : str
        Name of the loss.

    loss_function : callable
        Loss of each sample.

    multilabel : bool

    Returns
    -------
    gradient : callable
        ``Batch`` to the mean loss, a Tensor without a graph.
    """
    if (
        type(module) is MLP
        and loss == "log_loss"
        and module.config["activation"] in _DERIVATIVES
        and module.config["normalization"] is None
    ):
        return DenseGradient(module, multilabel)
    return AutogradGradient(module, flat, loss_function)


class AutogradGradient:
    """Any net, any loss.

    Parameters
    ----------
    module : Net

    flat : FlatParameters

    loss_function : callable
    """

    def __init__(self, module, flat, loss_function):
        self.module, self.flat, self.loss_function = module, flat, loss_function

    def __call__(self, batch):
        self.flat.gradient.zero_()
        with torch.enable_grad():
            losses = self.loss_function(self.module.body(batch.x), batch.target)
            loss = weighted_mean(losses, batch.weight, batch.total)
            loss.backward()
        return loss.detach()


class DenseGradient:
    """Dense layers under the log-loss, without a graph: two to three times faster.

    The gradient with respect to the logits is the difference between probabilities
    and targets; each layer multiplies by its weights and by the derivative of its
    activation (Rumelhart, Hinton and Williams, 1986).

    Parameters
    ----------
    module : MLP

    multilabel : bool
    """

    def __init__(self, module, multilabel):
        layers = module.linear_layers
        self.weights = [layer.weight.detach() for layer in layers]
        self.transposed = [w.t() for w in self.weights]
        self.biases = [layer.bias.detach() for layer in layers]
        self.weight_gradients = [layer.weight.grad for layer in layers]
        self.bias_gradients = [layer.bias.grad for layer in layers]
        self.activate = _FORWARD[module.config["activation"]]
        self.derivative = _DERIVATIVES[module.config["activation"]]
        self.dropouts = [layer for layer in module.body if isinstance(layer, Dropout)]
        self.output = _multilabel_output if multilabel else _softmax_output

    def __call__(self, batch):
        # Under lbfgs and callbacks this runs where gradients are tracked.
        with torch.no_grad():
            inputs, outputs, masks, logits = self._forward(batch.x)
            losses, delta = self.output(logits, batch.target)
            if batch.weight is not None:
                delta.mul_(batch.weight[:, None])
            self._backward(delta.div_(batch.total), inputs, outputs, masks)
            return weighted_mean(losses, batch.weight, batch.total)

    def _forward(self, x):
        inputs, outputs, masks = [x], [], []
        for k in range(len(self.weights) - 1):
            h = self.activate(
                torch.addmm(self.biases[k], inputs[-1], self.transposed[k])
            )
            outputs.append(h)
            if self.dropouts:
                masks.append(self.dropouts[k].mask(h.shape, h))
                h = h * masks[-1]
            inputs.append(h)
        return (
            inputs,
            outputs,
            masks,
            torch.addmm(self.biases[-1], inputs[-1], self.transposed[-1]),
        )

    def _backward(self, delta, inputs, outputs, masks):
        for k in range(len(self.weights) - 1, -1, -1):
            torch.mm(delta.t(), inputs[k], out=self.weight_gradients[k])
            torch.sum(delta, 0, out=self.bias_gradients[k])
            if k:
                delta = torch.mm(delta, self.weights[k])
                if masks:
                    delta.mul_(masks[k - 1])
                delta = self.derivative(delta, outputs[k - 1])


def _softmax_output(logits, target):
    log_p = torch.log_softmax(logits, 1)
    losses = torch.linalg.vecdot(log_p, target).neg_()
    return losses, log_p.exp_().sub_(target)


def _multilabel_output(logits, target):
    losses = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, target, reduction="none"
    )
    return losses.sum(1), torch.sigmoid_(logits).sub_(target)
