"""Training alone: dense, convolutional and recurrent nets."""

import copy

import numpy as np
from contestants import dense, skorch_net, torch_fit
from measuring import Case
from plain import PLAIN
from sklearn.base import clone
from sklearn.datasets import load_digits, make_classification
from sklearn.neural_network import MLPClassifier
from torch import nn

from skdeep import DeepCNNClassifier, DeepMLPClassifier, DeepRNNClassifier

# A layer of cells, and nothing that others don't have.
GRU = {
    "architecture": "recurrent",
    "cell_type": "gru",
    "bidirectional": False,
    "pooling": "last",
    "normalization": None,
}


def digits(dtype):
    """Images of 8 x 8 pixels, flat, and their classes."""
    X, y = load_digits(return_X_y=True)
    return (X / 16).astype(dtype), y.astype(np.int64)


def fit():
    for dtype in ("float64", "float32"):
        title, data = f"fit digits, {dtype}", digits(dtype)
        bars = {"scikit-learn": 0.85, "skorch": 0.33, "bare torch": 1.0}
        yield _dense(title, data, (64, 64), 32, 10, bars)
        yield _dense(title, data, (100,), 200, 10, {**bars, "scikit-learn": 0.9})
    X, y = make_classification(
        20_000, 50, n_informative=20, n_classes=5, random_state=0
    )
    title, data = "fit 20,000 x 50, float32", (X.astype(np.float32), y)
    bars = {"scikit-learn": 0.75, "bare torch": 1.0}
    yield _dense(title, data, (256, 256), 256, 2, bars)
    bars = {"scikit-learn": 0.9, "bare torch": 1.0}
    yield _dense(title, data, (512, 512, 512), 1024, 2, bars)


def _dense(title, data, hidden, batch_size, n_epochs, bars):
    return Case(
        f"{title}, {hidden}, batch {batch_size}",
        dense_fits(*data, hidden, batch_size, n_epochs),
        bars,
    )


def dense_fits(X, y, hidden, batch_size, n_epochs, device="cpu"):
    """Name to a function that trains a dense net and returns it."""
    sizes = (X.shape[1], *hidden, len(np.unique(y)))
    same = {"batch_size": batch_size, "max_iter": n_epochs, "n_iter_no_change": np.inf}
    ours = DeepMLPClassifier(hidden, device=device, **PLAIN, **same)
    X_torch = X.astype(np.float32)

    def new():
        return dense(sizes)

    shape = batch_size, n_epochs
    return {
        "skdeep": lambda: clone(ours).fit(X, y),
        "scikit-learn": lambda: MLPClassifier(hidden, **same).fit(X, y),
        "skorch": lambda: skorch_net(new(), *shape, device=device).fit(X_torch, y),
        "bare torch": lambda: torch_fit(new(), X_torch, y, *shape, device),
    }


def cnn():
    X, y = digits("float32")
    net = DeepCNNClassifier(input_shape=(1, 8, 8), n_filters=(16, 32), batch_size=32)
    bars = {"skorch": 0.6, "bare torch": 1.05}
    yield deep("fit CNN on 8 x 8, batch 32", net, Convolutional, X, y, 3, bars)
    X, y = large_digits()
    net = DeepCNNClassifier(input_shape=(1, 28, 28), batch_size=100)
    bars = {"bare torch": 1.05}
    title = "fit CNN on 28 x 28, batch 100"
    yield deep(title, net, Convolutional, X[:1000], y[:1000], 1, bars)


def large_digits():
    """Images of 28 x 28 pixels, flat, and their classes."""
    X, y = digits("float32")
    images = np.zeros((len(X), 28, 28), dtype=np.float32)
    images[:, 2:26, 2:26] = X.reshape(-1, 8, 8).repeat(3, 1).repeat(3, 2)
    return images.reshape(len(X), -1), y


def rnn():
    X, y = digits("float32")
    net = DeepRNNClassifier(input_shape=(8, 8), batch_size=32, **GRU)
    bars = {"skorch": 0.6, "bare torch": 1.05}
    yield deep("fit GRU on 8 steps, batch 32", net, Recurrent, X, y, 3, bars)
    X, y = sequences(500)
    net = DeepRNNClassifier(input_shape=(100, 4), batch_size=50, **GRU)
    bars = {"bare torch": 1.05}
    yield deep("fit GRU on 100 steps, batch 50", net, Recurrent, X, y, 2, bars)


def sequences(n_samples):
    """Sequences of 100 steps of 4 features, flat, and two classes."""
    steps = np.random.default_rng(0).normal(size=(n_samples, 100, 4))
    y = (steps.mean((1, 2)) > 0).astype(np.int64)
    return steps.astype(np.float32).reshape(n_samples, -1), y


def deep(title, net, by_hand, X, y, n_epochs, bars, device="cpu"):
    """Case of a net that autograd trains."""
    net.set_params(max_iter=n_epochs, n_iter_no_change=np.inf, device=device)
    layers = by_hand(clone(net).set_params(max_iter=1).fit(X, y).to_module())
    folded, shape = X.reshape(-1, *net.input_shape), (net.batch_size, n_epochs)

    def new():
        fresh = copy.deepcopy(layers)
        for layer in fresh.modules():
            if hasattr(layer, "reset_parameters"):
                layer.reset_parameters()
        return fresh

    contestants = {
        "skdeep": lambda: clone(net).fit(X, y),
        "skorch": lambda: skorch_net(new(), *shape, device=device).fit(folded, y),
        "bare torch": lambda: torch_fit(new(), folded, y, *shape, device),
    }
    return Case(title, contestants, bars)


class Convolutional(nn.Sequential):
    """The layers of our CNN one after another, as one writes them by hand."""

    def __init__(self, net):
        super().__init__(net.features, net.pool, net.head, net.output)
        for block in self.modules():
            for name, layer in block.named_children():
                if isinstance(layer, nn.BatchNorm2d):
                    # Ours counts rows by their weights.
                    setattr(block, name, nn.BatchNorm2d(layer.num_features))


class Recurrent(nn.Module):
    """The layers of our RNN as one writes them for sequences without padding."""

    def __init__(self, net):
        super().__init__()
        self.cells = net.recurrent[0].forward_cells
        self.head, self.output = net.head, net.output

    def forward(self, x):
        return self.output(self.head(self.cells(x)[0][:, -1]))
