"""What a net is made of."""

from html import escape
from typing import NamedTuple

import torch
from torch import nn

from skdeep._members import modules_of
from skdeep.inspection._subject import take_apart

_HEADERS = ("Layer", "Type", "Output shape", "Parameters")


class Layer(NamedTuple):
    """One line of a summary.

    Attributes
    ----------
    name : str
        As in ``named_modules``; ``layer_activations`` and ``grad_cam`` take it.

    kind : str
        Name of its class.

    output_shape : tuple of int
        Of one sample.

    n_parameters : int
        Trained numbers of its own; with those of its parts if they aren't shown.
    """

    name: str
    kind: str
    output_shape: tuple
    n_parameters: int

    @property
    def cells(self):
        """Text of each column, a tuple."""
        shape = ", ".join(map(str, ("n", *self.output_shape)))
        count = f"{self.n_parameters:,}" if self.n_parameters else ""
        return (self.name, self.kind, f"({shape})", count)


class Summary(NamedTuple):
    """Layers, shapes and numbers of a net; printed as a table.

    Attributes
    ----------
    title : str

    layers : list of Layer
        In the order of the module; of one member.

    n_members : int

    n_trainable : int
        Trained numbers, of all members.

    n_statistics : int
        Numbers that are kept but not trained: statistics of the input and of batches,
        and edges of bins.

    n_bytes : int
        What all of them take in memory.

    n_operations : int
        Multiplications for one sample, roughly.
    """

    title: str
    layers: list
    n_members: int
    n_trainable: int
    n_statistics: int
    n_bytes: int
    n_operations: int

    @property
    def n_parameters(self):
        """Trained and kept numbers."""
        return self.n_trainable + self.n_statistics

    @property
    def totals(self):
        """Lines below the table."""
        lines = [
            ("Total parameters", f"{self.n_parameters:,}"),
            ("Trainable parameters", f"{self.n_trainable:,}"),
            ("Non-trainable parameters", f"{self.n_statistics:,}"),
            ("Size", _size(self.n_bytes)),
            ("Multiplications a sample", f"{self.n_operations:,}"),
        ]
        if self.n_members > 1:
            lines.insert(0, ("Members, first one shown", str(self.n_members)))
        return lines

    def __repr__(self):
        rows = [_HEADERS, *(layer.cells for layer in self.layers)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                cell.rjust(width) if header == "Parameters" else cell.ljust(width)
                for header, cell, width in zip(_HEADERS, row, widths, strict=True)
            ).rstrip()
            for row in rows
        ]
        rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
        totals = [f"{name}: {number}" for name, number in self.totals]
        table = [self.title, rule, lines[0], rule, *lines[1:], rule, *totals]
        return "\n".join(table)

    def _repr_html_(self):
        def row(cells, tag):
            return "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells)

        head = f"<tr>{row(_HEADERS, 'th')}</tr>"
        body = "".join(f"<tr>{row(layer.cells, 'td')}</tr>" for layer in self.layers)
        totals = "<br>".join(f"{name}: {number}" for name, number in self.totals)
        return (
            f"<table><caption>{escape(self.title)}</caption><thead>{head}</thead>"
            f"<tbody>{body}</tbody></table><p>{totals}</p>"
        )


def summary(estimator, *, depth=None):
    """Layers, output shapes and numbers of parameters of a fitted net.

    Parameters
    ----------
    estimator : estimator
        A fitted classifier, or a Pipeline that ends in one.

    depth : int, default=None
        How deep the parts of parts are shown; None is all the way.

    Returns
    -------
    summary : Summary
        Prints as a table; its ``layers`` have a ``name``, ``kind``, ``output_shape``
        and ``n_parameters`` each, and the totals are attributes.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdeep import DeepMLPClassifier
    >>> from skdeep.inspection import summary
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = DeepMLPClassifier((16,), numerical_embedding=None, max_iter=2)
    >>> summary(clf.fit(X, y))
    DeepMLPClassifier: (n, 4) to 3 classes
    ---------------------------------------------------------
    Layer         Type               Output shape  Parameters
    ---------------------------------------------------------
    standardizer  InputStandardizer  (n, 4)
    hidden        Sequential         (n, 16)
    hidden.0      Linear             (n, 16)               80
    hidden.1      ReLU               (n, 16)
    output        Linear             (n, 3)                51
    ---------------------------------------------------------
    Total parameters: 147
    Trainable parameters: 131
    Non-trainable parameters: 16
    Size: 1.18 kB
    Multiplications a sample: 112
    """
    _, net = take_apart(estimator)
    module = net.to_module()
    first = modules_of(module)[0]
    shape = net._fold.module_shape
    tensors = list(module.state_dict().values())
    n_trainable = sum(p.numel() for p in module.parameters() if p.requires_grad)
    shown = ", ".join(map(str, ("n", *shape)))
    return Summary(
        title=f"{type(net).__name__}: ({shown}) to {len(net.classes_)} classes",
        layers=_layers(first, torch.ones(1, *shape, dtype=first.dtype), depth),
        n_members=len(modules_of(module)),
        n_trainable=n_trainable,
        n_statistics=sum(t.numel() for t in tensors) - n_trainable,
        n_bytes=sum(t.numel() * t.element_size() for t in tensors),
        n_operations=module.n_operations,
    )


def _layers(module, x, depth):
    """Layers that a sample passes; `module` is left with hooks."""
    layers = []
    for name, part in module.named_modules():
        level = name.count(".") + 1
        deepest = level == depth
        # Identities are there for explainers.
        if name and not isinstance(part, nn.Identity) and level <= (depth or level):
            part.register_forward_hook(_note(name, layers, deepest))
    with torch.inference_mode():
        module(x)
    names = [name for name, _ in module.named_modules()]
    return sorted(layers, key=lambda layer: names.index(layer.name))


def _note(name, layers, deepest):
    def hook(part, inputs, output):
        output = output[0] if isinstance(output, tuple) else output
        if len(output) > 1:
            # Members that share weights go first: (n_members, n, ...).
            output = output.movedim(1, 0)
        n_own = sum(p.numel() for p in part.parameters(recurse=deepest))
        kind = type(part).__name__
        layers.append(Layer(name, kind, tuple(output.shape[1:]), n_own))

    return hook


def _size(n_bytes):
    power = min(2, (len(str(n_bytes)) - 1) // 3)
    return f"{n_bytes / 1000**power:.3g} {('B', 'kB', 'MB')[power]}"
